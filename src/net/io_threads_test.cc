#include "net/io_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/test_support.h"

namespace datasync::net {
namespace {

using testing::Inbox;
using testing::kPatience;
using testing::TestClock;

TEST(IoThreads, TasksOfOnePosterRunInOrderOnTheirThread) {
  TestClock clock;
  IoThreads threads(2, clock);
  threads.start();
  IoThread& thread = threads.at(1);
  std::vector<int> seen;
  std::latch done(1);
  for (int i = 0; i < 10'000; ++i) {
    thread.post([&seen, &thread, i] {
      if (thread.is_current()) seen.push_back(i);
    });
  }
  thread.post([&done] { done.count_down(); });
  done.wait();
  ASSERT_EQ(seen.size(), 10'000U);
  for (int i = 0; i < 10'000; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(IoThread::current(), nullptr);
}

TEST(IoThreads, WorkPostedBeforeTheStartWaitsForIt) {
  TestClock clock;
  IoThreads threads(1, clock);
  Inbox<int> inbox;
  std::vector<Task> tasks;
  tasks.emplace_back([&inbox] { inbox.put(1); });
  tasks.emplace_back([&inbox] { inbox.put(2); });
  threads.at(0).post_all(std::move(tasks));
  threads.start();
  EXPECT_EQ(inbox.take(), 1);
  EXPECT_EQ(inbox.take(), 2);
}

TEST(IoThreads, ManyPostersLoseNothing) {
  TestClock clock;
  IoThreads threads(2, clock);
  threads.start();
  std::atomic<int> count{0};
  constexpr int kEach = 5'000;
  std::latch done(4 * kEach);
  std::vector<std::jthread> posters;
  for (int poster = 0; poster < 4; ++poster) {
    posters.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        threads.next().post([&] {
          ++count;
          done.count_down();
        });
      }
    });
  }
  done.wait();
  EXPECT_EQ(count, 4 * kEach);
}

TEST(IoThreads, AfterWaitsForItsTimeAndNoLonger) {
  TestClock clock;
  IoThreads threads(1, clock);
  threads.start();
  Inbox<std::string> inbox;
  threads.at(0).after(seconds{60}, [&] { inbox.put("late"); });
  threads.at(0).after(seconds{30}, [&] { inbox.put("soon"); });
  threads.run_on_each([](IoThread&) {});  // both are armed now
  clock.advance(seconds{31});
  EXPECT_EQ(inbox.take(), "soon");
  clock.advance(seconds{31});
  EXPECT_EQ(inbox.take(), "late");
}

TEST(IoThreads, ATaskThatThrowsHarmsNoOther) {
  TestClock clock;
  IoThreads threads(1, clock);
  threads.start();
  Inbox<int> inbox;
  threads.at(0).post([] { throw std::runtime_error("on purpose"); });
  threads.at(0).post([&] { inbox.put(1); });
  EXPECT_EQ(inbox.take(), 1);
}

TEST(IoThreads, WhatNeverRunsIsDestroyed) {
  TestClock clock;
  const auto held = std::make_shared<int>(1);
  IoThreads threads(1, clock);
  threads.start();
  threads.at(0).after(seconds{60}, [held] {});
  threads.run_on_each([](IoThread&) {});
  EXPECT_EQ(held.use_count(), 2);
  threads.stop();
  threads.at(0).post([held] {});
  EXPECT_EQ(held.use_count(), 1);
}

TEST(IoThreads, TheDateHeaderFollowsTheClock) {
  TestClock clock;  // stands at 2025-06-15T15:06:40Z
  IoThreads threads(1, clock);
  threads.start();
  std::string date;
  threads.run_on_each([&](IoThread& thread) { date = thread.date_header(); });
  EXPECT_EQ(date, "Date: Sun, 15 Jun 2025 15:06:40 GMT\r\n");
}

}  // namespace
}  // namespace datasync::net
