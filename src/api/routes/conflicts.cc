#include <algorithm>
#include <array>

#include "api/conflict_view.h"
#include "api/record_explain.h"
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
  filter.assignee = call.query("assignee").value_or("");
  filter.entity_id = EntityId{call.query("entity_id").value_or("")};
  const auto limit = integer_parameter(call, "limit", 50, 1, 1000);
  if (!limit) return tl::unexpected(limit.error());
  filter.limit = *limit;
  return filter;
}

std::string fingerprint_of(const Reader::ConflictFilter& filter) {
  std::string text = "conflicts";
  for (const TenantId& tenant : filter.tenants) text += '\n' + tenant.str();
  return text + "\n\n" + filter.status + '\n' + filter.type + '\n' + filter.entity + '\n' + filter.entity_id.str() +
         '\n' + filter.assignee;
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

/// GET /sync/conflicts/{id}: what both sides were made from, both sides, and how the field came to its value.
net::HttpResponse get_conflict(Services&, const Call& call, Reader& reader) {
  auto tenants = tenants_of(call);
  if (!tenants) return to_response(tenants.error());
  Reader::ConflictFilter filter;
  filter.tenants = std::move(*tenants);
  filter.id = call.parameters[0];
  filter.limit = 1;
  const auto page = reader.list_conflicts(filter);
  if (!page) return to_response(page.error());
  if (page->conflicts.empty()) return to_response(Problem{404, "there is no such conflict"});
  const Conflict& conflict = page->conflicts.front();
  const auto record = reader.load_record(conflict.tenant, conflict.record);
  if (!record) return to_response(record.error());
  JsonWriter out;
  begin_conflict(out, conflict);
  out.key("history").begin_array();
  std::string_view last;
  for (const Conflict::Side& side : conflict.fields) {
    if (!*record || side.field == last) continue;
    last = side.field;
    if (const auto written = write_history(out, reader, **record, FieldName(side.field)); !written) {
      return to_response(written.error());
    }
  }
  out.end_array().end_object();
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
