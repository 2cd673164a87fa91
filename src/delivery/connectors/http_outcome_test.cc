#include "delivery/connectors/http_outcome.h"

#include <gtest/gtest.h>

#include "delivery/connectors/connector_test_support.h"

namespace datasync::delivery {
namespace {

using Kind = Outcome::Kind;

std::optional<milliseconds> retry_after(std::string retry_after, std::string date = {}) {
  std::vector<std::pair<std::string, std::string>> headers{{"Retry-After", std::move(retry_after)}};
  if (!date.empty()) headers.emplace_back("Date", std::move(date));
  return retry_after_of(*test::answer(429, "", headers));
}

TEST(HttpOutcome, EachStatusHasOneMeaning) {
  const std::vector<std::pair<int, Kind>> table{
      {100, Kind::kUnknown},      {199, Kind::kUnknown},  {203, Kind::kRejected},     {301, Kind::kRejected},
      {307, Kind::kRejected},     {400, Kind::kRejected}, {401, Kind::kUnauthorized}, {402, Kind::kRejected},
      {403, Kind::kUnauthorized}, {404, Kind::kRejected}, {405, Kind::kRejected},     {408, Kind::kRefused},
      {409, Kind::kMovedOn},      {410, Kind::kGone},     {412, Kind::kMovedOn},      {413, Kind::kRejected},
      {415, Kind::kRejected},     {422, Kind::kRejected}, {425, Kind::kRefused},      {429, Kind::kRefused},
      {451, Kind::kRejected},     {500, Kind::kRefused},  {501, Kind::kRefused},      {502, Kind::kUnknown},
      {503, Kind::kRefused},      {504, Kind::kUnknown},  {507, Kind::kRefused},      {599, Kind::kRefused}};
  for (const auto& [status, kind] : table) EXPECT_EQ(to_string(kind_of_status(status)), to_string(kind)) << status;
}

TEST(HttpOutcome, OnlyWhatHadNotBegunIsKnownNotToHaveHappened) {
  const auto kind = [](ErrorCode code, Stage stage) {
    return outcome_of_error("bizoholic", "POST /x", Error{code, "why", {}, stage}).kind;
  };
  EXPECT_EQ(kind(ErrorCode::kUnavailable, Stage::kBefore), Kind::kRefused);
  EXPECT_EQ(kind(ErrorCode::kOverloaded, Stage::kBefore), Kind::kRefused);
  EXPECT_EQ(kind(ErrorCode::kForbidden, Stage::kBefore), Kind::kRefused);
  EXPECT_EQ(kind(ErrorCode::kInvalid, Stage::kBefore), Kind::kRejected);
  EXPECT_EQ(kind(ErrorCode::kTimeout, Stage::kDuring), Kind::kUnknown);
  EXPECT_EQ(kind(ErrorCode::kUnavailable, Stage::kDuring), Kind::kUnknown);
  EXPECT_EQ(kind(ErrorCode::kCorrupt, Stage::kAfter), Kind::kUnknown);
}

TEST(HttpOutcome, OnlyMissingAnswersAndServerErrorsSpeakAgainstTheOrigin) {
  const auto speaks = [](Kind kind, int status) {
    Outcome outcome;
    outcome.kind = kind;
    outcome.http_status = status;
    return is_origin_failure(outcome);
  };
  EXPECT_TRUE(speaks(Kind::kRefused, 0));
  EXPECT_TRUE(speaks(Kind::kUnknown, 0));
  EXPECT_TRUE(speaks(Kind::kRefused, 500));
  EXPECT_TRUE(speaks(Kind::kUnknown, 504));
  EXPECT_FALSE(speaks(Kind::kRejected, 0)) << "it was never sent";
  EXPECT_FALSE(speaks(Kind::kRefused, 429));
  EXPECT_FALSE(speaks(Kind::kUnknown, 200));
  EXPECT_FALSE(speaks(Kind::kDelivered, 200));
}

TEST(HttpOutcome, EveryKindHasAWordThatReadsBack) {
  for (const Kind kind : {Kind::kDelivered, Kind::kStepDone, Kind::kRepeat, Kind::kRefused, Kind::kUnknown,
                          Kind::kRejected, Kind::kMovedOn, Kind::kUnauthorized, Kind::kGone}) {
    EXPECT_EQ(parse_outcome_kind(to_string(kind)), kind);
  }
  EXPECT_EQ(parse_outcome_kind("perhaps"), std::nullopt);
}

TEST(RetryAfter, IsReadAsSecondsOrAsADateBesideTheAnswersOwn) {
  constexpr const char* kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(retry_after("120"), seconds{120});
  EXPECT_EQ(retry_after("0"), seconds{0});
  EXPECT_EQ(retry_after("99999999999999999999"), std::chrono::hours{24});
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", kDate), seconds{30});
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:00 GMT", kDate), seconds{0}) << "already past";
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:50:07 GMT"), std::nullopt) << "there is no clock of ours to measure it by";
  for (const char* text :
       {"", "-5", "+5", "1.5", "soon", "12 s", "Sun, 06 Nov 1994 08:50:07 CET", "Sun, 31 Feb 1994 08:50:07 GMT",
        "Sun, 06 Nov 1994 25:50:07 GMT", "Sunday, 06-Nov-94 08:49:37 GMT"}) {
    EXPECT_EQ(retry_after(text, kDate), std::nullopt) << text;
  }
}

TEST(Cleaned, MakesOneLineThatNoTerminalStumblesOver) {
  EXPECT_EQ(cleaned("a\r\nb\tc"), "a b c");
  EXPECT_EQ(cleaned(std::string("a\0b\x1b[31m\x7f", 9)), "a b [31m");
  EXPECT_EQ(cleaned("bad \xff\xc0\xaf bytes"), "bad ??? bytes");
  EXPECT_EQ(cleaned("c1 \xc2\x9b m"), "c1 m");
  EXPECT_EQ(cleaned("\n\n"), "");
  EXPECT_EQ(cleaned("grüße"), "grüße");
}

TEST(Cleaned, CutsAtAWholeCharacter) {
  EXPECT_EQ(cleaned(std::string(300, 'x')), std::string(200, 'x') + "…");
  EXPECT_EQ(cleaned("aüü", 4), "aü…");
  EXPECT_EQ(cleaned("aüü", 5), "aüü");
}

TEST(WordsOf, TakesTheFirstPlaceThatHasSomeElseTheText) {
  const auto places = parse_pointers({"/errors/0/message", "/detail"}).value();
  EXPECT_EQ(words_of(R"({"detail":"no such lead"})", places), "no such lead");
  EXPECT_EQ(words_of(R"({"detail":"","errors":[{"message":7}]})", places), "7");
  EXPECT_EQ(words_of(R"({"other":1})", places), R"({"other":1})");
  EXPECT_EQ(words_of(R"({ "other": "\u0061" })", places), R"({"other":"a"})");
  EXPECT_EQ(words_of("<h1>Bad\nGateway</h1>", places), "<h1>Bad\nGateway</h1>");
  EXPECT_EQ(words_of("", places), "(no words)");
}

TEST(IdOf, TakesTextAndWholeNumbersAndNothingElse) {
  EXPECT_EQ(id_of(test::json(R"("VXNlcjox")")), "VXNlcjox");
  EXPECT_EQ(id_of(test::json("42")), "42");
  for (const char* text : {"null", "true", "1.5", "1e40", "[1]", R"({"id":1})", R"("")", R"("a\nb")", R"("\u0000")"}) {
    EXPECT_EQ(id_of(test::json(text)), std::nullopt) << text;
  }
  EXPECT_TRUE(id_of(Value::string(std::string(255, 'x'))));
  EXPECT_FALSE(id_of(Value::string(std::string(256, 'x'))));
  EXPECT_FALSE(string_id_of(test::json("42")));
}

TEST(JsonPointer, FindsByMembersAndIndexesAsRfc6901Says) {
  const Value root = test::json(R"({"a":[{"b":1},2],"":{"":3},"x/y":4,"m~n":5})");
  const auto at = [&root](std::string_view text) -> std::string {
    const auto found = JsonPointer::parse(text).value().find(root);
    return found ? found->text() : "none";
  };
  EXPECT_EQ(at("/a/0/b"), "1");
  EXPECT_EQ(at("/a/1"), "2");
  EXPECT_EQ(at("//"), "3");
  EXPECT_EQ(at("/x~1y"), "4");
  EXPECT_EQ(at("/m~0n"), "5");
  EXPECT_EQ(at(""), root.text());
  for (const char* text : {"/a/2", "/a/00", "/a/-", "/a/0/b/c", "/b", "/a/18446744073709551616"})
    EXPECT_EQ(at(text), "none") << text;
  EXPECT_FALSE(JsonPointer::parse("a"));
  EXPECT_FALSE(JsonPointer::parse("/~2"));
  EXPECT_FALSE(JsonPointer::parse("/a~"));
}

}  // namespace
}  // namespace datasync::delivery
