#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "net/http_message.h"
#include "net/unique_function.h"
#include "net/url.h"

namespace datasync::net {

class IoThreads;

struct ClientRequest {
  OriginPtr origin;
  Method method = Method::kPost;  ///< not `kOther`
  std::string target = "/";       ///< escaped path and query, without spaces or control characters
  std::string header_block = {};  ///< prebuilt `Name: value\r\n` lines (see `append_header`); no Host, Content-Length,
                                  ///< Connection or Transfer-Encoding: these are ours
  std::string body = {};
  milliseconds deadline{30'000};  ///< for the whole attempt, waiting for a connection included
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

/// How a request ended: any status that came back whole is a value. An error tells by its stage what is known.
///
/// Nothing was sent (`Stage::kBefore`):
/// - `kInvalid`: the request is malformed;
/// - `kOverloaded`: too many requests wait for this origin;
/// - `kForbidden`: `allow_address` refused every address of the host;
/// - `kUnavailable`: no such host, refused, TLS not agreed, no connection in time, or the client is stopped.
///
/// Something was sent and the outcome is unknown (`Stage::kDuring`):
/// - `kTimeout`: no whole answer by the deadline;
/// - `kUnavailable`: the connection was cut, or the client is stopped;
/// - `kTooLarge`: the answer is over a limit; `detail` has its status;
/// - `kCorrupt`: the answer is no HTTP.
using ClientResult = Result<ClientResponse>;
using ClientCallback = UniqueFunction<void(ClientResult)>;

struct ClientCall {
  ClientRequest request;
  ClientCallback callback;
};

/// Sends requests. The seam where a test or a simulation stands in for the network.
class HttpSender {
 public:
  virtual ~HttpSender() = default;
  /// Every callback runs exactly once, and never inside this call. Any thread may call it.
  virtual void send_all(std::vector<ClientCall> calls) = 0;
  virtual void send(ClientRequest request, ClientCallback callback) {
    std::vector<ClientCall> one;
    one.push_back({std::move(request), std::move(callback)});
    send_all(std::move(one));
  }
};

struct HttpClientOptions {
  std::size_t connections_per_origin_max = 100;  ///< all threads together
  std::size_t connections_max = 1000;            ///< over all origins; idle ones of others make room
  std::size_t waiting_per_origin_max = 10'000;   ///< requests waiting for a connection, all threads together
  milliseconds connect_timeout{5'000};           ///< name lookup, TCP and TLS together
  milliseconds idle_timeout{60'000};             ///< an unused connection is closed
  milliseconds dns_cache_time{30'000};
  std::uint32_t response_header_bytes_max = 64 * 1024;
  std::size_t response_body_bytes_max = 1024 * 1024;
  /// A kept connection that turns out closed before the first byte of an answer: send once more on a new one. The
  /// target may have acted on the first, so this is right only where requests carry idempotency keys.
  bool retry_stale_connection = true;
  bool tls_verify = true;   ///< the chain and the host's name; false only for experiments
  std::string tls_ca_file;  ///< PEM, trusted besides the system's own; empty for none
  /// Asked with the text of each IP address before a connection to it; false refuses. Runs on I/O threads.
  std::function<bool(std::string_view address)> allow_address;
};

/// A pool of kept-alive HTTP/1.1 connections per origin. Redirects are not followed and compression is not asked for.
///
/// A call from an I/O thread stays on that thread; others are spread over the threads in slices of a batch. Callbacks
/// run on I/O threads and must not block.
///
/// Lifetime: `threads` outlives it.
/// Threads: `send` and `send_all` from any; `stop` and the destructor from one owner outside the I/O threads.
class HttpClient final : public HttpSender {
 public:
  using Options = HttpClientOptions;

  /// Errors (thrown, as at every start-up): `std::runtime_error` when `tls_ca_file` can't be read.
  HttpClient(IoThreads& threads, Options options);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() override;

  void send_all(std::vector<ClientCall> calls) override;
  void send(ClientRequest request, ClientCallback callback) override;

  /// Fails what waits (kBefore) and what is under way (kDuring) with kUnavailable, and closes every connection. When it
  /// returns, every callback has run.
  void stop();

  struct Counters {
    std::size_t connections;  ///< open or opening now
    std::size_t in_flight;    ///< requests accepted and not yet called back
    std::uint64_t sent;       ///< requests since the start
    std::uint64_t connects;   ///< connections tried since the start
    std::uint64_t stale_retries;
  };
  [[nodiscard]] Counters counters() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace datasync::net
