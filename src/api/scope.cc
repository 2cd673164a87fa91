#include "api/scope.h"

#include <fmt/format.h>

#include <charconv>

#include "base/hash.h"
#include "security/base64url.h"

namespace datasync::api {
namespace {

constexpr std::string_view kCursorKind = "1:";

std::string check_of(std::string_view row, std::string_view filter) {
  const std::uint64_t hash = hash64(filter, hash64(row));
  return fmt::format("{:016x}", hash);
}

}  // namespace

Read<storage::Reader::Tenants> tenants_of(const Call& call) {
  return tenants_of(call.query("tenant_id"), *call.caller);
}

Read<storage::Reader::Tenants> tenants_of(std::optional<std::string> tenant_id, const security::Caller& caller) {
  const Problem unknown{404, "there is no such tenant"};
  if (tenant_id && !tenant_id->empty()) {
    TenantId tenant{std::move(*tenant_id)};
    if (!caller.may_touch(tenant)) return tl::unexpected(unknown);
    return storage::Reader::Tenants{std::move(tenant)};
  }
  if (caller.all_tenants) return storage::Reader::Tenants{};
  if (caller.tenants.empty()) return tl::unexpected(unknown);  // an empty list would mean all
  return caller.tenants;
}

Read<TenantId> one_tenant_of(const Call& call) {
  auto tenants = tenants_of(call);
  if (!tenants) return tl::unexpected(std::move(tenants).error());
  if (tenants->size() == 1) return std::move(tenants->front());
  return tl::unexpected(invalid_parameter("tenant_id", "is required: an id is unique only inside its tenant"));
}

Read<std::int64_t> integer_parameter(const Call& call, std::string_view name, std::int64_t fallback, std::int64_t min,
                                     std::int64_t max) {
  const auto text = call.query(name);
  if (!text || text->empty()) return fallback;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error == std::errc{} && end == text->data() + text->size() && value >= min && value <= max) return value;
  return tl::unexpected(
      invalid_parameter(name, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max)));
}

Read<std::optional<Timestamp>> time_parameter(const Call& call, std::string_view name) {
  const auto text = call.query(name);
  if (!text || text->empty()) return std::nullopt;
  // A `+` of an offset that was not escaped has become a space.
  std::string whole = *text;
  if (whole.size() > 6 && whole[whole.size() - 6] == ' ') whole[whole.size() - 6] = '+';
  const auto time = parse_rfc3339(whole);
  if (time) return *time;
  return tl::unexpected(invalid_parameter(name, "must be an RFC 3339 time such as 2026-01-31T09:30:00Z"));
}

std::string make_cursor(std::int64_t row, std::string_view filter) {
  const std::string number = std::to_string(row);
  return security::encode_base64url(std::string(kCursorKind) + number + ':' + check_of(number, filter));
}

std::optional<std::int64_t> read_cursor(std::string_view cursor, std::string_view filter) {
  const auto text = security::decode_base64url(cursor);
  if (!text || text->substr(0, kCursorKind.size()) != kCursorKind) return std::nullopt;
  const auto split = text->rfind(':');
  if (split <= kCursorKind.size()) return std::nullopt;
  const std::string number = text->substr(kCursorKind.size(), split - kCursorKind.size());
  std::int64_t row = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), row);
  if (error != std::errc{} || end != number.data() + number.size() || row <= 0) return std::nullopt;
  if (text->substr(split + 1) != check_of(number, filter)) return std::nullopt;
  return row;
}

}  // namespace datasync::api
