#include "storage/sqlite/conflict_reader.h"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/codec/record_codec.h"
#include "storage/sqlite/statement.h"

namespace datasync::storage::sqlite {
namespace {

constexpr std::string_view kConflictColumns =
    "SELECT row, id, tenant_id, conflict_type, entity_type, entity_id, record_key, seq, event_id, source_platform, "
    "target_platform, fields, source_data, target_data, status, version, created_at, resolved_at, "
    "details, reason, revision, assignee, expires_at, expires_to, "
    "(SELECT resolved_by FROM sync_conflict_resolutions r WHERE r.conflict_id = sync_conflicts.id), "
    "(SELECT r.reason FROM sync_conflict_resolutions r WHERE r.conflict_id = sync_conflicts.id), "
    "(SELECT r.event_id FROM sync_conflict_resolutions r WHERE r.conflict_id = sync_conflicts.id)";

Result<Conflict> read_conflict(Statement& row) {
  Conflict conflict;
  conflict.id = row.text(1);
  conflict.tenant = TenantId(row.text(2));
  conflict.type = row.text(3);
  conflict.entity = row.text(4);
  conflict.entity_id = EntityId(row.text(5));
  conflict.record = {row.integer(6)};
  conflict.event = {row.integer(7)};
  conflict.event_id = EventId(row.text(8));
  conflict.source = PlatformId(row.text(9));
  conflict.target = PlatformId(row.text(10));
  auto fields = read_conflict_fields(row.bytes(11), row.bytes(12), row.bytes(13), row.bytes(18));
  if (!fields) {
    Error error = std::move(fields).error();
    error.detail = "sync_conflicts row " + std::to_string(row.integer(0)) + ": " + error.detail;
    return fail(std::move(error));
  }
  conflict.fields = std::move(*fields);
  conflict.status = row.text(14);
  conflict.version = {row.integer(15)};
  conflict.created_at = Timestamp{microseconds{row.integer(16)}};
  if (!row.is_null(17)) conflict.resolved_at = Timestamp{microseconds{row.integer(17)}};
  conflict.reason = row.text(19);
  conflict.revision = row.integer(20);
  conflict.assignee = row.text(21);
  if (!row.is_null(22)) {
    conflict.expires_at = Timestamp{microseconds{row.integer(22)}};
    const bool to_source = row.integer(23) == static_cast<std::int64_t>(Conflict::Outcome::kSource);
    conflict.expires_to = to_source ? Conflict::Outcome::kSource : Conflict::Outcome::kTarget;
  }
  conflict.resolved_by = row.text(24);
  conflict.resolved_why = row.text(25);
  conflict.resolved_event = EventId(row.text(26));
  return conflict;
}

/// FROM and WHERE of a conflict query; the parameters are bound in the same order.
struct ConflictQuery {
  std::string where = "1";
  std::vector<std::string> texts;

  explicit ConflictQuery(const Reader::ConflictFilter& filter) {
    if (!filter.tenants.empty()) {
      where += " AND tenant_id IN (";
      for (const TenantId& tenant : filter.tenants) {
        where += texts.empty() ? "?" : ", ?";
        texts.push_back(tenant.str());
      }
      where += ')';
    }
    // Spelled out, so that the partial index on open conflicts can serve.
    if (filter.status == "open") {
      where += " AND status = 'open'";
    } else {
      add("status", filter.status);
    }
    add("id", filter.id);
    add("assignee", filter.assignee);
    // A number of ours, so it may stand in the text.
    if (filter.expires_until) {
      where += " AND expires_at <= " + std::to_string(filter.expires_until->time_since_epoch().count());
    }
    add("entity_type", filter.entity);
    add("conflict_type", filter.type);
    add("entity_id", filter.entity_id.str());
  }

  void add(std::string_view column, const std::string& value) {
    if (value.empty()) return;
    where += " AND " + std::string(column) + " = ?";
    texts.push_back(value);
  }

  [[nodiscard]] Result<Statement> prepare(Connection& connection, const std::string& head,
                                          const std::string& tail) const {
    auto statement = Statement::prepare(connection, head + " FROM sync_conflicts WHERE " + where + tail);
    if (!statement) return statement;
    int at = 0;
    for (const std::string& text : texts) statement->bind_text(++at, text);
    return statement;
  }
};

}  // namespace

Result<Reader::ConflictPage> read_conflicts(Connection& connection, const Reader::ConflictFilter& filter) {
  const ConflictQuery query(filter);
  Reader::ConflictPage page;
  auto total = query.prepare(connection, "SELECT count(*)", "");
  if (!total) return fail(total.error());
  if (const auto row = total->step(); !row) return fail(row.error());
  page.total = total->integer(0);
  total->reset();

  constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();
  // The few that expire are looked up by their time, not by their row.
  const std::string tail =
      filter.expires_until ? " AND +row < ? ORDER BY expires_at LIMIT ?" : " AND row < ? ORDER BY row DESC LIMIT ?";
  auto rows = query.prepare(connection, std::string(kConflictColumns), tail);
  if (!rows) return fail(rows.error());
  const auto before = static_cast<int>(query.texts.size()) + 1;
  rows->bind(before, filter.before > 0 ? filter.before : kNewest)
      .bind(before + 1, std::max<std::int64_t>(filter.limit, 0) + 1);
  std::int64_t last_row = 0;
  for (;;) {
    const auto row = rows->step();
    if (!row) return fail(row.error());
    if (!*row) break;
    if (static_cast<std::int64_t>(page.conflicts.size()) >= filter.limit) {
      page.next = last_row;
      break;
    }
    last_row = rows->integer(0);
    auto conflict = read_conflict(*rows);
    if (!conflict) return fail(std::move(conflict).error());
    page.conflicts.push_back(std::move(*conflict));
  }
  return page;
}

}  // namespace datasync::storage::sqlite
