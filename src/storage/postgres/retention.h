#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/postgres/lease.h"
#include "storage/postgres/shard.h"
#include "storage/store.h"

namespace datasync::storage::postgres {

/// Deletes old final events with all that belongs to them, a few at a time, oldest first: those that don't go with
/// their part (`EventParts`).
/// Threads: the lease's.
class Retention {
 public:
  explicit Retention(Lease& lease) : lease_(lease) {}
  /// Only events of these shards are deleted from now on.
  void look_at(const Shards& shards) {
    part_ = shards.all() ? std::string() : bytes_of(shards);
    after_ = none_ended_before_ = 0;
  }
  /// Only events below it are looked at.
  void look_below(Sequence sequence) {
    if (below_ != sequence) none_ended_before_ = 0;
    below_ = sequence;
  }
  /// Looks at a bounded number of rows; the next call goes on behind them, and asks nothing as long as nothing can be
  /// old enough.
  [[nodiscard]] Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit);
  /// What a commit ended.
  void note(const std::vector<EventState>& states) noexcept;

 private:
  Result<std::vector<std::int64_t>> find(Timestamp before, std::int64_t limit);
  Result<void> remove(const std::vector<std::int64_t>& sequences);

  Lease& lease_;
  std::string part_;  // the shards as bits; empty: all
  Sequence below_{};
  std::int64_t after_ = 0;              // where the next call goes on
  std::int64_t first_young_ = 0;        // µs: the earliest end of all that was too young, since `after_` was 0
  std::int64_t none_ended_before_ = 0;  // µs
};

}  // namespace datasync::storage::postgres
