#include "delivery/retry_plan.h"

#include <algorithm>
#include <array>

namespace datasync::delivery {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr milliseconds kQuickBase{1'000};
constexpr std::array<milliseconds, 6> kSlow{seconds{30}, minutes{5}, minutes{30}, hours{2}, hours{5}, hours{10}};
constexpr double kJitter = 0.2;

/// `share`: -1..1 of the jitter.
milliseconds with_jitter(milliseconds delay, double share) {
  return milliseconds{static_cast<std::int64_t>(static_cast<double>(delay.count()) * (1.0 + kJitter * share))};
}

}  // namespace

RetryPlan::RetryPlan(Options options) : options_(options) {
  options_.quick_retries = std::min<std::uint32_t>(options_.quick_retries, 20);
  // Written so that a factor that is no number becomes 1 too.
  options_.backoff_factor = options_.backoff_factor >= 1.0 ? std::min(options_.backoff_factor, 10.0) : 1.0;
}

std::optional<milliseconds> RetryPlan::planned_delay(std::uint32_t retry) const {
  if (retry <= options_.quick_retries) {
    // No quick retry waits longer than the longest slow one, however large the factor.
    const auto longest = static_cast<double>(kSlow.back().count());
    auto delay = static_cast<double>(kQuickBase.count());
    for (std::uint32_t i = 1; i < retry; ++i) delay = std::min(delay * options_.backoff_factor, longest);
    return milliseconds{static_cast<std::int64_t>(delay)};
  }
  const std::uint32_t slow = retry - options_.quick_retries - 1;
  if (slow >= kSlow.size()) return std::nullopt;
  return kSlow[slow];
}

milliseconds RetryPlan::longest_wait(std::uint32_t attempts) const {
  return with_jitter(planned_delay(std::max<std::uint32_t>(attempts, 1)).value_or(kSlow.back()), 1.0);
}

milliseconds RetryPlan::longest_wait() {
  return with_jitter(kSlow.back(), 1.0);
}

std::optional<Timestamp> RetryPlan::next(const Past& past, Timestamp now, Random& random) const {
  const std::uint32_t retry = std::max<std::uint32_t>(past.attempts, 1);
  if (past.max_retries && retry > *past.max_retries) return std::nullopt;
  const auto planned = planned_delay(retry);
  if (!planned) return std::nullopt;

  // The slow ones get their jitter too: an outage parks thousands at once, and they must not come back at once.
  milliseconds delay = with_jitter(*planned, 2.0 * random.unit() - 1.0);
  if (past.retry_after) {
    const milliseconds wish = std::min<milliseconds>(*past.retry_after, options_.retry_after_max);
    delay = std::max(delay, wish);  // later than it asked for is polite, earlier is not
  }
  const Timestamp at = now + delay;
  if (at > past.first_attempt_at + options_.give_up_after) return std::nullopt;
  return at;
}

}  // namespace datasync::delivery
