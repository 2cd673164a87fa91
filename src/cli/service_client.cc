#include "cli/service_client.h"

#include <fmt/format.h>

#include <charconv>
#include <future>

#include "cli/cli.h"
#include "domain/json.h"
#include "net/headers.h"
#include "net/http_client.h"
#include "net/io_threads.h"

namespace datasync::cli {
namespace {

constexpr std::string_view kUrlDefault = "http://127.0.0.1:8025";
constexpr std::size_t kAnswerBytesMax = 64 * 1024 * 1024;

/// A problem's own words, and the further faults of its list; the status' name where it has none.
std::string words_of(const net::ClientResponse& response) {
  const auto problem = parse_json_object(response.body);
  std::string words = problem ? text_of(*problem, "detail") : "";
  if (words.empty()) words = fmt::format("{} {}", response.status, net::status_phrase(response.status));
  if (!problem) return words;
  const auto* errors = problem->find("errors");
  if (errors == nullptr) return words;
  const auto faults = elements_of(*errors);
  if (faults.size() < 2) return words;  // the detail has named it
  for (const auto& fault : faults) {
    const auto members = members_of(fault);
    const auto where = text_of(members, "pointer") + text_of(members, "parameter");
    words += fmt::format("\n  {}: {}", where, text_of(members, "detail"));
  }
  return words;
}

Error refusal(const ServiceAddress& address, const net::ClientResponse& response) {
  const auto words = words_of(response);
  switch (response.status) {
    case 401:
      return {
          ErrorCode::kUnauthorized,
          fmt::format("{} asks who you are ({}); set DATA_SYNC_TOKEN to a token of the service", address.url, words)};
    case 403:
      return {ErrorCode::kForbidden, words};
    case 404:
      return {ErrorCode::kNotFound, words};
    case 409:
      return {ErrorCode::kConflict, words};
    case 429:
    case 502:
    case 503:
    case 504:
      return {ErrorCode::kUnavailable, fmt::format("{} cannot do it now: {}", address.url, words)};
    default:
      return {response.status >= 500 ? ErrorCode::kInternal : ErrorCode::kInvalid, words};
  }
}

}  // namespace

void ServiceOptions::declare(Options& options, bool with_json) {
  options.text("--url", url, "Where the service is [DATA_SYNC_URL, else http://127.0.0.1:8025]");
  if (with_json) options.flag("--json", json, "Write the answer as it came, for scripts");
}

Result<ServiceAddress> service_address(const Session& session, const ServiceOptions& options) {
  ServiceAddress address;
  address.url =
      !options.url.empty() ? options.url : session.variable("DATA_SYNC_URL").value_or(std::string(kUrlDefault));
  auto url = net::parse_url(address.url);
  if (!url) {
    return fail(ErrorCode::kInvalid, fmt::format("`{}` ({}) is no address of a service: {}", address.url,
                                                 options.url.empty() ? "DATA_SYNC_URL" : "--url", url.error().message));
  }
  address.origin = url->origin;
  address.prefix = url->target;
  while (address.prefix.ends_with('/')) address.prefix.pop_back();
  address.token = session.variable("DATA_SYNC_TOKEN").value_or("");
  return address;
}

Error nobody_answers(const ServiceAddress& address, std::string_view why) {
  return {ErrorCode::kUnavailable,
          fmt::format("no service answers at {} ({}); start one with `data-sync serve`, or name another with --url or "
                      "DATA_SYNC_URL",
                      address.url, why)};
}

struct ServiceClient::Impl {
  explicit Impl(ServiceAddress where) : address(std::move(where)) {
    net::HttpClientOptions options;
    options.response_body_bytes_max = kAnswerBytesMax;
    client.emplace(threads, std::move(options));
    threads.start();
  }
  ~Impl() { client->stop(); }

  ServiceAddress address;
  SystemClock clock;
  net::IoThreads threads{1, clock};
  std::optional<net::HttpClient> client;
};

ServiceClient::ServiceClient(ServiceAddress address) : impl_(std::make_unique<Impl>(std::move(address))) {}
ServiceClient::~ServiceClient() = default;

Result<ServiceClient::Answer> ServiceClient::call(net::Method method, std::string_view target, std::string body) {
  const auto& address = impl_->address;
  net::ClientRequest request{address.origin, method, address.prefix + std::string(target)};
  bool headers_fit = net::append_header(request.header_block, "Accept", "application/json");
  headers_fit &= net::append_header(request.header_block, "User-Agent", "data-sync-cli");
  if (!body.empty()) headers_fit &= net::append_header(request.header_block, "Content-Type", "application/json");
  if (!address.token.empty()) {
    headers_fit &= net::append_header(request.header_block, "Authorization", "Bearer " + address.token);
  }
  if (!headers_fit) return fail(ErrorCode::kInvalid, "DATA_SYNC_TOKEN has characters that no token has");
  request.body = std::move(body);

  std::promise<net::ClientResult> promise;
  auto answered = promise.get_future();
  impl_->client->send(std::move(request),
                      [&promise](net::ClientResult result) { promise.set_value(std::move(result)); });
  net::ClientResult result = answered.get();
  if (!result) {
    const bool reached = result.error().stage != Stage::kBefore;
    if (!reached) return fail(nobody_answers(address, result.error().message));
    return fail(ErrorCode::kUnavailable, fmt::format("{} did not answer whole ({}); whether it acted is unknown",
                                                     address.url, result.error().message));
  }
  if (result->status < 200 || result->status > 299) return fail(refusal(address, *result));
  return Answer{result->status, std::move(result->body)};
}

Result<Fields> ServiceClient::call_for_object(net::Method method, std::string_view target, std::string body) {
  auto answer = call(method, target, std::move(body));
  if (!answer) return fail(std::move(answer).error());
  auto object = parse_json_object(answer->body);
  if (!object) {
    return fail(ErrorCode::kCorrupt, fmt::format("{} answers something else than data-sync does", impl_->address.url));
  }
  return object;
}

int report(const Session& session, const Error& error) {
  say_error(session.terminal, error.message);
  const bool unavailable = error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kTimeout ||
                           error.code == ErrorCode::kOverloaded;
  return unavailable ? kExitUnavailable : kExitFailed;
}

std::string with_query(std::string_view path, const std::vector<std::pair<std::string_view, std::string>>& pairs) {
  std::string target(path);
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    target += fmt::format("{}{}={}", target.size() == path.size() ? '?' : '&', name, net::percent_encode(value));
  }
  return target;
}

Result<std::string> point_in_time(const Session& session, std::string_view text) {
  if (text.empty()) return std::string();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error == std::errc{} && number >= 0 && number <= 1'000'000 && unit.size() == 1) {
    const auto at = std::string_view("smhd").find(unit.front());
    constexpr std::array<std::int64_t, 4> kSeconds{1, 60, 3600, 86400};
    if (at != std::string_view::npos) return format_rfc3339(session.clock.now() - seconds{number * kSeconds[at]});
  }
  const auto time = parse_rfc3339(text);
  if (time) return format_rfc3339(*time);
  return fail(ErrorCode::kInvalid,
              fmt::format("`{}` is no time; write 15m, 2h or 7d for so long ago, or 2026-01-31T09:30:00Z", text));
}

std::string text_of(const Value& value) {
  if (value.is_null()) return {};
  auto text = value.as_string();
  return text ? *std::move(text) : value.text();
}

std::string text_of(const Fields& object, std::string_view name) {
  const auto* value = object.find(name);
  return value == nullptr ? std::string() : text_of(*value);
}

}  // namespace datasync::cli
