#include "net/server_connection.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <charconv>

#include "base/log.h"
#include "net/websocket_session.h"

namespace datasync::net {
namespace {

constexpr std::size_t kBufferBytes = 4 * 1024;       // a usual request fits with room to spare
constexpr std::size_t kBodyBufferBytes = 64 * 1024;  // for bodies that don't
constexpr std::size_t kRoomBytes = 1024;             // the least worth a system call
constexpr std::size_t kProgressBytes = 64 * 1024;    // a body must bring so much within every body_timeout
constexpr milliseconds kParkAfter{2'000};

void append_number(std::string& text, std::size_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  text.append(digits, end);
}

/// What the handler set; false when a part was left out because it could break out of its line.
bool append_headers(std::string& head, const HttpResponse& response) {
  bool all = true;
  if (!response.content_type.empty()) all = append_header(head, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) all = append_header(head, name, value) && all;
  return all;
}

/// An IPv4 client on a socket for both comes as `::ffff:192.0.2.1`; rules and logs want its own form.
std::string describe(const boost::asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address.to_string();
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6()).to_string();
}

HttpResponse unavailable(std::string_view detail) {
  HttpResponse response = problem_response(503, detail);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

constexpr bool has_body(int status) noexcept {
  return status != 204 && status != 304;
}

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ServerCore> core, IoThread& thread, TcpSocket socket)
    : core_(std::move(core)), thread_(thread), socket_(std::move(socket)) {}

void ServerConnection::start() {
  core_->add(thread_, shared_from_this());
  if (core_->draining.load(std::memory_order_relaxed)) return close();
  SystemError error;
  const auto remote = socket_->remote_endpoint(error);
  if (error) return close();  // gone before we looked
  remote_address_ = describe(remote.address());
  socket_->set_option(boost::asio::ip::tcp::no_delay(true), error);
  next_request();
}

void ServerConnection::start_refused() {
  core_->add(thread_, shared_from_this());
  phase_ = Phase::kHandling;
  after_write_ = AfterWrite::kDiscard;
  answer(unavailable("too many clients are connected; try again in a moment"));
}

void ServerConnection::read() {
  if (read_pending_) return;
  read_pending_ = true;
  const bool in_body = parser_ && parser_->header_seen();
  const auto rest = in_body && !parser_->chunked() ? parser_->content_length_remaining().value_or(0) : kBufferBytes;
  const bool bulk = phase_ == Phase::kDiscarding || (in_body && rest >= kBufferBytes);
  const auto room =
      bulk ? buffer_.prepare(kBodyBufferBytes / 4, kBodyBufferBytes) : buffer_.prepare(kRoomBytes, kBufferBytes);
  socket_->async_read_some(
      boost::asio::buffer(room.data(), room.size()),
      [self = shared_from_this()](const SystemError& error, std::size_t bytes) { self->on_read(error, bytes); });
}

void ServerConnection::on_read(const SystemError& error, std::size_t bytes) {
  read_pending_ = false;
  if (phase_ == Phase::kClosed) return;
  if (std::exchange(parking_, false) && error == boost::asio::error::operation_aborted) return park();
  if (error) return close();
  buffer_.commit(bytes);
  if (phase_ != Phase::kDiscarding) return process();
  discarded_bytes_ += bytes;
  buffer_.clear();
  if (discarded_bytes_ > core_->options.discard_bytes_max) return close();
  read();
}

// Ten thousand idle clients would hold 40 MB of empty buffers. A read needs its buffer from the start, a wait needs
// none; but a wait costs a system call more per request, so only connections that have been quiet for a while wait.
void ServerConnection::park() {
  buffer_.release();
  phase_ = Phase::kParked;
  thread_.timers().arm_at(*this, idle_due_tick_);
  socket_->async_wait(TcpSocket::wait_read, [self = shared_from_this()](const SystemError& error) {
    if (self->phase_ != Phase::kParked) return;
    if (error) return self->close();
    self->phase_ = Phase::kReading;
    self->read();
  });
}

void ServerConnection::process() {
  processing_ = true;
  while (phase_ == Phase::kReading && step()) {
  }
  processing_ = false;
  if (phase_ == Phase::kReading) read();
}

/// One step of reading a request; false when more bytes are needed.
bool ServerConnection::step() {
  if (!parser_) {
    // Old clients send an empty line after a body (RFC 9112, section 2.2).
    while (!buffer_.empty() && (buffer_.data().front() == '\r' || buffer_.data().front() == '\n')) buffer_.consume(1);
    if (buffer_.empty()) return false;
    parser_.emplace(core_->options.header_bytes_max, core_->options.body_bytes_max);
  }
  switch (parser_->feed(buffer_)) {
    case ParseState::kNeedMore:
      if (parser_->header_seen() && !hold(parser_->request.body.capacity())) {
        refuse(503, "the bodies of all requests together are too large; try again in a moment");
        return true;
      }
      arm_read_deadline();
      return false;
    case ParseState::kHeaderDone:
      return on_header();
    case ParseState::kDone:
      dispatch();
      return true;
    case ParseState::kError:
      refuse_malformed();
      return true;
  }
  return false;
}

/// Small bodies come with their heads and are never counted; what has to be waited for is.
bool ServerConnection::hold(std::size_t bytes) {
  if (!held_) held_ = std::make_shared<MemoryBudget::Lease>(core_->memory);
  return held_->grow_to(bytes);
}

bool ServerConnection::on_header() {
  const Headers& headers = parser_->request.headers;
  const auto hosts = headers.count("host");
  if (hosts > 1 || (hosts == 0 && !parser_->http_1_0())) {
    refuse(400, "a request must have exactly one Host header");
    return true;
  }
  const auto expect = headers.find("expect");
  if (!expect || parser_->http_1_0()) return true;
  if (!equals_ignoring_case(*expect, "100-continue")) {
    refuse(417, "the only expectation that can be met is 100-continue");
  } else if (buffer_.empty() && !parser_->is_done()) {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (::send(socket_->native_handle(), kContinue.data(), kContinue.size(), MSG_NOSIGNAL | MSG_DONTWAIT) !=
        static_cast<ssize_t>(kContinue.size())) {
      close();
    }
  }
  return true;
}

/// The headers have one deadline for all; a body earns a new one with every 64 KiB, so that a large one may take its
/// time.
void ServerConnection::arm_read_deadline() {
  if (parser_->header_seen()) {
    if (parser_->request.body.size() < progress_mark_) return;
    progress_mark_ = parser_->request.body.size() + kProgressBytes;
    thread_.timers().arm(*this, core_->options.body_timeout);
  } else if (!std::exchange(deadline_set_, true)) {
    thread_.timers().arm(*this, core_->options.header_timeout);
  }
}

void ServerConnection::dispatch() {
  keep_alive_ = parser_->keep_alive();
  answers_1_0_ = parser_->http_1_0();
  HttpRequest request = std::move(parser_->request);
  parser_.reset();
  answers_head_ = request.method == Method::kHead;
  request.remote_address = remote_address_;
  phase_ = Phase::kHandling;
  thread_.timers().disarm(*this);
  core_->count_request(thread_);
  try {
    core_->handler(std::move(request), Responder(shared_from_this(), std::move(held_)));
  } catch (const std::exception& error) {
    log::error("a request handler threw: {}", error.what());  // its responder has answered 500
  }
}

void ServerConnection::refuse_malformed() {
  using Error = boost::beast::http::error;
  const auto& error = parser_->error();
  if (error == Error::body_limit) return refuse(413, "the body is larger than this path allows");
  if (error == Error::header_limit) return refuse(431, "the request line and headers are too large");
  if (error == Error::bad_version) return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  if (parser_->unknown_coding()) return refuse(501, "the only transfer coding is chunked");
  refuse(400, "malformed request: " + error.message());
}

/// Answers what never reaches the handler. Where the next request begins is unknown after this, so the connection ends;
/// the rest of the body is read and dropped, else the client's kernel would throw our answer away with a reset.
void ServerConnection::refuse(int status, std::string_view detail) {
  core_->count_refused_request(thread_);
  answers_head_ = parser_ && parser_->request.method == Method::kHead;
  parser_.reset();
  held_.reset();
  keep_alive_ = false;
  phase_ = Phase::kHandling;
  after_write_ = AfterWrite::kDiscard;
  answer(status == 503 ? unavailable(detail) : problem_response(status, detail));
}

void ServerConnection::respond(HttpResponse response) {
  if (thread_.is_current()) return answer(std::move(response));
  thread_.post([self = shared_from_this(), moved = std::move(response)]() mutable { self->answer(std::move(moved)); });
}

void ServerConnection::abandon() noexcept {
  try {
    log::error("a request was dropped without an answer; the client gets 500");
    respond(problem_response(500, "the request was not answered"));
  } catch (...) {
    // Out of memory: the client's own timeout has to do.
  }
}

void ServerConnection::answer(HttpResponse response) {
  if (phase_ != Phase::kHandling) return;  // closed meanwhile
  if (core_->draining.load(std::memory_order_relaxed) || core_->winding_down.load(std::memory_order_relaxed)) {
    keep_alive_ = false;
  }
  if (!keep_alive_ && after_write_ == AfterWrite::kNextRequest) {
    after_write_ = buffer_.empty() ? AfterWrite::kClose : AfterWrite::kDiscard;
  }
  // One per thread and never given back: answers are built thousands of times a second.
  thread_local std::string head;
  head.assign("HTTP/1.1 ");
  append_number(head, static_cast<std::size_t>(response.status));
  head.append(" ").append(status_phrase(response.status)).append("\r\n").append(thread_.date_header());
  if (!append_headers(head, response)) log::error("an answer's header is malformed and left out");
  if (has_body(response.status)) {
    head += "Content-Length: ";
    append_number(head, response.body.size());
    head += "\r\n";
  }
  if (!keep_alive_) {
    head += "Connection: close\r\n";
  } else if (answers_1_0_) {
    head += "Connection: keep-alive\r\n";
  }
  head += "\r\n";
  write(head, answers_head_ || !has_body(response.status) ? std::string_view{} : std::string_view(response.body));
}

// Straight to the kernel: the socket nearly always takes an answer at once, and then no operation of Asio is needed.
void ServerConnection::write(std::string_view head, std::string_view body) {
  iovec parts[2] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = body.empty() ? 1 : 2;
  ssize_t sent = ::sendmsg(socket_->native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return close();
    sent = 0;
  }
  const auto taken = static_cast<std::size_t>(sent);
  if (taken == head.size() + body.size()) return on_written();
  phase_ = Phase::kWriting;
  unsent_.clear();
  if (taken < head.size()) unsent_ += head.substr(taken);
  unsent_ += body.substr(taken < head.size() ? 0 : taken - head.size());
  if (!hold(unsent_.size())) return close();
  thread_.timers().arm(*this, core_->options.write_timeout);
  write_rest(0);
}

/// Piece by piece: an `async_write` would go on by itself, also on a socket that `close` has destroyed meanwhile.
void ServerConnection::write_rest(std::size_t sent) {
  socket_->async_write_some(boost::asio::buffer(unsent_.data() + sent, unsent_.size() - sent),
                            [self = shared_from_this(), sent](const SystemError& error, std::size_t bytes) {
                              if (self->phase_ != Phase::kWriting) return;
                              if (error) return self->close();
                              if (sent + bytes < self->unsent_.size()) return self->write_rest(sent + bytes);
                              self->unsent_ = {};
                              self->held_.reset();
                              self->on_written();
                            });
}

void ServerConnection::on_written() {
  switch (after_write_) {
    case AfterWrite::kNextRequest:
      return next_request();
    case AfterWrite::kClose:
      return close();
    case AfterWrite::kDiscard:
      return discard();
  }
}

void ServerConnection::next_request() {
  phase_ = Phase::kReading;
  deadline_set_ = false;
  progress_mark_ = 0;
  if (core_->draining.load(std::memory_order_relaxed) && buffer_.empty()) return close();
  idle_due_tick_ = thread_.timers().tick_in(core_->options.idle_timeout);
  thread_.timers().arm(*this, std::min(kParkAfter, core_->options.idle_timeout));
  if (!processing_) process();
}

void ServerConnection::discard() {
  SystemError ignored;
  socket_->shutdown(TcpSocket::shutdown_send, ignored);
  phase_ = Phase::kDiscarding;
  discarded_bytes_ = buffer_.size();
  buffer_.clear();
  thread_.timers().arm(*this, core_->options.discard_timeout);
  read();
}

void ServerConnection::on_timer() {
  if (phase_ != Phase::kReading) return close();
  if (parser_) {
    return refuse(408, parser_->header_seen() ? "the body did not come in time" : "the headers did not come in time");
  }
  const bool idle_too_long = thread_.timers().now_tick() >= idle_due_tick_;
  if (idle_too_long || !read_pending_) return close();
  parking_ = true;
  SystemError ignored;
  socket_->cancel(ignored);
}

std::shared_ptr<WebSocketPeer> ServerConnection::upgrade(const HttpRequest& request, WebSocketOptions options,
                                                         WebSocketCallbacks callbacks) {
  auto session = WebSocketSession::make(core_, thread_, request, std::move(options), std::move(callbacks));
  auto begin = [self = shared_from_this(), session] {
    // A client must not send frames before it has seen the 101, so bytes behind the request are no good sign.
    const bool usable = self->phase_ == Phase::kHandling && self->buffer_.empty();
    if (!usable) {
      session->abort();
      if (self->phase_ == Phase::kHandling) self->close();
      return;
    }
    self->phase_ = Phase::kClosed;
    self->thread_.timers().remove(*self);
    TcpSocket socket = std::move(*self->socket_);
    self->socket_.reset();
    self->core_->add(self->thread_, session);  // takes over the connection's place and count
    self->core_->remove(self->thread_, *self);
    session->start(std::move(socket));
  };
  if (thread_.is_current()) {
    begin();
  } else {
    thread_.post(std::move(begin));
  }
  return session;
}

void ServerConnection::drain() {
  const bool idle = phase_ == Phase::kParked || (phase_ == Phase::kReading && !parser_ && buffer_.empty());
  if (idle) close();
}

void ServerConnection::close() {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();
  phase_ = Phase::kClosed;
  thread_.timers().remove(*this);
  SystemError ignored;
  socket_->close(ignored);
  socket_.reset();
  buffer_.release();
  parser_.reset();
  held_.reset();
  core_->remove(thread_, *this);
  core_->count_out();
}

}  // namespace datasync::net
