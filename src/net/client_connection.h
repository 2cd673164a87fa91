#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "net/asio_types.h"
#include "net/client_pool.h"
#include "net/http_parser.h"
#include "net/read_buffer.h"
#include "net/timer_wheel.h"

namespace datasync::net {

/// One connection of the client: looks up, connects, agrees on TLS, then runs one request after the other. A read is
/// pending all the time, so a server that closes an idle connection is noticed at once. Private to net.
///
/// Lifetime: its pool owns it until `close`; handlers of Asio keep it a little longer. Threads: the pool's.
class ClientConnection final : public std::enable_shared_from_this<ClientConnection>, private WheelTimer {
 public:
  /// `reserved` may be null: then the request that waits longest gets the connection.
  ClientConnection(ClientPool& pool, OriginPtr origin, PendingCallPtr reserved)
      : pool_(pool), origin_(std::move(origin)), reserved_(std::move(reserved)) {}

  [[nodiscard]] const OriginPtr& origin() const noexcept { return origin_; }

  void start();
  /// Only on a free connection.
  void run(PendingCallPtr call);
  void close();
  /// Closes and fails its request, since the client stops.
  void stop();

 private:
  using TlsStream = boost::asio::ssl::stream<TcpSocket&>;
  enum class Phase : std::uint8_t { kConnecting, kFree, kBusy, kClosed };

  void connect_next();
  void on_connected();
  void handshake();
  void on_ready();
  void fail_connect(ErrorCode code, std::string message, std::string detail);

  void write_request(const ClientRequest& request);
  void write_plain(std::string_view head, std::string_view body);
  void write_rest();
  void on_written(const SystemError& error);
  void read();
  void on_read(const SystemError& error, std::size_t bytes);
  void parse();
  bool begin_final_response();
  void refuse_response();
  void complete();
  void fail_call(ErrorCode code, std::string message, std::string detail);
  void on_timer() override;

  ClientPool& pool_;
  const OriginPtr origin_;
  PendingCallPtr reserved_;
  PendingCallPtr call_;  // under way
  Addresses addresses_;
  std::size_t next_address_ = 0;
  SystemError connect_error_;
  bool address_refused_ = false;

  std::optional<TcpSocket> socket_;
  std::optional<TlsStream> tls_;
  ReadBuffer buffer_;
  std::optional<ResponseParser> parser_;
  std::string unsent_;
  Phase phase_ = Phase::kConnecting;
  bool read_pending_ = false;
  bool write_pending_ = false;
  bool answering_ = false;  // the first byte of an answer has come
  bool used_ = false;       // it has carried a whole request before
};

}  // namespace datasync::net
