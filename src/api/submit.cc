#include "api/submit.h"

namespace datasync::api {
namespace {

constexpr std::size_t kTraceparentBytes = 55;  // W3C Trace Context, 3.2: version 00

}  // namespace

Read<std::string> idempotency_key_of(const net::HttpRequest& request) {
  const auto key = request.headers.find("idempotency-key");
  if (!key) return std::string{};
  if (auto wrong = fault_of_id(*key)) return tl::unexpected(Problem{400, "Idempotency-Key " + *wrong});
  return std::string(*key);
}

void add_request_context(const net::HttpRequest& request, Event& event) {
  const std::string_view traceparent = request.headers.get("traceparent");
  if (traceparent.size() == kTraceparentBytes) event.traceparent = traceparent;
}

net::HttpResponse receipt_response(const pipeline::Receipt& receipt) {
  using Status = pipeline::Receipt::Status;
  if (receipt.status == Status::kMismatch) {
    return to_response(Problem{409, "this id or Idempotency-Key was used for an event with other content"});
  }
  if (receipt.status == Status::kTooLarge) return to_response(Problem{413, receipt.why});
  if (receipt.status == Status::kRefused) return to_response(Error{ErrorCode::kUnavailable, "try again later", {}});
  std::string body = R"({"event_id":)";
  body.reserve(80);
  append_json_string(body, receipt.id.str());
  const bool created = receipt.status == Status::kCreated;
  body += created ? R"(,"status":"created"})" : R"(,"status":"duplicate"})";
  return net::json_response(created ? 201 : 200, std::move(body));
}

}  // namespace datasync::api
