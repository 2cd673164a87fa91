#include "storage/sqlite/log_positions.h"

#include <utility>

namespace datasync::storage::sqlite {

Result<void> LogPositions::prepare(Connection& connection) {
  auto prepared =
      Statement::prepare(connection, "INSERT OR REPLACE INTO log_positions(log, shard, next) VALUES(?, ?, ?)");
  if (!prepared) return fail(std::move(prepared).error());
  put_ = std::move(*prepared);
  return {};
}

Result<void> LogPositions::write(std::span<const LogPosition> positions) {
  for (const LogPosition& position : positions) {
    put_.bind_text(1, position.log).bind(2, static_cast<std::int64_t>(position.shard)).bind(3, position.next);
    DATASYNC_TRY(put_.run());
  }
  return {};
}

Result<std::vector<LogPosition>> read_log_positions(Connection& connection) {
  auto rows = Statement::prepare(connection, "SELECT log, shard, next FROM log_positions ORDER BY log, shard");
  if (!rows) return fail(std::move(rows).error());
  std::vector<LogPosition> positions;
  for (;;) {
    const auto row = rows->step();
    if (!row) return fail(row.error());
    if (!*row) return positions;
    const std::int64_t shard = rows->integer(1);
    if (shard < 0) return fail(ErrorCode::kCorrupt, "a stored position in the log is damaged");
    positions.push_back({rows->text(0), static_cast<std::size_t>(shard), rows->integer(2)});
  }
}

}  // namespace datasync::storage::sqlite
