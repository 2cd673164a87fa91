// Reviews and what crosses them: the end of the process, a store that refuses, deliveries on their way, natural keys
// that go along, events that wait in the store.

#include <gtest/gtest.h>

#include "pipeline/testing/review_fixture.h"

namespace datasync::pipeline {
namespace {

TEST_F(ReviewTest, WhatWaitsOutlivesTheProcess) {
  const std::string id = start();
  last_id_ = "change";
  edit(alpha(), id, "name", "t1:anna");
  settle();
  world().crash();
  settle();
  EXPECT_EQ(world().snapshot().unfinished, 0U);  // else it would keep a place in memory for as long as nobody decides
  EXPECT_EQ(status("change"), EventStatus::kReview);
  ASSERT_TRUE(decide(Choice::kSource));
  world().crash();
  settle();
  EXPECT_EQ(status("change"), EventStatus::kCompleted);
  expect_everywhere("name", "t1:anna");
}

TEST_F(ReviewTest, ADecisionThatTheStoreRefusesChangesNothing) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  world().store.on_commit = [] { return MemoryStore::Fault::kNothingWritten; };
  EXPECT_EQ(code_of(decide(Choice::kSource)), ErrorCode::kUnavailable);
  world().store.on_commit = nullptr;
  settle();
  EXPECT_EQ(golden("name"), "t1:ann");
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("name", "t1:anna");
}

TEST_F(ReviewTest, ADecisionWaitsForWhatIsOnItsWay) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  world().network.script = {"lost_after", "lost_before"};  // to beta and gamma
  edit(alpha(), id, "city", "t1:oslo");
  world().run_for(milliseconds{1});
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("name", "t1:anna");
  expect_everywhere("city", "t1:oslo");
  EXPECT_TRUE(world().broken().empty());
}

/// The proposal came while a request that says the old value was on its way to the very platform: it may have landed on
/// top of what the platform wrote.
TEST_F(ReviewTest, WhoWasOverwrittenMeanwhileIsToldWhatWasDecided) {
  const std::string id = start();
  edit(beta(), id_on(beta()), "phone", "t1:2");
  world().run_for(milliseconds{1});  // a request to alpha is on its way
  edit(alpha(), id, "phone", "t1:3");
  settle();
  ASSERT_EQ(open().size(), 1U);
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("phone", "t1:3");
}

/// It tells us that it holds the golden value: because we have just put it there, not because anybody took the proposal
/// back.
TEST_F(ReviewTest, WhoWasOverwrittenMeanwhileHasTakenNothingBack) {
  shapes_[0].sends_whole = true;
  begin_with({}, rules());
  const std::string id = start();
  edit(beta(), id_on(beta()), "phone", "t1:2");
  world().run_for(milliseconds{1});  // a request to alpha is on its way
  edit(alpha(), id, "phone", "t1:3");
  settle();
  ASSERT_EQ(held(alpha(), "phone"), "t1:2");
  edit(alpha(), id, "city", "t1:oslo");
  settle();
  ASSERT_EQ(open().size(), 1U);
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("phone", "t1:3");
}

TEST_F(ReviewTest, WhoProposesANaturalKeyIsNotToldTheOldOneAlong) {
  const std::string id = start();
  edit(alpha(), id, "email", "b@x");
  settle();
  ASSERT_EQ(open().size(), 1U);
  edit(gamma(), id_on(gamma()), "city", "t1:oslo");
  settle();
  EXPECT_EQ(held(alpha(), "city"), "t1:oslo");
  EXPECT_EQ(held(alpha(), "email"), "b@x");
  EXPECT_TRUE(beta().seen.back().data.contains("beta_email"));
  EXPECT_FALSE(alpha().seen.back().data.contains("email"));
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  expect_everywhere("email", "a@x");
}

TEST_F(ReviewTest, ANaturalKeyFindsItsRecordOnceItIsDecided) {
  const std::string id = start();
  edit(alpha(), id, "email", "b@x");
  settle();
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("email", "b@x");
  sends_ = false;
  const std::string other = gamma().create(kTenant, kEntity, object(R"({"email":"b@x"})"));
  ASSERT_TRUE(world().accept({last_}));
  const std::string another = gamma().create(kTenant, kEntity, object(R"({"email":"a@x"})"));
  ASSERT_TRUE(world().accept({last_}));
  EXPECT_EQ(world().record_of(2, other), world().record_of(0, id));
  EXPECT_NE(world().record_of(2, another), world().record_of(0, id));
}

/// The request was composed before the platform proposed another key, and is repeated after.
TEST_F(ReviewTest, ARepeatAfterACrashNamesTheKeyThatTheFirstAttemptNamed) {
  const std::string id = start();
  world().network.script = {"lost_before"};
  edit(gamma(), id_on(gamma()), "city", "t1:oslo");
  world().run_for(milliseconds{1});  // on its way to alpha
  edit(alpha(), id, "email", "b@x");
  world().run_for(milliseconds{1});
  ASSERT_EQ(open().size(), 1U);
  world().crash();
  settle();
  EXPECT_TRUE(world().broken().empty());  // no other words under the key
  EXPECT_EQ(alpha().reworded, 0U);
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("email", "b@x");
}

/// A natural key goes along with what its target lacks. It lands on top of what the target wrote meanwhile.
TEST_F(EngineTest, AKeyThatChangesUnderADeliveryIsToldAgain) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string there = only(gamma()).first;
  edit(alpha(), id, "name", "t1:anna");
  world().run_for(microseconds{10});  // on its way to gamma, with the key
  edit(gamma(), there, "email", "b@x");
  settle();
  EXPECT_EQ(held(alpha(), "email"), "b@x");
  EXPECT_EQ(held(beta(), "email"), "b@x");
  EXPECT_EQ(held(gamma(), "email"), "b@x");
}

/// An event that names the key meanwhile says nothing new, whatever becomes of the request.
TEST_F(ReviewTest, AKeyThatIsSaidAgainUnderARefusedDeliveryIsStillKnown) {
  auto manual = rules();
  manual[kEntity].fields["email"] = manual[kEntity].fields["phone"];
  begin({}, false, manual);
  const std::string id = start();
  const std::string there = id_on(beta());
  world().network.script = {"500"};
  edit(alpha(), id, "city", "t1:oslo");
  world().run_for(microseconds{10});  // on its way to beta, with the key
  sends_ = false;
  edit(beta(), there, "name", "t1:anna");
  last_->data.set("beta_email", text("a@x"));
  ASSERT_TRUE(world().accept({last_}));
  world().run_for(milliseconds{200});
  edit(beta(), there, "email", "b@x");
  ASSERT_TRUE(world().accept({last_}));
  settle();
  expect_everywhere("email", "b@x");
}

/// Its result for beta waits for a person, and that for gamma for gamma, and for room in memory.
TEST_F(ReviewTest, AnEventThatWaitsInTheStoreHearsOfTheDecisionToo) {
  EngineOptions options;
  options.events_in_memory_max = 1;
  begin(options, false, rules());
  const std::string id = start();
  gamma().refuse = [](const std::string&) { return 503; };
  sends_ = false;
  edit(alpha(), id, "city", "t1:oslo");
  edit(alpha(), id, "name", "t1:anna");
  auto event = last_;
  event->data.set("city", text("t1:oslo"));
  ASSERT_TRUE(world().accept({event}));
  world().run_for(std::chrono::minutes{5});
  sends_ = true;
  for (int i = 0; i < 5; ++i) {
    edit(alpha(), id, "city", "t1:c" + std::to_string(i));
    world().run_for(milliseconds{10});
  }
  ASSERT_GT(world().snapshot().set_aside, 0U);
  ASSERT_EQ(status(event->id.str()), EventStatus::kRetry);
  ASSERT_EQ(result(event->id.str(), "beta").status, ResultStatus::kReview);
  ASSERT_TRUE(decide(Choice::kSource));
  world().run_for(seconds{1});
  gamma().refuse = nullptr;
  settle();
  EXPECT_EQ(status(event->id.str()), EventStatus::kCompleted);
  expect_everywhere("name", "t1:anna");
  expect_everywhere("city", "t1:c4");
}

/// Both wrote the same, and the other was first. Nobody told it so: its way back to the former value is a change, and
/// no echo of what it held before it was told.
TEST_F(EngineTest, WhoWroteTheGoldenValueByItselfMayChangeItBack) {
  const std::string id = create(alpha(), R"({"email":"a@x","phone":"t1:2"})");
  settle();
  const std::string there = only(beta()).first;
  sends_ = false;
  edit(alpha(), id, "phone", "t1:0");
  auto ofalpha = last_;
  edit(beta(), there, "phone", "t1:0");
  auto ofbeta = last_;
  ofbeta->base_version = 1;
  ASSERT_TRUE(world().accept({ofalpha, ofbeta}));
  settle();
  edit(beta(), there, "phone", "t1:2");
  auto back = last_;
  back->base_version = 1;
  ASSERT_TRUE(world().accept({back}));
  settle();
  EXPECT_EQ(held(alpha(), "phone"), held(beta(), "phone"));
  EXPECT_EQ(held(gamma(), "phone"), held(beta(), "phone"));
}

}  // namespace
}  // namespace datasync::pipeline
