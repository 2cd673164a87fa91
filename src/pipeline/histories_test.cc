#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "pipeline/testing/history.h"

// Random histories against the promises of ARCHITECTURE.md. A failure prints its seed; `./dev sim` plays it again, and
// many more.

namespace datasync::pipeline {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

HistoryReport run_histories(HistoryKind kind) {
  constexpr std::uint64_t kHistories = 75;  // of each kind in a normal run
  const std::uint64_t shown = from_environment("DATASYNC_FAILURES", 3);
  const std::uint64_t first = from_environment("DATASYNC_SEED", 1);
  const std::uint64_t count = from_environment("DATASYNC_HISTORIES", kHistories);
  HistoryReport sum;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const HistoryReport report = run_history(kind, seed);
    sum.events += report.events;
    sum.requests += report.requests;
    sum.conflicts += report.conflicts;
    sum.crashes += report.crashes;
    sum.refused += report.refused;
    sum.garbled += report.garbled;
    sum.dead += report.dead;
    sum.reworded += report.reworded;
    sum.set_aside += report.set_aside;
    sum.decided += report.decided;
    sum.undone += report.undone;
    sum.merged += report.merged;
    sum.parted += report.parted;
    if (report.broken.empty()) continue;
    std::string all;
    for (const std::string& what : report.broken) all += "\n  " + what;
    if (++failed <= shown) ADD_FAILURE() << "DATASYNC_SEED=" << seed << all;
  }
  EXPECT_EQ(failed, 0U) << "of " << count << " histories";
  testing::Test::RecordProperty("events", static_cast<int>(sum.events));
  std::printf(
      "%llu histories: %zu events, %zu requests, %zu conflicts, %zu crashes, %zu refused, %zu garbled, %zu dead, %zu "
      "reworded, "
      "%zu set aside, %zu decided, %zu undone, %zu merged, %zu parted\n",
      static_cast<unsigned long long>(count), sum.events, sum.requests, sum.conflicts, sum.crashes, sum.refused,
      sum.garbled, sum.dead, sum.reworded, sum.set_aside, sum.decided, sum.undone, sum.merged, sum.parted);
  return sum;
}

TEST(Histories, CalmOnesEndAsASimpleModelSays) {
  run_histories(HistoryKind::kCalm);
}
TEST(Histories, WildOnesConverge) {
  run_histories(HistoryKind::kWild);
}
TEST(Histories, CrashesLoseNothing) {
  run_histories(HistoryKind::kCrashes);
}
TEST(Histories, AStoreThatFailsLosesNothing) {
  run_histories(HistoryKind::kStoreFails);
}
TEST(Histories, LittleRoomAndOutagesLoseNothing) {
  const HistoryReport sum = run_histories(HistoryKind::kLittleRoom);
  EXPECT_GT(sum.set_aside, 0U) << "there was room for all";
}
TEST(Histories, ReviewsAreDecidedOnceAndForAll) {
  const HistoryReport sum = run_histories(HistoryKind::kReviews);
  EXPECT_GT(sum.decided, 0U) << "nothing had to be decided";
}

}  // namespace
}  // namespace datasync::pipeline
