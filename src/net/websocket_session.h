#pragma once

#include <memory>

#include "net/asio_types.h"
#include "net/server_core.h"
#include "net/websocket.h"

namespace datasync::net {

/// A WebSocket on its way from an HTTP connection to its end. Private to net; Beast's WebSocket stays in its source
/// file.
class WebSocketSession : public WebSocketPeer, public OpenConnection {
 public:
  /// Usable at once: what is sent waits for `start`. Any thread.
  static std::shared_ptr<WebSocketSession> make(std::shared_ptr<ServerCore> core, IoThread& thread,
                                                const HttpRequest& request, WebSocketOptions options,
                                                WebSocketCallbacks callbacks);

  /// Answers the handshake on the socket that the request came from. On its I/O thread; the register has it already.
  virtual void start(TcpSocket socket) = 0;
  /// Instead of `start`: there is no socket any more. On its I/O thread; the register does not have it.
  virtual void abort() = 0;
};

}  // namespace datasync::net
