#include <algorithm>
#include <array>

#include "api/json_writer.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {
namespace {

using storage::Reader;

constexpr std::array<std::string_view, 5> kConflictTypes{"version_conflict", "data_mismatch", "concurrent_update",
                                                         "schema_change", "business_rule_violation"};

Read<Reader::ConflictFilter> filter_of(const Call& call) {
  Reader::ConflictFilter filter;
  auto tenants = tenants_of(call);
  if (!tenants) return tl::unexpected(std::move(tenants).error());
  filter.tenants = std::move(*tenants);
  filter.status = call.query("status").value_or("");
  if (!filter.status.empty() && filter.status != "open" && filter.status != "resolved") {
    return tl::unexpected(invalid_parameter("status", "must be open or resolved"));
  }
  filter.type = call.query("conflict_type").value_or("");
  if (!filter.type.empty() &&
      std::find(kConflictTypes.begin(), kConflictTypes.end(), filter.type) == kConflictTypes.end()) {
    return tl::unexpected(invalid_parameter("conflict_type", "is no type of conflict"));
  }
  filter.entity = call.query("entity_type").value_or("");
  filter.entity_id = EntityId{call.query("entity_id").value_or("")};
  const auto limit = integer_parameter(call, "limit", 50, 1, 1000);
  if (!limit) return tl::unexpected(limit.error());
  filter.limit = *limit;
  return filter;
}

std::string fingerprint_of(const Reader::ConflictFilter& filter) {
  std::string text = "conflicts";
  for (const TenantId& tenant : filter.tenants) text += '\n' + tenant.str();
  return text + "\n\n" + filter.status + '\n' + filter.type + '\n' + filter.entity + '\n' + filter.entity_id.str();
}

/// One strategy for all its fields, or the first of several: each field tells its own.
std::string_view strategy_of(const Conflict& conflict) {
  return conflict.fields.empty() ? std::string_view{} : std::string_view(conflict.fields.front().strategy);
}

void write_conflict(JsonWriter& out, const Conflict& conflict) {
  out.begin_object().field("conflict_id", conflict.id).field("conflict_type", conflict.type);
  out.field("tenant_id", conflict.tenant.str()).field("entity_type", conflict.entity);
  out.field("entity_id", conflict.entity_id.str()).field("event_id", conflict.event_id.str());
  out.field("source_platform", conflict.source.str()).field("target_platform", conflict.target.str());
  out.key("fields").begin_array();
  for (const Conflict::Side& side : conflict.fields) {
    out.begin_object().field("field", side.field).key("source_value").raw(side.source_value.text());
    out.key("target_value").raw(side.target_value.text()).field("strategy", side.strategy);
    out.field("outcome", to_string(side.outcome)).end_object();
  }
  out.end_array().field_or_null("strategy", strategy_of(conflict)).field("status", conflict.status);
  out.field("version", conflict.version.value).field("created_at", conflict.created_at);
  out.field("resolved_at", conflict.resolved_at).end_object();
}

}  // namespace

net::HttpResponse list_conflicts(Services&, const Call& call, Reader& reader) {
  auto filter = filter_of(call);
  if (!filter) return to_response(filter.error());
  const std::string fingerprint = fingerprint_of(*filter);
  if (const auto cursor = call.query("cursor"); cursor && !cursor->empty()) {
    const auto row = read_cursor(*cursor, fingerprint);
    if (!row) return to_response(invalid_parameter("cursor", "is none that came with these filters"));
    filter->before = *row;
  }
  const auto page = reader.list_conflicts(*filter);
  if (!page) return to_response(page.error());
  JsonWriter out;
  out.begin_object().key("conflicts").begin_array();
  for (const Conflict& conflict : page->conflicts) write_conflict(out, conflict);
  out.end_array().field("total", page->total).field("limit", filter->limit);
  out.field_or_null("next_cursor", page->next == 0 ? std::string{} : make_cursor(page->next, fingerprint)).end_object();
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
