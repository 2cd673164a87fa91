#include "api/conflict_view.h"

#include <string_view>

namespace datasync::api {
namespace {

/// One strategy for all its fields, or the first of several: each field tells its own.
std::string_view strategy_of(const Conflict& conflict) {
  return conflict.fields.empty() ? std::string_view{} : std::string_view(conflict.fields.front().strategy);
}

void write_value(JsonWriter& out, std::string_view name, const std::optional<Value>& value) {
  out.key(name);
  value ? out.raw(value->text()) : out.null();
}

}  // namespace

void begin_conflict(JsonWriter& out, const Conflict& conflict) {
  out.begin_object().field("conflict_id", conflict.id).field("conflict_type", conflict.type);
  out.field("tenant_id", conflict.tenant.str()).field("entity_type", conflict.entity);
  out.field("entity_id", conflict.entity_id.str()).field("event_id", conflict.event_id.str());
  out.field("source_platform", conflict.source.str()).field("target_platform", conflict.target.str());
  out.key("fields").begin_array();
  for (const Conflict::Side& side : conflict.fields) {
    out.begin_object().field("field", side.field);
    out.field("platform", side.platform.str().empty() ? conflict.source.str() : side.platform.str());
    out.field("event_id", side.event.str().empty() ? conflict.event_id.str() : side.event.str());
    out.key("source_value").raw(side.source_value.text()).key("target_value").raw(side.target_value.text());
    write_value(out, "base_value", side.base);
    write_value(out, "merged_value", side.merged);
    out.field("strategy", side.strategy).field("outcome", to_string(side.outcome)).end_object();
  }
  out.end_array().field_or_null("strategy", strategy_of(conflict)).field("status", conflict.status);
  out.field_or_null("reason", conflict.reason).field("revision", conflict.revision);
  out.field_or_null("assignee", conflict.assignee).field("expires_at", conflict.expires_at);
  out.field("version", conflict.version.value).field("created_at", conflict.created_at);
  out.field("resolved_at", conflict.resolved_at).field_or_null("resolved_by", conflict.resolved_by);
  out.field_or_null("resolution_reason", conflict.resolved_why);
  out.field_or_null("resolution_event_id", conflict.resolved_event.str());
}

void write_conflict(JsonWriter& out, const Conflict& conflict) {
  begin_conflict(out, conflict);
  out.end_object();
}

}  // namespace datasync::api
