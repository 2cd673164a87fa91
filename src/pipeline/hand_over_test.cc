#include "pipeline/hand_over.h"

#include <gtest/gtest.h>

namespace datasync::pipeline {
namespace {

/// What a hand-over asks of them: whose a tenant is, and whether a change is wanted.
class FakeShares final : public storage::Shares {
 public:
  bool due = false;
  TenantId ours{"ours"};

  void join(std::string, std::function<void()>) override {}
  bool wait_until_settled(milliseconds) override { return true; }
  bool leave(milliseconds) override { return true; }
  void stop() override {}
  [[nodiscard]] bool has_all() const noexcept override { return false; }
  [[nodiscard]] Place place_of(const TenantId&) const override { return {}; }
  [[nodiscard]] storage::Shards held() const override { return {}; }
  [[nodiscard]] std::vector<storage::Instance> instances() const override { return {}; }
  [[nodiscard]] storage::Replication replication() const noexcept override { return storage::Replication::kNone; }
  void set_wants_notices(bool) override {}
  [[nodiscard]] bool owns(const TenantId& tenant) const override { return tenant == ours; }
  [[nodiscard]] bool owns_shard(std::size_t) const override { return true; }
  [[nodiscard]] bool change_is_due() const noexcept override { return due; }
  [[nodiscard]] Result<void> change() override { return {}; }
  [[nodiscard]] Result<void> renew_numbers() override { return {}; }
};

constexpr SteadyTime kNow{std::chrono::hours{1}};

TEST(HandOver, WaitsForWhatIsUnderWayButNotForLong) {
  FakeShares shares;
  HandOver hand_over(&shares);
  EXPECT_FALSE(hand_over.is_due(kNow, false));
  EXPECT_FALSE(hand_over.is_waiting());
  shares.due = true;
  EXPECT_FALSE(hand_over.is_due(kNow, true));
  EXPECT_TRUE(hand_over.is_waiting()) << "nothing new may be sent";
  EXPECT_LT(hand_over.look_again(kNow), kNow + milliseconds{100});
  EXPECT_FALSE(hand_over.is_due(kNow + milliseconds{999}, true));
  EXPECT_TRUE(hand_over.is_due(kNow + milliseconds{1'000}, true));
  EXPECT_TRUE(hand_over.is_due(kNow + milliseconds{1}, false));
  hand_over.done();
  EXPECT_FALSE(hand_over.is_waiting());
}

TEST(HandOver, GoesOnAsBeforeWhereTheChangeIsNoLongerWanted) {
  FakeShares shares;
  HandOver hand_over(&shares);
  shares.due = true;
  EXPECT_FALSE(hand_over.is_due(kNow, true));
  shares.due = false;
  EXPECT_FALSE(hand_over.is_due(kNow, true));
  EXPECT_FALSE(hand_over.is_waiting());
  EXPECT_EQ(hand_over.look_again(kNow), SteadyTime::max());
}

TEST(HandOver, KnowsWhoseATenantIs) {
  FakeShares shares;
  const HandOver shared(&shares);
  const HandOver alone(nullptr);
  const auto of = [](const char* tenant) {
    auto event = std::make_shared<Event>();
    event->tenant = TenantId(tenant);
    return Submission{std::move(event), {}};
  };
  EXPECT_TRUE(shared.are_ours({of("ours"), of("ours")}));
  EXPECT_FALSE(shared.are_ours({of("ours"), of("another's")}));
  EXPECT_TRUE(alone.are_ours({of("another's")}));
  EXPECT_TRUE(alone.is_ours(TenantId("another's")));
}

}  // namespace
}  // namespace datasync::pipeline
