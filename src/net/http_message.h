#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/headers.h"

namespace datasync::net {

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

[[nodiscard]] std::string_view to_string(Method method) noexcept;

/// One request, whole and within its limits. A HEAD request is answered like its GET; the server leaves the body out.
struct HttpRequest {
  Method method = Method::kGet;
  std::string method_name;     ///< as it was sent; only for `Method::kOther`
  std::string target;          ///< as it was sent: path and query, still escaped
  Headers headers;             ///< without the trailers of a chunked body
  std::string body;            ///< chunks joined
  std::string remote_address;  ///< the peer's IP address in text, without the port

  /// The target up to the query, still escaped. Split it at `/` first, then `percent_decode` the segments.
  [[nodiscard]] std::string_view path() const noexcept;
  /// What follows the `?`, still escaped; empty without one.
  [[nodiscard]] std::string_view query() const noexcept;
  /// The first value of a query parameter, decoded.
  [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const;
};

/// One answer. The server adds Date, Content-Length and Connection; none of these may stand in `headers`.
struct HttpResponse {
  int status = 200;                                               ///< 200..599
  std::string content_type = {};                                  ///< empty: no such header
  std::string body = {};                                          ///< dropped for 204 and 304
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< one with control characters is dropped and logged
};

[[nodiscard]] HttpResponse json_response(int status, std::string body);
[[nodiscard]] HttpResponse text_response(int status, std::string body);
/// RFC 9457 `application/problem+json` `{type, title, status, detail}`; the title is the status' own phrase.
[[nodiscard]] HttpResponse problem_response(int status, std::string_view detail);
/// `Not Found` for 404; empty for a status without a name.
[[nodiscard]] std::string_view status_phrase(int status) noexcept;

}  // namespace datasync::net
