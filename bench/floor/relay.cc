#include "floor/relay.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "floor/bare_store.h"
#include "wire/sockets.h"

namespace datasync::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Body = std::shared_ptr<const std::string>;

/// Commits all that came while the commit before it was under way.
class StoreThread {
 public:
  using Stored = std::function<void(std::int64_t number)>;  ///< runs on the I/O thread

  StoreThread(asio::io_context& context, const std::string& file) : context_(context) {
    if (!file.empty()) thread_ = std::jthread([this, file](const std::stop_token& stop) { run(stop, file); });
  }

  void add(Body body, Stored stored) {
    if (!thread_.joinable()) return stored(0);
    const std::lock_guard lock(mutex_);
    added_.push_back({std::move(body), std::move(stored)});
    something_.notify_one();
  }

  /// Rides along with the next commit.
  void finish(std::int64_t number) {
    if (!thread_.joinable()) return;
    const std::lock_guard lock(mutex_);
    finished_.push_back(number);
  }

 private:
  struct Added {
    Body body;
    Stored stored;
  };

  void run(const std::stop_token& stop, const std::string& file) {
    BareStore store(file);
    std::vector<Added> added;
    std::vector<std::int64_t> finished;
    while (!stop.stop_requested()) {
      {
        std::unique_lock lock(mutex_);
        something_.wait(lock, stop, [this] { return !added_.empty(); });
        added.swap(added_);
        finished.swap(finished_);
      }
      std::vector<std::int64_t> numbers;
      store.begin();
      for (const Added& one : added) numbers.push_back(store.add_event(*one.body));
      for (const std::int64_t number : finished) store.finish_event(number);
      store.commit();
      asio::post(context_, [added = std::move(added), numbers = std::move(numbers)] {
        for (std::size_t i = 0; i < added.size(); ++i) added[i].stored(numbers[i]);
      });
      added.clear();
      finished.clear();
    }
  }

  asio::io_context& context_;
  std::mutex mutex_;
  std::condition_variable_any something_;
  std::vector<Added> added_;
  std::vector<std::int64_t> finished_;
  std::jthread thread_;
};

/// Kept-alive connections to one target; a request waits until one is free.
class Target {
 public:
  using Done = std::function<void()>;

  Target(asio::io_context& context, const std::string& url, std::size_t connections_max)
      : context_(context), address_(parse_address(url)), connections_max_(connections_max) {}

  void send(Body body, Done done) {
    waiting_.push_back({std::move(body), std::move(done)});
    if (!idle_.empty()) {
      Connection& connection = *idle_.back();
      idle_.pop_back();
      next(connection);
    } else if (connections_.size() < connections_max_) {
      Connection& connection = *connections_.emplace_back(std::make_unique<Connection>(context_));
      connection.stream.connect({asio::ip::make_address(address_.host), address_.port});
      connection.stream.socket().set_option(tcp::no_delay(true));
      next(connection);
    }
  }

 private:
  struct Delivery {
    Body body;
    Done done;
  };
  struct Connection {
    explicit Connection(asio::io_context& context) : stream(context) {}
    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    http::response<http::string_body> response;
    Done done;
  };

  void next(Connection& connection) {
    if (waiting_.empty()) return idle_.push_back(&connection);
    Delivery delivery = std::move(waiting_.front());
    waiting_.pop_front();
    connection.done = std::move(delivery.done);
    connection.request = {http::verb::post, address_.path.empty() ? "/" : address_.path, 11};
    connection.request.set(http::field::host, address_.host);
    connection.request.set(http::field::content_type, "application/json");
    connection.request.body() = *delivery.body;
    connection.request.prepare_payload();
    http::async_write(connection.stream, connection.request, [this, &connection](error_code error, std::size_t) {
      if (error) return give_up(error);
      connection.response = {};
      http::async_read(connection.stream, connection.buffer, connection.response,
                       [this, &connection](error_code read_error, std::size_t) {
                         if (read_error) return give_up(read_error);
                         connection.done();
                         next(connection);
                       });
    });
  }

  /// The floor measures a run without failures; anything else is no measurement.
  [[noreturn]] void give_up(error_code error) {
    std::fprintf(stderr, "target %s: %s\n", address_.host.c_str(), error.message().c_str());
    std::exit(1);
  }

  asio::io_context& context_;
  Address address_;
  std::size_t connections_max_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> idle_;
  std::deque<Delivery> waiting_;
};

}  // namespace

class Relay::Impl {
 public:
  explicit Impl(Options options)
      : acceptor_(context_, {asio::ip::address_v4::loopback(), options.port}), store_(context_, options.store_file) {
    for (const std::string& url : options.targets) {
      targets_.push_back(std::make_unique<Target>(context_, url, options.connections_max));
    }
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  void run() {
    accept();
    context_.run();
  }

 private:
  struct Session {
    explicit Session(tcp::socket socket) : stream(std::move(socket)) {}
    beast::tcp_stream stream;
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    http::response<http::string_body> response;
  };
  using SessionPointer = std::shared_ptr<Session>;

  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (error) return;
      socket.set_option(tcp::no_delay(true));
      read(std::make_shared<Session>(std::move(socket)));
      accept();
    });
  }

  void read(const SessionPointer& session) {
    session->request = {};
    http::async_read(session->stream, session->buffer, session->request,
                     [this, session](error_code error, std::size_t) {
                       if (!error) take(session);
                     });
  }

  void take(const SessionPointer& session) {
    const auto body = std::make_shared<const std::string>(std::move(session->request.body()));
    store_.add(body, [this, session, body](std::int64_t number) {
      answer(session);
      const auto left = std::make_shared<std::size_t>(targets_.size());
      for (const auto& target : targets_) {
        target->send(body, [this, left, number] {
          if (--*left == 0) store_.finish(number);
        });
      }
    });
  }

  void answer(const SessionPointer& session) {
    session->response = {http::status::created, 11};
    session->response.set(http::field::content_type, "application/json");
    session->response.body() = R"({"event_id":"01890000-0000-7000-8000-000000000000","status":"created"})";
    session->response.prepare_payload();
    http::async_write(session->stream, session->response, [this, session](error_code error, std::size_t) {
      if (!error) read(session);
    });
  }

  asio::io_context context_{1};
  tcp::acceptor acceptor_;
  std::vector<std::unique_ptr<Target>> targets_;
  StoreThread store_;  // last: its thread ends before what it calls back into
};

Relay::Relay(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Relay::~Relay() = default;
std::uint16_t Relay::port() const {
  return impl_->port();
}
void Relay::run() {
  impl_->run();
}

}  // namespace datasync::bench
