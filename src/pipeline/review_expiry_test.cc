// Reviews that nobody decides, and who is to.

#include <gtest/gtest.h>

#include <functional>

#include "pipeline/testing/engine_fixture.h"

namespace datasync::pipeline {
namespace {

using Choice = ReviewDecision::Choice;

class ReviewExpiryTest : public EngineTest {
 protected:
  void begin_with_expiry(conflict::ReviewExpiry expiry) {
    conflict::FieldRule every;
    every.review = conflict::ReviewRule{};
    conflict::EntityRulebook book;
    book.fields = {{"name", every}};
    book.expiry = expiry;
    begin({}, false, {{kEntity, book}});
    id_ = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    settle();
    edit(alpha(), id_, "name", "t1:anna");
    world().run_for(seconds{10});
  }
  /// The review is spoiled in the store, as by a hand that should not be there.
  void spoil(const std::function<void(Conflict&)>& how) {
    storage::WriteBatch batch;
    batch.conflicts = {review()};
    how(batch.conflicts.front());
    ASSERT_TRUE(world().store.commit(batch));
  }
  void spoil_record(const std::function<void(Record&)>& how) {
    auto record = std::make_shared<Record>(world().store.records().begin()->second);
    how(*record);
    storage::WriteBatch batch;
    batch.records.push_back({record, record->version, true});
    ASSERT_TRUE(world().store.commit(batch));
    world().crash();  // what is in memory is the former one
  }
  const Conflict& review() { return world().store.conflicts().front(); }

  std::string id_;
};

TEST_F(ReviewExpiryTest, WithoutAPolicyAReviewWaits) {
  begin_with_expiry({});
  world().run_for(std::chrono::hours{24 * 400});
  EXPECT_EQ(review().status, "open");
  EXPECT_FALSE(review().expires_at);
}

TEST_F(ReviewExpiryTest, AReviewThatNobodyDecidesKeepsTheGoldenValueAndCorrectsItsProposer) {
  begin_with_expiry({std::chrono::hours{2}, false});
  world().run_for(std::chrono::minutes{100});
  EXPECT_EQ(review().status, "open");
  world().run_for(std::chrono::minutes{60});
  EXPECT_EQ(review().status, "resolved");
  EXPECT_EQ(review().resolved_by, "data-sync");
  EXPECT_NE(review().resolved_why.find("nobody decided until"), std::string::npos);
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:ann");
  EXPECT_EQ(held(beta(), "name"), "t1:ann");
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
}

TEST_F(ReviewExpiryTest, OrTakesTheProposalWhereThePolicySaysSo) {
  begin_with_expiry({std::chrono::hours{2}, true});
  world().run_for(std::chrono::hours{3});
  EXPECT_EQ(review().status, "resolved");
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:anna");
  EXPECT_EQ(held(gamma(), "name"), "t1:anna");
}

TEST_F(ReviewExpiryTest, OfSeveralProposalsNoneIsTaken) {
  begin_with_expiry({std::chrono::hours{2}, true});
  edit(beta(), only(beta()).first, "name", "t1:bea");
  world().run_for(std::chrono::hours{3});
  EXPECT_EQ(review().status, "resolved");
  settle();
  for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) EXPECT_EQ(held(*platform, "name"), "t1:ann");
}

TEST_F(ReviewExpiryTest, WhatCannotDecideItselfIsLeftToAPersonAndSaysWhy) {
  begin_with_expiry({std::chrono::hours{2}, false});
  spoil([](Conflict& review) { review.fields.front().field = "_identity"; });
  spoil_record([](Record& record) { record.holds.front().field = kIdentityField; });
  world().run_for(std::chrono::hours{3});
  EXPECT_EQ(review().status, "open");
  EXPECT_NE(review().reason.find("; it could not decide itself: "), std::string::npos) << review().reason;
  EXPECT_FALSE(review().expires_at);
  const auto revision = review().revision;
  world().run_for(std::chrono::hours{3});
  EXPECT_EQ(review().revision, revision) << "it is not tried again";
}

TEST_F(ReviewExpiryTest, WhatNothingWaitsForIsClosedAndItsEventIsDone) {
  begin_with_expiry({std::chrono::hours{2}, false});
  spoil([](Conflict& review) { review.fields.front().field = "city"; });
  spoil_record([](Record& record) { record.holds.clear(); });
  world().run_for(std::chrono::hours{3});
  EXPECT_EQ(review().status, "resolved");
  EXPECT_NE(review().resolved_why.find("no longer waits"), std::string::npos) << review().resolved_why;
  EXPECT_EQ(review().resolved_by, "");
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
}

TEST_F(ReviewExpiryTest, WhoIsToDecideIsNotedAndChangesNothingElse) {
  begin_with_expiry({});
  ReviewDecision decision;
  decision.conflict = review().id;
  decision.choice = Choice::kAssign;
  decision.assignee = "olga";
  decision.revision = 1;
  const auto assigned = world().decide(decision);
  ASSERT_TRUE(assigned) << assigned.error().message;
  EXPECT_EQ(assigned->assignee, "olga");
  EXPECT_EQ(review().assignee, "olga");
  EXPECT_EQ(review().revision, 2);
  EXPECT_EQ(review().status, "open");
  const auto again = world().decide(decision);
  ASSERT_FALSE(again) << "its revision is past";
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace datasync::pipeline
