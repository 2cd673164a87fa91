#include "net/client_connection.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <charconv>
#include <exception>

#include "base/log.h"
#include "net/client_tls.h"

namespace datasync::net {
namespace {

constexpr std::size_t kBufferBytes = 4 * 1024;
constexpr std::size_t kBodyBufferBytes = 64 * 1024;
constexpr std::size_t kRoomBytes = 1024;

constexpr bool announces_body(Method method) noexcept {
  return method == Method::kPost || method == Method::kPut || method == Method::kPatch;
}

/// Into one string per thread that is never given back.
std::string_view build_head(const ClientRequest& request) {
  thread_local std::string head;
  head.assign(to_string(request.method)).append(" ").append(request.target).append(" HTTP/1.1\r\nHost: ");
  head.append(request.origin->authority).append("\r\n").append(request.header_block);
  if (!request.body.empty() || announces_body(request.method)) {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, request.body.size()).ptr;
    head.append("Content-Length: ").append(digits, end).append("\r\n");
  }
  head.append("\r\n");
  return head;
}

}  // namespace

void ClientConnection::start() {
  if (phase_ == Phase::kClosed) return;
  TimerWheel& timers = pool_.thread().timers();
  const auto latest = timers.tick_in(pool_.options().connect_timeout);
  timers.arm_at(*this, reserved_ ? std::min(latest, reserved_->due_tick) : latest);
  pool_.resolver().resolve(origin_->host, [self = shared_from_this()](const Result<Addresses>& addresses) {
    if (self->phase_ == Phase::kClosed) return;
    if (!addresses) {
      return self->fail_connect(ErrorCode::kUnavailable, addresses.error().message, addresses.error().detail);
    }
    self->addresses_ = *addresses;
    self->connect_next();
  });
}

void ClientConnection::connect_next() {
  const auto& allow = pool_.options().allow_address;
  while (next_address_ < addresses_.size() && allow && !allow(addresses_[next_address_].to_string())) {
    address_refused_ = true;
    ++next_address_;
  }
  if (next_address_ == addresses_.size()) {
    if (!connect_error_ && address_refused_) {
      return fail_connect(ErrorCode::kForbidden, "the address of the host is not allowed", origin_->host);
    }
    return fail_connect(ErrorCode::kUnavailable, "cannot connect", connect_error_.message());
  }
  socket_.emplace(pool_.thread().context());
  socket_->async_connect({addresses_[next_address_++], origin_->port},
                         [self = shared_from_this()](const SystemError& error) {
                           if (self->phase_ == Phase::kClosed) return;
                           self->connect_error_ = error;
                           error ? self->connect_next() : self->on_connected();
                         });
}

void ClientConnection::on_connected() {
  SystemError ignored;
  socket_->set_option(boost::asio::ip::tcp::no_delay(true), ignored);
  origin_->scheme == Scheme::kHttps ? handshake() : on_ready();
}

void ClientConnection::handshake() {
  tls_.emplace(*socket_, pool_.tls());
  if (!expect_tls_host(tls_->native_handle(), origin_->host, pool_.options().tls_verify)) {
    return fail_connect(ErrorCode::kUnavailable, "cannot agree on TLS", "the host name cannot be verified");
  }
  tls_->async_handshake(TlsStream::client, [self = shared_from_this()](const SystemError& error) {
    if (self->phase_ == Phase::kClosed) return;
    if (!error) return self->on_ready();
    self->fail_connect(ErrorCode::kUnavailable, "cannot agree on TLS",
                       describe_tls_failure(self->tls_->native_handle(), error));
  });
}

void ClientConnection::on_ready() {
  phase_ = Phase::kFree;
  pool_.thread().timers().arm(*this, pool_.options().idle_timeout);
  addresses_ = {};
  if (reserved_) {
    run(std::move(reserved_));
  } else {
    pool_.on_free(*this, true);
  }
  read();
}

void ClientConnection::fail_connect(ErrorCode code, std::string message, std::string detail) {
  auto reserved = std::move(reserved_);
  const bool counted = reserved == nullptr;
  // First the one that fails with it, so that closing does not open another connection for a request that is lost.
  pool_.on_connect_failed(origin_, std::move(reserved), {code, std::move(message), std::move(detail)});
  const auto self = shared_from_this();
  phase_ = Phase::kClosed;
  pool_.thread().timers().remove(*this);
  SystemError ignored;
  if (socket_) socket_->close(ignored);
  pool_.on_closed(*this, counted);
}

void ClientConnection::run(PendingCallPtr call) {
  call_ = std::move(call);
  phase_ = Phase::kBusy;
  answering_ = false;
  parser_.emplace(pool_.options().response_header_bytes_max, pool_.options().response_body_bytes_max,
                  call_->call.request.method == Method::kHead);
  pool_.thread().timers().arm_at(*this, call_->due_tick);
  write_request(call_->call.request);
  if (phase_ == Phase::kBusy) read();
}

void ClientConnection::write_request(const ClientRequest& request) {
  const auto head = build_head(request);
  if (!tls_) return write_plain(head, request.body);
  unsent_.assign(head).append(request.body);
  write_rest();
}

// Straight to the kernel: the socket nearly always takes a request at once, and then no operation of Asio is needed.
void ClientConnection::write_plain(std::string_view head, std::string_view body) {
  iovec parts[2] = {{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = body.empty() ? 1 : 2;
  ssize_t sent = ::sendmsg(socket_->native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0) {
    const int reason = errno;
    if (reason != EAGAIN && reason != EWOULDBLOCK && reason != EINTR) {
      return on_written({reason, boost::system::system_category()});
    }
    sent = 0;
  }
  const auto taken = static_cast<std::size_t>(sent);
  if (taken == head.size() + body.size()) return;
  unsent_.clear();
  if (taken < head.size()) unsent_ += head.substr(taken);
  unsent_ += body.substr(taken < head.size() ? 0 : taken - head.size());
  write_rest();
}

void ClientConnection::write_rest() {
  write_pending_ = true;
  const auto done = [self = shared_from_this()](const SystemError& error, std::size_t) {
    self->write_pending_ = false;
    self->on_written(error);
  };
  if (tls_) {
    boost::asio::async_write(*tls_, boost::asio::buffer(unsent_), done);
  } else {
    boost::asio::async_write(*socket_, boost::asio::buffer(unsent_), done);
  }
}

// A server may answer (413) and close before it has read all, and then its answer is still to be read. So the read
// decides: after a failed write it ends soon, with the answer or with an error.
void ClientConnection::on_written(const SystemError& error) {
  if (!error || phase_ == Phase::kClosed) return;
  write_pending_ = true;  // for ever: the connection can't be used again
  SystemError ignored;
  socket_->shutdown(TcpSocket::shutdown_send, ignored);
}

void ClientConnection::read() {
  if (read_pending_ || phase_ == Phase::kClosed) return;
  read_pending_ = true;
  const bool in_body = parser_ && parser_->header_seen();
  const auto rest = in_body && !parser_->chunked() ? parser_->content_length_remaining() : boost::none;
  const bool bulk = in_body && rest.value_or(kBufferBytes) >= kBufferBytes;
  const auto room =
      bulk ? buffer_.prepare(kBodyBufferBytes / 4, kBodyBufferBytes) : buffer_.prepare(kRoomBytes, kBufferBytes);
  const auto done = [self = shared_from_this()](const SystemError& error, std::size_t bytes) {
    self->on_read(error, bytes);
  };
  if (tls_) {
    tls_->async_read_some(boost::asio::buffer(room.data(), room.size()), done);
  } else {
    socket_->async_read_some(boost::asio::buffer(room.data(), room.size()), done);
  }
}

void ClientConnection::on_read(const SystemError& error, std::size_t bytes) {
  read_pending_ = false;
  if (phase_ == Phase::kClosed) return;
  if (phase_ == Phase::kFree) return close();  // it went, or it speaks without being asked
  if (!error) {
    answering_ = true;
    buffer_.commit(bytes);
    return parse();
  }
  if (error == boost::asio::error::eof && parser_->header_seen() && parser_->need_eof()) {
    SystemError ignored;
    parser_->put_eof(ignored);
    return complete();
  }
  fail_call(ErrorCode::kUnavailable, "the connection was cut", error.message());
}

void ClientConnection::parse() {
  for (;;) {
    switch (parser_->feed(buffer_)) {
      case ParseState::kNeedMore:
        return read();
      case ParseState::kHeaderDone:
        if (!begin_final_response()) return;
        break;
      case ParseState::kDone:
        return complete();
      case ParseState::kError:
        return refuse_response();
    }
  }
}

/// Drops an interim answer (100, 103) and makes ready for the real one. False when the call has ended.
bool ClientConnection::begin_final_response() {
  if (parser_->status == 101) {
    fail_call(ErrorCode::kCorrupt, "the target switched protocols unasked", "status 101");
    return false;
  }
  if (parser_->status / 100 == 1) {
    parser_.emplace(pool_.options().response_header_bytes_max, pool_.options().response_body_bytes_max,
                    call_->call.request.method == Method::kHead);
  }
  return true;
}

void ClientConnection::refuse_response() {
  using BeastError = boost::beast::http::error;
  const auto error = parser_->error();
  if (error == BeastError::body_limit || error == BeastError::header_limit) {
    return fail_call(ErrorCode::kTooLarge, "the target's answer is too large",
                     fmt::format("status {}", parser_->status));
  }
  fail_call(ErrorCode::kCorrupt, "the target's answer is no HTTP", error.message());
}

void ClientConnection::complete() {
  const bool reusable = parser_->keep_alive() && buffer_.empty() && !write_pending_;
  ClientResponse response{parser_->status, std::move(parser_->headers), std::move(parser_->body)};
  parser_.reset();
  const PendingCallPtr call = std::move(call_);
  const auto self = shared_from_this();
  used_ = true;
  if (buffer_.capacity() > kBufferBytes) buffer_.release();
  // The connection goes back first: the callback may have the next request for it.
  if (reusable) {
    phase_ = Phase::kFree;
    pool_.thread().timers().arm(*this, pool_.options().idle_timeout);
    pool_.on_free(*this, false);
  } else {
    close();
  }
  pool_.count_completed();
  try {
    call->call.callback(std::move(response));
  } catch (const std::exception& error) {
    log::error("a client callback threw: {}", error.what());
  }
  read();
}

void ClientConnection::fail_call(ErrorCode code, std::string message, std::string detail) {
  PendingCallPtr call = std::move(call_);
  // Servers close kept connections when they like. Before the first byte of an answer, on a connection that has carried
  // others, that is by far the likeliest reason.
  const bool stale = used_ && !answering_ && code == ErrorCode::kUnavailable && !call->retried;
  const bool again = stale && pool_.options().retry_stale_connection;
  if (again) {
    pool_.retry(std::move(call));  // before the place is free for others
  } else {
    pool_.fail_call(std::move(call), {code, std::move(message), std::move(detail), Stage::kDuring});
  }
  close();
}

void ClientConnection::on_timer() {
  switch (phase_) {
    case Phase::kConnecting:
      return fail_connect(ErrorCode::kUnavailable, "cannot connect", "no connection within the connect timeout");
    case Phase::kBusy:
      return fail_call(ErrorCode::kTimeout, "no answer within the deadline", "");
    case Phase::kFree:
      return close();
    case Phase::kClosed:
      return;
  }
}

void ClientConnection::close() {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();
  phase_ = Phase::kClosed;
  pool_.thread().timers().remove(*this);
  SystemError ignored;
  if (socket_) socket_->close(ignored);
  pool_.on_closed(*this, false);
}

void ClientConnection::stop() {
  if (phase_ == Phase::kConnecting) return fail_connect(ErrorCode::kUnavailable, "the client is stopped", "");
  used_ = false;  // no second try
  if (phase_ == Phase::kBusy) return fail_call(ErrorCode::kUnavailable, "the client is stopped", "");
  close();
}

}  // namespace datasync::net
