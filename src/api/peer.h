#pragma once

#include <string>
#include <string_view>

#include "api/backend.h"
#include "api/event_hub.h"
#include "net/http_server.h"

namespace datasync::api {

/// Where instances ask each other, and the header by which they know each other: what both make of a secret that stands
/// in their database. No path of the API: clients have no business there.
inline constexpr std::string_view kPeerPath = "/internal/instance";
inline constexpr std::string_view kPeerHeader = "X-Data-Sync-Instance";
/// With a call: it can be answered that an event is too large. An instance of an earlier version does not send it, and
/// would take the whole answer for an error; it is told that the event is not kept now.
inline constexpr std::string_view kPeerKnowsTooLargeHeader = "X-Data-Sync-Knows-Too-Large";

/// `identity_secret` is the store's. 32 hexadecimal digits.
[[nodiscard]] std::string peer_token(const std::string& identity_secret);

/// Does here what another instance asks for, and never passes it on: what is not ours is answered `kMoved`. Who may do
/// it was decided where the client asked.
void answer_peer(Backend& local, EventHub& hub, const std::string& token, const net::HttpRequest& request,
                 net::Responder responder);

}  // namespace datasync::api
