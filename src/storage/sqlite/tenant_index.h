#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/row_source.h"
#include "storage/sqlite/statement.h"

namespace datasync::storage::sqlite {

/// Keeps `event_tenants`, which finds a tenant's events, some thousands of events behind the log. Kept up with every
/// commit it cost one page per tenant and commit, twice the rest of an event at twenty tenants; written in sorted runs
/// the entries share their pages. What is not in the table yet is found in the log itself, above `until()`.
///
/// Lifecycle: the transaction that calls `write` then tells whether it came through, by `written`.
class TenantIndex {
 public:
  /// Reads what the table lacks.
  [[nodiscard]] Result<void> open(Connection& connection, std::int64_t last_sequence);

  void add(const TenantId& tenant, Sequence sequence);
  /// The event is deleted.
  void remove(std::int64_t sequence);
  [[nodiscard]] std::int64_t pending() const noexcept { return pending_count_; }
  [[nodiscard]] std::int64_t until() const noexcept { return until_; }

  /// Puts all that is pending, up to the sequence `until`, into the table.
  [[nodiscard]] Result<void> write(std::int64_t until);
  void written(std::int64_t until);

 private:
  struct Row {
    const std::string* tenant;
    std::int64_t sequence;
    void put(int column, const ColumnOut& out) const { column == 0 ? out.text(*tenant) : out.integer(sequence); }
  };

  std::map<std::string, std::vector<std::int64_t>> pending_;  // by tenant, rising
  std::int64_t pending_count_ = 0;
  std::int64_t until_ = 0;
  Rows<Row> rows_;
  Statement insert_, set_until_;
};

}  // namespace datasync::storage::sqlite
