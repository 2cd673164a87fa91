#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datasync {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Wall-clock time, UTC, in microseconds since 1970.
using Timestamp = std::chrono::sys_time<microseconds>;
/// Monotonic time for waits and ages; never stored.
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, microseconds>;

/// The only source of time in the service, so that a simulation can be its own clock.
/// Threads: every implementation is safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] SteadyTime steady_now() const override;
};

/// Time stands still until it is told to move. Not thread-safe: tests and simulations own it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp{std::chrono::hours{24 * 365 * 55}}) : now_(start) {}
  [[nodiscard]] Timestamp now() const override { return now_; }
  [[nodiscard]] SteadyTime steady_now() const override { return SteadyTime{now_.time_since_epoch()}; }
  void advance(microseconds by) { now_ += by; }

 private:
  Timestamp now_;
};

/// RFC 3339 in UTC: `2026-01-31T09:30:00.123456Z`; the fraction is left out when it is zero.
[[nodiscard]] std::string format_rfc3339(Timestamp time);

/// Reads RFC 3339 with `Z` or an offset; a time without either is taken as UTC (the platforms' own clients send such).
/// Errors: `kInvalid` for anything else, for impossible dates and for years outside 1970–9999 (in UTC).
[[nodiscard]] Result<Timestamp> parse_rfc3339(std::string_view text);

}  // namespace datasync
