#include "pipeline/event_log.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "bus/kafka/topic.h"
#include "pipeline/log_entry.h"

namespace datasync::pipeline {
namespace {

constexpr int kPartitions = static_cast<int>(storage::kShardCount);
constexpr milliseconds kStartMax{15'000};
constexpr milliseconds kReadWait{20};
constexpr milliseconds kTryAgainAfter{50};
constexpr milliseconds kBrokersTimeout{2'000};
constexpr seconds kLookEvery{1};
constexpr int kSilencesMax = 2;              // a broker that is only slow has answered by then
constexpr milliseconds kPositionsEvery{10};  // looked up by who waits for another instance
constexpr const char* kWriterHeader = "writer";

Error away() {
  return {ErrorCode::kUnavailable, "Kafka does not answer; try again later", {}};
}

std::vector<std::int32_t> partitions_of(const storage::Shards& shards) {
  std::vector<std::int32_t> partitions;
  for (std::size_t shard = 0; shard < shards.size(); ++shard) {
    if (shards.test(shard)) partitions.push_back(static_cast<std::int32_t>(shard));
  }
  return partitions;
}

/// The client that waits for it here; 0: none does.
std::uint64_t token_of(const bus::kafka::Consumer::Message& message, std::string_view writer) {
  const auto header = message.header(kWriterHeader);
  if (!header || !header->starts_with(writer)) return 0;
  const std::string_view digits = std::string_view(*header).substr(writer.size());
  std::uint64_t token = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), token);
  return error == std::errc{} && end == digits.data() + digits.size() ? token : 0;
}

}  // namespace

/// A client's, until each of its events has a receipt.
struct EventLog::Answer {
  std::mutex mutex;
  std::vector<Receipt> receipts;
  std::vector<bool> stamped;  ///< the id is ours, and nobody can have had it before
  std::optional<Error> error;
  std::size_t left = 0;
  AcceptCallback callback;

  void set(std::size_t index, Receipt receipt) {
    const std::lock_guard lock(mutex);
    // Nobody else knows an id of ours: what is there already under it came from this very entry.
    const bool is_own = stamped[index] && receipts[index].id == receipt.id;
    if (is_own && receipt.status == Receipt::Status::kDuplicate) receipt.status = Receipt::Status::kCreated;
    receipts[index] = std::move(receipt);
    one_less();
  }
  void refuse(std::size_t index, const Error& why) {
    const std::lock_guard lock(mutex);
    if (why.code == ErrorCode::kTooLarge) {
      const EventId id = stamped[index] ? EventId() : receipts[index].id;
      receipts[index] = {Receipt::Status::kTooLarge, id, why.message};
    } else {
      receipts[index].status = Receipt::Status::kRefused;
      error = why;
    }
    one_less();
  }

 private:
  void one_less() {
    if (--left > 0) return;
    const bool none = std::all_of(receipts.begin(), receipts.end(),
                                  [](const Receipt& one) { return one.status == Receipt::Status::kRefused; });
    if (error && none) return callback(fail(*error));
    callback(std::move(receipts));
  }
};

EventLog::EventLog(Parts parts, Options options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      writer_(fmt::format("{:016x}:", parts_.random.next())),
      uuids_(parts_.clock, parts_.random),
      next_(storage::kShardCount, -1),
      ends_(storage::kShardCount, 0) {}

EventLog::~EventLog() {
  stop(milliseconds{0});
}

Result<void> EventLog::start() {
  DATASYNC_TRY(bus::kafka::prepare_topics(
      options_.brokers, {{options_.topic, kPartitions}, {options_.dead_letter_topic, 1, false}}, kStartMax));
  bus::kafka::Producer::Options producing;
  producing.waiting_max = options_.waiting_max;
  auto producer = bus::kafka::Producer::make(options_.brokers, producing);
  if (!producer) return fail(std::move(producer).error());
  producer_ = std::move(*producer);
  auto consumer = bus::kafka::Consumer::make(options_.brokers, options_.topic, options_.ahead_bytes_max);
  if (!consumer) return fail(std::move(consumer).error());
  consumer_ = std::move(*consumer);
  DATASYNC_TRY(wait_for_leaders());
  connected_ = true;
  thread_ = std::thread([this] { run(); });
  return {};
}

/// A topic that was just made takes a moment until each of its partitions can be appended to.
Result<void> EventLog::wait_for_leaders() {
  const auto all = partitions_of(storage::Shards().set());
  const SteadyTime by = parts_.clock.steady_now() + kStartMax;
  while (true) {
    const auto ends = consumer_->ends(all, kBrokersTimeout);
    if (ends && ends->size() == all.size()) return {};
    if (parts_.clock.steady_now() >= by) {
      return fail(ErrorCode::kUnavailable,
                  fmt::format("not every partition of the topic {} has a leader; are all brokers up?", options_.topic),
                  ends ? std::string() : ends.error().detail);
    }
    static_cast<void>(wait(kTryAgainAfter));
  }
}

void EventLog::stop(milliseconds deadline) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  if (!producer_->stop(deadline)) log::warning("Kafka did not acknowledge in time what it was given last");
  // Whoever has an acknowledgement is answered by it; the engine's word comes after the next start.
  std::unordered_map<std::uint64_t, Waiting> left;
  {
    const std::lock_guard lock(mutex_);
    left.swap(waiting_);
  }
  for (const auto& [token, waiting] : left) {
    if (waiting.is_appended) {
      waiting.answer->set(waiting.index, waiting.answer->receipts[waiting.index]);
    } else {
      waiting.answer->refuse(waiting.index, {ErrorCode::kUnavailable, "the service is stopping", {}, Stage::kDuring});
    }
  }
}

void EventLog::accept(std::vector<Submission> submissions, AcceptCallback callback) {
  if (submissions.empty()) return callback(std::vector<Receipt>{});
  if (!connected_) return callback(fail(away()));
  const auto answer = std::make_shared<Answer>();
  answer->left = submissions.size();
  answer->callback = std::move(callback);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return answer->callback(fail(ErrorCode::kUnavailable, "the service is stopping"));
    if (waiting_.size() + submissions.size() > options_.waiting_max) {
      return answer->callback(fail(ErrorCode::kOverloaded, "too many events wait for Kafka; try again later"));
    }
    for (const Submission& submission : submissions) {
      Event& event = *submission.event;
      answer->stamped.push_back(event.id.empty() && submission.idempotency_key.empty());
      if (event.id.empty()) event.id = id_of_logged(submission, uuids_);
      event.created_at = parts_.clock.now();
      answer->receipts.push_back({Receipt::Status::kCreated, event.id});
    }
  }
  // Behind one that is not kept none is, or it would come before it when that is sent again.
  const auto turn = producer_->turn();
  std::optional<Error> refused;
  for (std::size_t i = 0; i < submissions.size(); ++i) {
    if (refused) {
      answer->refuse(i, *refused);
    } else if (auto done = append(answer, i, std::move(submissions[i]), turn); !done) {
      if (done.error().code != ErrorCode::kTooLarge) refused = std::move(done).error();  // else it never comes again
    }
  }
}

Result<void> EventLog::append(const std::shared_ptr<Answer>& answer, std::size_t index, Submission submission,
                              bus::kafka::Producer::Turn turn) {
  const std::size_t shard = storage::shard_of(submission.event->tenant);
  LogEntry entry = write_log_entry(submission);
  std::uint64_t token = 0;
  {
    const std::lock_guard lock(mutex_);
    token = ++last_token_;
    waiting_.emplace(token, Waiting{answer, index, shard});
  }
  entry.headers.emplace_back(kWriterHeader, writer_ + std::to_string(token));
  auto done = producer_->append(
      {options_.topic, static_cast<std::int32_t>(shard), fmt::format("{:016x}", submission.event->order_key),
       std::move(entry.value), std::move(entry.headers)},
      [this, token](const Result<std::int64_t>& offset) { appended(token, offset); }, turn);
  if (!done) appended(token, fail(done.error()));
  return done;
}

std::optional<EventLog::Waiting> EventLog::take_waiting(std::uint64_t token) {
  const std::lock_guard lock(mutex_);
  const auto at = waiting_.find(token);
  if (at == waiting_.end()) return std::nullopt;
  Waiting waiting = std::move(at->second);
  waiting_.erase(at);
  return waiting;
}

void EventLog::appended(std::uint64_t token, const Result<std::int64_t>& offset) {
  if (!offset) {
    if (const auto waiting = take_waiting(token)) waiting->answer->refuse(waiting->index, offset.error());
    return;
  }
  appended_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    const auto at = waiting_.find(token);
    if (at == waiting_.end()) return;  // the engine was quicker
    ends_[at->second.shard] = std::max(ends_[at->second.shard], *offset + 1);
    const std::int64_t next = next_[at->second.shard];
    if (next >= 0 && *offset - next < options_.outcome_lag_max) {
      at->second.is_appended = true;
      at->second.until = parts_.clock.steady_now() + options_.outcome_wait;
      return;
    }
  }
  if (const auto waiting = take_waiting(token)) {
    waiting->answer->set(waiting->index, waiting->answer->receipts[waiting->index]);
  }
}

void EventLog::heard(std::uint64_t token, const Receipt& receipt) {
  if (const auto waiting = take_waiting(token)) waiting->answer->set(waiting->index, receipt);
}

/// Those whose events are kept and whose turn takes too long.
void EventLog::answer_late() {
  std::vector<Waiting> late;
  {
    const SteadyTime now = parts_.clock.steady_now();
    const std::lock_guard lock(mutex_);
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      const bool is_late = at->second.is_appended && at->second.until <= now;
      if (is_late) late.push_back(std::move(at->second));
      at = is_late ? waiting_.erase(at) : std::next(at);
    }
  }
  for (const Waiting& waiting : late) waiting.answer->set(waiting.index, waiting.answer->receipts[waiting.index]);
}

bool EventLog::catch_up(const storage::Reader::Tenants& tenants, milliseconds patience) {
  // One at a time: who asks holds a thread that others need.
  const std::unique_lock only(catching_up_, std::try_to_lock);
  if (!only || !connected_) return false;
  storage::Shards wanted;
  for (const TenantId& tenant : tenants) wanted.set(storage::shard_of(tenant));
  if (tenants.empty()) wanted.set();
  const SteadyTime by = parts_.clock.steady_now() + patience;
  const auto ends = consumer_->ends(partitions_of(wanted), kBrokersTimeout);
  if (!ends || ends->size() < wanted.count()) return false;
  auto reader = parts_.make_reader();
  if (!reader) return false;
  for (;;) {
    const auto positions = (*reader)->log_positions();
    if (!positions) return false;
    std::vector<std::int64_t> next(storage::kShardCount, 0);
    for (const storage::LogPosition& position : *positions) {
      if (position.log == options_.topic && position.shard < next.size()) next[position.shard] = position.next;
    }
    std::int64_t behind = 0;
    for (const auto& [partition, end] : *ends) {
      const std::int64_t missing = end - next[static_cast<std::size_t>(partition)];
      if (missing < 0) return false;  // the topic was made anew
      behind += missing;
    }
    if (behind == 0) return true;
    if (behind > options_.outcome_lag_max) return false;
    std::unique_lock lock(mutex_);
    if (stopping_ || parts_.clock.steady_now() >= by) return false;
    wake_.wait_for(lock, kPositionsEvery);
  }
}

EventLog::State EventLog::state() const noexcept {
  State state{connected_, 0, appended_, dead_letters_};
  const std::lock_guard lock(mutex_);
  for (std::size_t shard = 0; shard < next_.size(); ++shard) {
    if (next_[shard] >= 0) state.lag += std::max<std::int64_t>(0, ends_[shard] - next_[shard]);
  }
  return state;
}

void EventLog::run() {
  pthread_setname_np(pthread_self(), "kafka-in");
  while (wait(milliseconds{0})) {
    look_after();
    auto messages = consumer_->take(options_.batch_max, kReadWait);
    if (!messages) {
      log::error(
          "{}; what it had is lost: either its topic was made anew, or it kept events for too short a time. "
          "Stop the service, and say from where to go on in the table log_positions ({})",
          messages.error().message, messages.error().detail);
      continue;
    }
    if (!messages->empty()) feed(read(std::move(*messages)));
  }
}

/// What goes on whatever a batch waits for.
void EventLog::look_after() {
  answer_late();
  note(shards_problem_, follow_shards());
  look_at_brokers();
}

bool EventLog::wait(milliseconds time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, time, [this] { return stopping_; });
}

/// Reads the partitions of the shards that are here from where the store says, and no others.
Result<void> EventLog::follow_shards() {
  const storage::Shards held = parts_.shares == nullptr ? storage::Shards().set() : parts_.shares->held();
  const storage::Shards gone = assigned_ & ~held;
  const storage::Shards fresh = held & ~assigned_;
  if (gone.any()) {
    DATASYNC_TRY(consumer_->remove(partitions_of(gone)));
    assigned_ &= held;
    const std::lock_guard lock(mutex_);
    for (const std::int32_t partition : partitions_of(gone)) next_[static_cast<std::size_t>(partition)] = -1;
  }
  if (fresh.none()) return {};
  if (!positions_) {
    auto reader = parts_.make_reader();
    if (!reader) return fail(std::move(reader).error());
    positions_ = std::move(*reader);
  }
  const auto stored = positions_->log_positions();
  if (!stored) return fail(stored.error());
  bus::kafka::Consumer::Offsets from;
  for (const std::int32_t partition : partitions_of(fresh)) from[partition] = 0;
  for (const storage::LogPosition& position : *stored) {
    const auto at = from.find(static_cast<std::int32_t>(position.shard));
    if (position.log == options_.topic && at != from.end()) at->second = position.next;
  }
  DATASYNC_TRY(consumer_->add(from));
  assigned_ |= fresh;
  const std::lock_guard lock(mutex_);
  for (const auto& [partition, offset] : from) next_[static_cast<std::size_t>(partition)] = offset;
  return {};
}

void EventLog::look_at_brokers() {
  if (silences_ == 0 && parts_.clock.steady_now() < looked_at_ + kLookEvery) return;
  const auto partitions = partitions_of(assigned_.any() ? assigned_ : storage::Shards().set());
  const auto ends = consumer_->ends(partitions, kBrokersTimeout);
  looked_at_ = parts_.clock.steady_now();
  const bool answers = ends && !ends->empty();
  silences_ = answers ? 0 : silences_ + 1;
  if (silences_ > 0 && silences_ < kSilencesMax) return;
  if (!answers) {
    connected_ = false;
    const Error leaderless{ErrorCode::kUnavailable, "none of its partitions has a leader", {}};
    return note(brokers_problem_, fail(ends ? leaderless : ends.error()));
  }
  bool is_whole = true;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [partition, end] : *ends) {
      const auto shard = static_cast<std::size_t>(partition);
      ends_[shard] = end;
      if (end < next_[shard]) is_whole = false;
    }
  }
  // What came into it would be jumped over, as soon as it is as long as the former one.
  connected_ = is_whole;
  const Error cut{ErrorCode::kCorrupt,
                  "it ends before what was taken from it: it was made anew, or has lost events; "
                  "name another in KAFKA_TOPIC",
                  {}};
  note(brokers_problem_, is_whole ? Result<void>() : fail(cut));
}

EventLog::Batch EventLog::read(std::vector<Message> messages) const {
  Batch batch;
  for (Message& message : messages) {
    const auto shard = static_cast<std::size_t>(message.partition);
    // Of one partition they come in order, so the last one counts.
    const auto at = std::find_if(batch.positions.begin(), batch.positions.end(),
                                 [shard](const auto& one) { return one.shard == shard; });
    if (at == batch.positions.end()) {
      batch.positions.push_back({options_.topic, shard, message.offset + 1});
    } else {
      at->next = message.offset + 1;
    }
    auto submission = read_log_entry([&message](const char* name) { return message.header(name); }, message.value);
    if (submission && storage::shard_of(submission->event->tenant) != shard) {
      submission = fail(ErrorCode::kCorrupt, "an entry of the log stands in another tenant's partition");
    }
    if (!submission) {
      message.headers.emplace_back("error", submission.error().message);
      batch.damaged.push_back(std::move(message));
      continue;
    }
    batch.submissions.push_back(std::move(*submission));
    batch.tokens.push_back(token_of(message, writer_));
    batch.messages.push_back(std::move(message));
  }
  return batch;
}

/// Until it is taken, or is not ours any more, or the service stops: then it is read again.
void EventLog::feed(Batch batch) {
  for (const Message& message : batch.damaged) {
    if (!bury(message, *message.header("error"))) return;
  }
  for (;;) {
    keep_ours(batch);
    if (batch.positions.empty()) return;
    const auto receipts = ask_engine(batch);
    note(engine_problem_, receipts ? Result<void>() : fail(receipts.error()));
    if (receipts) return taken(batch, *receipts);
    if (!wait(kTryAgainAfter)) return;
    look_after();
  }
}

/// What belongs to another instance now it reads itself.
void EventLog::keep_ours(Batch& batch) const {
  std::erase_if(batch.positions, [this](const auto& one) { return !assigned_.test(one.shard); });
  Batch kept;
  for (std::size_t i = 0; i < batch.submissions.size(); ++i) {
    if (!assigned_.test(static_cast<std::size_t>(batch.messages[i].partition))) continue;
    kept.submissions.push_back(std::move(batch.submissions[i]));
    kept.tokens.push_back(batch.tokens[i]);
    kept.messages.push_back(std::move(batch.messages[i]));
  }
  kept.positions = std::move(batch.positions);
  batch = std::move(kept);
}

Result<std::vector<Receipt>> EventLog::ask_engine(const Batch& batch) {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable told;
    std::optional<Result<std::vector<Receipt>>> result;
  };
  const auto outcome = std::make_shared<Outcome>();
  parts_.engine.accept_logged(batch.submissions, batch.positions, [outcome](Result<std::vector<Receipt>> result) {
    const std::lock_guard lock(outcome->mutex);
    outcome->result = std::move(result);
    outcome->told.notify_one();
  });
  for (;;) {
    {
      std::unique_lock lock(outcome->mutex);
      if (outcome->told.wait_for(lock, kReadWait, [&] { return outcome->result.has_value(); })) {
        return std::move(*outcome->result);
      }
    }
    answer_late();
    look_at_brokers();  // the store may be away for long
  }
}

void EventLog::taken(const Batch& batch, const std::vector<Receipt>& receipts) {
  {
    const std::lock_guard lock(mutex_);
    for (const storage::LogPosition& position : batch.positions) {
      next_[position.shard] = position.next;
      ends_[position.shard] = std::max(ends_[position.shard], position.next);
    }
  }
  wake_.notify_all();
  for (std::size_t i = 0; i < receipts.size(); ++i) {
    const auto waiting = batch.tokens[i] == 0 ? std::nullopt : take_waiting(batch.tokens[i]);
    if (waiting) {
      waiting->answer->set(waiting->index, receipts[i]);
    } else if (receipts[i].status == Receipt::Status::kMismatch) {
      // Its client has been told that it is accepted.
      if (!bury(batch.messages[i], "this id or Idempotency-Key was used for an event with other content")) return;
    }
  }
}

/// Returns once Kafka has it, or false where the service stops before.
bool EventLog::bury(const Message& message, const std::string& why) {
  bus::kafka::Producer::Message letter{options_.dead_letter_topic, bus::kafka::Producer::kByKey, {}, message.value, {}};
  for (const char* name : kLogHeaders) {
    if (auto text = message.header(name)) letter.headers.emplace_back(name, std::move(*text));
  }
  letter.headers.emplace_back("error", why);
  letter.headers.emplace_back("partition", std::to_string(message.partition));
  letter.headers.emplace_back("offset", std::to_string(message.offset));
  const std::string id = message.header(kLogHeaders[0]).value_or("?");
  while (!bury(letter)) {
    if (!wait(kTryAgainAfter)) {
      log::error("event {} of partition {} at {} is no dead letter yet: {}", id, message.partition, message.offset,
                 why);
      return false;
    }
    look_after();
  }
  dead_letters_.fetch_add(1, std::memory_order_relaxed);
  log::warning("event {} of partition {} at {} is a dead letter: {}", id, message.partition, message.offset, why);
  return true;
}

/// Whether Kafka has taken it. Of what is too large for it the next try says only where it is.
bool EventLog::bury(bus::kafka::Producer::Message& letter) {
  struct Outcome {
    std::mutex mutex;
    std::condition_variable told;
    std::optional<Result<std::int64_t>> kept;
  };
  const auto outcome = std::make_shared<Outcome>();
  const auto done = producer_->append(letter, [outcome](const Result<std::int64_t>& offset) {
    const std::lock_guard lock(outcome->mutex);
    outcome->kept = offset;
    outcome->told.notify_one();
  });
  std::optional<Result<std::int64_t>> kept;
  if (!done) kept = fail(done.error());
  while (!kept) {
    {
      std::unique_lock lock(outcome->mutex);
      outcome->told.wait_for(lock, kReadWait, [&] { return outcome->kept.has_value(); });
      kept = outcome->kept;
    }
    answer_late();
  }
  if (!*kept && kept->error().code == ErrorCode::kTooLarge) letter.value.clear();
  return kept->has_value();
}

/// Says what has changed, once.
void EventLog::note(std::string& last, const Result<void>& outcome) {
  const std::string problem =
      outcome ? std::string() : fmt::format("{} ({})", outcome.error().message, outcome.error().detail);
  const std::string former = std::exchange(last, problem);
  if (former == problem) return;
  if (outcome) return log::info("Kafka's topic {} is well again", options_.topic);
  log::warning("Kafka's topic {}: {}; it goes on trying", options_.topic, problem);
}

}  // namespace datasync::pipeline
