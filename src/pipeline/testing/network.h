#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "net/http_client.h"
#include "pipeline/testing/platform.h"
#include "pipeline/testing/test_clock.h"

namespace datasync::pipeline {

/// How often what goes wrong, each of 0..1.
struct Weather {
  double refused_connection = 0;
  double server_error = 0;     ///< 500, 503 or 429, seen
  double lost_before = 0;      ///< timed out, never arrived
  double lost_after = 0;       ///< carried out, the answer lost
  double late = 0;             ///< timed out, and carried out long after
  double slow = 0;             ///< carried out and answered just in time
  milliseconds delay_max{50};  ///< of each way
  double garbled = 0;          ///< answered with what can't be read, and carried out or not; drawn apart
};

/// The network between the engine and its platforms: an `HttpSender` in which requests and answers take their time, by
/// seed.
class TestNetwork final : public net::HttpSender {
 public:
  /// What is garbled has dice of its own, so that all else goes on as it would without.
  TestNetwork(const TestClock& clock, Random& random, std::uint64_t seed);

  void add(TestPlatform& platform, const std::string& host) { hosts_[host] = &platform; }
  void send_all(std::vector<net::ClientCall> calls) override;

  Weather weather;
  /// Decides the next requests by hand, before the weather does: the first words count (`lost_after`, `late`, `slow`,
  /// `500`, …; `garbled`: carried out, and answered with what is no JSON; `409 as a whole` is the answer to a batch and
  /// not to its items).
  std::vector<std::string> script;

  std::size_t garbled = 0;  ///< answers, by the weather

  /// Hears each request as it leaves the engine.
  std::function<void(const std::string& host, const net::ClientRequest& request)> on_send;

  /// Runs everything that is due.
  void run();
  [[nodiscard]] std::optional<Timestamp> next() const;
  /// The engine is gone: nobody hears the answers any more, but what is under way may still arrive.
  void forget_callers();

 private:
  struct Call {
    net::ClientRequest request;
    net::ClientCallback callback;
    std::optional<net::ClientResponse> response;
    bool heard = true;  ///< its caller still lives
  };
  enum class Fate {
    kGood,
    kGarbled,      ///< carried out, answered with what is no JSON
    kNoId,         ///< carried out, answered without an id
    kBadGateway,   ///< carried out, answered with 502 and what is no JSON
    kOnlyGarbage,  ///< answered with what is no JSON, and nothing else
    kOnlyGateway,  ///< answered with 502 and what is no JSON, and nothing else
    kRefusedConnection,
    kServerError,
    kLostBefore,
    kLostAfter,
    kLate,
    kSlow,
  };
  [[nodiscard]] Fate fate_of(const TestPlatform& platform, const net::ClientRequest& request, int& status);
  [[nodiscard]] Fate garbled_fate_of(const TestPlatform& platform, const net::ClientRequest& request);
  [[nodiscard]] microseconds some_delay();
  void at(Timestamp time, std::function<void()> action) { actions_.emplace(time, std::move(action)); }
  static void answer(Call& call, net::ClientResult result);
  static void garble(net::ClientResponse& response, Fate fate);

  const TestClock& clock_;
  Random& random_;
  std::unique_ptr<Random> garbling_;
  std::map<std::string, TestPlatform*> hosts_;
  std::multimap<Timestamp, std::function<void()>> actions_;
  std::vector<std::weak_ptr<Call>> calls_;
  bool whole_ = false;  ///< of the last `fate_of`
};

}  // namespace datasync::pipeline
