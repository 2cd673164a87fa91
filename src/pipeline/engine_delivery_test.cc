// What becomes of deliveries: retries, dead letters, unknown outcomes, batches.

#include <gtest/gtest.h>

#include "pipeline/testing/engine_fixture.h"

namespace datasync::pipeline {
namespace {

TEST_F(EngineTest, RetriesAndDeliversInTheEnd) {
  world().network.script = {"500", "good", "refused", "503", "429"};
  create(alpha(), R"({"email":"a@x"})");
  world().run_for(milliseconds{300});
  EXPECT_EQ(status("e1"), EventStatus::kRetry);
  settle();
  EXPECT_EQ(status("e1"), EventStatus::kCompleted);
  EXPECT_EQ(result("e1", "beta").attempts + result("e1", "gamma").attempts, 6);
  EXPECT_EQ(beta().seen.size(), 1U);
}

TEST_F(EngineTest, WhatCannotBeDeliveredIsADeadLetterUntilItIsRedriven) {
  sends_ = false;
  create(alpha(), R"({"email":"a@x"})");
  last_->max_retries = 1;
  last_->targets = {PlatformId("beta")};
  world().network.script = {"500", "500"};
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(status("e1"), EventStatus::kFailed);
  EXPECT_EQ(result("e1", "beta").attempts, 2);
  EXPECT_NE(result("e1", "beta").error_message.find("500"), std::string::npos);
  ASSERT_TRUE(world().redrive("e1"));
  settle();
  EXPECT_EQ(status("e1"), EventStatus::kCompleted);
  EXPECT_EQ(beta().seen.back().key, "e1:1");
  EXPECT_EQ(world().redrive("e1").error().code, ErrorCode::kInvalid);
  EXPECT_EQ(world().redrive("nobody").error().code, ErrorCode::kNotFound);
}

TEST_F(EngineTest, ARedriveOfWhatCameByAnotherWayIsSkipped) {
  sends_ = false;
  const std::string id = create(alpha(), R"({"email":"a@x"})");
  last_->max_retries = 0;
  last_->targets = {PlatformId("beta")};
  world().network.script = {"500"};
  ASSERT_TRUE(world().accept({last_}));
  settle();
  sends_ = true;
  edit(alpha(), id, "name", "t1:n");
  settle();
  EXPECT_EQ(held(beta(), "email"), "a@x");
  EXPECT_EQ(beta().seen.back().verb, "create");
  ASSERT_TRUE(world().redrive("e1"));
  settle();
  EXPECT_EQ(result("e1", "beta").status, ResultStatus::kSkipped);
  EXPECT_EQ(beta().seen.size(), 1U);
}

TEST_F(EngineTest, ARejectionIsADeadLetterAtOnceAndHoldsBackNobody) {
  const std::string id = create(alpha(), R"({"email":"a@x"})");
  settle();
  world().network.script = {"422", "422"};
  edit(alpha(), id, "name", "t1:bad");
  world().run_for(seconds{1});
  EXPECT_EQ(status("e2"), EventStatus::kFailed);
  edit(alpha(), id, "phone", "t1:1");
  settle();
  EXPECT_EQ(held(beta(), "phone"), "t1:1");
  EXPECT_EQ(held(beta(), "name"), "t1:bad");  // a delivery brings all that its target lacks
}

TEST_F(EngineTest, WaitingChangesCollapseIntoTheNewestState) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().network.script = {"500", "500"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(milliseconds{200});
  for (int i = 2; i < 6; ++i) edit(alpha(), id, "name", "t1:" + std::to_string(i));
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:5");
  EXPECT_EQ(beta().seen.size(), 2U);
  EXPECT_EQ(beta().seen.back().key, "e6");
  for (int i = 2; i <= 6; ++i) EXPECT_EQ(status("e" + std::to_string(i)), EventStatus::kCompleted);
}

TEST_F(EngineTest, AnUnknownOutcomeIsRepeatedFirstWithTheSameContent) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().network.script = {"lost_after", "lost_before"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(seconds{1});
  edit(alpha(), id, "name", "t1:2");
  settle();
  for (TestPlatform* target : {&beta(), &gamma()}) {
    EXPECT_EQ(held(*target, "name"), "t1:2");
    ASSERT_EQ(target->seen.size(), 3U);
    EXPECT_EQ(target->seen[1].key, "e2");
    EXPECT_EQ(target->seen[2].key, "e3");
  }
}

TEST_F(EngineTest, AnUnknownOutcomeIsRepeatedAlsoAfterACrash) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().network.script = {"lost_after", "lost_before"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(seconds{1});
  edit(alpha(), id, "name", "t1:2");
  world().run_for(seconds{1});
  world().crash();
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:2");
  ASSERT_EQ(beta().seen.size(), 3U);
  EXPECT_EQ(beta().seen[1].key, "e2");
  EXPECT_EQ(beta().seen[1].data.find("beta_name")->text(), "\"t1:1\"");
}

TEST_F(EngineTest, WhatAnEarlierProcessAskedForMayArriveAfterItsRepetitionAndUndoesNothing) {
  shapes_[1].honours_keys = false;
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().network.script = {"slow"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(milliseconds{200});
  for (const char* next : {"t1:2", "t1:3"}) {
    world().crash();
    world().run_for(seconds{1});
    EXPECT_EQ(held(beta(), "name"), "t1:1");
    EXPECT_EQ(status("e2"), EventStatus::kCompleted) << "its repetition waits for nothing";
    edit(alpha(), id, "name", next);
    world().run_for(seconds{1});
    EXPECT_EQ(held(beta(), "name"), "t1:1") << "the first request may still arrive, and would undo the next change";
    EXPECT_EQ(held(gamma(), "name"), next);
  }
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:3");
}

// It says again what an earlier request told it: that has arrived once more, or its user went back to it.
TEST_F(EngineTest, WhoGoesBackToWhatAnEarlierRequestToldItHoldsInTheEndWhatAllHold) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().network.script = {"slow"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(milliseconds{200});
  world().crash();
  world().run_for(seconds{5});
  world().crash();  // what waits for the first request is noted, and the record is not taken up
  world().run_for(seconds{60});
  edit(beta(), only(beta()).first, "name", "t1:2");
  world().run_for(seconds{2});
  world().crash();
  world().run_for(seconds{2});
  edit(beta(), only(beta()).first, "name", "t1:1");
  settle();
  EXPECT_EQ(held(beta(), "name"), held(alpha(), "name"));
  EXPECT_EQ(held(gamma(), "name"), held(alpha(), "name"));
}

TEST_F(EngineTest, WhatATargetWroteMeanwhileIsToldToItOnceMoreAlsoIfWeHearOfItLate) {
  shapes_[1].honours_keys = false;
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().network.script = {"slow"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(milliseconds{200});
  world().crash();
  world().run_for(seconds{5});
  sends_ = false;
  edit(beta(), only(beta()).first, "name", "t1:2");
  auto late = held_back();
  world().run_for(seconds{60});
  ASSERT_TRUE(world().accept({late}));
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:2");
  EXPECT_EQ(held(beta(), "name"), "t1:2");
}

// The note that something may arrive outlives a second crash; what follows from it must, too, whoever is told next.
TEST_F(EngineTest, WhatATargetWroteMeanwhileIsToldToItOnceMoreAlsoIfNobodyLookedAtTheRecordBefore) {
  shapes_[1].honours_keys = false;
  for (const bool is_told_more : {false, true}) {
    begin_with({});
    sends_ = true;
    const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
    settle();
    world().network.script = {"slow"};
    edit(alpha(), id, "name", "t1:1");
    world().run_for(milliseconds{200});
    world().crash();
    world().run_for(seconds{5});
    world().crash();
    sends_ = false;
    edit(beta(), only(beta()).first, "name", "t1:2");
    auto late = held_back();
    world().run_for(seconds{60});
    EXPECT_EQ(held(beta(), "name"), "t1:1") << "the first request came after that";
    sends_ = true;
    if (is_told_more) edit(gamma(), only(gamma()).first, "phone", "t1:7");
    world().run_for(seconds{1});
    ASSERT_TRUE(world().accept({late}));
    settle();
    EXPECT_EQ(held(alpha(), "name"), "t1:2");
    EXPECT_EQ(held(beta(), "name"), "t1:2");
  }
}

TEST_F(EngineTest, WhatATargetWritesWhileAnEarlierRequestMayArriveIsToldToItOnceMore) {
  shapes_[1].honours_keys = false;
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().network.script = {"slow"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(milliseconds{200});
  world().crash();
  world().run_for(seconds{5});
  edit(beta(), only(beta()).first, "name", "t1:2");
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:2");
  EXPECT_EQ(held(beta(), "name"), "t1:2");
}

// A create was answered without an id, so the update names the record's. Then the target's own event told its id.
TEST_F(EngineTest, AnIdThatBecomesKnownMeanwhileIsNotNamedInARepetition) {
  shapes_[1].sends_email = true;
  begin_with({});
  world().network.script = {"garbled", "good"};
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  ASSERT_EQ(world().record_of(1, only(beta()).first), nullptr);
  world().network.script = {"lost_after", "good"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(milliseconds{200});
  edit(beta(), only(beta()).first, "phone", "t1:7");
  world().run_for(milliseconds{200});
  world().crash();
  settle();  // the platform minds other content under a key
  EXPECT_TRUE(world().broken().empty());
  EXPECT_EQ(held(beta(), "name"), "t1:1");
  EXPECT_EQ(held(alpha(), "phone"), "t1:7");
}

TEST_F(EngineTest, WhatTheTargetsStateRefusesIsComposedAnewUnderAnotherKey) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().network.script = {"409", "412"};
  edit(alpha(), id, "name", "t1:1");
  world().run_for(milliseconds{300});
  EXPECT_EQ(status("e2"), EventStatus::kRetry);
  edit(alpha(), id, "phone", "t1:7");
  settle();
  for (TestPlatform* target : {&beta(), &gamma()}) {
    ASSERT_EQ(target->seen.size(), 2U) << target->shape().id.str();
    EXPECT_EQ(target->seen[1].key, "e3");
    EXPECT_EQ(held(*target, "name"), "t1:1");
    EXPECT_EQ(held(*target, "phone"), "t1:7");
  }
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
}

TEST_F(EngineTest, WhatTheTargetsOwnNewsHasSettledMeanwhileIsNotSaidAgain) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  world().clock.advance(seconds{5});  // what is closer together than clocks are right is told again
  sends_ = false;
  edit(alpha(), id, "name", "t1:1");
  last_->targets = {PlatformId("beta")};
  last_->occurred_at = world().clock.now();
  world().network.script = {"412"};
  ASSERT_TRUE(world().accept({last_}));
  world().run_for(milliseconds{200});
  edit(beta(), only(beta()).first, "name", "t1:2");
  last_->occurred_at = world().clock.now();
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:2");
  EXPECT_EQ(held(alpha(), "name"), "t1:2");
  EXPECT_EQ(result("e2", "beta").status, ResultStatus::kSkipped);
  EXPECT_EQ(beta().seen.size(), 1U);
}

TEST_F(EngineTest, ATargetWhoseStateNeverFitsMakesADeadLetterAlsoOverCrashes) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  std::vector<std::string> keys;
  beta().refuse = [&keys](const std::string& key) {
    keys.push_back(key);
    return 412;
  };
  edit(alpha(), id, "name", "t1:1");
  for (int i = 0; i < 3; ++i) {
    world().run_for(milliseconds{500});
    world().crash();
  }
  settle();
  EXPECT_EQ(keys, (std::vector<std::string>{"e2", "e2:1", "e2:2", "e2:3"}));
  EXPECT_EQ(result("e2", "beta").status, ResultStatus::kFailed);
  EXPECT_EQ(result("e2", "beta").attempts, 4);
  EXPECT_EQ(result("e2", "gamma").status, ResultStatus::kCompleted);

  beta().refuse = nullptr;
  ASSERT_TRUE(world().redrive("e2"));
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:1");
  EXPECT_EQ(beta().seen.back().key, "e2:4");
}

TEST_F(EngineTest, MaxRetriesCapsAlsoWhatIsComposedAnew) {
  sends_ = false;
  create(alpha(), R"({"email":"a@x"})");
  last_->max_retries = 1;
  last_->targets = {PlatformId("beta")};
  beta().refuse = [](const std::string&) { return 412; };
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(status("e1"), EventStatus::kFailed);
  EXPECT_EQ(result("e1", "beta").attempts, 2);
}

TEST_F(EngineTest, ABatchWhoseTargetHasMovedOnIsAskedAboutOneByOne) {
  begin({}, true);
  sends_ = false;
  std::vector<std::shared_ptr<Event>> events;
  for (int i = 0; i < 5; ++i) {
    create(alpha(), R"({"email":")" + std::to_string(i) + R"(@x"})");
    last_->targets = {PlatformId("beta")};
    events.push_back(last_);
  }
  world().network.script = {"good", "409 as a whole"};
  ASSERT_TRUE(world().accept(events));
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 5U);
  for (const auto& event : events) {
    EXPECT_EQ(status(event->id.str()), EventStatus::kCompleted);
    EXPECT_EQ(result(event->id.str(), "beta").redrive, 0);  // nobody said anything about its own state
  }
}

TEST_F(EngineTest, ACreateOfWhatIsThereAlreadyBecomesAnUpdate) {
  sends_ = false;
  const std::string there = create(beta(), R"({"email":"a@x","phone":"t1:7"})");
  sends_ = true;
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  EXPECT_EQ(only(beta()).first, there);
  EXPECT_EQ(held(beta(), "name"), "t1:ann");
  EXPECT_EQ(world().record_of(1, there)->known_by(PlatformId("beta"))->own_id(), there);
}

// The create of before the crash arrived after the record had been deleted again, and made a copy that nobody knew of.
TEST_F(EngineTest, ACreateOfWhatIsThereAlreadyMayStillArriveFromAnEarlierProcess) {
  shapes_[1].honours_keys = false;
  begin_with({});
  sends_ = false;
  create(beta(), R"({"email":"a@x","phone":"t1:7"})");
  sends_ = true;
  world().network.script = {"slow"};
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  world().run_for(milliseconds{200});
  world().crash();
  world().run_for(seconds{5});
  remove(alpha(), id);
  settle();
  EXPECT_TRUE(beta().copies(kTenant, kEntity).empty());
}

TEST_F(EngineTest, AnEventThatIsReconciledAfterANewerOneIsDeliveredToo) {
  EngineOptions options;
  options.window_events_max = 1;
  begin(options);
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0","phone":"t1:0"})");
  settle();
  sends_ = false;
  edit(alpha(), id, "name", "t1:1");
  auto low = last_;
  low->wire_priority = 10;
  edit(alpha(), id, "phone", "t1:1");
  auto high = last_;
  high->wire_priority = 1;
  high->entity_id = world().record_of(0, id)->id;
  high->order_key = order_key_of(*high);
  ASSERT_TRUE(world().accept({low, high}));
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:1");
  EXPECT_EQ(held(beta(), "phone"), "t1:1");
  EXPECT_EQ(beta().seen[1].key, high->id.str());
}

TEST_F(EngineTest, FillsBatchesWhereTheTargetHasABulkForm) {
  begin({}, true);
  sends_ = false;
  std::vector<std::shared_ptr<Event>> events;
  for (int i = 0; i < 12; ++i) {
    create(alpha(), R"({"email":")" + std::to_string(i) + R"(@x"})");
    events.push_back(last_);
  }
  ASSERT_TRUE(world().accept(events));
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 12U);
  EXPECT_LT(beta().requests, 6U);
  EXPECT_EQ(gamma().requests, 12U);
}

TEST_F(EngineTest, OneBadItemOfABatchSpoilsOnlyItself) {
  begin({}, true);
  sends_ = false;
  beta().refuse = [](const std::string& key) { return key == "e3" ? 422 : 0; };
  std::vector<std::shared_ptr<Event>> events;
  for (int i = 0; i < 5; ++i) {
    create(alpha(), R"({"email":")" + std::to_string(i) + R"(@x"})");
    events.push_back(last_);
  }
  ASSERT_TRUE(world().accept(events));
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 4U);
  EXPECT_EQ(status("e3"), EventStatus::kFailed);
  EXPECT_EQ(status("e4"), EventStatus::kCompleted);
}

// Of a change that was given up with an unknown outcome only memory knew so, while its requests might still arrive.
TEST_F(EngineTest, WhatMayHaveArrivedBeforeItWasGivenUpIsDoubtedAfterACrashToo) {
  const std::string id = create(alpha(), R"({"email":"a@x","city":"t1:rome"})");
  settle();
  sends_ = false;
  edit(alpha(), id, "city", "t1:oslo");
  last_->max_retries = 0;
  last_->targets = {PlatformId("beta")};
  world().network.script = {"lost_after"};
  ASSERT_TRUE(world().accept({last_}));
  world().run_for(seconds{31});
  ASSERT_EQ(status(last_->id.str()), EventStatus::kFailed);
  world().crash();
  edit(alpha(), id, "city", "t1:rome");
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(held(beta(), "city"), "t1:rome");
}

// What it says while our request is under way is in doubt; once that was refused it has said what it holds.
TEST_F(EngineTest, WhatATargetSaysBesideARequestThatItRefusesIsNotInDoubtLonger) {
  shapes_[1].sends_whole = true;
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  sends_ = false;
  beta().refuse = [](const std::string&) { return 503; };
  edit(alpha(), id, "name", "t1:1");
  ASSERT_TRUE(world().accept({last_}));
  for (const char* city : {"t1:rome", "t1:oslo"}) {
    edit(beta(), only(beta()).first, "city", city);
    ASSERT_TRUE(world().accept({held_back()}));
    world().run_for(seconds{45});
  }
  EXPECT_EQ(held(alpha(), "name"), "t1:1") << "it has changed nothing but the city";
  beta().refuse = nullptr;
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:1");
  EXPECT_EQ(held(alpha(), "city"), "t1:oslo");
}

// What it says late is in doubt also for what it was told since; that the request was refused says nothing of that.
TEST_F(EngineTest, WhatATargetSaysLateBesideARequestThatItRefusesStaysInDoubt) {
  shapes_[1].sends_whole = true;
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  sends_ = false;
  edit(beta(), only(beta()).first, "name", "t1:x");
  const auto late = held_back();
  world().run_for(seconds{5});
  edit(alpha(), id, "name", "t1:1");
  ASSERT_TRUE(world().accept({last_}));
  settle();
  std::vector<std::shared_ptr<Event>> untouched;
  for (const char* city : {"t1:rome", "t1:oslo"}) {
    edit(beta(), only(beta()).first, "city", city);
    untouched.push_back(held_back());
  }
  world().run_for(seconds{5});
  beta().refuse = [](const std::string&) { return 503; };
  edit(alpha(), id, "name", "t1:2");
  ASSERT_TRUE(world().accept({last_}));
  ASSERT_TRUE(world().accept({untouched[0]}));
  ASSERT_TRUE(world().accept({late}));
  world().run_for(milliseconds{500});
  ASSERT_TRUE(world().accept({untouched[1]}));
  beta().refuse = nullptr;
  settle();
  ASSERT_EQ(world().store.conflicts().size(), 1U) << "it has not written what it was told";
  EXPECT_EQ(world().store.conflicts().front().fields.front().source_value, text("t1:x"));
  EXPECT_EQ(held(beta(), "name"), "t1:2");
}

}  // namespace
}  // namespace datasync::pipeline
