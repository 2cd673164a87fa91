#include <gmock/gmock.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/uuid.h"
#include "bus/kafka/group_consumer.h"
#include "bus/kafka/producer.h"
#include "bus/kafka/topic.h"

namespace datasync::bus::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr milliseconds kPatience{30'000};

/// With a topic and a group of its own on a real broker, which `scripts/with_kafka.sh` starts.
class KafkaGroupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* brokers = std::getenv("DATASYNC_KAFKA_BROKERS");
    ASSERT_NE(brokers, nullptr) << "run it as: scripts/with_kafka.sh build/release/bus_test";
    brokers_ = brokers;
    const SystemClock clock;
    const auto random = make_system_random();
    topic_ = "group-test-" + format_uuid(UuidGenerator(clock, *random).next());
    const auto made = prepare_topics(brokers_, {{topic_, 4}}, kPatience);
    ASSERT_TRUE(made) << made.error().message << " " << made.error().detail;
    producer_ = std::move(Producer::make(brokers_, {}).value());
  }

  std::unique_ptr<GroupConsumer> join() {
    auto member = GroupConsumer::make({brokers_, topic_ + "-group", {topic_}});
    EXPECT_TRUE(member);
    return std::move(*member);
  }

  void append(std::int32_t partition, const std::string& value) {
    const auto told = std::make_shared<std::promise<bool>>();
    ASSERT_TRUE(producer_->append({topic_, partition, "key", value, {{"id", "id of " + value}}},
                                  [told](const Result<std::int64_t>& offset) { told->set_value(offset.has_value()); }));
    ASSERT_TRUE(told->get_future().get());
  }

  template <typename Done>
  static bool eventually(Done done) {
    const auto by = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > by) return false;
    }
    return true;
  }

  std::vector<std::string> take(GroupConsumer& member, std::size_t wanted) {
    std::vector<std::string> values;
    EXPECT_TRUE(eventually([&] {
      auto some = member.take(wanted - values.size(), milliseconds{100});
      if (!some) return false;
      for (auto& message : *some) {
        values.push_back(message.value);
        last_ = std::move(message);
      }
      return values.size() >= wanted;
    }));
    return values;
  }

  std::size_t owned_by(const GroupConsumer& member) const {
    std::size_t count = 0;
    for (std::int32_t partition = 0; partition < 4; ++partition) count += member.owns({topic_, partition}) ? 1 : 0;
    return count;
  }

  std::string brokers_, topic_;
  std::unique_ptr<Producer> producer_;
  GroupConsumer::Message last_;
};

TEST_F(KafkaGroupTest, WhatWasNotCommittedIsTakenAgainByWhoComesNext) {
  for (const char* value : {"a", "b", "c"}) append(1, value);
  auto first = join();
  EXPECT_THAT(take(*first, 3), ElementsAre("a", "b", "c"));
  EXPECT_EQ(last_.place, (GroupConsumer::Place{topic_, 1}));
  EXPECT_EQ(last_.offset, 2);
  EXPECT_EQ(last_.key, "key");
  EXPECT_EQ(last_.header("id"), "id of c");
  EXPECT_TRUE(last_.written_at.has_value());
  EXPECT_EQ(first->lag(), 3);
  first->commit({{{topic_, 1}, 1}});
  EXPECT_EQ(first->lag(), 2);
  first->close();
  auto second = join();
  EXPECT_THAT(take(*second, 2), ElementsAre("b", "c"));
}

TEST_F(KafkaGroupTest, WhoHoldsStaysAMemberAndMissesNothing) {
  const auto member = join();
  append(0, "a");
  EXPECT_THAT(take(*member, 1), ElementsAre("a"));
  member->hold(milliseconds{50});
  append(0, "b");
  append(2, "c");
  for (int i = 0; i < 20; ++i) member->hold(milliseconds{20});
  EXPECT_TRUE(member->owns({topic_, 0}));
  const auto rest = take(*member, 2);
  EXPECT_EQ(std::set<std::string>(rest.begin(), rest.end()), (std::set<std::string>{"b", "c"}));
}

TEST_F(KafkaGroupTest, PartitionsAreSharedOutWhileWhoHasThemHolds) {
  const auto first = join();
  append(3, "a");
  EXPECT_THAT(take(*first, 1), ElementsAre("a"));
  EXPECT_TRUE(eventually([&] {
    first->hold(milliseconds{20});
    return owned_by(*first) == 4;
  }));
  const auto second = join();
  EXPECT_TRUE(eventually([&] {
    first->hold(milliseconds{20});
    return second->take(1, milliseconds{20}).has_value() && owned_by(*second) == 2 && owned_by(*first) == 2;
  }));
  second->close();
  EXPECT_TRUE(eventually([&] {
    first->hold(milliseconds{20});
    static_cast<void>(first->take(1, milliseconds{20}));
    return owned_by(*first) == 4;
  }));
}

TEST_F(KafkaGroupTest, ATopicThatIsMissingIsNotFound) {
  EXPECT_TRUE(find_topics(brokers_, {topic_}, kPatience));
  const auto found = find_topics(brokers_, {topic_, "nowhere"}, kPatience);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(found.error().message, HasSubstr("there is no topic nowhere"));
}

}  // namespace
}  // namespace datasync::bus::kafka
