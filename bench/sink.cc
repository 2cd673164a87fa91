#include "sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <list>

#include "event_writer.h"
#include "wire/http_scan.h"

namespace datasync::bench {
namespace {

/// A number beyond this is not one of ours; it keeps a stray one from filling the memory.
constexpr std::uint64_t kNumbersMax = 100'000'000;

/// Moves `rest` behind the next `name` and reads the number there; false if there is none.
bool next_number(std::string_view& rest, std::string_view name, std::uint64_t& number) {
  const std::size_t at = rest.find(name);
  if (at == std::string_view::npos) return false;
  rest.remove_prefix(at + name.size());
  return std::from_chars(rest.data(), rest.data() + rest.size(), number).ec == std::errc{};
}

/// The target's own id of the record that a delivery speaks of: what stands before the @ of a user's address, as
/// `EventWriter` numbers users, or without an address the id that the delivery names.
std::string_view own_id_of(std::string_view delivery) {
  const std::size_t at = delivery.find("@customers.example");
  if (at != std::string_view::npos) {
    const std::string_view before = delivery.substr(0, at);
    return before.substr(before.rfind('"') + 1);
  }
  constexpr std::string_view kName = R"("user_id":")";
  for (std::size_t from = delivery.find(kName); from != std::string_view::npos; from = delivery.find(kName, from + 1)) {
    const std::string_view id = delivery.substr(from + kName.size());
    if (!id.starts_with('"')) return id.substr(0, id.find('"'));
  }
  return "unnamed";
}

void append_response(std::string_view content, std::string& to) {
  fmt::format_to(std::back_inserter(to),
                 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}", content.size(),
                 content);
}

}  // namespace

void Received::take(std::string_view body, std::uint64_t now_us) {
  ++requests_;
  last_us_ = now_us;
  std::string_view numbers = body, times = body;
  std::uint64_t number = 0, due_us = 0;
  while (next_number(numbers, R"("bench_n":)", number) && next_number(times, R"("bench_us":)", due_us)) {
    ++events_;
    if (!is_first(number - EventWriter::kNumberBase)) continue;
    ++different_;
    const std::uint64_t since_us = due_us - EventWriter::kTimeBase;
    latency_us_.record(now_us > since_us ? now_us - since_us : 0);
  }
}

bool Received::is_first(std::uint64_t number) {
  if (number >= kNumbersMax) return false;
  if (number >= seen_.size()) seen_.resize(std::max<std::size_t>(number + 1, seen_.size() * 2));
  const bool first = !seen_[number];
  seen_[number] = true;
  return first;
}

std::string Received::report() const {
  return fmt::format(R"({{"requests":{},"events":{},"different":{},"last_us":{},)"
                     R"("latency_us":{{"p50":{},"p90":{},"p99":{},"p999":{},"max":{}}}}})",
                     requests_, events_, different_, last_us_, latency_us_.quantile(0.5), latency_us_.quantile(0.9),
                     latency_us_.quantile(0.99), latency_us_.quantile(0.999), latency_us_.max());
}

void append_delivery_answer(std::string_view path, std::string_view body, std::string& to) {
  if (path.find("/bulk") == std::string_view::npos) {
    append_response(fmt::format(R"({{"success":true,"id":"{}"}})", own_id_of(body)), to);
    return;
  }
  constexpr std::string_view kItemEnd = R"("idempotency_key":)";
  std::string results;
  std::size_t from = 0;
  for (std::size_t at = body.find(kItemEnd); at != std::string_view::npos; at = body.find(kItemEnd, from)) {
    fmt::format_to(std::back_inserter(results), R"({}{{"status":200,"id":"{}"}})", results.empty() ? "" : ",",
                   own_id_of(body.substr(from, at - from)));
    from = at + kItemEnd.size();
  }
  append_response(fmt::format(R"({{"results":[{}]}})", results), to);
}

/// What the poller points to: a listener or a connection.
struct Sinks::Watched {
  Sink* sink = nullptr;
  Connection* connection = nullptr;  ///< null: the sink's listener
};

struct Sinks::Connection {
  Fd socket;
  Watched watched;
  std::string in, out;
  std::string_view unsent;
  std::list<Connection>::iterator self;
  bool waits_to_write = false;
  bool broken = false;
};

struct Sinks::Sink {
  Fd listener;
  Watched watched;
  std::list<Connection> connections;
  Received received;
};

Sinks::Sinks(const std::vector<std::uint16_t>& ports) {
  for (const std::uint16_t port : ports) {
    auto sink = std::make_unique<Sink>();
    sink->listener = listen_on(port);
    sink->watched.sink = sink.get();
    poller_.add(sink->listener.get(), EPOLLIN, &sink->watched);
    sinks_.push_back(std::move(sink));
  }
}

Sinks::~Sinks() = default;

std::uint16_t Sinks::port(std::size_t sink) const {
  return port_of(sinks_.at(sink)->listener.get());
}

void Sinks::serve(nanoseconds timeout) {
  for (const epoll_event& event : poller_.wait(timeout)) {
    Watched& watched = *static_cast<Watched*>(event.data.ptr);
    if (watched.connection == nullptr) {
      accept(*watched.sink);
      continue;
    }
    Connection& connection = *watched.connection;
    if ((event.events & EPOLLOUT) != 0) {
      flush(connection);
      answer(connection);  // what was read while the socket was full
    }
    if ((event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      const bool open = read_all(connection.socket.get(), connection.in);
      answer(connection);
      connection.broken |= !open;
    }
    if (connection.broken) watched.sink->connections.erase(connection.self);
  }
}

void Sinks::accept(Sink& sink) {
  for (Fd socket = accept_from(sink.listener.get()); socket.get() >= 0; socket = accept_from(sink.listener.get())) {
    Connection& connection = sink.connections.emplace_back();
    connection.self = std::prev(sink.connections.end());
    connection.socket = std::move(socket);
    connection.watched = {.sink = &sink, .connection = &connection};
    poller_.add(connection.socket.get(), EPOLLIN, &connection.watched);
  }
}

void Sinks::answer(Connection& connection) {
  if (!connection.unsent.empty()) return;  // answers before it reads on, so that `out` has a limit
  Received& received = connection.watched.sink->received;
  connection.out.clear();
  std::string_view rest = connection.in;
  while (const auto request = scan_http(rest)) {
    const std::string_view path = target_of(request->start_line);
    if (path == "/_bench/report") {
      append_response(received.report(), connection.out);
    } else if (path == "/_bench/clear") {
      received.clear();
      append_response("{}", connection.out);
    } else {
      received.take(request->body, now_us());
      append_delivery_answer(path, request->body, connection.out);
    }
    rest.remove_prefix(request->bytes);
  }
  connection.in.erase(0, connection.in.size() - rest.size());
  connection.unsent = connection.out;
  flush(connection);
}

void Sinks::flush(Connection& connection) {
  if (!write_some(connection.socket.get(), connection.unsent)) connection.broken = true;
  if (connection.broken || connection.waits_to_write == !connection.unsent.empty()) return;
  connection.waits_to_write = !connection.unsent.empty();
  poller_.change(connection.socket.get(), connection.waits_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN,
                 &connection.watched);
}

}  // namespace datasync::bench
