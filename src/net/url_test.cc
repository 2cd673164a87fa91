#include "net/url.h"

#include <gtest/gtest.h>

#include "net/headers.h"
#include "net/http_message.h"

namespace datasync::net {
namespace {

TEST(Url, SplitsIntoOriginAndTarget) {
  const auto plain = parse_url("http://Example.COM/a/b?c=d#e");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->origin->str(), "http://example.com:80");
  EXPECT_EQ(plain->origin->authority, "example.com");
  EXPECT_EQ(plain->target, "/a/b?c=d");

  const auto secure = parse_url("HTTPS://example.com:8443");
  ASSERT_TRUE(secure);
  EXPECT_EQ(secure->origin->scheme, Scheme::kHttps);
  EXPECT_EQ(secure->origin->authority, "example.com:8443");
  EXPECT_EQ(secure->target, "/");

  const auto address = parse_url("http://[::1]:80?x");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->origin->host, "::1");
  EXPECT_EQ(address->origin->authority, "[::1]");
  EXPECT_EQ(address->target, "/?x");
}

TEST(Url, RefusesWhatCouldMeanSomethingElse) {
  for (const char* text :
       {"", "example.com", "ftp://example.com", "http://", "http://:80", "http://a:0", "http://a:65536", "http://a:b",
        "http://user@a", "http://user:secret@a", "http://a b", "http://a/\r\nX: y", "http://a\\b", "http://[::1",
        "http://[x]", "http://a:-1", "http://a:80x"}) {
    const auto url = parse_url(text);
    ASSERT_FALSE(url) << text;
    EXPECT_EQ(url.error().code, ErrorCode::kInvalid);
  }
}

TEST(Url, EscapesAndUnescapes) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
  EXPECT_EQ(percent_decode("%"), std::nullopt);
  EXPECT_EQ(percent_decode("%4"), std::nullopt);
  EXPECT_EQ(percent_decode("%4g"), std::nullopt);
}

TEST(Url, ReadsAQuery) {
  HttpRequest request;
  request.target = "/p%2Fq?limit=50&name=a+b%26c&empty=&flag&bad=%zz&&limit=9";
  EXPECT_EQ(request.path(), "/p%2Fq");
  EXPECT_EQ(request.query_value("limit"), "50");
  EXPECT_EQ(request.query_value("name"), "a b&c");
  EXPECT_EQ(request.query_value("empty"), "");
  EXPECT_EQ(request.query_value("flag"), "");
  EXPECT_EQ(request.query_value("bad"), "%zz");
  EXPECT_EQ(request.query_value("none"), std::nullopt);
  request.target = "/p";
  EXPECT_EQ(request.query(), "");
  EXPECT_EQ(request.query_value("limit"), std::nullopt);
}

TEST(Headers, AreFoundWithoutCaseAndInOrder) {
  Headers headers;
  headers.add("Content-Type", "application/json");
  headers.add("X-Many", "one");
  headers.add("x-many", "two, Three ,");
  EXPECT_EQ(headers.get("content-TYPE"), "application/json");
  EXPECT_EQ(headers.get("x-many"), "one");
  EXPECT_EQ(headers.count("X-MANY"), 2U);
  EXPECT_TRUE(headers.has_token("X-Many", "three"));
  EXPECT_TRUE(headers.has_token("X-Many", "one"));
  EXPECT_FALSE(headers.has_token("X-Many", "thre"));
  EXPECT_EQ(headers.find("absent"), std::nullopt);
  EXPECT_EQ(headers.size(), 3U);
  EXPECT_EQ(headers.name(2), "x-many");
  EXPECT_EQ(headers.value(0), "application/json");
}

TEST(Headers, ABlockTakesNothingThatCouldSmuggleAnotherHeader) {
  std::string block;
  EXPECT_TRUE(append_header(block, "Authorization", "Bearer x\ty"));
  for (const auto& [name, value] :
       std::initializer_list<std::pair<std::string, std::string>>{{"", "x"},
                                                                  {"A B", "x"},
                                                                  {"A:", "x"},
                                                                  {"A\r\nB", "x"},
                                                                  {"A", "x\r\nB: y"},
                                                                  {"A", "x\ny"},
                                                                  {"A", std::string("x\0y", 3)},
                                                                  {"A", "x\x7f"}}) {
    EXPECT_FALSE(append_header(block, name, value)) << name;
  }
  EXPECT_EQ(block, "Authorization: Bearer x\ty\r\n");
}

TEST(Problem, IsValidJsonWhateverTheDetail) {
  const auto response = problem_response(404, "no \"such\" \\ thing\n");
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(response.body,
            R"({"type":"about:blank","title":"Not Found","status":404,"detail":"no \"such\" \\ thing\u000a"})");
}

}  // namespace
}  // namespace datasync::net
