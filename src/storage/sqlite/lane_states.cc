#include "storage/sqlite/lane_states.h"

#include <utility>

namespace datasync::storage::sqlite {

Result<void> LaneStates::prepare(Connection& connection) {
  const std::pair<Statement*, const char*> all[] = {
      {&put_, "INSERT OR REPLACE INTO lane_states(tenant_id, name, value) VALUES(?, ?, ?)"},
      {&remove_, "DELETE FROM lane_states WHERE tenant_id = ? AND name = ?"},
      {&load_, "SELECT tenant_id, name, value FROM lane_states ORDER BY tenant_id, name"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return fail(std::move(prepared).error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> LaneStates::write(std::span<const LaneState> states) {
  for (const LaneState& state : states) {
    Statement& statement = state.value.empty() ? remove_ : put_;
    statement.bind_text(1, state.tenant.str()).bind_text(2, state.name);
    if (!state.value.empty()) statement.bind_text(3, state.value);
    DATASYNC_TRY(statement.run());
  }
  return {};
}

Result<std::vector<LaneState>> LaneStates::load() {
  std::vector<LaneState> states;
  const ResetAtEnd reset(load_);
  for (;;) {
    const auto row = load_.step();
    if (!row) return fail(row.error());
    if (!*row) return states;
    states.push_back({TenantId(load_.text(0)), load_.text(1), load_.text(2)});
  }
}

}  // namespace datasync::storage::sqlite
