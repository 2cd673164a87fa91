#pragma once

#include <optional>

#include "api/call.h"
#include "api/services.h"

namespace datasync::api {

/// What every request passes before its route, in order. An answer ends it there.
[[nodiscard]] std::optional<net::HttpResponse> pass_chain(Services& services, Call& call);

/// Whether an IP address in text is one of a private network or of this machine (RFC 1918, 4193, 3927, 4291).
[[nodiscard]] bool is_private_address(std::string_view address) noexcept;

/// The token of a request: `Authorization: Bearer …`; for WebSockets, which browsers open without headers of their own,
/// also
/// `?token=` or the word after `bearer` in Sec-WebSocket-Protocol. Empty if there is none.
[[nodiscard]] std::string token_of(const net::HttpRequest& request);

/// Whether a WebSocket's Origin is this service's own or a page of the same machine; true without an Origin.
[[nodiscard]] bool is_own_origin(const net::HttpRequest& request);

}  // namespace datasync::api
