// Fields that wait for a person: what waits, what goes on meanwhile, and what becomes of it once it is decided.
// `histories_test.cc` tries it all at once, and `review_crossing_test.cc` what crosses it.

#include <gtest/gtest.h>

#include "pipeline/testing/review_fixture.h"

namespace datasync::pipeline {
namespace {

TEST_F(ReviewTest, AChangeUnderARuleWaitsAndTheRestOfItsEventGoesOn) {
  const std::string id = start();
  sends_ = false;
  edit(alpha(), id, "city", "t1:oslo");
  edit(alpha(), id, "name", "t1:anna");
  auto event = last_;
  event->data.set("city", text("t1:oslo"));
  ASSERT_TRUE(world().accept({event}));
  settle();
  EXPECT_EQ(golden("name"), "t1:ann");
  EXPECT_EQ(held(beta(), "name"), "t1:ann");
  EXPECT_EQ(held(beta(), "city"), "t1:oslo");
  EXPECT_EQ(held(gamma(), "city"), "t1:oslo");
  EXPECT_EQ(held(alpha(), "name"), "t1:anna");
  EXPECT_EQ(alpha().requests, 0U);
  EXPECT_FALSE(was_told(beta(), "name", "t1:anna"));

  const std::string name = event->id.str();
  EXPECT_EQ(status(name), EventStatus::kReview);
  EXPECT_EQ(result(name, "beta").status, ResultStatus::kReview);
  const Conflict& review = only_conflict();
  EXPECT_EQ(review.type, "business_rule_violation");
  EXPECT_EQ(review.status, "open");
  EXPECT_EQ(review.source.str(), "alpha");
  EXPECT_EQ(review.target.str(), "alpha");
  ASSERT_EQ(review.fields.size(), 1U);
  EXPECT_EQ(review.fields[0].field, "name");
  EXPECT_EQ(review.fields[0].source_value, text("t1:anna"));
  EXPECT_EQ(review.fields[0].target_value, text("t1:ann"));
  EXPECT_FALSE(review.reason.empty());
}

TEST_F(ReviewTest, AStrategyAsksAPersonOnlyAboutConcurrentChanges) {
  const std::string id = start();
  edit(alpha(), id, "phone", "t1:2");
  settle();
  expect_everywhere("phone", "t1:2");
  EXPECT_TRUE(world().store.conflicts().empty());

  edit(alpha(), id, "phone", "t1:3");
  last_id_ = "concurrent";
  edit(beta(), id_on(beta()), "phone", "t1:4");
  settle();
  EXPECT_EQ(golden("phone"), "t1:3");
  EXPECT_EQ(held(gamma(), "phone"), "t1:3");
  EXPECT_EQ(held(beta(), "phone"), "t1:4");
  EXPECT_EQ(status("concurrent"), EventStatus::kReview);
  EXPECT_EQ(only_conflict().type, "concurrent_update");
  EXPECT_EQ(only_conflict().fields[0].strategy, "manual_review");
}

TEST_F(ReviewTest, WhatWaitsIsTakenAndItsPlatformIsNotToldWhatItWrote) {
  const std::string id = start();
  last_id_ = "change";
  edit(alpha(), id, "name", "t1:anna");
  settle();
  ASSERT_EQ(status("change"), EventStatus::kReview);
  const auto decided = decide(Choice::kSource);
  ASSERT_TRUE(decided) << decided.error().message;
  EXPECT_EQ(status("change"), EventStatus::kCompleted);
  settle();
  expect_everywhere("name", "t1:anna");
  EXPECT_EQ(alpha().requests, 0U);
  EXPECT_EQ(record().find("name")->writer.str(), "alpha");

  EXPECT_EQ(decided->status, "resolved");
  EXPECT_EQ(decided->resolved_by, "olga");
  EXPECT_EQ(decided->resolved_why, "she says so");
  EXPECT_EQ(decided->fields[0].outcome, Conflict::Outcome::kSource);
  const auto* event = world().store.find(decided->resolved_event.str());
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(event->event->source, kReviewer);
  EXPECT_EQ(event->state.status, EventStatus::kCompleted);
  EXPECT_EQ(result(decided->resolved_event.str(), "beta").status, ResultStatus::kCompleted);
  EXPECT_EQ(result(decided->resolved_event.str(), "alpha").status, ResultStatus::kSkipped);
}

TEST_F(ReviewTest, WhatIsDeclinedIsCorrectedAtItsPlatformOnly) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  const std::size_t told = beta().requests;
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  expect_everywhere("name", "t1:ann");
  EXPECT_EQ(beta().requests, told);
  EXPECT_EQ(only_conflict().fields[0].outcome, Conflict::Outcome::kTarget);
  EXPECT_EQ(record().version.value, 1);
}

TEST_F(ReviewTest, AThirdValueGoesToAll) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  ReviewDecision merged = decision(open().front(), Choice::kMerged);
  EXPECT_EQ(code_of(world().decide(merged)), ErrorCode::kInvalid) << "without the field";
  merged.data = object(R"({"city":"t1:oslo"})");
  EXPECT_EQ(code_of(world().decide(merged)), ErrorCode::kInvalid) << "with another field";
  merged.data = object(R"({"name":"t1:hannah"})");
  ASSERT_TRUE(world().decide(merged));
  settle();
  expect_everywhere("name", "t1:hannah");
  EXPECT_EQ(record().find("name")->writer, kReviewer);
  EXPECT_EQ(only_conflict().fields[0].outcome, Conflict::Outcome::kMerged);
}

TEST_F(ReviewTest, ANewerChangeOfThePlatformTakesThePlaceOfTheFormer) {
  const std::string id = start();
  last_id_ = "first";
  edit(alpha(), id, "name", "t1:anna");
  settle();
  const Conflict before = open().front();
  last_id_ = "second";
  edit(alpha(), id, "name", "t1:hannah");
  settle();
  EXPECT_EQ(status("first"), EventStatus::kCompleted);
  EXPECT_EQ(status("second"), EventStatus::kReview);
  const Conflict& review = only_conflict();
  EXPECT_EQ(review.id, before.id);
  EXPECT_EQ(review.revision, before.revision + 1);
  ASSERT_EQ(review.fields.size(), 1U);
  EXPECT_EQ(review.fields[0].source_value, text("t1:hannah"));
  EXPECT_EQ(review.event_id.str(), "second");

  ReviewDecision outdated = decision(before, Choice::kSource);
  outdated.revision = before.revision;
  EXPECT_EQ(code_of(world().decide(outdated)), ErrorCode::kConflict);
  outdated.revision = review.revision;
  ASSERT_TRUE(world().decide(outdated));
  settle();
  expect_everywhere("name", "t1:hannah");
}

TEST_F(ReviewTest, AnOlderChangeThatComesLateTakesNobodysPlace) {
  const std::string id = start();
  sends_ = false;
  edit(alpha(), id, "name", "t1:old");
  auto old = last_;
  old->version = 2;
  edit(alpha(), id, "name", "t1:new");
  auto fresh = last_;
  fresh->version = 3;
  ASSERT_TRUE(world().accept({fresh}));
  ASSERT_TRUE(world().accept({old}));
  settle();
  EXPECT_EQ(status(old->id.str()), EventStatus::kCompleted);
  EXPECT_EQ(only_conflict().fields[0].source_value, text("t1:new"));
  EXPECT_EQ(only_conflict().revision, 1);
}

/// It stands in every event of a platform that sends whole objects; a person who reads the review meanwhile must not be
/// told that it has moved on.
TEST_F(ReviewTest, TheSameValueAgainIsNoNewProposal) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  sends_ = false;
  edit(alpha(), id, "city", "t1:oslo");
  auto whole = last_;
  whole->data.set("name", text("t1:anna"));
  whole->base_version = 1;
  ASSERT_TRUE(world().accept({whole}));
  settle();
  EXPECT_EQ(only_conflict().revision, 1);
  EXPECT_EQ(only_conflict().event_id.str(), "e2");
  EXPECT_EQ(status(whole->id.str()), EventStatus::kCompleted);
  EXPECT_EQ(held(beta(), "city"), "t1:oslo");
}

/// It names the version that it was told last, in which the field had that value: its own proposal it does not count.
TEST_F(ReviewTest, AProposalThatIsChangedBackToTheBaseIsNoUntouchedField) {
  const std::string id = start();
  edit(alpha(), id, "phone", "t1:2");
  last_->targets = {PlatformId("gamma")};
  settle();
  sends_ = false;
  for (const char* phone : {"t1:9", "t1:1"}) {
    edit(beta(), id_on(beta()), "phone", phone);
    last_->base_version = 1;
    ASSERT_TRUE(world().accept({last_}));
    settle();
    EXPECT_EQ(only_conflict().fields.front().source_value, text(phone));
  }
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("phone", "t1:1");
}

TEST_F(ReviewTest, WhatIsOlderThanAProposalThatWasRepeatedTakesNobodysPlace) {
  const std::string id = start();
  sends_ = false;
  const auto change = [&](const char* name, std::int64_t version) {
    edit(alpha(), id, "name", name);
    last_->version = version;
    return last_;
  };
  const auto first = change("t1:anna", 2);
  const auto between = change("t1:hannah", 3);
  const auto again = change("t1:anna", 4);
  ASSERT_TRUE(world().accept({first, again, between}));
  settle();
  EXPECT_EQ(only_conflict().fields[0].source_value, text("t1:anna"));
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("name", "t1:anna");
}

/// Its clock can't tell whether two changes within two seconds were before or after a delivery of ours; but there was
/// none.
TEST_F(ReviewTest, WhoChangesItsProposalAtOnceIsNotToldItsOwnValue) {
  shapes_[0].sends_occurred = true;
  begin_with({}, rules());
  const std::string id = start();
  world().run_for(seconds{10});
  edit(alpha(), id, "name", "t1:anna");
  world().run_for(milliseconds{500});
  edit(alpha(), id, "name", "t1:hannah");
  settle();
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("name", "t1:hannah");
  EXPECT_EQ(alpha().requests, 0U);
}

TEST_F(ReviewTest, WhoProposedWhatWasChosenHasWrittenTheGoldenValue) {
  shapes_[0].sends_occurred = true;
  begin_with({}, rules());
  const std::string id = start();
  world().run_for(seconds{10});
  edit(alpha(), id, "name", "t1:anna");
  world().run_for(milliseconds{500});
  ASSERT_TRUE(decide(Choice::kSource));
  edit(alpha(), id, "name", "t1:hannah");
  settle();
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("name", "t1:hannah");
  EXPECT_EQ(alpha().requests, 0U);
}

/// Were it not held, too, a decision would overwrite what nobody has seen in the review.
TEST_F(ReviewTest, WhileAFieldWaitsItsWritersNextChangeWaitsToo) {
  const std::string id = start();
  edit(alpha(), id, "phone", "t1:3");
  edit(beta(), id_on(beta()), "phone", "t1:4");
  settle();
  ASSERT_EQ(open().size(), 1U);
  edit(alpha(), id, "phone", "t1:5");
  settle();
  EXPECT_EQ(golden("phone"), "t1:3");
  ASSERT_EQ(only_conflict().fields.size(), 2U);
  EXPECT_EQ(only_conflict().fields[1].source_value, text("t1:5"));
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  expect_everywhere("phone", "t1:3");
}

TEST_F(ReviewTest, AnotherPlatformsChangeJoinsAndOneOfThemIsNamed) {
  const std::string id = start();
  last_id_ = "ofalpha";
  edit(alpha(), id, "name", "t1:anna");
  settle();
  last_id_ = "ofbeta";
  edit(beta(), id_on(beta()), "name", "t1:hannah");
  settle();
  const Conflict review = only_conflict();
  ASSERT_EQ(review.fields.size(), 2U);
  EXPECT_EQ(review.fields[1].platform.str(), "beta");
  EXPECT_EQ(status("ofalpha"), EventStatus::kReview);
  EXPECT_EQ(status("ofbeta"), EventStatus::kReview);

  ReviewDecision source = decision(review, Choice::kSource);
  EXPECT_EQ(code_of(world().decide(source)), ErrorCode::kInvalid) << "of two";
  source.platform = PlatformId("gamma");
  EXPECT_EQ(code_of(world().decide(source)), ErrorCode::kInvalid) << "of another";
  source.platform = PlatformId("beta");
  ASSERT_TRUE(world().decide(source));
  settle();
  expect_everywhere("name", "t1:hannah");
  EXPECT_EQ(status("ofalpha"), EventStatus::kCompleted);
  EXPECT_EQ(status("ofbeta"), EventStatus::kCompleted);
  EXPECT_EQ(only_conflict().fields[0].outcome, Conflict::Outcome::kTarget);
  EXPECT_EQ(only_conflict().fields[1].outcome, Conflict::Outcome::kSource);
}

TEST_F(ReviewTest, WhoTakesItsChangeBackWithdrawsIt) {
  const std::string id = start();
  last_id_ = "there";
  edit(alpha(), id, "name", "t1:anna");
  settle();
  last_id_ = "back";
  edit(alpha(), id, "name", "t1:ann");
  settle();
  EXPECT_TRUE(open().empty());
  EXPECT_EQ(only_conflict().fields[0].outcome, Conflict::Outcome::kTarget);
  EXPECT_TRUE(only_conflict().resolved_by.empty());
  EXPECT_EQ(status("there"), EventStatus::kCompleted);
  EXPECT_EQ(status("back"), EventStatus::kCompleted);
  expect_everywhere("name", "t1:ann");
}

TEST_F(ReviewTest, OfTwoProposalsTheOneThatIsWithdrawnLeavesTheOther) {
  const std::string id = start();
  last_id_ = "ofalpha";
  edit(alpha(), id, "name", "t1:anna");
  settle();
  last_id_ = "ofbeta";
  edit(beta(), id_on(beta()), "name", "t1:hannah");
  settle();
  edit(alpha(), id, "name", "t1:ann");
  settle();
  EXPECT_EQ(status("ofalpha"), EventStatus::kCompleted);
  EXPECT_EQ(status("ofbeta"), EventStatus::kReview);
  const Conflict& review = only_conflict();
  EXPECT_EQ(review.status, "open");
  ASSERT_EQ(review.fields.size(), 1U);
  EXPECT_EQ(review.fields[0].platform.str(), "beta");
  EXPECT_EQ(review.source.str(), "beta");
  EXPECT_EQ(review.event_id.str(), "ofbeta");
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("name", "t1:hannah");
}

TEST_F(ReviewTest, AReviewIsDecidedOnceAndByItsTenant) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  ReviewDecision target = decision(open().front(), Choice::kTarget);
  target.tenants = {TenantId("t2")};
  EXPECT_EQ(code_of(world().decide(target)), ErrorCode::kNotFound);
  target.tenants = {kTenant};
  ASSERT_TRUE(world().decide(target));
  EXPECT_EQ(code_of(world().decide(target)), ErrorCode::kConflict);
  target.conflict = "0193d710-7400-7000-8000-000000000000";
  EXPECT_EQ(code_of(world().decide(target)), ErrorCode::kNotFound);
}

TEST_F(ReviewTest, AnEventWaitsUntilBothOfItsFieldsAreDecided) {
  const std::string id = start();
  sends_ = false;
  edit(alpha(), id, "email", "b@x");
  edit(alpha(), id, "name", "t1:anna");
  auto event = last_;
  event->data.set("email", text("b@x"));
  ASSERT_TRUE(world().accept({event}));
  settle();
  ASSERT_EQ(open().size(), 2U);
  EXPECT_EQ(record().holds.size(), 2U);
  ASSERT_TRUE(world().decide(decision(open().front(), Choice::kSource)));
  settle();
  EXPECT_EQ(status(event->id.str()), EventStatus::kReview);
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  EXPECT_EQ(status(event->id.str()), EventStatus::kCompleted);
  expect_everywhere("email", "b@x");
  expect_everywhere("name", "t1:ann");
}

TEST_F(ReviewTest, ADeleteOfTheRecordClosesItsReviews) {
  const std::string id = start();
  last_id_ = "change";
  edit(alpha(), id, "name", "t1:anna");
  settle();
  const Conflict review = open().front();
  remove(alpha(), id);
  settle();
  EXPECT_TRUE(record().is_deleted());
  EXPECT_TRUE(record().holds.empty());
  EXPECT_EQ(status("change"), EventStatus::kCompleted);
  EXPECT_EQ(only_conflict().status, "resolved");
  EXPECT_EQ(code_of(world().decide(decision(review, Choice::kSource))), ErrorCode::kConflict);
}

/// What platforms send without a time is timed by the wall clock, which somebody may set back.
TEST_F(ReviewTest, ALaterProposalCountsThoughTheClockWasSetBack) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  world().clock.step(-std::chrono::hours{1});
  edit(alpha(), id, "name", "t1:hannah");
  settle();
  expect_proposed("t1:hannah");
}

/// Of two order keys of one record the later one may have its turn first.
TEST_F(ReviewTest, OfTwoProposalsTheOneThatWasAcceptedLaterCounts) {
  const std::string id = start();
  sends_ = false;
  edit(alpha(), id, "name", "t1:anna");
  const auto first = last_;
  edit(alpha(), id, "name", "t1:hannah");
  const auto second = last_;
  first->wire_priority = 10;
  first->order_key = order_key_of(*first);
  second->wire_priority = 1;
  second->entity_id = record().id;
  second->order_key = order_key_of(*second);
  ASSERT_NE(first->priority(), second->priority());
  ASSERT_NE(first->order_key, second->order_key);
  ASSERT_TRUE(world().accept({first, second}));
  settle();
  expect_proposed("t1:hannah");
}

/// A create that lost against the deletion changes nothing; were its name to wait, nobody could say for what.
TEST_F(ReviewTest, NothingWaitsOfARecordThatIsDeleted) {
  auto book = rules();
  book[kEntity].fields["_deleted"].strategy = conflict::find_strategy("latest_wins");
  begin({}, false, std::move(book));
  const std::string id = start();
  const std::string there = id_on(beta());
  sends_ = false;
  beta().on_change({kTenant, kEntity, Verb::kCreated, there, only(beta()).second, {}});
  auto late = held_back();
  late->data.set("beta_name", text("t1:late"));
  world().clock.advance(seconds{10});
  sends_ = true;
  remove(alpha(), id);
  last_->occurred_at = world().clock.now();
  settle();
  ASSERT_TRUE(record().is_deleted());
  ASSERT_TRUE(world().accept({late}));
  settle();
  EXPECT_TRUE(record().is_deleted());
  EXPECT_TRUE(record().holds.empty());
  EXPECT_TRUE(open().empty());
}

}  // namespace
}  // namespace datasync::pipeline
