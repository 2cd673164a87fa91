#include "pipeline/suspensions.h"

#include <gtest/gtest.h>

namespace datasync::pipeline {
namespace {

const Timestamp kThen{microseconds{1'767'225'600'123'456}};

ChangeKind kind(const char* tenant, const char* entity, Verb verb, const char* platform = "beta") {
  return {TenantId(tenant), PlatformId(platform), entity, verb};
}

storage::WriteBatch staged(const Suspensions& suspensions) {
  storage::WriteBatch batch;
  suspensions.stage(batch);
  return batch;
}

TEST(Suspensions, HoldOneKindOfChangeAndNoOther) {
  Suspensions suspensions;
  suspensions.suspend(kind("t1", "lead", Verb::kDeleted), kThen);
  suspensions.suspend(kind("t1", "lead", Verb::kDeleted), kThen + seconds{9});
  EXPECT_EQ(suspensions.since(kind("t1", "lead", Verb::kDeleted)), kThen);
  EXPECT_FALSE(suspensions.since(kind("t1", "lead", Verb::kUpdated)));
  EXPECT_FALSE(suspensions.since(kind("t1", "user", Verb::kDeleted)));
  EXPECT_FALSE(suspensions.since(kind("t2", "lead", Verb::kDeleted)));
  EXPECT_FALSE(suspensions.since(kind("t1", "lead", Verb::kDeleted, "gamma")));
}

TEST(Suspensions, AreLiftedForEveryVerbOfAnEntity) {
  Suspensions suspensions;
  suspensions.suspend(kind("t1", "lead", Verb::kDeleted), kThen);
  suspensions.suspend(kind("t1", "lead", Verb::kCreated), kThen);
  suspensions.suspend(kind("t1", "user", Verb::kCreated), kThen);
  suspensions.committed();
  suspensions.lift(TenantId("t1"), PlatformId("beta"), "lead");
  EXPECT_EQ(suspensions.all().size(), 1U);
  EXPECT_EQ(staged(suspensions).lane_states.size(), 2U);
  suspensions.committed();
  suspensions.lift(TenantId("t1"), PlatformId("beta"), "lead");
  EXPECT_TRUE(staged(suspensions).empty());
}

TEST(Suspensions, ComeBackFromTheStoreWhateverTheirNamesHold) {
  Suspensions suspensions;
  suspensions.suspend(kind("t/1", "le/ad", Verb::kDeleted, "my shop%"), kThen);
  suspensions.suspend(kind("", "lead", Verb::kCreated), kThen);
  const auto batch = staged(suspensions);
  ASSERT_EQ(batch.lane_states.size(), 2U);
  EXPECT_EQ(batch.lane_states[0].name, "gone/beta/lead/created");
  std::vector<storage::LaneState> stored = batch.lane_states;
  for (const char* name : {"circuit http://a:80", "gone/", "gone/a/b", "gone/a/b/c", "gone/%zz/b/deleted", ""}) {
    stored.push_back({TenantId("t1"), name, "2026-01-01T00:00:00Z"});
  }
  stored.push_back({TenantId("t1"), "gone/a/b/deleted", "once"});
  Suspensions later;
  later.load(stored);
  EXPECT_EQ(later.all(), suspensions.all());
  EXPECT_TRUE(staged(later).empty());
}

TEST(Suspensions, WhatATransactionDidNotKeepIsStagedAgainAndOutlivesALoad) {
  Suspensions suspensions;
  suspensions.suspend(kind("t1", "user", Verb::kCreated), kThen);
  const auto stored = staged(suspensions).lane_states;
  suspensions.committed();
  suspensions.lift(TenantId("t1"), PlatformId("beta"), "user");
  suspensions.suspend(kind("t1", "lead", Verb::kDeleted), kThen);
  suspensions.load(stored);  // the transaction failed, so the store says what was before it
  EXPECT_FALSE(suspensions.since(kind("t1", "user", Verb::kCreated)));
  EXPECT_TRUE(suspensions.since(kind("t1", "lead", Verb::kDeleted)));
  EXPECT_EQ(staged(suspensions).lane_states.size(), 2U);
}

}  // namespace
}  // namespace datasync::pipeline
