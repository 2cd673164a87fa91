// URLs and their parts: what was read and written again is the same, and escapes undo themselves.

#include "fuzz.h"
#include "net/url.h"

namespace datasync::fuzz {
namespace {

void check_url(std::string_view text) {
  const auto url = net::parse_url(text);
  if (!url) return;
  const net::Origin& origin = *url->origin;
  require(origin.port != 0 && !origin.host.empty(), "an origin has a host and a port");
  require(url->target.starts_with('/'), "a target begins with a slash");
  for (const std::string_view part : {std::string_view(origin.authority), std::string_view(url->target)}) {
    require(!has_control_character(part) && part.find(' ') == std::string_view::npos,
            "no part of a URL can break out of its line");
  }
  const auto again = net::parse_url(origin.str() + url->target);
  require(again && *again->origin == origin && again->target == url->target, "a URL that was written is the same",
          origin.str() + url->target);
  const bool secure = origin.scheme == net::Scheme::kHttps;
  const auto by_authority = net::parse_url((secure ? "https://" : "http://") + origin.authority);
  require(by_authority && *by_authority->origin == origin, "an authority names its origin", origin.authority);
}

void check_escapes(std::string_view text) {
  const std::string encoded = net::percent_encode(text);
  require(encoded.find_first_of("/?#&=+ ") == std::string::npos, "what is escaped can't leave its segment");
  require(net::percent_decode(encoded) == text, "an escape undoes itself");
  if (const auto decoded = net::percent_decode(text)) {
    require(net::percent_decode(net::percent_encode(*decoded)) == *decoded, "so does a second one");
  }
}

void check_query(std::string_view text) {
  const auto pairs = net::parse_query(text);
  std::string again;
  for (const auto& [name, value] : pairs) {
    again += '&' + net::percent_encode(name) + '=' + net::percent_encode(value);
  }
  require(net::parse_query(again) == pairs, "a query that was written has the same pairs", again);
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = datasync::fuzz::text_of(data, size);
  datasync::fuzz::check_url(text);
  datasync::fuzz::check_escapes(text);
  datasync::fuzz::check_query(text);
  return 0;
}
