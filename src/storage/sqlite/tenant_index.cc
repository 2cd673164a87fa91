#include "storage/sqlite/tenant_index.h"

#include <algorithm>

namespace datasync::storage::sqlite {

Result<void> TenantIndex::open(Connection& connection, std::int64_t last_sequence) {
  DATASYNC_TRY(add_row_source(connection, "batch_tenants", "CREATE TABLE x(tenant_id, seq)", rows_));
  const std::pair<Statement*, const char*> all[] = {
      {&insert_, "INSERT OR ROLLBACK INTO event_tenants SELECT tenant_id, seq FROM batch_tenants"},
      {&set_until_, "INSERT OR REPLACE INTO meta(name, value) VALUES('event_tenants_until', ?)"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return fail(std::move(prepared).error());
    *statement = std::move(*prepared);
  }
  const auto until = connection.query_integer("SELECT value FROM meta WHERE name = 'event_tenants_until'");
  if (!until) return fail(until.error());
  until_ = *until;
  auto rest =
      Statement::prepare(connection, "SELECT seq, tenant_id FROM event_log WHERE seq > ? AND seq <= ? ORDER BY seq");
  if (!rest) return fail(rest.error());
  rest->bind(1, until_).bind(2, last_sequence);
  for (;;) {
    const auto row = rest->step();
    if (!row) return fail(row.error());
    if (!*row) return {};
    add(TenantId(rest->text(1)), {rest->integer(0)});
  }
}

void TenantIndex::add(const TenantId& tenant, Sequence sequence) {
  pending_[tenant.str()].push_back(sequence.value);
  ++pending_count_;
}

void TenantIndex::remove(std::int64_t sequence) {
  if (sequence <= until_) return;
  for (auto& [tenant, sequences] : pending_) {
    const auto at = std::lower_bound(sequences.begin(), sequences.end(), sequence);
    if (at == sequences.end() || *at != sequence) continue;
    sequences.erase(at);
    --pending_count_;
    return;
  }
}

Result<void> TenantIndex::write(std::int64_t until) {
  rows_.rows.clear();
  for (const auto& [tenant, sequences] : pending_) {
    for (const std::int64_t sequence : sequences) rows_.rows.push_back({&tenant, sequence});
  }
  DATASYNC_TRY(insert_.run());
  return set_until_.bind(1, until).run();
}

void TenantIndex::written(std::int64_t until) {
  rows_.rows.clear();
  pending_.clear();
  pending_count_ = 0;
  until_ = until;
}

}  // namespace datasync::storage::sqlite
