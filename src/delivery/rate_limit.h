#pragma once

#include <cstdint>

#include "base/time.h"

namespace datasync::delivery {

/// Limits how often one platform is called.
///
/// Units:   tokens are requests; time comes from `clock`, never from the system.
/// Errors:  none; running dry is an answer (a wait), not a failure.
/// Threads: not thread-safe; owned by its origin's thread.
class TokenBucket {
 public:
  struct Options {
    double refill_per_second;  ///< > 0, the steady rate that the platform grants
    std::uint32_t burst_max;   ///< 1..10'000, tokens kept after an idle spell
    bool operator==(const Options&) const = default;
  };
  /// Starts full. Values outside their range are taken as the nearest inside it.
  TokenBucket(Options options, const Clock& clock);

  [[nodiscard]] const Options& options() const noexcept { return options_; }

  /// Takes one token and returns zero, or takes nothing and returns how long to wait.
  [[nodiscard]] milliseconds take();
  /// Zero if `take` would take one now, else how long to wait.
  [[nodiscard]] milliseconds wait();

 private:
  void refill();

  Options options_;
  const Clock& clock_;  // borrowed: outlives every bucket
  double tokens_;
  SteadyTime refilled_at_;
};

}  // namespace datasync::delivery
