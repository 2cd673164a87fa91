// WebSocket peers over real sockets; the client's frames are written by hand, so that it can misbehave.

#include "net/websocket.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "net/test_support.h"

namespace datasync::net {
namespace {

using testing::get;
using testing::Inbox;
using testing::RawClient;

const char* const kUpgrade =
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

struct Frame {
  int opcode = 0;
  std::string payload;
  [[nodiscard]] int close_code() const {
    if (payload.size() < 2) return 0;
    return static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
  }
};

constexpr int kText = 1;
constexpr int kClose = 8;
constexpr int kPing = 9;
constexpr int kPong = 10;

std::string masked(int opcode, const std::string& payload) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else {
    const bool short_form = payload.size() < 65'536;
    frame += static_cast<char>(0x80 | (short_form ? 126 : 127));
    for (int shift = short_form ? 8 : 56; shift >= 0; shift -= 8) {
      frame += static_cast<char>(payload.size() >> shift & 0xff);
    }
  }
  return frame + std::string(4, '\0') + payload;  // a mask of zeros changes nothing
}

/// The next frame of the server; none at the end of the connection.
std::optional<Frame> read_frame(RawClient& client) {
  std::string& bytes = client.buffered();
  const auto need = [&](std::size_t count) {
    while (bytes.size() < count) {
      if (!client.fill()) return false;
    }
    return true;
  };
  if (!need(2)) return std::nullopt;
  std::size_t length = static_cast<unsigned char>(bytes[1]) & 0x7fU;
  std::size_t head = 2;
  const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (!need(head + extra)) return std::nullopt;
  if (extra != 0) length = 0;
  for (std::size_t i = 0; i < extra; ++i) length = length * 256 + static_cast<unsigned char>(bytes[head + i]);
  head += extra;
  if (!need(head + length)) return std::nullopt;
  Frame frame{bytes[0] & 0x0f, bytes.substr(head, length)};
  bytes.erase(0, head + length);
  return frame;
}

class WebSocketTest : public testing::ServerFixture {
 protected:
  void serve_websocket(WebSocketOptions options = {}, std::function<bool(WebSocketPeer&)> on_queue_full = nullptr) {
    serve({}, [this, options, on_queue_full](HttpRequest request, Responder responder) {
      WebSocketCallbacks callbacks;
      callbacks.on_message = [](WebSocketPeer& peer, std::string message) {
        peer.send(std::make_shared<const std::string>("echo " + message));
      };
      callbacks.on_queue_full = on_queue_full;
      callbacks.on_close = [this](WebSocketPeer&, std::uint16_t code) { closed.put(code); };
      auto peer = std::move(responder).upgrade(request, options, std::move(callbacks));
      if (peer) peers.put(*peer);
    });
  }

  /// Its waiting moves no time, unlike that of `connect`.
  RawClient connect_websocket() {
    RawClient client(port);
    EXPECT_TRUE(client.send(get("/ws", kUpgrade)));
    const auto response = client.read_response();
    EXPECT_EQ(response ? response->status : 0, 101);
    return client;
  }

  Inbox<std::shared_ptr<WebSocketPeer>> peers;
  Inbox<int> closed;
};

TEST_F(WebSocketTest, AcceptsAndEchoes) {
  WebSocketOptions options;
  options.subprotocol = "sync.v1";
  serve_websocket(options);
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/ws", kUpgrade)));
  const auto response = client.read_response();
  ASSERT_EQ(response->status, 101);
  EXPECT_EQ(response->headers.at("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455, section 1.3
  EXPECT_EQ(response->headers.at("sec-websocket-protocol"), "sync.v1");
  for (const std::size_t size : {0U, 5U, 1'000U, 60'000U}) {
    ASSERT_TRUE(client.send(masked(kText, std::string(size, 'x'))));
    EXPECT_EQ(read_frame(client)->payload, "echo " + std::string(size, 'x'));
  }
  ASSERT_TRUE(client.send(masked(kPing, "are you there")));
  const auto pong = read_frame(client);
  EXPECT_EQ(pong->opcode, kPong);
  EXPECT_EQ(pong->payload, "are you there");
  ASSERT_TRUE(client.send(masked(kClose, "\x03\xe8")));
  EXPECT_EQ(read_frame(client)->close_code(), 1000);
  client.close();
  EXPECT_EQ(closed.take(), 1000);
  EXPECT_EQ((*peers.take())->remote_address(), "127.0.0.1");
  EXPECT_EQ(server->counters().connections, 0U);
}

TEST_F(WebSocketTest, RefusesWhatIsNoHandshake) {
  serve_websocket();
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/ws")));
  const auto response = client.read_response();
  EXPECT_EQ(response->status, 426);
  EXPECT_EQ(response->headers.at("sec-websocket-version"), "13");
  // The connection is still good for HTTP.
  ASSERT_TRUE(client.send(get("/ws", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n")));
  EXPECT_EQ(client.read_response()->status, 426);
}

TEST_F(WebSocketTest, FramesBeforeTheHandshakesEndEndTheConnection) {
  serve_websocket();
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/ws", kUpgrade) + masked(kText, "too early")));
  EXPECT_EQ(closed.take(), 1006);
  client.read_to_end();
}

TEST_F(WebSocketTest, ManyThreadsSendAndEachKeepsItsOrder) {
  serve_websocket();
  RawClient client = connect_websocket();
  const auto peer = *peers.take();
  constexpr int kEach = 500;
  {
    std::vector<std::jthread> senders;
    for (int sender = 0; sender < 4; ++sender) {
      senders.emplace_back([&, sender] {
        for (int i = 0; i < kEach; ++i) {
          peer->send(std::make_shared<const std::string>(std::to_string(sender) + ":" + std::to_string(i)));
        }
      });
    }
  }
  std::vector<int> next(4, 0);
  for (int i = 0; i < 4 * kEach; ++i) {
    const auto frame = read_frame(client);
    ASSERT_TRUE(frame);
    const auto sender = static_cast<std::size_t>(frame->payload[0] - '0');
    EXPECT_EQ(frame->payload.substr(2), std::to_string(next[sender]++));
  }
  EXPECT_TRUE(advance_until([&] { return peer->queued_bytes() == 0; }));
}

TEST_F(WebSocketTest, MessagesSentInsideTheHandlerFollowTheHandshake) {
  serve({}, [this](HttpRequest request, Responder responder) {
    auto peer = std::move(responder).upgrade(request, {}, {});
    (*peer)->send(std::make_shared<const std::string>("welcome"));
    (*peer)->close(4000, "that was all");
  });
  RawClient client = connect_websocket();
  EXPECT_EQ(read_frame(client)->payload, "welcome");
  const auto frame = read_frame(client);
  EXPECT_EQ(frame->close_code(), 4000);
  EXPECT_EQ(frame->payload.substr(2), "that was all");
}

TEST_F(WebSocketTest, ASlowConsumerIsClosedAndCostsNoMoreThanItsQueue) {
  WebSocketOptions options;
  options.queue_bytes_max = 1U << 20U;
  serve_websocket(options);
  RawClient client = connect_websocket();
  const auto peer = *peers.take();
  const auto message = std::make_shared<const std::string>(100'000, 'x');
  int sent = 0;
  std::size_t most = 0;
  while (sent < 100'000 && peer->send(message)) {
    ++sent;
    most = std::max(most, peer->queued_bytes());
  }
  EXPECT_LT(sent, 1'000);  // what the sockets and the queue hold
  EXPECT_LE(most, options.queue_bytes_max);
  EXPECT_TRUE(advance_until([&] { return server->counters().connections == 0; }));
  EXPECT_EQ(closed.take(), 1006);
  EXPECT_FALSE(peer->send(message));
}

TEST_F(WebSocketTest, AConsumerThatIsOnlyALittleSlowIsToldWhy) {
  WebSocketOptions options;
  options.queue_bytes_max = 1U << 20U;
  serve_websocket(options);
  RawClient client = connect_websocket();
  const auto peer = *peers.take();
  const auto message = std::make_shared<const std::string>(100'000, 'x');
  while (peer->send(message)) {
  }
  std::optional<Frame> frame;
  while ((frame = read_frame(client)) && frame->opcode == kText) {
  }
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->close_code(), 1013);
  EXPECT_EQ(frame->payload.substr(2), "slow consumer");
}

TEST_F(WebSocketTest, TheOwnerMayKeepASlowConsumerAndItsQueueIsLimitedInMessagesToo) {
  Inbox<bool> full;
  WebSocketOptions options;
  options.queue_messages_max = 10;
  serve_websocket(options, [&](WebSocketPeer&) {
    full.put(true);
    return true;
  });
  RawClient client = connect_websocket();
  const auto peer = *peers.take();
  const auto message = std::make_shared<const std::string>(1'000'000, 'x');
  int sent = 0;
  while (sent < 10 && peer->send(message)) ++sent;
  while (peer->send(std::make_shared<const std::string>("small"))) {
  }
  EXPECT_TRUE(full.take());
  for (int i = 0; i < sent; ++i) EXPECT_EQ(read_frame(client)->payload.size(), 1'000'000U);
  EXPECT_TRUE(advance_until([&] { return peer->send(std::make_shared<const std::string>("again")); }));
  std::optional<Frame> frame;
  while ((frame = read_frame(client)) && frame->payload == "small") {
  }
  EXPECT_EQ(frame->payload, "again");
}

TEST_F(WebSocketTest, AMessageThatIsTooLongEndsTheConnection) {
  serve_websocket();
  RawClient client = connect_websocket();
  ASSERT_TRUE(client.send(masked(kText, std::string(70'000, 'x'))));
  EXPECT_EQ(read_frame(client)->close_code(), 1009);
  client.close();
  EXPECT_EQ(closed.take(), 1006);
}

TEST_F(WebSocketTest, ADeadPeerIsPingedAndThenDropped) {
  WebSocketOptions options;
  options.ping_interval = milliseconds{50};  // Beast keeps this time itself, by the system's clock
  serve_websocket(options);
  RawClient client = connect_websocket();
  EXPECT_EQ(read_frame(client)->opcode, kPing);
  EXPECT_EQ(closed.take(), 1006);
}

TEST_F(WebSocketTest, AClientThatSaysGoodbyeAndStaysIsCut) {
  serve_websocket();
  RawClient client = connect_websocket();
  ASSERT_TRUE(client.send(masked(kClose, "")));
  EXPECT_EQ(read_frame(client)->opcode, kClose);
  EXPECT_TRUE(advance_until([&] { return server->counters().connections == 0; }));
  EXPECT_EQ(closed.take(), 1005);
}

TEST_F(WebSocketTest, AClientThatVanishesIsClosed) {
  serve_websocket();
  { RawClient client = connect_websocket(); }
  EXPECT_EQ(closed.take(), 1006);
}

TEST_F(WebSocketTest, StopSaysGoodbyeAndCutsWhoDoesNotAnswer) {
  serve_websocket();
  RawClient polite = connect_websocket();
  RawClient rude = connect_websocket();
  Inbox<bool> stopped;
  std::jthread stopper([&] { stopped.put(server->stop(testing::kPatience)); });
  const auto frame = read_frame(polite);
  EXPECT_EQ(frame->close_code(), 1001);
  ASSERT_TRUE(polite.send(masked(kClose, frame->payload)));
  polite.finish_sending();  // the server waits for that; a close could reset the connection under its own goodbye
  EXPECT_EQ(closed.take(), 1001);
  EXPECT_EQ(read_frame(rude)->close_code(), 1001);
  EXPECT_TRUE(advance_until([&] { return server->counters().connections == 0; }));
  EXPECT_EQ(closed.take(), 1006);
  EXPECT_EQ(stopped.take(), true);
}

TEST_F(WebSocketTest, AnUpgradeFromAnotherThreadWorksAndOneAfterTheClientLeftOnlyCloses) {
  Inbox<std::pair<HttpRequest, Responder>> held;
  serve({}, [&](HttpRequest request, Responder responder) { held.put({std::move(request), std::move(responder)}); });
  const auto upgrade_next = [&] {
    auto [request, responder] = std::move(*held.take());
    WebSocketCallbacks callbacks;
    callbacks.on_close = [this](WebSocketPeer&, std::uint16_t code) { closed.put(code); };
    return *std::move(responder).upgrade(request, {}, std::move(callbacks));
  };
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/ws", kUpgrade)));
  const auto peer = upgrade_next();
  peer->send(std::make_shared<const std::string>("hello"));
  EXPECT_EQ(client.read_response()->status, 101);
  EXPECT_EQ(read_frame(client)->payload, "hello");

  RawClient second = connect();
  ASSERT_TRUE(second.send(get("/ws", kUpgrade)));
  auto late = std::move(*held.take());
  server.reset();
  EXPECT_EQ(closed.take(), 1006);
  auto result = std::move(late.second)
                    .upgrade(late.first, {},
                             {.on_message = nullptr,
                              .on_queue_full = nullptr,
                              .on_close = [this](WebSocketPeer&, std::uint16_t code) { closed.put(code); }});
  ASSERT_TRUE(result);
  EXPECT_EQ(closed.take(), 1006);
}

}  // namespace
}  // namespace datasync::net
