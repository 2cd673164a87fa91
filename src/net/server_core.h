#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "net/http_server.h"
#include "net/io_threads.h"
#include "net/memory_budget.h"

namespace datasync::net {

/// A connection as the server's stop sees it. Private to net. Threads: its own I/O thread.
class OpenConnection {
 public:
  virtual ~OpenConnection() = default;
  /// Ends as soon as what has begun is done.
  virtual void drain() = 0;
  /// Ends now.
  virtual void cut() = 0;
};

/// What all connections of one server share: options, handler, counters and the register of what is open. Connections
/// hold it by `shared_ptr`, so a responder that outlives the server finds it whole. Private to net.
class ServerCore {
 public:
  ServerCore(IoThreads& threads_, HttpServerOptions options_)
      : threads(threads_),
        options(std::move(options_)),
        memory(std::make_shared<MemoryBudget>(options.memory_bytes_max)),
        shards_(threads_.size()) {}

  IoThreads& threads;
  const HttpServerOptions options;
  const std::shared_ptr<MemoryBudget> memory;  // shared with requests, which may outlive the server
  HttpServer::Handler handler;                 // fixed before the first listen
  std::atomic<bool> draining{false};
  std::atomic<bool> winding_down{false};  ///< each answer is its connection's last

  /// A connection has been accepted; it counts until `removed`. Returns how many there are now. Any thread.
  std::size_t count_in() noexcept {
    accepted_.fetch_add(1, std::memory_order_relaxed);
    return open_.fetch_add(1, std::memory_order_relaxed) + 1;
  }
  void count_out() noexcept {
    if (open_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    const std::lock_guard lock(mutex_);
    empty_.notify_all();
  }
  void count_refused_connection() noexcept { refused_connections_.fetch_add(1, std::memory_order_relaxed); }

  // The register: only on the connection's thread. It owns the connections.
  void add(IoThread& thread, std::shared_ptr<OpenConnection> connection) {
    auto* const key = connection.get();
    shard(thread).connections.emplace(key, std::move(connection));
  }
  /// The register lets go of it; the caller must still hold it if it goes on.
  void remove(IoThread& thread, OpenConnection& connection) { shard(thread).connections.erase(&connection); }
  /// A copy, since draining changes the register.
  [[nodiscard]] std::vector<std::shared_ptr<OpenConnection>> connections(IoThread& thread) {
    std::vector<std::shared_ptr<OpenConnection>> all;
    for (const auto& [key, connection] : shard(thread).connections) all.push_back(connection);
    return all;
  }

  // One writer each (the thread), so a plain store does; any thread may read.
  void count_request(IoThread& thread) noexcept { bump(shard(thread).requests); }
  void count_refused_request(IoThread& thread) noexcept { bump(shard(thread).refused); }

  [[nodiscard]] HttpServer::Counters counters() const noexcept {
    HttpServer::Counters sum{open_.load(std::memory_order_relaxed), accepted_.load(std::memory_order_relaxed), 0, 0,
                             refused_connections_.load(std::memory_order_relaxed)};
    for (const Shard& one : shards_) {
      sum.requests += one.requests.load(std::memory_order_relaxed);
      sum.refused_requests += one.refused.load(std::memory_order_relaxed);
    }
    return sum;
  }

  /// True once nothing is open, false at the deadline. Not on an I/O thread.
  bool wait_empty(milliseconds deadline) {
    std::unique_lock lock(mutex_);
    return empty_.wait_for(lock, deadline, [this] { return open_.load(std::memory_order_acquire) == 0; });
  }

 private:
  struct alignas(64) Shard {
    std::unordered_map<OpenConnection*, std::shared_ptr<OpenConnection>> connections;
    std::atomic<std::uint64_t> requests{0};
    std::atomic<std::uint64_t> refused{0};
  };

  static void bump(std::atomic<std::uint64_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  Shard& shard(IoThread& thread) noexcept { return shards_[thread.index()]; }

  std::vector<Shard> shards_;
  std::atomic<std::size_t> open_{0};
  std::atomic<std::uint64_t> accepted_{0};
  std::atomic<std::uint64_t> refused_connections_{0};
  std::mutex mutex_;
  std::condition_variable empty_;
};

}  // namespace datasync::net
