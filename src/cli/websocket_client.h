#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/service_client.h"

namespace datasync::cli {

/// Connects to a WebSocket of the service and hands on its text messages until `on_message` returns false or the
/// connection ends. Blocks. A silent service is pinged, and given up after 60 s without an answer.
///
/// `on_open` runs once, when the service has agreed.
/// Errors: `kUnavailable` when there is no connection or it ends; `kUnauthorized` and the like when the service answers
/// the handshake with a refusal.
[[nodiscard]] Result<void> read_websocket(const ServiceAddress& address, std::string target,
                                          std::function<void()> on_open,
                                          std::function<bool(std::string_view message)> on_message);

}  // namespace datasync::cli
