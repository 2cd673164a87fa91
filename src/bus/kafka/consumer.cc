#include "bus/kafka/consumer.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "bus/kafka/client.h"

namespace datasync::bus::kafka {
namespace {

constexpr const char* kNoAnswer = "Kafka does not answer";

struct FreeMessage {
  void operator()(rd_kafka_message_t* message) const noexcept { rd_kafka_message_destroy(message); }
};

Consumer::Message read_message(const rd_kafka_message_t& raw) {
  Consumer::Message message{raw.partition, raw.offset, {}, {}};
  message.value.assign(static_cast<const char*>(raw.payload), raw.payload == nullptr ? 0 : raw.len);
  message.headers = read_headers(raw);
  return message;
}

}  // namespace

std::optional<std::string> Consumer::Message::header(std::string_view name) const {
  for (const auto& [known, text] : headers) {
    if (known == name) return text;
  }
  return std::nullopt;
}

class Consumer::Impl {
 public:
  Impl(Client client, std::string topic) : client_(std::move(client)), topic_(std::move(topic)) {
    rd_kafka_poll_set_consumer(client_.get());
    queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  }
  ~Impl() {
    queue_.reset();
    rd_kafka_consumer_close(client_.get());
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> add(const Offsets& from) {
    const Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(from.size())));
    for (const auto& [partition, offset] : from) {
      rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), partition)->offset = offset;
    }
    return outcome(rd_kafka_incremental_assign(client_.get(), list.get()));
  }

  Result<void> remove(const std::vector<std::int32_t>& partitions) {
    return outcome(rd_kafka_incremental_unassign(client_.get(), list_of(partitions).get()));
  }

  Result<std::vector<Message>> take(std::size_t most, milliseconds wait) {
    // A batch is waited for until it is full or the time is over, so only the first is waited for.
    std::vector<rd_kafka_message_t*> raw(most);
    raw[0] = rd_kafka_consumer_poll(client_.get(), static_cast<int>(wait.count()));
    std::size_t count = raw[0] == nullptr ? 0 : 1;
    if (count > 0 && most > 1) {
      const ssize_t more = rd_kafka_consume_batch_queue(queue_.get(), 0, raw.data() + 1, most - 1);
      count += static_cast<std::size_t>(std::max<ssize_t>(more, 0));
    }
    std::vector<Message> messages;
    for (std::size_t i = 0; i < count; ++i) {
      const std::unique_ptr<rd_kafka_message_t, FreeMessage> message(raw[i]);
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        messages.push_back(read_message(*message));
      } else if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
        lost_ = Error{ErrorCode::kCorrupt,
                      fmt::format("partition {} of the topic {} does not have what comes next of it any more",
                                  message->partition, topic_),
                      rd_kafka_message_errstr(message.get())};
      }  // else a broker is away: the library goes on trying, and `ends` tells
    }
    if (!messages.empty() || !lost_) return messages;
    Error lost = std::move(*lost_);
    lost_.reset();
    return fail(std::move(lost));
  }

  Result<Offsets> ends(const std::vector<std::int32_t>& partitions, milliseconds timeout) const {
    const Partitions list = list_of(partitions);
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
    const auto status = rd_kafka_offsets_for_times(client_.get(), list.get(), static_cast<int>(timeout.count()));
    if (status != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(unavailable(kNoAnswer, status));
    Offsets ends;
    for (int i = 0; i < list->cnt; ++i) {
      const rd_kafka_topic_partition_t& one = list->elems[i];
      if (one.err == RD_KAFKA_RESP_ERR_NO_ERROR) ends[one.partition] = one.offset;
    }
    return ends;
  }

 private:
  Partitions list_of(const std::vector<std::int32_t>& partitions) const {
    Partitions list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
    for (const std::int32_t partition : partitions) {
      rd_kafka_topic_partition_list_add(list.get(), topic_.c_str(), partition);
    }
    return list;
  }

  static Result<void> outcome(rd_kafka_error_t* raw) {
    const std::unique_ptr<rd_kafka_error_t, decltype(&rd_kafka_error_destroy)> error(raw, &rd_kafka_error_destroy);
    if (!error) return {};
    return fail(ErrorCode::kUnavailable, "Kafka's partitions can't be taken or left",
                rd_kafka_error_string(error.get()));
  }

  Client client_;
  const std::string topic_;
  Queue queue_;
  std::optional<Error> lost_;  // told once the messages before it are taken
};

Consumer::Consumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Consumer::~Consumer() = default;

Result<std::unique_ptr<Consumer>> Consumer::make(const std::string& brokers, std::string topic,
                                                 std::size_t ahead_bytes_max) {
  auto client = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                                {"client.id", "data-sync"},
                                                {"group.id", "data-sync"},  // asked for, and never joined
                                                {"enable.auto.commit", "false"},
                                                {"enable.auto.offset.store", "false"},
                                                {"auto.offset.reset", "error"},
                                                {"check.crcs", "true"},
                                                {"queued.max.messages.kbytes", std::to_string(ahead_bytes_max / 1024)},
                                                {"queued.min.messages", "10000"},
                                                {"fetch.wait.max.ms", "100"},
                                                {"fetch.error.backoff.ms", "100"},
                                                {"reconnect.backoff.max.ms", "1000"},
                                                {"socket.nagle.disable", "true"}});
  if (!client) return fail(std::move(client).error());
  return std::unique_ptr<Consumer>(new Consumer(std::make_unique<Impl>(std::move(*client), std::move(topic))));
}

Result<void> Consumer::add(const Offsets& from) {
  return impl_->add(from);
}
Result<void> Consumer::remove(const std::vector<std::int32_t>& partitions) {
  return impl_->remove(partitions);
}
Result<std::vector<Consumer::Message>> Consumer::take(std::size_t most, milliseconds wait) {
  return impl_->take(most, wait);
}
Result<Consumer::Offsets> Consumer::ends(const std::vector<std::int32_t>& partitions, milliseconds timeout) const {
  return impl_->ends(partitions, timeout);
}

}  // namespace datasync::bus::kafka
