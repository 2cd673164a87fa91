#include "net/http_parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace datasync::net {
namespace {

constexpr std::uint32_t kHeaderBytesMax = 256;

/// Feeds a request in pieces of `step` bytes: how it ends, and its body.
std::pair<ParseState, std::string> read(std::string_view text, std::size_t step) {
  const RequestParser::BodyLimit limit;
  RequestParser parser(kHeaderBytesMax, limit);
  ReadBuffer buffer;
  auto state = ParseState::kNeedMore;
  while (!text.empty() && state == ParseState::kNeedMore) {
    const auto piece = text.substr(0, step);
    std::copy(piece.begin(), piece.end(), buffer.prepare(piece.size(), 1).begin());
    buffer.commit(piece.size());
    text.remove_prefix(piece.size());
    do {
      state = parser.feed(buffer);
    } while (state == ParseState::kHeaderDone);
  }
  return {state, parser.request.body};
}

std::string chunked(std::string_view rest) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(rest);
}

/// The head of a chunk, and the trailers, were measured only while they had not come whole: what a socket delivered at
/// once passed, and the same in two pieces was refused.
TEST(RequestParser, JudgesAChunkAlikeInOnePieceAndInMany) {
  const std::string at_limit(kHeaderBytesMax - 6, 'y');  // with `1;x=` and the line's end it fills the limit
  const std::string first = chunked("1;x=" + at_limit + "\r\na\r\n0\r\n\r\n");
  const std::string first_too_long = chunked("1;x=y" + at_limit + "\r\na\r\n0\r\n\r\n");
  const std::string later_too_long = chunked("1\r\na\r\n1;x=" + at_limit + "\r\nb\r\n0\r\n\r\n");
  const std::string trailers_too_long = chunked("1\r\na\r\n0\r\nX: " + at_limit + "\r\n\r\n");
  for (const std::size_t step : {1U, 2U, 7U, 100U, 255U, 256U, 257U, 10'000U}) {
    EXPECT_EQ(read(first, step), std::pair(ParseState::kDone, std::string("a"))) << step;
    EXPECT_EQ(read(first_too_long, step).first, ParseState::kError) << step;
    EXPECT_EQ(read(later_too_long, step).first, ParseState::kError) << step;
    EXPECT_EQ(read(trailers_too_long, step).first, ParseState::kError) << step;
  }
}

/// Beast asserted that all of the last chunk was there: an empty body whose `0` and one byte more came in two pieces
/// ended the process wherever assertions are compiled in.
TEST(RequestParser, ReadsAnEmptyChunkedBodyInPiecesOfAnySize) {
  const std::string empty = chunked("0\r\n\r\n");
  for (std::size_t step = 1; step <= empty.size(); ++step) {
    EXPECT_EQ(read(empty, step), std::pair(ParseState::kDone, std::string())) << step;
  }
}

/// `HTTP/1.1 002 OK` was taken for an answer like any other.
TEST(ResponseParser, RefusesAStatusBelowOneHundred) {
  for (const auto& [status, expected] : {std::pair("099", ParseState::kError), std::pair("000", ParseState::kError),
                                         std::pair("100", ParseState::kHeaderDone)}) {
    const std::string text = std::string("HTTP/1.1 ") + status + " OK\r\nContent-Length: 0\r\n\r\n";
    ResponseParser parser(kHeaderBytesMax, 1024, false);
    ReadBuffer buffer;
    std::copy(text.begin(), text.end(), buffer.prepare(text.size(), 1).begin());
    buffer.commit(text.size());
    EXPECT_EQ(parser.feed(buffer), expected) << status;
  }
}

}  // namespace
}  // namespace datasync::net
