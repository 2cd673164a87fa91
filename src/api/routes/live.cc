#include "api/event_hub.h"
#include "api/routes/routes.h"
#include "api/subscription.h"
#include "net/websocket.h"

namespace datasync::api::routes {

/// WS /ws/sync. A plain GET is answered 426 by `upgrade`.
void live_updates(Services& services, Call call) {
  auto subscription = read_subscription(call.request, *call.caller);
  if (!subscription) return std::move(call.reply).send(subscription.error());
  std::shared_ptr<LiveClient> client;
  if (net::is_websocket_upgrade(call.request)) {
    client = services.hub.make_client(call.caller, std::move(*subscription), *services.queries);
    if (!client) return std::move(call.reply).send(overloaded());
  }
  net::WebSocketOptions options;
  // Whoever has more than `live_queue_bytes` waiting reads from the store, so this is met by nobody; the shortest
  // messages have a hundred bytes.
  options.queue_messages_max = 32'768;
  // A browser that hands its token over as a subprotocol wants one of those back.
  if (call.request.headers.has_token("sec-websocket-protocol", "bearer")) options.subprotocol = "bearer";
  net::WebSocketCallbacks callbacks = client ? services.hub.callbacks_of(client) : net::WebSocketCallbacks{};
  auto peer = std::move(call.reply).release().upgrade(call.request, options, std::move(callbacks));
  if (client) services.hub.attach(client, peer ? std::move(*peer) : nullptr);
}

}  // namespace datasync::api::routes
