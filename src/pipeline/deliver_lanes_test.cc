#include <gtest/gtest.h>

#include <set>

#include "pipeline/testing/engine_fixture.h"

// What makes a lane or its origin rest: 410, an open circuit, a rate limit, `Retry-After`, a refused credential. What
// rests fails nothing, holds up nobody else, can be seen, and is lifted by time or by a person.

namespace datasync::pipeline {
namespace {

using Suspension = EngineSnapshot::Suspension;

class DeliverLanes : public EngineTest {
 protected:
  /// A user of `tenant` who signs up at alpha.
  std::string add(const std::string& tenant, const std::string& email) {
    return alpha().create(TenantId(tenant), kEntity,
                          object(R"({"email":")" + email + R"(","name":")" + tenant + R"(:n"})"));
  }
  void change(const std::string& tenant, const std::string& id, const std::string& value) {
    alpha().edit(TenantId(tenant), kEntity, id, "name", text(tenant + ":" + value));
  }

  /// Beta answers `status` to these tenants, and notes what it was asked.
  void refuse(int status, std::set<std::string> tenants = {"t1"}) {
    asked_.clear();
    beta().refuse_request = [this, status, tenants = std::move(tenants)](const TenantId& tenant,
                                                                         const std::string& key) {
      asked_.push_back(key);
      asked_at_.push_back(world().clock.now());
      return tenants.contains(tenant.str()) ? status : 0;
    };
  }
  void be_good() { refuse(200, {}); }

  const EngineSnapshot::PlatformState& beta_state() {
    world().run_for(milliseconds{10});
    snapshot_ = world().snapshot();
    return snapshot_.platforms.at(1);
  }

  std::vector<std::string> asked_;
  std::vector<Timestamp> asked_at_;
  EngineSnapshot snapshot_;
};

TEST_F(DeliverLanes, A410SuspendsOneKindOfChangeAndNothingElse) {
  const std::string id = add("t1", "a@x");
  const std::string other = add("t2", "b@x");
  settle();
  refuse(410);
  change("t1", id, "1");
  settle();
  EXPECT_EQ(status("e3"), EventStatus::kFailed);
  EXPECT_NE(result("e3", "beta").error_message.find("410"), std::string::npos);
  change("t1", id, "2");
  settle();
  EXPECT_EQ(asked_, std::vector<std::string>{"e3"}) << "it was asked once, not for each change";
  EXPECT_EQ(status("e4"), EventStatus::kFailed);
  EXPECT_EQ(result("e4", "gamma").status, ResultStatus::kCompleted);
  EXPECT_NE(result("e4", "beta").error_message.find("beta has served no user to be updated since"), std::string::npos)
      << result("e4", "beta").error_message;

  change("t2", other, "3");
  settle();
  EXPECT_EQ(status("e5"), EventStatus::kCompleted) << "another tenant's";
  be_good();
  add("t1", "c@x");
  settle();
  EXPECT_EQ(status("e6"), EventStatus::kCompleted) << "another verb";
  ASSERT_EQ(beta_state().suspended.size(), 1U);
  const Suspension& told = snapshot_.platforms[1].suspended[0];
  EXPECT_EQ(to_string(told.reason), "gone");
  EXPECT_EQ(told.entity, kEntity);
  EXPECT_EQ(told.verb, Verb::kUpdated);
  EXPECT_EQ(told.tenants, 1U);
  EXPECT_TRUE(told.since);
}

TEST_F(DeliverLanes, ASuspensionSurvivesARestartAndIsLiftedByARedrive) {
  const std::string id = add("t1", "a@x");
  settle();
  refuse(410);
  change("t1", id, "1");
  settle();
  world().crash();
  change("t1", id, "2");
  settle();
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_EQ(status("e3"), EventStatus::kFailed);
  EXPECT_EQ(beta_state().suspended.size(), 1U);

  ASSERT_TRUE(world().redrive("e3"));
  settle();
  EXPECT_EQ(asked_.size(), 2U) << "the platform was asked again, and still serves none";
  EXPECT_EQ(status("e3"), EventStatus::kFailed);
  EXPECT_EQ(beta_state().suspended.size(), 1U);

  be_good();
  ASSERT_TRUE(world().redrive("e2"));
  settle();
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
  EXPECT_EQ(held(beta(), "name"), "t1:2") << "a redrive sends what the target lacks now";
  EXPECT_TRUE(beta_state().suspended.empty());
  EXPECT_TRUE(world().store.lane_states().empty());
}

TEST_F(DeliverLanes, WhatIsParkedOfASuspendedKindIsADeadLetterToo) {
  const std::string id = add("t1", "a@x");
  const std::string other = add("t1", "b@x");
  settle();
  refuse(503);
  change("t1", id, "1");
  world().run_for(milliseconds{300});
  EXPECT_EQ(status("e3"), EventStatus::kRetry);
  refuse(410);
  change("t1", other, "1");
  settle();
  EXPECT_EQ(asked_, std::vector<std::string>{"e4"});
  EXPECT_EQ(status("e3"), EventStatus::kFailed);
}

TEST_F(DeliverLanes, OfABatchThatIsGoneAsAWholeNothingIsKnownYet) {
  begin({}, true);
  sends_ = false;
  std::vector<std::shared_ptr<Event>> events;
  for (int i = 0; i < 5; ++i) {
    add("t1", std::to_string(i) + "@x");
    last_->targets = {PlatformId("beta")};
    events.push_back(last_);
  }
  world().network.script = {"good", "410 as a whole"};
  ASSERT_TRUE(world().accept(events));
  settle();
  for (const auto& event : events) EXPECT_EQ(status(event->id.str()), EventStatus::kCompleted);
  EXPECT_TRUE(beta_state().suspended.empty());
}

TEST_F(DeliverLanes, AnOpenCircuitSurvivesARestartAndOneTrialClosesIt) {
  refuse(503);
  for (int i = 0; i < 30; ++i) add("t1", std::to_string(i) + "@x");
  world().run_for(seconds{4});
  ASSERT_EQ(beta_state().circuit, "open");
  EXPECT_GE(asked_.size(), 20U);
  EXPECT_LT(asked_.size(), 30U);
  ASSERT_EQ(world().store.lane_states().size(), 1U);
  EXPECT_EQ(world().store.lane_states().begin()->first.second, "circuit http://beta:80");

  refuse(503);
  world().crash();
  EXPECT_EQ(beta_state().circuit, "open");
  world().run_for(seconds{2});
  EXPECT_TRUE(asked_.empty()) << "the restart made it forget the outage";
  world().run_for(seconds{6});
  EXPECT_EQ(asked_.size(), 1U) << "one trial, and it failed";
  EXPECT_EQ(beta_state().circuit, "open");

  be_good();
  settle();
  EXPECT_EQ(beta_state().circuit, "closed");
  EXPECT_TRUE(world().store.lane_states().empty());
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 30U);
}

TEST_F(DeliverLanes, ACircuitThatTheStoreCouldNotKeepIsKeptLater) {
  refuse(503);
  for (int i = 0; i < 30; ++i) add("t1", std::to_string(i) + "@x");
  world().store.on_commit = [this, left = 3]() mutable {
    const bool opens = asked_.size() >= 20 && left > 0;
    if (opens) --left;
    return opens ? MemoryStore::Fault::kNothingWritten : MemoryStore::Fault::kNone;
  };
  world().run_for(seconds{8});
  ASSERT_NE(world().snapshot().platforms[1].circuit, "closed");
  EXPECT_EQ(world().store.lane_states().size(), 1U);
}

TEST_F(DeliverLanes, ARateLimitMakesRequestsWaitAndFailsNone) {
  shapes_[1].rate_limit = delivery::TokenBucket::Options{2.0, 1};
  begin_with({});
  refuse(200, {});
  for (int i = 0; i < 4; ++i) add("t1", std::to_string(i) + "@x");
  for (int i = 4; i < 8; ++i) add("t2", std::to_string(i) + "@x");
  world().run_for(milliseconds{400});
  EXPECT_EQ(gamma().requests, 8U) << "the limit is beta's alone";
  EXPECT_EQ(asked_.size(), 1U);
  const std::size_t parked = beta_state().parked;
  settle();
  EXPECT_EQ(parked, 0U);
  ASSERT_EQ(asked_at_.size(), 8U);
  EXPECT_GE(asked_at_.back() - asked_at_.front(), milliseconds{7 * 500 - 50});  // up to 50 ms on their way
  for (int i = 1; i <= 8; ++i) EXPECT_EQ(result("e" + std::to_string(i), "beta").attempts, 1);
}

TEST_F(DeliverLanes, ABatchCountsAsOneRequest) {
  shapes_[1].rate_limit = delivery::TokenBucket::Options{1.0, 1};
  shapes_[1].bulk = true;
  begin_with({});
  sends_ = false;
  std::vector<std::shared_ptr<Event>> events;
  for (int i = 0; i < 11; ++i) {
    add("t1", std::to_string(i) + "@x");
    last_->targets = {PlatformId("beta")};
    events.push_back(last_);
  }
  ASSERT_TRUE(world().accept(events));
  world().run_for(seconds{6});
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 11U);
  EXPECT_LE(beta().requests, 4U);  // batches hold five
  settle();
}

TEST_F(DeliverLanes, ATenantThatIsAskedToWaitWaitsWithAllItsChanges) {
  refuse(429);
  add("t1", "a@x");
  world().run_for(milliseconds{500});
  for (const char* email : {"b@x", "c@x", "d@x"}) add("t1", email);
  add("t2", "e@x");
  world().run_for(seconds{5});
  EXPECT_EQ(asked_, (std::vector<std::string>{"e1", "e5"})) << "another tenant was not asked to wait";
  EXPECT_EQ(status("e5"), EventStatus::kCompleted);
  ASSERT_EQ(beta_state().suspended.size(), 1U);
  EXPECT_EQ(to_string(snapshot_.platforms[1].suspended[0].reason), "asked_to_wait");
  EXPECT_FALSE(snapshot_.platforms[1].paused_until);
  be_good();
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 4U);
  EXPECT_TRUE(beta_state().suspended.empty());
  for (int i = 2; i <= 4; ++i) EXPECT_EQ(result("e" + std::to_string(i), "beta").attempts, 1);
}

TEST_F(DeliverLanes, WhenSeveralTenantsAreAskedToWaitAllDo) {
  refuse(429, {"t1", "t2"});
  add("t1", "a@x");
  add("t2", "b@x");
  world().run_for(milliseconds{500});
  EXPECT_EQ(asked_.size(), 2U);
  add("t3", "c@x");
  world().run_for(seconds{4});
  EXPECT_EQ(asked_.size(), 2U) << "a third tenant found out by itself";
  EXPECT_TRUE(beta_state().paused_until);
  be_good();
  settle();
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(status("e" + std::to_string(i)), EventStatus::kCompleted);
  EXPECT_FALSE(beta_state().paused_until);
}

TEST_F(DeliverLanes, ARedriveDoesNotWaitForTheEndOfARest) {
  refuse(429);
  add("t1", "a@x");
  world().run_for(milliseconds{500});
  be_good();
  ASSERT_TRUE(world().redrive("e1"));
  world().run_for(milliseconds{200});
  EXPECT_EQ(status("e1"), EventStatus::kCompleted);
}

TEST_F(DeliverLanes, ThreeRefusedCredentialsSuspendALaneAndThenOneIsEnough) {
  refuse(401);
  for (int i = 0; i < 6; ++i) add("t1", std::to_string(i) + "@x");
  add("t2", "t2@x");
  const auto asked_for_t1 = [this] {
    return std::count_if(asked_.begin(), asked_.end(), [](const auto& key) { return key != "e7"; });
  };
  world().run_for(std::chrono::minutes{4});
  EXPECT_EQ(asked_for_t1(), 3);
  EXPECT_EQ(status("e7"), EventStatus::kCompleted);
  ASSERT_EQ(beta_state().suspended.size(), 1U);
  EXPECT_EQ(to_string(snapshot_.platforms[1].suspended[0].reason), "unauthorized");
  EXPECT_TRUE(snapshot_.platforms[1].suspended[0].until);
  world().run_for(std::chrono::minutes{4});
  EXPECT_EQ(asked_for_t1(), 4) << "after its rest";
  be_good();
  world().run_for(std::chrono::minutes{4});
  EXPECT_TRUE(beta_state().suspended.empty());
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 6U);
}

TEST_F(DeliverLanes, AFreshCredentialIsAskedForOnceAndUsedAtOnce) {
  shapes_[1].token = "old";
  begin_with({});
  beta().wanted_token = "new";
  for (int i = 0; i < 6; ++i) add("t1", std::to_string(i) + "@x");
  world().run_for(std::chrono::minutes{2});
  EXPECT_EQ(world().credential_refused, std::vector<std::string>{"beta"});
  EXPECT_EQ(beta_state().suspended.size(), 1U);
  shapes_[1].token = "new";
  world().reload(shapes_);
  world().run_for(seconds{40});
  EXPECT_TRUE(beta_state().suspended.empty()) << "the former credential's rest holds up the new one";
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 6U);
  EXPECT_EQ(world().credential_refused.size(), 1U);
}

}  // namespace
}  // namespace datasync::pipeline
