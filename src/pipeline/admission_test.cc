#include "pipeline/admission.h"

#include <gtest/gtest.h>

namespace datasync::pipeline {
namespace {

constexpr std::size_t kMost = 2'000;
constexpr std::size_t kMany = 10'000;  // changes that are queued
constexpr milliseconds kLong{20}, kShort{2};

class AdmissionTest : public testing::Test {
 protected:
  std::size_t after(int windows, microseconds duration, std::size_t queued) {
    for (int i = 0; i < windows; ++i) admission_.window_took(duration, queued);
    return admission_.limit();
  }

  Admission admission_{kMost};
};

TEST_F(AdmissionTest, AtFirstAWindowAcceptsAsMuchAsItMay) {
  EXPECT_EQ(admission_.limit(), kMost);
}

TEST_F(AdmissionTest, WhileChangesQueueAndWindowsAreLongLessComesIn) {
  EXPECT_LT(after(1, kLong, kMany), kMost);
  EXPECT_LT(after(50, kLong, kMany), 20U);
  EXPECT_GT(admission_.limit(), 0U) << "it never stops";
}

TEST_F(AdmissionTest, ATargetThatIsSlowSlowsNobodyDown) {
  EXPECT_EQ(after(50, kShort, kMany), kMost) << "its changes queue, but the windows are quick";
}

TEST_F(AdmissionTest, LongWindowsAreNoHarmWhileNothingQueues) {
  EXPECT_EQ(after(50, kLong, 10), kMost) << "they are the cheaper ones";
}

TEST_F(AdmissionTest, WhatWasQueuedIsGoneAndAsMuchComesInAsBefore) {
  after(50, kLong, kMany);
  EXPECT_LT(after(1, kLong, 0), 20U) << "not all at once, or the next window would be too long again";
  EXPECT_EQ(after(40, kLong, 0), kMost);
}

}  // namespace
}  // namespace datasync::pipeline
