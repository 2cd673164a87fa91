#include "net/url.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "net/headers.h"

namespace datasync::net {
namespace {

constexpr std::uint16_t default_port(Scheme scheme) noexcept {
  return scheme == Scheme::kHttps ? 443 : 80;
}

constexpr bool is_host_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

constexpr bool is_address_character(char c) noexcept {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Takes `scheme://` from the front.
std::optional<Scheme> take_scheme(std::string_view& text) {
  const auto mark = text.find("://");
  if (mark == std::string_view::npos) return std::nullopt;
  const auto word = text.substr(0, mark);
  text.remove_prefix(mark + 3);
  if (equals_ignoring_case(word, "http")) return Scheme::kHttp;
  if (equals_ignoring_case(word, "https")) return Scheme::kHttps;
  return std::nullopt;
}

/// Splits `host:port` and checks both; a port of 0 is a mistake, not a wish.
Result<OriginPtr> parse_authority(Scheme scheme, std::string_view text) {
  std::string_view host;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos)
      return fail(ErrorCode::kInvalid, "the URL's IPv6 address has no closing bracket");
    host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (!std::all_of(host.begin(), host.end(), is_address_character)) host = {};
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    host = text.substr(0, colon);
    text.remove_prefix(colon);
    if (!std::all_of(host.begin(), host.end(), is_host_character)) host = {};
  }
  if (host.empty() || host.size() > 253) return fail(ErrorCode::kInvalid, "the URL has no valid host");
  std::uint16_t port = default_port(scheme);
  if (!text.empty() && text != ":") {
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), port);
    if (text.front() != ':' || error != std::errc{} || end != text.data() + text.size() || port == 0) {
      return fail(ErrorCode::kInvalid, "the URL's port must be 1 to 65535");
    }
  }
  return make_origin(scheme, host, port);
}

}  // namespace

std::string Origin::str() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", scheme == Scheme::kHttps ? "https" : "http", ipv6 ? "[" : "", host,
                     ipv6 ? "]" : "", port);
}

Result<Url> parse_url(std::string_view text) {
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!printable) return fail(ErrorCode::kInvalid, "a URL has only printable ASCII characters; escape others");
  const auto scheme = take_scheme(text);
  if (!scheme) return fail(ErrorCode::kInvalid, "the URL must begin with http:// or https://");
  const auto authority = text.substr(0, text.find_first_of("/?#"));
  text.remove_prefix(authority.size());
  if (authority.find('@') != std::string_view::npos) {
    return fail(ErrorCode::kInvalid, "the URL must not hold a user name or password; configure a credential");
  }
  auto origin = parse_authority(*scheme, authority);
  if (!origin) return fail(std::move(origin).error());
  std::string target(text.substr(0, text.find('#')));
  if (target.empty() || target.front() != '/') target.insert(target.begin(), '/');
  return Url{*std::move(origin), std::move(target)};
}

OriginPtr make_origin(Scheme scheme, std::string_view host, std::uint16_t port) {
  Origin origin{scheme, std::string(host), port, {}};
  std::transform(origin.host.begin(), origin.host.end(), origin.host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  origin.authority = origin.host.find(':') == std::string::npos ? origin.host : "[" + origin.host + "]";
  if (port != default_port(scheme)) origin.authority += fmt::format(":{}", port);
  return std::make_shared<const Origin>(std::move(origin));
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kPlain = "-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (alphanumeric || kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  const auto decode = [](std::string_view part) {
    std::string spaced(part);
    std::replace(spaced.begin(), spaced.end(), '+', ' ');
    return percent_decode(spaced).value_or(std::string(part));
  };
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const auto pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    pairs.emplace_back(decode(pair.substr(0, equals)), decode(pair.substr(std::min(equals + 1, pair.size()))));
  }
  return pairs;
}

}  // namespace datasync::net
