#include "api/event_view.h"

namespace datasync::api {
namespace {

using storage::StoredEvent;

/// The members of an event row, without the brackets: the seed's columns first.
void write_columns(JsonWriter& out, const StoredEvent& stored) {
  const Event& event = *stored.event;
  out.field("id", event.id.str()).field("event_id", event.id.str());
  out.field("event_type", event.type).field("source_platform", event.source.str());
  out.key("target_platforms").begin_array();
  for (const PlatformId& target : event.targets) out.text(target.str());
  out.end_array();
  out.key("data").raw(event.data.to_json());
  out.field("tenant_id", event.tenant.str()).field("status", to_string(stored.state.status));
  out.field("created_at", event.created_at).field("processed_at", stored.state.processed_at);
  out.field_or_null("error_message", stored.state.message);
  out.field_or_null("user_id", event.user_id).field("entity_type", event.entity);
  out.field_or_null("entity_id", event.entity_id.str()).field_or_null("own_id", event.own_id);
  out.field("priority", event.wire_priority);
  out.field("version", event.version).field("base_version", event.base_version);
  out.field("occurred_at", event.occurred_at).field("expires_at", event.expires_at);
  out.field("max_retries", event.max_retries).field_or_null("correlation_id", event.correlation_id);
  out.key("metadata").raw(event.metadata.to_json());
  out.field("sequence", event.sequence.value);
}

}  // namespace

void write_event_detail(JsonWriter& out, const StoredEvent& stored) {
  const Event& event = *stored.event;
  out.begin_object().field("event_id", event.id.str()).field("status", to_string(stored.state.status));
  out.field("created_at", event.created_at).field("processed_at", stored.state.processed_at);
  out.field_or_null("error_message", stored.state.message);
  out.key("event").begin_object();
  write_columns(out, stored);
  out.end_object().key("results");
  write_results(out, event, stored.state.results);
  out.end_object();
}

void write_event_row(JsonWriter& out, const StoredEvent& stored) {
  out.begin_object();
  write_columns(out, stored);
  out.key("results");
  write_results(out, *stored.event, stored.state.results);
  out.end_object();
}

void write_results(JsonWriter& out, const Event& event, const std::vector<DeliveryResult>& results) {
  out.begin_array();
  for (const DeliveryResult& result : results) {
    // A skipped target lacks nothing, so nothing failed.
    const bool success = result.status == ResultStatus::kCompleted || result.status == ResultStatus::kSkipped;
    out.begin_object().field("target_platform", result.target.str()).field("status", to_string(result.status));
    out.field("success", success).field_or_null("error_message", result.error_message);
    out.field("attempts", result.attempts).field("processed_at", result.processed_at);
    // From acceptance to the last word of the target: what a user of the source platform waits for.
    out.key("processing_time_ms");
    if (result.processed_at) {
      out.number(static_cast<double>((*result.processed_at - event.created_at).count()) / 1000.0);
    } else {
      out.null();
    }
    out.field("first_attempt_at", result.first_attempt_at).field("next_attempt_at", result.next_attempt_at);
    out.field("outcome_unknown", result.outcome_unknown).field("redrive", result.redrive).end_object();
  }
  out.end_array();
}

}  // namespace datasync::api
