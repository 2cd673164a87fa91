#include "delivery/adaptive_concurrency.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace datasync::delivery {
namespace {

/// A target that serves `width` requests at once in `service_time`; more than that wait in turn.
microseconds answer_time(std::uint32_t in_flight, std::uint32_t width, microseconds service_time) {
  return service_time * std::max<std::int64_t>(1, (in_flight + width - 1) / width);
}

/// One round trip with as many requests in flight as are allowed.
void round(AdaptiveConcurrency& concurrency, microseconds time) {
  const std::uint32_t in_flight = concurrency.limit();
  for (std::uint32_t i = 0; i < in_flight; ++i) concurrency.answered(time, in_flight);
}

TEST(AdaptiveConcurrency, BeginsWithOneAndAddsOneForEachCleanRoundTrip) {
  AdaptiveConcurrency concurrency({.limit_max = 50});
  for (std::uint32_t expected = 1; expected <= 50; ++expected) {
    EXPECT_EQ(concurrency.limit(), expected);
    round(concurrency, milliseconds{20});
  }
  round(concurrency, milliseconds{20});
  EXPECT_EQ(concurrency.limit(), 50U) << "the configured maximum holds";
}

TEST(AdaptiveConcurrency, DoesNotGrowWhileTheLimitIsNotReached) {
  AdaptiveConcurrency concurrency({.limit_max = 50});
  for (int i = 0; i < 5; ++i) round(concurrency, milliseconds{20});
  const std::uint32_t before = concurrency.limit();
  for (int i = 0; i < 200; ++i) concurrency.answered(milliseconds{20}, 1);
  EXPECT_EQ(concurrency.limit(), before);
}

TEST(AdaptiveConcurrency, TakesATenthAwayWhenAnswersTakeMuchLongerThanTheyUsedTo) {
  AdaptiveConcurrency concurrency({.limit_max = 100});
  for (int i = 0; i < 40; ++i) round(concurrency, milliseconds{20});
  ASSERT_EQ(concurrency.limit(), 41U);
  round(concurrency, milliseconds{200});
  EXPECT_EQ(concurrency.limit(), 36U) << "once a round, not once an answer";
}

TEST(AdaptiveConcurrency, FailuresShrinkItToOneAndNoFurther) {
  AdaptiveConcurrency concurrency({.limit_max = 100});
  for (int i = 0; i < 40; ++i) round(concurrency, milliseconds{20});
  for (int i = 0; i < 5'000; ++i) concurrency.failed();
  EXPECT_EQ(concurrency.limit(), 1U);
  round(concurrency, milliseconds{20});
  EXPECT_EQ(concurrency.limit(), 2U) << "and it recovers";
}

TEST(AdaptiveConcurrency, SmallTremorsOfAQuickTargetAreNotSlowness) {
  const auto random = make_seeded_random(3);
  AdaptiveConcurrency concurrency({.limit_max = 20});
  for (int i = 0; i < 200; ++i) {
    round(concurrency, microseconds{300 + static_cast<std::int64_t>(random->next() % 200)});
  }
  EXPECT_EQ(concurrency.limit(), 20U);
}

TEST(AdaptiveConcurrency, StaysInItsBoundsWhateverTheTargetDoes) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto random = make_seeded_random(seed);
    const auto limit_max = static_cast<std::uint32_t>(1 + random->next() % 100);
    const auto width = static_cast<std::uint32_t>(1 + random->next() % 40);
    AdaptiveConcurrency concurrency({.limit_max = limit_max});
    for (int i = 0; i < 3'000; ++i) {
      const std::uint32_t in_flight = concurrency.limit();
      if (random->next() % 50 == 0) {
        concurrency.failed();
      } else {
        concurrency.answered(answer_time(in_flight, width, milliseconds{5}), in_flight);
      }
      ASSERT_GE(concurrency.limit(), 1U) << "seed " << seed;
      ASSERT_LE(concurrency.limit(), limit_max) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace datasync::delivery
