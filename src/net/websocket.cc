#include "net/websocket.h"

#include <atomic>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <optional>
#include <string>

#include "base/log.h"
#include "net/http_message.h"
#include "net/websocket_session.h"

namespace datasync::net {
namespace {

namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using UpgradeRequest = beast::http::request<beast::http::empty_body>;

constexpr std::uint16_t kGoingAway = 1001;
constexpr std::uint16_t kNoCode = 1005;
constexpr std::uint16_t kAbnormal = 1006;
constexpr std::uint16_t kTryAgainLater = 1013;

std::uint16_t code_of(const websocket::close_reason& reason) {
  return reason.code == websocket::close_code::none ? kNoCode : static_cast<std::uint16_t>(reason.code);
}

UpgradeRequest make_upgrade_request(const HttpRequest& request) {
  UpgradeRequest made{beast::http::verb::get, request.target, 11};
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const auto name = request.headers.name(i);
    const auto value = request.headers.value(i);
    made.insert(beast::string_view(name.data(), name.size()), beast::string_view(value.data(), value.size()));
  }
  return made;
}

/// Threads: everything but the WebSocketPeer methods runs on the I/O thread; those touch atomics and the mailbox only.
class Session final : public WebSocketSession, public std::enable_shared_from_this<Session> {
 public:
  Session(std::shared_ptr<ServerCore> core, IoThread& thread, const HttpRequest& request, WebSocketOptions options,
          WebSocketCallbacks callbacks)
      : core_(std::move(core)),
        thread_(thread),
        options_(std::move(options)),
        callbacks_(std::move(callbacks)),
        remote_address_(request.remote_address),
        request_(make_upgrade_request(request)),
        close_timer_(*this) {}

  bool send(std::shared_ptr<const std::string> text) override;
  void close(std::uint16_t code, std::string_view reason) override;
  std::size_t queued_bytes() const noexcept override { return queued_bytes_.load(std::memory_order_relaxed); }
  std::string_view remote_address() const noexcept override { return remote_address_; }

  void start(TcpSocket socket) override;
  void abort() override {
    registered_ = false;
    finish(kAbnormal);
  }
  void drain() override { begin_close(kGoingAway, "the server is stopping"); }
  void cut() override { finish(kAbnormal); }

 private:
  /// Cuts a closing handshake that the client does not end.
  struct CloseTimer final : WheelTimer {
    explicit CloseTimer(Session& session_) : session(session_) {}
    void on_timer() override { session.finish(session.peer_code_); }
    Session& session;
  };

  void on_accepted(const SystemError& error);
  void read();
  void on_read(const SystemError& error);
  void enqueue(std::shared_ptr<const std::string> text);
  void write_next();
  void on_written(const SystemError& error);
  void on_queue_full();
  void begin_close(std::uint16_t code, std::string_view reason);
  void send_close_frame();
  void finish(std::uint16_t code);
  void forget(const std::string& text) {
    queued_bytes_.fetch_sub(text.size(), std::memory_order_relaxed);
    queued_messages_.fetch_sub(1, std::memory_order_relaxed);
  }

  const std::shared_ptr<ServerCore> core_;
  IoThread& thread_;
  const WebSocketOptions options_;
  WebSocketCallbacks callbacks_;
  const std::string remote_address_;
  const UpgradeRequest request_;
  std::optional<websocket::stream<TcpSocket, false>> stream_;  // without compression: it costs 300 KB a client
  beast::flat_buffer incoming_;
  std::deque<std::shared_ptr<const std::string>> queue_;  // the front is being written while writing_
  CloseTimer close_timer_;
  websocket::close_reason close_reason_;
  std::uint16_t peer_code_ = kAbnormal;  // until its close frame has come
  bool registered_ = true;               // counted by the core
  bool open_ = false;                    // the handshake is done
  bool writing_ = false;
  bool closing_ = false;
  bool close_frame_sent_ = false;
  bool finished_ = false;

  std::atomic<bool> refuses_{false};  // closing, as senders see it
  std::atomic<bool> overflow_told_{false};
  std::atomic<std::size_t> queued_bytes_{0};
  std::atomic<std::size_t> queued_messages_{0};
};

bool Session::send(std::shared_ptr<const std::string> text) {
  if (refuses_.load(std::memory_order_relaxed)) return false;
  const auto bytes = queued_bytes_.fetch_add(text->size(), std::memory_order_relaxed) + text->size();
  const auto messages = queued_messages_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (bytes > options_.queue_bytes_max || messages > options_.queue_messages_max) {
    forget(*text);
    if (!overflow_told_.exchange(true)) thread_.post([self = shared_from_this()] { self->on_queue_full(); });
    return false;
  }
  thread_.post([self = shared_from_this(), moved = std::move(text)]() mutable { self->enqueue(std::move(moved)); });
  return true;
}

void Session::close(std::uint16_t code, std::string_view reason) {
  refuses_.store(true, std::memory_order_relaxed);
  thread_.post([self = shared_from_this(), code, text = std::string(reason)] { self->begin_close(code, text); });
}

void Session::start(TcpSocket socket) {
  stream_.emplace(std::move(socket));
  // Beast pings after half of the idle time without a word from the client and gives up after the whole.
  stream_->set_option(websocket::stream_base::timeout{core_->options.header_timeout, options_.ping_interval * 2, true});
  stream_->set_option(websocket::stream_base::decorator([this](websocket::response_type& response) {
    if (!options_.subprotocol.empty()) {
      response.set(beast::http::field::sec_websocket_protocol, options_.subprotocol);
    }
  }));
  // After the close frames Beast waits for the client to close the connection, for as long as it likes.
  stream_->control_callback([this](websocket::frame_type kind, beast::string_view) {
    if (kind != websocket::frame_type::close) return;
    peer_code_ = code_of(stream_->reason());
    thread_.timers().arm(close_timer_, options_.close_timeout);
  });
  stream_->read_message_max(options_.message_bytes_max);
  stream_->text(true);
  stream_->auto_fragment(false);  // one frame, one write, whatever the length
  stream_->async_accept(request_, [self = shared_from_this()](const SystemError& error) { self->on_accepted(error); });
}

void Session::on_accepted(const SystemError& error) {
  if (finished_) return;
  if (error) return finish(kAbnormal);
  open_ = true;
  if (core_->draining.load(std::memory_order_relaxed)) begin_close(kGoingAway, "the server is stopping");
  read();
  write_next();
}

void Session::read() {
  stream_->async_read(incoming_,
                      [self = shared_from_this()](const SystemError& error, std::size_t) { self->on_read(error); });
}

void Session::on_read(const SystemError& error) {
  if (finished_) return;
  // Once our close frame is out Beast takes the socket from this read and gives it to the close, which hears the
  // answer.
  if (error == boost::asio::error::operation_aborted && close_frame_sent_) return;
  if (error) return finish(peer_code_);
  const auto data = incoming_.data();
  std::string message(static_cast<const char*>(data.data()), data.size());
  incoming_.consume(incoming_.size());
  incoming_.shrink_to_fit();  // thousands of clients that once sent a long message must not keep its memory
  if (!closing_ && callbacks_.on_message) callbacks_.on_message(*this, std::move(message));
  if (!finished_) read();
}

void Session::enqueue(std::shared_ptr<const std::string> text) {
  if (closing_ || finished_) return forget(*text);
  queue_.push_back(std::move(text));
  write_next();
}

void Session::write_next() {
  if (!open_ || writing_ || finished_) return;
  if (queue_.empty()) {
    overflow_told_.store(false, std::memory_order_relaxed);
    if (closing_) send_close_frame();
    return;
  }
  writing_ = true;
  stream_->async_write(boost::asio::buffer(*queue_.front()),
                       [self = shared_from_this()](const SystemError& error, std::size_t) { self->on_written(error); });
}

void Session::on_written(const SystemError& error) {
  writing_ = false;
  if (finished_) return;
  if (error) return finish(kAbnormal);
  forget(*queue_.front());
  queue_.pop_front();
  write_next();
}

void Session::on_queue_full() {
  if (closing_ || finished_) return;
  if (callbacks_.on_queue_full && callbacks_.on_queue_full(*this)) return;
  // What waits would only delay the goodbye; the message in the middle of being written can't be taken back.
  while (queue_.size() > (writing_ ? 1U : 0U)) {
    forget(*queue_.back());
    queue_.pop_back();
  }
  begin_close(kTryAgainLater, "slow consumer");
}

void Session::begin_close(std::uint16_t code, std::string_view reason) {
  if (closing_ || finished_) return;
  closing_ = true;
  refuses_.store(true, std::memory_order_relaxed);
  constexpr std::size_t kReasonBytesMax = 123;  // RFC 6455, section 5.5
  const auto cut = reason.substr(0, kReasonBytesMax);
  close_reason_.code = static_cast<websocket::close_code>(code);
  close_reason_.reason.assign(cut.data(), cut.size());
  thread_.timers().arm(close_timer_, options_.close_timeout);
  write_next();
}

void Session::send_close_frame() {
  if (std::exchange(close_frame_sent_, true)) return;
  // Without an answer the read fails, or the timer cuts.
  stream_->async_close(close_reason_, [self = shared_from_this()](const SystemError& error) {
    if (!error && !self->finished_) self->finish(code_of(self->stream_->reason()));
  });
}

void Session::finish(std::uint16_t code) {
  if (std::exchange(finished_, true)) return;
  const auto self = shared_from_this();
  refuses_.store(true, std::memory_order_relaxed);
  thread_.timers().remove(close_timer_);
  if (stream_) {
    SystemError ignored;
    beast::get_lowest_layer(*stream_).close(ignored);
    // Later, when the operations that the close cancelled have ended; and here, since another thread may drop the last
    // reference to the session.
    thread_.post([self] { self->stream_.reset(); });
  }
  if (registered_) {
    core_->remove(thread_, *this);
    core_->count_out();
  }
  const WebSocketCallbacks callbacks = std::exchange(callbacks_, {});
  if (callbacks.on_close) callbacks.on_close(*this, code);
}

}  // namespace

std::shared_ptr<WebSocketSession> WebSocketSession::make(std::shared_ptr<ServerCore> core, IoThread& thread,
                                                         const HttpRequest& request, WebSocketOptions options,
                                                         WebSocketCallbacks callbacks) {
  return std::make_shared<Session>(std::move(core), thread, request, std::move(options), std::move(callbacks));
}

bool is_websocket_upgrade(const HttpRequest& request) noexcept {
  constexpr std::size_t kKeyBytes = 24;  // 16 random bytes in base64
  return request.method == Method::kGet && request.headers.has_token("connection", "upgrade") &&
         request.headers.has_token("upgrade", "websocket") && request.headers.get("sec-websocket-version") == "13" &&
         request.headers.get("sec-websocket-key").size() == kKeyBytes;
}

}  // namespace datasync::net
