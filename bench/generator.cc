#include "generator.h"

#include <algorithm>

#include "wire/http_scan.h"

namespace datasync::bench {
namespace {

/// How long the service may say nothing at all before the generator gives up.
constexpr std::uint64_t kGraceUs = 10'000'000;

}  // namespace

Generator::Generator(Options options)
    : options_(std::move(options)),
      address_(parse_address(options_.url)),
      writer_(options_.run, options_.tenants, options_.writers),
      chooser_(options_.records),
      connections_(options_.connections) {
  for (Connection& connection : connections_) {
    open(connection);
    idle_.push_back(&connection);
  }
}

Generator::Report Generator::run() {
  const microseconds cpu_before = cpu_time();
  report_.began_us = began_us_ = now_us();
  last_progress_us_ = began_us_;
  send_due();
  while ((may_send() || finished_ < sent_) && now_us() < last_progress_us_ + kGraceUs) {
    for (const epoll_event& event : poller_.wait(until_next())) serve(event);
    send_due();
  }
  report_.unanswered = sent_ - finished_;
  report_.seconds = static_cast<double>(last_progress_us_ - began_us_) / 1e6;
  report_.cpu_us_per_request = static_cast<double>((cpu_time() - cpu_before).count()) /
                               static_cast<double>(std::max<std::uint64_t>(report_.requests, 1));
  return report_;
}

bool Generator::may_send() const {
  if (options_.requests > 0 && sent_ >= options_.requests) return false;
  if (options_.requests_per_second <= 0)
    return now_us() < began_us_ + static_cast<std::uint64_t>(options_.seconds_max * 1e6);
  return due_of(sent_) < began_us_ + static_cast<std::uint64_t>(options_.seconds_max * 1e6);
}

std::uint64_t Generator::due_of(std::uint64_t request) const {
  const auto offset_us = static_cast<std::uint64_t>(static_cast<double>(request) * 1e6 / options_.requests_per_second);
  return began_us_ + offset_us / options_.tick_us * options_.tick_us;
}

/// In an open loop until the next request is due, if a connection is free to send it.
nanoseconds Generator::until_next() const {
  if (options_.requests_per_second > 0 && may_send() && !idle_.empty()) {
    const std::uint64_t due = due_of(sent_), now = now_us();
    return microseconds(due > now ? due - now : 0);
  }
  return std::chrono::seconds(1);
}

void Generator::send_due() {
  while (!idle_.empty() && may_send()) {
    const std::uint64_t now = now_us();
    std::uint64_t due = now;
    if (options_.requests_per_second > 0) {
      due = due_of(sent_);
      if (due > now) return;
      report_.late_max_us = std::max(report_.late_max_us, now - due);
    }
    Connection& connection = *idle_.back();
    idle_.pop_back();
    send_next(connection, due);
  }
}

void Generator::send_next(Connection& connection, std::uint64_t due_us) {
  events_.clear();
  for (std::size_t i = 0; i < options_.events_per_request; ++i) {
    const std::uint64_t number = options_.first_number + sent_ * options_.events_per_request + i;
    events_.push_back({.choice = chooser_.next(), .number = number, .due_us = due_us});
  }
  connection.out.clear();
  append_request(options_.form, address_.path, writer_, events_, connection.out);
  connection.unsent = connection.out;
  connection.since_us = due_us;
  connection.busy = true;
  ++sent_;
  flush(connection);
}

void Generator::flush(Connection& connection) {
  if (connection.unsent.empty()) return;
  if (!write_some(connection.socket.get(), connection.unsent)) return lose(connection);
  // Only a large batch fills the socket, so that this rarely costs a system call.
  if (connection.waits_to_write == !connection.unsent.empty()) return;
  connection.waits_to_write = !connection.unsent.empty();
  poller_.change(connection.socket.get(), connection.waits_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN, &connection);
}

void Generator::serve(const epoll_event& event) {
  Connection& connection = *static_cast<Connection*>(event.data.ptr);
  if ((event.events & EPOLLOUT) != 0) flush(connection);
  if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
  const bool open = read_all(connection.socket.get(), connection.in);
  const bool stays_open = take_answer(connection) && open;
  if (!stays_open) lose(connection);
}

/// False when the server wants the connection closed.
bool Generator::take_answer(Connection& connection) {
  const auto message = scan_http(connection.in);
  if (!message || !connection.busy) return true;
  ++report_.requests;
  report_.events += options_.events_per_request;
  ++report_.statuses[status_of(message->start_line)];
  report_.latency_us.record(now_us() - connection.since_us);
  const bool closes = message->closes;
  connection.in.erase(0, message->bytes);
  connection.busy = false;
  ++finished_;
  last_progress_us_ = now_us();
  idle_.push_back(&connection);
  return !closes;
}

/// The server may close an idle connection at any time; with a request under way it is an error.
void Generator::lose(Connection& connection) {
  const bool was_idle = std::find(idle_.begin(), idle_.end(), &connection) != idle_.end();
  if (connection.busy) {
    ++report_.broken;
    ++finished_;
  }
  open(connection);
  if (!was_idle) idle_.push_back(&connection);
}

void Generator::open(Connection& connection) {
  connection.socket = connect_to(address_);
  connection.in.clear();
  connection.unsent = {};
  connection.busy = connection.waits_to_write = false;
  poller_.add(connection.socket.get(), EPOLLIN, &connection);
}

}  // namespace datasync::bench
