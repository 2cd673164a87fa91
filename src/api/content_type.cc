#include "api/content_type.h"

#include <algorithm>

#include "api/problem.h"

namespace datasync::api {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && net::equals_ignoring_case(text.substr(text.size() - end.size()), end);
}

}  // namespace

std::string_view media_type_of(std::string_view content_type) noexcept {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.remove_suffix(1);
  return type;
}

std::optional<BodyKind> body_kind_of(const net::HttpRequest& request) {
  const std::string_view encoding = request.headers.get("content-encoding");
  if (!encoding.empty() && !net::equals_ignoring_case(encoding, "identity")) return std::nullopt;
  const std::string_view type = media_type_of(request.headers.get("content-type"));
  const auto is = [type](std::string_view name) { return net::equals_ignoring_case(type, name); };
  if (is("application/cloudevents+json")) return BodyKind::kCloudEvent;
  if (is("application/cloudevents-batch+json")) return BodyKind::kCloudEventBatch;
  if (is("application/x-ndjson") || is("application/ndjson") || is("application/jsonl")) return BodyKind::kNdjson;
  const bool json = type.empty() || is("application/json") || is("text/json") || ends_with(type, "+json") ||
                    is("text/plain") || is("application/x-www-form-urlencoded") || is("application/octet-stream");
  if (!json) return std::nullopt;
  return request.headers.find("ce-specversion") ? BodyKind::kCloudEventBinary : BodyKind::kJson;
}

net::HttpResponse unsupported_body() {
  return to_response(Problem{415, "the body must be JSON, NDJSON or CloudEvents, and not compressed"});
}

}  // namespace datasync::api
