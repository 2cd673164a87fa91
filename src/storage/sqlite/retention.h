#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "storage/sqlite/batch_rows.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/row_source.h"
#include "storage/sqlite/statement.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

/// Finds final events that ended long ago, in the order of the log, and takes them out with all that is theirs.
///
/// Lifecycle: `look`, then `remove` within a transaction.
class Retention {
 public:
  [[nodiscard]] Result<void> open(Connection& connection);

  /// Looks for up to `limit` events that ended before `before`. Looks at a bounded number of rows; the next call goes
  /// on behind them, and looks at none as long as nothing can be old enough.
  [[nodiscard]] Result<void> look(Timestamp before, std::int64_t limit);
  /// What `look` has found.
  [[nodiscard]] std::vector<std::int64_t> found() const;
  [[nodiscard]] Result<void> remove();
  /// What a commit ended.
  void note(const std::vector<EventState>& states) noexcept;

 private:
  struct EventRow {
    std::int64_t sequence;
    std::string tenant;
    void put(int column, const ColumnOut& out) const { column == 0 ? out.integer(sequence) : out.text(tenant); }
  };
  struct KeyRow {
    HashBytes key;
    std::string tenant;
    void put(int column, const ColumnOut& out) const { column == 0 ? out.blob(key.view()) : out.text(tenant); }
  };

  void add(Statement& row);

  Rows<EventRow> events_;
  Rows<KeyRow> keys_;
  Statement candidates_, delete_log_, delete_states_, delete_tenants_, delete_keys_, delete_history_;
  std::int64_t after_ = 0;              // sequence where the next look begins
  std::int64_t first_young_ = 0;        // µs: the earliest end of all that was too young, since `after_` was 0
  std::int64_t none_ended_before_ = 0;  // µs
};

}  // namespace datasync::storage::sqlite
