#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/histogram.h"
#include "wire/sockets.h"

namespace datasync::bench {

/// What one target got so far.
class Received {
 public:
  /// Counts the events in one request's body by their `bench_n`, and how long they were under way by their `bench_us`.
  void take(std::string_view body, std::uint64_t now_us);
  void clear() { *this = Received(); }
  /// One line of JSON.
  [[nodiscard]] std::string report() const;

  [[nodiscard]] std::uint64_t different() const { return different_; }

 private:
  bool is_first(std::uint64_t number);

  std::uint64_t requests_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t different_ = 0;  ///< events that came at least once
  std::uint64_t last_us_ = 0;
  std::vector<bool> seen_;
  Histogram latency_us_;
};

/// The answer to a delivery: 200 with the record's id, or one entry for each item of a bulk request. The id is the one
/// that the delivery named (`user_id`), so that the service learns nothing new from an update.
void append_delivery_answer(std::string_view path, std::string_view body, std::string& to);

/// Several targets that accept everything, each on its own port and in one thread. `GET /_bench/report` tells what a
/// target got, `POST /_bench/clear` forgets it.
class Sinks {
 public:
  /// Errors (thrown): what `listen_on` throws.
  explicit Sinks(const std::vector<std::uint16_t>& ports);
  ~Sinks();
  [[nodiscard]] std::uint16_t port(std::size_t sink) const;
  /// Serves what is ready within the time; negative: waits for something. Forever is a loop around it.
  void serve(nanoseconds timeout);

 private:
  struct Sink;
  struct Connection;
  struct Watched;
  void accept(Sink& sink);
  void answer(Connection& connection);
  void flush(Connection& connection);

  Poller poller_;
  std::vector<std::unique_ptr<Sink>> sinks_;
};

}  // namespace datasync::bench
