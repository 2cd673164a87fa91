#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/statement.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

/// The table `log_positions`. `write` runs within the caller's transaction.
class LogPositions {
 public:
  [[nodiscard]] Result<void> prepare(Connection& connection);
  [[nodiscard]] Result<void> write(std::span<const LogPosition> positions);

 private:
  Statement put_;
};

/// By log and shard.
[[nodiscard]] Result<std::vector<LogPosition>> read_log_positions(Connection& connection);

}  // namespace datasync::storage::sqlite
