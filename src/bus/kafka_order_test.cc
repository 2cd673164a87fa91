// What is not kept in time takes all with it that was appended behind it: or that would stand before it, once it is
// appended again. The brokers are the library's own make-believe ones, which can be gone and back at once; order within
// a partition is the library's and theirs, and tested with a real one (`kafka_log_test.cc`).

#include <gmock/gmock.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <array>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "bus/kafka/consumer.h"
#include "bus/kafka/producer.h"

namespace datasync::bus::kafka {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

constexpr milliseconds kPatience{20'000};
constexpr milliseconds kTimeout{3'000};
constexpr const char* kTopic = "order";

class KafkaOrder : public ::testing::Test {
 protected:
  KafkaOrder() {
    std::array<char, 512> why{};
    owner_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why.data(), why.size()));
    cluster_.reset(rd_kafka_mock_cluster_new(owner_.get(), 1));
    rd_kafka_mock_topic_create(cluster_.get(), kTopic, 1, 1);
    Producer::Options options;
    options.timeout = kTimeout;
    producer_ = std::move(Producer::make(brokers(), options).value());
  }

  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }
  void set_away(bool away) {
    const auto set = away ? &rd_kafka_mock_broker_set_down : &rd_kafka_mock_broker_set_up;
    ASSERT_EQ(set(cluster_.get(), 1), RD_KAFKA_RESP_ERR_NO_ERROR);
  }

  std::future<bool> append(const std::string& value) {
    const auto told = std::make_shared<std::promise<bool>>();
    const auto done = producer_->append({kTopic, 0, "key", value, {}}, [told](const Result<std::int64_t>& offset) {
      told->set_value(offset.has_value());
    });
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

}  // namespace
}  // namespace datasync::bus::kafka
