#include "pipeline/engine.h"

#include <gtest/gtest.h>

#include "domain/json.h"
#include "pipeline/testing/world.h"

// The whole pipeline on one thread: real accept, reconcile, deliver, mapper and connector; a store, a network and
// platforms in memory. One promise per test; `histories_test.cc` tries them all at once.

namespace datasync::pipeline {
namespace {

PlatformShape shape(const char* id, bool renames = false) {
  PlatformShape made;
  made.id = PlatformId(id);
  made.renames = renames;
  return made;
}

Fields object(std::string_view json) {
  return parse_json_object(json).value();
}
Value text(std::string_view value) {
  return Value::string(value);
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() { begin({}); }

  void begin(EngineOptions options, bool bulk = false,
             std::map<std::string, conflict::EntityRulebook, std::less<>> rules = {}) {
    std::vector<PlatformShape> shapes{shape("alpha"), shape("beta", true), shape("gamma")};
    shapes[1].bulk = bulk;
    world_ = std::make_unique<World>(World::Options{7, shapes, options, std::move(rules)});
    for (const auto& platform : world_->platforms) {
      platform->on_change = [this, p = platform.get()](const TestPlatform::Told& told) {
        last_ = world_->event_of(*p, told);
        if (last_id_.empty()) last_id_ = "e" + std::to_string(++events_);
        last_->id = EventId(std::exchange(last_id_, {}));
        if (sends_) world_->send(last_);
      };
    }
  }

  World& world() { return *world_; }
  TestPlatform& alpha() { return world_->platform(0); }
  TestPlatform& beta() { return world_->platform(1); }
  TestPlatform& gamma() { return world_->platform(2); }

  std::string create(TestPlatform& platform, std::string_view json) {
    return platform.create(kTenant, kEntity, object(json));
  }
  void edit(TestPlatform& platform, const std::string& id, std::string_view field, std::string_view value) {
    platform.edit(kTenant, kEntity, id, field, text(value));
  }
  void settle() { ASSERT_TRUE(world_->run_until_quiet()) << testing::PrintToString(world_->broken()); }

  /// The one copy that a platform has, and its id.
  std::pair<std::string, TestPlatform::Copy> only(TestPlatform& platform) {
    const auto& copies = platform.copies(kTenant, kEntity);
    EXPECT_EQ(copies.size(), 1U) << platform.shape().id.str();
    if (copies.empty()) return {};
    return {copies.begin()->first, copies.begin()->second};
  }
  std::string held(TestPlatform& platform, std::string_view field) {
    const auto copy = only(platform).second;
    const Value* value = copy.data.find(platform.shape().local(field));
    return value == nullptr ? "(none)" : value->as_string().value_or(value->text());
  }
  EventStatus status(const std::string& id) {
    const EventState* state = world_->state_of(id);
    return state == nullptr ? EventStatus::kProcessing : state->status;
  }
  const DeliveryResult& result(const std::string& id, const char* target) {
    static const DeliveryResult none;
    for (const DeliveryResult& result : world_->state_of(id)->results) {
      if (result.target.str() == target) return result;
    }
    ADD_FAILURE() << id << " has no result for " << target;
    return none;
  }

  std::unique_ptr<World> world_;
  std::shared_ptr<Event> last_;
  std::string last_id_;
  int events_ = 0;
  bool sends_ = true;
};

TEST_F(EngineTest, ACreateReachsEveryOtherPlatformUnderItsOwnNames) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:ann");
  EXPECT_EQ(held(gamma(), "email"), "a@x");
  EXPECT_EQ(status("e1"), EventStatus::kCompleted);
  EXPECT_EQ(result("e1", "beta").status, ResultStatus::kCompleted);
  EXPECT_EQ(result("e1", "beta").attempts, 1);
  const Record* record = world().record_of(0, id);
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->version.value, 1);
  EXPECT_EQ(record, world().record_of(1, only(beta()).first));
  EXPECT_EQ(alpha().requests, 0U);
}

TEST_F(EngineTest, AnUpdateSendsOnlyWhatChangedAndTheNaturalKey) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann","phone":"t1:1"})");
  settle();
  edit(alpha(), id, "phone", "t1:2");
  settle();
  EXPECT_EQ(held(beta(), "phone"), "t1:2");
  EXPECT_EQ(held(gamma(), "phone"), "t1:2");
  EXPECT_EQ(beta().seen.back().verb, "update");
  EXPECT_FALSE(beta().seen.back().data.contains("beta_name"));
  EXPECT_EQ(beta().needless, 0U);
}

TEST_F(EngineTest, AnEchoChangesNothingAndIsSkipped) {
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const auto [id, copy] = only(beta());
  beta().on_change({kTenant, kEntity, Verb::kUpdated, id, copy, {"beta_name", "beta_email"}});
  settle();
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
  EXPECT_EQ(result("e2", "alpha").status, ResultStatus::kSkipped);
  EXPECT_EQ(result("e2", "gamma").error_message, "gamma already has the data");
  EXPECT_EQ(world().record_of(1, id)->version.value, 1);
  EXPECT_EQ(alpha().requests, 0U);
}

TEST_F(EngineTest, AnEventOlderThanItsPlatformsLastWriteIsStale) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
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
  EXPECT_EQ(held(beta(), "name"), "t1:new");
  EXPECT_EQ(status(old->id.str()), EventStatus::kCompleted);
}

TEST_F(EngineTest, OfTwoConcurrentChangesTheLaterWinsAndTheLoserIsCorrected) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  sends_ = false;
  const std::string there = only(beta()).first;
  edit(beta(), there, "name", "t1:early");
  auto early = last_;
  early->base_version = 1;
  early->occurred_at = world().clock.now();
  world().clock.advance(seconds{5});
  edit(alpha(), id, "name", "t1:late");
  auto late = last_;
  late->occurred_at = world().clock.now();
  late->base_version = 1;
  ASSERT_TRUE(world().accept({late}));
  settle();
  ASSERT_EQ(held(beta(), "name"), "t1:late");  // the delivery overwrote what the user had written there
  edit(beta(), there, "name", "t1:early");     // but let it be as if the platform had kept it
  ASSERT_TRUE(world().accept({early}));
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:late");
  EXPECT_EQ(held(beta(), "name"), "t1:late");
  EXPECT_EQ(held(gamma(), "name"), "t1:late");
  ASSERT_EQ(world().store.conflicts().size(), 1U);
  const Conflict& conflict = world().store.conflicts().front();
  EXPECT_EQ(conflict.type, "version_conflict");
  EXPECT_FALSE(conflict.fields.front().source_won);
  EXPECT_EQ(conflict.target.str(), "alpha");
  EXPECT_EQ(result(early->id.str(), "beta").status, ResultStatus::kCompleted);  // the correction, not `skipped`
}

TEST_F(EngineTest, AConcurrentChangeThatIsLaterWinsEverywhere) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  world().network.script = {"lost_before", "lost_before"};
  edit(alpha(), id, "name", "t1:first");
  world().run_for(seconds{1});
  edit(beta(), only(beta()).first, "name", "t1:second");
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:second");
  EXPECT_EQ(held(beta(), "name"), "t1:second");
  EXPECT_EQ(held(gamma(), "name"), "t1:second");
}

TEST_F(EngineTest, ADeleteAndARecreateReachEveryPlatform) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  alpha().remove(kTenant, kEntity, id);
  settle();
  EXPECT_TRUE(beta().copies(kTenant, kEntity).empty());
  EXPECT_TRUE(gamma().copies(kTenant, kEntity).empty());
  EXPECT_TRUE(world().record_of(0, id)->is_deleted());
  const auto deleted_at = world().record_of(0, id)->version;

  beta().create(kTenant, kEntity, object(R"({"email":"a@x","name":"t1:again"})"));
  settle();
  EXPECT_EQ(held(gamma(), "name"), "t1:again");
  EXPECT_EQ(held(alpha(), "name"), "t1:again");
  EXPECT_GT(world().record_of(0, id)->version, deleted_at);
  EXPECT_EQ(world().store.records().size(), 1U);
}

TEST_F(EngineTest, AnUpdateAfterATombstoneIsSkippedAndToldOfToListeners) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const auto [there, copy] = only(beta());
  alpha().remove(kTenant, kEntity, id);
  settle();
  world().notices.clear();
  beta().on_change({kTenant, kEntity, Verb::kUpdated, there, copy, {"beta_name"}});
  settle();
  EXPECT_EQ(status("e3"), EventStatus::kCompleted);
  EXPECT_EQ(result("e3", "gamma").status, ResultStatus::kSkipped);
  EXPECT_EQ(result("e3", "gamma").error_message, "deleted");
  ASSERT_EQ(world().notices.size(), 2U);
  EXPECT_EQ(world().notices.back().kind, Notice::Kind::kSyncCompleted);
}

TEST_F(EngineTest, DeletingTheUnknownLeavesATombstone) {
  const std::string id = create(alpha(), R"({"email":"a@x"})");
  alpha().remove(kTenant, kEntity, id);
  sends_ = false;
  auto remove = last_;
  world_ = nullptr;
  begin({});
  remove->targets = {PlatformId("beta")};
  ASSERT_TRUE(world().accept({remove}));
  settle();
  ASSERT_NE(world().record_of(0, id), nullptr);
  EXPECT_TRUE(world().record_of(0, id)->is_deleted());
  EXPECT_EQ(beta().requests, 0U);
}

TEST_F(EngineTest, AStatelessEventTravelsByItself) {
  for (int i = 0; i < 3; ++i) {
    auto event = std::make_shared<Event>();
    event->id = EventId("s" + std::to_string(i));
    event->tenant = kTenant;
    event->entity = "analytics";
    event->type = "analytics_updated";
    event->source = PlatformId("alpha");
    event->targets = {PlatformId("gamma")};
    event->data = object(R"({"page":"t1:home"})");
    ASSERT_TRUE(world().accept({event}));
  }
  world().network.script = {"500"};
  settle();
  EXPECT_TRUE(world().store.records().empty());
  EXPECT_EQ(gamma().requests, 4U);  // an update of nothing: the platform answers 404
  for (const char* id : {"s0", "s1", "s2"}) EXPECT_EQ(status(id), EventStatus::kFailed);
}

TEST_F(EngineTest, SaysWhyATargetWasSkipped) {
  sends_ = false;
  create(alpha(), R"({"email":"a@x"})");
  last_->targets = {PlatformId("alpha"), PlatformId("beta")};
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(result("e1", "alpha").error_message, "alpha is the source");
  EXPECT_EQ(result("e1", "beta").status, ResultStatus::kCompleted);

  auto secret = std::make_shared<Event>(*last_);
  secret->id = EventId("secret");
  secret->entity = "secret";
  secret->type = "secret_created";
  secret->targets = {PlatformId("beta")};
  ASSERT_TRUE(world().accept({secret}));
  settle();
  EXPECT_EQ(result("secret", "beta").error_message, "beta has no endpoint for secret events");
}

TEST_F(EngineTest, TheSameIdAgainIsADuplicateAndWithOtherContentAMismatch) {
  sends_ = false;
  create(alpha(), R"({"email":"a@x"})");
  auto other = std::make_shared<Event>(*last_);
  other->data.set("email", text("b@x"));
  const auto receipts = world().accept({last_, last_, other});
  ASSERT_TRUE(receipts);
  EXPECT_EQ((*receipts)[0].status, Receipt::Status::kCreated);
  EXPECT_EQ((*receipts)[1].status, Receipt::Status::kDuplicate);
  EXPECT_EQ((*receipts)[2].status, Receipt::Status::kMismatch);
  world().crash();
  EXPECT_EQ(world().accept({last_})->front().status, Receipt::Status::kDuplicate);
  EXPECT_EQ(world().accept({other})->front().status, Receipt::Status::kMismatch);
  settle();
  EXPECT_EQ(world().store.events().size(), 1U);
}

TEST_F(EngineTest, AnIdempotencyKeyAndAnIdShareOneSpace) {
  sends_ = false;
  create(alpha(), R"({"email":"a@x"})");
  auto without = std::make_shared<Event>(*last_);
  without->id = EventId{};
  const auto first = world().accept({without}, "key-1");
  ASSERT_TRUE(first);
  EXPECT_EQ(world().accept({without}, "key-1")->front().status, Receipt::Status::kDuplicate);
  last_->id = EventId("key-1");
  const auto again = world().accept({last_});
  EXPECT_EQ(again->front().status, Receipt::Status::kDuplicate);
  EXPECT_EQ(again->front().id, first->front().id);
  settle();
}

TEST_F(EngineTest, AnEventPastItsTimeExpiresAndARedriveRunsItAllTheSame) {
  sends_ = false;
  create(alpha(), R"({"email":"a@x"})");
  last_->expires_at = world().clock.now() - seconds{1};
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(status("e1"), EventStatus::kExpired);
  EXPECT_TRUE(beta().copies(kTenant, kEntity).empty());
  const auto redriven = world().redrive("e1");
  ASSERT_TRUE(redriven) << redriven.error().message;
  settle();
  EXPECT_EQ(status("e1"), EventStatus::kCompleted);
  EXPECT_EQ(held(beta(), "email"), "a@x");
}

TEST_F(EngineTest, ARedrivenEventSurvivesACrashThoughItIsOlderThanTheLowWaterMark) {
  sends_ = false;
  create(alpha(), R"({"email":"a@x"})");
  auto old = last_;
  old->expires_at = world().clock.now() - seconds{1};
  ASSERT_TRUE(world().accept({old}));
  create(alpha(), R"({"email":"b@x"})");
  ASSERT_TRUE(world().accept({last_}));
  settle();
  world().network.script = {"lost_before", "lost_before"};
  ASSERT_TRUE(world().redrive("e1"));
  world().run_for(seconds{1});
  EXPECT_EQ(status("e1"), EventStatus::kPending);
  world().crash();
  settle();
  EXPECT_EQ(status("e1"), EventStatus::kCompleted);
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 2U);
}

TEST_F(EngineTest, ABaseVersionAboveTheRecordsFailsTheEvent) {
  const std::string id = create(alpha(), R"({"email":"a@x"})");
  settle();
  sends_ = false;
  edit(alpha(), id, "name", "t1:n");
  last_->base_version = 9;
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(status("e2"), EventStatus::kFailed);
  EXPECT_EQ(world().state_of("e2")->message, "base_version 9 is above the record's version 1");
}

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

TEST_F(EngineTest, AStoreThatFailsIsToldToClientsAndLosesNothing) {
  int commits = 0;
  world().store.on_commit = [&commits] {
    ++commits;
    if (commits > 12) return MemoryStore::Fault::kNone;
    return commits % 2 == 1 ? MemoryStore::Fault::kNothingWritten : MemoryStore::Fault::kAnswerLost;
  };
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  edit(alpha(), id, "name", "t1:1");
  settle();
  EXPECT_GT(world().refused, 0U);
  EXPECT_EQ(held(beta(), "name"), "t1:1");
  EXPECT_EQ(held(gamma(), "name"), "t1:1");
}

// A full disk can be read: the engine was called healthy as soon as it had read everything anew, and unhealthy again
// with the next event.
TEST_F(EngineTest, AStoreThatTakesNoWritesIsUnwellUntilItTakesThem) {
  sends_ = false;
  create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  bool full = true;
  world().store.on_commit = [&full] { return full ? MemoryStore::Fault::kNothingWritten : MemoryStore::Fault::kNone; };
  EXPECT_FALSE(world().accept({last_}));
  for (int i = 0; i < 100; ++i) {
    world().run_for(milliseconds{50});
    ASSERT_FALSE(world().snapshot().store_healthy) << "after " << 50 * i << " ms without an event";
    ASSERT_FALSE(world().snapshot().store_message.empty());
  }
  full = false;
  world().run_for(seconds{1});
  EXPECT_TRUE(world().snapshot().store_healthy);
  EXPECT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:0");
}

TEST_F(EngineTest, ATenantsRecordsAreItsOwn) {
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  alpha().create(TenantId("t2"), kEntity, object(R"({"email":"a@x","name":"t2:bob"})"));
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:ann");
  EXPECT_EQ(beta().copies(TenantId("t2"), kEntity).size(), 1U);
  EXPECT_EQ(world().store.records().size(), 2U);
}

}  // namespace
}  // namespace datasync::pipeline
