#include "bus/kafka/topic.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "base/log.h"
#include "bus/kafka/client.h"

namespace datasync::bus::kafka {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct FreeMetadata {
  void operator()(const rd_kafka_metadata_t* metadata) const noexcept { rd_kafka_metadata_destroy(metadata); }
};
struct FreeTopic {
  void operator()(rd_kafka_NewTopic_t* topic) const noexcept { rd_kafka_NewTopic_destroy(topic); }
};
using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, FreeTopic>;

int left_until(SteadyClock::time_point by) {
  const auto left = std::chrono::duration_cast<milliseconds>(by - SteadyClock::now());
  return static_cast<int>(std::max(left, milliseconds{1}).count());
}

/// The number of partitions of every topic that there is.
Result<std::map<std::string, int>> read_topics(rd_kafka_t* client, const std::string& brokers, int timeout_ms) {
  const rd_kafka_metadata_t* raw = nullptr;
  const auto status = rd_kafka_metadata(client, 1, nullptr, &raw, timeout_ms);
  const std::unique_ptr<const rd_kafka_metadata_t, FreeMetadata> metadata(raw);
  if (status != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(
        unavailable(fmt::format("no Kafka broker answers at {}; KAFKA_BROKERS says where they are", brokers), status));
  }
  std::map<std::string, int> topics;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR) topics[topic.topic] = topic.partition_cnt;
  }
  return topics;
}

Error may_not_create(const Topic& topic, const char* why) {
  return {ErrorCode::kInvalid,
          fmt::format("the topic {} can't be created; let this client create it, or do it with {} partitions",
                      topic.name, topic.partitions),
          why};
}

Result<void> create(rd_kafka_t* client, const Topic& topic, int timeout_ms) {
  constexpr int kBrokersOwn = -1;  // replication, as the cluster is configured
  std::array<char, 512> why{};
  const NewTopic fresh(
      rd_kafka_NewTopic_new(topic.name.c_str(), topic.partitions, kBrokersOwn, why.data(), why.size()));
  if (!fresh) return fail(may_not_create(topic, why.data()));
  for (const auto& [name, value] :
       {std::pair{"cleanup.policy", std::string("delete")}, {"max.message.bytes", std::to_string(kMessageBytesMax)}}) {
    const auto set = rd_kafka_NewTopic_set_config(fresh.get(), name, value.c_str());
    if (set != RD_KAFKA_RESP_ERR_NO_ERROR) return fail(ErrorCode::kInternal, "a topic's setting is not taken", name);
  }
  const std::unique_ptr<rd_kafka_AdminOptions_t, decltype(&rd_kafka_AdminOptions_destroy)> options(
      rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS), &rd_kafka_AdminOptions_destroy);
  // Until all brokers know it: else the first append may find nothing.
  const auto status = rd_kafka_AdminOptions_set_operation_timeout(options.get(), timeout_ms, why.data(), why.size());
  if (status != RD_KAFKA_RESP_ERR_NO_ERROR)
    return fail(ErrorCode::kInternal, "a topic's time-out is not taken", why.data());
  const Queue queue(rd_kafka_queue_new(client));
  std::array<rd_kafka_NewTopic_t*, 1> all{fresh.get()};
  rd_kafka_CreateTopics(client, all.data(), all.size(), options.get(), queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), timeout_ms));
  const auto* result = event ? rd_kafka_event_CreateTopics_result(event.get()) : nullptr;
  if (result == nullptr) {
    return fail(unavailable(fmt::format("Kafka does not create the topic {} in time", topic.name),
                            RD_KAFKA_RESP_ERR__TIMED_OUT));
  }
  if (const auto failed = rd_kafka_event_error(event.get()); failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(unavailable(fmt::format("Kafka does not create the topic {}", topic.name), failed));
  }
  std::size_t count = 0;
  const auto* const* outcomes = rd_kafka_CreateTopics_result_topics(result, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto outcome = rd_kafka_topic_result_error(outcomes[i]);
    // Another instance may have been quicker.
    if (outcome == RD_KAFKA_RESP_ERR_NO_ERROR || outcome == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    return fail(may_not_create(topic, rd_kafka_topic_result_error_string(outcomes[i])));
  }
  log::info("the topic {} is created, with {} partitions", topic.name, topic.partitions);
  return {};
}

std::optional<std::string> setting_of(const rd_kafka_ConfigResource_t& topic, std::string_view name) {
  std::size_t count = 0;
  const auto* const* entries = rd_kafka_ConfigResource_configs(&topic, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    if (value != nullptr && rd_kafka_ConfigEntry_name(entries[i]) == name) return value;
  }
  return std::nullopt;
}

/// What a topic refuses for its size is told as too large where it stands alone in its batch. Of a smaller one nobody
/// could say which message of the batch it is, and it would be tried for ever.
Result<void> check_room(const rd_kafka_ConfigResource_t& topic) {
  constexpr std::int64_t kFrame = 1024;  // what stands around a batch, and more
  constexpr std::int64_t kNeeded = static_cast<std::int64_t>(kBatchBytesMax) + kFrame;
  constexpr const char* kSetting = "max.message.bytes";
  const char* name = rd_kafka_ConfigResource_name(&topic);
  const auto text = setting_of(topic, kSetting);
  std::int64_t bytes = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), bytes).ec != std::errc()) {
    const char* why = rd_kafka_ConfigResource_error_string(&topic);
    log::warning("what the topic {} takes can't be read ({}); its {} must be {} at least", name,
                 why != nullptr ? why : "it is not told", kSetting, kNeeded);
    return {};  // who may append need not be allowed to read settings
  }
  if (bytes >= kNeeded) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("the topic {} takes messages of {} bytes at most and must take {}; raise its {} (new topics "
                          "get {}), or name another topic",
                          name, bytes, kNeeded, kSetting, kMessageBytesMax));
}

Result<void> check_room(rd_kafka_t* client, const std::string& topic, int timeout_ms) {
  const std::unique_ptr<rd_kafka_ConfigResource_t, decltype(&rd_kafka_ConfigResource_destroy)> asked(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()), &rd_kafka_ConfigResource_destroy);
  const Queue queue(rd_kafka_queue_new(client));
  std::array<rd_kafka_ConfigResource_t*, 1> all{asked.get()};
  rd_kafka_DescribeConfigs(client, all.data(), all.size(), nullptr, queue.get());
  const Event event(rd_kafka_queue_poll(queue.get(), timeout_ms));
  const auto* result = event ? rd_kafka_event_DescribeConfigs_result(event.get()) : nullptr;
  const auto failed = result != nullptr ? rd_kafka_event_error(event.get()) : RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return fail(unavailable(fmt::format("Kafka does not tell the settings of the topic {}", topic), failed));
  }
  std::size_t count = 0;
  const auto* const* told = rd_kafka_DescribeConfigs_result_resources(result, &count);
  for (std::size_t i = 0; i < count; ++i) DATASYNC_TRY(check_room(*told[i]));
  return {};
}

}  // namespace

Result<void> prepare_topics(const std::string& brokers, const std::vector<Topic>& topics, milliseconds timeout) {
  const auto by = SteadyClock::now() + timeout;
  auto client = make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers}, {"client.id", "data-sync"}});
  if (!client) return fail(std::move(client).error());
  auto there = read_topics(client->get(), brokers, left_until(by));
  if (!there) return fail(std::move(there).error());
  for (const Topic& topic : topics) {
    if (there->contains(topic.name)) {
      DATASYNC_TRY(check_room(client->get(), topic.name, left_until(by)));
    } else {
      DATASYNC_TRY(create(client->get(), topic, left_until(by)));
    }
  }
  there = read_topics(client->get(), brokers, left_until(by));
  if (!there) return fail(std::move(there).error());
  for (const Topic& topic : topics) {
    const int partitions = (*there)[topic.name];
    if (!topic.is_exact || partitions == 0 || partitions == topic.partitions) continue;
    return fail(ErrorCode::kInvalid,
                fmt::format("the topic {} has {} partitions and must have {}, one for each shard; name another topic "
                            "in KAFKA_TOPIC, or create this one anew",
                            topic.name, partitions, topic.partitions));
  }
  return {};
}

Result<void> find_topics(const std::string& brokers, const std::vector<std::string>& names, milliseconds timeout) {
  auto client = make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers}, {"client.id", "data-sync"}});
  if (!client) return fail(std::move(client).error());
  const auto there = read_topics(client->get(), brokers, static_cast<int>(timeout.count()));
  if (!there) return fail(there.error());
  for (const std::string& name : names) {
    if (!there->contains(name)) return fail(ErrorCode::kInvalid, fmt::format("there is no topic {}", name));
  }
  return {};
}

}  // namespace datasync::bus::kafka
