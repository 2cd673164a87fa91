#include "api/topic_source.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <future>
#include <map>
#include <mutex>

#include "api/test_support.h"
#include "bus/kafka/consumer.h"
#include "bus/kafka/topic.h"

namespace datasync::api {
namespace {

using ::testing::HasSubstr;

constexpr milliseconds kPatience{30'000};

/// Takes what it is told to, and remembers in which order.
class Taker final : public Backend {
 public:
  void accept(std::vector<pipeline::Submission> submissions, pipeline::AcceptCallback callback) override {
    std::vector<pipeline::Receipt> receipts;
    std::optional<Error> refused;
    {
      const std::lock_guard lock(mutex_);
      ++calls_;
      refused = refusal_;
      for (const pipeline::Submission& one : submissions) {
        if (one.event->own_id == too_large_) refused = Error{ErrorCode::kTooLarge, "the event is too large", {}};
      }
      for (const pipeline::Submission& one : submissions) {
        if (refused) break;
        if (one.event->own_id == never_kept_) {
          receipts.push_back({pipeline::Receipt::Status::kTooLarge, {}, "too large for Kafka"});
          continue;
        }
        const bool is_new = known_.emplace(one.idempotency_key, one.event->own_id).second;
        if (is_new) taken_.push_back(one.event->own_id);
        receipts.push_back({is_new ? pipeline::Receipt::Status::kCreated : pipeline::Receipt::Status::kDuplicate, {}});
      }
    }
    refused ? callback(fail(*refused)) : callback(std::move(receipts));
  }
  void redrive(storage::Reader::Tenants, std::string, pipeline::RedriveCallback) override {}
  void redrive(storage::Reader::EventFilter, pipeline::RedriveCallback) override {}
  void decide(pipeline::ReviewDecision, pipeline::ReviewCallback) override {}
  void undo(pipeline::UndoRequest, pipeline::UndoCallback) override {}
  void merge(pipeline::MergeRequest, pipeline::MergeCallback) override {}
  Result<pipeline::Preview> preview(storage::Reader&, std::shared_ptr<Event>,
                                    std::shared_ptr<const pipeline::Catalog>) override {
    return fail(ErrorCode::kUnavailable, "nothing is previewed here");
  }
  pipeline::EngineSnapshot snapshot() const override { return {}; }

  void refuse(std::optional<Error> why) {
    const std::lock_guard lock(mutex_);
    refusal_ = std::move(why);
  }
  void find_too_large(std::string own_id) {
    const std::lock_guard lock(mutex_);
    too_large_ = std::move(own_id);
  }
  void never_keep(std::string own_id) {
    const std::lock_guard lock(mutex_);
    never_kept_ = std::move(own_id);
  }
  std::vector<std::string> taken() const {
    const std::lock_guard lock(mutex_);
    return taken_;
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<Error> refusal_;
  std::string too_large_ = "none", never_kept_ = "none";
  std::map<std::string, std::string> known_;
  std::vector<std::string> taken_;
  int calls_ = 0;
};

/// With topics of its own on a real broker, which `scripts/with_kafka.sh` starts.
class TopicSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* brokers = std::getenv("DATASYNC_KAFKA_BROKERS");
    ASSERT_NE(brokers, nullptr) << "run it as: scripts/with_kafka.sh build/release/api_test";
    options_.brokers = brokers;
    const auto random = make_system_random();
    const std::string name = "source-test-" + format_uuid(UuidGenerator(clock_, *random).next());
    options_.topics = {name};
    options_.group = name + "-group";
    options_.dead_letter_topic = name + "-dead";
    ASSERT_TRUE(bus::kafka::prepare_topics(brokers, {{name, 1}}, kPatience));
    producer_ = std::move(bus::kafka::Producer::make(brokers, {}).value());
  }

  void append(const std::string& own_id) {
    Fields event = parse_json_object(testing::kUserEvent).value();
    event.set("data", parse_json(R"({"user_id":")" + own_id + R"("})").value());
    append_text(event.to_json());
  }
  void append_text(const std::string& value, const std::string& key = "key") {
    const auto told = std::make_shared<std::promise<bool>>();
    ASSERT_TRUE(producer_->append({options_.topics.front(), 0, key, value, {}},
                                  [told](const auto& offset) { told->set_value(offset.has_value()); }));
    ASSERT_TRUE(told->get_future().get());
  }

  std::unique_ptr<TopicSource> start() {
    auto source = std::make_unique<TopicSource>(
        TopicSource::Parts{taker_, [catalog = testing::make_catalog()] { return catalog; }, clock_}, options_);
    EXPECT_TRUE(source->prepare());
    EXPECT_TRUE(source->start());
    return source;
  }

  template <typename Done>
  static bool eventually(Done done) {
    const auto by = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > by) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool takes(std::vector<std::string> expected) {
    return eventually([&] { return taker_.taken() == expected; });
  }

  SystemClock clock_;
  TopicSource::Options options_;
  Taker taker_;
  std::unique_ptr<bus::kafka::Producer> producer_;
};

TEST_F(TopicSourceTest, WhatCantBeTakenNowIsTriedAgainAndNothingBehindItIsTaken) {
  taker_.refuse(Error{ErrorCode::kOverloaded, "too many", {}});
  append("u1");
  const auto source = start();
  EXPECT_TRUE(eventually([&] { return taker_.calls() >= 3; }));
  EXPECT_EQ(source->state().lag, 1);
  append("u2");
  EXPECT_TRUE(taker_.taken().empty());
  taker_.refuse(std::nullopt);
  EXPECT_TRUE(takes({"u1", "u2"}));
  EXPECT_TRUE(eventually([&] { return source->state().lag == 0 && source->state().taken == 2; }));
  source->stop(kPatience);
}

TEST_F(TopicSourceTest, WhoStopsWithoutAnAnswerLeavesItToWhoComesNext) {
  taker_.refuse(Error{ErrorCode::kUnavailable, "away", {}});
  append("u1");
  auto source = start();
  EXPECT_TRUE(eventually([&] { return taker_.calls() >= 1; }));
  source->stop(milliseconds{0});
  taker_.refuse(std::nullopt);
  source = start();
  EXPECT_TRUE(takes({"u1"}));
  source->stop(kPatience);
  source = start();
  append("u2");
  EXPECT_TRUE(takes({"u1", "u2"}));
  EXPECT_EQ(source->state().taken, 1U) << "what was committed is not read again";
}

TEST_F(TopicSourceTest, WhatWillNeverBeTakenIsADeadLetterAndItsNeighboursAreTaken) {
  taker_.find_too_large("u2");
  taker_.never_keep("u4");
  append("u1");
  append("u2");
  append_text(std::string(600, 'x'));
  append("u3");
  append("u4");
  const auto source = start();
  EXPECT_TRUE(takes({"u1", "u3"}));
  EXPECT_TRUE(eventually([&] { return source->state().dead_letters == 3 && source->state().lag == 0; }));
  auto reader = std::move(bus::kafka::Consumer::make(options_.brokers, options_.dead_letter_topic, 1 << 20).value());
  ASSERT_TRUE(reader->add({{0, 0}}));
  std::map<std::string, std::string> whys;
  EXPECT_TRUE(eventually([&] {
    const auto letters = reader->take(10, milliseconds{100});
    for (const auto& letter : *letters) whys[letter.header("offset").value()] = letter.header("error").value();
    return whys.size() == 3;
  }));
  EXPECT_EQ(whys["1"], "the event is too large");
  EXPECT_THAT(whys["2"], HasSubstr("is no JSON"));
  EXPECT_EQ(whys["4"], "too large for Kafka");
}

/// The reason stands beside it, so what has just found room in its own topic has none among the dead letters.
TEST_F(TopicSourceTest, OfAMessageThatIsAllKeyADeadLetterSaysWhereItStands) {
  append_text("{", std::string(2 * 1024 * 1024 - 150, 'k'));
  append("u1");
  const auto source = start();
  EXPECT_TRUE(takes({"u1"}));
  EXPECT_TRUE(eventually([&] { return source->state().dead_letters == 1 && source->state().lag == 0; }));
}

TEST_F(TopicSourceTest, ATopicThatIsMissingIsToldWithTheRemedy) {
  options_.topics.push_back("nowhere");
  const auto prepared = TopicSource({taker_, [] { return testing::make_catalog(); }, clock_}, options_).prepare();
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(prepared.error().message, HasSubstr("nowhere, which KAFKA_INPUT_TOPICS names; create it"));
}

}  // namespace
}  // namespace datasync::api
