#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"

namespace datasync::net {

struct HttpRequest;
class WebSocketPeer;

struct WebSocketOptions {
  std::size_t queue_bytes_max = 4 * 1024 * 1024;  ///< waiting to be sent to one client
  std::size_t queue_messages_max = 4096;          ///< the same, in messages
  std::size_t message_bytes_max = 64 * 1024;      ///< one incoming message; a larger one closes with 1009
  milliseconds ping_interval{25'000};  ///< a ping after so long without a word from the client, twice that ends it
  milliseconds close_timeout{2'000};   ///< how long a closing handshake may take, then the connection is cut
  std::string subprotocol = {};        ///< sent back as Sec-WebSocket-Protocol; empty for none
};

/// What a WebSocket client does. All run on its I/O thread, none after `on_close`, and none may block. They are
/// destroyed after `on_close`, so they may own what owns the peer.
struct WebSocketCallbacks {
  std::function<void(WebSocketPeer&, std::string message)> on_message;
  /// A message did not fit into the queue and was dropped. True: the client stays, and the owner makes up for the gap.
  /// False, or no callback: the client is closed with 1013 "slow consumer". Told once for what was dropped in a row.
  std::function<bool(WebSocketPeer&)> on_queue_full;
  /// Once, whoever ended it; `code` is the peer's close code, 1006 when it went without one.
  std::function<void(WebSocketPeer&, std::uint16_t code)> on_close;
};

/// One WebSocket client. Threads: every method may be called from any thread.
class WebSocketPeer {
 public:
  virtual ~WebSocketPeer() = default;

  /// Queues one text message; many clients may share it. False when it is not queued: the peer is closing, or its queue
  /// is full and it was judged as `on_queue_full` says. Messages queued before the handshake ended follow it.
  virtual bool send(std::shared_ptr<const std::string> text) = 0;
  /// Ends the connection after what is queued; what is sent later is dropped. `reason` is cut at 123 bytes.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  /// Bytes that `send` took and that are not written yet.
  [[nodiscard]] virtual std::size_t queued_bytes() const noexcept = 0;
  [[nodiscard]] virtual std::string_view remote_address() const noexcept = 0;
};

/// Whether the request asks for a WebSocket of version 13 in the right form (RFC 6455, section 4.2.1).
[[nodiscard]] bool is_websocket_upgrade(const HttpRequest& request) noexcept;

}  // namespace datasync::net
