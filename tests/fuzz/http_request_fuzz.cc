// Requests as they come from a socket. However a stream is cut, it holds the same requests; and a request that was read
// and written again is read as the same one.

#include <optional>

#include "fuzz.h"
#include "net/http_parser.h"

namespace datasync::fuzz {
namespace {

using net::HttpRequest;
using net::ParseState;

constexpr std::uint32_t kHeaderBytesMax = 512;
constexpr std::size_t kBodyBytesMax = 1024;

struct Stream {
  std::vector<HttpRequest> requests;
  bool refused = false;
};

/// Reads as `ServerConnection` does: one request after the other, until one is refused or wants to be the last.
class StreamReader {
 public:
  explicit StreamReader(std::uint32_t header_bytes_max) : header_bytes_max_(header_bytes_max) {}

  Stream read(const std::vector<std::string_view>& pieces) {
    for (const std::string_view piece : pieces) {
      const auto room = buffer_.prepare(piece.size(), 1);
      std::copy(piece.begin(), piece.end(), room.begin());
      buffer_.commit(piece.size());
      while (!ended_ && step()) {
      }
    }
    return std::move(stream_);
  }

 private:
  bool step() {
    if (!parser_) {
      while (!buffer_.empty() && (buffer_.data().front() == '\r' || buffer_.data().front() == '\n')) buffer_.consume(1);
      if (buffer_.empty()) return false;
      parser_.emplace(header_bytes_max_, limit_);
    }
    switch (parser_->feed(buffer_)) {
      case ParseState::kNeedMore:
        return false;
      case ParseState::kHeaderDone:
        require(parser_->request.body.empty(), "a body comes after its headers");
        return true;
      case ParseState::kDone:
        ended_ = !parser_->keep_alive();
        stream_.requests.push_back(std::move(parser_->request));
        parser_.reset();
        return true;
      case ParseState::kError:
        ended_ = stream_.refused = true;
        return false;
    }
    return false;
  }

  const std::uint32_t header_bytes_max_;
  const net::RequestParser::BodyLimit limit_ = [](std::string_view) { return kBodyBytesMax; };
  net::ReadBuffer buffer_;
  std::optional<net::RequestParser> parser_;
  Stream stream_;
  bool ended_ = false;
};

bool frames_the_message(std::string_view name) {
  return net::equals_ignoring_case(name, "content-length") || net::equals_ignoring_case(name, "transfer-encoding");
}

/// The request in one line: method, target, headers but those that frame it, and body.
std::string told(const HttpRequest& request) {
  std::string text(net::to_string(request.method));
  text.append(" ").append(request.method_name).append(" ").append(request.target).append("\n");
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    if (frames_the_message(request.headers.name(i))) continue;
    text.append(request.headers.name(i)).append("=").append(request.headers.value(i)).append("\n");
  }
  return text.append("\n").append(request.body);
}

std::string written(const HttpRequest& request) {
  std::string text(request.method == net::Method::kOther ? request.method_name : net::to_string(request.method));
  text.append(" ").append(request.target).append(" HTTP/1.1\r\n");
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    if (frames_the_message(request.headers.name(i))) continue;
    require(net::append_header(text, request.headers.name(i), request.headers.value(i)),
            "a header that was read may be sent on");
  }
  return text.append("Content-Length: ")
      .append(std::to_string(request.body.size()))
      .append("\r\n\r\n")
      .append(request.body);
}

void check(const HttpRequest& request) {
  require(!has_control_character(request.target) && request.target.find(' ') == std::string::npos,
          "a target has neither spaces nor control characters");
  require(request.body.size() <= kBodyBytesMax, "a body keeps its limit");
  const net::Headers& headers = request.headers;
  require(headers.count("content-length") <= 1, "one Content-Length at most");
  require(headers.count("content-length") + headers.count("transfer-encoding") <= 1, "one framing at most");
  if (headers.find("content-length")) {
    require(std::stoull(std::string(headers.get("content-length"))) == request.body.size(), "the length is the body's");
  }
  const std::string text = written(request);
  const Stream again = StreamReader(4 * kHeaderBytesMax).read({text});
  require(!again.refused && again.requests.size() == 1, "what was read and written again can be read", text);
  require(told(again.requests.front()) == told(request), "and is the same request", text);
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace datasync::fuzz;
  // With an end to its headers: what is malformed in headers that have not all come is told sooner or later.
  const std::string text = std::string(text_of(data, size)) + "\r\n\r\n";
  const auto random = random_of(text);
  const Stream whole = StreamReader(kHeaderBytesMax).read({text});
  const Stream cut = StreamReader(kHeaderBytesMax).read(in_pieces(text, *random));
  require(whole.refused == cut.refused && whole.requests.size() == cut.requests.size(),
          "a stream in pieces is refused exactly where the whole one is");
  for (std::size_t i = 0; i < whole.requests.size(); ++i) {
    require(told(whole.requests[i]) == told(cut.requests[i]), "a request in pieces is the same request");
    check(whole.requests[i]);
  }
  return 0;
}
