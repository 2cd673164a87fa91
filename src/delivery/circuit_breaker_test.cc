#include "delivery/circuit_breaker.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "base/random.h"

namespace datasync::delivery {
namespace {

using Permit = CircuitBreaker::Permit;
using Shift = CircuitBreaker::Shift;

const SteadyTime kStart{std::chrono::hours{24 * 100}};
const Timestamp kWall{std::chrono::hours{24 * 365 * 55}};

void fail_until_open(CircuitBreaker& breaker, SteadyTime now) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    static_cast<void>(breaker.report(Permit::kCall, true, i % 2, now));
  }
  ASSERT_TRUE(breaker.is_open());
}

TEST(CircuitBreaker, OpensAtTheTwentiethCallWhenHalfFailed) {
  CircuitBreaker breaker({});
  for (std::uint64_t i = 0; i < 19; ++i) {
    EXPECT_EQ(breaker.report(Permit::kCall, i % 2 == 0, i % 3, kStart), Shift::kNone) << i;
  }
  EXPECT_EQ(breaker.report(Permit::kCall, true, 1, kStart), Shift::kOpened);
  EXPECT_EQ(breaker.ask(kStart), Permit::kNo);
}

TEST(CircuitBreaker, OneTenantsFailuresDoNotStopTheOthers) {
  CircuitBreaker breaker({});
  for (int i = 0; i < 500; ++i) {
    EXPECT_EQ(breaker.report(Permit::kCall, true, 1, kStart), Shift::kNone);
    if (i == 0) static_cast<void>(breaker.report(Permit::kCall, false, 2, kStart));
  }
  EXPECT_FALSE(breaker.is_open());
  EXPECT_EQ(breaker.report(Permit::kCall, true, 2, kStart), Shift::kOpened) << "the second tenant fails too";
}

TEST(CircuitBreaker, TheOnlyTenantOfAnOriginMayOpenIt) {
  CircuitBreaker breaker({});
  for (int i = 0; i < 19; ++i) static_cast<void>(breaker.report(Permit::kCall, true, 1, kStart));
  EXPECT_EQ(breaker.report(Permit::kCall, true, 1, kStart), Shift::kOpened);
}

TEST(CircuitBreaker, ForgetsWhatIsOlderThanAMinute) {
  CircuitBreaker breaker({});
  for (std::uint64_t i = 0; i < 19; ++i) static_cast<void>(breaker.report(Permit::kCall, true, i, kStart));
  const SteadyTime later = kStart + seconds{61};
  EXPECT_EQ(breaker.report(Permit::kCall, true, 1, later), Shift::kNone);
  EXPECT_FALSE(breaker.is_open());
}

TEST(CircuitBreaker, LetsOneTrialThroughAtATimeAndClosesWhenItGoesWell) {
  CircuitBreaker breaker({});
  fail_until_open(breaker, kStart);
  EXPECT_EQ(breaker.ask(kStart + milliseconds{4'999}), Permit::kNo);
  const SteadyTime due = kStart + seconds{5};
  EXPECT_EQ(breaker.ask(due), Permit::kTrial);
  EXPECT_EQ(breaker.ask(due), Permit::kNo) << "one at a time";
  EXPECT_EQ(breaker.report(Permit::kCall, false, 1, due), Shift::kNone) << "a call from before it opened says nothing";
  EXPECT_EQ(breaker.report(Permit::kTrial, false, 1, due), Shift::kClosed);
  EXPECT_EQ(breaker.ask(due), Permit::kCall);
  EXPECT_EQ(breaker.report(Permit::kCall, true, 1, due), Shift::kNone) << "the old failures are forgotten";
}

TEST(CircuitBreaker, EachFailedTrialDoublesTheCoolDownUpToFiveMinutes) {
  CircuitBreaker breaker({});
  fail_until_open(breaker, kStart);
  SteadyTime now = kStart;
  for (const int expected : {5, 10, 20, 40, 80, 160, 300, 300}) {
    EXPECT_EQ(breaker.open_until() - now, seconds{expected});
    now = breaker.open_until();
    ASSERT_EQ(breaker.ask(now), Permit::kTrial);
    EXPECT_EQ(breaker.report(Permit::kTrial, true, 1, now), Shift::kOpened);
  }
}

TEST(CircuitBreaker, ATrialThatNobodyReportsDoesNotBlockForEver) {
  CircuitBreaker breaker({});
  fail_until_open(breaker, kStart);
  const SteadyTime due = kStart + seconds{5};
  ASSERT_EQ(breaker.ask(due), Permit::kTrial);
  EXPECT_EQ(breaker.ask(due + seconds{59}), Permit::kNo);
  EXPECT_EQ(breaker.ask(due + seconds{60}), Permit::kTrial);
  breaker.abandon_trial();
  EXPECT_EQ(breaker.ask(due + seconds{60}), Permit::kTrial);
}

TEST(CircuitBreaker, SurvivesARestartAsText) {
  CircuitBreaker breaker({});
  EXPECT_EQ(breaker.saved(kStart, kWall).to_text(), "closed");
  fail_until_open(breaker, kStart);
  static_cast<void>(breaker.ask(kStart + seconds{5}));
  static_cast<void>(breaker.report(Permit::kTrial, true, 1, kStart + seconds{5}));

  const auto saved = CircuitBreaker::Saved::parse(breaker.saved(kStart + seconds{5}, kWall).to_text());
  ASSERT_TRUE(saved);
  EXPECT_EQ(*saved, breaker.saved(kStart + seconds{5}, kWall));
  EXPECT_EQ(saved->open_until, kWall + seconds{10});
  CircuitBreaker restarted({});
  const SteadyTime boot{};  // of another machine, or this one begun anew
  restarted.restore(*saved, boot, kWall + seconds{1});
  EXPECT_EQ(restarted.ask(boot + milliseconds{8'999}), Permit::kNo);
  EXPECT_EQ(restarted.ask(boot + seconds{9}), Permit::kTrial);
  EXPECT_EQ(restarted.report(Permit::kTrial, true, 1, boot + seconds{9}), Shift::kOpened);
  EXPECT_EQ(restarted.open_until(), boot + seconds{29}) << "the cool-down goes on doubling";
}

TEST(CircuitBreaker, RefusesASavedStateThatIsNone) {
  for (const char* text : {"", "open", "open 5", "open x y", "open 5 5 5", "open -1 5", "open 5 -1",
                           "open 5 99999999999", "open 99999999999999999999 5", "shut"}) {
    EXPECT_FALSE(CircuitBreaker::Saved::parse(text)) << text;
  }
}

TEST(CircuitBreaker, AWallClockThatWasSetBackNeverKeepsItOpenForLongerThanTheLongestCoolDown) {
  CircuitBreaker breaker({});
  fail_until_open(breaker, kStart);
  const auto saved = breaker.saved(kStart, kWall);
  CircuitBreaker restarted({});
  restarted.restore(saved, kStart, kWall - std::chrono::hours{10});
  EXPECT_EQ(restarted.ask(kStart + seconds{299}), Permit::kNo);
  EXPECT_EQ(restarted.ask(kStart + seconds{300}), Permit::kTrial);
}

/// Goal: buckets and two remembered tenants decide as an exact log of every call would. Method: random calls against a
/// log, with the window cut at bucket borders.
TEST(CircuitBreaker, DecidesAsAnExactLogOfAllCallsWould) {
  struct Call {
    std::int64_t bucket;
    bool failed;
    std::uint64_t tenant;
  };
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const auto random = make_seeded_random(seed);
    CircuitBreaker breaker({});
    std::deque<Call> log;
    SteadyTime now = kStart;
    const std::uint64_t tenants = 1 + random->next() % 4;
    const double failure_rate = random->unit();
    for (int i = 0; i < 400; ++i) {
      now += milliseconds{static_cast<std::int64_t>(random->next() % 4'000)};
      const bool failed = random->unit() < failure_rate;
      const std::uint64_t tenant = random->next() % tenants;
      const std::int64_t bucket = now.time_since_epoch() / seconds{5};
      log.push_back({bucket, failed, tenant});
      std::uint64_t calls = 0;
      std::uint64_t failures = 0;
      std::set<std::uint64_t> callers;
      std::set<std::uint64_t> failing;
      for (const Call& call : log) {
        if (call.bucket <= bucket - 12) continue;
        ++calls;
        callers.insert(call.tenant);
        if (!call.failed) continue;
        ++failures;
        failing.insert(call.tenant);
      }
      const bool expected =
          failed && calls >= 20 && failures * 2 >= calls && (failing.size() >= 2 || callers.size() == 1);
      ASSERT_EQ(breaker.report(Permit::kCall, failed, tenant, now) == Shift::kOpened, expected)
          << "seed " << seed << " call " << i;
      if (!expected) continue;
      now = breaker.open_until();
      ASSERT_EQ(breaker.ask(now), Permit::kTrial);
      ASSERT_EQ(breaker.report(Permit::kTrial, false, 0, now), Shift::kClosed);
      log.clear();
    }
  }
}

}  // namespace
}  // namespace datasync::delivery
