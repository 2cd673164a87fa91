#include "bus/kafka/producer.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <optional>
#include <string_view>

#include "base/log.h"
#include "bus/kafka/client.h"

namespace datasync::bus::kafka {
namespace {

constexpr int kPollMs = 50;
constexpr int kPurgeAll = RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT;
constexpr const char* kNotKept = "Kafka did not keep the event in time; try again later";

/// `limit`: who set it, and how much it is.
Error too_large(std::size_t bytes, std::string_view limit) {
  return {
      ErrorCode::kTooLarge,
      fmt::format("the event takes {} bytes in Kafka, more than {}; make it smaller, for example by a link in place of "
                  "what is long in it",
                  bytes, limit),
      {}};
}

std::size_t bytes_of(const Producer::Message& message) {
  std::size_t bytes = message.key.size() + message.value.size();
  for (const auto& [name, text] : message.headers) bytes += std::string_view(name).size() + text.size();
  return bytes;
}

std::size_t bytes_of(const rd_kafka_message_t& message) {
  std::size_t bytes = message.key_len + message.len;
  for (const auto& [name, text] : read_headers(message)) bytes += name.size() + text.size();
  return bytes;
}

/// What failed before it left was not kept; of everything else nobody knows.
Stage stage_of(const rd_kafka_message_t& message) {
  return rd_kafka_message_status(&message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED ? Stage::kBefore : Stage::kDuring;
}

bool was_purged(const rd_kafka_message_t& message) {
  return message.err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message.err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

Error error_of(const rd_kafka_message_t& message) {
  const std::size_t bytes = bytes_of(message);
  if (message.err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE && bytes > kBatchBytesMax) {
    return too_large(bytes, fmt::format("the topic {} takes (its max.message.bytes, which its operator can raise)",
                                        rd_kafka_topic_name(message.rkt)));
  }
  return unavailable(kNotKept, message.err, stage_of(message));
}

}  // namespace

class Producer::Impl {
 public:
  Impl(std::string brokers, Options options) : brokers_(std::move(brokers)), options_(options) {}

  ~Impl() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

  Result<void> start() {
    auto client = open();
    if (!client) return fail(std::move(client).error());
    client_ = std::shared_ptr<rd_kafka_t>(client->release(), FreeClient{});
    thread_ = std::thread([this] { run(); });
    return {};
  }

  Result<void> append(const Message& message, Callback callback, std::optional<Turn> turn) {
    std::vector<rd_kafka_vu_t> parts;
    const auto add = [&parts](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
      parts.emplace_back().vtype = type;
      return parts.back();
    };
    add(RD_KAFKA_VTYPE_TOPIC).u.cstr = message.topic.c_str();
    add(RD_KAFKA_VTYPE_PARTITION).u.i32 = message.partition == kByKey ? RD_KAFKA_PARTITION_UA : message.partition;
    add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
    auto& value = add(RD_KAFKA_VTYPE_VALUE).u.mem;
    value.ptr = const_cast<char*>(message.value.data());
    value.size = message.value.size();
    auto& key = add(RD_KAFKA_VTYPE_KEY).u.mem;
    key.ptr = const_cast<char*>(message.key.data());
    key.size = message.key.size();
    for (const auto& [name, text] : message.headers) {
      auto& header = add(RD_KAFKA_VTYPE_HEADER).u.header;
      header.name = name;
      header.val = text.data();
      header.size = static_cast<ssize_t>(text.size());
    }
    auto& opaque = add(RD_KAFKA_VTYPE_OPAQUE).u.ptr;
    const std::lock_guard lock(mutex_);  // what is given up at once lies wholly before, or behind
    if (stopping_) return fail(ErrorCode::kUnavailable, "the service is stopping");
    if (is_giving_up_ || (turn && *turn != turn_)) return fail(ErrorCode::kUnavailable, kNotKept);
    waiting_.push_back({std::move(callback), std::chrono::steady_clock::now(), turn_, {}});
    waiting_.back().self = std::prev(waiting_.end());
    opaque = &waiting_.back();
    const std::unique_ptr<rd_kafka_error_t, decltype(&rd_kafka_error_destroy)> refused(
        rd_kafka_produceva(client_.get(), parts.data(), parts.size()), &rd_kafka_error_destroy);
    if (!refused) return {};
    waiting_.pop_back();
    const rd_kafka_resp_err_t why = rd_kafka_error_code(refused.get());
    if (why == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
      return fail(ErrorCode::kOverloaded, "too many events wait for Kafka; try again later");
    }
    if (why == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE) {
      return fail(
          too_large(bytes_of(message), fmt::format("the {} that an event may have with Kafka", kMessageBytesMax)));
    }
    return fail(unavailable(kNotKept, why));
  }

  Turn turn() const {
    const std::lock_guard lock(mutex_);
    return turn_;
  }

  bool stop(milliseconds deadline) {
    if (!thread_.joinable()) return true;
    const auto client = present();
    // Reports are served by our thread; this only hurries what lingers, and waits.
    const bool all = rd_kafka_flush(client.get(), static_cast<int>(deadline.count())) == RD_KAFKA_RESP_ERR_NO_ERROR;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;  // before the purge: else what is appended behind it might be kept
    }
    if (!all) rd_kafka_purge(client.get(), kPurgeAll);
    thread_.join();
    return all;
  }

 private:
  /// One that was appended and has no report yet.
  struct Waiting {
    Callback callback;
    std::chrono::steady_clock::time_point since;
    Turn turn;  ///< once it is not the present one any more, this one is given up
    std::list<Waiting>::iterator self;
  };

  Result<Client> open() const {
    return make_client(RD_KAFKA_PRODUCER,
                       {{"bootstrap.servers", brokers_},
                        {"client.id", "data-sync"},
                        {"enable.idempotence", "true"},
                        {"acks", "all"},
                        {"linger.ms", std::to_string(options_.linger.count())},
                        // The client gives up one by one, and goes on with the next; so we come before it.
                        {"message.timeout.ms", std::to_string(2 * options_.timeout.count())},
                        {"queue.buffering.max.messages", std::to_string(options_.waiting_max)},
                        {"queue.buffering.max.kbytes", std::to_string(options_.waiting_bytes_max / 1024)},
                        {"message.max.bytes", std::to_string(kMessageBytesMax)},
                        {"batch.size", std::to_string(kBatchBytesMax)},
                        {"reconnect.backoff.max.ms", "1000"},
                        {"socket.nagle.disable", "true"}},
                       RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
  }

  std::shared_ptr<rd_kafka_t> present() const {
    const std::lock_guard lock(mutex_);
    return client_;
  }

  void run() {
    pthread_setname_np(pthread_self(), "kafka-out");
    auto client = present();
    std::optional<Queue> queue(rd_kafka_queue_get_main(client.get()));
    // When stopping, what is still without a report gets one: it was purged.
    while (!stopping_ || rd_kafka_outq_len(client.get()) > 0) {
      serve(queue->get(), kPollMs);
      if (is_late()) give_up("it did not answer in time");
      if (stopping_) rd_kafka_purge(client.get(), kPurgeAll);
      if (rd_kafka_fatal_error(client.get(), nullptr, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
      if (!replace(client)) continue;
      while (rd_kafka_outq_len(client.get()) > 0) serve(queue->get(), kPollMs);
      queue.reset();
      client = present();
      queue.emplace(rd_kafka_queue_get_main(client.get()));
    }
    queue.reset();
  }

  bool is_late() const {
    const auto late = std::chrono::steady_clock::now() - options_.timeout;
    const std::lock_guard lock(mutex_);
    return !waiting_.empty() && waiting_.front().turn == turn_ && waiting_.front().since <= late;
  }

  /// All that is under way, at once. Nothing is appended meanwhile: the purge is done by the brokers' threads, one
  /// after the other, and what slips in before it would be lost while what follows is kept. So it is waited for,
  /// without the mutex, which may be held for moments only. For this thread.
  void give_up(std::string_view why) {
    std::size_t count = 0;
    {
      const std::lock_guard lock(mutex_);
      const auto is_present = [this](const Waiting& one) { return one.turn == turn_; };
      count = static_cast<std::size_t>(std::count_if(waiting_.begin(), waiting_.end(), is_present));
      ++turn_;
      is_giving_up_ = true;
    }
    rd_kafka_purge(client_.get(), kPurgeAll);  // only this thread changes it
    {
      const std::lock_guard lock(mutex_);
      is_giving_up_ = false;
    }
    const auto now = std::chrono::steady_clock::now();
    if (told_ && now - *told_ < options_.timeout) return;  // a broker that refuses all does so many times a second
    told_ = now;
    log::warning("Kafka did not keep an event: {}; all {} under way are given up, and have to be sent again", why,
                 count);
  }

  void serve(rd_kafka_queue_t* queue, int wait_ms) {
    const Event event(rd_kafka_queue_poll(queue, wait_ms));
    if (!event) return;
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_DR) return;
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event.get())) {
      const auto [callback, is_present] = take_waiting(*static_cast<Waiting*>(message->_private));
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        callback(message->offset);
        continue;
      }
      Error error = error_of(*message);
      // Before it is told: whoever hears of it may append it again, behind what is under way.
      if (is_present && !was_purged(*message) && error.code != ErrorCode::kTooLarge) give_up(error.detail);
      callback(fail(std::move(error)));
    }
  }

  /// Its callback, and whether it is of the present turn.
  std::pair<Callback, bool> take_waiting(Waiting& waiting) {
    const std::lock_guard lock(mutex_);
    std::pair<Callback, bool> taken(std::move(waiting.callback), waiting.turn == turn_);
    waiting_.erase(waiting.self);
    return taken;
  }

  /// A client that can't promise order any more takes nothing; another one can. What the former still has is reported
  /// as lost, and is asked for again by who wants it.
  bool replace(const std::shared_ptr<rd_kafka_t>& former) {
    auto fresh = open();
    if (!fresh) {
      log::error("the Kafka client can't be replaced: {} ({})", fresh.error().message, fresh.error().detail);
      return false;
    }
    log::warning("the Kafka client is replaced: it could not keep its order");
    const std::lock_guard lock(mutex_);
    ++turn_;
    client_ = std::shared_ptr<rd_kafka_t>(fresh->release(), FreeClient{});
    rd_kafka_purge(former.get(), kPurgeAll);
    return true;
  }

  const std::string brokers_;
  const Options options_;
  mutable std::mutex mutex_;  // guards what follows
  std::shared_ptr<rd_kafka_t> client_;
  std::list<Waiting> waiting_;  // as they were appended
  Turn turn_ = 0;
  bool is_giving_up_ = false;

  std::optional<std::chrono::steady_clock::time_point> told_;  // that something was given up; our thread's
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

Producer::Producer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Producer::~Producer() = default;

Result<std::unique_ptr<Producer>> Producer::make(const std::string& brokers, Options options) {
  auto impl = std::make_unique<Impl>(brokers, options);
  DATASYNC_TRY(impl->start());
  return std::unique_ptr<Producer>(new Producer(std::move(impl)));
}

Result<void> Producer::append(const Message& message, Callback callback, std::optional<Turn> turn) {
  return impl_->append(message, std::move(callback), turn);
}

Producer::Turn Producer::turn() const {
  return impl_->turn();
}

bool Producer::stop(milliseconds deadline) {
  return impl_->stop(deadline);
}

}  // namespace datasync::bus::kafka
