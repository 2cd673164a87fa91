// The client over real sockets, against our own server where that will do and against scripted bytes where it will not.

#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "net/test_support.h"

namespace datasync::net {
namespace {

using ::testing::HasSubstr;
using testing::Inbox;
using testing::RawClient;
using testing::RawServer;

const char* const kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class HttpClientTest : public testing::ServerFixture {
 protected:
  HttpClientTest() { threads.start(); }
  void TearDown() override {
    client.reset();
    ServerFixture::TearDown();
  }

  void make_client(HttpClientOptions options = {}) { client.emplace(threads, std::move(options)); }

  ClientRequest request_to(std::uint16_t to, std::string target = "/", std::string body = "") {
    ClientRequest request;
    request.origin = make_origin(Scheme::kHttp, "127.0.0.1", to);
    request.target = std::move(target);
    request.body = std::move(body);
    return request;
  }

  void start(ClientRequest request) {
    client->send(std::move(request), [this](ClientResult result) { results.put(std::move(result)); });
  }

  /// Waits for a result while time runs.
  ClientResult next_result() {
    std::optional<ClientResult> result;
    advance_until([&] { return (result = results.take(milliseconds{1})).has_value(); });
    return result ? std::move(*result) : fail(ErrorCode::kInternal, "the test saw no result");
  }
  ClientResult fetch(ClientRequest request) {
    start(std::move(request));
    auto result = results.take();
    return result ? std::move(*result) : fail(ErrorCode::kInternal, "the test saw no result");
  }

  static void expect_error(const ClientResult& result, ErrorCode code, Stage stage) {
    ASSERT_FALSE(result);
    EXPECT_EQ(to_string(result.error().code), to_string(code)) << result.error().message << result.error().detail;
    EXPECT_EQ(result.error().stage, stage) << result.error().message;
  }

  Inbox<ClientResult> results;
  std::optional<HttpClient> client;
};

TEST_F(HttpClientTest, SendsOverOneKeptConnection) {
  serve();
  HttpClientOptions options;
  options.connections_per_origin_max = 1;
  make_client(options);
  for (int i = 0; i < 100; ++i) {
    const auto result = fetch(request_to(port, "/p?n=" + std::to_string(i), "body"));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->body, "POST /p?n=" + std::to_string(i) + " body");
    EXPECT_EQ(result->headers.get("content-type"), "text/plain; charset=utf-8");
  }
  EXPECT_EQ(server->counters().accepted, 1U);
  EXPECT_EQ(client->counters().connects, 1U);
  EXPECT_EQ(client->counters().sent, 100U);
  EXPECT_EQ(client->counters().in_flight, 0U);
}

TEST_F(HttpClientTest, WritesExactlyTheRequestThatItWasGiven) {
  RawServer raw([](RawClient& connection, int) {
    for (std::string got; !(got = connection.read_request()).empty();) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(got.size()) + "\r\n\r\n" + got);
    }
  });
  make_client();
  ClientRequest request = request_to(raw.port(), "/a?b", "{}");
  ASSERT_TRUE(append_header(request.header_block, "Content-Type", "application/json"));
  const std::string host = "Host: 127.0.0.1:" + std::to_string(raw.port()) + "\r\n";
  EXPECT_EQ(fetch(std::move(request))->body,
            "POST /a?b HTTP/1.1\r\n" + host + "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
  request = request_to(raw.port());
  EXPECT_EQ(fetch(std::move(request))->body, "POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n");
  request = request_to(raw.port());
  request.method = Method::kGet;
  EXPECT_EQ(fetch(std::move(request))->body, "GET / HTTP/1.1\r\n" + host + "\r\n");
}

TEST_F(HttpClientTest, KeepsItsLimitOfConnectionsWhateverTheNumberOfThreads) {
  for (const std::size_t limit : {1U, 2U, 5U}) {
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    RawServer raw([&](RawClient& connection, int) {
      int seen = ++now;
      for (int known = most; seen > known && !most.compare_exchange_weak(known, seen);) {
      }
      while (!connection.read_request().empty()) connection.send(kOk);
      --now;
    });
    HttpClientOptions options;
    options.connections_per_origin_max = limit;
    make_client(options);
    std::vector<ClientCall> calls;
    for (int i = 0; i < 500; ++i) {
      calls.push_back({request_to(raw.port()), [&](ClientResult result) { results.put(std::move(result)); }});
    }
    client->send_all(std::move(calls));
    for (int i = 0; i < 500; ++i) {
      const auto result = results.take();
      ASSERT_TRUE(result && *result) << (result ? result->error().message + result->error().detail : "");
    }
    EXPECT_LE(static_cast<std::size_t>(most), limit);
    client.reset();
  }
}

TEST_F(HttpClientTest, AcallbackMaySendTheNextAndItStaysOnItsThread) {
  serve();
  make_client();
  Inbox<bool> stayed;
  std::function<void(int)> next = [&](int left) {
    IoThread* const before = IoThread::current();
    client->send(request_to(port), [&, left, before](ClientResult result) {
      EXPECT_TRUE(result);
      if (before != nullptr && IoThread::current() != before) return stayed.put(false);
      left == 0 ? stayed.put(true) : next(left - 1);
    });
  };
  next(1'000);
  EXPECT_EQ(stayed.take(), true);
}

TEST_F(HttpClientTest, ReadsEveryFormOfAnswer) {
  const std::vector<std::pair<std::string, std::string>> forms = {
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n4;x\r\n two\r\n0\r\nX: y\r\n\r\n",
       "200 one two"},
      {"HTTP/1.1 204 No Content\r\n\r\n", "204 "},
      {"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", "304 "},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: "
       "1\r\n\r\nx",
       "201 x"},
      {"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n", "302 "},
      {"HTTP/1.0 200 OK\r\n\r\nuntil the end", "200 until the end"},
      {"HTTP/1.1 500 \r\nConnection: close\r\nContent-Length: 3\r\n\r\nbad", "500 bad"},
  };
  RawServer raw([&](RawClient& connection, int) {
    for (std::string got; !(got = connection.read_request()).empty();) {
      const std::string answer = forms[static_cast<std::size_t>(got[6] - '0')].first;
      for (const char c : answer) connection.send({&c, 1});
      if (answer.starts_with("HTTP/1.0") || answer.find("close") != std::string::npos) return;
    }
  });
  make_client();
  for (std::size_t round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < forms.size(); ++i) {
      const auto result = fetch(request_to(raw.port(), "/" + std::to_string(i)));
      ASSERT_TRUE(result) << i << " " << result.error().message << result.error().detail;
      EXPECT_EQ(std::to_string(result->status) + " " + result->body, forms[i].second);
    }
  }
}

TEST_F(HttpClientTest, AHeadAnswerHasALengthAndNoBody) {
  serve();
  make_client();
  for (int i = 0; i < 3; ++i) {
    ClientRequest request = request_to(port);
    request.method = Method::kHead;
    const auto result = fetch(std::move(request));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->headers.get("Content-Length"), "7");
    EXPECT_EQ(result->body, "");
  }
}

TEST_F(HttpClientTest, LargeBodiesGoBothWays) {
  HttpServerOptions server_options;
  server_options.body_bytes_max = [](std::string_view) { return 64U << 20U; };
  serve(std::move(server_options));
  HttpClientOptions options;
  options.response_body_bytes_max = 64U << 20U;
  make_client(options);
  const std::string body(20U << 20U, 'x');
  const auto result = fetch(request_to(port, "/", body));
  ASSERT_TRUE(result) << result.error().detail;
  EXPECT_EQ(result->body, "POST / " + body);
}

TEST_F(HttpClientTest, NothingThatForgesARequestIsSent) {
  serve();
  make_client();
  std::vector<ClientRequest> bad(9, request_to(port));
  bad[0].target = "/ HTTP/1.1\r\nX: y";
  bad[1].target = "no-slash";
  bad[2].target = "";
  bad[3].header_block = "A: b";
  bad[4].header_block = "A: b\r\n\r\nGET / HTTP/1.1\r\n";
  bad[5].header_block = "\r\n";
  bad[6].header_block = std::string("A: \0\r\n", 6);
  bad[7].method = Method::kOther;
  bad[8].origin = nullptr;
  for (auto& request : bad) expect_error(fetch(std::move(request)), ErrorCode::kInvalid, Stage::kBefore);
  EXPECT_EQ(server->counters().accepted, 0U);
}

// What a caller may repeat at will (kBefore) and what it may not (kDuring).

TEST_F(HttpClientTest, ARefusedConnectionIsBefore) {
  std::uint16_t closed_port = 0;
  {
    closed_port = RawServer([](RawClient&, int) {}).port();
  }
  make_client();
  for (int i = 0; i < 3; ++i) {
    expect_error(fetch(request_to(closed_port)), ErrorCode::kUnavailable, Stage::kBefore);
  }
}

TEST_F(HttpClientTest, AnUnknownHostIsBefore) {
  make_client();
  ClientRequest request = request_to(80);
  request.origin = make_origin(Scheme::kHttp, "no-such-host.invalid", 80);
  expect_error(fetch(request), ErrorCode::kUnavailable, Stage::kBefore);
  expect_error(fetch(request), ErrorCode::kUnavailable, Stage::kBefore);
}

TEST_F(HttpClientTest, AnAddressThatIsNotAllowedIsBefore) {
  serve();
  HttpClientOptions options;
  options.allow_address = [](std::string_view address) { return address != "127.0.0.1"; };
  make_client(options);
  expect_error(fetch(request_to(port)), ErrorCode::kForbidden, Stage::kBefore);
  EXPECT_EQ(server->counters().accepted, 0U);
}

TEST_F(HttpClientTest, AConnectionThatNeverComesAboutIsBefore) {
  // A listener whose queue is full drops further handshakes.
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  std::vector<int> fillers;
  for (int i = 0; i < 8; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    ::connect(fillers.back(), reinterpret_cast<sockaddr*>(&address), size);
  }
  make_client();
  start(request_to(ntohs(address.sin_port)));
  expect_error(next_result(), ErrorCode::kUnavailable, Stage::kBefore);
  for (const int fd : fillers) ::close(fd);
  ::close(listener);
}

TEST_F(HttpClientTest, ASilentServerIsATimeoutDuring) {
  RawServer raw([](RawClient& connection, int) {
    connection.read_request();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    connection.read_to_end();
  });
  make_client();
  start(request_to(raw.port()));
  const auto before = clock.steady_now();
  expect_error(next_result(), ErrorCode::kTimeout, Stage::kDuring);
  EXPECT_GE(clock.steady_now() - before, seconds{29});
  EXPECT_EQ(client->counters().connections, 0U);
}

TEST_F(HttpClientTest, ACutConnectionIsDuring) {
  RawServer raw([](RawClient& connection, int number) {
    connection.read_request();
    if (number % 2 == 1) connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  });
  make_client();
  for (int i = 0; i < 4; ++i) expect_error(fetch(request_to(raw.port())), ErrorCode::kUnavailable, Stage::kDuring);
  EXPECT_EQ(client->counters().stale_retries, 0U);
}

TEST_F(HttpClientTest, AnAnswerThatIsTooLargeOrNoHttpIsDuring) {
  const std::string long_text(3'000, 'x');
  const std::vector<std::string> large{
      "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n" + std::string(1'001, 'x'),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbb8\r\n" + long_text + "\r\n0\r\n\r\n",
      "HTTP/1.0 200 OK\r\n\r\n" + long_text, "HTTP/1.1 200 OK\r\nX: " + long_text + "\r\nContent-Length: 0\r\n\r\n"};
  const std::vector<std::string> nonsense{"SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 abc\r\n\r\n",
                                          "HTTP/1.1 101 Switching\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"};
  // By the connection's number: the client is done with an answer before the server is done with sending it.
  std::vector<std::string> answers = large;
  answers.insert(answers.end(), nonsense.begin(), nonsense.end());
  RawServer raw([&answers](RawClient& connection, int number) {
    connection.read_request();
    connection.send(answers.at(static_cast<std::size_t>(number)));
    connection.read_to_end();
  });
  HttpClientOptions options;
  options.response_body_bytes_max = 1'000;
  options.response_header_bytes_max = 2'000;
  make_client(options);
  for (std::size_t i = 0; i < large.size(); ++i) {
    const auto result = fetch(request_to(raw.port()));
    expect_error(result, ErrorCode::kTooLarge, Stage::kDuring);
    EXPECT_EQ(result.error().detail, "status 200");
  }
  for (std::size_t i = 0; i < nonsense.size(); ++i) {
    expect_error(fetch(request_to(raw.port())), ErrorCode::kCorrupt, Stage::kDuring);
  }
}

TEST_F(HttpClientTest, AnAnswerThatComesBeforeTheRequestIsReadIsKept) {
  RawServer raw([](RawClient& connection, int) {
    connection.fill();
    connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    connection.read_to_end();
  });
  make_client();
  const auto result = fetch(request_to(raw.port(), "/", std::string(10U << 20U, 'x')));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->status, 413);
}

// A server may close a kept connection just when we use it.

RawServer::Script closes_on_second_request() {
  return [](RawClient& connection, int) {
    connection.read_request();
    connection.send(kOk);
    connection.read_request();  // and gone, without a word
  };
}

TEST_F(HttpClientTest, AStaleConnectionIsTriedOnceMoreOnANewOne) {
  RawServer raw(closes_on_second_request());
  HttpClientOptions options;
  options.connections_per_origin_max = 1;
  make_client(options);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(fetch(request_to(raw.port())));
  EXPECT_EQ(client->counters().stale_retries, 4U);
  EXPECT_EQ(raw.accepted(), 5);
}

TEST_F(HttpClientTest, AStaleConnectionIsNotTriedAgainWhereThatIsNotWanted) {
  RawServer raw(closes_on_second_request());
  HttpClientOptions options;
  options.connections_per_origin_max = 1;
  options.retry_stale_connection = false;
  make_client(options);
  EXPECT_TRUE(fetch(request_to(raw.port())));
  expect_error(fetch(request_to(raw.port())), ErrorCode::kUnavailable, Stage::kDuring);
}

TEST_F(HttpClientTest, AnIdleConnectionThatTheServerClosesIsNotUsed) {
  Inbox<bool> closed;
  RawServer raw([&](RawClient& connection, int) {
    connection.read_request();
    connection.send(kOk);
    connection.close();
    closed.put(true);
  });
  HttpClientOptions options;
  options.retry_stale_connection = false;
  make_client(options);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(fetch(request_to(raw.port())));
    closed.take();
    EXPECT_TRUE(advance_until([&] { return client->counters().connections == 0; }));
  }
}

TEST_F(HttpClientTest, AnIdleConnectionIsClosedAfterItsTime) {
  serve();
  make_client();
  EXPECT_TRUE(fetch(request_to(port)));
  EXPECT_EQ(client->counters().connections, 1U);
  EXPECT_TRUE(advance_until([&] { return server->counters().connections == 0; }));
  EXPECT_EQ(client->counters().connections, 0U);
  EXPECT_TRUE(fetch(request_to(port)));
}

TEST_F(HttpClientTest, TooManyWaitingRequestsAreRefusedAndTheOthersServed) {
  Inbox<Responder> held;
  serve({}, [&](HttpRequest, Responder responder) { held.put(std::move(responder)); });
  HttpClientOptions options;
  options.connections_per_origin_max = 1;
  options.waiting_per_origin_max = 3;
  make_client(options);
  start(request_to(port));
  auto first = held.take();
  for (int i = 0; i < 5; ++i) start(request_to(port));
  for (int i = 0; i < 2; ++i) expect_error(*results.take(), ErrorCode::kOverloaded, Stage::kBefore);
  std::move(*first).send(text_response(200, ""));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(*results.take());
    std::move(*held.take()).send(text_response(200, ""));
  }
  EXPECT_TRUE(*results.take());
}

TEST_F(HttpClientTest, AWaitingRequestHasItsDeadlineToo) {
  Inbox<Responder> held;
  serve({}, [&](HttpRequest, Responder responder) { held.put(std::move(responder)); });
  HttpClientOptions options;
  options.connections_per_origin_max = 1;
  make_client(options);
  ClientRequest patient = request_to(port);
  patient.deadline = seconds{1'000};
  start(std::move(patient));
  auto first = held.take();
  start(request_to(port));
  expect_error(next_result(), ErrorCode::kUnavailable, Stage::kBefore);
  std::move(*first).send(text_response(200, ""));
  EXPECT_TRUE(next_result());
}

TEST_F(HttpClientTest, ManyOriginsShareTheTotalAndIdleConnectionsMakeRoom) {
  serve();
  std::vector<std::uint16_t> ports{port};
  for (int i = 0; i < 9; ++i) ports.push_back(*server->listen("127.0.0.1", 0));
  HttpClientOptions options;
  options.connections_max = 2;
  make_client(options);
  for (int round = 0; round < 20; ++round) {
    for (const auto to : ports) start(request_to(to));
  }
  for (std::size_t i = 0; i < 20 * ports.size(); ++i) {
    const auto result = results.take();
    ASSERT_TRUE(result && *result) << i;
  }
  EXPECT_LE(client->counters().connections, 2U);
}

TEST_F(HttpClientTest, StopFailsWhatIsUnderWayAndWhatWaits) {
  Inbox<Responder> held;
  serve({}, [&](HttpRequest, Responder responder) { held.put(std::move(responder)); });
  HttpClientOptions options;
  options.connections_per_origin_max = 1;
  make_client(options);
  start(request_to(port));
  auto first = held.take();
  start(request_to(port));
  client->stop();
  int during = 0;
  for (int i = 0; i < 2; ++i) {
    const auto result = *results.take(milliseconds{0});
    EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
    during += result.error().stage == Stage::kDuring ? 1 : 0;
  }
  EXPECT_EQ(during, 1);
  expect_error(fetch(request_to(port)), ErrorCode::kUnavailable, Stage::kBefore);
  EXPECT_EQ(client->counters().connections, 0U);
  EXPECT_EQ(client->counters().in_flight, 0U);
}

TEST_F(HttpClientTest, StopAfterTheThreadsAnswersEveryCallToo) {
  Inbox<Responder> held;
  serve({}, [&](HttpRequest, Responder responder) { held.put(std::move(responder)); });
  make_client();
  start(request_to(port));
  auto first = held.take();
  threads.stop();
  client->stop();
  expect_error(*results.take(milliseconds{0}), ErrorCode::kUnavailable, Stage::kDuring);
}

}  // namespace
}  // namespace datasync::net
