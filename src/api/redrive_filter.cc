#include "api/redrive_filter.h"

#include <limits>
#include <optional>

#include "api/scope.h"
#include "domain/json.h"

namespace datasync::api {
namespace {

using storage::Reader;

std::optional<FieldError> read_status(const Value& value, Reader::EventFilter& filter) {
  const auto text = value.as_string();
  const auto status = text ? parse_event_status(*text) : std::nullopt;
  const bool redrivable = status == EventStatus::kFailed || status == EventStatus::kRetry ||
                          status == EventStatus::kReview || status == EventStatus::kExpired;
  if (!redrivable) return FieldError{"/status", "must be one of failed, retry, review, expired"};
  filter.status = status;
  return std::nullopt;
}

std::optional<FieldError> read_time(std::string_view name, const Value& value, std::optional<Timestamp>& time) {
  const auto text = value.as_string();
  const auto parsed = text ? parse_rfc3339(*text) : fail(ErrorCode::kInvalid, {});
  if (!parsed) return FieldError{"/" + std::string(name), "must be an RFC 3339 time such as 2026-01-31T09:30:00Z"};
  time = *parsed;
  return std::nullopt;
}

std::optional<FieldError> read_member(const Field& field, Reader::EventFilter& filter, std::string& tenant_id) {
  const std::string pointer = "/" + field.name;
  if (field.name == "status") return read_status(field.value, filter);
  if (field.name == "since") return read_time(field.name, field.value, filter.since);
  if (field.name == "until") return read_time(field.name, field.value, filter.until);
  if (field.name == "limit") {
    const auto limit = field.value.as_integer();
    if (!limit || *limit < 1) return FieldError{pointer, "must be an integer of 1 or more"};
    filter.limit = *limit;
    return std::nullopt;
  }
  auto text = field.value.as_string();
  if (!text) return FieldError{pointer, "must be a string"};
  if (field.name == "tenant_id") {
    tenant_id = std::move(*text);
  } else if (field.name == "event_type") {
    filter.type = std::move(*text);
  } else if (field.name == "source_platform") {
    filter.source = PlatformId{std::move(*text)};
  } else if (field.name == "entity_id") {
    filter.entity_id = EntityId{std::move(*text)};
  } else {
    return FieldError{pointer, "is no filter of events"};
  }
  return std::nullopt;
}

}  // namespace

Read<Reader::EventFilter> read_redrive_filter(std::string_view body, const security::Caller& caller) {
  Reader::EventFilter filter;
  filter.limit = std::numeric_limits<std::int64_t>::max();
  std::string tenant_id;
  if (body.find_first_not_of(" \t\r\n") != std::string_view::npos) {
    const auto members = parse_json_object(body);
    if (!members && parse_json(body)) return tl::unexpected(invalid({{"", "must be an object of filters"}}));
    if (!members) return tl::unexpected(Problem{400, "the body is no JSON: " + members.error().message});
    std::vector<FieldError> errors;
    for (const Field& field : *members) {
      if (field.value.is_null()) continue;
      if (auto error = read_member(field, filter, tenant_id)) errors.push_back(std::move(*error));
    }
    if (!errors.empty()) return tl::unexpected(invalid(std::move(errors)));
  }
  auto tenants = tenants_of(std::move(tenant_id), caller);
  if (!tenants) return tl::unexpected(std::move(tenants).error());
  filter.tenants = std::move(*tenants);
  return filter;
}

}  // namespace datasync::api
