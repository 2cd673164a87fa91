#include "domain/json.h"

#include <gtest/gtest.h>

namespace datasync {
namespace {

std::string canonical(std::string_view text) {
  const auto value = parse_json(text);
  return value ? value->text() : "refused: " + value.error().message;
}

bool refused(std::string_view text) {
  return !parse_json(text).has_value();
}

TEST(Json, EqualValuesHaveEqualTexts) {
  EXPECT_EQ(canonical(R"( { "b" : [1, 2.50 , 1e2], "a" : "\u00e9\/" } )"), R"({"a":"é/","b":[1,2.5,100]})");
  EXPECT_EQ(canonical(R"({"b":[1,2.5,100.0],"a":"é/"})"), R"({"a":"é/","b":[1,2.5,100]})");
  EXPECT_EQ(canonical("-0"), "0");
  EXPECT_EQ(canonical("-0.0e5"), "0");
  EXPECT_EQ(canonical("0.1e-2"), "0.001");
  EXPECT_EQ(canonical("1e40"), "1e40");
  EXPECT_EQ(canonical("123456789012345678901234567890"), "123456789012345678901234567890");
  EXPECT_EQ(canonical("0.10000000000000000000000000001"), "0.10000000000000000000000000001");
  EXPECT_EQ(canonical(R"("a\n\u0000\"")"), R"("a\n\u0000\"")");
  EXPECT_EQ(canonical("true"), "true");
  EXPECT_EQ(canonical("null"), "null");
}

TEST(Json, TheLastOfTwoMembersWithOneNameStays) {
  EXPECT_EQ(canonical(R"({"a":1,"a":2})"), R"({"a":2})");
  EXPECT_EQ(canonical(R"({"b":1,"a":2,"b":[3],"a":4,"c":{"z":1,"z":2}})"), R"({"a":4,"b":[3],"c":{"z":2}})");
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const char* text :
       {"",      "{",       "[1,",       "{\"a\":}",    "{\"a\" 1}", "[1 2]",       "{} {}",
        "[1] x", "tru",     "nul",       "nulls",       "truee",     "01",          "-",
        "1.",    "1e400",   ".5",        "+1",          "1e",        "0x10",        "--1",
        "[01]",  "[-]",     "[1.]",      "[1e]",        "[-01]",     "[nul]",       "[tru]",
        "'a'",   "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\x01\"",  "\"\xff\"",    "{\"a\":\"\xc3\"}",
        "\"",    "NaN",     "[NaN]",     "Infinity",    "1 2",       "\"a\" \"b\"", "{\"a\":1,}",
        "[1,]",  "[,1]",    "{,}"}) {
    EXPECT_TRUE(refused(text)) << text << " became " << canonical(text);
  }
}

TEST(Json, RefusesNestingBombsAndGiantNumbers) {
  EXPECT_TRUE(refused(std::string(100'000, '[')));
  EXPECT_TRUE(refused(std::string(65, '[') + std::string(65, ']')));
  EXPECT_FALSE(refused(std::string(60, '[') + std::string(60, ']')));
  EXPECT_TRUE(refused(std::string(129, '9')));
}

TEST(Json, ReadsAnEventAndItsDataInOnePass) {
  const auto event = parse_nested_object(R"({"type":"t","data":{"x":{"y":1},"a":2},"z":[{}]})", "data");
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->has_inner);
  EXPECT_EQ(event->inner.to_json(), R"({"a":2,"x":{"y":1}})");
  EXPECT_EQ(event->outer.to_json(), R"({"type":"t","z":[{}]})");
  EXPECT_FALSE(parse_nested_object(R"({"data":[1]})", "data")->has_inner);
  EXPECT_FALSE(parse_nested_object("[]", "data"));
}

TEST(Json, StringsComeBackAsTheyWere) {
  const std::string text = "quote \" slash \\ tab \t nul " + std::string(1, '\0') + " é 漢 😀";
  EXPECT_EQ(Value::string(text).as_string(), text);
  EXPECT_EQ(parse_json(Value::string(text).text())->as_string(), text);
}

}  // namespace
}  // namespace datasync
