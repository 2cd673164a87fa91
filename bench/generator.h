#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "event_writer.h"
#include "wire/histogram.h"
#include "wire/sockets.h"

namespace datasync::bench {

/// Sends events over kept-alive connections, one request at a time on each, and measures how long each answer takes.
///
/// With a rate the loop is open: request *i* is due at *i* / rate, rounded down to a tick, whether or not the ones
/// before are answered, and its time counts from when it was due. A service that stalls pays for everyone who waited
/// (no coordinated omission). Without a rate each connection sends again as soon as it has its answer, and time counts
/// from the sending.
///
/// Threads: one; it owns everything.
class Generator {
 public:
  struct Options {
    std::string url = "http://127.0.0.1:8025";
    std::size_t connections = 16;
    double requests_per_second = 0;  ///< 0: closed loop
    std::uint64_t tick_us = 500;     ///< 1 or more; a wake-up for each request would cost more than the request
    std::uint64_t requests = 0;      ///< ends after so many; 0: only by time
    double seconds_max = 5;
    BatchForm form = BatchForm::kSingle;
    std::size_t events_per_request = 1;
    std::uint64_t first_number = 0;  ///< of the first event
    std::string run = "r0";
    std::uint64_t tenants = 10;
    Writers writers = Writers::kOne;
    RecordChooser::Options records;
  };

  struct Report {
    std::uint64_t requests = 0;  ///< answered
    std::uint64_t events = 0;    ///< in answered requests
    std::uint64_t began_us = 0;  ///< as `now_us` tells time
    double seconds = 0;          ///< from the first sending to the last answer
    std::map<int, std::uint64_t> statuses;
    std::uint64_t broken = 0;      ///< connections that broke with a request under way
    std::uint64_t unanswered = 0;  ///< still without an answer when the generator gave up
    Histogram latency_us;
    std::uint64_t late_max_us = 0;  ///< how much later than due a request was sent at worst
    double cpu_us_per_request = 0;  ///< of the generator itself
  };

  /// Errors (thrown): what `connect_to` throws.
  explicit Generator(Options options);
  [[nodiscard]] Report run();

 private:
  struct Connection {
    Fd socket;
    std::string in, out;
    std::string_view unsent;  ///< of `out`
    std::uint64_t since_us = 0;
    bool busy = false;
    bool waits_to_write = false;
  };

  void open(Connection& connection);
  void send_next(Connection& connection, std::uint64_t due_us);
  void send_due();
  void serve(const epoll_event& event);
  bool take_answer(Connection& connection);
  void lose(Connection& connection);
  void flush(Connection& connection);
  [[nodiscard]] bool may_send() const;
  [[nodiscard]] std::uint64_t due_of(std::uint64_t request) const;
  [[nodiscard]] nanoseconds until_next() const;

  Options options_;
  Address address_;
  EventWriter writer_;
  RecordChooser chooser_;
  Poller poller_;
  std::vector<Connection> connections_;
  std::vector<Connection*> idle_;
  std::vector<EventWriter::Event> events_;
  Report report_;
  std::uint64_t began_us_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t finished_ = 0;  ///< answered or broken
  std::uint64_t last_progress_us_ = 0;
};

}  // namespace datasync::bench
