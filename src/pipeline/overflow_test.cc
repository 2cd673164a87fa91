#include <gtest/gtest.h>

#include <set>

#include "pipeline/testing/engine_fixture.h"

// More events wait for a platform than memory may hold: the rest waits in the store, nothing is lost, nothing stops.

namespace datasync::pipeline {
namespace {

using std::chrono::minutes;

class OverflowTest : public EngineTest {
 protected:
  OverflowTest() {
    options_.events_in_memory_max = 20;
    begin(options_);
    beta().refuse = [](const std::string&) { return 503; };
  }

  void add(int from, int to) {
    for (int i = from; i < to; ++i) create(alpha(), R"({"email":")" + std::to_string(i) + R"(@x"})");
  }
  void add(int from, int to, const char* target) {
    sends_ = false;
    for (int i = from; i < to; ++i) {
      add(i, i + 1);
      last_->targets = {PlatformId(target)};
      world().send(last_);
    }
    sends_ = true;
  }
  EngineSnapshot snapshot() {
    world().run_for(milliseconds{10});
    return world().snapshot();
  }
  /// What is open in memory.
  std::size_t held_in_memory() {
    const EngineSnapshot now = snapshot();
    return now.unfinished - now.set_aside;
  }
  void be_good() { beta().refuse = nullptr; }

  EngineOptions options_;
};

TEST_F(OverflowTest, AnOutageFillsTheStoreAndNotMemoryAndStopsNobody) {
  add(0, 200);
  world().run_for(seconds{8});
  EXPECT_EQ(world().refused, 0U);
  EXPECT_EQ(gamma().copies(kTenant, kEntity).size(), 200U) << "another platform was held up";
  EXPECT_LE(held_in_memory(), 20U);
  EXPECT_GE(snapshot().set_aside, 180U);
  EXPECT_EQ(snapshot().unfinished, 200U);
  EXPECT_EQ(status("e150"), EventStatus::kRetry);

  be_good();
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 200U);
  EXPECT_EQ(beta().seen.size(), 200U) << "something was said twice";
  for (int i = 1; i <= 200; ++i) ASSERT_EQ(status("e" + std::to_string(i)), EventStatus::kCompleted) << i;
  EXPECT_EQ(snapshot().set_aside, 0U);
}

TEST_F(OverflowTest, NothingIsForgottenOverCrashes) {
  add(0, 120);
  world().run_for(seconds{5});
  for (int i = 0; i < 3; ++i) {
    world().crash();
    EXPECT_LE(held_in_memory(), 25U);
    EXPECT_EQ(snapshot().unfinished, 120U);
    world().run_for(seconds{2});
  }
  be_good();
  world().crash_share = 0.05;
  ASSERT_TRUE(world().run_until_quiet());
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 120U);
}

TEST_F(OverflowTest, AnEventThatTwoPlatformsWaitForIsSetAsideAsAWhole) {
  gamma().refuse = beta().refuse;
  add(0, 100);
  world().run_for(seconds{8});
  EXPECT_LE(held_in_memory(), 20U);
  gamma().refuse = nullptr;
  be_good();
  settle();
  for (TestPlatform* target : {&beta(), &gamma()}) EXPECT_EQ(target->copies(kTenant, kEntity).size(), 100U);
}

TEST_F(OverflowTest, ATargetThatIsWellAgainGetsItsOwnWhileAnotherIsStillDown) {
  gamma().refuse = beta().refuse;
  add(0, 200, "beta");
  add(200, 400, "gamma");
  add(400, 500, "beta");
  world().run_for(seconds{10});
  EXPECT_LE(held_in_memory(), 20U);
  gamma().refuse = nullptr;
  world().run_for(minutes{20});
  EXPECT_EQ(gamma().copies(kTenant, kEntity).size(), 200U) << "those of beta stood in the way";
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 0U);
  EXPECT_LE(held_in_memory(), 20U);
  EXPECT_EQ(snapshot().unfinished, 300U);
  be_good();
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 300U);
}

TEST_F(OverflowTest, ATargetThatIsWellLosesLittleTimeOverOneThatIsDown) {
  const auto time_of = [this](std::size_t memory) {
    options_.events_in_memory_max = memory;
    begin(options_);
    beta().refuse = [](const std::string&) { return 503; };
    const Timestamp began = world().clock.now();
    add(0, 600);
    while (gamma().copies(kTenant, kEntity).size() < 600 && world().broken().empty()) world().run_for(milliseconds{20});
    return world().clock.now() - began;
  };
  const auto with_room = time_of(100'000);
  const auto without = time_of(200);
  EXPECT_LE(without, with_room * 3 / 2);
}

TEST_F(OverflowTest, WhatIsNotToGoForLongLetsOthersGo) {
  beta().refuse = [](const std::string& key) { return std::stoi(key.substr(1)) % 2 == 0 ? 429 : 0; };
  beta().retry_after.clear();
  add(0, 300);
  world().run_for(minutes{15});
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 150U);
  EXPECT_LE(held_in_memory(), 20U);
  const std::size_t asked = beta().requests;
  world().run_for(minutes{40});
  EXPECT_GE(beta().requests - asked, 150U) << "those in the store were not tried when they were due";
  EXPECT_LE(beta().requests - asked, 450U);
  be_good();
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 300U);
}

TEST_F(OverflowTest, WhileNothingHappensTheStoreIsNotAsked) {
  add(0, 200);
  world().run_for(seconds{10});
  std::size_t reads = 0;
  world().store.on_read_fails = [&reads] {
    ++reads;
    return false;
  };
  const std::size_t asked = beta().requests;
  world().run_for(minutes{30});
  EXPECT_LE(reads, 10 * (beta().requests - asked + 1)) << "it was asked again and again";
}

TEST_F(OverflowTest, ManyChangesOfOneRecordAreSetAsideTooAndTheLastHolds) {
  be_good();
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  beta().refuse = [](const std::string&) { return 503; };
  for (int i = 1; i <= 100; ++i) edit(alpha(), id, "name", "t1:" + std::to_string(i));
  world().run_for(seconds{2});
  EXPECT_LE(held_in_memory(), 21U);
  be_good();
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:100");
  for (int i = 1; i <= 101; ++i) ASSERT_EQ(status("e" + std::to_string(i)), EventStatus::kCompleted) << i;
}

TEST_F(OverflowTest, ManyChangesBehindOneOfUnknownOutcomeAreSetAsideAndItIsRepeatedFirst) {
  be_good();
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  beta().seen.clear();
  world().network.script = {"lost_before"};  // one of the two targets
  edit(alpha(), id, "name", "t1:1");
  world().run_for(seconds{31});
  beta().refuse = gamma().refuse = [](const std::string&) { return 503; };
  for (int i = 2; i <= 100; ++i) edit(alpha(), id, "name", "t1:" + std::to_string(i));
  world().run_for(seconds{2});
  EXPECT_LE(held_in_memory(), 21U);
  gamma().refuse = nullptr;
  be_good();
  settle();
  for (TestPlatform* target : {&beta(), &gamma()}) {
    EXPECT_EQ(held(*target, "name"), "t1:100");
    EXPECT_EQ(target->seen.front().key, target == &beta() ? "e2" : "e1");
  }
}

// All that waited behind it was let go of, and so was its record, with what was known of the request.
TEST_F(OverflowTest, WhatMayStillArriveIsWaitedForThoughNothingWaitsInMemoryMeanwhile) {
  options_.events_in_memory_max = 2;
  options_.records_cached = 1;
  begin(options_);
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  settle();
  sends_ = false;
  const auto tell_beta = [&](const char* name, std::optional<std::int64_t> retries) {
    edit(alpha(), id, "name", name);
    last_->targets = {PlatformId("beta")};
    last_->max_retries = retries;
    world().send(last_);
  };
  world().network.script = {"late"};  // it arrives after its time-out, within another one
  tell_beta("t1:1", 0);
  world().run_for(seconds{31});
  ASSERT_EQ(status(last_->id.str()), EventStatus::kFailed);
  beta().refuse = [](const std::string&) { return 503; };
  tell_beta("t1:2", {});
  add(0, 8, "beta");
  world().run_for(seconds{2});
  be_good();
  settle();
  std::string name;
  for (const auto& [copy, what] : beta().copies(kTenant, kEntity)) {
    if (const Value* value = what.data.find(beta().shape().local("name"))) name = value->as_string().value_or("");
  }
  EXPECT_EQ(name, "t1:2");
}

TEST_F(OverflowTest, APersonsRetryBringsOneBackAtOnce) {
  add(0, 60);
  world().run_for(seconds{30});
  ASSERT_EQ(status("e60"), EventStatus::kRetry);
  be_good();
  ASSERT_TRUE(world().redrive("e60"));
  settle();
  EXPECT_EQ(status("e60"), EventStatus::kCompleted);
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 60U);
}

TEST_F(OverflowTest, AStoreThatFailsMeanwhileLosesNothing) {
  int commits = 0;
  world().store.on_commit = [&commits] {
    if (++commits % 7 != 0 || commits > 250) return MemoryStore::Fault::kNone;
    return commits % 2 == 0 ? MemoryStore::Fault::kNothingWritten : MemoryStore::Fault::kAnswerLost;
  };
  add(0, 80);
  world().run_for(seconds{20});
  be_good();
  settle();
  EXPECT_GT(commits, 250) << "nothing failed while it was taken up again";
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 80U);
  EXPECT_EQ(gamma().copies(kTenant, kEntity).size(), 80U);
}

TEST_F(OverflowTest, StatelessEventsWaitInTheStoreToo) {
  beta().refuse_request = [](const TenantId&, const std::string&) { return 503; };
  std::vector<std::shared_ptr<Event>> events;
  for (int i = 0; i < 60; ++i) {
    auto event = std::make_shared<Event>();
    event->id = EventId("s" + std::to_string(i));
    event->tenant = kTenant;
    event->entity = "analytics";
    event->type = "analytics_updated";
    event->source = PlatformId("alpha");
    event->targets = {PlatformId("beta")};
    event->data = object(R"({"page":"t1:home"})");
    events.push_back(event);
  }
  ASSERT_TRUE(world().accept(events));
  world().run_for(seconds{3});
  EXPECT_LE(held_in_memory(), 20U);
  be_good();
  std::set<std::string> keys;
  beta().refuse_request = [&keys](const TenantId&, const std::string& key) {
    keys.insert(key);
    return 204;
  };
  settle();
  EXPECT_EQ(keys.size(), 60U);
}

}  // namespace
}  // namespace datasync::pipeline
