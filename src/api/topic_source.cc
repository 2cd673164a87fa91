#include "api/topic_source.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <utility>

#include "api/topic_message.h"
#include "base/log.h"
#include "bus/kafka/topic.h"

namespace datasync::api {
namespace {

using pipeline::Receipt;

constexpr milliseconds kStartMax{15'000};
constexpr milliseconds kReadWait{100};
constexpr milliseconds kAnswerWait{20};
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kPauseMax{1'000};
constexpr const char* kOtherContent = "this id was used for an event with other content";
/// What a dead letter says of itself; headers of the same names are not taken over.
constexpr std::array<std::string_view, 4> kOwnHeaders{"error", "topic", "partition", "offset"};

/// Said of the event and not of the moment: it would be said again.
bool is_final(ErrorCode code) {
  return code == ErrorCode::kInvalid || code == ErrorCode::kTooLarge || code == ErrorCode::kConflict;
}

std::string words_of(const Problem& problem) {
  std::string words = problem.detail;
  for (std::size_t i = 1; i < problem.errors.size(); ++i) {
    const FieldError& error = problem.errors[i];
    words += fmt::format("; {}: {}", error.parameter.empty() ? error.pointer : error.parameter, error.detail);
  }
  return words;
}

/// What is told on another thread, waited for here.
template <typename T>
struct Told {
  std::mutex mutex;
  std::condition_variable wake;
  std::optional<T> value;

  void tell(T told) {
    const std::lock_guard lock(mutex);
    value = std::move(told);
    wake.notify_one();
  }
  std::optional<T> wait_for(milliseconds time) {
    std::unique_lock lock(mutex);
    wake.wait_for(lock, time, [this] { return value.has_value(); });
    return std::exchange(value, std::nullopt);
  }
};

}  // namespace

TopicSource::TopicSource(Parts parts, Options options) : parts_(std::move(parts)), options_(std::move(options)) {}

TopicSource::~TopicSource() {
  stop(milliseconds{0});
}

Result<void> TopicSource::prepare() {
  constexpr bool kAnyNumber = false;
  const auto found = bus::kafka::find_topics(options_.brokers, options_.topics, kStartMax);
  if (!found && found.error().code == ErrorCode::kInvalid) {
    return fail(ErrorCode::kInvalid,
                found.error().message + ", which KAFKA_INPUT_TOPICS names; create it, or take it out of there");
  }
  DATASYNC_TRY(found);
  return bus::kafka::prepare_topics(options_.brokers, {{options_.dead_letter_topic, 1, kAnyNumber}}, kStartMax);
}

Result<void> TopicSource::start() {
  auto producer = bus::kafka::Producer::make(options_.brokers, {});
  if (!producer) return fail(std::move(producer).error());
  producer_ = std::move(*producer);
  bus::kafka::GroupConsumer::Options reading;
  reading.brokers = options_.brokers;
  reading.group = options_.group;
  reading.topics = options_.topics;
  auto consumer = bus::kafka::GroupConsumer::make(reading);
  if (!consumer) return fail(std::move(consumer).error());
  consumer_ = std::move(*consumer);
  thread_ = std::thread([this] { run(); });
  return {};
}

void TopicSource::stop(milliseconds deadline) {
  if (!thread_.joinable()) return;
  stops_at_ = parts_.clock.steady_now() + deadline;
  stopping_ = true;
  thread_.join();
  producer_->stop(milliseconds{0});  // what was waited for is there
}

void TopicSource::run() {
  pthread_setname_np(pthread_self(), "kafka-topics");
  while (!stopping_) {
    auto messages = consumer_->take(options_.batch_max, kReadWait);
    if (!messages) {
      note(fmt::format("{} ({})", messages.error().message, messages.error().detail));
    } else if (!messages->empty()) {
      finish(read(std::move(*messages)));
    }
    lag_ = consumer_->lag();
  }
  consumer_->close();
}

TopicSource::Batch TopicSource::read(std::vector<Message> messages) const {
  const auto catalog = parts_.catalog();
  const TopicContext context{*catalog, parts_.clock.now(), options_.value_bytes_max};
  Batch batch;
  batch.reserve(messages.size());
  for (Message& message : messages) {
    auto submission = read_topic_message(message, context);
    Item item{std::move(message), {}, {}};
    if (submission) {
      item.submission = std::move(*submission);
    } else {
      item.why = words_of(submission.error());
    }
    batch.push_back(std::move(item));
  }
  return batch;
}

/// Until all of it is done, or belongs to another member, or the service stops: then it is read again.
void TopicSource::finish(Batch batch) {
  milliseconds wait = kFirstPause;
  bool one_by_one = false;
  for (;;) {
    std::erase_if(batch, [this](const Item& item) { return !consumer_->owns(item.message.place); });
    const auto left = [&batch] {
      return std::count_if(batch.begin(), batch.end(), [](const Item& item) { return !item.is_done; });
    };
    const auto before = left();
    if (before == 0) break;
    if (work_on(batch, one_by_one)) continue;
    wait = left() < before ? kFirstPause : std::min(2 * wait, kPauseMax);
    if (!pause(wait)) return;
  }
  commit(batch);
  note({});
}

/// One step; false where it has to be tried again after a while.
bool TopicSource::work_on(Batch& batch, bool& one_by_one) {
  if (!bury_all(batch)) return false;
  std::vector<Item*> items;
  for (Item& item : batch) {
    if (!item.is_done) items.push_back(&item);
  }
  if (items.empty()) return true;
  if (one_by_one) items.resize(1);
  const auto receipts = submit(items);
  return receipts && apply(*receipts, items, one_by_one);
}

bool TopicSource::bury_all(Batch& batch) {
  std::size_t count = 0;
  bool all = true;
  for (Item& item : batch) {
    if (item.is_done || item.why.empty()) continue;
    all = bury(item.message, item.why);
    if (!all) break;
    item.is_done = true;
    ++count;
  }
  if (count > 0) log::warning("{} messages of input topics are dead letters in {}", count, options_.dead_letter_topic);
  return all;
}

/// True once Kafka has it.
bool TopicSource::bury(const Message& message, const std::string& why) {
  bus::kafka::Producer::Message letter{
      options_.dead_letter_topic, bus::kafka::Producer::kByKey, message.key, message.value, {}};
  for (const auto& [name, text] : message.headers) {
    const bool is_own = std::find(kOwnHeaders.begin(), kOwnHeaders.end(), name) != kOwnHeaders.end();
    if (!is_own) letter.headers.emplace_back(name.c_str(), text);
  }
  letter.headers.emplace_back("error", why);
  letter.headers.emplace_back("topic", message.place.topic);
  letter.headers.emplace_back("partition", std::to_string(message.place.partition));
  letter.headers.emplace_back("offset", std::to_string(message.offset));
  auto kept = keep(letter);
  if (!kept && kept.error().code == ErrorCode::kTooLarge) {
    // Where it stands is all that can be kept of it.
    letter.key.clear();
    letter.value.clear();
    std::erase_if(letter.headers, [](const auto& header) {
      return std::find(kOwnHeaders.begin(), kOwnHeaders.end(), header.first) == kOwnHeaders.end();
    });
    kept = keep(letter);
  }
  if (kept) {
    dead_letters_.fetch_add(1, std::memory_order_relaxed);
  } else {
    note(fmt::format("a dead letter is not kept: {} ({})", kept.error().message, kept.error().detail));
  }
  return kept.has_value();
}

/// Returns once Kafka has it, or will not have it. The producer has a time-out of its own.
Result<std::int64_t> TopicSource::keep(const bus::kafka::Producer::Message& letter) {
  const auto told = std::make_shared<Told<Result<std::int64_t>>>();
  DATASYNC_TRY(producer_->append(letter, [told](Result<std::int64_t> offset) { told->tell(std::move(offset)); }));
  bool is_first = true;
  while (!is_over()) {
    auto kept = told->wait_for(std::exchange(is_first, false) ? kReadWait : kAnswerWait);
    if (kept) return *std::move(kept);
    consumer_->hold(milliseconds{0});
  }
  return fail(ErrorCode::kUnavailable, "the service is stopping");
}

/// None where there is no answer and the service stops.
std::optional<Result<TopicSource::Receipts>> TopicSource::submit(const std::vector<Item*>& items) {
  std::vector<pipeline::Submission> submissions;
  submissions.reserve(items.size());
  // Copies, since whoever accepts one stamps it, and it may have to be submitted again.
  for (const Item* item : items) {
    submissions.push_back({std::make_shared<Event>(*item->submission.event), item->submission.idempotency_key});
  }
  const auto told = std::make_shared<Told<Result<Receipts>>>();
  parts_.backend.accept(std::move(submissions), [told](Result<Receipts> receipts) { told->tell(std::move(receipts)); });
  bool is_first = true;
  while (!is_over()) {
    auto receipts = told->wait_for(std::exchange(is_first, false) ? kReadWait : kAnswerWait);
    if (receipts) return receipts;
    consumer_->hold(milliseconds{0});
  }
  return std::nullopt;
}

/// False where something has to be submitted again after a while.
bool TopicSource::apply(const Result<Receipts>& receipts, const std::vector<Item*>& items, bool& one_by_one) {
  if (!receipts) {
    const Error& error = receipts.error();
    if (!is_final(error.code)) {
      note(fmt::format("{} ({})", error.message, error.detail));
      return false;
    }
    if (items.size() == 1) items.front()->why = error.message;
    one_by_one = true;  // it is said of one of them
    return true;
  }
  bool all = true;
  for (std::size_t i = 0; i < items.size(); ++i) {
    switch ((*receipts)[i].status) {
      case Receipt::Status::kCreated:
      case Receipt::Status::kDuplicate:
        items[i]->is_done = true;
        taken_.fetch_add(1, std::memory_order_relaxed);
        break;
      case Receipt::Status::kMismatch:
        items[i]->why = kOtherContent;
        break;
      case Receipt::Status::kTooLarge:
        items[i]->why = (*receipts)[i].why;
        break;
      case Receipt::Status::kRefused:
        all = false;
        break;
    }
  }
  return all;
}

void TopicSource::commit(const Batch& batch) {
  bus::kafka::GroupConsumer::Offsets next;
  for (const Item& item : batch) next[item.message.place] = item.message.offset + 1;  // in order, so the last counts
  consumer_->commit(next);
}

bool TopicSource::pause(milliseconds time) {
  lag_ = consumer_->lag();
  const SteadyTime by = parts_.clock.steady_now() + time;
  while (!stopping_ && parts_.clock.steady_now() < by) consumer_->hold(kFirstPause);
  return !stopping_;
}

bool TopicSource::is_over() const {
  return stopping_ && parts_.clock.steady_now() >= stops_at_.load();
}

/// Says what has changed, once.
void TopicSource::note(const std::string& problem) {
  const std::string former = std::exchange(problem_, problem);
  if (former == problem) return;
  if (problem.empty()) return log::info("the input topics are taken again");
  log::warning("the input topics wait: {}; it goes on trying", problem);
}

}  // namespace datasync::api
