#include "net/http_server.h"

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>
#include <string>
#include <vector>

#include "base/log.h"
#include "net/asio_types.h"
#include "net/io_threads.h"
#include "net/server_connection.h"
#include "net/server_core.h"

namespace datasync::net {
namespace {

// Beyond connections_max a client is told why; beyond this many of those it is only closed.
constexpr std::size_t kRefusalsMax = 256;
// With no descriptor left, accept fails until somebody closes one; asking again at once would spin.
constexpr milliseconds kAcceptPause{100};

/// One listening socket. Threads: `thread`, except the constructor.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  Listener(std::shared_ptr<ServerCore> core, IoThread& thread)
      : core_(std::move(core)), thread_(thread), acceptor_(thread.context()) {}

  Result<std::uint16_t> open(const boost::asio::ip::tcp::endpoint& endpoint) {
    SystemError error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(TcpAcceptor::reuse_address(true), error);
    if (!error && endpoint.address().is_v6()) acceptor_.set_option(boost::asio::ip::v6_only(false), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(core_->options.backlog, error);
    if (error) {
      std::string where = endpoint.address().to_string();
      if (endpoint.address().is_v6()) where = "[" + where + "]";
      return fail(ErrorCode::kUnavailable,
                  "cannot listen on " + where + ":" + std::to_string(endpoint.port()) + ": " + error.message());
    }
    return acceptor_.local_endpoint().port();
  }

  void accept() {
    IoThread& target = core_->threads.next();
    acceptor_.async_accept(target.context(),
                           [self = shared_from_this(), &target](const SystemError& error, TcpSocket socket) {
                             self->on_accept(error, target, std::move(socket));
                           });
  }

  void close() {
    SystemError ignored;
    acceptor_.close(ignored);
  }

 private:
  void on_accept(const SystemError& error, IoThread& target, TcpSocket socket) {
    if (error) {
      if (!acceptor_.is_open()) return;
      log::warning("cannot accept connections: {}", error.message());
      thread_.after(kAcceptPause, [self = shared_from_this()] {
        if (self->acceptor_.is_open()) self->accept();
      });
      return;
    }
    place(target, std::move(socket));  // also one that came while the door was being closed: its client has been let in
    if (acceptor_.is_open()) accept();
  }

  void place(IoThread& target, TcpSocket socket) {
    const auto open = core_->count_in();
    const auto limit = core_->options.connections_max;
    if (open > limit) core_->count_refused_connection();
    if (open > limit + kRefusalsMax) return core_->count_out();
    auto connection = std::make_shared<ServerConnection>(core_, target, std::move(socket));
    target.post([connection, refused = open > limit] { refused ? connection->start_refused() : connection->start(); });
  }

  const std::shared_ptr<ServerCore> core_;
  IoThread& thread_;
  TcpAcceptor acceptor_;
};

/// So long a client whose connection was taken may need to send its request.
constexpr milliseconds kLastRequests{300};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(IoThreads& threads, Options options) : core(std::make_shared<ServerCore>(threads, std::move(options))) {}

  std::shared_ptr<ServerCore> core;
  std::vector<std::shared_ptr<Listener>> listeners;
};

HttpServer::HttpServer(IoThreads& threads, Options options)
    : impl_(std::make_shared<Impl>(threads, std::move(options))) {}

HttpServer::~HttpServer() {
  stop(milliseconds{0});
}

void HttpServer::set_handler(Handler handler) {
  impl_->core->handler = std::move(handler);
}

Result<std::uint16_t> HttpServer::listen(std::string_view address, std::uint16_t port) {
  SystemError error;
  const auto parsed = boost::asio::ip::make_address(std::string(address), error);
  if (error) return fail(ErrorCode::kInvalid, "the listening address must be an IP address");
  IoThread& thread = impl_->core->threads.at(0);
  auto listener = std::make_shared<Listener>(impl_->core, thread);
  auto bound = listener->open({parsed, port});
  if (!bound) return bound;
  impl_->listeners.push_back(listener);
  thread.post([listener] { listener->accept(); });
  return bound;
}

void HttpServer::wind_down() {
  impl_->core->winding_down.store(true);
}

bool HttpServer::stop(milliseconds deadline) {
  ServerCore& core = *impl_->core;
  const auto close_doors = [&](IoThread& thread) {
    if (thread.index() != 0) return;
    for (const auto& listener : impl_->listeners) listener->close();
  };
  if (core.winding_down.load()) {
    // Who came in last may be about to send.
    core.threads.run_on_each(close_doors);
    const milliseconds grace = std::min(deadline, kLastRequests);
    if (core.wait_empty(grace)) return true;
    deadline -= grace;
  }
  core.draining.store(true);
  core.threads.run_on_each(close_doors);
  // After the listeners are closed, so that what they accepted last is in the mailboxes before this.
  core.threads.run_on_each([&](IoThread& thread) {
    for (const auto& connection : core.connections(thread)) connection->drain();
  });
  if (core.wait_empty(deadline)) return true;
  core.threads.run_on_each([&](IoThread& thread) {
    for (const auto& connection : core.connections(thread)) connection->cut();
  });
  return false;
}

HttpServer::Counters HttpServer::counters() const noexcept {
  return impl_->core->counters();
}

Result<std::shared_ptr<WebSocketPeer>> Responder::upgrade(const HttpRequest& request, WebSocketOptions options,
                                                          WebSocketCallbacks callbacks) && {
  const auto sink = std::exchange(sink_, nullptr);
  if (!is_websocket_upgrade(request)) {
    HttpResponse refusal = problem_response(426, "this path speaks WebSocket version 13 only");
    refusal.headers.emplace_back("Upgrade", "websocket");
    refusal.headers.emplace_back("Sec-WebSocket-Version", "13");
    sink->respond(std::move(refusal));
    return fail(ErrorCode::kInvalid, "the request is no WebSocket handshake");
  }
  return sink->upgrade(request, std::move(options), std::move(callbacks));
}

}  // namespace datasync::net
