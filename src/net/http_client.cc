#include "net/http_client.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "net/client_connection.h"
#include "net/client_pool.h"
#include "net/client_tls.h"
#include "net/io_threads.h"

namespace datasync::net {
namespace {

// Fewer requests than this are not worth waking a second thread.
constexpr std::size_t kSliceMin = 16;

/// What must not reach the wire, since it could end a line or a head early and forge another request.
bool is_well_formed(const ClientRequest& request) {
  const auto printable = [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; };
  const std::string_view block = request.header_block;
  return request.origin && request.method != Method::kOther && request.target.starts_with('/') &&
         std::all_of(request.target.begin(), request.target.end(), printable) &&
         (block.empty() || (block.ends_with("\r\n") && !block.starts_with("\r\n"))) &&
         block.find("\r\n\r\n") == std::string_view::npos && block.find('\0') == std::string_view::npos;
}

/// The share of one thread out of `count` in a limit of the whole client.
constexpr std::size_t share(std::size_t whole, std::size_t index, std::size_t count) {
  return whole / count + (index < whole % count ? 1 : 0);
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(IoThreads& threads, Options options)
      : threads_(threads), options_(std::move(options)), tls_(make_client_tls(options_)) {
    // A limit smaller than the number of threads is kept exactly, by using fewer threads.
    const auto count = std::max<std::size_t>(
        1, std::min({threads_.size(), options_.connections_per_origin_max, options_.connections_max}));
    for (std::size_t i = 0; i < count; ++i) {
      const ClientPool::Limits limits{std::max<std::size_t>(1, share(options_.connections_max, i, count)),
                                      std::max<std::size_t>(1, share(options_.connections_per_origin_max, i, count)),
                                      share(options_.waiting_per_origin_max, i, count)};
      pools_.push_back(std::make_unique<ClientPool>(threads_.at(i), options_, tls_, limits));
    }
  }

  void submit(PendingCallPtr call) {
    sent_.fetch_add(1, std::memory_order_relaxed);
    ClientPool* const here = current_pool();
    ClientPool& pool = here ? *here : next_pool();
    if (here) return hand_over(pool, std::move(call));
    pool.thread().post([&pool, moved = std::move(call)]() mutable { hand_over(pool, std::move(moved)); });
  }

  void submit_all(std::vector<PendingCallPtr> calls) {
    sent_.fetch_add(calls.size(), std::memory_order_relaxed);
    if (ClientPool* const here = current_pool()) return hand_over_all(*here, std::move(calls));
    const auto slices = std::clamp<std::size_t>((calls.size() + kSliceMin - 1) / kSliceMin, 1, pools_.size());
    auto begin = calls.begin();
    for (std::size_t i = 0; i < slices; ++i) {
      const auto end = begin + static_cast<std::ptrdiff_t>(share(calls.size(), i, slices));
      std::vector<PendingCallPtr> slice(std::make_move_iterator(begin), std::make_move_iterator(end));
      begin = end;
      ClientPool& pool = next_pool();
      pool.thread().post([&pool, moved = std::move(slice)]() mutable { hand_over_all(pool, std::move(moved)); });
    }
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    threads_.run_on_each([this](IoThread& thread) {
      if (thread.index() < pools_.size()) pools_[thread.index()]->stop();
    });
    // The failures were posted; and what was posted to us before is answered too.
    threads_.run_on_each([](IoThread&) {});
    threads_.run_on_each([](IoThread&) {});
  }

  Counters counters() const noexcept {
    Counters sum{};
    sum.sent = sent_.load(std::memory_order_relaxed);
    std::uint64_t completed = 0;
    for (const auto& pool : pools_) {
      pool->add_to(sum);
      completed += pool->completed();
    }
    sum.in_flight = static_cast<std::size_t>(sum.sent - std::min(sum.sent, completed));
    return sum;
  }

 private:
  static void hand_over(ClientPool& pool, PendingCallPtr call) {
    if (is_well_formed(call->call.request)) return pool.submit(std::move(call));
    pool.fail_call(std::move(call), {ErrorCode::kInvalid, "the request is malformed"});
  }
  static void hand_over_all(ClientPool& pool, std::vector<PendingCallPtr> calls) {
    for (PendingCallPtr& call : calls) hand_over(pool, std::move(call));
  }

  /// The pool of the thread that we are on; none elsewhere.
  ClientPool* current_pool() noexcept {
    IoThread* const here = IoThread::current();
    const bool ours = here != nullptr && here->index() < pools_.size() && &pools_[here->index()]->thread() == here;
    return ours ? pools_[here->index()].get() : nullptr;
  }
  ClientPool& next_pool() noexcept { return *pools_[turn_.fetch_add(1, std::memory_order_relaxed) % pools_.size()]; }

  IoThreads& threads_;
  const Options options_;
  boost::asio::ssl::context tls_;
  std::vector<std::unique_ptr<ClientPool>> pools_;
  std::atomic<std::size_t> turn_{0};
  std::atomic<std::uint64_t> sent_{0};
  bool stopped_ = false;
};

HttpClient::HttpClient(IoThreads& threads, Options options)
    : impl_(std::make_unique<Impl>(threads, std::move(options))) {}

HttpClient::~HttpClient() {
  stop();
}

void HttpClient::send_all(std::vector<ClientCall> calls) {
  if (calls.empty()) return;
  std::vector<PendingCallPtr> pending;
  pending.reserve(calls.size());
  for (ClientCall& call : calls) pending.push_back(std::make_unique<PendingCall>(std::move(call)));
  impl_->submit_all(std::move(pending));
}

void HttpClient::send(ClientRequest request, ClientCallback callback) {
  impl_->submit(std::make_unique<PendingCall>(ClientCall{std::move(request), std::move(callback)}));
}

void HttpClient::stop() {
  impl_->stop();
}

HttpClient::Counters HttpClient::counters() const noexcept {
  return impl_->counters();
}

}  // namespace datasync::net
