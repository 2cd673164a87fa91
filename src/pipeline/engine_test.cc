// What becomes of events: accepted, reconciled, redriven. How they are delivered is in `engine_delivery_test.cc`.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "pipeline/testing/engine_fixture.h"

namespace datasync::pipeline {
namespace {

TEST_F(EngineTest, ACreateReachesEveryOtherPlatformUnderItsOwnNames) {
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

TEST_F(EngineTest, WhatAPlatformHadSeenIsNoChangeHoweverLateItSaysSo) {
  conflict::EntityRulebook beta_is_right;
  beta_is_right.fields["name"].strategy = conflict::find_strategy("source_wins");
  beta_is_right.priority = {PlatformId("beta")};
  begin({}, false, {{kEntity, beta_is_right}});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  const auto [there, copy] = only(beta());
  for (const char* name : {"t1:1", "t1:2", "t1:3", "t1:4"}) {  // more than are kept for echoes
    edit(alpha(), id, "name", name);
    settle();
  }
  sends_ = false;
  beta().on_change({kTenant, kEntity, Verb::kUpdated, there, copy, {"beta_name", "beta_email"}});
  last_->base_version = 1;
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(world().record_of(0, id)->version.value, 5);
  EXPECT_TRUE(world().store.conflicts().empty());
  EXPECT_EQ(held(alpha(), "name"), "t1:4");
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
  EXPECT_EQ(conflict.fields.front().outcome, Conflict::Outcome::kTarget);
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

TEST_F(EngineTest, AQuietEngineGivesTheStoreAMomentEachSecond) {
  world().run_for(seconds{1});
  const std::size_t before = world().store.maintained;
  for (int i = 0; i < 5; ++i) world().run_for(seconds{1});
  EXPECT_GE(world().store.maintained - before, 4U);
  EXPECT_LE(world().store.maintained - before, 6U);
}

TEST_F(EngineTest, AWindowAcceptsNoMoreThanItMayAndTheOthersFollow) {
  EngineOptions options;
  options.window_events_max = 3;
  begin(options);
  std::size_t fullest = 0;
  world().store.on_commit = [&] {
    fullest = std::max(fullest, world().store.staged_events);
    return MemoryStore::Fault::kNone;
  };
  for (int i = 0; i < 20; ++i) create(alpha(), R"({"email":")" + std::to_string(i) + R"(@x"})");
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 20U);
  EXPECT_GE(fullest, 1U);
  EXPECT_LE(fullest, 3U);
}

/// The thread runs here, unlike anywhere else in these tests.
TEST_F(EngineTest, WhoAsksBesideTheLastWindowIsAnsweredBeforeStopReturns) {
  struct Nobody final : NoticeSink {
    bool wants_notices() const noexcept override { return false; }
    void publish(std::vector<Notice>) override {}
  } nobody;
  const SystemClock clock;
  const auto random = make_seeded_random(1);
  MemoryStore store;
  std::atomic<int> answered{0};
  std::atomic<bool> has_asked{false}, is_closed{false};
  Engine engine({store, world().network, clock, *random, nobody}, world().catalog(), {});
  ASSERT_TRUE(engine.start());
  const auto an_event = [this] {
    sends_ = false;
    create(alpha(), R"({"email":"a@x"})");
    last_->targets.clear();
    last_->order_key = order_key_of(*last_);
    std::vector<Submission> submissions;
    submissions.push_back({last_, {}});
    return submissions;
  };
  auto first = an_event(), second = an_event(), third = an_event();
  engine.accept(std::move(first), [&](Result<std::vector<Receipt>>) {
    engine.accept(std::move(second), [&](Result<std::vector<Receipt>>) { ++answered; });
    has_asked = true;
    // The window ends only once nobody is let in any more.
    while (!is_closed) {
      auto more = third;
      engine.accept(std::move(more), [&is_closed](Result<std::vector<Receipt>> answer) {
        if (!answer && answer.error().code == ErrorCode::kUnavailable) is_closed = true;
      });
      std::this_thread::yield();
    }
  });
  while (!has_asked) std::this_thread::yield();
  EXPECT_TRUE(engine.stop(milliseconds{0}));
  EXPECT_EQ(answered, 1);
}

}  // namespace
}  // namespace datasync::pipeline
