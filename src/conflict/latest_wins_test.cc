#include "conflict/strategies/latest_wins.h"

#include <gtest/gtest.h>

namespace datasync::conflict {
namespace {

const Value kA = Value::string("a");
const Value kB = Value::string("b");

Side side(const Value& value, const char* platform, std::int64_t time, std::size_t rank) {
  return {&value, PlatformId(platform), HybridTime{time}, rank};
}

/// The surviving value, checked to be the same whichever side it arrived from.
Value survivor(const Strategy& strategy, const Side& one, const Side& other) {
  using Outcome = Resolution::Outcome;
  const Resolution forward = strategy.resolve({"user", "name", one, other});
  const Resolution backward = strategy.resolve({"user", "name", other, one});
  EXPECT_EQ(forward.outcome == Outcome::kIncoming, backward.outcome == Outcome::kGolden);
  EXPECT_EQ(forward.outcome == Outcome::kGolden, backward.outcome == Outcome::kIncoming);
  return forward.outcome == Outcome::kIncoming ? *one.value : *other.value;
}

TEST(LatestWins, KeepsTheLaterChangeWhicheverSideItArrivedFrom) {
  EXPECT_EQ(survivor(LatestWins(), side(kA, "bizoholic", 2, 1), side(kB, "bizosaas", 1, 0)), kA);
}

TEST(LatestWins, BreaksTiesByTrustAndThenByName) {
  EXPECT_EQ(survivor(LatestWins(), side(kA, "bizoholic", 1, 1), side(kB, "coreldove", 1, 2)), kA);
  EXPECT_EQ(survivor(LatestWins(), side(kA, "alpha", 1, 1), side(kB, "beta", 1, 1)), kA);
}

TEST(SourceWins, KeepsTheMoreTrustedPlatformsValueHoweverOld) {
  const auto source_wins = find_strategy("source_wins");
  ASSERT_NE(source_wins, nullptr);
  EXPECT_EQ(survivor(*source_wins, side(kA, "bizosaas", 1, 0), side(kB, "coreldove", 9, 2)), kA);
  EXPECT_EQ(survivor(*source_wins, side(kA, "x", 1, 3), side(kB, "y", 9, 3)), kB);
}

}  // namespace
}  // namespace datasync::conflict
