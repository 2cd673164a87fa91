// What net/ costs: CPU per request served and per request sent over kept loopback connections, from the I/O threads'
// own CPU clocks, beside plain Beast coroutines without any timers or limits in either role.
//
//   net_bench [seconds a run] [connections]

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/time.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/io_threads.h"

namespace {

using namespace datasync;
using namespace datasync::net;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
constexpr asio::use_awaitable_t<Executor> kAwait;

std::string make_body() {
  return R"({"event_type":"user_updated","data":")" + std::string(560, 'x') + "\"}";
}
const char* const kAnswer = R"({"event_id":"01890a5d-ac96-774b-bcce-b302099a8057","status":"created"})";
std::string make_headers() {
  return "User-Agent: bench\r\nAccept: */*\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
         std::string(180, 'a') +
         "\r\nIdempotency-Key: 01890a5d-ac96-774b-bcce-b302099a8057\r\n"
         "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
}

double thread_cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double cpu_us(IoThreads& threads) {
  double sum = 0;
  threads.run_on_each([&](IoThread&) { sum += thread_cpu_us(); });
  return sum;
}

struct Settings {
  milliseconds time{3'000};
  int connections = 64;
};

/// A side that can be asked what its one I/O thread has used.
using CpuClock = std::function<double()>;

void report(const char* what, const CpuClock& cpu, const std::atomic<std::uint64_t>& count, const Settings& settings) {
  std::this_thread::sleep_for(settings.time / 4);  // warm
  const double before = cpu();
  const auto count_before = count.load();
  const auto start = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(settings.time);
  const double used = cpu() - before;
  const auto requests = static_cast<double>(count.load() - count_before);
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{:<58} {:6.2f} µs CPU a request  {:9.0f} requests/s\n", what, used / requests, requests / elapsed);
}

/// Our client, keeping `connections` requests under way against `port`.
class Load {
 public:
  Load(std::uint16_t port, const Settings& settings)
      : settings_(settings), origin_(make_origin(Scheme::kHttp, "127.0.0.1", port)) {
    HttpClientOptions options;
    options.connections_per_origin_max = static_cast<std::size_t>(settings.connections);
    client_.emplace(threads_, options);
    threads_.start();
    for (int i = 0; i < settings.connections; ++i) send();
  }
  ~Load() {
    stopping_ = true;
    client_->stop();
  }
  CpuClock cpu() {
    return [this] { return cpu_us(threads_); };
  }
  std::atomic<std::uint64_t> count{0};

 private:
  void send() {
    ClientRequest request;
    request.origin = origin_;
    request.target = "/sync/events";
    request.header_block = headers_;
    request.body = body_;
    client_->send(std::move(request), [this](ClientResult result) {
      if (stopping_) return;
      if (!result) std::abort();
      count.fetch_add(1, std::memory_order_relaxed);
      send();
    });
  }

  const Settings settings_;
  const OriginPtr origin_;
  const std::string headers_ = make_headers();
  const std::string body_ = make_body();
  SystemClock clock_;
  IoThreads threads_{1, clock_};
  std::optional<HttpClient> client_;
  std::atomic<bool> stopping_{false};
};

/// Answers all that came within a millisecond from one other thread, as a group commit does.
class CommitWindow {
 public:
  ~CommitWindow() {
    stopping_ = true;
    thread_.join();
    for (Responder& responder : take()) std::move(responder).send(json_response(201, kAnswer));
  }
  void add(Responder responder) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(responder));
  }

 private:
  std::vector<Responder> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }
  void run() {
    while (!stopping_) {
      std::this_thread::sleep_for(milliseconds{1});
      for (Responder& responder : take()) std::move(responder).send(json_response(201, kAnswer));
    }
  }
  std::mutex mutex_;
  std::vector<Responder> waiting_;
  std::atomic<bool> stopping_{false};
  std::thread thread_{[this] { run(); }};
};

void bench_ours(const Settings& settings) {
  SystemClock clock;
  IoThreads threads(1, clock);
  HttpServer server(threads, {});
  server.set_handler([](HttpRequest, Responder responder) { std::move(responder).send(json_response(201, kAnswer)); });
  const auto port = *server.listen("127.0.0.1", 0);
  threads.start();
  Load load(port, settings);
  report(
      "served: net, answered inside the handler", [&] { return cpu_us(threads); }, load.count, settings);
  report("sent:   net", load.cpu(), load.count, settings);
}

void bench_commit_window(const Settings& settings) {
  SystemClock clock;
  IoThreads threads(1, clock);
  HttpServer server(threads, {});
  CommitWindow window;
  server.set_handler([&](HttpRequest, Responder responder) { window.add(std::move(responder)); });
  const auto port = *server.listen("127.0.0.1", 0);
  threads.start();
  Load load(port, settings);
  report(
      "served: net, answered by another thread every ms", [&] { return cpu_us(threads); }, load.count, settings);
  report("sent:   net, to that server", load.cpu(), load.count, settings);
}

// The floor: as little as Beast's own types allow.

asio::awaitable<void, Executor> serve_plainly(Socket socket) {
  beast::flat_buffer buffer;
  for (;;) {
    http::request<http::string_body> request;
    boost::system::error_code error;
    co_await http::async_read(socket, buffer, request, asio::redirect_error(kAwait, error));
    if (error) co_return;
    http::response<http::string_body> response{http::status::created, 11};
    response.set(http::field::content_type, "application/json");
    response.body() = kAnswer;
    response.prepare_payload();
    co_await http::async_write(socket, response, asio::redirect_error(kAwait, error));
    if (error) co_return;
  }
}

asio::awaitable<void, Executor> accept_plainly(Acceptor& acceptor) {
  for (;;) {
    boost::system::error_code error;
    Socket socket = co_await acceptor.async_accept(asio::redirect_error(kAwait, error));
    if (error) co_return;
    socket.set_option(asio::ip::tcp::no_delay(true));
    asio::co_spawn(acceptor.get_executor(), serve_plainly(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void, Executor> send_plainly(Executor executor, std::uint16_t port, std::atomic<std::uint64_t>& count) {
  Socket socket(executor);
  boost::system::error_code error;
  const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  co_await socket.async_connect(endpoint, asio::redirect_error(kAwait, error));
  if (error) co_return;
  socket.set_option(asio::ip::tcp::no_delay(true));
  beast::flat_buffer buffer;
  const std::string body = make_body();
  for (;;) {
    http::request<http::string_body> request{http::verb::post, "/sync/events", 11};
    request.set(http::field::host, "127.0.0.1");
    request.set(http::field::user_agent, "bench");
    request.set(http::field::accept, "*/*");
    request.set(http::field::content_type, "application/json");
    request.set(http::field::authorization, "Bearer " + std::string(180, 'a'));
    request.set("Idempotency-Key", "01890a5d-ac96-774b-bcce-b302099a8057");
    request.set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    request.body() = body;
    request.prepare_payload();
    co_await http::async_write(socket, request, asio::redirect_error(kAwait, error));
    if (error) co_return;
    http::response<http::string_body> response;
    co_await http::async_read(socket, buffer, response, asio::redirect_error(kAwait, error));
    if (error) co_return;
    count.fetch_add(1, std::memory_order_relaxed);
  }
}

/// One thread that runs a context and can be asked for its CPU time.
class PlainThread {
 public:
  ~PlainThread() {
    context.stop();
    thread_.join();
  }
  asio::io_context context{1};
  CpuClock cpu() {
    return [this] {
      std::promise<double> used;
      asio::post(context, [&] { used.set_value(thread_cpu_us()); });
      return used.get_future().get();
    };
  }

 private:
  asio::executor_work_guard<Executor> work_{context.get_executor()};
  std::thread thread_{[this] { context.run(); }};
};

void bench_plain_server(const Settings& settings) {
  PlainThread plain;
  Acceptor acceptor(plain.context.get_executor(), {asio::ip::address_v4::loopback(), 0});
  asio::co_spawn(plain.context.get_executor(), accept_plainly(acceptor), asio::detached);
  Load load(acceptor.local_endpoint().port(), settings);
  report("served: Beast coroutine, typed executor, no timers", plain.cpu(), load.count, settings);
}

void bench_plain_client(const Settings& settings) {
  SystemClock clock;
  IoThreads threads(1, clock);
  HttpServer server(threads, {});
  server.set_handler([](HttpRequest, Responder responder) { std::move(responder).send(json_response(201, kAnswer)); });
  const auto port = *server.listen("127.0.0.1", 0);
  threads.start();
  std::atomic<std::uint64_t> count{0};
  PlainThread plain;
  const Executor executor = plain.context.get_executor();
  for (int i = 0; i < settings.connections; ++i) {
    asio::co_spawn(executor, send_plainly(executor, port, count), asio::detached);
  }
  report("sent:   Beast coroutine, typed executor, no timers", plain.cpu(), count, settings);
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  if (argc > 1) settings.time = seconds{std::max(1, std::atoi(argv[1]))};
  if (argc > 2) settings.connections = std::max(1, std::atoi(argv[2]));
  bench_ours(settings);
  bench_commit_window(settings);
  bench_plain_server(settings);
  bench_plain_client(settings);
}
