// The server over real sockets: what a well-behaved client sees. Limits and malformed input are in
// http_server_limits_test.cc.

#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/test_support.h"

namespace datasync::net {
namespace {

using ::testing::EndsWith;
using testing::get;
using ::testing::HasSubstr;
using testing::Inbox;
using testing::post;
using testing::RawClient;

class HttpServerTest : public testing::ServerFixture {};

TEST_F(HttpServerTest, AnswersManyRequestsOverOneConnection) {
  serve();
  RawClient client = connect();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.send(post("/a?b=c", "body " + std::to_string(i))));
    const auto response = client.read_response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "POST /a?b=c body " + std::to_string(i));
    EXPECT_EQ(response->headers.at("content-type"), "text/plain; charset=utf-8");
    EXPECT_THAT(response->headers.at("date"), EndsWith(" GMT"));
    EXPECT_FALSE(response->headers.contains("connection"));
  }
  EXPECT_EQ(server->counters().accepted, 1U);
  EXPECT_EQ(server->counters().requests, 100U);
}

TEST_F(HttpServerTest, AnswersAPipelineInOrderThoughTheHandlerAnswersFromOtherThreads) {
  std::vector<std::jthread> helpers;
  serve({}, [&helpers](HttpRequest request, Responder responder) {
    if (request.target.back() % 2 == 0) {
      std::move(responder).send(echo(request));
    } else {
      helpers.emplace_back([response = echo(request), moved = std::move(responder)]() mutable {
        std::move(moved).send(std::move(response));
      });
    }
  });
  RawClient client = connect();
  std::string all;
  for (int i = 0; i < 200; ++i) all += post("/" + std::to_string(i), "x");
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 200; ++i) {
    const auto response = client.read_response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, "POST /" + std::to_string(i) + " x");
  }
}

TEST_F(HttpServerTest, ReadsARequestThatComesByteByByte) {
  serve();
  RawClient client = connect();
  for (const char c : "\r\n" + post("/slow", "abc")) ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.read_response()->body, "POST /slow abc");
}

TEST_F(HttpServerTest, ReadsChunkedBodiesAndKeepsTheirTrailersOut) {
  Inbox<std::string> trailer;
  serve({}, [&](HttpRequest request, Responder responder) {
    trailer.put(std::string(request.headers.get("x-admin")));
    std::move(responder).send(echo(request));
  });
  const std::string request =
      "POST /c HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;ext=\"q\"\r\nhello\r\n1\r\n \r\n00A\r\n0123456789\r\n0\r\nX-Admin: yes\r\n\r\n";
  RawClient client = connect();
  ASSERT_TRUE(client.send(request + get("/next")));
  EXPECT_EQ(client.read_response()->body, "POST /c hello 0123456789");
  EXPECT_EQ(client.read_response()->body, "GET /next ");
  EXPECT_EQ(trailer.take(), "");
  for (const char c : request) ASSERT_TRUE(client.send({&c, 1}));
  EXPECT_EQ(client.read_response()->body, "POST /c hello 0123456789");
}

TEST_F(HttpServerTest, TakesAndGivesLargeBodies) {
  HttpServerOptions options;
  options.body_bytes_max = [](std::string_view path) { return path == "/bulk" ? 16U << 20U : 1U << 20U; };
  serve(std::move(options));
  std::string body(16U << 20U, 'x');
  body.replace(12'345'678, 6, "needle");
  RawClient client = connect();
  // The answer is as large, and we read nothing until all is sent: the server must hold on to what the socket does not
  // take.
  ASSERT_TRUE(client.send(post("/bulk?x=1", body)));
  const auto response = client.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "POST /bulk?x=1 " + body);
  ASSERT_TRUE(client.send(get("/after")));
  EXPECT_EQ(client.read_response()->body, "GET /after ");
}

TEST_F(HttpServerTest, HeadHasTheHeadersOfItsGetAndNoBody) {
  serve();
  RawClient client = connect();
  ASSERT_TRUE(client.send("HEAD /h HTTP/1.1\r\nHost: test\r\n\r\n" + get("/next")));
  EXPECT_EQ(client.read_response(true)->headers.at("content-length"), "8");  // "HEAD /h "
  EXPECT_EQ(client.read_response()->body, "GET /next ");
}

TEST_F(HttpServerTest, StatusesWithoutABodyHaveNone) {
  serve({}, [](HttpRequest request, Responder responder) {
    std::move(responder).send({request.target == "/204" ? 204 : 304, "", "not to be seen", {}});
  });
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/204") + get("/304")));
  const auto no_content = client.read_response();
  EXPECT_EQ(no_content->status, 204);
  EXPECT_FALSE(no_content->headers.contains("content-length"));
  EXPECT_EQ(client.read_response()->status, 304);
  EXPECT_EQ(client.buffered(), "");
}

TEST_F(HttpServerTest, KeepsConnectionsAsTheClientAndTheVersionWish) {
  serve();
  const auto connection_of = [&](const std::string& request) {
    RawClient client = connect();
    EXPECT_TRUE(client.send(request));
    const auto response = client.read_response();
    const std::string header = response->headers.contains("connection") ? response->headers.at("connection") : "";
    EXPECT_TRUE(header != "close" || client.closed_by_peer());
    return header;
  };
  EXPECT_EQ(connection_of(get("/")), "");
  EXPECT_EQ(connection_of(get("/", "Connection: close\r\n")), "close");
  EXPECT_EQ(connection_of(get("/", "Connection: x, CLOSE\r\n")), "close");
  EXPECT_EQ(connection_of("GET / HTTP/1.0\r\n\r\n"), "close");
  EXPECT_EQ(connection_of("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "keep-alive");
}

TEST_F(HttpServerTest, AClientThatHalfClosesStillGetsItsAnswer) {
  serve();
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/half")));
  client.finish_sending();
  EXPECT_EQ(client.read_response()->body, "GET /half ");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(HttpServerTest, ContinuesWhereThatIsExpected) {
  serve();
  RawClient client = connect();
  ASSERT_TRUE(client.send("POST /e HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(client.read_response()->status, 100);
  ASSERT_TRUE(client.send("body"));
  EXPECT_EQ(client.read_response()->body, "POST /e body");
  // Who does not wait needs no answer in between.
  ASSERT_TRUE(client.send(post("/e", "body", "Expect: 100-continue\r\n")));
  EXPECT_EQ(client.read_response()->status, 200);
  ASSERT_TRUE(client.send(post("/e", "body", "Expect: miracles\r\n")));
  EXPECT_EQ(client.read_response()->status, 417);
}

TEST_F(HttpServerTest, TheHandlerSeesHeadersAndTheClientsAddress) {
  serve({}, [](HttpRequest request, Responder responder) {
    std::move(responder).send(json_response(201, request.remote_address + "|" +
                                                     std::string(request.headers.get("x-tenant")) + "|" +
                                                     request.method_name + std::string(request.headers.get("folded"))));
  });
  RawClient client = connect();
  ASSERT_TRUE(client.send("PURGE / HTTP/1.1\r\nhost:test\r\nX-TENANT: \t a b \r\nFolded: one\r\n two\r\n\r\n"));
  const auto response = client.read_response();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "127.0.0.1|a b|PURGEone two");
}

TEST_F(HttpServerTest, UnderstandsATargetThatIsAWholeUrl) {
  serve();
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("http://test/a?b") + get("https://test") + get("http://test?x=/y") + get("*")));
  EXPECT_EQ(client.read_response()->body, "GET /a?b ");
  EXPECT_EQ(client.read_response()->body, "GET / ");
  EXPECT_EQ(client.read_response()->body, "GET /?x=/y ");
  EXPECT_EQ(client.read_response()->body, "GET * ");
}

TEST_F(HttpServerTest, ListensOnBothFamiliesAndNamesClientsByTheirOwnAddress) {
  serve({}, [](HttpRequest request, Responder responder) {
    std::move(responder).send(text_response(200, request.remote_address));
  });
  const auto both = server->listen("::", 0);
  if (!both) GTEST_SKIP() << "no IPv6 here";
  RawClient client(*both);
  ASSERT_TRUE(client.send(get("/")));
  EXPECT_EQ(client.read_response()->body, "127.0.0.1");
}

TEST_F(HttpServerTest, AResponseHeaderCannotSmuggleAnother) {
  serve({}, [](HttpRequest, Responder responder) {
    std::move(responder).send(
        {200, "text/plain", "ok", {{"X-Good", "1"}, {"X-Bad", "1\r\nX-Evil: 1"}, {"X-Last", "1"}}});
  });
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/")));
  const auto response = client.read_response();
  EXPECT_EQ(response->headers.count("x-good") + response->headers.count("x-last"), 2U);
  EXPECT_EQ(response->headers.count("x-bad") + response->headers.count("x-evil"), 0U);
}

TEST_F(HttpServerTest, ADroppedResponderAndAThrowingHandlerAre500) {
  serve({}, [](HttpRequest request, Responder responder) {
    if (request.target == "/throw") throw std::runtime_error("on purpose");
    if (request.target == "/elsewhere") std::jthread([moved = std::move(responder)] {});
  });
  RawClient client = connect();
  for (const char* target : {"/drop", "/throw", "/elsewhere"}) {
    ASSERT_TRUE(client.send(get(target)));
    const auto response = client.read_response();
    EXPECT_EQ(response->status, 500) << target;
    EXPECT_EQ(response->headers.at("content-type"), "application/problem+json");
  }
}

TEST_F(HttpServerTest, AnAnswerToAClientThatLeftIsDropped) {
  Inbox<Responder> held;
  serve({}, [&](HttpRequest request, Responder responder) {
    if (request.target == "/hold") return held.put(std::move(responder));
    std::move(responder).send(echo(request));
  });
  std::vector<Responder> responders;
  for (int i = 0; i < 20; ++i) {
    RawClient client = connect();
    ASSERT_TRUE(client.send(get("/hold")));
    responders.push_back(std::move(*held.take()));
    const linger reset{1, 0};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  for (Responder& responder : responders) std::move(responder).send(text_response(200, std::string(100'000, 'x')));
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/alive")));
  EXPECT_EQ(client.read_response()->status, 200);
}

TEST_F(HttpServerTest, ManyIdleConnectionsWaitWithoutBuffersAndStillAnswer) {
  const char* wanted = std::getenv("DATASYNC_IDLE_CONNECTIONS");
  const std::size_t count = wanted ? std::strtoul(wanted, nullptr, 10) : 2'000;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < count * 2 + 100) GTEST_SKIP() << "not enough file descriptors";

  serve();
  std::vector<RawClient> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(connect());
    ASSERT_TRUE(clients.back().connected()) << i;
    ASSERT_TRUE(clients.back().send(get("/first")));
    ASSERT_TRUE(clients.back().read_response()) << i;
    if (i % (count / 20) == 0) clock.advance(seconds{1});  // some are parked meanwhile
  }
  EXPECT_EQ(server->counters().connections, count);
  pass(seconds{3});
  pass(seconds{3});  // now all are parked
  for (std::size_t i = 0; i < count; i += 10) {
    ASSERT_TRUE(clients[i].send(post("/again", std::string(8'000, 'x'))));
    EXPECT_EQ(clients[i].read_response()->status, 200);
  }
}

class HttpServerStopTest : public HttpServerTest {};

TEST_F(HttpServerStopTest, BeforeItEachConnectionHearsThatItsAnswerIsTheLastAndNewOnesAreTaken) {
  serve({}, [](HttpRequest request, Responder responder) { std::move(responder).send(echo(request)); });
  RawClient kept = connect();
  ASSERT_TRUE(kept.send(get("/")));
  EXPECT_FALSE(kept.read_response()->headers.contains("connection"));
  server->wind_down();
  ASSERT_TRUE(kept.send(get("/again")));
  EXPECT_EQ(kept.read_response()->headers.at("connection"), "close");
  EXPECT_TRUE(kept.closed_by_peer());
  RawClient fresh = connect();
  ASSERT_TRUE(fresh.send(get("/")));
  EXPECT_EQ(fresh.read_response()->headers.at("connection"), "close");
}

TEST_F(HttpServerStopTest, ClosesIdleConnectionsAndLetsTheOthersFinish) {
  Inbox<Responder> held;
  serve({}, [&](HttpRequest request, Responder responder) {
    if (request.target == "/hold") return held.put(std::move(responder));
    std::move(responder).send(echo(request));
  });
  RawClient idle = connect();
  ASSERT_TRUE(idle.send(get("/")));
  ASSERT_TRUE(idle.read_response());
  RawClient silent = connect();
  RawClient busy = connect();
  ASSERT_TRUE(busy.send(get("/hold")));
  auto responder = held.take();
  ASSERT_TRUE(responder);
  RawClient sending = connect();
  ASSERT_TRUE(sending.send("POST /begun HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
  ASSERT_EQ(sending.read_response()->status, 100);

  Inbox<bool> stopped;
  std::jthread stopper([&] { stopped.put(server->stop(testing::kPatience)); });
  EXPECT_TRUE(idle.closed_by_peer());
  EXPECT_TRUE(silent.closed_by_peer());
  EXPECT_FALSE(RawClient(port).connected());
  std::move(*responder).send(text_response(200, "done"));
  const auto response = busy.read_response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->headers.at("connection"), "close");
  EXPECT_TRUE(busy.closed_by_peer());
  ASSERT_TRUE(sending.send("body"));
  EXPECT_EQ(sending.read_response()->body, "POST /begun body");
  EXPECT_EQ(stopped.take(), true);
  EXPECT_EQ(server->counters().connections, 0U);
}

TEST_F(HttpServerStopTest, CutsWhatIsLeftAtTheDeadline) {
  Inbox<Responder> held;
  serve({}, [&](HttpRequest, Responder responder) { held.put(std::move(responder)); });
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/")));
  auto responder = held.take();
  EXPECT_FALSE(server->stop(milliseconds{1}));
  EXPECT_TRUE(client.closed_by_peer());
  std::move(*responder).send(text_response(200, "too late"));
  EXPECT_EQ(server->counters().connections, 0U);
}

TEST_F(HttpServerStopTest, AResponderMayOutliveTheServer) {
  Inbox<Responder> held;
  serve({}, [&](HttpRequest, Responder responder) { held.put(std::move(responder)); });
  RawClient client = connect();
  ASSERT_TRUE(client.send(get("/")));
  auto responder = held.take();
  server.reset();
  std::move(*responder).send(text_response(200, "too late"));
}

TEST_F(HttpServerTest, RefusesToListenWhereItCannot) {
  serve();
  EXPECT_EQ(server->listen("localhost", 0).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(server->listen("203.0.113.1", 0).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace datasync::net
