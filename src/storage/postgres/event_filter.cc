#include "storage/postgres/event_filter.h"

#include <fmt/format.h>

#include <vector>

#include "storage/postgres/stored_status.h"

namespace datasync::storage::postgres {
namespace {

bool is_open(EventStatus status) {
  return status == EventStatus::kPending || status == EventStatus::kProcessing;
}

}  // namespace

std::string EventFilterSql::build(Order order) {
  limit_ = wanted < 0 ? "" : integer(wanted);
  tenants_ = filter_.tenants.empty() ? "" : tenants();
  const bool listed =
      redrivable || (filter_.status && !is_open(*filter_.status) && is_listed(stored_status(*filter_.status, false)));
  if (listed) return by_status(order);
  if (!filter_.status || !is_open(*filter_.status)) return by_log(order);
  // Open events are found from the mark on, and by their own statuses below it.
  return fmt::format("SELECT seq FROM ({} UNION ({})) o{}", by_status(order), by_log(order), tail("o.seq", order));
}

std::string EventFilterSql::by_status(Order order) {
  std::string statuses;
  const auto add = [&](std::int64_t status) { statuses += (statuses.empty() ? "" : ", ") + std::to_string(status); };
  for (const EventStatus status :
       {EventStatus::kFailed, EventStatus::kRetry, EventStatus::kReview, EventStatus::kExpired}) {
    if (filter_.status ? *filter_.status == status : redrivable) add(stored_status(status, false));
  }
  if (!redrivable && filter_.status && is_open(*filter_.status)) add(stored_status(*filter_.status, true));
  return fmt::format(
      "SELECT x.seq FROM unnest(ARRAY[{}]::smallint[]) v(status) CROSS JOIN LATERAL (SELECT w.seq FROM event_waiting w "
      "JOIN event_log e ON e.seq = w.seq LEFT JOIN event_state s ON s.seq = w.seq WHERE w.status = v.status{}{}{}) x",
      statuses, tenants_.empty() ? "" : " AND w.tenant_id = ANY(" + tenants_ + ")", conditions("w.seq"),
      tail("w.seq", order));
}

std::string EventFilterSql::by_log(Order order) {
  std::string status;
  if (filter_.status) {
    status = fmt::format(" AND coalesce(s.status, 0) = {}", stored_status(*filter_.status, false));
    if (is_open(*filter_.status)) {
      status += " AND e.seq >= (SELECT datasync_low_water())";
    }
  }
  const std::string where = status + conditions("e.seq") + tail("e.seq", order);
  const std::string_view from = "event_log e LEFT JOIN event_state s ON s.seq = e.seq";
  if (tenants_.empty()) return fmt::format("SELECT e.seq FROM {} WHERE true{}", from, where);
  return fmt::format(
      "SELECT x.seq FROM (SELECT DISTINCT t FROM unnest({}) u(t)) v CROSS JOIN LATERAL (SELECT e.seq FROM {} "
      "WHERE e.tenant_id = v.t{}) x",
      tenants_, from, where);
}

std::string EventFilterSql::conditions(const std::string& seq) {
  std::string sql;
  if (above.value > 0) sql += fmt::format(" AND {} > {}", seq, integer(above.value));
  if (filter_.before.value > 0) sql += fmt::format(" AND {} < {}", seq, integer(filter_.before.value));
  if (!part.empty()) {
    parameters_.bytes(part);
    sql += fmt::format(" AND get_bit(${}::bytea, datasync_shard(e.tenant_id)) = 1", parameters_.size());
  }
  if (!filter_.type.empty()) sql += " AND e.event_type = " + text(filter_.type);
  if (!filter_.source.empty()) sql += " AND e.source_platform = " + text(filter_.source.str());
  if (filter_.since) sql += " AND e.created_at >= " + integer(filter_.since->time_since_epoch().count());
  if (filter_.until) sql += " AND e.created_at < " + integer(filter_.until->time_since_epoch().count());
  if (!filter_.entity_id.empty()) {
    const std::string id = text(filter_.entity_id.str());
    sql += fmt::format(
        " AND (e.entity_id = {0} OR EXISTS (SELECT FROM records r WHERE r.record_key = s.record_key AND r.entity_id = "
        "{0}))",
        id);
  }
  return sql;
}

std::string EventFilterSql::tail(const std::string& seq, Order order) const {
  if (order == Order::kNone) return {};
  std::string sql = " ORDER BY " + seq + (order == Order::kNewestFirst ? " DESC" : "");
  if (!limit_.empty()) sql += " LIMIT " + limit_;
  return sql;
}

std::string EventFilterSql::integer(std::int64_t value) {
  parameters_.integer(value);
  return fmt::format("${}::bigint", parameters_.size());
}

std::string EventFilterSql::text(std::string_view value) {
  parameters_.text(value);
  return fmt::format("${}::text", parameters_.size());
}

std::string EventFilterSql::tenants() {
  parameters_.column(Parameters::Element::kText, filter_.tenants,
                     [this](const TenantId& tenant) { parameters_.add_text(tenant.str()); });
  return fmt::format("${}::text[]", parameters_.size());
}

}  // namespace datasync::storage::postgres
