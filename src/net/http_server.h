#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/time.h"
#include "net/http_message.h"
#include "net/websocket.h"

namespace datasync::net {

class IoThreads;

/// What a `Responder` speaks to: the connection, wherever it lives. Private to net.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual void respond(HttpResponse response) = 0;
  virtual void abandon() noexcept = 0;
  virtual std::shared_ptr<WebSocketPeer> upgrade(const HttpRequest& request, WebSocketOptions options,
                                                 WebSocketCallbacks callbacks) = 0;
};

/// The right and the duty to answer one request, once. Dropped unanswered, it answers 500 and logs an error.
///
/// Threads: may be moved to and used on any thread. On the connection's own I/O thread the answer is written at once,
/// from elsewhere it goes through that thread's mailbox. A client that left meanwhile is no error: the answer is
/// dropped.
class Responder {
 public:
  Responder() noexcept = default;
  /// `held` is what the request's body takes of the server's memory: it counts until the request is answered.
  explicit Responder(std::shared_ptr<ResponseSink> sink, std::shared_ptr<const void> held = nullptr) noexcept
      : sink_(std::move(sink)), held_(std::move(held)) {}
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&& other) noexcept {
    if (this != &other) {
      drop();
      sink_ = std::move(other.sink_);
      held_ = std::move(other.held_);
    }
    return *this;
  }
  ~Responder() { drop(); }

  void send(HttpResponse response) && {
    held_.reset();
    std::exchange(sink_, nullptr)->respond(std::move(response));
  }

  /// Turns the connection into a WebSocket; `request` is the one that came with this responder. The peer is usable at
  /// once. Errors: `kInvalid` where `is_websocket_upgrade` is false, and the client is answered 426.
  [[nodiscard]] Result<std::shared_ptr<WebSocketPeer>> upgrade(const HttpRequest& request, WebSocketOptions options,
                                                               WebSocketCallbacks callbacks) &&;

  [[nodiscard]] explicit operator bool() const noexcept { return sink_ != nullptr; }

 private:
  void drop() noexcept {
    if (sink_) std::exchange(sink_, nullptr)->abandon();
  }
  std::shared_ptr<ResponseSink> sink_;
  std::shared_ptr<const void> held_;
};

struct HttpServerOptions {
  /// The largest body that a path may get, in bytes. Runs on I/O threads, for each request, before its headers are
  /// read.
  std::function<std::size_t(std::string_view path)> body_bytes_max = {};  ///< none: 1 MiB everywhere
  std::uint32_t header_bytes_max = 16 * 1024;                             ///< request line and headers; more is 431
  milliseconds header_timeout{10'000};  ///< from a request's first byte to the end of its headers, else 408
  milliseconds body_timeout{10'000};    ///< for every further 64 KiB of a body, else 408
  milliseconds idle_timeout{75'000};    ///< between requests; longer than the 60 s of usual proxies' pools
  milliseconds write_timeout{30'000};   ///< for a client to take an answer
  std::size_t discard_bytes_max = 16 * 1024 * 1024;  ///< how much of a refused body is read and dropped
  milliseconds discard_timeout{5'000};               ///< and for how long
  /// Bodies of requests, until they are answered, and answers that their clients don't take, of all connections
  /// together. A body that does not fit is answered 503, a client that does not take its answer is closed.
  std::size_t memory_bytes_max = 256 * 1024 * 1024;
  std::size_t connections_max = 20'000;  ///< WebSockets included; one more gets 503 and is closed
  int backlog = 4096;                    ///< the kernel caps it at net.core.somaxconn
};

/// An HTTP/1.1 and 1.0 server: keep-alive, pipelining (answers in order), chunked bodies, Expect, HEAD, WebSocket
/// upgrades. What breaks the protocol or a limit is answered here as problem+json and never reaches the handler.
///
/// Lifetime: `threads` outlives it. Responders and peers may outlive it; they lead nowhere then.
/// Threads: set_handler, listen and stop belong to one owner thread outside the I/O threads.
class HttpServer {
 public:
  /// Runs on the connection's I/O thread, so it must not block; one that throws makes its request a 500.
  using Handler = std::function<void(HttpRequest, Responder)>;
  using Options = HttpServerOptions;

  HttpServer(IoThreads& threads, Options options);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  ///< stops without waiting for requests

  /// Before the first `listen`.
  void set_handler(Handler handler);

  /// Binds and accepts; may be called several times. Port 0 takes a free one. Returns the port.
  /// Errors: `kInvalid` for what is no IP address, `kUnavailable` when it can't be bound.
  [[nodiscard]] Result<std::uint16_t> listen(std::string_view address, std::uint16_t port);

  /// From now on each answer says `Connection: close`, so that clients which keep connections leave before `stop`
  /// closes those that are idle: one of them might be sending at that moment. New connections are still taken.
  void wind_down();

  /// Accepts no more, closes idle connections, lets requests that have begun finish (their answers say `Connection:
  /// close`) and WebSockets say goodbye (1001), and cuts what is left at the deadline. True when nothing had to be cut.
  bool stop(milliseconds deadline);

  struct Counters {
    std::size_t connections;         ///< open now, WebSockets included
    std::uint64_t accepted;          ///< connections since the start
    std::uint64_t requests;          ///< handed to the handler since the start
    std::uint64_t refused_requests;  ///< answered here: malformed, too large, too slow
    std::uint64_t refused_connections;
  };
  [[nodiscard]] Counters counters() const noexcept;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace datasync::net
