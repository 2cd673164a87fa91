#include "net/timer_wheel.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace datasync::net {
namespace {

struct Recorder final : WheelTimer {
  explicit Recorder(std::function<void()> action_) : action(std::move(action_)) {}
  void on_timer() override { action(); }
  std::function<void()> action;
};

class TimerWheelTest : public ::testing::Test {
 protected:
  void advance(milliseconds by) {
    now += by;
    wheel.advance(now);
  }
  SteadyTime now{microseconds{1'000'000}};
  TimerWheel wheel{now};
};

TEST_F(TimerWheelTest, FiresNeverEarlyAndAtMostTwoTicksLate) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const milliseconds delay(static_cast<std::int64_t>(random() % 200'000));  // up to four turns of the wheel
    const SteadyTime armed = now;
    std::optional<SteadyTime> fired;
    Recorder timer([&] { fired = now; });
    wheel.arm(timer, delay);
    while (!fired && now < armed + delay + TimerWheel::kTick * 3) advance(milliseconds{50});
    ASSERT_TRUE(fired) << delay.count();
    EXPECT_GE(*fired, armed + delay);
    EXPECT_LE(*fired, armed + delay + TimerWheel::kTick * 2);
  }
}

TEST_F(TimerWheelTest, ALaterDeadlineReplacesAnEarlierOneAndAnEarlierALater) {
  int fired = 0;
  Recorder timer([&] { ++fired; });
  wheel.arm(timer, seconds{1});
  wheel.arm(timer, seconds{10});
  advance(seconds{9});
  EXPECT_EQ(fired, 0);
  wheel.arm(timer, milliseconds{500});
  advance(seconds{1});
  EXPECT_EQ(fired, 1);
  advance(seconds{100});
  EXPECT_EQ(fired, 1);
}

TEST_F(TimerWheelTest, ADisarmedOrDestroyedTimerNeverFires) {
  int fired = 0;
  Recorder disarmed([&] { ++fired; });
  auto destroyed = std::make_unique<Recorder>([&] { ++fired; });
  wheel.arm(disarmed, seconds{1});
  wheel.arm(*destroyed, seconds{1});
  wheel.disarm(disarmed);
  destroyed.reset();
  advance(seconds{100});
  EXPECT_EQ(fired, 0);
  wheel.arm(disarmed, seconds{1});
  advance(seconds{2});
  EXPECT_EQ(fired, 1);
}

TEST_F(TimerWheelTest, WhatFiresMayDestroyAndArmOthersOfTheSameTick) {
  int fired = 0;
  std::vector<std::unique_ptr<Recorder>> timers(3);
  for (auto& timer : timers) {
    timer = std::make_unique<Recorder>([&] {
      ++fired;
      timers[1].reset();
      wheel.arm(*timers[2], seconds{5});
    });
  }
  for (auto& timer : timers) wheel.arm(*timer, seconds{1});
  advance(seconds{2});
  EXPECT_EQ(fired, 1);
  advance(seconds{5});
  EXPECT_EQ(fired, 2);
}

TEST_F(TimerWheelTest, AJumpOfHoursFiresAllThatIsDueAndNothingElse) {
  int due = 0;
  int later = 0;
  Recorder first([&] { ++due; });
  Recorder second([&] { ++later; });
  wheel.arm(first, std::chrono::hours{1});
  wheel.arm(second, std::chrono::hours{3});
  advance(std::chrono::hours{2});
  EXPECT_EQ(due, 1);
  EXPECT_EQ(later, 0);
}

TEST_F(TimerWheelTest, ATimerMayOutliveItsWheel) {
  auto timer = std::make_unique<Recorder>([] {});
  {
    TimerWheel brief(now);
    brief.arm(*timer, seconds{1});
  }
  timer.reset();
}

}  // namespace
}  // namespace datasync::net
