#include "delivery/adaptive_concurrency.h"

#include <algorithm>
#include <cmath>

namespace datasync::delivery {
namespace {

constexpr std::uint32_t kSamplesBeforeJudging = 5;
// A target that always answers within microseconds of its mean would call every hiccup of the scheduler slow.
constexpr double kDeviationFloorShare = 0.1;
constexpr double kDeviationFloorMicros = 1'000.0;

}  // namespace

AdaptiveConcurrency::AdaptiveConcurrency(Options options) : options_(options) {
  options_.limit_max = std::max<std::uint32_t>(options_.limit_max, 1);
  limit_ = std::clamp<std::uint32_t>(options_.limit_start, 1, options_.limit_max);
  options_.decrease_ratio = std::clamp(options_.decrease_ratio, 0.1, 0.99);
  options_.deviations_allowed = std::max(options_.deviations_allowed, 0.1);
  options_.smoothing = std::clamp(options_.smoothing, 0.01, 1.0);
}

void AdaptiveConcurrency::answered(microseconds round_trip, std::uint32_t in_flight) {
  const auto micros = static_cast<double>(std::max<std::int64_t>(round_trip.count(), 0));
  const bool slow = is_slow(micros);
  learn(micros);
  limit_reached_ = limit_reached_ || in_flight >= limit();
  if (slow) shrink();
  if (++answers_in_round_ < limit()) return;
  if (limit_reached_ && !shrunk_in_round_) {
    limit_ = std::min(std::floor(limit_) + 1.0, static_cast<double>(options_.limit_max));
  }
  start_round();
}

void AdaptiveConcurrency::failed() {
  shrink();
  if (++answers_in_round_ >= limit()) start_round();
}

bool AdaptiveConcurrency::is_slow(double round_trip_us) const noexcept {
  if (samples_ < kSamplesBeforeJudging) return false;
  const double deviation = std::max({deviation_us_, mean_us_ * kDeviationFloorShare, kDeviationFloorMicros});
  return round_trip_us > mean_us_ + options_.deviations_allowed * deviation;
}

void AdaptiveConcurrency::learn(double round_trip_us) noexcept {
  if (samples_ == 0) {
    mean_us_ = round_trip_us;
    deviation_us_ = round_trip_us / 2;
  } else {
    deviation_us_ += options_.smoothing * (std::abs(round_trip_us - mean_us_) - deviation_us_);
    mean_us_ += options_.smoothing * (round_trip_us - mean_us_);
  }
  if (samples_ < kSamplesBeforeJudging) ++samples_;
}

void AdaptiveConcurrency::shrink() noexcept {
  if (shrunk_in_round_) return;  // the others of this round were sent under the old limit
  shrunk_in_round_ = true;
  limit_ = std::max(1.0, limit_ * options_.decrease_ratio);
}

void AdaptiveConcurrency::start_round() noexcept {
  answers_in_round_ = 0;
  limit_reached_ = false;
  shrunk_in_round_ = false;
}

}  // namespace datasync::delivery
