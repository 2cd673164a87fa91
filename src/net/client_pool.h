#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "net/client_resolver.h"
#include "net/http_client.h"
#include "net/io_threads.h"
#include "net/timer_wheel.h"

namespace datasync::net {

class ClientConnection;
class ClientPool;

/// One request from `send` to its callback. Private to net. The timer serves while it waits for a connection.
struct PendingCall final : WheelTimer {
  explicit PendingCall(ClientCall call_) : call(std::move(call_)) {}
  void on_timer() override;

  ClientCall call;
  std::int64_t due_tick = 0;                                // the deadline; 0: has not reached its thread yet
  bool retried = false;                                     // sent once already, on a connection that proved stale
  ClientPool* pool = nullptr;                               // while it waits
  std::list<std::unique_ptr<PendingCall>>::iterator place;  // while it waits
};
using PendingCallPtr = std::unique_ptr<PendingCall>;

/// One thread's share of a client: its connections, by origin, and the requests that wait for one. Private to net.
/// Threads: its I/O thread, except `counters`.
class ClientPool {
 public:
  struct Limits {
    std::size_t connections;             ///< of this thread
    std::size_t connections_per_origin;  ///< of this thread
    std::size_t waiting_per_origin;      ///< of this thread
  };
  /// `options` and `tls` are the client's; they outlive the pool.
  ClientPool(IoThread& thread, const HttpClientOptions& options, boost::asio::ssl::context& tls, Limits limits)
      : thread_(thread),
        options_(options),
        tls_(tls),
        limits_(limits),
        resolver_(std::make_shared<ClientResolver>(thread, options.dns_cache_time)) {}
  ~ClientPool();

  void submit(PendingCallPtr call);
  /// Fails what waits and what is under way, and every later `submit`.
  void stop();

  // For connections.
  IoThread& thread() noexcept { return thread_; }
  const HttpClientOptions& options() const noexcept { return options_; }
  boost::asio::ssl::context& tls() noexcept { return tls_; }
  ClientResolver& resolver() noexcept { return *resolver_; }
  /// It can take a request: gives it the one that waits longest, or keeps it.
  void on_free(ClientConnection& connection, bool newly_connected);
  /// It is closed and must not be used again. Its own request, if any, is the caller's to finish.
  void on_closed(ClientConnection& connection, bool was_connecting);
  /// It never came to be: `reserved` fails with it, or else who waits longest.
  void on_connect_failed(const OriginPtr& origin, PendingCallPtr reserved, Error error);
  /// Sends again on a new connection.
  void retry(PendingCallPtr call);
  /// Ends a call with an error, never inside `submit`.
  void fail_call(PendingCallPtr call, Error error);
  void count_completed() noexcept { bump(completed_); }

  void on_waited_too_long(PendingCall& call);

  void add_to(HttpClient::Counters& sum) const noexcept;
  [[nodiscard]] std::uint64_t completed() const noexcept { return completed_.load(std::memory_order_relaxed); }

 private:
  struct OriginPool {
    OriginPtr origin;
    std::vector<ClientConnection*> idle;  // the last used last: the others may grow old and close
    std::list<PendingCallPtr> waiting;
    std::size_t open = 0;        // connecting ones included
    std::size_t connecting = 0;  // without the reserved ones
  };

  /// Hashes and compares what the pointers point to.
  struct SameOrigin {
    std::size_t operator()(const OriginPtr& origin) const noexcept {
      return hash64(origin->host, std::uint64_t{origin->port} * 2 + (origin->scheme == Scheme::kHttps ? 1 : 0));
    }
    bool operator()(const OriginPtr& a, const OriginPtr& b) const noexcept { return a == b || *a == *b; }
  };

  static void bump(std::atomic<std::uint64_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  PendingCallPtr take_waiting(OriginPool& pool);
  void forget_if_unused(const OriginPtr& origin);
  void grow(OriginPool& pool, std::size_t most = SIZE_MAX);
  bool make_room();
  void relieve_starved();
  void open_connection(OriginPool& pool, PendingCallPtr reserved);

  IoThread& thread_;
  const HttpClientOptions& options_;
  boost::asio::ssl::context& tls_;
  const Limits limits_;
  const std::shared_ptr<ClientResolver> resolver_;
  std::unordered_map<OriginPtr, OriginPool, SameOrigin, SameOrigin> pools_;
  std::unordered_map<ClientConnection*, std::shared_ptr<ClientConnection>> connections_;
  bool starved_ = false;  // a pool wanted a connection and the total did not allow it
  bool stopped_ = false;

  // One writer each, any reader.
  std::atomic<std::uint64_t> completed_{0};
  std::atomic<std::uint64_t> connects_{0};
  std::atomic<std::uint64_t> stale_retries_{0};
  std::atomic<std::size_t> open_{0};
};

}  // namespace datasync::net
