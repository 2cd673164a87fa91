#pragma once

#include <cstddef>
#include <string>

#include "api/event_request.h"
#include "base/time.h"
#include "bus/kafka/group_consumer.h"
#include "pipeline/catalog.h"
#include "pipeline/engine.h"

namespace datasync::api {

/// What a message of an input topic is judged by.
struct TopicContext {
  const pipeline::Catalog& catalog;
  Timestamp now;
  std::size_t value_bytes_max = 1024 * 1024;
};

/// Reads one event out of a message, as `POST /sync/events` reads a body: plain JSON, a CloudEvent in structured mode
/// (`content-type: application/cloudevents+json`) or one in binary mode (headers `ce_…`), as the Kafka protocol binding
/// of CloudEvents has them. The tenant is the one that the event names: whoever may write to the topic may for all.
///
/// An event without an id gets an idempotency key of where and when it was written, so reading it again has no effect.
///
/// Errors: as of `read_event`; 413 for what is too large, 415 for what says that it is something else.
[[nodiscard]] Read<pipeline::Submission> read_topic_message(const bus::kafka::GroupConsumer::Message& message,
                                                            const TopicContext& context);

}  // namespace datasync::api
