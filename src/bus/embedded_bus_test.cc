#include "bus/embedded/embedded_bus.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.h"

namespace datasync::bus {
namespace {

const SteadyTime kStart{};

Waiting event(std::int64_t sequence, std::uint64_t key, Priority priority, std::string tenant = "t",
              SteadyTime since = kStart) {
  return {Sequence{sequence}, key, priority, TenantId(std::move(tenant)), since};
}

std::vector<std::int64_t> drain(EventBus& bus, SteadyTime now = kStart) {
  std::vector<std::int64_t> order;
  while (auto next = bus.pop(now)) order.push_back(next->sequence.value);
  return order;
}

TEST(EmbeddedBus, TakesTheBestPriorityFirst) {
  EmbeddedBus bus;
  bus.push(event(1, 1, Priority::kLow));
  bus.push(event(2, 2, Priority::kNormal));
  bus.push(event(3, 3, Priority::kCritical));
  bus.push(event(4, 4, Priority::kHigh));
  EXPECT_EQ(bus.depth(), (std::array<std::size_t, 4>{1, 1, 1, 1}));
  EXPECT_EQ(drain(bus), (std::vector<std::int64_t>{3, 4, 2, 1}));
}

TEST(EmbeddedBus, AnEventLendsItsPriorityToTheEarlierOnesOfItsKey) {
  EmbeddedBus bus;
  bus.push(event(1, 7, Priority::kLow));
  bus.push(event(2, 8, Priority::kNormal));
  bus.push(event(3, 7, Priority::kCritical));
  EXPECT_EQ(drain(bus), (std::vector<std::int64_t>{1, 3, 2}));
}

TEST(EmbeddedBus, TenantsTakeTurnsHoweverMuchOneOfThemWants) {
  EmbeddedBus bus;
  for (int i = 0; i < 4; ++i) bus.push(event(i, static_cast<std::uint64_t>(i), Priority::kNormal, "loud"));
  bus.push(event(10, 10, Priority::kNormal, "quiet"));
  EXPECT_EQ(drain(bus), (std::vector<std::int64_t>{0, 10, 1, 2, 3}));
}

TEST(EmbeddedBus, LowAgesUntilItIsTakenBeforeFreshCriticalOnes) {
  EmbeddedBus bus;
  bus.push(event(1, 1, Priority::kLow));
  const SteadyTime later = kStart + seconds{4};
  bus.push(event(2, 2, Priority::kHigh, "t", later));
  EXPECT_EQ(bus.pop(later)->sequence.value, 1);
}

TEST(EmbeddedBus, WhateverComesTheOrderOfEachKeyIsKeptAndNothingIsLost) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto random = make_seeded_random(seed);
    EmbeddedBus bus;
    std::map<std::uint64_t, std::int64_t> last;
    std::int64_t pushed = 0;
    std::int64_t popped = 0;
    SteadyTime now = kStart;
    const auto take = [&] {
      const auto next = bus.pop(now);
      if (!next) return false;
      EXPECT_GT(next->sequence.value, last[next->order_key]) << "seed " << seed;
      last[next->order_key] = next->sequence.value;
      ++popped;
      return true;
    };
    for (int i = 0; i < 500; ++i) {
      now += milliseconds{static_cast<std::int64_t>(random->next() % 700)};
      if (random->next() % 3 == 0) {
        take();
      } else {
        const std::uint64_t key = random->next() % 9;
        bus.push(event(++pushed, key, static_cast<Priority>(random->next() % 4), "t" + std::to_string(key % 3), now));
      }
    }
    while (take()) {
    }
    EXPECT_EQ(pushed, popped) << "seed " << seed;
    EXPECT_EQ(bus.depth(), (std::array<std::size_t, 4>{}));
  }
}

}  // namespace
}  // namespace datasync::bus
