#pragma once

#include <cstdint>
#include <vector>

#include "storage/postgres/lease.h"

namespace datasync::storage::postgres {

/// Deletes old final events with all that belongs to them, a few at a time, oldest first.
/// Threads: the lease's.
class Retention {
 public:
  explicit Retention(Lease& lease) : lease_(lease) {}
  [[nodiscard]] Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit);

 private:
  Result<std::vector<std::int64_t>> find(Timestamp before, std::int64_t limit);
  Result<void> remove(const std::vector<std::int64_t>& sequences);

  Lease& lease_;
  std::int64_t after_ = 0;  // where the next call goes on
};

}  // namespace datasync::storage::postgres
