#pragma once

#include <chrono>
#include <cstdint>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "storage/postgres/lease.h"

namespace datasync::storage::postgres {

/// Begins and drops the parts of the events' tables (`schema_parts.h`). The database's clock says when, and each step
/// is safe whoever takes it: of several instances one does, the others go on.
/// Threads: the lease's.
class EventParts {
 public:
  explicit EventParts(Lease& lease) : lease_(lease) {}

  /// What is due by now, where events that ended before `before` may go; a bounded step of it. Asks nothing for a
  /// minute where nothing is. Returns whether there is more to do at once.
  [[nodiscard]] Result<bool> tend(Timestamp before);

  /// The first number of the newest part that was begun.
  [[nodiscard]] Sequence first() const noexcept { return first_; }
  /// What ends below it is listed, since its own part has passed. It may be known a little late: then an event goes as
  /// much too early.
  [[nodiscard]] Sequence late_below() const noexcept { return late_below_; }
  /// Old events below it go one by one.
  [[nodiscard]] Sequence kept_below() const noexcept { return kept_below_; }

 private:
  Result<std::int64_t> ask(const Sql& sql, std::int64_t parameter);
  Result<void> look();

  Lease& lease_;
  std::chrono::steady_clock::time_point look_at_{};
  bool sweeps_ = false;
  Sequence first_{};
  Sequence late_below_{};
  Sequence kept_below_{};
};

}  // namespace datasync::storage::postgres
