#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace datasync::bench {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

/// Microseconds of CLOCK_MONOTONIC, which all processes of one machine share: a time stamped into an event by the load
/// generator can be compared by a sink.
[[nodiscard]] std::uint64_t now_us();

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// `http://127.0.0.1:8025/sync/events` in parts. The host must be an IPv4 address.
struct Address {
  std::string host;
  std::uint16_t port = 0;
  std::string path;  ///< without a trailing slash; may be empty
};
/// Errors (thrown): `std::invalid_argument`.
[[nodiscard]] Address parse_address(std::string_view url);

// All three give non-blocking sockets without Nagle's algorithm. Errors (thrown): `std::system_error`.
[[nodiscard]] Fd listen_on(std::uint16_t port);  ///< of 127.0.0.1; 0: any free port
[[nodiscard]] Fd connect_to(const Address& address);
[[nodiscard]] Fd accept_from(int listener);  ///< -1 if nobody waits
[[nodiscard]] std::uint16_t port_of(int socket);

/// Waits for many sockets with epoll, level-triggered.
class Poller {
 public:
  Poller();
  /// `data` comes back in `epoll_event::data.ptr`.
  void add(int fd, std::uint32_t events, void* data);
  void change(int fd, std::uint32_t events, void* data);
  /// Waits until something is ready or `timeout` is over; negative: for ever. The span holds until the next call.
  [[nodiscard]] std::span<const epoll_event> wait(nanoseconds timeout);

 private:
  Fd epoll_;
  std::array<epoll_event, 256> events_{};
};

/// Reads all that is there to the end of `buffer`; false when the other side has closed or broken the connection.
[[nodiscard]] bool read_all(int fd, std::string& buffer);
/// Writes as much of `bytes` as the socket takes and removes it from the front; false when the connection is broken.
[[nodiscard]] bool write_some(int fd, std::string_view& bytes);

/// CPU time of this process so far, user and system.
[[nodiscard]] microseconds cpu_time();

}  // namespace datasync::bench
