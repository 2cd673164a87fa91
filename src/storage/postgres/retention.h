#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/postgres/lease.h"
#include "storage/postgres/shard.h"

namespace datasync::storage::postgres {

/// Deletes old final events with all that belongs to them, a few at a time, oldest first.
/// Threads: the lease's.
class Retention {
 public:
  explicit Retention(Lease& lease) : lease_(lease) {}
  /// Only events of these shards are deleted from now on.
  void look_at(const Shards& shards) {
    part_ = shards.all() ? std::string() : bytes_of(shards);
    after_ = 0;
  }
  [[nodiscard]] Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit);

 private:
  Result<std::vector<std::int64_t>> find(Timestamp before, std::int64_t limit);
  Result<void> remove(const std::vector<std::int64_t>& sequences);

  Lease& lease_;
  std::string part_;        // the shards as bits; empty: all
  std::int64_t after_ = 0;  // where the next call goes on
};

}  // namespace datasync::storage::postgres
