#include "pipeline/log_entry.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <optional>

#include "domain/json.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"

namespace datasync::pipeline {
namespace {

tl::unexpected<Error> damaged(const char* what) {
  return fail(ErrorCode::kCorrupt, std::string("an entry of the log can't be read: ") + what);
}

std::optional<std::int64_t> read_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

EventId id_of_logged(const Submission& submission, UuidGenerator& uuids) {
  if (submission.idempotency_key.empty()) return EventId(format_uuid(uuids.next()));
  const std::string& tenant = submission.event->tenant.str();
  return EventId(format_uuid(uuid_of_name(fmt::format("{}:{}{}", tenant.size(), tenant, submission.idempotency_key))));
}

LogEntry write_log_entry(const Submission& submission) {
  const Event& event = *submission.event;
  LogEntry entry;
  entry.headers = {{kLogHeaders[0], event.id.str()},
                   {kLogHeaders[1], event.tenant.str()},
                   {kLogHeaders[2], event.type},
                   {kLogHeaders[3], event.entity},
                   {kLogHeaders[4], event.source.str()},
                   {kLogHeaders[5], std::to_string(event.wire_priority)},
                   {kLogHeaders[6], std::to_string(event.created_at.time_since_epoch().count())}};
  if (!submission.idempotency_key.empty()) entry.headers.emplace_back(kLogHeaders[7], submission.idempotency_key);
  storage::append_event_body(entry.value, event, {});
  return entry;
}

Result<Submission> read_log_entry(std::array<std::string, kLogHeaders.size()> headers, std::string_view value) {
  auto& [id, tenant, type, entity, source, priority, accepted, key] = headers;
  if (id.empty() || tenant.empty() || source.empty() || entity.empty()) return damaged("a header is missing");
  const auto parsed = parse_event_type(type);
  if (!parsed) return damaged("its type is none of an event");
  const auto wire_priority = read_number(priority);
  if (!wire_priority || *wire_priority < 1 || *wire_priority > 10) return damaged("its priority is none from 1 to 10");
  const auto accepted_at = read_number(accepted);
  if (!accepted_at || *accepted_at <= 0) return damaged("its accept time is none");
  auto event = std::make_shared<Event>();
  event->id = EventId(std::move(id));
  event->tenant = TenantId(std::move(tenant));
  event->type = std::move(type);
  event->entity = std::move(entity);
  event->verb = parsed->verb;
  event->source = PlatformId(std::move(source));
  event->wire_priority = static_cast<int>(*wire_priority);
  event->created_at = Timestamp{microseconds{*accepted_at}};
  // A store's own bytes are trusted to be JSON all through; these come from somewhere else.
  std::string buffer;
  const auto body = storage::open_envelope(value, buffer);
  const bool is_event = body && parse_json_object(*body) && storage::read_event_body(value, *event);
  if (!is_event) return damaged("its value is no event");
  return Submission{std::move(event), std::move(key)};
}

}  // namespace datasync::pipeline
