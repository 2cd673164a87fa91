#include <gtest/gtest.h>

#include "pipeline/testing/engine_fixture.h"

// Somebody sets the wall clock while changes wait. What waits goes by the steady clock, so nothing of it comes later or
// sooner; what the store keeps is wall time, and is not believed further than a plan can reach.

namespace datasync::pipeline {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

class ClockTest : public EngineTest {
 protected:
  /// Beta answers `status`, and notes when it was asked.
  void refuse(int status) {
    beta().refuse = [this, status](const std::string&) {
      asked_.push_back(world().clock.true_now());
      return status;
    };
  }
  /// How long ago beta was last asked.
  microseconds since_last() { return world().clock.true_now() - asked_.back(); }

  std::vector<Timestamp> asked_;
};

class ClockStepTest : public ClockTest, public testing::WithParamInterface<int> {
 protected:
  void step() { world().clock.step(hours{GetParam()}); }
};

TEST_P(ClockStepTest, ARetryComesNeitherLaterNorSooner) {
  refuse(503);
  create(alpha(), R"({"email":"a@x"})");
  world().run_for(seconds{15});
  ASSERT_EQ(asked_.size(), 4U);  // the next comes after 30 s, or nearly so
  step();
  world().run_for(seconds{23} - since_last());
  EXPECT_EQ(asked_.size(), 4U) << "too soon";
  world().run_for(seconds{38} - since_last());
  EXPECT_EQ(asked_.size(), 5U) << "too late";
}

TEST_P(ClockStepTest, WhoAskedToBeLeftAloneIsLeftAloneForSoLong) {
  beta().retry_after = "90";
  refuse(429);
  create(alpha(), R"({"email":"a@x"})");
  world().run_for(seconds{1});
  ASSERT_EQ(asked_.size(), 1U);
  step();
  create(alpha(), R"({"email":"b@x"})");
  world().run_for(seconds{89} - since_last());
  EXPECT_EQ(asked_.size(), 1U) << "too soon";
  beta().refuse = nullptr;
  world().run_for(seconds{4});
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 2U) << "too late";
}

TEST_P(ClockStepTest, AnOpenCircuitIsTriedAgainWhenItsTimeIsOver) {
  refuse(503);
  for (int i = 0; i < 30; ++i) create(alpha(), R"({"email":")" + std::to_string(i) + R"(@x"})");
  world().run_for(seconds{3});
  ASSERT_EQ(world().snapshot().platforms.at(1).circuit, "open");
  const std::size_t asked = asked_.size();
  step();
  world().run_for(seconds{7});
  EXPECT_EQ(asked_.size(), asked + 1);
}

TEST_P(ClockStepTest, NothingNewerIsSaidWhileAnUnheardRequestMayArrive) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:1"})");
  settle();
  world().network.script = {"late", "good"};  // beta's arrives up to a minute after its time-out
  world().network.weather.delay_max = milliseconds{1};
  edit(alpha(), id, "name", "t1:2");
  world().run_for(seconds{1});
  world().crash();
  world().run_for(seconds{5});
  step();
  edit(alpha(), id, "name", "t1:3");
  world().run_for(seconds{20});
  EXPECT_NE(held(beta(), "name"), "t1:3") << "too soon";
  world().run_for(seconds{12});
  EXPECT_EQ(held(beta(), "name"), "t1:3") << "too late";
}

TEST_P(ClockStepTest, WhatWaitsInTheStoreComesNoLater) {
  EngineOptions options;
  options.events_in_memory_max = 20;
  begin(options);
  refuse(503);
  for (int i = 0; i < 100; ++i) create(alpha(), R"({"email":")" + std::to_string(i) + R"(@x"})");
  world().run_for(minutes{10});
  ASSERT_GT(world().snapshot().set_aside, 70U);
  world().clock.step(8 * hours{GetParam()});
  beta().refuse = nullptr;
  for (int i = 0; i < 80; ++i) world().run_for(minutes{1});  // some wait once more for as long as their plan says
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 100U);
}

TEST_P(ClockStepTest, WhatATargetSaysMeanwhileHasCrossedOurChange) {
  std::map<std::string, conflict::EntityRulebook, std::less<>> rules;  // else the time decides
  rules[kEntity].priority = {PlatformId("beta"), PlatformId("alpha")};
  rules[kEntity].fields["name"] = {conflict::find_strategy("source_wins"), false, {}, {}};
  begin({}, false, std::move(rules));
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:1"})");
  settle();
  const std::string own = only(beta()).first;
  world().network.script = {"slow", "good"};
  edit(alpha(), id, "name", "t1:2");
  world().run_for(seconds{5});
  step();
  edit(beta(), own, "name", "t1:3");  // and ours comes after it
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:3");
  EXPECT_EQ(held(alpha(), "name"), "t1:3");
}

INSTANTIATE_TEST_SUITE_P(ByHours, ClockStepTest, testing::Values(-1, 1));

TEST_F(ClockTest, AfterARestartARetryWaitsNoLongerThanItsPlanCouldHaveAskedFor) {
  refuse(503);
  create(alpha(), R"({"email":"a@x"})");
  world().run_for(milliseconds{500});
  ASSERT_EQ(asked_.size(), 1U);
  world().clock.step(-hours{8});
  world().crash();
  world().run_for(seconds{5});
  EXPECT_GE(asked_.size(), 2U);

  world().run_for(minutes{2});
  world().clock.step(-hours{8});
  world().crash();
  world().run_for(minutes{10});  // five minutes were asked for, and two had gone by before
  EXPECT_GE(asked_.size(), 6U);
}

// Random histories found it: what the copy was told an hour "later" seemed to say that it had come back since.
TEST_F(ClockTest, ACopyThatIsGoneIsMadeAnewAlsoAfterTheClockWasSetBack) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  sends_ = false;
  remove(beta(), only(beta()).first);
  sends_ = true;
  world().clock.step(-hours{1});
  edit(alpha(), id, "name", "t1:new");
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:new");
  EXPECT_EQ(status("e3"), EventStatus::kCompleted);
}

TEST_F(ClockTest, AWishOfItsTargetIsStillGrantedAfterARestart) {
  beta().retry_after = "600";
  refuse(429);
  create(alpha(), R"({"email":"a@x"})");
  world().run_for(seconds{1});
  world().crash();
  world().run_for(minutes{9});
  EXPECT_EQ(asked_.size(), 1U);
}

}  // namespace
}  // namespace datasync::pipeline
