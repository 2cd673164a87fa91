#include "api/peer_wire.h"

#include "api/peer_bytes.h"
#include "storage/codec/event_codec.h"

namespace datasync::api {
namespace {

using pipeline::MergeRequest;
using pipeline::Receipt;
using pipeline::ReviewDecision;
using pipeline::UndoRequest;
using storage::Reader;

constexpr std::int64_t kFormat = 1;

tl::unexpected<Error> unreadable() {
  return fail(ErrorCode::kCorrupt, "another instance says what can't be read; does it run another version?");
}

void write(ByteWriter& out, const Reader::Tenants& tenants) {
  out.number(std::ssize(tenants));
  for (const TenantId& tenant : tenants) out.text(tenant.str());
}
Reader::Tenants read_tenants(ByteReader& in) {
  Reader::Tenants tenants;
  for (std::size_t left = in.count(); left > 0; --left) tenants.emplace_back(in.text());
  return tenants;
}

void write(ByteWriter& out, const Fields& fields) {
  out.number(static_cast<std::int64_t>(fields.size()));
  for (const Field& field : fields) out.text(field.name).text(field.value.text());
}
Fields read_fields(ByteReader& in) {
  Fields fields;
  for (std::size_t left = in.count(); left > 0; --left) {
    std::string name = in.text();
    fields.set(name, Value::from_canonical(in.text()));
  }
  return fields;
}

void write(ByteWriter& out, const PeerAccept& call) {
  out.number(std::ssize(call.submissions));
  std::string body;
  for (const auto& [event, key] : call.submissions) {
    body.clear();
    storage::append_event_body(body, *event, {});
    out.text(key).text(event->id.str()).text(event->tenant.str()).text(event->type).text(event->entity);
    out.word(event->verb).text(event->source.str()).number(event->wire_priority).text(body);
  }
}
Result<PeerCall> read_accept(ByteReader& in) {
  PeerAccept call;
  for (std::size_t left = in.count(); left > 0; --left) {
    auto event = std::make_shared<Event>();
    std::string key = in.text();
    event->id = EventId(in.text());
    event->tenant = TenantId(in.text());
    event->type = in.text();
    event->entity = in.text();
    event->verb = in.word(Verb::kDeleted);
    event->source = PlatformId(in.text());
    event->wire_priority = static_cast<int>(in.number());
    if (!storage::read_event_body(in.text(), *event)) return unreadable();
    call.submissions.push_back({std::move(event), std::move(key)});
  }
  return call;
}

void write(ByteWriter& out, const PeerRedrive& call) {
  write(out, call.tenants);
  const Reader::EventFilter& filter = call.filter;
  out.text(call.event_id);
  write(out, filter.tenants);
  out.number(filter.status ? 1 + static_cast<std::int64_t>(*filter.status) : 0).text(filter.type);
  out.text(filter.source.str()).text(filter.entity_id.str()).time(filter.since).time(filter.until);
}
Result<PeerCall> read_redrive(ByteReader& in) {
  PeerRedrive call;
  call.tenants = read_tenants(in);
  call.event_id = in.text();
  call.filter.tenants = read_tenants(in);
  const std::int64_t status = in.number();
  if (status < 0 || status > 1 + static_cast<std::int64_t>(EventStatus::kExpired)) return unreadable();
  if (status > 0) call.filter.status = static_cast<EventStatus>(status - 1);
  call.filter.type = in.text();
  call.filter.source = PlatformId(in.text());
  call.filter.entity_id = EntityId(in.text());
  call.filter.since = in.time();
  call.filter.until = in.time();
  return call;
}

void write(ByteWriter& out, const ReviewDecision& call) {
  write(out, call.tenants);
  out.text(call.conflict).word(call.choice).text(call.platform.str()).text(call.proposal.str());
  write(out, call.data);
  out.number(call.revision ? 1 : 0).number(call.revision.value_or(0));
  out.text(call.entity_id.str()).text(call.assignee).text(call.by).text(call.reason);
}
Result<PeerCall> read_decision(ByteReader& in) {
  ReviewDecision call;
  call.tenants = read_tenants(in);
  call.conflict = in.text();
  call.choice = in.word(ReviewDecision::Choice::kAssign);
  call.platform = PlatformId(in.text());
  call.proposal = EventId(in.text());
  call.data = read_fields(in);
  const bool has_revision = in.number() != 0;
  const std::int64_t revision = in.number();
  if (has_revision) call.revision = revision;
  call.entity_id = EntityId(in.text());
  call.assignee = in.text();
  call.by = in.text();
  call.reason = in.text();
  return call;
}

void write(ByteWriter& out, const UndoRequest& call) {
  write(out, call.tenants);
  out.text(call.event_id).text(call.by).text(call.reason);
}
Result<PeerCall> read_undo(ByteReader& in) {
  UndoRequest call;
  call.tenants = read_tenants(in);
  call.event_id = in.text();
  call.by = in.text();
  call.reason = in.text();
  return call;
}

void write(ByteWriter& out, const MergeRequest& call) {
  out.word(call.kind).text(call.tenant.str()).text(call.entity).text(call.keep.str()).text(call.other.str());
  out.number(std::ssize(call.take));
  for (const FieldName& name : call.take) out.text(name);
  out.number(call.newest ? 1 : 0).text(call.review).text(call.by).text(call.reason);
}
Result<PeerCall> read_merge(ByteReader& in) {
  MergeRequest call;
  call.kind = in.word(MergeRequest::Kind::kSplit);
  call.tenant = TenantId(in.text());
  call.entity = in.text();
  call.keep = EntityId(in.text());
  call.other = EntityId(in.text());
  for (std::size_t left = in.count(); left > 0; --left) call.take.emplace_back(in.text());
  call.newest = in.number() != 0;
  call.review = in.text();
  call.by = in.text();
  call.reason = in.text();
  return call;
}

/// True: a value follows.
template <typename T>
bool begin_answer(ByteWriter& out, const Result<T>& answer) {
  out.number(kFormat).number(answer ? 1 : 0);
  if (answer) return true;
  out.word(answer.error().code).text(answer.error().message).word(answer.error().stage);
  return false;
}

/// The value as `read` reads it, or the error.
template <typename T, typename Read>
Result<T> read_answer(std::string_view bytes, Read read) {
  ByteReader in(bytes);
  if (in.number() != kFormat) return unreadable();
  if (in.number() != 0) {
    T value = read(in);
    if (!in.ok()) return unreadable();
    return value;
  }
  Error error;
  error.code = in.word(ErrorCode::kInternal);
  error.message = in.text();
  error.stage = in.word(Stage::kAfter);
  if (!in.ok()) return unreadable();
  return fail(std::move(error));
}

void write_optional(ByteWriter& out, const std::optional<Value>& value) {
  out.number(value ? 1 : 0).text(value ? value->text() : "");
}
std::optional<Value> read_optional(ByteReader& in) {
  const bool is_there = in.number() != 0;
  std::string text = in.text();
  return is_there ? std::optional(Value::from_canonical(std::move(text))) : std::nullopt;
}

void write_side(ByteWriter& out, const Conflict::Side& side) {
  out.text(side.field).text(side.source_value.text()).text(side.target_value.text()).text(side.strategy);
  out.word(side.outcome);
  write_optional(out, side.base);
  write_optional(out, side.merged);
  out.text(side.platform.str()).text(side.event.str());
}
Conflict::Side read_side(ByteReader& in) {
  Conflict::Side side;
  side.field = in.text();
  side.source_value = Value::from_canonical(in.text());
  side.target_value = Value::from_canonical(in.text());
  side.strategy = in.text();
  side.outcome = in.word(Conflict::Outcome::kOpen);
  side.base = read_optional(in);
  side.merged = read_optional(in);
  side.platform = PlatformId(in.text());
  side.event = EventId(in.text());
  return side;
}

void write_conflict(ByteWriter& out, const Conflict& conflict) {
  out.text(conflict.id).text(conflict.type).text(conflict.tenant.str()).number(conflict.record.value);
  out.text(conflict.entity).text(conflict.entity_id.str()).number(conflict.event.value).text(conflict.event_id.str());
  out.text(conflict.source.str()).text(conflict.target.str()).number(std::ssize(conflict.fields));
  for (const Conflict::Side& side : conflict.fields) write_side(out, side);
  out.text(conflict.status).text(conflict.reason).number(conflict.revision).text(conflict.assignee);
  out.time(conflict.expires_at).word(conflict.expires_to).number(conflict.version.value).time(conflict.created_at);
  out.time(conflict.resolved_at).text(conflict.resolved_by).text(conflict.resolved_why);
  out.text(conflict.resolved_event.str());
}
Conflict read_conflict(ByteReader& in) {
  Conflict conflict;
  conflict.id = in.text();
  conflict.type = in.text();
  conflict.tenant = TenantId(in.text());
  conflict.record = {in.number()};
  conflict.entity = in.text();
  conflict.entity_id = EntityId(in.text());
  conflict.event = {in.number()};
  conflict.event_id = EventId(in.text());
  conflict.source = PlatformId(in.text());
  conflict.target = PlatformId(in.text());
  for (std::size_t left = in.count(); left > 0; --left) conflict.fields.push_back(read_side(in));
  conflict.status = in.text();
  conflict.reason = in.text();
  conflict.revision = in.number();
  conflict.assignee = in.text();
  conflict.expires_at = in.time();
  conflict.expires_to = in.word(Conflict::Outcome::kOpen);
  conflict.version = {in.number()};
  conflict.created_at = in.time().value_or(Timestamp{});
  conflict.resolved_at = in.time();
  conflict.resolved_by = in.text();
  conflict.resolved_why = in.text();
  conflict.resolved_event = EventId(in.text());
  return conflict;
}

/// What live messages and their filters speak of.
void write_names(ByteWriter& out, const Event& event) {
  out.number(event.sequence.value).text(event.id.str()).text(event.tenant.str()).text(event.type).text(event.entity);
  out.word(event.verb).text(event.source.str()).number(std::ssize(event.targets));
  for (const PlatformId& target : event.targets) out.text(target.str());
  out.text(event.entity_id.str()).text(event.own_id).number(event.wire_priority).time(event.created_at);
}
std::shared_ptr<const Event> read_names(ByteReader& in) {
  auto event = std::make_shared<Event>();
  event->sequence = {in.number()};
  event->id = EventId(in.text());
  event->tenant = TenantId(in.text());
  event->type = in.text();
  event->entity = in.text();
  event->verb = in.word(Verb::kDeleted);
  event->source = PlatformId(in.text());
  for (std::size_t left = in.count(); left > 0; --left) event->targets.emplace_back(in.text());
  event->entity_id = EntityId(in.text());
  event->own_id = in.text();
  event->wire_priority = static_cast<int>(in.number());
  event->created_at = in.time().value_or(Timestamp{});
  return event;
}

void write(ByteWriter& out, const PeerNotices& call) {
  out.number(call.has_gap ? 1 : 0).number(std::ssize(call.notices));
  std::string results;
  for (const pipeline::Notice& notice : call.notices) {
    out.word(notice.kind).number(notice.event ? 1 : 0).number(notice.conflict ? 1 : 0);
    if (notice.event) write_names(out, *notice.event);
    if (notice.conflict) write_conflict(out, *notice.conflict);
    if (notice.kind != pipeline::Notice::Kind::kSyncCompleted) continue;
    results.clear();
    storage::append_results(results, notice.state.results);
    out.word(notice.state.status).time(notice.state.processed_at).text(notice.state.message).text(results);
  }
}
Result<PeerCall> read_notices(ByteReader& in) {
  PeerNotices call;
  call.has_gap = in.number() != 0;
  for (std::size_t left = in.count(); left > 0; --left) {
    pipeline::Notice notice;
    notice.kind = in.word(pipeline::Notice::Kind::kConflictResolved);
    const bool has_event = in.number() != 0;
    const bool has_conflict = in.number() != 0;
    if (has_event) notice.event = read_names(in);
    if (has_conflict) notice.conflict = std::make_shared<const Conflict>(read_conflict(in));
    const bool is_event =
        notice.kind == pipeline::Notice::Kind::kEventCreated || notice.kind == pipeline::Notice::Kind::kSyncCompleted;
    if (is_event ? !has_event : !has_conflict) return unreadable();
    if (notice.kind == pipeline::Notice::Kind::kSyncCompleted) {
      notice.state.sequence = notice.event->sequence;
      notice.state.status = in.word(EventStatus::kExpired);
      notice.state.processed_at = in.time();
      notice.state.message = in.text();
      auto results = storage::read_results(in.text());
      if (!results) return unreadable();
      notice.state.results = std::move(*results);
    }
    call.notices.push_back(std::move(notice));
  }
  return call;
}

}  // namespace

std::string encode_call(const PeerCall& call) {
  ByteWriter out;
  out.number(kFormat).number(static_cast<std::int64_t>(call.index()));
  std::visit([&out](const auto& one) { write(out, one); }, call);
  return out.take();
}

Result<PeerCall> decode_call(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.number() != kFormat) return unreadable();
  using Read = Result<PeerCall> (*)(ByteReader&);
  static constexpr Read kReads[] = {read_accept, read_redrive, read_decision, read_undo, read_merge, read_notices};
  static_assert(std::size(kReads) == std::variant_size_v<PeerCall>);
  const std::int64_t kind = in.number();
  if (kind < 0 || kind >= std::ssize(kReads)) return unreadable();
  auto call = kReads[kind](in);
  if (!call || !in.ok()) return unreadable();
  return call;
}

std::string encode_answer(const Result<Receipts>& answer) {
  ByteWriter out;
  if (begin_answer(out, answer)) {
    out.number(std::ssize(*answer));
    for (const Receipt& receipt : *answer) {
      out.word(receipt.status).text(receipt.id.str());
      if (receipt.status == Receipt::Status::kTooLarge) out.text(receipt.why);
    }
  }
  return out.take();
}
template <>
Result<Receipts> decode_answer(std::string_view bytes) {
  return read_answer<Receipts>(bytes, [](ByteReader& in) {
    Receipts receipts;
    for (std::size_t left = in.count(); left > 0; --left) {
      Receipt receipt;
      receipt.status = in.word(Receipt::Status::kTooLarge);
      receipt.id = EventId(in.text());
      if (receipt.status == Receipt::Status::kTooLarge) receipt.why = in.text();
      receipts.push_back(std::move(receipt));
    }
    return receipts;
  });
}

Result<Receipts> for_earlier_version(Result<Receipts> receipts) {
  if (!receipts) return receipts;
  for (Receipt& receipt : *receipts) {
    if (receipt.status == Receipt::Status::kTooLarge) receipt.status = Receipt::Status::kRefused;
  }
  return receipts;
}

std::string encode_answer(const Result<pipeline::Redriven>& answer) {
  ByteWriter out;
  if (begin_answer(out, answer)) out.number(answer->matched).number(answer->queued);
  return out.take();
}
template <>
Result<pipeline::Redriven> decode_answer(std::string_view bytes) {
  return read_answer<pipeline::Redriven>(bytes, [](ByteReader& in) {
    pipeline::Redriven redriven;
    redriven.matched = in.number();
    redriven.queued = in.number();
    return redriven;
  });
}

std::string encode_answer(const Result<Conflict>& answer) {
  ByteWriter out;
  if (begin_answer(out, answer)) write_conflict(out, *answer);
  return out.take();
}
template <>
Result<Conflict> decode_answer(std::string_view bytes) {
  return read_answer<Conflict>(bytes, read_conflict);
}

std::string encode_answer(const Result<EventId>& answer) {
  ByteWriter out;
  if (begin_answer(out, answer)) out.text(answer->str());
  return out.take();
}
template <>
Result<EventId> decode_answer(std::string_view bytes) {
  return read_answer<EventId>(bytes, [](ByteReader& in) { return EventId(in.text()); });
}

std::string encode_answer(const Result<pipeline::Merged>& answer) {
  ByteWriter out;
  if (!begin_answer(out, answer)) return out.take();
  out.text(answer->event.str()).text(answer->other_event.str()).number(std::ssize(answer->duplicates));
  for (const auto& [platform, own_id] : answer->duplicates) out.text(platform.str()).text(own_id);
  return out.take();
}
template <>
Result<pipeline::Merged> decode_answer(std::string_view bytes) {
  return read_answer<pipeline::Merged>(bytes, [](ByteReader& in) {
    pipeline::Merged merged;
    merged.event = EventId(in.text());
    merged.other_event = EventId(in.text());
    for (std::size_t left = in.count(); left > 0; --left) {
      PlatformId platform(in.text());
      merged.duplicates.emplace_back(std::move(platform), in.text());
    }
    return merged;
  });
}

}  // namespace datasync::api
