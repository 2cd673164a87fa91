#include <algorithm>

#include "api/event_view.h"
#include "api/json_writer.h"
#include "api/late_event.h"
#include "api/routes/routes.h"
#include "api/scope.h"

namespace datasync::api::routes {
namespace {

using storage::Reader;

constexpr std::int64_t kOffsetMax = 1'000'000;
// A thousand events of a megabyte each must never be in memory together.
constexpr std::int64_t kReadAtOnce = 50;
constexpr std::size_t kPageBytesMax = 16 * 1024 * 1024;

Read<Reader::EventFilter> filter_of(const Call& call) {
  Reader::EventFilter filter;
  auto tenants = tenants_of(call);
  if (!tenants) return tl::unexpected(std::move(tenants).error());
  filter.tenants = std::move(*tenants);
  if (const auto status = call.query("status"); status && !status->empty()) {
    filter.status = parse_event_status(*status);
    if (!filter.status) {
      return tl::unexpected(
          invalid_parameter("status", "must be one of pending, processing, completed, failed, retry, review, expired"));
    }
  }
  filter.type = call.query("event_type").value_or("");
  filter.source = PlatformId{call.query("source_platform").value_or("")};
  filter.entity_id = EntityId{call.query("entity_id").value_or("")};
  auto since = time_parameter(call, "since");
  if (!since) return tl::unexpected(std::move(since).error());
  auto until = time_parameter(call, "until");
  if (!until) return tl::unexpected(std::move(until).error());
  filter.since = *since;
  filter.until = *until;
  return filter;
}

/// What a cursor is tied to: everything that decides which rows there are.
std::string fingerprint_of(const Reader::EventFilter& filter) {
  std::string text = "events";
  for (const TenantId& tenant : filter.tenants) text += '\n' + tenant.str();
  text += "\n\n" + (filter.status ? std::string(to_string(*filter.status)) : std::string{});
  text += '\n' + filter.type + '\n' + filter.source.str() + '\n' + filter.entity_id.str();
  text += '\n' + (filter.since ? format_rfc3339(*filter.since) : std::string{});
  text += '\n' + (filter.until ? format_rfc3339(*filter.until) : std::string{});
  return text;
}

/// Adds limit, offset and cursor; the cursor stands for an offset of its own.
std::optional<Problem> add_paging(const Call& call, Reader::EventFilter& filter, const std::string& fingerprint) {
  const auto limit = integer_parameter(call, "limit", 50, 1, 1000);
  if (!limit) return limit.error();
  const auto offset = integer_parameter(call, "offset", 0, 0, kOffsetMax);
  if (!offset) return offset.error();
  filter.limit = *limit;
  filter.offset = *offset;
  const auto cursor = call.query("cursor");
  if (!cursor || cursor->empty()) return std::nullopt;
  const auto row = read_cursor(*cursor, fingerprint);
  if (!row) return invalid_parameter("cursor", "is none that came with these filters");
  filter.before = Sequence{*row};
  return std::nullopt;
}

/// Writes the events of a page and returns where the next one begins, 0 if this is the last. A page that has grown
/// large ends early.
Result<Sequence> write_page(JsonWriter& out, Reader& reader, Reader::EventFilter filter) {
  for (std::int64_t left = filter.limit;;) {
    filter.limit = std::min(left, kReadAtOnce);
    const auto part = reader.list_events(filter);
    if (!part) return fail(part.error());
    for (const storage::StoredEvent& stored : part->events) write_event_row(out, stored);
    left -= filter.limit;
    if (part->next.value == 0 || left == 0 || out.size() > kPageBytesMax) return part->next;
    filter.before = part->next;
    filter.offset = 0;
  }
}

}  // namespace

net::HttpResponse list_events(Services&, const Call& call, Reader& reader) {
  auto filter = filter_of(call);
  if (!filter) return to_response(filter.error());
  const std::string fingerprint = fingerprint_of(*filter);
  const auto total = reader.count_events(*filter);
  if (!total) return to_response(total.error());
  if (const auto wrong = add_paging(call, *filter, fingerprint)) return to_response(*wrong);

  JsonWriter out;
  out.begin_object().key("events").begin_array();
  const auto next = write_page(out, reader, *filter);
  if (!next) return to_response(next.error());
  out.end_array().field("total", *total).field("limit", filter->limit).field("offset", filter->offset);
  const bool last = next->value == 0;
  out.field_or_null("next_cursor", last ? std::string{} : make_cursor(next->value, fingerprint)).end_object();
  return net::json_response(200, out.take());
}

net::HttpResponse get_event(Services& services, const Call& call, Reader& reader) {
  const auto tenants = tenants_of(call);
  if (!tenants) return to_response(tenants.error());
  const Problem unknown{404, "there is no such event"};
  if (fault_of_id(call.parameters[0])) return to_response(unknown);
  auto found = reader.find_event(*tenants, call.parameters[0]);
  if (found && found->empty() && services.event_log) {
    // It may be accepted, and on its way from the log.
    if (!services.catch_up(*tenants, kLateEventMax)) return to_response(may_be_late());
    found = reader.find_event(*tenants, call.parameters[0]);
  }
  if (!found) return to_response(found.error());
  if (found->empty()) return to_response(unknown);
  if (found->size() > 1) {
    return to_response(invalid_parameter("tenant_id", "is required: several tenants have an event of this id"));
  }
  JsonWriter out;
  write_event_detail(out, found->front());
  return net::json_response(200, out.take());
}

}  // namespace datasync::api::routes
