#include "pipeline/lane.h"

#include <gtest/gtest.h>

#include "delivery/connectors/rest.h"

namespace datasync::pipeline {
namespace {

using Limit = delivery::TokenBucket::Options;
using Rulebooks = std::map<std::string, conflict::EntityRulebook, std::less<>>;

struct Platform {
  const char* name;
  const char* address;
  const char* token = "";
  std::optional<Limit> limit = {};
};

Catalog catalog_of(const std::vector<Platform>& platforms) {
  Catalog catalog{transform::Mapper(transform::Mapping{}, {}), conflict::RuleBook(Rulebooks{}), {}};
  for (const Platform& platform : platforms) {
    delivery::RestOptions options;
    options.platform = PlatformId(platform.name);
    options.base_url = platform.address;
    options.rate_limit = platform.limit;
    if (*platform.token != '\0') options.credential = {delivery::Credential::Kind::kBearer, platform.token};
    catalog.connectors.push_back(delivery::make_rest_connector(std::move(options)).value());
  }
  return catalog;
}

class LanesTest : public testing::Test {
 protected:
  LanesTest() : lanes_(make()) {}
  std::unique_ptr<Lanes> make() {
    return std::make_unique<Lanes>(delivery::AdaptiveConcurrency::Options{}, clock_, std::string(32, 's'));
  }
  OriginState& origin(const Catalog& catalog, std::size_t at) { return *lanes_->origin_of(*catalog.connectors[at]); }
  std::vector<storage::LaneState> staged() {
    storage::WriteBatch batch;
    lanes_->stage(batch);
    return batch.lane_states;
  }
  void open_circuit(OriginState& origin) {
    for (int i = 0; i < 20; ++i) {
      origin.breaker.report(delivery::CircuitBreaker::Permit::kCall, true, 1, clock_.steady_now());
    }
    ASSERT_TRUE(origin.breaker.is_open());
    lanes_->circuit_changed(origin);
  }

  ManualClock clock_;
  std::unique_ptr<Lanes> lanes_;
};

TEST_F(LanesTest, AnOriginIsAddressAndCredential) {
  const Catalog catalog = catalog_of({{"a", "https://api.example/one", "k"},
                                      {"b", "https://api.example:443/two", "k"},
                                      {"c", "https://api.example", "other"},
                                      {"d", "https://api.example"},
                                      {"e", "http://api.example", "k"}});
  lanes_->follow(catalog);
  EXPECT_EQ(&origin(catalog, 0), &origin(catalog, 1));
  for (std::size_t other = 2; other < 5; ++other) EXPECT_NE(&origin(catalog, 0), &origin(catalog, other)) << other;
  EXPECT_EQ(origin(catalog, 2).name, "https://api.example:443") << "a credential is part of no log";
  EXPECT_EQ(origin(catalog, 3).stored_name, "circuit https://api.example:443");
  EXPECT_NE(origin(catalog, 0).stored_name, origin(catalog, 2).stored_name);
}

TEST_F(LanesTest, TheLowestLimitHoldsForAllOfAnOriginAndAReloadChangesIt) {
  Catalog catalog =
      catalog_of({{"a", "http://x", "k", Limit{10, 5}}, {"b", "http://x", "k", Limit{2, 3}}, {"c", "http://x", "k"}});
  lanes_->follow(catalog);
  ASSERT_TRUE(origin(catalog, 0).limit);
  EXPECT_EQ(origin(catalog, 2).limit->options(), (Limit{2, 3}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(origin(catalog, 0).limit->take(), milliseconds{0});
  lanes_->follow(catalog);
  EXPECT_GT(origin(catalog, 0).limit->take(), milliseconds{0}) << "a reload without a change grants nothing";
  catalog = catalog_of({{"a", "http://x", "k", Limit{10, 5}}});
  lanes_->follow(catalog);
  EXPECT_EQ(origin(catalog, 0).limit->options(), (Limit{10, 5}));
  catalog = catalog_of({{"a", "http://x", "k"}});
  lanes_->follow(catalog);
  EXPECT_FALSE(origin(catalog, 0).limit);
}

TEST_F(LanesTest, AnOpenCircuitIsStoredTakenUpAndForgottenWhenItCloses) {
  const Catalog catalog = catalog_of({{"a", "http://x", "k"}, {"b", "http://y"}});
  lanes_->load({});
  lanes_->follow(catalog);
  open_circuit(origin(catalog, 0));
  const auto stored = staged();
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_TRUE(stored[0].tenant.empty());
  EXPECT_EQ(staged(), stored) << "until it is committed";
  lanes_->committed();
  EXPECT_TRUE(staged().empty());

  const SteadyTime until = origin(catalog, 0).breaker.open_until();
  lanes_ = make();
  lanes_->load(stored);
  lanes_->follow(catalog);
  EXPECT_TRUE(origin(catalog, 0).breaker.is_open());
  EXPECT_EQ(origin(catalog, 0).breaker.open_until(), until);
  EXPECT_FALSE(origin(catalog, 1).breaker.is_open());
  EXPECT_TRUE(staged().empty());

  clock_.advance(seconds{10});
  OriginState& back = origin(catalog, 0);
  ASSERT_EQ(back.breaker.ask(clock_.steady_now()), delivery::CircuitBreaker::Permit::kTrial);
  back.breaker.report(delivery::CircuitBreaker::Permit::kTrial, false, 1, clock_.steady_now());
  lanes_->circuit_changed(back);
  ASSERT_EQ(staged().size(), 1U);
  EXPECT_EQ(staged()[0].name, stored[0].name);
  EXPECT_TRUE(staged()[0].value.empty());
}

TEST_F(LanesTest, WhatIsConfiguredNoLongerOrCannotBeReadIsNotKept) {
  const Catalog catalog = catalog_of({{"a", "http://x"}});
  lanes_->load({{TenantId(), "circuit http://x:80", "ajar"},
                {TenantId(), "circuit http://gone:80", "open 1 2"},
                {TenantId("t1"), "gone/a/user/deleted", "2026-01-01T00:00:00Z"},
                {TenantId(), "of a later version", "x"}});
  lanes_->follow(catalog);
  EXPECT_FALSE(origin(catalog, 0).breaker.is_open());
  EXPECT_EQ(staged(), (std::vector<storage::LaneState>{{TenantId(), "circuit http://gone:80", ""}}));
}

TEST_F(LanesTest, AReadAfterAFailedTransactionKeepsWhatIsNewerInMemory) {
  const Catalog catalog = catalog_of({{"a", "http://x"}});
  lanes_->load({});
  lanes_->follow(catalog);
  open_circuit(origin(catalog, 0));
  lanes_->clear();
  lanes_->load({});  // the store never heard of it
  lanes_->follow(catalog);
  EXPECT_TRUE(origin(catalog, 0).breaker.is_open());
  EXPECT_EQ(staged().size(), 1U);
  lanes_->load(staged());
  lanes_->committed();
  lanes_->follow(catalog);
  EXPECT_TRUE(staged().empty()) << "its own row is none of a stranger";
}

TEST_F(LanesTest, ALaneLeadsWhereTheConfigurationSays) {
  const Catalog before = catalog_of({{"a", "http://x", "old"}});
  lanes_->follow(before);
  Lane& lane = lanes_->get(TenantId("t1"), *before.connectors[0]);
  lane.unauthorized = 2;
  lane.suspended_until = lane.paused_until = clock_.steady_now() + seconds{60};
  lanes_->follow(before);
  EXPECT_EQ(lane.unauthorized, 2);
  const Catalog after = catalog_of({{"a", "http://x", "new"}});
  lanes_->follow(after);
  EXPECT_EQ(lane.origin, &origin(after, 0));
  EXPECT_EQ(lane.unauthorized, 0);
  EXPECT_LE(lane.suspended_until, clock_.steady_now());
  EXPECT_LE(lane.paused_until, clock_.steady_now());
  lanes_->follow(catalog_of({}));
  EXPECT_NE(lane.origin, nullptr);
  EXPECT_EQ(lanes_->find(TenantId("t1"), PlatformId("a")), &lane);
  EXPECT_EQ(lanes_->find(TenantId("t2"), PlatformId("a")), nullptr);
}

}  // namespace
}  // namespace datasync::pipeline
