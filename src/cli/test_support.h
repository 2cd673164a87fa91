#pragma once

// What the tests of this room share; only *_test.cc include it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/command_line.h"
#include "cli/commands/commands.h"
#include "net/http_server.h"
#include "net/io_threads.h"

namespace datasync::cli::testing {

/// A service that answers what the test says, and remembers what it was asked.
class FakeService {
 public:
  struct Asked {
    std::string line;  ///< `POST /sync/events`
    std::string body;
    std::string token;
  };
  using Handler = std::function<net::HttpResponse(const net::HttpRequest&)>;
  using Upgrade = std::function<void(net::HttpRequest, net::Responder)>;

  FakeService() : server_(threads_, {}) {
    server_.set_handler([this](net::HttpRequest request, net::Responder responder) {
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back({std::string(net::to_string(request.method)) + " " + request.target, request.body,
                          std::string(request.headers.get("authorization"))});
      }
      if (upgrade && net::is_websocket_upgrade(request)) return upgrade(std::move(request), std::move(responder));
      std::move(responder).send(handler ? handler(request) : next());
    });
    port_ = server_.listen("127.0.0.1", 0).value();
    threads_.start();
  }
  ~FakeService() { server_.stop(seconds{1}); }

  /// Answers in turn; the last one again and again.
  void answer(int status, std::string body) {
    const std::lock_guard lock(mutex_);
    answers_.push_back(net::json_response(status, std::move(body)));
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Asked> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  Handler handler;  ///< instead of `answer`
  Upgrade upgrade;  ///< of WebSockets

 private:
  net::HttpResponse next() {
    const std::lock_guard lock(mutex_);
    if (answers_.empty()) return net::problem_response(404, "the test has no answer");
    auto response = answers_.front();
    if (answers_.size() > 1) answers_.pop_front();
    return response;
  }

  SystemClock clock_;
  net::IoThreads threads_{1, clock_};
  net::HttpServer server_;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::vector<Asked> asked_;
  std::deque<net::HttpResponse> answers_;
};

/// Runs command lines in this process. Time moves only when a command waits.
class CliTest : public ::testing::Test {
 protected:
  int run(std::vector<std::string> words) {
    out.str("");
    err.str("");
    Session session{{in, out, err, colour},
                    clock,
                    [this](std::string_view name) -> std::optional<std::string> {
                      const auto found = variables.find(std::string(name));
                      return found == variables.end() ? std::nullopt : std::optional(found->second);
                    },
                    [this](milliseconds time) { clock.advance(time); }};
    const auto commands = make_commands(callbacks);
    const auto parsed = parse_command_line(commands, words, callbacks);
    if (parsed.command != nullptr) return parsed.command->run(session);
    (parsed.exit_code == kExitOk ? out : err) << parsed.text;
    return parsed.exit_code;
  }
  /// The same against the fake service.
  int ask(std::vector<std::string> words) {
    variables["DATA_SYNC_URL"] = service.url();
    return run(std::move(words));
  }

  FakeService service;
  Callbacks callbacks;
  std::istringstream in;
  std::ostringstream out, err;
  bool colour = false;
  ManualClock clock;
  std::map<std::string, std::string> variables;
};

}  // namespace datasync::cli::testing
