#include "delivery/rate_limit.h"

#include <algorithm>
#include <cmath>

namespace datasync::delivery {
namespace {

constexpr double kRefillMin = 1e-6;  // one token in eleven days
constexpr double kRefillMax = 1e9;
constexpr double kMicrosPerSecond = 1e6;
// Sums of fractions come out a hair below a whole token; without this the wait that was announced would not be enough.
constexpr double kWholeToken = 1.0 - 1e-9;

}  // namespace

TokenBucket::TokenBucket(Options options, const Clock& clock)
    : options_(options), clock_(clock), refilled_at_(clock.steady_now()) {
  options_.refill_per_second =
      options_.refill_per_second >= kRefillMin ? std::min(options_.refill_per_second, kRefillMax) : kRefillMin;
  options_.burst_max = std::clamp<std::uint32_t>(options_.burst_max, 1, 10'000);
  tokens_ = options_.burst_max;
}

milliseconds TokenBucket::take() {
  const milliseconds needed = wait();
  if (needed == milliseconds{0}) tokens_ = std::max(0.0, tokens_ - 1.0);
  return needed;
}

milliseconds TokenBucket::wait() {
  refill();
  if (tokens_ >= kWholeToken) return milliseconds{0};
  const double wait_ms = (1.0 - tokens_) / options_.refill_per_second * 1'000.0;
  return std::max(milliseconds{1}, milliseconds{static_cast<std::int64_t>(std::ceil(wait_ms))});
}

void TokenBucket::refill() {
  const SteadyTime now = clock_.steady_now();
  if (now <= refilled_at_) return;
  const auto elapsed = static_cast<double>((now - refilled_at_).count());
  refilled_at_ = now;
  tokens_ = std::min<double>(options_.burst_max, tokens_ + elapsed / kMicrosPerSecond * options_.refill_per_second);
}

}  // namespace datasync::delivery
