#include "delivery/rate_limit.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace datasync::delivery {
namespace {

TEST(TokenBucket, GrantsABurstAndThenTheSteadyRate) {
  ManualClock clock;
  TokenBucket bucket({.refill_per_second = 10, .burst_max = 3}, clock);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.take(), milliseconds{0});
  EXPECT_EQ(bucket.take(), milliseconds{100});
  clock.advance(milliseconds{40});
  EXPECT_EQ(bucket.take(), milliseconds{60});
  clock.advance(milliseconds{60});
  EXPECT_EQ(bucket.take(), milliseconds{0});
}

TEST(TokenBucket, AskingHowLongToWaitTakesNothing) {
  ManualClock clock;
  TokenBucket bucket({.refill_per_second = 10, .burst_max = 1}, clock);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.wait(), milliseconds{0});
  EXPECT_EQ(bucket.take(), milliseconds{0});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(bucket.wait(), milliseconds{100});
  clock.advance(milliseconds{100});
  EXPECT_EQ(bucket.take(), milliseconds{0});
}

TEST(TokenBucket, AnIdleSpellFillsItNoFurtherThanItsBurst) {
  ManualClock clock;
  TokenBucket bucket({.refill_per_second = 1'000, .burst_max = 2}, clock);
  clock.advance(std::chrono::hours{5});
  EXPECT_EQ(bucket.take(), milliseconds{0});
  EXPECT_EQ(bucket.take(), milliseconds{0});
  EXPECT_GT(bucket.take(), milliseconds{0});
}

TEST(TokenBucket, AClockThatStandsStillOrStepsBackGrantsNothing) {
  ManualClock clock;
  TokenBucket bucket({.refill_per_second = 1, .burst_max = 1}, clock);
  EXPECT_EQ(bucket.take(), milliseconds{0});
  clock.advance(-seconds{60});
  EXPECT_GT(bucket.take(), milliseconds{0});
}

TEST(TokenBucket, TheAnnouncedWaitIsAlwaysEnoughAndNoMoreIsGrantedThanPromised) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto random = make_seeded_random(seed);
    ManualClock clock;
    const double rate = 0.1 + random->unit() * 2'000;
    const auto burst = static_cast<std::uint32_t>(1 + random->next() % 50);
    TokenBucket bucket({.refill_per_second = rate, .burst_max = burst}, clock);
    const Timestamp start = clock.now();
    double granted = 0;
    for (int i = 0; i < 500; ++i) {
      const milliseconds wait = bucket.take();
      if (wait == milliseconds{0}) {
        ++granted;
        continue;
      }
      clock.advance(wait);
      ASSERT_EQ(bucket.take(), milliseconds{0}) << "seed " << seed << " after waiting " << wait.count() << " ms";
      ++granted;
    }
    const double elapsed = static_cast<double>((clock.now() - start).count()) / 1e6;
    EXPECT_LE(granted, burst + elapsed * rate + 1e-3) << "seed " << seed;
  }
}

}  // namespace
}  // namespace datasync::delivery
