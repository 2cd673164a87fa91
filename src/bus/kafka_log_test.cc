#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/uuid.h"
#include "bus/kafka/client.h"
#include "bus/kafka/consumer.h"
#include "bus/kafka/producer.h"
#include "bus/kafka/topic.h"

namespace datasync::bus::kafka {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr milliseconds kPatience{10'000};

/// With a topic of its own on a real broker, which `scripts/with_kafka.sh` starts.
class KafkaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* brokers = std::getenv("DATASYNC_KAFKA_BROKERS");
    ASSERT_NE(brokers, nullptr) << "run it as: scripts/with_kafka.sh build/release/bus_test";
    brokers_ = brokers;
    const SystemClock clock;
    const auto random = make_system_random();
    topic_ = "test-" + format_uuid(UuidGenerator(clock, *random).next());
  }

  void make_topic(int partitions) {
    const auto made = prepare_topics(brokers_, {{topic_, partitions}}, kPatience);
    ASSERT_TRUE(made) << made.error().message << " " << made.error().detail;
  }

  /// As its operator made it.
  void make_topic_of_others(const std::string& message_bytes_max) {
    const auto client = std::move(make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers_}}).value());
    rd_kafka_NewTopic_t* fresh = rd_kafka_NewTopic_new(topic_.c_str(), 1, 1, nullptr, 0);
    rd_kafka_NewTopic_set_config(fresh, "max.message.bytes", message_bytes_max.c_str());
    const Queue queue(rd_kafka_queue_new(client.get()));
    rd_kafka_CreateTopics(client.get(), &fresh, 1, nullptr, queue.get());
    const Event made(rd_kafka_queue_poll(queue.get(), static_cast<int>(kPatience.count())));
    rd_kafka_NewTopic_destroy(fresh);
    ASSERT_TRUE(made);
    ASSERT_EQ(rd_kafka_event_error(made.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  std::unique_ptr<Producer> make_producer(Producer::Options options = {}) {
    auto producer = Producer::make(brokers_, options);
    EXPECT_TRUE(producer);
    return std::move(*producer);
  }

  std::unique_ptr<Consumer> make_consumer() {
    auto consumer = Consumer::make(brokers_, topic_, 1 << 20);
    EXPECT_TRUE(consumer);
    return std::move(*consumer);
  }

  /// The offset that it got.
  Result<std::int64_t> append(Producer& producer, std::int32_t partition, const std::string& value) {
    auto told = std::make_shared<std::promise<Result<std::int64_t>>>();
    auto offset = told->get_future();
    const auto done = producer.append({topic_, partition, "key", value, {{"id", "id of " + value}}},
                                      [told](Result<std::int64_t> got) { told->set_value(std::move(got)); });
    if (!done) return fail(done.error());
    return offset.get();
  }

  static std::vector<Consumer::Message> take(Consumer& consumer, std::size_t wanted) {
    std::vector<Consumer::Message> all;
    const auto by = std::chrono::steady_clock::now() + kPatience;
    while (all.size() < wanted && std::chrono::steady_clock::now() < by) {
      auto some = consumer.take(wanted - all.size(), milliseconds{100});
      if (!some) break;
      for (auto& one : *some) all.push_back(std::move(one));
    }
    return all;
  }

  static std::vector<std::string> values_of(const std::vector<Consumer::Message>& messages) {
    std::vector<std::string> values;
    for (const auto& message : messages) values.push_back(message.value);
    return values;
  }

  std::string brokers_, topic_;
};

TEST_F(KafkaTest, WhatIsAppendedIsReadFromWhereOneIsTold) {
  make_topic(3);
  const auto producer = make_producer();
  for (std::int64_t i = 0; i < 4; ++i) EXPECT_EQ(append(*producer, 1, "v" + std::to_string(i)).value(), i);
  EXPECT_EQ(append(*producer, 2, "other").value(), 0);

  const auto consumer = make_consumer();
  ASSERT_TRUE(consumer->add({{0, 0}, {1, 2}}));
  auto messages = take(*consumer, 2);
  EXPECT_THAT(values_of(messages), ElementsAre("v2", "v3"));
  EXPECT_EQ(messages.at(0).offset, 2);
  EXPECT_EQ(messages.at(0).header("id"), "id of v2");
  EXPECT_EQ(messages.at(0).header("nothing"), std::nullopt);

  ASSERT_TRUE(consumer->add({{2, 0}}));
  EXPECT_THAT(values_of(take(*consumer, 1)), ElementsAre("other"));
  const auto ends = consumer->ends({0, 1, 2}, kPatience);
  ASSERT_TRUE(ends) << ends.error().detail;
  EXPECT_EQ(*ends, (Consumer::Offsets{{0, 0}, {1, 4}, {2, 1}}));
}

TEST_F(KafkaTest, APartitionThatIsGivenUpIsNotReadAnyMoreAndOthersAre) {
  make_topic(2);
  const auto producer = make_producer();
  const auto consumer = make_consumer();
  ASSERT_TRUE(consumer->add({{0, 0}, {1, 0}}));
  append(*producer, 0, "a").value();
  EXPECT_THAT(values_of(take(*consumer, 1)), ElementsAre("a"));
  ASSERT_TRUE(consumer->remove({0}));
  append(*producer, 0, "b").value();
  append(*producer, 1, "c").value();
  EXPECT_THAT(values_of(take(*consumer, 1)), ElementsAre("c"));
  ASSERT_TRUE(consumer->add({{0, 1}}));
  EXPECT_THAT(values_of(take(*consumer, 1)), ElementsAre("b"));
}

TEST_F(KafkaTest, ManyAtOnceKeepTheirOrder) {
  make_topic(1);
  const auto producer = make_producer();
  constexpr std::size_t kMany = 5'000;
  std::atomic<std::size_t> kept = 0;
  std::vector<std::string> given;
  for (std::size_t i = 0; i < kMany; ++i) {
    given.push_back(std::to_string(i));
    ASSERT_TRUE(producer->append({topic_, 0, "k", given.back(), {}},
                                 [&kept](const Result<std::int64_t>& offset) { kept += offset ? 1 : 0; }));
  }
  EXPECT_TRUE(producer->stop(kPatience));
  EXPECT_EQ(kept, kMany);
  const auto consumer = make_consumer();
  ASSERT_TRUE(consumer->add({{0, 0}}));
  EXPECT_EQ(values_of(take(*consumer, kMany)), given);
}

TEST_F(KafkaTest, WhatComesNextAndIsNotThereAnyMoreIsToldOnce) {
  make_topic(1);
  const auto producer = make_producer();
  append(*producer, 0, "a").value();
  const auto consumer = make_consumer();
  ASSERT_TRUE(consumer->add({{0, 1'000}}));
  const auto by = std::chrono::steady_clock::now() + kPatience;
  auto messages = consumer->take(1, milliseconds{100});
  while (messages && std::chrono::steady_clock::now() < by) messages = consumer->take(1, milliseconds{100});
  ASSERT_FALSE(messages);
  EXPECT_EQ(messages.error().code, ErrorCode::kCorrupt);
  EXPECT_THAT(messages.error().message, HasSubstr("partition 0 of the topic " + topic_));
  EXPECT_TRUE(consumer->take(1, milliseconds{1}));
}

TEST_F(KafkaTest, ATopicThatIsThereMustHaveItsPartitionsAndIsMadeOnlyOnce) {
  make_topic(3);
  make_topic(3);
  const auto other = prepare_topics(brokers_, {{topic_, 4}}, kPatience);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(other.error().message, HasSubstr("has 3 partitions and must have 4"));
  EXPECT_TRUE(prepare_topics(brokers_, {{topic_, 1, false}}, kPatience));
  const auto bad = prepare_topics(brokers_, {{"no topic!", 1}}, kPatience);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalid);
}

/// Our batches would be refused there for good, whatever is in them.
TEST_F(KafkaTest, ATopicThatTakesOnlyLittleMessagesIsRefusedWithTheRemedy) {
  make_topic_of_others("200000");
  const auto prepared = prepare_topics(brokers_, {{topic_, 1, false}}, kPatience);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(prepared.error().message, HasSubstr("the topic " + topic_ + " takes messages of 200000 bytes"));
  EXPECT_THAT(prepared.error().message, HasSubstr("max.message.bytes"));
}

TEST_F(KafkaTest, ATopicThatTakesOurBatchesWillDo) {
  make_topic_of_others("300000");
  const auto prepared = prepare_topics(brokers_, {{topic_, 1, false}}, kPatience);
  EXPECT_TRUE(prepared) << prepared.error().message;
}

TEST_F(KafkaTest, NobodyThereIsSaidInTimeAndNothingIsKept) {
  const auto nobody = prepare_topics("127.0.0.1:1", {{topic_, 1}}, milliseconds{300});
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(nobody.error().message, HasSubstr("127.0.0.1:1"));

  auto producer = Producer::make("127.0.0.1:1", {.timeout = milliseconds{300}, .waiting_max = 2});
  ASSERT_TRUE(producer);
  std::promise<Result<std::int64_t>> first;
  std::promise<Result<std::int64_t>> second;
  ASSERT_TRUE((*producer)->append({topic_, 0, "k", "v", {}}, [&](Result<std::int64_t> got) { first.set_value(got); }));
  ASSERT_TRUE((*producer)->append({topic_, 0, "k", "v", {}}, [&](Result<std::int64_t> got) { second.set_value(got); }));
  const auto third = (*producer)->append({topic_, 0, "k", "v", {}}, [](const Result<std::int64_t>&) { FAIL(); });
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::kOverloaded);
  const auto told = first.get_future().get();
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(told.error().stage, Stage::kBefore) << "it never left";
  // At the end whoever waits is told.
  static_cast<void>((*producer)->stop(milliseconds{0}));
  EXPECT_FALSE(second.get_future().get());
}

}  // namespace
}  // namespace datasync::bus::kafka
