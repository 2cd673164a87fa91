#include "api/live_message.h"

#include "api/event_view.h"
#include "api/json_writer.h"

namespace datasync::api {
namespace {

using pipeline::Notice;

void write_event_names(JsonWriter& out, const Event& event) {
  out.field("event_type", event.type).field("entity_type", event.entity);
  out.field_or_null("entity_id", event.entity_id.str())
      .field_or_null("own_id", event.own_id)
      .field("tenant_id", event.tenant.str());
  out.field("source_platform", event.source.str()).key("target_platforms").begin_array();
  for (const PlatformId& target : event.targets) out.text(target.str());
  out.end_array().field("priority", event.wire_priority).field("created_at", event.created_at);
  // A text: it outgrows what a JavaScript number holds exactly, and clients need not look into it.
  out.field("cursor", std::to_string(event.sequence.value));
}

std::string render_conflict(const Conflict& conflict, std::string_view type) {
  JsonWriter out;
  out.begin_object().field("type", type).field("conflict_id", conflict.id).field("conflict_type", conflict.type);
  out.field("event_id", conflict.event_id.str()).field("status", conflict.status);
  out.field("tenant_id", conflict.tenant.str()).field("entity_type", conflict.entity);
  out.field_or_null("entity_id", conflict.entity_id.str()).field("source_platform", conflict.source.str());
  out.field("target_platform", conflict.target.str()).key("fields").begin_array();
  for (const Conflict::Side& side : conflict.fields) {
    out.begin_object().field("field", side.field).field("strategy", side.strategy);
    out.field("outcome", to_string(side.outcome)).end_object();
  }
  out.end_array().field("created_at", conflict.created_at).field("resolved_at", conflict.resolved_at).end_object();
  return out.take();
}

}  // namespace

std::span<const LiveType> types_of(const Notice& notice) noexcept {
  static constexpr std::array kCreated{LiveType::kEventCreated};
  static constexpr std::array kCompleted{LiveType::kSyncCompleted};
  static constexpr std::array kDetected{LiveType::kConflictDetected, LiveType::kConflictResolved};
  static constexpr std::array kResolved{LiveType::kConflictResolved};
  switch (notice.kind) {
    case Notice::Kind::kEventCreated:
      return kCreated;
    case Notice::Kind::kSyncCompleted:
      return kCompleted;
    case Notice::Kind::kConflict:
      // Most are settled in the transaction that found them: both are told then.
      return std::span(kDetected).first(notice.conflict->status == "resolved" ? 2 : 1);
    case Notice::Kind::kConflictResolved:
      return kResolved;
  }
  return {};
}

std::string render_notice(LiveType type, const Notice& notice) {
  switch (type) {
    case LiveType::kSyncCompleted:
      return render_completed(*notice.event, notice.state);
    case LiveType::kConflictDetected:
    case LiveType::kConflictResolved:
      return render_conflict(*notice.conflict, to_string(type));
    default:
      return render_created(*notice.event, EventStatus::kPending);
  }
}

std::string render_created(const Event& event, EventStatus status) {
  JsonWriter out;
  out.begin_object().field("type", "event_created").field("event_id", event.id.str());
  out.field("status", to_string(status));
  write_event_names(out, event);
  out.end_object();
  return out.take();
}

std::string render_completed(const Event& event, const EventState& state) {
  JsonWriter out;
  out.begin_object().field("type", "sync_completed").field("event_id", event.id.str());
  out.field("status", to_string(state.status)).key("results");
  write_results(out, event, state.results);
  out.field_or_null("error_message", state.message).field("processed_at", state.processed_at);
  write_event_names(out, event);
  out.end_object();
  return out.take();
}

}  // namespace datasync::api
