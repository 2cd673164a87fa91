#include "delivery/retry_plan.h"

#include <gtest/gtest.h>

#include <vector>

namespace datasync::delivery {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Timestamp kStart{hours{24 * 365 * 55}};

/// A random source that always says `unit()` = 0.5, so that jitter vanishes.
class Middle final : public Random {
 public:
  std::uint64_t next() override { return std::uint64_t{1} << 63U; }
};

/// All delays between attempts, each made exactly when the plan said.
std::vector<milliseconds> delays(const RetryPlan& plan, Random& random, RetryPlan::Past past = {}) {
  past.first_attempt_at = kStart;
  Timestamp now = kStart;
  std::vector<milliseconds> all;
  for (past.attempts = 1; past.attempts < 1'000; ++past.attempts) {
    const auto next = plan.next(past, now, random);
    if (!next) break;
    all.push_back(std::chrono::duration_cast<milliseconds>(*next - now));
    now = *next;
  }
  return all;
}

TEST(RetryPlan, FollowsTheShippedScheduleAndThenGivesUp) {
  Middle random;
  const std::vector<milliseconds> expected{seconds{1},  seconds{2}, seconds{4}, seconds{30}, minutes{5},
                                           minutes{30}, hours{2},   hours{5},   hours{10}};
  EXPECT_EQ(delays(RetryPlan({}), random), expected);
}

TEST(RetryPlan, TheEventsCapCountsQuickAndSlowTogether) {
  Middle random;
  for (const std::uint32_t cap : {0U, 1U, 3U, 5U, 9U, 50U}) {
    RetryPlan::Past past;
    past.max_retries = cap;
    EXPECT_EQ(delays(RetryPlan({}), random, past).size(), std::min<std::size_t>(cap, 9)) << cap;
  }
}

TEST(RetryPlan, WithoutQuickRetriesTheSlowOnesComeFirst) {
  Middle random;
  const auto all = delays(RetryPlan({.quick_retries = 0}), random);
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all.front(), seconds{30});
}

TEST(RetryPlan, WaitsAsLongAsThePlatformWishesButNoLongerThanAnHour) {
  Middle random;
  const RetryPlan plan({});
  RetryPlan::Past past{.attempts = 1, .first_attempt_at = kStart};
  past.retry_after = seconds{90};
  EXPECT_EQ(plan.next(past, kStart, random), kStart + seconds{90});
  past.retry_after = hours{7};
  EXPECT_EQ(plan.next(past, kStart, random), kStart + hours{1});
  past.retry_after = milliseconds{1};
  EXPECT_EQ(plan.next(past, kStart, random), kStart + seconds{1}) << "an earlier wish changes nothing";
  past.retry_after = milliseconds{-5'000};
  EXPECT_EQ(plan.next(past, kStart, random), kStart + seconds{1});
}

TEST(RetryPlan, NoAttemptIsLaterThanADayAfterTheFirst) {
  Middle random;
  const RetryPlan plan({});
  const RetryPlan::Past past{.attempts = 4, .first_attempt_at = kStart};
  EXPECT_TRUE(plan.next(past, kStart + hours{24} - seconds{30}, random));
  EXPECT_FALSE(plan.next(past, kStart + hours{24} - seconds{29}, random));
}

TEST(RetryPlan, HoldsItsPromisesForAnySettingsAndSeeds) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const auto random = make_seeded_random(seed);
    RetryPlan::Options options;
    options.quick_retries = static_cast<std::uint32_t>(random->next() % 25);
    options.backoff_factor = random->unit() * 12.0;
    RetryPlan::Past past;
    if (random->next() % 2 == 0) past.max_retries = static_cast<std::uint32_t>(random->next() % 30);
    if (random->next() % 2 == 0) past.retry_after = seconds{static_cast<std::int64_t>(random->next() % 9'000)};
    const RetryPlan plan(options);
    const auto all = delays(plan, *random, past);
    milliseconds total{0};
    std::uint32_t attempts = 0;
    for (const milliseconds delay : all) {
      EXPECT_GE(delay, milliseconds{800}) << "seed " << seed;
      EXPECT_LE(delay, RetryPlan::longest_wait()) << "seed " << seed;
      ++attempts;
      if (!past.retry_after) {
        EXPECT_LE(delay, plan.longest_wait(attempts)) << "seed " << seed;
      }
      if (past.retry_after) {
        EXPECT_GE(delay, std::min<milliseconds>(*past.retry_after, hours{1})) << "seed " << seed;
      }
      total += delay;
    }
    EXPECT_LE(total, hours{24}) << "seed " << seed;
    EXPECT_LE(all.size(), past.max_retries.value_or(26)) << "seed " << seed;
  }
}

TEST(RetryPlan, JitterSpreadsOverAFifthToEitherSide) {
  const auto random = make_seeded_random(7);
  const RetryPlan plan({});
  milliseconds least = hours{1};
  milliseconds most{0};
  for (int i = 0; i < 2'000; ++i) {
    const auto next = plan.next({.attempts = 4, .first_attempt_at = kStart}, kStart, *random);
    const auto delay = std::chrono::duration_cast<milliseconds>(*next - kStart);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, seconds{24});
  EXPECT_LT(least, milliseconds{24'100});
  EXPECT_LE(most, seconds{36});
  EXPECT_GT(most, milliseconds{35'900});
}

}  // namespace
}  // namespace datasync::delivery
