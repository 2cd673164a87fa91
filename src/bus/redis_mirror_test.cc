#include <gmock/gmock.h>
#include <hiredis/hiredis.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bus/redis/mirror.h"

namespace datasync::bus::redis {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using Depths = Mirror::Depths;

/// Somebody else who looks at the same server.
class Onlooker {
 public:
  explicit Onlooker(const Location& location) : context_(redisConnect(location.host.c_str(), location.port)) {
    ask("SELECT " + std::to_string(location.database));
  }
  ~Onlooker() { redisFree(context_); }
  Onlooker(const Onlooker&) = delete;
  Onlooker& operator=(const Onlooker&) = delete;

  std::int64_t ask(const std::string& command) {
    const auto answer = reply(redisCommand(context_, command.c_str()));
    return answer == nullptr ? -1 : answer->integer;
  }
  std::vector<std::int64_t> lengths() {
    return {ask("LLEN events:critical"), ask("LLEN events:high"), ask("LLEN events:normal"), ask("LLEN events:low")};
  }
  /// Of what a subscription brings: the next message.
  std::string next_message() {
    void* raw = nullptr;
    if (redisGetReply(context_, &raw) != REDIS_OK) return "nothing";
    const auto answer = reply(raw);
    const redisReply& text = *answer->element[answer->elements - 1];
    return text.type == REDIS_REPLY_STRING ? std::string(text.str, text.len) : "subscribed";
  }

 private:
  static std::shared_ptr<redisReply> reply(void* raw) {
    return {static_cast<redisReply*>(raw), [](redisReply* one) { freeReplyObject(one); }};
  }
  redisContext* context_;
};

/// What is said of it comes true within five seconds.
bool becomes(const std::function<bool()>& claim) {
  const auto by = std::chrono::steady_clock::now() + seconds{5};
  while (!claim()) {
    if (std::chrono::steady_clock::now() > by) return false;
    std::this_thread::yield();
  }
  return true;
}

class RedisMirror : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* url = std::getenv("DATASYNC_REDIS_URL");
    ASSERT_NE(url, nullptr) << "run scripts/with_redis.sh bus_test";
    location = *read_location(url);
    onlooker.emplace(location);
    onlooker->ask("FLUSHALL");
    options.depths_every = milliseconds{10};
    options.heals_every = milliseconds{50};
  }
  std::unique_ptr<Mirror> mirror(const Depths& depths, std::string name = "one") {
    return std::make_unique<Mirror>(
        location, std::move(name), [&depths] { return depths; }, options);
  }
  bool lengths_become(std::vector<std::int64_t> wanted) {
    return becomes([&] { return onlooker->lengths() == wanted; });
  }

  Location location;
  Mirror::Options options;
  std::optional<Onlooker> onlooker;
};

TEST_F(RedisMirror, TheListsAreAsLongAsTheQueueIs) {
  Depths depths{1, 0, 2500, 3};
  const auto one = mirror(depths);
  ASSERT_TRUE(one->start());
  EXPECT_TRUE(lengths_become({1, 0, 2500, 3})) << ::testing::PrintToString(onlooker->lengths());
  EXPECT_EQ(one->state().word, Mirror::State::Word::kHealthy);
}

TEST_F(RedisMirror, TheListsAreOfAllInstancesAndWhoStopsTakesItsOwnOut) {
  const Depths mine{1, 2, 3, 4};
  const Depths others{10, 20, 30, 0};
  const auto one = mirror(mine);
  const auto other = mirror(others, "other");
  ASSERT_TRUE(one->start());
  ASSERT_TRUE(other->start());
  EXPECT_TRUE(lengths_become({11, 22, 33, 4})) << ::testing::PrintToString(onlooker->lengths());
  other->stop();
  EXPECT_THAT(onlooker->lengths(), ElementsAre(1, 2, 3, 4));
}

TEST_F(RedisMirror, WhatIsFlushedOrBentHealsByItself) {
  const Depths depths{0, 0, 7, 0};
  const auto one = mirror(depths);
  ASSERT_TRUE(one->start());
  ASSERT_TRUE(lengths_become({0, 0, 7, 0}));
  onlooker->ask("FLUSHALL");
  EXPECT_TRUE(lengths_become({0, 0, 7, 0}));
  onlooker->ask("LPOP events:normal 3");
  onlooker->ask("RPUSH events:high a b c");
  onlooker->ask("HSET events:instances somebody nonsense");
  EXPECT_TRUE(lengths_become({0, 0, 7, 0}));
  EXPECT_TRUE(becomes([&] { return onlooker->ask("HLEN events:instances") == 1; }));
}

TEST_F(RedisMirror, AnInstanceThatIsNotHeardOfIsTakenOut) {
  options.forgotten_after = milliseconds{200};
  const Depths depths{0, 1, 0, 0};
  const auto one = mirror(depths);
  ASSERT_TRUE(one->start());
  // As one would have left it that was killed a moment ago.
  onlooker->ask("HSET events:instances killed 5,5,5,5,1");
  EXPECT_TRUE(becomes([&] { return onlooker->ask("HEXISTS events:instances killed") == 0; }));
  EXPECT_TRUE(lengths_become({0, 1, 0, 0}));
}

TEST_F(RedisMirror, WhatIsPublishedComesOnItsChannelInOrder) {
  const Depths depths{};
  const auto one = mirror(depths);
  ASSERT_TRUE(one->start());
  Onlooker listener(location);
  ASSERT_EQ(listener.ask("SUBSCRIBE events:event_created"), 0);
  for (int i = 0; i < 1200; ++i) {
    one->publish(1, [i](std::vector<Mirror::Message>& into) {
      into.push_back({"events:event_created", "message " + std::to_string(i)});
      into.push_back({"events:sync_completed", "for others"});
    });
  }
  for (int i = 0; i < 1200; ++i) ASSERT_EQ(listener.next_message(), "message " + std::to_string(i));
  EXPECT_EQ(one->state().dropped, 0U);
}

TEST_F(RedisMirror, WhatIsTooMuchIsDroppedAndCounted) {
  options.waiting_max = 10;
  const Depths depths{};
  const auto one = mirror(depths);
  ASSERT_TRUE(one->start());
  one->publish(11, [](std::vector<Mirror::Message>&) { ADD_FAILURE() << "they are dropped"; });
  EXPECT_EQ(one->state().dropped, 11U);
}

TEST_F(RedisMirror, WhereNobodyAnswersItStartsAllTheSameAndIsDisconnected) {
  location.port = 1;
  const Depths depths{};
  const auto one = mirror(depths);
  ASSERT_TRUE(one->start());
  EXPECT_EQ(one->state().word, Mirror::State::Word::kDisconnected);
  one->publish(2, [](std::vector<Mirror::Message>&) { ADD_FAILURE() << "they are dropped"; });
  EXPECT_EQ(one->state().dropped, 2U);
}

TEST_F(RedisMirror, AListThatIsSomethingElseIsSaidAndTheChannelsGoOn) {
  onlooker->ask("SET events:low text");
  const Depths depths{0, 0, 0, 1};
  const auto one = mirror(depths);
  ASSERT_TRUE(one->start());
  EXPECT_TRUE(becomes([&] { return one->state().word == Mirror::State::Word::kRefused; }));
  Onlooker listener(location);
  ASSERT_EQ(listener.ask("SUBSCRIBE c"), 0);
  one->publish(1, [](std::vector<Mirror::Message>& into) { into.push_back({"c", "told"}); });
  EXPECT_EQ(listener.next_message(), "told");
  onlooker->ask("DEL events:low");
  EXPECT_TRUE(lengths_become({0, 0, 0, 1}));
  EXPECT_TRUE(becomes([&] { return one->state().word == Mirror::State::Word::kHealthy; }));
}

TEST_F(RedisMirror, WhatOnlyAnOperatorCanMendRefusesTheStart) {
  const Depths depths{};
  location.password = "hunter2";
  auto refused = mirror(depths)->start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("REDIS_URL=redis://"), Not(HasSubstr("hunter2"))));
  location.password.clear();
  location.database = 999;
  refused = mirror(depths)->start();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("has no such database"));
}

}  // namespace
}  // namespace datasync::bus::redis
