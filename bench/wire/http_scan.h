#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace datasync::bench {

/// One whole HTTP/1.1 message at the start of a buffer. Views into that buffer.
struct HttpMessage {
  std::string_view start_line;  ///< `POST /sync/events HTTP/1.1` or `HTTP/1.1 201 Created`
  std::string_view body;
  std::size_t bytes = 0;  ///< of the whole message
  bool closes = false;    ///< `Connection: close`
};

/// Reads just enough of HTTP to measure with: Content-Length or no body. A client of the real world needs more.
/// Returns nothing while the message is not whole yet.
/// Errors (thrown): `std::runtime_error` for a chunked message.
[[nodiscard]] std::optional<HttpMessage> scan_http(std::string_view buffer);

/// `201` of `HTTP/1.1 201 Created`; 0 for anything else.
[[nodiscard]] int status_of(std::string_view start_line);

/// `/sync/events` of `POST /sync/events HTTP/1.1`; empty for anything else.
[[nodiscard]] std::string_view target_of(std::string_view start_line);

}  // namespace datasync::bench
