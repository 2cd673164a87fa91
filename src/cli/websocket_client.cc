#include "cli/websocket_client.h"

#include <fmt/format.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "net/http_message.h"

namespace datasync::cli {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::chrono::seconds kIdleTimeout{60};
constexpr std::size_t kMessageBytesMax = 16 * 1024 * 1024;

// Without compression: we never ask for it, and its code would be compiled all the same.
template <typename Stream>
using WebSocket = websocket::stream<Stream, false>;

struct Conversation {
  ServiceAddress address;
  std::string target;
  std::function<void()> on_open;
  std::function<bool(std::string_view)> on_message;
  std::optional<Error> error;
};

template <typename Stream>
void decorate(WebSocket<Stream>& stream, const ServiceAddress& address) {
  auto timeout = websocket::stream_base::timeout::suggested(beast::role_type::client);
  timeout.handshake_timeout = kConnectTimeout;
  timeout.idle_timeout = kIdleTimeout;
  timeout.keep_alive_pings = true;
  stream.set_option(timeout);
  stream.read_message_max(kMessageBytesMax);
  stream.set_option(websocket::stream_base::decorator([token = address.token](websocket::request_type& request) {
    request.set(beast::http::field::user_agent, "data-sync-cli");
    if (!token.empty()) request.set(beast::http::field::authorization, "Bearer " + token);
  }));
}

Error refusal(const ServiceAddress& address, const websocket::response_type& response) {
  const int status = static_cast<int>(response.result_int());
  if (status == 401 || status == 403) {
    return {ErrorCode::kUnauthorized,
            fmt::format("{} asks who you are ({} {}); set DATA_SYNC_TOKEN to a token of the service", address.url,
                        status, net::status_phrase(status))};
  }
  return {status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kInvalid,
          fmt::format("{} has no live messages for us: {} {}", address.url, status, net::status_phrase(status))};
}

/// From the handshake to the end; the stream below is connected. Throws `boost::system::system_error`.
template <typename Stream>
asio::awaitable<void> converse(std::shared_ptr<WebSocket<Stream>> stream, std::shared_ptr<Conversation> with) {
  decorate(*stream, with->address);
  websocket::response_type response;
  boost::system::error_code declined;
  auto handling_errors = asio::redirect_error(asio::use_awaitable, declined);
  co_await stream->async_handshake(response, with->address.origin->authority, with->target, std::move(handling_errors));
  if (declined == websocket::error::upgrade_declined) {
    with->error = refusal(with->address, response);
    co_return;
  }
  if (declined) throw boost::system::system_error(declined);
  with->on_open();
  beast::flat_buffer buffer;
  for (;;) {
    co_await stream->async_read(buffer, asio::use_awaitable);
    const auto data = buffer.cdata();
    const bool go_on = with->on_message({static_cast<const char*>(data.data()), data.size()});
    buffer.consume(buffer.size());
    if (!go_on) break;
  }
  boost::system::error_code ignored;  // what we wanted to hear, we have heard
  auto ignoring_errors = asio::redirect_error(asio::use_awaitable, ignored);
  co_await stream->async_close(websocket::close_code::normal, std::move(ignoring_errors));
}

asio::awaitable<void> connect(std::shared_ptr<beast::tcp_stream> stream, std::shared_ptr<Conversation> with) {
  const auto& origin = *with->address.origin;
  asio::ip::tcp::resolver resolver(stream->get_executor());
  const auto endpoints = co_await resolver.async_resolve(origin.host, std::to_string(origin.port), asio::use_awaitable);
  stream->expires_after(kConnectTimeout);
  co_await stream->async_connect(endpoints, asio::use_awaitable);
  stream->expires_never();  // the WebSocket has timeouts of its own
}

asio::awaitable<void> run_plain(std::shared_ptr<Conversation> with) {
  const auto executor = co_await asio::this_coro::executor;
  auto tcp = std::make_shared<beast::tcp_stream>(executor);
  co_await connect(tcp, with);
  auto stream = std::make_shared<WebSocket<beast::tcp_stream>>(std::move(*tcp));
  co_await converse(stream, with);
}

asio::awaitable<void> run_tls(std::shared_ptr<Conversation> with) {
  const auto executor = co_await asio::this_coro::executor;
  const std::string host = with->address.origin->host;
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_default_verify_paths();
  context.set_verify_mode(asio::ssl::verify_peer);
  auto tcp = std::make_shared<beast::tcp_stream>(executor);
  co_await connect(tcp, with);
  beast::ssl_stream<beast::tcp_stream> tls(std::move(*tcp), context);
  tls.set_verify_callback(asio::ssl::host_name_verification(host));
  SSL_set_tlsext_host_name(tls.native_handle(), host.c_str());
  co_await tls.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  auto stream = std::make_shared<WebSocket<beast::ssl_stream<beast::tcp_stream>>>(std::move(tls));
  co_await converse(stream, with);
}

asio::awaitable<void> run(std::shared_ptr<Conversation> with) {
  const bool tls = with->address.origin->scheme == net::Scheme::kHttps;
  try {
    if (tls) {
      co_await run_tls(with);
    } else {
      co_await run_plain(with);
    }
  } catch (const boost::system::system_error& failure) {
    with->error = nobody_answers(with->address, failure.code().message());
  }
}

}  // namespace

Result<void> read_websocket(const ServiceAddress& address, std::string target, std::function<void()> on_open,
                            std::function<bool(std::string_view)> on_message) {
  auto conversation = std::make_shared<Conversation>(
      Conversation{address, address.prefix + std::move(target), std::move(on_open), std::move(on_message), {}});
  asio::io_context context(1);
  asio::co_spawn(context, run(conversation), asio::detached);
  context.run();
  if (conversation->error) return fail(*std::move(conversation->error));
  return {};
}

}  // namespace datasync::cli
