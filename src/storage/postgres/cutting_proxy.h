#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace datasync::storage::postgres::test {

/// Stands between a store and its server on 127.0.0.1, and cuts the connection at a COMMIT when it is told to.
class CuttingProxy {
 public:
  enum class Cut : std::uint8_t {
    kNever,
    kBefore,     ///< the server never sees the COMMIT, nor what came with it
    kMeanwhile,  ///< the server has it, and what it makes of it nobody knows
    kAfter,      ///< the server has answered, and its answer is lost
  };

  explicit CuttingProxy(std::uint16_t server_port) : server_port_(server_port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    wake_ = ::eventfd(0, EFD_CLOEXEC);
    thread_ = std::thread([this] { run(); });
  }
  ~CuttingProxy() {
    stopping_ = true;
    const std::uint64_t one = 1;
    if (::write(wake_, &one, sizeof one) != sizeof one) std::abort();
    thread_.join();
    ::close(listener_);
    ::close(wake_);
  }
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  /// The next COMMIT of any connection is cut, once.
  void cut_next(Cut cut) { cut_ = cut; }
  /// New connections are closed at once.
  void refuse(bool refuses) { refuses_ = refuses; }
  [[nodiscard]] int cuts() const noexcept { return cuts_; }

 private:
  struct Pair {
    int client;
    int server;
  };

  static sockaddr_in local(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void run() {
    std::vector<Pair> pairs;
    while (!stopping_) {
      std::vector<pollfd> waits{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
      for (const Pair& pair : pairs) {
        waits.push_back({pair.client, POLLIN, 0});
        waits.push_back({pair.server, POLLIN, 0});
      }
      ::poll(waits.data(), waits.size(), -1);
      std::vector<Pair> kept;
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        const bool client_goes_on = waits[2 + 2 * i].revents == 0 || from_client(pairs[i]);
        const bool server_goes_on =
            client_goes_on && (waits[3 + 2 * i].revents == 0 || forward(pairs[i].server, pairs[i].client));
        if (server_goes_on) {
          kept.push_back(pairs[i]);
        } else {
          close_pair(pairs[i]);
        }
      }
      pairs = std::move(kept);
      if (waits[1].revents != 0) accept_one(pairs);
    }
    for (const Pair& pair : pairs) close_pair(pair);
  }

  void accept_one(std::vector<Pair>& pairs) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = local(server_port_);
    if (refuses_ || ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      return close_pair({client, server});
    }
    pairs.push_back({client, server});
  }

  /// False: the connection is to end.
  bool from_client(const Pair& pair) {
    std::array<char, 65536> buffer{};
    const ssize_t size = ::recv(pair.client, buffer.data(), buffer.size(), 0);
    if (size <= 0) return false;
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
    Cut cut = Cut::kNever;
    if (bytes.find("commit") != std::string_view::npos) cut = cut_.exchange(Cut::kNever);
    if (cut == Cut::kNever) return send_all(pair.server, bytes);
    ++cuts_;
    if (cut == Cut::kBefore) return false;
    send_all(pair.server, bytes);
    if (cut == Cut::kAfter) read_until_ready(pair.server);
    return false;
  }

  static bool forward(int from, int to) {
    std::array<char, 65536> buffer{};
    const ssize_t size = ::recv(from, buffer.data(), buffer.size(), 0);
    return size > 0 && send_all(to, {buffer.data(), static_cast<std::size_t>(size)});
  }

  static bool send_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// ReadyForQuery outside of a transaction is the end of a pipeline.
  static void read_until_ready(int server) {
    constexpr std::string_view kReady("Z\0\0\0\5I", 6);
    std::string seen;
    std::array<char, 65536> buffer{};
    while (seen.find(kReady) == std::string::npos) {
      const ssize_t size = ::recv(server, buffer.data(), buffer.size(), 0);
      if (size <= 0) return;
      seen.append(buffer.data(), static_cast<std::size_t>(size));
    }
  }

  static void close_pair(const Pair& pair) {
    ::close(pair.client);
    ::close(pair.server);
  }

  std::uint16_t server_port_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1;
  std::atomic<Cut> cut_ = Cut::kNever;
  std::atomic<bool> refuses_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> cuts_ = 0;
  std::thread thread_;
};

}  // namespace datasync::storage::postgres::test
