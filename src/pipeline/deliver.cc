#include "pipeline/deliver.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/uuid.h"
#include "conflict/detector.h"
#include "pipeline/frozen.h"
#include "pipeline/history_rows.h"
#include "pipeline/holdings.h"
#include "pipeline/identity.h"
#include "pipeline/verification.h"

namespace datasync::pipeline {
namespace {

constexpr std::size_t kNothingToSayMax = 1'000;  // changes of a lane that end in one window without a request

bool may_share_request(const delivery::Connector& connector, const Attempt& one, const Attempt& other) {
  return !one.alone && !other.alone && one.change.entity == other.change.entity &&
         one.change.verb == other.change.verb && one.change.steps_done == other.change.steps_done &&
         connector.batches_with(one.change, other.change);
}

/// The change has come to its end and waits for what may still arrive of it.
bool lingers(const Outbox& outbox) {
  return outbox.attempt != nullptr && outbox.attempt->covered == 0;
}

bool is_among(const std::vector<const FieldState*>& fields, const FieldName& name) {
  return std::any_of(fields.begin(), fields.end(), [&name](const FieldState* field) { return field->name == name; });
}

/// The natural keys go along with what the target lacks, but for one that it proposes another value for.
std::vector<const FieldState*> with_natural_keys(const transform::Mapper& mapper, const Record& record,
                                                 const PlatformId& target, std::vector<const FieldState*> lacking) {
  for (const std::string& key : mapper.natural_keys(record.entity)) {
    const FieldState* field = record.find(key);
    if (field == nullptr || is_among(lacking, field->name) || proposes(record, target, field->name)) continue;
    lacking.push_back(field);
  }
  return lacking;
}

/// Whoever read it could answer no more.
bool is_over(const Event& event, Timestamp now) {
  return is_verification_request(event) && event.expires_at && *event.expires_at <= now;
}

}  // namespace

Deliverer::Deliverer(Tools tools, Ledger& ledger, Subjects& subjects, const EngineOptions& options)
    : tools_(tools),
      ledger_(ledger),
      subjects_(subjects),
      options_(options),
      retry_plan_({static_cast<std::uint32_t>(options.retry_attempts), options.backoff_factor}),
      verification_tokens_(tools.store.identity_secret()),
      lanes_({static_cast<std::uint32_t>(options.lane_concurrency_max),
              static_cast<std::uint32_t>(options.lane_concurrency_start)},
             tools.clock, tools.store.identity_secret()) {}

void Deliverer::enqueue(Window& window, Outbox& outbox, Entry& entry) {
  // In this order, not by sequence: two order keys may be one record, and then the later event may be reconciled first.
  outbox.waiting.push_back(entry.event->sequence);
  if (outbox.phase == Outbox::Phase::kIdle) queue(window, outbox, false);
}

void Deliverer::queue(Window& window, Outbox& outbox, bool first) {
  const Subject& subject = *outbox.subject;
  const delivery::Connector* connector = window.catalog->connector(outbox.target);
  if (connector == nullptr) {  // a reload took the platform away
    close_results(window, outbox, outbox.waiting.size(), ResultStatus::kSkipped,
                  outbox.target.str() + " is no longer configured");
    drop_attempt(window, outbox);
    outbox.phase = Outbox::Phase::kIdle;
    return;
  }
  if (outbox.lane == nullptr) outbox.lane = &lanes_.get(subject.record.tenant, *connector);
  const Entry* entry = ledger_.find(outbox.waiting.back());
  lanes_.push(*outbox.lane, outbox, entry == nullptr ? Priority::kNormal : entry->event->priority(), first);
}

/// What a target says from now on must not seem to be from before a request that is on its way.
void Deliverer::follow_clock(const Window& window) {
  if (window.now >= std::exchange(last_now_, window.now)) return;
  const Timestamp before = window.now - microseconds{1};
  const auto correct = [before](const Outbox* outbox) {
    if (outbox->attempt) outbox->attempt->started = std::min(outbox->attempt->started, before);
  };
  for (const auto& [id, request] : in_flight_) std::for_each(request.outboxes.begin(), request.outboxes.end(), correct);
  for (const auto& [due, outbox] : parked_) correct(outbox);
  for (const auto& [key, lane] : lanes_.all()) {
    for (const auto& queue : lane->queue) std::for_each(queue.begin(), queue.end(), correct);
  }
}

void Deliverer::wake(Window& window) {
  while (!parked_.empty() && parked_.begin()->first <= window.steady) {
    Outbox& outbox = *parked_.begin()->second;
    parked_.erase(parked_.begin());
    --outbox.lane->parked;
    if (outbox.waiting.empty()) {
      end_lingering(window, outbox);
      outbox.phase = Outbox::Phase::kIdle;
    } else {
      queue(window, outbox, false);
    }
  }
}

std::vector<Dispatch> Deliverer::launch(Window& window) {
  std::vector<Dispatch> dispatches;
  gathering_until_.reset();
  blocked_until_.reset();
  if (followed_ != window.catalog) follow(window);
  auto& active = lanes_.active();
  std::size_t blocked = 0;  // lanes in a row that had no room
  while (blocked < active.size()) {
    Lane& lane = *active.front();
    active.pop_front();
    if (lane.queued == 0) {
      lane.is_listed = false;
      continue;
    }
    active.push_back(&lane);
    const auto permits = ask(lane, window);
    auto dispatch = permits ? launch_from(window, lane, *permits) : std::nullopt;
    if (dispatch) {
      dispatches.push_back(std::move(*dispatch));
      blocked = 0;
    } else {
      ++blocked;
    }
  }
  queued_ = 0;
  for (const Lane* lane : active) queued_ += lane->queued;
  return dispatches;
}

std::optional<Dispatch> Deliverer::launch_from(Window& window, Lane& lane, const Permits& permits) {
  const delivery::Connector* connector = window.catalog->connector(lane.platform);
  std::vector<Outbox*> outboxes;
  if (connector != nullptr && !must_gather(window, lane, *connector)) outboxes = gather(window, lane, *connector);
  if (outboxes.empty()) {
    give_back(lane, permits);
    return std::nullopt;
  }

  std::vector<const delivery::Change*> changes;
  std::string keys;
  for (const Outbox* outbox : outboxes) {
    changes.push_back(&outbox->attempt->change);
    if (outboxes.size() > 1) keys += outbox->attempt->change.idempotency_key + "\n";
  }
  const std::string batch_key = keys.empty() ? changes.front()->idempotency_key : format_uuid(uuid_of_name(keys));
  auto request = connector->build(changes, batch_key);
  if (!request) {
    give_back(lane, permits);
    cannot_build(window, outboxes, request.error());
    gathering_until_ = window.steady;  // the lane may have more to say: the next window comes at once
    return std::nullopt;
  }
  for (Outbox* outbox : outboxes) {
    outbox->phase = Outbox::Phase::kInFlight;
    mark_attempted(*outbox, window.now);
  }
  ++lane.in_flight;
  ++lane.origin->in_flight;
  if (lane.origin->limit) static_cast<void>(lane.origin->limit->take());
  const std::int64_t id = ++last_request_;
  in_flight_.emplace(id, InFlight{&lane, lane.origin, std::move(outboxes), permits.lane, permits.origin});
  return Dispatch{id, lane.platform, std::move(*request), changes.size()};
}

/// Of several changes one spoils all, so they are built one by one next.
void Deliverer::cannot_build(Window& window, const std::vector<Outbox*>& outboxes, const Error& error) {
  for (Outbox* outbox : outboxes) {
    if (outboxes.size() > 1) {
      outbox->attempt->alone = true;
      queue(window, *outbox, true);
    } else if (error.code == ErrorCode::kNotFound) {  // nothing of it is left to say
      delivered(window, *outbox);
    } else {
      rejected(window, *outbox, error.message);
    }
  }
}

/// A batch waits for company only while another request of its lane is under way, so a quiet lane never waits.
bool Deliverer::must_gather(Window& window, Lane& lane, const delivery::Connector& connector) const {
  const Outbox* front = lane.front();
  const std::size_t batch_max = connector.batch_max(front->subject->record.entity, Verb::kUpdated);
  if (batch_max <= 1 || lane.in_flight == 0 || lane.queued >= batch_max) {
    lane.gathering_since.reset();
    return false;
  }
  if (!lane.gathering_since) lane.gathering_since = window.steady;
  const SteadyTime until = *lane.gathering_since + options_.batch_wait;
  if (until <= window.steady) {
    lane.gathering_since.reset();
    return false;
  }
  auto& first = const_cast<Deliverer*>(this)->gathering_until_;
  first = first ? std::min(*first, until) : until;
  return true;
}

std::vector<Outbox*> Deliverer::gather(Window& window, Lane& lane, const delivery::Connector& connector) {
  std::vector<Outbox*> outboxes;
  std::size_t batch_max = 1;
  std::size_t nothing_to_say = 0;
  while (outboxes.size() < batch_max) {
    if (nothing_to_say == kNothingToSayMax) {
      gathering_until_ = window.steady;  // the next window goes on
      break;
    }
    Outbox* outbox = lane.pop_front();
    if (outbox == nullptr) break;
    if (!prepare(window, *outbox)) {
      ++nothing_to_say;
      continue;
    }
    if (outboxes.empty()) {
      batch_max = outbox->attempt->alone
                      ? 1
                      : connector.batch_max(outbox->attempt->change.entity, outbox->attempt->change.verb);
    } else if (!may_share_request(connector, *outboxes.front()->attempt, *outbox->attempt)) {
      queue(window, *outbox, true);
      break;
    }
    outboxes.push_back(outbox);
  }
  return outboxes;
}

/// Until when a request may arrive that would undo what is said now: one whose answer nobody heard. A change that is
/// still noted though none is under way lingered when the process ended.
SteadyTime Deliverer::may_arrive_until(const Outbox& outbox) const {
  if (lingers(outbox)) return outbox.attempt->arrives_until;
  if (outbox.attempt || outbox.subject->stateless) return {};
  const Knowledge* known = outbox.subject->record.known_by(outbox.target);
  return known == nullptr || known->frozen.empty() ? SteadyTime{} : former_arrive_until_;
}

/// Its requests may have arrived until now: what the target wrote before that, they may have overwritten, however late
/// we hear of it.
void Deliverer::end_lingering(Window& window, Outbox& outbox) {
  const Attempt& attempt = *outbox.attempt;
  const Timestamp ended = window.wall_at(attempt.arrives_until);
  for (KnownValue& held : outbox.subject->record.knowledge_of(outbox.target).values) {
    const bool is_sent = std::any_of(attempt.fields.begin(), attempt.fields.end(), [&held](const SentField& sent) {
      return sent.name == held.field && sent.hash == held.hash;
    });
    if (is_sent) held.acknowledged = std::max(held.acknowledged, ended);
  }
  drop_attempt(window, outbox);
}

/// The same of a change that lingered when the process ended, and of which there is no more than a note. Whatever the
/// target was told under its version since, it was told then.
void Deliverer::end_former(const Window& window, Subject& subject, const PlatformId& target) {
  if (subject.stateless || subject.record.known_by(target) == nullptr) return;
  Knowledge& known = subject.record.knowledge_of(target);
  if (known.frozen.empty()) return;
  const Timestamp ended = window.wall_at(former_arrive_until_);
  for (const FrozenWords& words : known.frozen) {
    for (KnownValue& held : known.values) {
      const bool is_sent = held.version == words.version && !conflict::is_own_write(subject.record, target, held) &&
                           std::find(words.fields.begin(), words.fields.end(), held.field) != words.fields.end();
      if (is_sent) held.acknowledged = std::max(held.acknowledged, ended);
    }
  }
  const KnownValue* existence = known.find(kDeletedField);
  const bool is_later = existence != nullptr && existence->acknowledged < ended;
  if (is_later && !holds_record(subject.record, target)) note_touch(known, ended);
  thaw(known);
  subjects_.mark_dirty(subject);
}

bool Deliverer::prepare(Window& window, Outbox& outbox) {
  Subject& subject = *outbox.subject;
  const Sequence newest = outbox.waiting.back();
  if (const auto until = may_arrive_until(outbox); until > window.steady) {
    park(outbox, until);
    return false;
  }
  if (lingers(outbox)) end_lingering(window, outbox);
  if (!outbox.attempt) end_former(window, subject, outbox.target);
  Entry* entry = ledger_.find(newest);
  if (entry != nullptr && is_over(*entry->event, window.now)) {
    drop_attempt(window, outbox);
    close_results(window, outbox, outbox.waiting.size(), ResultStatus::kFailed,
                  "its time was over before it was taken");
    outbox.phase = Outbox::Phase::kIdle;
    return false;
  }
  if (outbox.attempt) {
    // An unknown outcome, or a plan that has begun, is repeated as it was. What was seen refused gives way to newer
    // state.
    const bool begun = outbox.attempt->unknown || outbox.attempt->change.steps_done != 0 || outbox.attempt->repeats > 0;
    if (begun || (outbox.attempt->newest == newest && is_current(*window.catalog, outbox))) {
      return !is_suspended(window, outbox);
    }
    drop_attempt(window, outbox);
  }
  std::vector<const FieldState*> lacking;
  if (subject.stateless) {
    for (const FieldState& field : subject.record.fields) lacking.push_back(&field);
  } else {
    lacking = lacking_fields(*window.catalog, subject.record, outbox.target);
  }
  if (entry == nullptr || (lacking.empty() && !subject.stateless)) {
    close_results(window, outbox, outbox.waiting.size(), ResultStatus::kSkipped,
                  outbox.target.str() + " already has the data");
    outbox.phase = Outbox::Phase::kIdle;
    return false;
  }
  // Other words than those of an earlier attempt must not go under its key.
  DeliveryResult& result = *entry->result_of(outbox.target);
  if (result.attempts > 0) take_new_key(result);
  const Verb verb = subject.stateless ? entry->event->verb : verb_for(subject.record, outbox.target);
  const Knowledge* known = subject.record.known_by(outbox.target);
  auto attempt = compose(*window.catalog, outbox, *entry, subject.record, verb,
                         known == nullptr ? std::vector<OwnId>{} : known->present_ids(),
                         with_natural_keys(window.catalog->mapper, subject.record, outbox.target, std::move(lacking)));
  if (!attempt) {
    close_results(window, outbox, outbox.waiting.size(), ResultStatus::kFailed, attempt.error().message);
    outbox.phase = Outbox::Phase::kIdle;
    return false;
  }
  const delivery::Connector* connector = window.catalog->connector(outbox.target);
  if (!connector->serves(subject.record.entity, verb)) {
    close_results(window, outbox, outbox.waiting.size(), ResultStatus::kSkipped,
                  outbox.target.str() + " has no endpoint for a " + subject.record.entity + " to be " +
                      std::string(to_string(verb)));
    outbox.phase = Outbox::Phase::kIdle;
    return false;
  }
  outbox.attempt = std::move(*attempt);
  outbox.attempt->covered = outbox.waiting.size();
  return !is_suspended(window, outbox);
}

/// Whether what was seen refused is still what the target lacks.
bool Deliverer::is_current(const Catalog& catalog, Outbox& outbox) {
  if (outbox.subject->stateless) return true;
  const Record& record = outbox.subject->record;
  auto lacking = lacking_fields(catalog, record, outbox.target);
  if (lacking.empty()) return false;
  const auto said = with_natural_keys(catalog.mapper, record, outbox.target, std::move(lacking));
  const Verb verb = verb_for(record, outbox.target);
  if (outbox.attempt->change.verb != verb) return false;
  const Knowledge* known = record.known_by(outbox.target);
  if (verb != Verb::kCreated && known != nullptr && outbox.attempt->change.known_ids != known->present_ids())
    return false;
  const auto& sent = outbox.attempt->fields;
  return std::all_of(sent.begin(), sent.end(), [&said](const SentField& field) {
    return std::any_of(said.begin(), said.end(), [&field](const FieldState* state) {
      return state->name == field.name && state->version == field.version;
    });
  });
}

Result<std::unique_ptr<Attempt>> Deliverer::compose(const Catalog& catalog, const Outbox& outbox, const Entry& newest,
                                                    const Record& record, Verb verb, std::vector<OwnId> ids,
                                                    const std::vector<const FieldState*>& said) {
  const Event& event = *newest.event;
  const transform::Mapper& mapper = catalog.mapper;
  auto attempt = std::make_unique<Attempt>();
  attempt->newest = event.sequence;
  delivery::Change& change = attempt->change;
  change.verb = verb;

  Fields fields;
  fields.reserve(said.size());
  attempt->fields.reserve(said.size());
  const transform::EntityPlan& plan = mapper.plan(outbox.target, record.entity);
  for (const FieldState* field : said) {
    const auto amount = mapper.amount_as_written(plan, field->name, field->value);
    const Value& value = amount ? *amount : field->value;
    if (field->name != kDeletedField) fields.set(field->name, value);
    attempt->fields.push_back({field->name, field->version, mapper.held_hash(plan, field->name, value)});
    if (amount) attempt->amounts.set(field->name, *amount);
  }
  if (is_verification_request(event)) {
    DATASYNC_TRY(add_token(verification_tokens_, options_.verification_link, event, fields));
  }
  auto data = mapper.to_platform(outbox.target, record.entity, fields);
  if (!data) return fail(std::move(data).error());
  change.data = std::move(*data);

  change.known_ids = std::move(ids);
  // Ids of copies that are gone name nothing; those of its parts, a create has learnt so far.
  if (verb == Verb::kCreated) std::erase_if(change.known_ids, [](const OwnId& own) { return own.role.empty(); });
  std::string_view id = record.id.str();
  for (const OwnId& own : change.known_ids) {
    if (own.role.empty()) id = own.id;
  }
  mapper.add_context(outbox.target, record.entity, id, {record.id, record.version, event.source, event.created_at},
                     change.data);

  const auto result = std::find_if(newest.state.results.begin(), newest.state.results.end(),
                                   [&](const DeliveryResult& r) { return r.target == outbox.target; });
  change.idempotency_key = idempotency_key(newest.event->id, *result);
  change.event = event.id;
  change.event_type = event.type;
  change.tenant = event.tenant;
  change.source = event.source;
  change.target = outbox.target;
  change.user_id = event.user_id;
  change.entity = event.entity;
  change.entity_id = record.id;
  change.version = record.version;
  change.traceparent = event.traceparent;
  return attempt;
}

void Deliverer::mark_attempted(Outbox& outbox, Timestamp now) {
  Attempt& attempt = *outbox.attempt;
  if (attempt.started == Timestamp{}) attempt.started = now;
  if (!outbox.subject->stateless) {
    // Not only at first: where its copy has come to an end since it was refused, and is back, the note went with it.
    Knowledge& known = outbox.subject->record.knowledge_of(outbox.target);
    if (!is_frozen(known, attempt)) {
      freeze(known, attempt);
      subjects_.mark_dirty(*outbox.subject);
    }
  }
  const bool goes_on = std::exchange(attempt.goes_on, false);
  for (std::size_t i = 0; i < attempt.covered; ++i) {
    const Sequence sequence = outbox.waiting[i];
    Entry* entry = ledger_.find(sequence);
    DeliveryResult* result = entry == nullptr ? nullptr : entry->result_of(outbox.target);
    if (result == nullptr) continue;
    if (!goes_on) ++result->attempts;
    if (!result->first_attempt_at) result->first_attempt_at = now;
    result->next_attempt_at.reset();
    // Only the event whose id is the key carries the mark; a crash from here on finds by it what may have been applied.
    const bool carries_key = sequence == attempt.newest;
    result->outcome_unknown = carries_key;
    result->sent_version = carries_key ? attempt.change.version : RecordVersion{};
    ledger_.mark_dirty(*entry);
  }
}

Result<void> Deliverer::resume(Window& window, Entry& entry, Subject& subject, DeliveryResult& result) {
  Outbox& outbox = subject.outbox(result.target);
  const Sequence sequence = entry.event->sequence;
  outbox.waiting.push_back(sequence);
  if (result.sent_version.value > 0) {
    auto attempt = compose_again(*window.catalog, outbox, entry, result.sent_version);
    if (!attempt) return fail(std::move(attempt).error());
    if (*attempt) {
      (*attempt)->unknown = (*attempt)->change.repeat_as_update = result.outcome_unknown;
      // Where the wall clock was set back since, it may have been before anything that the target has said.
      const Timestamp first = result.first_attempt_at.value_or(window.now);
      (*attempt)->started = first <= window.now ? first : Timestamp{microseconds{1}};
      if (result.outcome_unknown) (*attempt)->arrives_until = former_arrive_until_;
      outbox.attempt = std::move(*attempt);
      // Which others it spoke for is not known any more: they are compared with the record once it is delivered.
      outbox.waiting.pop_back();
      outbox.waiting.insert(outbox.waiting.begin(), sequence);
      outbox.attempt->covered = 1;
    } else if (!subject.stateless) {
      thaw(subject.record.knowledge_of(result.target));
    }
  }
  if (outbox.phase != Outbox::Phase::kIdle) return {};
  const delivery::Connector* connector = result.next_attempt_at ? window.catalog->connector(outbox.target) : nullptr;
  if (connector == nullptr) {
    queue(window, outbox, false);
    return {};
  }
  if (outbox.lane == nullptr) outbox.lane = &lanes_.get(subject.record.tenant, *connector);
  const SteadyTime due = due_of(window, *outbox.lane, result);
  if (due > window.steady) {
    park(outbox, due);
  } else {
    queue(window, outbox, false);
  }
  return {};
}

/// What the note and the record's history tell. Null if the words can't be found any more: others go under another key.
Result<std::unique_ptr<Attempt>> Deliverer::compose_again(const Catalog& catalog, const Outbox& outbox,
                                                          const Entry& entry, RecordVersion version) {
  const Subject& subject = *outbox.subject;
  std::vector<const FieldState*> fields;
  if (subject.stateless) {
    for (const FieldState& field : subject.record.fields) fields.push_back(&field);
    auto attempt = compose(catalog, outbox, entry, subject.record, entry.event->verb, {}, fields);
    return attempt ? std::move(*attempt) : nullptr;
  }
  const Knowledge* known = subject.record.known_by(outbox.target);
  auto words = known == nullptr ? std::nullopt : frozen_words(*known, version);
  if (!words) return nullptr;
  auto then = HistoryRows(tools_.store, nullptr, HistoryRows::kNoLimit).record_at(subject.record, version);
  if (!then) return fail(std::move(then).error());
  put_amounts(*words, *then);
  for (const FieldName& name : words->fields) {
    const FieldState* field = then->find(name);
    if (field == nullptr) return nullptr;  // its history is no longer kept
    fields.push_back(field);
  }
  auto attempt = compose(catalog, outbox, entry, *then, words->verb, std::move(words->ids), fields);
  return attempt ? std::move(*attempt) : nullptr;
}

Result<void> Deliverer::recall(Window& window, Subject& subject, const PlatformId& target) {
  const Knowledge* known = subject.record.known_by(target);
  if (known == nullptr || known->frozen.empty()) return {};
  Outbox& outbox = subject.outbox(target);
  const delivery::Connector* connector = window.catalog->connector(target);
  if (outbox.attempt || connector == nullptr) return {};
  if (window.steady >= former_arrive_until_) {
    end_former(window, subject, target);
    return {};
  }
  const RecordVersion version = known->frozen.front().version;
  auto words = frozen_words(*known, version);
  auto then = HistoryRows(tools_.store, nullptr, HistoryRows::kNoLimit).record_at(subject.record, version);
  if (!then) return fail(std::move(then).error());
  put_amounts(*words, *then);
  auto attempt = std::make_unique<Attempt>();
  attempt->change.target = target;
  attempt->change.version = version;
  attempt->change.verb = words->verb;
  attempt->change.known_ids = std::move(words->ids);
  attempt->arrives_until = former_arrive_until_;
  const transform::Mapper& mapper = window.catalog->mapper;
  const transform::EntityPlan& plan = mapper.plan(target, subject.record.entity);
  for (const FieldName& name : words->fields) {
    const FieldState* field = then->find(name);
    if (field == nullptr) continue;  // its history is no longer kept
    attempt->fields.push_back({name, field->version, mapper.held_hash(plan, name, field->value)});
  }
  outbox.attempt = std::move(attempt);
  if (outbox.lane == nullptr) outbox.lane = &lanes_.get(subject.record.tenant, *connector);
  if (outbox.phase == Outbox::Phase::kIdle) park(outbox, former_arrive_until_);
  return {};
}

void Deliverer::hasten(Window& window, Outbox& outbox) {
  if (outbox.phase != Outbox::Phase::kParked) return;
  parked_.erase(outbox.due);
  --outbox.lane->parked;
  queue(window, outbox, false);
}

void Deliverer::clear() {
  lanes_.clear();
  parked_.clear();
  in_flight_.clear();
  gathering_until_.reset();
  blocked_until_.reset();
}

}  // namespace datasync::pipeline
