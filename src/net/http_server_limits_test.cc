// What the server does about clients that are too large, too slow, too many or malformed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "net/http_server.h"
#include "net/test_support.h"

namespace datasync::net {
namespace {

using testing::get;
using namespace std::string_literals;
using ::testing::HasSubstr;
using testing::post;
using testing::RawClient;

class HttpServerLimitsTest : public testing::ServerFixture {
 protected:
  /// Sends and expects one problem answer and the end of the connection.
  void expect_refused(const std::string& request, int status) {
    SCOPED_TRACE(request.substr(0, 200));
    RawClient client = connect();
    ASSERT_TRUE(client.send(request));
    auto response = client.read_response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, status);
    EXPECT_EQ(response->headers["content-type"], "application/problem+json");
    EXPECT_EQ(response->headers["connection"], "close");
    EXPECT_THAT(response->body, HasSubstr("\"detail\":"));
    client.finish_sending();
    EXPECT_TRUE(client.closed_by_peer());
  }
};

TEST_F(HttpServerLimitsTest, RefusesMalformedRequests) {
  serve();
  expect_refused("nonsense\r\n\r\n", 400);
  expect_refused("GET /\r\n\r\n", 400);
  expect_refused("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\nHost: a\n\n\r\n\r\n", 505);  // a bare line feed ends no line
  expect_refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
  expect_refused("GET / HTTP/1.1\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"s, 400);
  expect_refused("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nX: a\x01 b\r\n\r\n", 400);
  expect_refused("GET / HTTP/1.1\r\nHost: a\r\nX\x7f: a\r\n\r\n", 400);
  EXPECT_EQ(server->counters().requests, 0U);
}

// Shapes that a proxy in front of us may read as one request and we as two, or the other way round.
TEST_F(HttpServerLimitsTest, RefusesWhatCouldSmuggleARequest) {
  serve();
  const auto with = [](const std::string& headers, const std::string& body) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + body;
  };
  const std::string chunks = "0\r\n\r\n";
  expect_refused(with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunks), 400);
  expect_refused(with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunks), 400);
  expect_refused(with("Content-Length: 5\r\nContent-Length: 6\r\n", chunks), 400);
  expect_refused(with("Content-Length: 5\r\nContent-Length: 5\r\n", chunks), 400);
  expect_refused(with("Content-Length: 5, 5\r\n", chunks), 400);
  for (const char* length :
       {"+5", "-5", "5 5", "0x5", "5;", "", " ", "18446744073709551616", "99999999999999999999999"}) {
    expect_refused(with("Content-Length: " + std::string(length) + "\r\n", chunks), 400);
  }
  for (const char* coding : {"gzip", "gzip, chunked", "chunked, gzip", "xchunked", "chunked;q=1", "identity", ""}) {
    expect_refused(with("Transfer-Encoding: " + std::string(coding) + "\r\n", chunks), 501);
  }
  expect_refused(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunks), 400);
  expect_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400);
  for (const char* chunk : {"x\r\n\r\n", "-1\r\n\r\n", " 5\r\nhello\r\n", "5\nhello\r\n0\r\n\r\n",
                            "5\r\nhelloXX0\r\n\r\n", "fffffffffffffffff\r\nhello", "5 5\r\nhello\r\n", "0x5\r\n\r\n"}) {
    expect_refused(with("Transfer-Encoding: chunked\r\n", chunk), 400);
  }
  EXPECT_EQ(server->counters().requests, 0U);
}

TEST_F(HttpServerLimitsTest, RefusesTooManyHeaders) {
  serve();
  expect_refused(get("/", "X: " + std::string(20'000, 'x') + "\r\n"), 431);
  expect_refused("GET /" + std::string(20'000, 'x'), 431);
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += "X" + std::to_string(i) + ": y\r\n";
  expect_refused(get("/", many), 431);
  std::string trailers = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
  for (int i = 0; i < 10; ++i) trailers += many;
  expect_refused(trailers + "\r\n", 400);
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/", "X: " + std::string(15'000, 'x') + "\r\n")));
  EXPECT_EQ(client.read_response()->status, 200);
}

TEST_F(HttpServerLimitsTest, RefusesALargeBodyAtOnceAndDropsItSoThatTheClientSeesTheAnswer) {
  serve();
  RawClient early = connect();
  ASSERT_TRUE(early.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"));
  EXPECT_EQ(early.read_response()->status, 413);  // before a single byte of the body

  // A client that sends all before it reads, as most do.
  expect_refused(post("/", std::string(12U << 20U, 'x')), 413);

  std::string chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i) chunked += "10000\r\n" + std::string(65'536, 'x') + "\r\n";
  expect_refused(chunked, 413);
  expect_refused("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413);
}

TEST_F(HttpServerLimitsTest, StopsDroppingALargeBodyAfterAWhile) {
  HttpServerOptions options;
  options.discard_bytes_max = 1U << 20U;
  serve(std::move(options));
  RawClient endless = connect();
  ASSERT_TRUE(endless.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000000\r\n\r\n"));
  const std::string block(1U << 20U, 'x');
  int sent = 0;
  while (sent < 1'000 && endless.send(block)) ++sent;
  EXPECT_LT(sent, 100);

  RawClient silent = connect();
  ASSERT_TRUE(silent.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000000\r\n\r\n"));
  EXPECT_EQ(silent.read_response()->status, 413);
  EXPECT_TRUE(silent.closed_by_peer());
  EXPECT_TRUE(advance_until([&] { return server->counters().connections == 0; }));
}

TEST_F(HttpServerLimitsTest, GivesUpOnClientsThatStopInTheMiddle) {
  serve();
  for (const std::string& part : std::vector<std::string>{
           "G", "GET / HTTP/1.1\r\nHost: a\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"}) {
    expect_refused(part, 408);
  }
}

TEST_F(HttpServerLimitsTest, ATricklingHeaderGainsNoTime) {
  serve();
  RawClient client = connect();
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: a\r\n"));
  bool answered = false;
  for (int i = 0; i < 10'000 && !answered; ++i) {
    client.send("X: y\r\n");
    clock.advance(seconds{1});
    pollfd ready{client.fd(), POLLIN, 0};
    answered = ::poll(&ready, 1, 10) == 1;
  }
  EXPECT_EQ(client.read_response()->status, 408);
}

TEST_F(HttpServerLimitsTest, ASlowLargeBodyHasItsTimeAsLongAsItMoves) {
  serve();
  RawClient client = connect();
  const std::string block(65'536, 'x');
  ASSERT_TRUE(client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 655360\r\n\r\n"));
  for (int i = 0; i < 10; ++i) {
    pass(seconds{6});
    ASSERT_TRUE(client.send(block));
    ASSERT_TRUE(read_by_server(client));
  }
  EXPECT_EQ(client.read_response()->status, 200);
}

TEST_F(HttpServerLimitsTest, ClosesConnectionsThatStayIdle) {
  serve();
  RawClient fresh = connect();
  RawClient used = connect();
  ASSERT_TRUE(used.send(get("/")));
  ASSERT_TRUE(used.read_response());
  const auto before = clock.steady_now();
  EXPECT_TRUE(used.closed_by_peer());
  EXPECT_GE(clock.steady_now() - before, seconds{74});
  EXPECT_TRUE(fresh.closed_by_peer());
}

TEST_F(HttpServerLimitsTest, GivesUpOnAClientThatDoesNotTakeItsAnswer) {
  testing::Inbox<bool> answered;
  serve({}, [&](HttpRequest, Responder responder) {
    std::move(responder).send(text_response(200, std::string(64U << 20U, 'x')));
    answered.put(true);
  });
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/")));
  ASSERT_TRUE(answered.take());
  EXPECT_EQ(server->counters().connections, 1U);
  pass(seconds{25});
  EXPECT_EQ(server->counters().connections, 1U);
  EXPECT_TRUE(advance_until([&] { return server->counters().connections == 0; }));
}

// A limit on each body alone is none: as many clients as may connect could each send most of one and fall silent.
TEST_F(HttpServerLimitsTest, BodiesOfAllClientsTogetherHaveALimit) {
  HttpServerOptions options;
  options.memory_bytes_max = 500'000;
  testing::Inbox<std::pair<HttpRequest, Responder>> with_handler;
  serve(std::move(options), [&](HttpRequest request, Responder responder) {
    if (request.method == Method::kGet) return std::move(responder).send(text_response(200, "well"));
    with_handler.put({std::move(request), std::move(responder)});
  });
  const std::string half = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200001\r\n\r\n" + std::string(200'000, 'x');
  const auto taken = [&](RawClient& client) {
    EXPECT_TRUE(client.send(half + "x"));
    return with_handler.take();
  };
  RawClient first = connect();
  auto request = taken(first);
  ASSERT_TRUE(request);

  RawClient second = connect();
  ASSERT_TRUE(second.send(half));
  const auto refusal = second.read_response();
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 503);
  EXPECT_EQ(refusal->headers.at("retry-after"), "1");
  EXPECT_EQ(refusal->headers.at("connection"), "close");
  RawClient small = connect();
  ASSERT_TRUE(small.send(get("/")));
  EXPECT_EQ(small.read_response()->status, 200);

  std::move(request->second).send(text_response(200, "stored"));
  request.reset();
  RawClient third = connect();
  EXPECT_TRUE(taken(third)) << "what was held is free again";
}

TEST_F(HttpServerLimitsTest, AnswersThatNobodyTakesCountToo) {
  HttpServerOptions options;
  options.memory_bytes_max = 1 << 20;
  serve(std::move(options), [&](HttpRequest, Responder responder) {
    std::move(responder).send(text_response(200, std::string(64U << 20U, 'x')));
  });
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/")));
  ASSERT_TRUE(client.fill());                                            // it has begun
  const auto patience = std::chrono::steady_clock::now() + seconds{20};  // and no time passes for the server
  while (server->counters().connections > 0 && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
  EXPECT_EQ(server->counters().connections, 0U);
}

TEST_F(HttpServerLimitsTest, TellsTheConnectionsThatAreTooMany) {
  HttpServerOptions options;
  options.connections_max = 3;
  serve(std::move(options));
  std::vector<RawClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connect());
    ASSERT_TRUE(clients.back().send(get("/")));
    ASSERT_TRUE(clients.back().read_response());
  }
  expect_refused(get("/"), 503);
  EXPECT_EQ(server->counters().refused_connections, 1U);
  clients.pop_back();
  for (int i = 0; i < 2'000; ++i) {  // until the server has seen that one left
    RawClient again = connect();
    again.send(get("/"));
    const auto response = again.read_response();
    if (response && response->status == 200) return;
  }
  FAIL() << "the place did not become free";
}

}  // namespace
}  // namespace datasync::net
