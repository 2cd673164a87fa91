#include "api/outcome_topic.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <utility>

#include "api/outcome_message.h"
#include "base/log.h"
#include "bus/kafka/topic.h"

namespace datasync::api {
namespace {

constexpr int kPartitions = 16;  // of a topic that is missing
constexpr milliseconds kStartMax{15'000};

bool has_outcome(const pipeline::Notice& notice) {
  const auto types = types_of(notice);
  return std::any_of(types.begin(), types.end(), is_outcome);
}

}  // namespace

OutcomeTopic::OutcomeTopic(pipeline::NoticeSink& next, Options options) : next_(next), options_(std::move(options)) {}

OutcomeTopic::~OutcomeTopic() {
  stop(milliseconds{0});
}

Result<void> OutcomeTopic::start() {
  constexpr bool kAnyNumber = false;
  DATASYNC_TRY(bus::kafka::prepare_topics(options_.brokers, {{options_.topic, kPartitions, kAnyNumber}}, kStartMax));
  bus::kafka::Producer::Options producing;
  producing.timeout = options_.timeout;
  producing.linger = milliseconds{5};  // nobody waits for one
  producing.waiting_max = options_.waiting_max;
  auto producer = bus::kafka::Producer::make(options_.brokers, producing);
  if (!producer) return fail(std::move(producer).error());
  producer_ = std::move(*producer);
  thread_ = std::thread([this] { run(); });
  return {};
}

void OutcomeTopic::stop(milliseconds deadline) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  if (!producer_->stop(deadline)) log::warning("Kafka did not take the last outcomes in time");
}

void OutcomeTopic::publish(std::vector<pipeline::Notice> notices) {
  const auto count = static_cast<std::size_t>(std::count_if(notices.begin(), notices.end(), has_outcome));
  bool is_full = false;
  if (count > 0) {
    Batch batch;
    batch.reserve(count);
    std::copy_if(notices.begin(), notices.end(), std::back_inserter(batch), has_outcome);
    const std::lock_guard lock(mutex_);
    is_full = waiting_count_ + count > options_.waiting_max || stopping_;
    if (!is_full) {
      waiting_count_ += count;
      waiting_.push_back(std::move(batch));
    }
  }
  if (is_full) {
    drop(count, "too many wait");
  } else if (count > 0) {
    wake_.notify_one();
  }
  if (next_.wants_notices()) next_.publish(std::move(notices));
}

void OutcomeTopic::run() {
  pthread_setname_np(pthread_self(), "outcomes");
  for (;;) {
    std::vector<Batch> batches;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      batches.swap(waiting_);
      waiting_count_ = 0;
    }
    for (const Batch& batch : batches) {
      for (const pipeline::Notice& notice : batch) append(notice);
    }
  }
}

void OutcomeTopic::append(const pipeline::Notice& notice) {
  for (const LiveType type : types_of(notice)) {
    if (!is_outcome(type)) continue;
    OutcomeMessage made = outcome_message(type, notice);
    const auto done = producer_->append({options_.topic, bus::kafka::Producer::kByKey, std::move(made.key),
                                         std::move(made.value), std::move(made.headers)},
                                        [this](const Result<std::int64_t>& offset) {
                                          if (!offset) return drop(1, offset.error().message);
                                          published_.fetch_add(1, std::memory_order_relaxed);
                                          if (is_dropping_.exchange(false)) log::info("outcomes are published again");
                                        });
    if (!done) drop(1, done.error().message);
  }
}

void OutcomeTopic::drop(std::uint64_t count, const std::string& why) {
  dropped_.fetch_add(count, std::memory_order_relaxed);
  if (!is_dropping_.exchange(true)) log::warning("outcomes are not published, and only counted: {}", why);
}

}  // namespace datasync::api
