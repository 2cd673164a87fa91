#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/asio_types.h"
#include "net/http_parser.h"
#include "net/read_buffer.h"
#include "net/server_core.h"
#include "net/timer_wheel.h"

namespace datasync::net {

/// One accepted connection: reads a request, hands it to the handler, writes the answer, and so on until it closes.
/// Private to net.
///
/// Requests of a pipeline are served one after the other, so answers keep their order and one client has at most one
/// request with the handler. It reads nothing while a request is with the handler: a client that floods waits in its
/// own socket.
///
/// Lifetime: the register of `ServerCore` owns it until `close`; handlers of Asio and the responder keep it a little
/// longer. Threads: its I/O thread, except for the `ResponseSink` methods, which any thread may call.
class ServerConnection final : public ResponseSink,
                               public OpenConnection,
                               public std::enable_shared_from_this<ServerConnection>,
                               private WheelTimer {
 public:
  ServerConnection(std::shared_ptr<ServerCore> core, IoThread& thread, TcpSocket socket);

  void start();
  /// Instead of `start`: 503, since there are too many.
  void start_refused();

  void respond(HttpResponse response) override;
  void abandon() noexcept override;
  std::shared_ptr<WebSocketPeer> upgrade(const HttpRequest& request, WebSocketOptions options,
                                         WebSocketCallbacks callbacks) override;
  void drain() override;
  void cut() override { close(); }

 private:
  enum class Phase : std::uint8_t {
    kReading,     // a request, or nothing yet
    kParked,      // idle for a while: without a buffer, waiting until there is something to read
    kHandling,    // a request is with the handler
    kWriting,     // the socket took only part of the answer
    kDiscarding,  // answered and half-closed; what the client still sends is dropped
    kClosed,
  };
  enum class AfterWrite : std::uint8_t { kNextRequest, kClose, kDiscard };

  void read();
  void on_read(const SystemError& error, std::size_t bytes);
  void park();
  void process();
  bool step();
  bool on_header();
  bool hold(std::size_t bytes);
  void arm_read_deadline();
  void dispatch();
  void refuse(int status, std::string_view detail);
  void refuse_malformed();
  void answer(HttpResponse response);
  void write(std::string_view head, std::string_view body);
  void write_rest(std::size_t sent);
  void on_written();
  void next_request();
  void discard();
  void close();
  void on_timer() override;

  const std::shared_ptr<ServerCore> core_;
  IoThread& thread_;
  std::optional<TcpSocket> socket_;  // destroyed by `close`, on the thread
  std::string remote_address_;
  ReadBuffer buffer_;
  std::optional<RequestParser> parser_;        // while a request is being read
  std::string unsent_;                         // what the socket did not take at once
  std::shared_ptr<MemoryBudget::Lease> held_;  // of a body that did not come at once, and of `unsent_`
  std::size_t progress_mark_ = 0;              // the body's size that buys the sender more time
  std::size_t discarded_bytes_ = 0;
  std::int64_t idle_due_tick_ = 0;
  Phase phase_ = Phase::kReading;
  AfterWrite after_write_ = AfterWrite::kNextRequest;
  bool read_pending_ = false;
  bool parking_ = false;     // the pending read is cancelled to park
  bool processing_ = false;  // `process` is on the stack: it goes on by itself after an answer
  bool deadline_set_ = false;
  bool keep_alive_ = false;
  bool answers_head_ = false;
  bool answers_1_0_ = false;
};

}  // namespace datasync::net
