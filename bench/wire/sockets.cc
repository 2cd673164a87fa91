#include "wire/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <stdexcept>
#include <system_error>

namespace datasync::bench {
namespace {

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void set_no_delay(int fd) {
  const int on = 1;
  checked(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

sockaddr_in socket_address(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
    throw std::invalid_argument("no IPv4 address: " + host);
  return address;
}

}  // namespace

std::uint64_t now_us() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_nsec) / 1'000;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Address parse_address(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) throw std::invalid_argument("not http: " + std::string(url));
  url.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  const std::string_view authority = url.substr(0, slash);
  const std::size_t colon = authority.find(':');

  Address address{.host = std::string(authority.substr(0, colon)), .port = 80, .path = std::string(url.substr(slash))};
  while (address.path.ends_with('/')) address.path.pop_back();
  if (colon != std::string_view::npos) {
    const std::string_view port = authority.substr(colon + 1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
    if (error != std::errc{} || end != port.data() + port.size())
      throw std::invalid_argument("no port: " + std::string(port));
  }
  return address;
}

Fd listen_on(std::uint16_t port) {
  Fd fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
  const int on = 1;
  checked(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
  const sockaddr_in address = socket_address("127.0.0.1", port);
  checked(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  checked(::listen(fd.get(), SOMAXCONN), "listen");
  return fd;
}

Fd connect_to(const Address& to) {
  Fd fd(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"));
  const sockaddr_in address = socket_address(to.host, to.port);
  checked(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  set_no_delay(fd.get());
  // Only now: a connect on loopback is over at once, and needs no state machine if it may block.
  checked(::fcntl(fd.get(), F_SETFL, O_NONBLOCK), "O_NONBLOCK");
  return fd;
}

Fd accept_from(int listener) {
  Fd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd.get() >= 0) set_no_delay(fd.get());
  return fd;
}

std::uint16_t port_of(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  checked(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

Poller::Poller() : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll")) {}

void Poller::add(int fd, std::uint32_t events, void* data) {
  epoll_event event{.events = events, .data = {.ptr = data}};
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll add");
}

void Poller::change(int fd, std::uint32_t events, void* data) {
  epoll_event event{.events = events, .data = {.ptr = data}};
  checked(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event), "epoll change");
}

std::span<const epoll_event> Poller::wait(nanoseconds timeout) {
  const timespec limit{.tv_sec = static_cast<time_t>(timeout.count() / 1'000'000'000),
                       .tv_nsec = static_cast<long>(timeout.count() % 1'000'000'000)};
  const int ready = ::epoll_pwait2(epoll_.get(), events_.data(), static_cast<int>(events_.size()),
                                   timeout.count() < 0 ? nullptr : &limit, nullptr);
  if (ready < 0 && errno == EINTR) return {};
  return {events_.data(), static_cast<std::size_t>(checked(ready, "epoll wait"))};
}

bool read_all(int fd, std::string& buffer) {
  // Appending from a buffer of its own costs less than growing `buffer` first, which would fill it with zeros.
  static thread_local std::array<char, 64 * 1024> chunk;
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got > 0) buffer.append(chunk.data(), static_cast<std::size_t>(got));
    if (got == static_cast<ssize_t>(chunk.size())) continue;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }
}

bool write_some(int fd, std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

microseconds cpu_time() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) { return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_usec); };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

}  // namespace datasync::bench
