#include "api/chain.h"

#include <charconv>
#include <string>

#include "api/router.h"
#include "net/url.h"
#include "net/websocket.h"

namespace datasync::api {
namespace {

using Stop = std::optional<net::HttpResponse>;

bool wants_page(const Call& call) {
  return call.route->access == Access::kPage &&
         call.request.headers.get("accept").find("text/html") != std::string_view::npos;
}

bool is_open(const Call& call) {
  switch (call.route->access) {
    case Access::kOpen:
    case Access::kInPath:
      return true;
    case Access::kOwnNetwork:
      return is_private_address(call.request.remote_address);
    case Access::kPage:
      return wants_page(call);
    default:
      return false;
  }
}

security::Permission permission_of(Access access) {
  switch (access) {
    case Access::kWrite:
      return security::Permission::kWrite;
    case Access::kOperate:
      return security::Permission::kOperate;
    default:
      return security::Permission::kRead;
  }
}

Stop unfold_alias(Services&, Call& call) {
  const std::string own = own_path_of_alias(call.request.path());
  if (!own.empty()) call.request.target.replace(0, call.request.path().size(), own);
  return std::nullopt;
}

Stop route(Services&, Call& call) {
  find_route(call);
  return std::nullopt;
}

/// In development there is no token to keep a foreign page in the user's browser from writing. Browsers say where a
/// request comes from; what they let pass without asking us first (CORS preflight) carries no JSON content type.
Stop refuse_foreign_pages(Services& services, Call& call) {
  if (!services.gatekeeper.development()) return std::nullopt;
  const net::Headers& headers = call.request.headers;
  if (net::is_websocket_upgrade(call.request)) {
    if (is_own_origin(call.request)) return std::nullopt;
  } else if (call.request.method == net::Method::kGet || call.request.method == net::Method::kHead ||
             headers.get("sec-fetch-site") != "cross-site" ||
             headers.get("content-type").find("json") != std::string_view::npos) {
    return std::nullopt;
  }
  return to_response(Problem{403, "in development, pages of other sites may not call this service"});
}

Stop authenticate(Services& services, Call& call) {
  if (call.route != nullptr && is_open(call)) return std::nullopt;
  auto caller = services.gatekeeper.admit(token_of(call.request));
  if (!caller) return to_response(caller.error());
  call.caller = std::move(*caller);
  return std::nullopt;
}

Stop require_route(Services&, Call& call) {
  if (call.route != nullptr) return std::nullopt;
  if (call.allow.empty()) return to_response(Problem{404, "there is no such path; GET /openapi.json lists them all"});
  const bool asks = call.request.method == net::Method::kOptions;
  net::HttpResponse response =
      asks ? net::HttpResponse{204} : to_response(Problem{405, "this path takes " + call.allow});
  response.headers.emplace_back("Allow", call.allow);
  return response;
}

Stop authorise(Services&, Call& call) {
  if (call.caller == nullptr || call.caller->may(permission_of(call.route->access))) return std::nullopt;
  return to_response(Problem{403, "the token's roles do not allow this"});
}

Stop limit_rate(Services& services, Call& call) {
  if (!services.rate_gate || call.caller == nullptr) return std::nullopt;
  const auto wait = services.rate_gate(*call.caller, call);
  if (!wait) return std::nullopt;
  net::HttpResponse response = to_response(Problem{429, "too many requests; wait and try again"});
  response.headers.emplace_back("Retry-After", std::to_string(std::max<std::int64_t>(wait->count(), 1)));
  return response;
}

}  // namespace

Stop pass_chain(Services& services, Call& call) {
  using Step = Stop (*)(Services&, Call&);
  static constexpr Step kChain[] = {
      unfold_alias,          // first: all that follows sees one set of paths
      route,                 // before the token, since the route says whether it needs one
      refuse_foreign_pages,  // before the token: in development there is none
      authenticate,          // before anything is answered about a path: strangers learn nothing, not even a 404
      require_route,         // before roles: an unknown path has none
      authorise,             // before the rate limit: what a caller may not do must not use up what it may
      limit_rate,            // last, on known callers, before a body is looked at; validation is the route's own
  };
  for (const Step step : kChain) {
    if (Stop stop = step(services, call)) return stop;
  }
  return std::nullopt;
}

bool is_private_address(std::string_view address) noexcept {
  if (address.substr(0, 7) == "::ffff:") address.remove_prefix(7);
  const auto starts = [address](std::string_view prefix) { return address.substr(0, prefix.size()) == prefix; };
  if (starts("127.") || starts("10.") || starts("192.168.") || starts("169.254.") || address == "::1") return true;
  // fc00::/7 and fe80::/10
  if (starts("fc") || starts("fd") || starts("fe8") || starts("fe9") || starts("fea") || starts("feb")) {
    return address.find(':') != std::string_view::npos;
  }
  if (!starts("172.")) return false;
  unsigned second = 0;
  const auto rest = address.substr(4);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), second);
  return error == std::errc{} && end != rest.data() + rest.size() && *end == '.' && second >= 16 && second <= 31;
}

std::string token_of(const net::HttpRequest& request) {
  constexpr std::string_view kScheme = "bearer ";
  const std::string_view authorization = request.headers.get("authorization");
  if (authorization.size() > kScheme.size() &&
      net::equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) {
    const auto first = authorization.find_first_not_of(' ', kScheme.size());
    return first == std::string_view::npos ? std::string{} : std::string(authorization.substr(first));
  }
  if (!net::is_websocket_upgrade(request)) return {};
  if (auto token = request.query_value("token")) return std::move(*token);
  const std::string_view protocols = request.headers.get("sec-websocket-protocol");
  const auto comma = protocols.find(',');
  if (comma == std::string_view::npos || !request.headers.has_token("sec-websocket-protocol", "bearer")) return {};
  const auto token = protocols.substr(comma + 1);
  const auto first = token.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(token.substr(first, token.find_first_of(" ,", first) - first));
}

bool is_own_origin(const net::HttpRequest& request) {
  const std::string_view text = request.headers.get("origin");
  if (text.empty()) return true;
  const auto url = net::parse_url(text);
  if (!url) return false;
  const std::string& host = url->origin->host;
  return host == "localhost" || host == "::1" || host.substr(0, 4) == "127." ||
         url->origin->authority == request.headers.get("host");
}

}  // namespace datasync::api
