#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/event_request.h"
#include "api/live_message.h"
#include "domain/value.h"
#include "net/http_message.h"
#include "security/caller.h"

namespace datasync::api {

/// What one WebSocket client wants to hear of, always within what its token allows. An empty list excludes nothing.
struct Subscription {
  storage::Reader::Tenants tenants;  ///< empty only for callers of every tenant
  std::vector<std::string> event_types;
  std::vector<std::string> platforms;    ///< as source or as a target
  std::bitset<kLiveTypes.size()> types;  ///< by `LiveType`; none set means all
  std::optional<std::int64_t> cursor;    ///< go on after this event; none begins with what comes now

  [[nodiscard]] bool wants(LiveType type) const { return types.none() || types.test(static_cast<std::size_t>(type)); }
  [[nodiscard]] bool wants_tenant(const TenantId& tenant) const;
  [[nodiscard]] bool wants_event(const Event& event) const;
  [[nodiscard]] bool wants_notice(LiveType type, const pipeline::Notice& notice) const;
};

/// `?tenant_id=&event_type=&platform=&type=&cursor=`; each but the cursor may stand several times or hold a list with
/// commas. Errors: 404 for a tenant that is not the caller's, 422 for an unknown message type or a bad cursor.
[[nodiscard]] Read<Subscription> read_subscription(const net::HttpRequest& request, const security::Caller& caller);

/// `{"action": "subscribe", "tenant_id": …, "event_type": …, "platform": …, "type": …, "cursor": …}`, each a text or a
/// list of texts; names in the plural are taken too.
[[nodiscard]] Read<Subscription> read_subscription(const Fields& members, const security::Caller& caller);

/// `{"type":"subscribed", …}`: what holds from now on.
[[nodiscard]] std::string render_subscribed(const Subscription& subscription, std::int64_t cursor);

}  // namespace datasync::api
