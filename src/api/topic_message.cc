#include "api/topic_message.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/cloud_event.h"
#include "api/content_type.h"
#include "api/submit.h"

namespace datasync::api {
namespace {

using Message = bus::kafka::GroupConsumer::Message;

constexpr std::string_view kAttribute = "ce_";

security::Caller make_writer() {
  security::Caller writer;
  writer.subject = "kafka";
  writer.all_tenants = true;
  writer.add(security::Role::kAdmin);
  return writer;
}

/// As the request that would bring the same event.
net::HttpRequest request_of(const Message& message) {
  net::HttpRequest request;
  for (const std::string_view name : {"content-type", "content-encoding", "traceparent"}) {
    for (const auto& [given, text] : message.headers) {
      if (net::equals_ignoring_case(given, name)) request.headers.add(name, text);
    }
  }
  return request;
}

bool is_attribute(std::string_view header) {
  return header.size() > kAttribute.size() &&
         net::equals_ignoring_case(header.substr(0, kAttribute.size()), kAttribute);
}

/// Unlike in HTTP, a header's text is the attribute as it is.
Read<Fields> attributes_of(const Message& message) {
  Fields attributes;
  for (const auto& [header, text] : message.headers) {
    if (!is_attribute(header)) continue;
    if (!is_utf8(header)) return tl::unexpected(invalid({{"", "a header's name must be UTF-8"}}));
    const std::string name = plain_attribute_name(std::string_view(header).substr(kAttribute.size()));
    if (!is_utf8(text)) return tl::unexpected(invalid({{"", "must be UTF-8", "ce_" + name}}));
    attributes.set(name, Value::string(text));
  }
  return attributes;
}

Read<NestedObject> read_binary_mode(const Message& message, const pipeline::Catalog& catalog) {
  auto attributes = attributes_of(message);
  if (!attributes) return tl::unexpected(std::move(attributes).error());
  return read_binary(std::move(*attributes), message.value, catalog);
}

Read<std::shared_ptr<Event>> read_value(const Message& message, BodyKind kind, const RequestContext& context) {
  // In the binding it is the content type that tells the structured mode from the binary one.
  const bool is_structured = kind == BodyKind::kCloudEvent;
  const bool is_binary = !is_structured && message.header("ce_specversion").has_value();
  if (!is_structured && !is_binary) return read_event(message.value, context);
  auto members =
      is_binary ? read_binary_mode(message, context.catalog) : read_structured(message.value, context.catalog);
  if (!members) return tl::unexpected(std::move(members).error());
  return read_event(*members, context);
}

/// A topic that is made anew counts from zero again; the time tells its messages from the former ones.
std::string key_of(const Message& message) {
  const auto written = message.written_at.value_or(Timestamp{}).time_since_epoch();
  return fmt::format("kafka/{}/{}/{}/{}", message.place.topic, message.place.partition, message.offset,
                     std::chrono::duration_cast<milliseconds>(written).count());
}

}  // namespace

Read<pipeline::Submission> read_topic_message(const Message& message, const TopicContext& context) {
  static const security::Caller writer = make_writer();
  if (message.value.size() > context.value_bytes_max) {
    return tl::unexpected(Problem{413, fmt::format("the value is larger than {} bytes", context.value_bytes_max)});
  }
  const net::HttpRequest request = request_of(message);
  const auto kind = body_kind_of(request);
  if (!kind || *kind == BodyKind::kCloudEventBatch) {
    return tl::unexpected(Problem{415, "the value must be one event: JSON or a CloudEvent, and not compressed"});
  }
  // A time to live counts from when it was written, whenever it is read.
  const Timestamp since = std::min(message.written_at.value_or(context.now), context.now);
  auto event = read_value(message, *kind, {context.catalog, writer, since});
  if (!event) return tl::unexpected(std::move(event).error());
  add_request_context(request, **event);
  pipeline::Submission submission{std::move(*event), {}};
  if (submission.event->id.empty()) submission.idempotency_key = key_of(message);
  return submission;
}

}  // namespace datasync::api
