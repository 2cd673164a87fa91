#include "wire/http_scan.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace datasync::bench {
namespace {

constexpr std::string_view kAnswer = "HTTP/1.1 201 Created\r\nDate: today\r\ncontent-LENGTH:  4 \r\n\r\nbody";

TEST(HttpScan, ReadsAnAnswer) {
  const auto message = scan_http(kAnswer);
  ASSERT_TRUE(message);
  EXPECT_EQ(status_of(message->start_line), 201);
  EXPECT_EQ(message->body, "body");
  EXPECT_EQ(message->bytes, kAnswer.size());
  EXPECT_FALSE(message->closes);
}

TEST(HttpScan, WaitsUntilTheMessageIsWhole) {
  for (std::size_t cut = 0; cut < kAnswer.size(); ++cut) EXPECT_FALSE(scan_http(kAnswer.substr(0, cut))) << cut;
}

TEST(HttpScan, TakesOnlyTheFirstOfTwoMessages) {
  const std::string two = std::string(kAnswer) + "HTTP/1.1 500";
  EXPECT_EQ(scan_http(two)->bytes, kAnswer.size());
}

TEST(HttpScan, ReadsTheTargetOfARequestWithoutABody) {
  const auto message = scan_http("GET /_bench/report HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(message);
  EXPECT_EQ(target_of(message->start_line), "/_bench/report");
  EXPECT_EQ(message->body, "");
}

TEST(HttpScan, SeesThatTheServerWillClose) {
  EXPECT_TRUE(scan_http("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")->closes);
}

TEST(HttpScan, RefusesWhatItCannotMeasure) {
  EXPECT_THROW((void)scan_http("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"), std::runtime_error);
}

TEST(HttpScan, FindsNothingInWhatIsNoStartLine) {
  EXPECT_EQ(status_of("nonsense"), 0);
  EXPECT_EQ(target_of("nonsense"), "");
}

}  // namespace
}  // namespace datasync::bench
