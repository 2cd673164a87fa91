#pragma once

#include <cstdint>

#include "base/time.h"

namespace datasync::delivery {

/// How many requests may be in flight to one origin at once, found by trying: one more after each clean round, a tenth
/// fewer when answers take markedly longer than they used to, or fail.
///
/// A *round* is as many answers as the limit allows in flight, so that one round trip changes the limit once, however
/// many requests were under way. A round counts as clean only if the limit was reached in it: what was never tried
/// proves nothing.
///
/// Source: the additive increase and multiplicative decrease of TCP (Chiu and Jain, 1989) on round-trip times, as
/// Vector's adaptive request concurrency does it; mean and deviation as in RFC 6298. Threads: not thread-safe; owned by
/// its origin's thread.
class AdaptiveConcurrency {
 public:
  struct Options {
    std::uint32_t limit_max = 100;    ///< >= 1 (MAX_HTTP_CONNECTIONS)
    std::uint32_t limit_start = 1;    ///< 1..limit_max
    double decrease_ratio = 0.9;      ///< 0.1..0.99
    double deviations_allowed = 2.5;  ///< > 0
    double smoothing = 0.25;          ///< 0.01..1, the weight of the newest round trip in the moving average
  };

  explicit AdaptiveConcurrency(Options options);

  /// 1..limit_max.
  [[nodiscard]] std::uint32_t limit() const noexcept { return static_cast<std::uint32_t>(limit_); }

  /// An answer that does not speak against the origin. `in_flight` counts the requests under way when it came, itself
  /// included.
  void answered(microseconds round_trip, std::uint32_t in_flight);
  /// No answer, or a 5xx.
  void failed();

 private:
  [[nodiscard]] bool is_slow(double round_trip_us) const noexcept;
  void learn(double round_trip_us) noexcept;
  void shrink() noexcept;
  void start_round() noexcept;

  Options options_;
  double limit_ = 1.0;  // a fraction, so that small limits shrink too
  double mean_us_ = 0.0;
  double deviation_us_ = 0.0;
  std::uint32_t samples_ = 0;
  std::uint32_t answers_in_round_ = 0;
  bool limit_reached_ = false;
  bool shrunk_in_round_ = false;
};

}  // namespace datasync::delivery
