#include "bus/kafka/group_consumer.h"

#include <algorithm>
#include <deque>
#include <set>

#include "base/log.h"
#include "bus/kafka/client.h"

namespace datasync::bus::kafka {
namespace {

constexpr int kAnswerMsMax = 1'000;

using Place = GroupConsumer::Place;
using Message = GroupConsumer::Message;

struct FreeMessage {
  void operator()(rd_kafka_message_t* message) const noexcept { rd_kafka_message_destroy(message); }
};
using RawMessage = std::unique_ptr<rd_kafka_message_t, FreeMessage>;

std::string text_of(const void* data, std::size_t size) {
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), size);
}

Message read_message(const rd_kafka_message_t& raw) {
  Message message;
  message.place = {rd_kafka_topic_name(raw.rkt), raw.partition};
  message.offset = raw.offset;
  message.key = text_of(raw.key, raw.key_len);
  message.value = text_of(raw.payload, raw.len);
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t written_ms = rd_kafka_message_timestamp(&raw, &type);
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && written_ms >= 0) {
    message.written_at = Timestamp{milliseconds{written_ms}};
  }
  message.headers = read_headers(raw);
  return message;
}

std::vector<Place> places_of(const rd_kafka_topic_partition_list_t& list) {
  std::vector<Place> places;
  for (int i = 0; i < list.cnt; ++i) places.push_back({list.elems[i].topic, list.elems[i].partition});
  return places;
}

}  // namespace

class GroupConsumer::Impl {
 public:
  Result<void> start(const Options& options) {
    auto client = make_client(
        RD_KAFKA_CONSUMER,
        {{"bootstrap.servers", options.brokers},
         {"client.id", "data-sync"},
         {"group.id", options.group},
         {"partition.assignment.strategy", "cooperative-sticky"},
         {"session.timeout.ms", "10000"},
         {"heartbeat.interval.ms", "1000"},
         {"enable.auto.commit", "false"},
         {"enable.auto.offset.store", "false"},
         {"auto.offset.reset", "earliest"},
         {"check.crcs", "true"},
         {"queued.max.messages.kbytes", std::to_string(std::max<std::size_t>(options.ahead_bytes_max / 1024, 1))},
         {"queued.min.messages", "10000"},
         {"fetch.wait.max.ms", "100"},
         {"fetch.error.backoff.ms", "100"},
         {"reconnect.backoff.max.ms", "1000"},
         {"socket.nagle.disable", "true"}},
        0, [this](rd_kafka_conf_t* conf) {
          rd_kafka_conf_set_opaque(conf, this);
          rd_kafka_conf_set_rebalance_cb(conf, &Impl::rebalance);
          rd_kafka_conf_set_offset_commit_cb(conf, &Impl::committed);
        });
    if (!client) return fail(std::move(client).error());
    client_ = std::move(*client);
    rd_kafka_poll_set_consumer(client_.get());
    const Partitions topics(rd_kafka_topic_partition_list_new(static_cast<int>(options.topics.size())));
    for (const std::string& topic : options.topics) {
      rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
    }
    const auto status = rd_kafka_subscribe(client_.get(), topics.get());
    if (status != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(unavailable("Kafka's topics can't be subscribed to", status));
    return {};
  }

  ~Impl() { close(); }

  Result<std::vector<Message>> take(std::size_t most, milliseconds wait) {
    hold_still(false);
    while (taking_.size() < most && poll(taking_.empty() ? wait : milliseconds{0})) {
    }
    std::vector<Message> messages(std::make_move_iterator(taking_.begin()), std::make_move_iterator(taking_.end()));
    taking_.clear();
    lost_.clear();  // nothing of theirs is left in what is returned
    for (const Message& message : messages) next_.try_emplace(message.place, message.offset);
    if (!messages.empty() || !problem_) return messages;
    return fail(*std::exchange(problem_, std::nullopt));
  }

  void hold(milliseconds wait) {
    hold_still(true);
    static_cast<void>(poll(wait));
  }

  bool owns(const Place& place) const { return assigned_.contains(place) && !lost_.contains(place); }

  void commit(const Offsets& next) {
    const Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(next.size())));
    for (const auto& [place, offset] : next) {
      if (!owns(place)) continue;
      next_[place] = offset;
      rd_kafka_topic_partition_list_add(list.get(), place.topic.c_str(), place.partition)->offset = offset;
    }
    if (list->cnt == 0) return;
    constexpr int kWithoutWaiting = 1;
    const auto status = rd_kafka_commit(client_.get(), list.get(), kWithoutWaiting);
    if (status != RD_KAFKA_RESP_ERR_NO_ERROR) note_commit(status);
  }

  std::int64_t lag() const {
    std::int64_t sum = 0;
    for (const auto& [place, next] : next_) {
      std::int64_t low = 0, high = 0;  // as the last answer of a broker said; nobody is asked now
      const auto status =
          rd_kafka_get_watermark_offsets(client_.get(), place.topic.c_str(), place.partition, &low, &high);
      if (status == RD_KAFKA_RESP_ERR_NO_ERROR) sum += std::max<std::int64_t>(0, high - next);
    }
    return sum;
  }

  void close() {
    if (!client_) return;
    // Leaving takes an answer, and the library would wait for it as long as a session lasts.
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto status = rd_kafka_metadata(client_.get(), 0, nullptr, &metadata, kAnswerMsMax);
    if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
    if (status == RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_consumer_close(client_.get());
      client_.reset();
    } else {
      rd_kafka_destroy_flags(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    }
    assigned_.clear();
    next_.clear();
  }

 private:
  /// False where nothing came. What is taken from members meanwhile is told by callbacks, in here.
  bool poll(milliseconds wait) {
    const RawMessage raw(rd_kafka_consumer_poll(client_.get(), static_cast<int>(wait.count())));
    if (!raw) return false;
    if (raw->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      problem_ =
          Error{ErrorCode::kUnavailable, "Kafka's input topics can't be read", rd_kafka_message_errstr(raw.get())};
      return false;
    }
    Message message = read_message(*raw);
    if (assigned_.contains(message.place)) taking_.push_back(std::move(message));
    return true;
  }

  void hold_still(bool still) {
    if (std::exchange(is_still_, still) == still || assigned_.empty()) return;
    const Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(assigned_.size())));
    for (const Place& place : assigned_) {
      rd_kafka_topic_partition_list_add(list.get(), place.topic.c_str(), place.partition);
    }
    const auto status = still ? rd_kafka_pause_partitions(client_.get(), list.get())
                              : rd_kafka_resume_partitions(client_.get(), list.get());
    if (status != RD_KAFKA_RESP_ERR_NO_ERROR) problem_ = unavailable("Kafka's partitions can't be held", status);
  }

  static void rebalance(rd_kafka_t*, rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* list, void* self) {
    static_cast<Impl*>(self)->rebalance(what, list);
  }

  void rebalance(rd_kafka_resp_err_t what, rd_kafka_topic_partition_list_t* list) {
    const auto places = places_of(*list);
    rd_kafka_error_t* raw = nullptr;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
      assigned_.insert(places.begin(), places.end());
      raw = rd_kafka_incremental_assign(client_.get(), list);
      // One that was held when it was given up may come back so.
      static_cast<void>(is_still_ ? rd_kafka_pause_partitions(client_.get(), list)
                                  : rd_kafka_resume_partitions(client_.get(), list));
      if (!places.empty()) log::info("{} partitions of input topics are read here now", assigned_.size());
    } else {
      if (what != RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
        problem_ = unavailable("the consumer group does not share out partitions", what);
      }
      for (const Place& place : places) {
        assigned_.erase(place);
        next_.erase(place);
        lost_.insert(place);
      }
      std::erase_if(taking_, [this](const Message& message) { return !assigned_.contains(message.place); });
      raw = rd_kafka_incremental_unassign(client_.get(), list);
    }
    const std::unique_ptr<rd_kafka_error_t, decltype(&rd_kafka_error_destroy)> error(raw, &rd_kafka_error_destroy);
    if (error) {
      problem_ = Error{ErrorCode::kUnavailable, "Kafka's partitions can't be taken or left",
                       rd_kafka_error_string(error.get())};
    }
  }

  static void committed(rd_kafka_t*, rd_kafka_resp_err_t status, rd_kafka_topic_partition_list_t*, void* self) {
    if (status != RD_KAFKA_RESP_ERR_NO_ERROR) static_cast<Impl*>(self)->note_commit(status);
  }

  void note_commit(rd_kafka_resp_err_t status) {
    // The group is being shared out anew; the next commit says more.
    if (status == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS || status == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
        status == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || status == RD_KAFKA_RESP_ERR__NO_OFFSET) {
      return log::debug("kafka: offsets are not committed: {}", rd_kafka_err2str(status));
    }
    problem_ = unavailable("Kafka does not remember how far its input topics were read", status);
  }

  Client client_;
  std::set<Place> assigned_;
  std::set<Place> lost_;  // since the last `take`, even if some came back
  Offsets next_;          // of those of which something was taken
  std::deque<Message> taking_;
  bool is_still_ = false;
  std::optional<Error> problem_;
};

GroupConsumer::GroupConsumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
GroupConsumer::~GroupConsumer() = default;

Result<std::unique_ptr<GroupConsumer>> GroupConsumer::make(const Options& options) {
  auto impl = std::make_unique<Impl>();
  DATASYNC_TRY(impl->start(options));
  return std::unique_ptr<GroupConsumer>(new GroupConsumer(std::move(impl)));
}

Result<std::vector<GroupConsumer::Message>> GroupConsumer::take(std::size_t most, milliseconds wait) {
  return impl_->take(most, wait);
}
void GroupConsumer::hold(milliseconds wait) {
  impl_->hold(wait);
}
bool GroupConsumer::owns(const Place& place) const {
  return impl_->owns(place);
}
void GroupConsumer::commit(const Offsets& next) {
  impl_->commit(next);
}
std::int64_t GroupConsumer::lag() const {
  return impl_->lag();
}
void GroupConsumer::close() {
  impl_->close();
}

}  // namespace datasync::bus::kafka
