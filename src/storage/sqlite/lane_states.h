#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/statement.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

/// The table `lane_states`. `write` runs within the caller's transaction.
class LaneStates {
 public:
  [[nodiscard]] Result<void> prepare(Connection& connection);
  [[nodiscard]] Result<void> write(std::span<const LaneState> states);
  /// By tenant, then name.
  [[nodiscard]] Result<std::vector<LaneState>> load();

 private:
  Statement put_, remove_, load_;
};

}  // namespace datasync::storage::sqlite
