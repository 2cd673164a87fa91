#include "app/rate_poller.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "delivery/connectors/request_headers.h"
#include "net/url.h"

namespace datasync::app {
namespace {

constexpr seconds kFirstPause{30};  // after a failure; doubled by each further one, up to the interval
constexpr double kJitter = 0.1;     // so that many services do not ask in one second
constexpr seconds kLookMax{60};     // ages follow the wall clock, which may be set
constexpr std::uint32_t kDoublingsMax = 16;

std::string codes_of(const transform::Quotes& quotes) {
  std::string codes;
  for (const auto& [currency, quote] : quotes.rates) {
    if (quote.too_old) codes += (codes.empty() ? "" : ", ") + std::string(currency.code());
  }
  return codes;
}

}  // namespace

struct RatePoller::Mailbox {
  struct Letter {
    std::uint64_t generation;
    net::ClientResult result;
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Letter> letter;
  bool awake = false;  // something was configured
  bool stopping = false;

  void wake() {
    const std::lock_guard lock(mutex);
    awake = true;
    changed.notify_all();
  }
};

RatePoller::RatePoller(Parts parts)
    : parts_(std::move(parts)), file_(parts_.file), mailbox_(std::make_shared<Mailbox>()) {}

RatePoller::~RatePoller() {
  stop();
}

void RatePoller::configure(std::optional<RateSourceOptions> options, transform::RateTable table) {
  {
    const std::lock_guard lock(mutex_);
    table_ = std::move(table);
    if (options != options_) {
      options_ = std::move(options);
      ++generation_;
      next_ask_ = parts_.clock.steady_now();
      last_error_.clear();
      failures_ = 0;
    }
    if (options_ && !file_read_) read_file();
    // What stands for one unit of another base means something else.
    if (!options_ || quotes_.base != options_->base) {
      quotes_ = {};
      refused_.clear();
    }
    age();
    publish();
  }
  mailbox_->wake();
}

void RatePoller::read_file() {
  file_read_ = true;
  auto last_good = file_.read();
  if (!last_good) {
    log::warning("rates: the last good ones are not used: {}: {}", file_.path(), last_good.error().message);
  } else if (!last_good->rates.empty()) {
    quotes_ = *std::move(last_good);
    log::info("rates: {} last good ones were read", quotes_.rates.size());
  }
}

SteadyTime RatePoller::step() {
  std::optional<Mailbox::Letter> letter;
  {
    const std::lock_guard lock(mailbox_->mutex);
    letter.swap(mailbox_->letter);
    mailbox_->awake = false;
  }
  std::unique_lock lock(mutex_);
  if (letter) {
    under_way_ = false;
    if (options_ && letter->generation == generation_) hear(std::move(letter->result));
  }
  if (unwritten_) {
    const transform::Quotes quotes = *std::exchange(unwritten_, std::nullopt);
    lock.unlock();  // a slow disk must not keep anybody from asking how things stand
    const auto written = file_.write(quotes);
    lock.lock();
    if (!written && !write_failed_) {
      log::warning("rates: a restart would not know the last good ones: {}", written.error().message);
    }
    write_failed_ = !written;
  }
  const SteadyTime now = parts_.clock.steady_now();
  if (!options_) return now + kLookMax;
  age();
  if (!under_way_ && next_ask_ <= now) {
    under_way_ = true;
    net::ClientRequest request = make_request();
    auto callback = [mailbox = mailbox_, generation = generation_](net::ClientResult result) {
      const std::lock_guard answered(mailbox->mutex);
      mailbox->letter.emplace(generation, std::move(result));
      mailbox->changed.notify_all();
    };
    lock.unlock();
    parts_.sender.send(std::move(request), std::move(callback));
    return now + kLookMax;
  }
  const auto aging = std::max(microseconds{0}, next_aging_ - parts_.clock.now()) + milliseconds{1};
  const SteadyTime look = now + std::min<microseconds>(aging, kLookMax);
  return under_way_ ? look : std::min(look, next_ask_);
}

/// The answer to a request of ours.
void RatePoller::hear(net::ClientResult result) {
  const auto taken = take(result);
  if (taken) {
    note_success();
  } else {
    note_failure(taken.error().message);
  }
  const double jitter = 1 + kJitter * (2 * parts_.random.unit() - 1);
  const auto wait = std::chrono::duration<double>(pause()) * jitter;
  next_ask_ = parts_.clock.steady_now() + std::chrono::duration_cast<microseconds>(wait);
}

Result<void> RatePoller::take(const net::ClientResult& result) {
  constexpr int kOk = 200;
  if (!result) return fail(ErrorCode::kUnavailable, "no answer: " + result.error().message);
  if (result->status != kOk) return fail(ErrorCode::kUnavailable, "it answers " + std::to_string(result->status));
  auto answer = read_rate_answer(*options_, result->body, parts_.clock.now());
  if (!answer) return fail(std::move(answer).error());
  auto taken = take_rates(*options_, table_, quotes_, *std::move(answer));
  if (!taken) return fail(std::move(taken).error());
  warn_of_refused(taken->refused);
  refused_ = std::move(taken->refused);
  heard_at_ = parts_.clock.now();
  if (taken->quotes == quotes_) return {};
  quotes_ = std::move(taken->quotes);
  Timestamp unused{};
  age_rates(quotes_, options_->max_age, parts_.clock.now(), unused);
  unwritten_ = quotes_;
  publish();
  return {};
}

void RatePoller::note_failure(const std::string& message) {
  if (last_error_.empty()) {
    log::warning("rates: {}: {}; the last good ones stay until they are {} h old", origin(), message,
                 options_->max_age.count());
  }
  last_error_ = message;
  failures_ = std::min(failures_ + 1, kDoublingsMax);
}

void RatePoller::note_success() {
  if (!last_error_.empty()) log::info("rates: {} answers as it should again", origin());
  last_error_.clear();
  failures_ = 0;
}

void RatePoller::warn_of_refused(const std::map<Currency, std::string>& refused) {
  for (const auto& [currency, why] : refused) {
    if (refused_.contains(currency)) continue;  // it was said once
    log::warning("rates: {}: the rate for {} is not taken: it {}", origin(), currency.code(), why);
  }
}

/// Notes and tells what has become too old.
void RatePoller::age() {
  next_aging_ = Timestamp::max();
  if (!options_) return;
  const bool was_well = codes_of(quotes_).empty();
  if (!age_rates(quotes_, options_->max_age, parts_.clock.now(), next_aging_)) return;
  const std::string too_old = codes_of(quotes_);
  if (was_well && !too_old.empty()) {
    log::warning("rates: older than {} h, so nothing is converted at them any more: {}", options_->max_age.count(),
                 too_old);
  }
  publish();
}

void RatePoller::publish() {
  parts_.publish(quotes_);
}

net::ClientRequest RatePoller::make_request() const {
  const auto url = net::parse_url(options_->address);  // it was read before, when the configuration was
  const auto headers = delivery::RequestHeaders::make(options_->credential, options_->headers);
  net::ClientRequest request;
  request.method = net::Method::kGet;
  if (url) {
    request.origin = url->origin;
    request.target = url->target;
  }
  if (headers) headers->append(request.header_block, TenantId(), {}, {});
  request.deadline = options_->timeout;
  return request;
}

seconds RatePoller::pause() const {
  if (failures_ == 0) return options_->interval;
  return std::min(options_->interval, kFirstPause * (1 << (failures_ - 1)));
}

/// Without path and query, which may hold a key.
std::string RatePoller::origin() const {
  const auto url = net::parse_url(options_->address);
  return url ? url->origin->str() : "the source";
}

std::optional<api::RateSourceStatus> RatePoller::status() const {
  const std::lock_guard lock(mutex_);
  if (!options_) return std::nullopt;
  api::RateSourceStatus status;
  status.source = origin();
  for (const auto& [currency, quote] : quotes_.rates) {
    if (quote.too_old) status.too_old.emplace_back(currency.code());
    status.as_of = status.as_of ? std::max(*status.as_of, quote.as_of) : quote.as_of;
  }
  for (const auto& [currency, why] : refused_) status.refused.emplace(currency.code(), why);
  status.currencies = quotes_.rates.size();
  status.heard_at = heard_at_;
  status.last_error = last_error_;
  status.degraded = quotes_.rates.empty() || !status.too_old.empty() || !refused_.empty();
  return status;
}

void RatePoller::start() {
  thread_ = std::thread([this] { run(); });
}

void RatePoller::stop() {
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->stopping = true;
    mailbox_->changed.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void RatePoller::run() {
  while (true) {
    const SteadyTime next = step();
    const auto wait = std::max(microseconds{0}, next - parts_.clock.steady_now());
    std::unique_lock lock(mailbox_->mutex);
    mailbox_->changed.wait_for(lock, wait,
                               [this] { return mailbox_->stopping || mailbox_->awake || mailbox_->letter; });
    if (mailbox_->stopping) return;
  }
}

}  // namespace datasync::app
