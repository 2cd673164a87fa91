#include "pipeline/inbox.h"

#include <gtest/gtest.h>

#include <thread>

namespace datasync::pipeline {
namespace {

class InboxTest : public testing::Test {
 protected:
  /// An accept of so many events. False if it was refused.
  bool push(std::size_t submissions) {
    AcceptRequest request{std::vector<Submission>(submissions), [](Result<std::vector<Receipt>>) {}};
    return inbox_.push(request);
  }
  /// The sizes of the accepts that a window takes.
  std::vector<std::size_t> take(std::size_t most) {
    std::vector<std::size_t> sizes;
    for (const AcceptRequest& request : inbox_.take(most).accepts) sizes.push_back(request.submissions.size());
    return sizes;
  }
  using Sizes = std::vector<std::size_t>;

  Inbox inbox_{10};
};

TEST_F(InboxTest, AWindowTakesTheFirstAcceptsThatFitAndLeavesTheOthersInOrder) {
  for (const std::size_t size : {2U, 3U, 1U, 4U}) EXPECT_TRUE(push(size));
  EXPECT_EQ(take(5), (Sizes{2, 3}));
  EXPECT_EQ(take(4), (Sizes{1})) << "what does not fit is not overtaken";
  EXPECT_EQ(take(4), (Sizes{4}));
  EXPECT_EQ(take(4), Sizes{});
}

TEST_F(InboxTest, ABatchThatIsLargerThanAWindowIsTakenWhole) {
  EXPECT_TRUE(push(9));
  EXPECT_TRUE(push(1));
  EXPECT_EQ(take(5), (Sizes{9}));
  EXPECT_EQ(take(5), (Sizes{1}));
}

TEST_F(InboxTest, WhatWaitsCountsUntilItIsTaken) {
  EXPECT_TRUE(push(6));
  EXPECT_TRUE(push(4));
  EXPECT_FALSE(push(1));
  EXPECT_EQ(take(6), (Sizes{6}));
  EXPECT_FALSE(push(7));
  EXPECT_TRUE(push(6));
}

TEST_F(InboxTest, AnswersAndRedrivesNeverWaitForRoom) {
  EXPECT_TRUE(push(3));
  EXPECT_TRUE(push(3));
  for (std::int64_t id = 1; id <= 3; ++id) inbox_.push(TargetAnswer{id, net::ClientResponse{}, milliseconds{2}});
  RedriveRequest redrive{{}, "e1", {}, [](Result<Redriven>) {}};
  EXPECT_TRUE(inbox_.push(redrive));
  const Inbox::Load load = inbox_.take(1);
  EXPECT_EQ(load.accepts.size(), 1U);
  EXPECT_EQ(load.redrives.size(), 1U);
  ASSERT_EQ(load.answers.size(), 3U);
  EXPECT_EQ(load.answers.back().id, 3);
  EXPECT_EQ(load.answers.back().round_trip, milliseconds{2});
}

TEST_F(InboxTest, WhoWaitsForMuchIsWokenByWhatIsInTheRequests) {
  EXPECT_TRUE(push(3));
  inbox_.push(TargetAnswer{1, net::ClientResponse{}, {}, 4});
  EXPECT_EQ(inbox_.waiting(), 7U);
  inbox_.wait_for_much(7);
  std::thread other([this] { inbox_.push(TargetAnswer{2, net::ClientResponse{}, {}, 100}); });
  inbox_.wait_for_much(100);
  other.join();
  EXPECT_EQ(inbox_.waiting(), 107U);
  EXPECT_EQ(inbox_.take(3).answers.size(), 2U);
  EXPECT_EQ(inbox_.waiting(), 0U);
}

TEST_F(InboxTest, WhoWaitsForMuchIsWokenByNothingToo) {
  std::thread other([this] { inbox_.wake(); });
  inbox_.wait_for_much(1);
  other.join();
}

TEST_F(InboxTest, WhoWaitsForMuchIsWokenByTheEndOfTheTransactionThatIsUnderWay) {
  std::thread other([this] { inbox_.note_committed(true); });
  inbox_.wait_for_much(1);
  other.join();
  EXPECT_TRUE(inbox_.is_committed());
  inbox_.note_committed(false);
  std::thread later([this] { inbox_.push(TargetAnswer{1, net::ClientResponse{}, {}, 1}); });
  inbox_.wait_for_much(1);  // that end wakes nobody twice
  later.join();
  EXPECT_EQ(inbox_.waiting(), 1U);
}

TEST_F(InboxTest, AClosedInboxTakesAnswersOnly) {
  inbox_.close();
  EXPECT_FALSE(push(1));
  inbox_.push(TargetAnswer{1, net::ClientResponse{}, {}});
  EXPECT_EQ(inbox_.take(1).answers.size(), 1U);
}

}  // namespace
}  // namespace datasync::pipeline
