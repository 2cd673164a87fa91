// What is not kept in time takes all with it that was appended behind it: or that would stand before it, once it is
// appended again. The brokers are the library's own make-believe ones, which can be gone and back at once; order within
// a partition is the library's and theirs, and tested with a real one (`kafka_log_test.cc`).

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bus/kafka/consumer.h"
#include "bus/kafka/producer.h"

namespace datasync::bus::kafka {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr milliseconds kPatience{20'000};
constexpr milliseconds kTimeout{8'000};  // a busy machine may stand still for a second or two
constexpr const char* kTopic = "order";
constexpr int kPartitions = 64;

class KafkaOrder : public ::testing::Test {
 protected:
  KafkaOrder() {
    std::array<char, 512> why{};
    owner_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why.data(), why.size()));
    cluster_.reset(rd_kafka_mock_cluster_new(owner_.get(), 1));
    rd_kafka_mock_topic_create(cluster_.get(), kTopic, kPartitions, 1);
    Producer::Options options;
    options.timeout = kTimeout;
    producer_ = std::move(Producer::make(brokers(), options).value());
  }

  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }
  void set_away(bool away) {
    const auto set = away ? &rd_kafka_mock_broker_set_down : &rd_kafka_mock_broker_set_up;
    ASSERT_EQ(set(cluster_.get(), 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  std::future<bool> append(const std::string& value, std::int32_t partition = 0) {
    const auto told = std::make_shared<std::promise<bool>>();
    const auto done =
        producer_->append({kTopic, partition, "key", value, {}},
                          [told](const Result<std::int64_t>& offset) { told->set_value(offset.has_value()); });
    EXPECT_TRUE(done);
    return told->get_future();
  }

  std::vector<std::string> kept(std::size_t wanted) const {
    const auto consumer = std::move(Consumer::make(brokers(), kTopic, 1 << 20).value());
    EXPECT_TRUE(consumer->add({{0, 0}}));
    std::vector<std::string> values;
    const auto by = std::chrono::steady_clock::now() + kPatience;
    while (values.size() < wanted && std::chrono::steady_clock::now() < by) {
      const auto messages = consumer->take(wanted - values.size(), milliseconds{100});
      if (!messages) break;
      for (const auto& message : *messages) values.push_back(message.value);
    }
    return values;
  }

  struct Destroy {
    void operator()(rd_kafka_t* client) const { rd_kafka_destroy(client); }
    void operator()(rd_kafka_mock_cluster_t* cluster) const { rd_kafka_mock_cluster_destroy(cluster); }
  };
  std::unique_ptr<rd_kafka_t, Destroy> owner_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Destroy> cluster_;
  std::unique_ptr<Producer> producer_;
};

TEST_F(KafkaOrder, BehindOneThatIsNotKeptInTimeNoneIs) {
  ASSERT_TRUE(append("before").get());
  const Producer::Turn turn = producer_->turn();
  set_away(true);
  auto first = append("first");
  ASSERT_EQ(first.wait_for(2s), std::future_status::timeout) << "the second one has a later deadline";
  auto second = append("second");
  ASSERT_EQ(first.wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(first.get());
  set_away(false);
  ASSERT_EQ(second.wait_for(kPatience), std::future_status::ready);
  EXPECT_FALSE(second.get()) << "it would stand before the first one, which comes again";

  const auto rest = producer_->append(
      {kTopic, 0, "key", "rest", {}}, [](const auto&) {}, turn);
  ASSERT_FALSE(rest);
  EXPECT_EQ(rest.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(rest.error().stage, Stage::kBefore);

  first = append("first");
  second = append("second");
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_THAT(kept(3), ElementsAre("before", "first", "second"));
}

/// Many reports follow one give-up, and none of them is another one: what is appended after the first is not given up.
TEST_F(KafkaOrder, WhatIsGivenUpIsGivenUpOnce) {
  ASSERT_TRUE(append("before").get());
  const Producer::Turn turn = producer_->turn();
  set_away(true);
  std::vector<std::future<bool>> all;
  for (int i = 0; i < 2'000; ++i) all.push_back(append(std::to_string(i), i % kPartitions));
  for (auto& one : all) EXPECT_FALSE(one.get());
  EXPECT_EQ(producer_->turn(), turn + 1);
}

/// A client appends a row as soon as he sees that all was given up: what is kept of a row has no gap.
TEST_F(KafkaOrder, WhatIsAppendedWhileAllIsGivenUpHasNoGap) {
  constexpr int kRow = 200, kTimes = 20;
  constexpr int kSlowMs = 1'000;
  struct Row {
    std::array<std::atomic<bool>, kRow> kept{};
  };
  Producer::Options options;
  options.timeout = milliseconds{300};
  producer_ = std::move(Producer::make(brokers(), options).value());
  std::vector<std::shared_ptr<Row>> rows;
  std::atomic<bool> enough = false;
  std::atomic<int> kept = 0;
  std::thread client([&] {
    std::optional<Producer::Turn> last;
    while (!enough) {
      const Producer::Turn turn = producer_->turn();
      if (turn == last) continue;
      const auto row = rows.emplace_back(std::make_shared<Row>());
      for (int i = 0; i < kRow; ++i) {
        const auto note = [row, i, &kept](const Result<std::int64_t>& offset) {
          row->kept.at(i) = offset.has_value();
          if (offset) ++kept;
        };
        if (!producer_->append({kTopic, 0, "key", "value", {}}, note, turn)) break;
        if (i == kRow - 1) last = turn;
      }
    }
  });
  const auto by = std::chrono::steady_clock::now() + 2 * kPatience;
  const auto until = [&by](const auto& done) {
    while (!done() && std::chrono::steady_clock::now() < by) std::this_thread::yield();
  };
  for (int i = 0; i < kTimes; ++i) {
    const int former = kept;
    rd_kafka_mock_broker_set_rtt(cluster_.get(), 1, kSlowMs);
    const Producer::Turn before = producer_->turn();
    until([&] { return producer_->append({kTopic, 0, "key", "late", {}}, [](const auto&) {}).has_value(); });
    until([&] { return producer_->turn() != before; });
    rd_kafka_mock_broker_set_rtt(cluster_.get(), 1, 0);
    until([&] { return kept > former; });
  }
  enough = true;
  client.join();
  producer_->stop(kPatience);
  EXPECT_GE(producer_->turn(), kTimes);
  for (const auto& row : rows) {
    const auto gap = std::find(row->kept.begin(), row->kept.end(), false);
    EXPECT_EQ(std::find(gap, row->kept.end(), true), row->kept.end()) << "behind " << gap - row->kept.begin();
  }
}

/// It is refused for a reason of its own, at once; what was sent behind it would be kept before it.
TEST_F(KafkaOrder, BehindOneThatIsRefusedNoneIsKept) {
  ASSERT_TRUE(append("before").get());
  const Producer::Turn turn = producer_->turn();
  constexpr std::int16_t kProduce = 0;
  constexpr std::size_t kLarge = 200'000;  // two don't fit into one batch
  ASSERT_EQ(rd_kafka_mock_broker_set_rtt(cluster_.get(), 1, 500), RD_KAFKA_RESP_ERR_NO_ERROR);
  rd_kafka_mock_push_request_errors(cluster_.get(), kProduce, 1, RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP);
  auto first = append(std::string(kLarge, '1'));
  auto second = append(std::string(kLarge, '2'));
  EXPECT_FALSE(first.get());
  EXPECT_FALSE(second.get()) << "it would stand before the first one, which comes again";
  EXPECT_EQ(producer_->turn(), turn + 1);
  EXPECT_TRUE(append("first").get());
  EXPECT_TRUE(append("second").get());
}

}  // namespace
}  // namespace datasync::bus::kafka
