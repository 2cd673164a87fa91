#pragma once

#include <librdkafka/rdkafka.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace datasync::bus::kafka {

// What the files of this folder share of librdkafka, and nobody else sees.

/// The largest message: our largest event with its headers. Topics that we make take as much.
inline constexpr int kMessageBytesMax = 2 * 1024 * 1024;

/// Until it is full a batch takes more. So what is larger stands alone in its batch: where a broker refuses that for
/// its size, it is this message that is too large, and no neighbour is told so.
inline constexpr std::size_t kBatchBytesMax = 256 * 1024;

struct FreeClient {
  void operator()(rd_kafka_t* client) const noexcept { rd_kafka_destroy(client); }
};
using Client = std::unique_ptr<rd_kafka_t, FreeClient>;

struct FreeQueue {
  void operator()(rd_kafka_queue_t* queue) const noexcept { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, FreeQueue>;

struct FreeEvent {
  void operator()(rd_kafka_event_t* event) const noexcept { rd_kafka_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, FreeEvent>;

struct FreePartitions {
  void operator()(rd_kafka_topic_partition_list_t* list) const noexcept { rd_kafka_topic_partition_list_destroy(list); }
};
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t, FreePartitions>;

/// A message's headers, in order. Any bytes may be in them.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> read_headers(const rd_kafka_message_t& message);

/// A client of that kind with those properties; `events` are the kinds that its queues carry, and `more` sets
/// its callbacks. What the library has to say goes to our log.
/// Errors: `kInternal` for a property that the library does not know; `kUnavailable` where it has no memory or threads.
[[nodiscard]] Result<Client> make_client(rd_kafka_type_t type,
                                         const std::vector<std::pair<const char*, std::string>>& properties,
                                         int events = 0, const std::function<void(rd_kafka_conf_t*)>& more = {});

/// `message (detail)`: ours, and what the library calls it.
[[nodiscard]] Error unavailable(std::string message, rd_kafka_resp_err_t why, Stage stage = Stage::kBefore);

}  // namespace datasync::bus::kafka
