// What narrows a list, a redrive or a WebSocket: a query on the first line, JSON behind it. Nothing may widen it beyond
// the caller's tenants.

#include "api/redrive_filter.h"
#include "api/scope.h"
#include "api/subscription.h"
#include "event_world.h"

namespace datasync::fuzz {
namespace {

void check_tenants(const storage::Reader::Tenants& tenants) {
  require(!tenants.empty(), "an empty list of tenants would mean all");
  for (const TenantId& tenant : tenants) require(tenant == TenantId{"t1"}, "a tenant is the caller's", tenant.str());
}

void check_subscription(const api::Read<api::Subscription>& subscription) {
  if (!subscription) return check_problem(subscription.error());
  check_tenants(subscription->tenants);
  require(subscription->cursor.value_or(0) >= 0, "a cursor is no negative number");
  const std::string text = api::render_subscribed(*subscription, subscription->cursor.value_or(7));
  require(parse_json_object(text).has_value(), "the answer to a subscription is JSON", text);
}

void check_cursor(std::string_view text) {
  const auto row = api::read_cursor(text, "filter");
  if (!row) return;
  require(*row > 0, "a cursor names a row");
  require(api::read_cursor(api::make_cursor(*row, "filter"), "filter") == row, "a cursor that was made can be read");
  require(!api::read_cursor(api::make_cursor(*row, "filter"), "another"), "but not with another filter");
}

void check_redrive(std::string_view text) {
  const auto filter = api::read_redrive_filter(text, caller_of_one_tenant());
  if (!filter) return check_problem(filter.error());
  check_tenants(filter->tenants);
  require(filter->limit >= 1, "a limit is 1 or more");
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync;
  std::string_view rest = fuzz::text_of(data, size);
  const std::string_view query = fuzz::take_until(rest, "\n");
  net::HttpRequest request;
  request.target = "/ws/sync?" + std::string(query);
  fuzz::check_subscription(api::read_subscription(request, fuzz::caller_of_one_tenant()));
  fuzz::check_cursor(request.query_value("cursor").value_or(""));
  if (const auto members = parse_json_object(rest)) {
    fuzz::check_subscription(api::read_subscription(*members, fuzz::caller_of_one_tenant()));
  }
  fuzz::check_redrive(rest);
  return 0;
}
