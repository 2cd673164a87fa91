#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace datasync::security {

/// Base64 with the URL alphabet and without padding (RFC 4648, 5; RFC 7515, 2).
[[nodiscard]] std::string encode_base64url(std::string_view bytes);

/// Strict: no padding, no white space, no other alphabet, and unused bits are zero, so each byte string has exactly one
/// text. None for anything else.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace datasync::security
