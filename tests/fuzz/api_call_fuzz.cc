// A whole call of the API, written as a request of HTTP: every route, list, filter and cursor, behind authentication. A
// `Authorization: own` stands for the token of the caller, who must never see what another tenant has.

#include "api_world.h"
#include "net/http_parser.h"

namespace datasync::fuzz {
namespace {

std::optional<net::HttpRequest> request_of(std::string_view text) {
  const net::RequestParser::BodyLimit limit;
  net::ReadBuffer buffer;
  std::copy(text.begin(), text.end(), buffer.prepare(text.size() + 1, 1).begin());
  buffer.commit(text.size());
  net::RequestParser parser(64 * 1024, limit);
  auto state = parser.feed(buffer);
  while (state == net::ParseState::kHeaderDone) state = parser.feed(buffer);
  if (state == net::ParseState::kError || !parser.header_seen()) return std::nullopt;
  return std::move(parser.request);  // whatever its Content-Length says: the body is what is there
}

net::HttpRequest with_token(const net::HttpRequest& request, const std::string& token) {
  net::HttpRequest made = request;
  made.headers = {};
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const bool own =
        request.headers.value(i) == "own" && net::equals_ignoring_case(request.headers.name(i), "authorization");
    made.headers.add(request.headers.name(i), own ? "Bearer " + token : std::string(request.headers.value(i)));
  }
  return made;
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync::fuzz;
  static ApiWorld world;
  const auto request = request_of(text_of(data, size));
  if (!request) return 0;
  const std::string message = request->body;
  world.call(with_token(*request, world.token()), message);
  return 0;
}
