#pragma once

// What the tests of this room share; only *_test.cc include it.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/time.h"
#include "net/headers.h"
#include "net/http_server.h"
#include "net/io_threads.h"

namespace datasync::net::testing {

inline constexpr milliseconds kPatience{20'000};  // for what must happen; only a failing test waits so long

/// Moves only when told to, and is safe to move while I/O threads read it.
class TestClock final : public Clock {
 public:
  Timestamp now() const override { return Timestamp{microseconds{micros_.load()}}; }
  SteadyTime steady_now() const override { return SteadyTime{microseconds{micros_.load()}}; }
  void advance(milliseconds by) { micros_ += std::chrono::duration_cast<microseconds>(by).count(); }

 private:
  std::atomic<std::int64_t> micros_{1'750'000'000'000'000};
};

/// Hands values from I/O threads to the test.
template <typename T>
class Inbox {
 public:
  void put(T value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  /// The next value; none after `patience`.
  std::optional<T> take(milliseconds patience = kPatience) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [this] { return !values_.empty(); })) return std::nullopt;
    T value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

struct RawResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

/// A client that sends exactly the bytes it is told to.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, TestClock* clock = nullptr) : clock_(clock) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  RawClient(RawClient&& other) noexcept
      : clock_(other.clock_),
        stopping_(other.stopping_),
        fd_(std::exchange(other.fd_, -1)),
        connected_(other.connected_) {}
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  ~RawClient() { close(); }

  static RawClient adopt(int fd, const std::atomic<bool>& stopping) { return RawClient(fd, &stopping); }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void finish_sending() { ::shutdown(fd_, SHUT_WR); }

  /// False when the peer has closed.
  bool send(std::string_view text) {
    while (!text.empty()) {
      const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Reads until the peer closes; none when it does not.
  std::optional<std::string> read_to_end() {
    while (fill()) {
    }
    if (!ended_) return std::nullopt;
    return std::exchange(buffer_, {});
  }

  /// The next answer that has a Content-Length, or none (of a HEAD: no body).
  std::optional<RawResponse> read_response(bool of_head = false) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill()) return std::nullopt;
    }
    RawResponse response = parse_head(buffer_.substr(0, end));
    buffer_.erase(0, end + 4);
    const bool bodiless = of_head || response.status == 204 || response.status == 304 || response.status / 100 == 1;
    const std::size_t length = bodiless ? 0 : std::stoul("0" + response.headers["content-length"]);
    while (buffer_.size() < length) {
      if (!fill()) return std::nullopt;
    }
    response.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return response;
  }

  /// Head and body of the next request, or the empty text when the peer closes.
  std::string read_request() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill()) return "";
    }
    const auto length_at = buffer_.find("Content-Length: ");
    const auto length = length_at < end ? std::stoul(buffer_.substr(length_at + 16)) : 0;
    while (buffer_.size() < end + 4 + length) {
      if (!fill()) return "";
    }
    std::string request = buffer_.substr(0, end + 4 + length);
    buffer_.erase(0, end + 4 + length);
    return request;
  }

  /// Bytes that were sent and that the peer, which listens on `port` of this machine, has not taken from its kernel.
  [[nodiscard]] std::size_t unread_by_peer(std::uint16_t port) const {
    sockaddr_in own{};
    socklen_t size = sizeof own;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&own), &size);
    int unsent = 0;
    ::ioctl(fd_, SIOCOUTQ, &unsent);
    std::size_t bytes = static_cast<std::size_t>(unsent);
    std::ifstream table("/proc/self/net/tcp");
    std::string line;
    while (std::getline(table, line)) {
      unsigned local = 0;
      unsigned remote = 0;
      unsigned received = 0;
      if (std::sscanf(line.c_str(), " %*d: %*8x:%4x %*8x:%4x %*x %*x:%x", &local, &remote, &received) != 3) continue;
      if (local == port && remote == ntohs(own.sin_port)) bytes += received;
    }
    return bytes;
  }

  /// Whether the peer closes without a further byte.
  bool closed_by_peer() { return read_to_end() == ""; }
  std::string& buffered() { return buffer_; }

  /// Reads once. With a clock, time runs a hundredfold while we wait, so that deadlines come without sleeping.
  bool fill() {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < end) {
      pollfd ready{fd_, POLLIN, 0};
      if (stopping_ && *stopping_) return false;
      if (::poll(&ready, 1, clock_ || stopping_ ? 10 : 1000) <= 0) {
        if (clock_) clock_->advance(milliseconds{1'000});
        continue;
      }
      char bytes[65536];
      const auto got = ::recv(fd_, bytes, sizeof bytes, 0);
      if (got <= 0) {
        ended_ = got == 0;
        reset_ = got < 0;
        return false;
      }
      buffer_.append(bytes, static_cast<std::size_t>(got));
      return true;
    }
    return false;
  }
  [[nodiscard]] bool was_reset() const { return reset_; }

 private:
  RawClient(int fd, const std::atomic<bool>* stopping) : stopping_(stopping), fd_(fd), connected_(true) {}

  static RawResponse parse_head(const std::string& head) {
    RawResponse response;
    if (head.size() > 12) response.status = std::atoi(head.c_str() + 9);
    std::size_t at = head.find("\r\n");
    while (at != std::string::npos) {
      const auto next = head.find("\r\n", at + 2);
      const auto line = head.substr(at + 2, next == std::string::npos ? next : next - at - 2);
      const auto colon = line.find(": ");
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      if (colon != std::string::npos) response.headers[name] = line.substr(colon + 2);
      at = next;
    }
    return response;
  }

  TestClock* clock_ = nullptr;
  const std::atomic<bool>* stopping_ = nullptr;
  int fd_ = -1;
  bool connected_ = false;
  bool ended_ = false;
  bool reset_ = false;
  std::string buffer_;
};

inline std::string get(std::string_view target, std::string_view extra = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n" + std::string(extra) + "\r\n";
}
inline std::string post(std::string_view target, std::string_view body, std::string_view extra = "") {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: test\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(extra) + "\r\n" + std::string(body);
}

/// A server that answers exactly the bytes it is told to: `script` runs once for each connection, on a thread of its
/// own.
class RawServer {
 public:
  using Script = std::function<void(RawClient& connection, int number)>;

  explicit RawServer(Script script) : script_(std::move(script)) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    ::listen(fd_, 64);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~RawServer() {
    ::shutdown(fd_, SHUT_RDWR);
    acceptor_.join();
    ::close(fd_);
    stopping_ = true;
    for (std::thread& thread : connections_) thread.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  void accept() {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      connections_.emplace_back([this, fd, number = accepted_++] {
        RawClient connection = RawClient::adopt(fd, stopping_);
        script_(connection, number);
      });
    }
  }

  Script script_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::atomic<bool> stopping_{false};  // ends the scripts' reads
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

/// Two I/O threads and a server on port 0 that answers with what it got: `<method> <target> <body>`.
class ServerFixture : public ::testing::Test {
 protected:
  /// Here and not in the destructor: callbacks may reach members of the derived fixture until the threads are gone.
  void TearDown() override {
    server.reset();
    threads.stop();
  }

  static HttpResponse echo(const HttpRequest& request) {
    return text_response(200, std::string(to_string(request.method)) + " " + request.target + " " + request.body);
  }

  void serve(HttpServerOptions options = {}, HttpServer::Handler handler = nullptr) {
    server.emplace(threads, std::move(options));
    server->set_handler(handler ? std::move(handler) : [](HttpRequest request, Responder responder) {
      std::move(responder).send(echo(request));
    });
    const auto bound = server->listen("127.0.0.1", 0);
    ASSERT_TRUE(bound) << bound.error().message;
    port = *bound;
    threads.start();
  }

  RawClient connect() { return RawClient(port, &clock); }

  /// Moves time, and waits until every thread's wheel has seen it.
  void pass(milliseconds time) {
    clock.advance(time);
    for (std::size_t i = 0; i < threads.size(); ++i) {
      Inbox<bool> ticked;
      threads.at(i).after(milliseconds{1}, [&] { ticked.put(true); });
      threads.run_on_each([](IoThread&) {});
      clock.advance(milliseconds{300});
      ticked.take();
    }
  }

  /// Waits until the server has read all that `client` sent: nothing of it is left in the kernel's queues, and every
  /// thread has gone once round since. Time stands still meanwhile.
  bool read_by_server(const RawClient& client) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (client.unread_by_peer(port) > 0) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    threads.run_on_each([](IoThread&) {});
    return true;
  }

  /// Lets time run until `condition` holds; false after a long time.
  bool advance_until(const std::function<bool()>& condition) {
    for (int i = 0; i < 200; ++i) {
      if (condition()) return true;
      pass(seconds{2});
    }
    return false;
  }

  TestClock clock;
  IoThreads threads{2, clock};
  std::optional<HttpServer> server;
  std::uint16_t port = 0;
};

}  // namespace datasync::net::testing
