#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace datasync::net {

enum class Scheme : std::uint8_t { kHttp, kHttps };

/// Where a request goes: connections are pooled by it.
struct Origin {
  Scheme scheme = Scheme::kHttp;
  std::string host;         ///< lower case; an IPv6 address stands without its brackets
  std::uint16_t port = 80;  ///< never 0
  std::string authority;    ///< for the Host header: without the port where it is the scheme's own, IPv6 in brackets

  bool operator==(const Origin&) const = default;
  /// `https://example.com:8443`, always with the port.
  [[nodiscard]] std::string str() const;
};

/// Shared, since thousands of requests name the same one.
using OriginPtr = std::shared_ptr<const Origin>;

struct Url {
  OriginPtr origin;
  std::string target;  ///< path and query, at least `/`; the fragment is dropped
};

/// Reads an absolute http or https URL.
/// Errors: `kInvalid` for another scheme, user information, a bad port or host, and spaces or control characters.
[[nodiscard]] Result<Url> parse_url(std::string_view text);

/// `host` as it stands in a URL, but without brackets.
[[nodiscard]] OriginPtr make_origin(Scheme scheme, std::string_view host, std::uint16_t port);

/// Undoes `%41`; none when the escapes are broken. `+` stays itself: it means a space only in a query.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
/// Escapes all but letters, digits and `-._~`, so the result fits one path segment or one query value.
[[nodiscard]] std::string percent_encode(std::string_view text);

/// The pairs of `a=1&b=x+y`, decoded, in their order. A pair with broken escapes is kept as it was written.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

}  // namespace datasync::net
