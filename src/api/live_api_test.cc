#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <thread>

#include "api/test_support.h"

namespace datasync::api {
namespace {

namespace beast = boost::beast;
using testing::Answer;
using ::testing::HasSubstr;
using testing::kUserEvent;

/// A plain WebSocket client that waits for each message. A deadline keeps a failing test from hanging.
class Listener {
 public:
  Listener(std::uint16_t port, const std::string& target, const std::string& header = {}, const std::string& value = {})
      : stream_(io_) {
    beast::get_lowest_layer(stream_).connect({boost::asio::ip::make_address("127.0.0.1"), port});
    stream_.set_option(beast::websocket::stream_base::decorator([=](beast::websocket::request_type& request) {
      if (!header.empty()) request.set(header, value);
    }));
    timeval patience{20, 0};
    ::setsockopt(beast::get_lowest_layer(stream_).socket().native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience,
                 sizeof patience);
    beast::error_code error;
    stream_.handshake(response_, "127.0.0.1", target, error);
    connected_ = !error;
  }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int status() const { return static_cast<int>(response_.result_int()); }
  [[nodiscard]] std::string header(const char* name) const { return std::string(response_[name]); }
  void say(const std::string& text) { stream_.write(boost::asio::buffer(text)); }
  /// The next message; empty when the connection ended.
  Answer hear() {
    beast::flat_buffer buffer;
    beast::error_code error;
    stream_.read(buffer, error);
    if (error) return {};
    return {0, {}, beast::buffers_to_string(buffer.data())};
  }
  [[nodiscard]] int close_code() const { return stream_.reason().code; }

 private:
  boost::asio::io_context io_;
  beast::websocket::stream<beast::tcp_stream> stream_;
  beast::websocket::response_type response_;
  bool connected_ = false;
};

class LiveApi : public testing::ApiTest {
 protected:
  void create(const std::string& id, const std::string& tenant = "t1", const std::string& type = "user_created") {
    Fields event = parse_json_object(kUserEvent).value();
    event.set("id", Value::string(id));
    event.set("tenant_id", Value::string(tenant));
    event.set("event_type", Value::string(type));
    const Answer answer = post("/sync/events", event.to_json());
    ASSERT_EQ(answer.status, 201) << answer.body;
  }
  static std::string brief(const Answer& message) { return message.text("type") + ' ' + message.text("event_id"); }
};

TEST_F(LiveApi, AClientHearsOfAnEventAndItsEnd) {
  Listener listener(port_, "/ws/sync");
  EXPECT_EQ(listener.hear().text("type"), "subscribed");
  create("e1");
  const Answer created = listener.hear();
  EXPECT_EQ(brief(created), "event_created e1");
  EXPECT_EQ(created.text("status"), "pending");
  EXPECT_EQ(created.text("tenant_id"), "t1");
  EXPECT_EQ(created.text("cursor"), "1");
  EXPECT_EQ(created.at("data"), "") << "no data of a customer";
  backend_.finish(EventId{"e1"}, EventStatus::kCompleted);
  const Answer completed = listener.hear();
  EXPECT_EQ(brief(completed), "sync_completed e1");
  EXPECT_EQ(completed.text("status"), "completed");
  EXPECT_THAT(completed.at("results"), HasSubstr(R"("target_platform":"coreldove")"));
}

TEST_F(LiveApi, AConflictThatIsSettledIsToldTwice) {
  Listener listener(port_, "/ws/sync?type=conflict_detected,conflict_resolved");
  listener.hear();
  Conflict conflict;
  conflict.id = "c1";
  conflict.type = "data_mismatch";
  conflict.tenant = TenantId{"t1"};
  conflict.entity = "user";
  conflict.status = "resolved";
  conflict.fields.push_back({"email",
                             Value::string("secret@a"),
                             Value::string("secret@b"),
                             "source_wins",
                             Conflict::Outcome::kSource,
                             {},
                             {},
                             {},
                             {}});
  create("e1");
  backend_.put_conflict(conflict);
  const Answer detected = listener.hear();
  EXPECT_EQ(detected.text("type"), "conflict_detected");
  EXPECT_THAT(detected.at("fields"), HasSubstr(R"("field":"email")"));
  EXPECT_THAT(detected.body, ::testing::Not(HasSubstr("secret")));
  EXPECT_EQ(listener.hear().text("type"), "conflict_resolved");
}

TEST_F(LiveApi, FiltersNarrowWhatIsHeard) {
  Listener by_tenant(port_, "/ws/sync?tenant_id=t2");
  Listener by_type(port_, "/ws/sync?event_type=user_updated&type=event_created");
  Listener by_platform(port_, "/ws/sync?platform=nowhere");
  for (Listener* one : {&by_tenant, &by_type, &by_platform}) one->hear();
  create("e1");
  create("e2", "t2");
  create("e3", "t1", "user_updated");
  EXPECT_EQ(brief(by_tenant.hear()), "event_created e2");
  EXPECT_EQ(brief(by_type.hear()), "event_created e3");
  by_platform.say(R"({"action":"subscribe","platforms":["coreldove"],"cursor":"2"})");
  EXPECT_EQ(by_platform.hear().text("type"), "subscribed");
  EXPECT_EQ(brief(by_platform.hear()), "event_created e3");
}

TEST_F(LiveApi, AClientThatComesBackMissesNothing) {
  Listener witness(port_, "/ws/sync?type=sync_completed");
  witness.hear();
  for (int i = 1; i <= 450; ++i) create("e" + std::to_string(i));  // more than two pages
  backend_.finish(EventId{"e7"}, EventStatus::kFailed, ResultStatus::kFailed);
  EXPECT_EQ(brief(witness.hear()), "sync_completed e7");  // told to all who are there, so not again to who comes now
  Listener listener(port_, "/ws/sync?cursor=5");
  EXPECT_EQ(listener.hear().text("cursor"), "5");
  std::vector<std::string> heard;
  while (heard.size() < 446) heard.push_back(brief(listener.hear()));
  EXPECT_EQ(heard[0], "event_created e6");
  EXPECT_EQ(heard[1], "event_created e7");
  EXPECT_EQ(heard[2], "sync_completed e7");
  EXPECT_EQ(heard[3], "event_created e8");
  EXPECT_EQ(heard.back(), "event_created e450");
  create("e451");
  EXPECT_EQ(brief(listener.hear()), "event_created e451");
}

TEST_F(LiveApi, NothingIsMissedOrToldTwiceWhileEventsKeepComing) {
  create("e1");
  std::atomic<bool> stop{false};
  std::atomic<int> made{1};
  std::thread writer([&] {
    while (!stop && made < 3'000) create("e" + std::to_string(++made));
  });
  for (int round = 0; round < 8; ++round) {
    Listener listener(port_, "/ws/sync?cursor=0&type=event_created");
    listener.hear();
    const int until = made + 50;
    for (int next = 1; next <= until; ++next) {
      const Answer message = listener.hear();
      ASSERT_EQ(message.text("cursor"), std::to_string(next)) << "round " << round;
    }
  }
  stop = true;
  writer.join();
}

// Ten thousand events in one call are told at once. That filled the queue of every client, however quickly it read, and
// all of them were closed as slow. Here one client reads nothing before the other one has read all: more than the
// kernel and its queue can hold.
TEST_F(LiveApi, WhoeverFallsBehindReadsOnFromTheStore) {
  Listener quick(port_, "/ws/sync?type=event_created");
  Listener slow(port_, "/ws/sync?type=event_created");
  for (Listener* one : {&quick, &slow}) one->hear();
  std::string id;
  while (id.size() < 4 * kClientIdBytesMax) id += "\U0001F40C";
  Fields event = parse_json_object(kUserEvent).value();
  for (const char* name : {"tenant_id", "entity_id"}) event.set(name, Value::string(id));
  constexpr int kEvents = 12'000;
  constexpr int kInOneCall = 4'000;
  std::string batch;
  for (int i = 0; i < kInOneCall; ++i) batch += (i == 0 ? "[" : ",") + event.to_json();
  batch += ']';
  for (int i = 0; i < kEvents; i += kInOneCall) {
    const Answer answer = post("/sync/events/batch", batch);
    ASSERT_EQ(answer.at("accepted"), std::to_string(kInOneCall)) << answer.body.substr(0, 300);
  }
  for (Listener* one : {&quick, &slow}) {
    for (int next = 1; next <= kEvents; ++next) {
      ASSERT_EQ(one->hear().text("cursor"), std::to_string(next)) << "closed with " << one->close_code();
    }
  }
}

TEST_F(LiveApi, WhatIsNoCommandIsAnsweredAndTheConnectionStays) {
  Listener listener(port_, "/ws/sync");
  listener.hear();
  for (const std::string text :
       {"nonsense", "{}", "[1]", R"({"action":"dance"})", R"({"action":"subscribe","type":"x"})"}) {
    listener.say(text);
    EXPECT_EQ(listener.hear().text("type"), "error") << text;
  }
  listener.say(R"({"action":"ping"})");
  EXPECT_EQ(listener.hear().text("type"), "pong");
}

TEST_F(LiveApi, APlainRequestIsToldThatThisIsAWebSocket) {
  EXPECT_EQ(get("/ws/sync").status, 426);
  EXPECT_EQ(Listener(port_, "/ws/sync?cursor=x").status(), 422);
  EXPECT_EQ(Listener(port_, "/ws/sync?type=odd").status(), 422);
}

/// Bytes that are no UTF-8 came back in `subscribed`, which no client could read as JSON.
TEST_F(LiveApi, AFilterThatIsNoTextIsRefused) {
  for (const char* query : {"event_type=%ff", "platforms=coreldove,%c3", "type=%ff", "tenant_id=%ff"}) {
    const Answer answer = get(std::string("/ws/sync?") + query);
    EXPECT_EQ(answer.status, 422) << query;
    EXPECT_TRUE(parse_json(answer.body)) << query;
  }
  EXPECT_EQ(get("/ws/sync?event_type=%c3%a9").status, 426);
}

TEST_F(LiveApi, PagesOfOtherSitesMayNotListenInDevelopment) {
  EXPECT_EQ(Listener(port_, "/ws/sync", "Origin", "https://elsewhere.example").status(), 403);
  EXPECT_TRUE(Listener(port_, "/ws/sync", "Origin", "http://localhost:3000").connected());
}

TEST_F(LiveApi, ALeftClientIsForgotten) {
  {
    Listener listener(port_, "/ws/sync");
    listener.hear();
    EXPECT_EQ(hub_.clients(), 1U);
  }
  const auto deadline = std::chrono::steady_clock::now() + seconds{20};
  while (hub_.clients() > 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(hub_.clients(), 0U);
}

class ProductionLive : public testing::ApiTest {
 protected:
  ProductionLive() : ApiTest("production") {}
};

TEST_F(ProductionLive, ATokenComesInAHeaderAQueryOrAProtocol) {
  const std::string text = token(R"("tenant_id":"t1","roles":["viewer"])");
  EXPECT_EQ(Listener(port_, "/ws/sync").status(), 401);
  EXPECT_TRUE(Listener(port_, "/ws/sync", "Authorization", "Bearer " + text).connected());
  EXPECT_TRUE(Listener(port_, "/ws/sync?token=" + text).connected());
  Listener by_protocol(port_, "/ws/sync", "Sec-WebSocket-Protocol", "bearer, " + text);
  EXPECT_TRUE(by_protocol.connected());
  EXPECT_EQ(by_protocol.header("Sec-WebSocket-Protocol"), "bearer");
  EXPECT_EQ(Listener(port_, "/ws/sync?tenant_id=t2&token=" + text).status(), 404);
}

TEST_F(ProductionLive, AClientHearsOnlyOfItsOwnTenants) {
  Listener listener(port_, "/ws/sync?token=" + token(R"("tenant_id":"t1","roles":["viewer"])"));
  EXPECT_EQ(listener.hear().at("tenant_ids"), R"(["t1"])");
  const auto writer = bearer(R"("tenant_id":"*","roles":["service"])");
  Fields event = parse_json_object(kUserEvent).value();
  for (const char* tenant : {"t2", "t1"}) {
    event.set("tenant_id", Value::string(tenant));
    EXPECT_EQ(post("/sync/events", event.to_json(), writer).status, 201);
  }
  EXPECT_EQ(listener.hear().text("tenant_id"), "t1");
  listener.say(R"({"action":"subscribe","tenant_id":"t2"})");
  EXPECT_EQ(listener.hear().text("type"), "error");
}

TEST_F(ProductionLive, AClientWhoseTokenHasRunOutIsClosed) {
  Listener listener(port_, "/ws/sync?token=" + token(R"("tenant_id":"t1","roles":["viewer"])"));
  listener.hear();
  clock_.advance(std::chrono::hours{2});
  EXPECT_EQ(listener.hear().body, "");
  EXPECT_EQ(listener.close_code(), 1008);
}

}  // namespace
}  // namespace datasync::api
