#include "script/test_support.h"

namespace datasync::script {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

std::string there_and_back(std::string_view json) {
  return outcome("return x", json);
}

TEST(Values, ComeBackAsTheyWent) {
  for (const char* json : {"null",
                           "true",
                           "false",
                           "0",
                           "-5",
                           "9223372036854775807",
                           "-9223372036854775808",
                           "0.5",
                           "-19.99",
                           "0.1",
                           "1234567.891",
                           R"("")",
                           R"("text")",
                           R"("é\n\u0000\"")",
                           "[]",
                           "{}",
                           "[null]",
                           "[[],{}]",
                           R"([1,"a",null,true])",
                           R"({"":0,"a":{"b":[1,{"c":null}]},"z":[]})",
                           R"({"amount":"19.90","currency":"USD"})",
                           R"({"1":"x","2":"y"})"}) {
    EXPECT_EQ(there_and_back(json), json);
  }
}

/// A float writes these as other decimals, so they are handed on as they are.
TEST(Values, AreNeverRounded) {
  for (const char* json : {"9223372036854775808", "-9223372036854775809", "0.12345678901234567890123", "1e-400",
                           "100000000000000000000000000", "0.10000000000000000555", "3.1415926535897932384626"}) {
    const std::string canonical = parse_json(json)->text();
    EXPECT_EQ(there_and_back(json), canonical);
    EXPECT_EQ(outcome("return {type(x), tostring(x)}", json), R"(["number",")" + canonical + R"("])");
    EXPECT_EQ(outcome("return x + 1", json),
              "rule.lua:1: attempt to perform arithmetic on a long number value (local 'x')");
    EXPECT_THAT(outcome("return math.floor(x)", json), HasSubstr("number expected, got long number"));
  }
}

TEST(Values, OfWholeNumbersAreIntegers) {
  EXPECT_EQ(outcome("return math.type(x)", "1e3"), R"("integer")");
  EXPECT_EQ(outcome("return math.type(x)", "2.0"), R"("integer")");
  EXPECT_EQ(outcome("return math.type(x)", "2.5"), R"("float")");
  EXPECT_EQ(outcome("return 6 / 2"), "3");
  EXPECT_EQ(outcome("return -0.0"), "0");
  EXPECT_EQ(outcome("return 1e300"), parse_json("1e300")->text());
}

TEST(Values, ThatAreNoneAreRefused) {
  EXPECT_EQ(outcome("return 0/0"), "rule.lua: a number that is not finite");
  EXPECT_EQ(outcome("return {math.huge}"), "rule.lua: a number that is not finite");
  EXPECT_EQ(outcome("return function() end"), "rule.lua: returned a function, which is no value");
  EXPECT_EQ(outcome("return {[1.5] = 1}"), "rule.lua: returned a table whose keys are neither texts nor 1, 2, 3");
  EXPECT_EQ(outcome("return {[0] = 1}"), "rule.lua: returned a table whose keys are neither texts nor 1, 2, 3");
  EXPECT_EQ(outcome("return {1, nil, 3}"),
            "rule.lua: returned a list with a hole; `null` is nothing that stands in a list");
  EXPECT_EQ(outcome("return {1, a = 2}"), "rule.lua: returned a table that is half a list");
  EXPECT_EQ(outcome("local t = list() t.a = 1 return t"), "rule.lua: returned a table that is half a list");
  EXPECT_EQ(outcome("return '\\xff'"), "rule.lua: returned a text that is no UTF-8");
  EXPECT_EQ(outcome("return {['\\xff'] = 1}"), "rule.lua: returned a text that is no UTF-8");
}

TEST(Values, ThatContainThemselvesAreTooDeep) {
  EXPECT_EQ(outcome("local t = {} t.t = t return t"), "rule.lua: returned a value nested deeper than 64 levels");
  const std::string deep = std::string(63, '[') + std::string(63, ']');
  EXPECT_EQ(there_and_back(deep), deep);
}

TEST(Values, ThatAreTooLargeAreRefused) {
  EXPECT_THAT(outcome("local s = ('x'):rep(200000) return {s, s, s, s, s, s, s, s}"), HasSubstr("too large"));
}

TEST(Values, HaveANullThatIsThere) {
  EXPECT_EQ(outcome("return {x == null, x == nil, type(x), tostring(x)}", "null"), R"([true,false,"null","null"])");
  EXPECT_EQ(outcome("return {x.a == null, x.b == nil}", R"({"a":null})"), "[true,true]");
  EXPECT_EQ(outcome("return {a = null, b = nil}"), R"({"a":null})");
  EXPECT_EQ(outcome(""), "null");
}

TEST(Values, HaveListsThatStayListsWhenTheyAreEmpty) {
  EXPECT_EQ(outcome("x[1] = nil return x", "[5]"), "[]");
  EXPECT_EQ(outcome("return {list(), {}, list({1}), list(x)}", "{}"), "[[],{},[1],[]]");
  EXPECT_EQ(outcome("x[#x + 1] = 2 return {#x, x}", "[1]"), "[2,[1,2]]");
  EXPECT_THAT(outcome("return list(5)"), HasSubstr("table expected"));
}

TEST(Values, AreSortedByNameHoweverTheyWereMade) {
  EXPECT_EQ(outcome("local t = {} t.b = 1 t.a = 2 t.aa = 3 t.B = 4 return t"), R"({"B":4,"a":2,"aa":3,"b":1})");
}

TEST(Arguments, AreWhatTheCallerMakesThem) {
  const Value inner = parse_json(R"({"a":[1]})").value();
  const std::vector<Argument> arguments{std::vector<Member>{{"none", nullptr},
                                                            {"n", std::int64_t{7}},
                                                            {"s", "text"},
                                                            {"v", &inner},
                                                            {"t", std::vector<Member>{{"deep", std::int64_t{1}}}}},
                                        std::int64_t{2}};
  const auto script = compiled("function f(a, b) return {a, b} end");
  EXPECT_EQ(script->call("f", arguments)->text(), R"([{"n":7,"none":null,"s":"text","t":{"deep":1},"v":{"a":[1]}},2])");
}

TEST(Values, ThatAreLongNumbersAreComparedExactly) {
  const std::string two = "[0.12345678901234567890123,0.12345678901234567890124,0.12345678901234567890123]";
  EXPECT_EQ(outcome("return {x[1] < x[2], x[2] < x[1], x[1] == x[3], x[1] == x[2], x[1] <= x[3], x[1] >= x[2]}", two),
            "[true,false,true,false,true,false]");
  EXPECT_EQ(outcome("return {x[1] < 1, x[1] > 0.1, 0 < x[1], x[1] == 0.12345678901234567}", two),
            "[true,true,true,false]");
  EXPECT_EQ(outcome("return {x > 5, x > 1e30, x < -1}", "1e-400"), "[false,false,false]");
  EXPECT_EQ(outcome("return x > math.maxinteger", "9223372036854775808"), "true");
  EXPECT_EQ(outcome("return x < math.mininteger", "-9223372036854775809"), "true");
  EXPECT_EQ(outcome("return x > 5", "1e-1001"), "rule.lua:1: numbers too large or too small to be compared");
  EXPECT_THAT(outcome("return x > 'a'", "1e-400"), HasSubstr("number expected, got string"));
}

// ---- math.distance

TEST(Distance, IsExactWhereFloatsAreNot) {
  EXPECT_EQ(outcome("return 20.1 - 10.1 > 10"), "true") << "floats";
  EXPECT_EQ(outcome("return math.distance(20.1, 10.1)"), "10");
  EXPECT_EQ(outcome("return math.distance(x[1], x[2])", "[10.1,20.1]"), "10");
  EXPECT_EQ(outcome("return math.distance(-0.5, 0.25)"), "0.75");
  EXPECT_EQ(outcome("return math.distance(7, 7.0)"), "0");
  EXPECT_EQ(outcome("return math.type(math.distance(1, 5))"), R"("integer")");
  EXPECT_EQ(outcome("return math.distance(x[1], x[2])", "[123456789012345678,-123456789012345678]"),
            "246913578024691356");
  EXPECT_EQ(outcome("return math.distance(x[1], x[2])", "[9223372036854775807,-9223372036854775808]"),
            "18446744073709551615");
  EXPECT_EQ(outcome("return math.distance(x[1], x[2])", "[80.12345678901234,3.0000000000000004]"),
            "77.1234567890123396");
  EXPECT_EQ(outcome("return math.distance(x[1], x[2]) > 10", "[13.000000000000000001,3]"), "true");
  EXPECT_EQ(outcome("return math.distance(x[1], x[2]) > 10", "[12.999999999999999999,3]"), "false");
}

TEST(Distance, IsRefusedWhereItCannotBeExact) {
  EXPECT_THAT(outcome("return math.distance(x, 1)", "1e-1001"), EndsWith("too many digits for math.distance"));
  EXPECT_THAT(outcome("return math.distance(x, 1e300)", "1e-300"), EndsWith("too many digits for math.distance"));
  EXPECT_THAT(outcome("return math.distance('1', 1)"), HasSubstr("number expected, got string"));
  EXPECT_THAT(outcome("return math.distance(1)"), HasSubstr("number expected, got no value"));
  EXPECT_THAT(outcome("return math.distance(0/0, 1)"), HasSubstr("not finite"));
}

}  // namespace
}  // namespace datasync::script
