// What a target answers, as the client reads it: in any pieces, to any method, ended by its length or by the end of the
// connection.

#include <optional>

#include "fuzz.h"
#include "net/http_parser.h"

namespace datasync::fuzz {
namespace {

using net::ParseState;
using net::ResponseParser;

constexpr std::uint32_t kHeaderBytesMax = 512;
constexpr std::size_t kBodyBytesMax = 1024;

struct Answer {
  enum class End : std::uint8_t { kWhole, kRefused, kCut } end = End::kCut;
  std::string text;  // status, headers but those that frame it, and body
  std::size_t rest = 0;
};

bool frames_the_message(std::string_view name) {
  return net::equals_ignoring_case(name, "content-length") || net::equals_ignoring_case(name, "transfer-encoding");
}

/// Reads as `ClientConnection` does: interim answers are dropped, and the connection ends after the last piece.
Answer read(const std::vector<std::string_view>& pieces, bool of_head, std::uint32_t header_bytes_max) {
  Answer answer;
  net::ReadBuffer buffer;
  std::optional<ResponseParser> parser;
  const auto begin = [&] { parser.emplace(header_bytes_max, kBodyBytesMax, of_head); };
  const auto complete = [&] {
    answer.end = Answer::End::kWhole;
    answer.text = std::to_string(parser->status) + "\n";
    for (std::size_t i = 0; i < parser->headers.size(); ++i) {
      if (frames_the_message(parser->headers.name(i))) continue;
      require(net::append_header(answer.text, parser->headers.name(i), parser->headers.value(i)),
              "a header that was read has neither a bad name nor control characters");
    }
    answer.text.append("\r\n").append(parser->body);
    require(parser->status >= 100 && parser->status <= 999, "a status has three digits");
    require(parser->body.size() <= kBodyBytesMax, "a body keeps its limit");
    require(!of_head || parser->body.empty(), "an answer to HEAD has no body");
  };
  begin();
  for (const std::string_view piece : pieces) {
    const auto room = buffer.prepare(piece.size(), 1);
    std::copy(piece.begin(), piece.end(), room.begin());
    buffer.commit(piece.size());
    bool more = answer.end == Answer::End::kCut;
    while (more) {
      switch (parser->feed(buffer)) {
        case ParseState::kNeedMore:
          more = false;
          break;
        case ParseState::kHeaderDone:
          if (parser->status / 100 == 1) begin();
          break;
        case ParseState::kDone:
          complete();
          more = false;
          break;
        case ParseState::kError:
          answer.end = Answer::End::kRefused;
          more = false;
      }
    }
  }
  if (answer.end == Answer::End::kCut && parser->header_seen() && parser->need_eof()) {
    ResponseParser::BeastError ignored;
    parser->put_eof(ignored);
    complete();
  }
  answer.rest = buffer.size();
  return answer;
}

void check(std::string_view text, bool of_head) {
  const auto random = random_of(text);
  const Answer whole = read({text}, of_head, kHeaderBytesMax);
  const Answer cut = read(in_pieces(text, *random), of_head, kHeaderBytesMax);
  require(whole.end == cut.end, "an answer in pieces ends as the whole one does");
  if (whole.end != Answer::End::kWhole) return;
  require(whole.text == cut.text, "an answer in pieces says the same");
  require(whole.rest == cut.rest, "what follows an answer is left alone");
  if (of_head) return;
  const auto status_end = whole.text.find('\n');
  const auto body = whole.text.find("\r\n\r\n");
  const bool without_headers = whole.text.substr(status_end + 1, 2) == "\r\n";
  const std::size_t body_bytes = whole.text.size() - (without_headers ? status_end + 3 : body + 4);
  const std::string again = "HTTP/1.1 " + whole.text.substr(0, status_end) +
                            " Any\r\nContent-Length: " + std::to_string(body_bytes) + "\r\n" +
                            whole.text.substr(status_end + 1);
  const bool bodiless = whole.text.starts_with("204") || whole.text.starts_with("304");
  const Answer repeated = read({again}, of_head, 4 * kHeaderBytesMax);
  require(bodiless || (repeated.end == Answer::End::kWhole && repeated.text == whole.text),
          "an answer that was read and written again says the same", again);
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // With an end to its headers: what is malformed in headers that have not all come is told sooner or later.
  const std::string text = std::string(datasync::fuzz::text_of(data, size)) + "\r\n\r\n";
  for (const bool of_head : {false, true}) datasync::fuzz::check(text, of_head);
  return 0;
}
