// What a script can't reach, and that all that it does reach is the same on every machine and in every run.

#include "script/test_support.h"

namespace datasync::script {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class Absent : public testing::TestWithParam<const char*> {};

TEST_P(Absent, IsNotThere) {
  EXPECT_EQ(outcome("return " + std::string(GetParam()) + " == nil"), "true") << GetParam();
}

INSTANTIATE_TEST_SUITE_P(Sandbox, Absent,
                         testing::Values("_G", "_VERSION", "load", "loadstring", "loadfile", "dofile", "require",
                                         "package", "os", "io", "debug", "coroutine", "collectgarbage", "print", "warn",
                                         "pcall", "xpcall", "next", "rawget", "rawset", "rawequal", "rawlen",
                                         "getmetatable", "setmetatable", "string.dump", "string.pack", "string.unpack",
                                         "string.packsize", "math.random", "math.randomseed", "math.sin", "math.exp",
                                         "math.log", "('').dump"));

TEST(Sandbox, HasThese) {
  EXPECT_EQ(outcome("return {type(assert), type(error), type(ipairs), type(pairs), type(select), type(tonumber), "
                    "type(tostring), type(type), type(list), type(null)}"),
            R"(["function","function","function","function","function","function","function","function","function",)"
            R"("null"])");
}

TEST(Sandbox, TellsNoAddresses) {
  for (const char* body :
       {"return tostring({})", "return tostring(print or type)", "return tostring(null)", "return tostring(string)"}) {
    EXPECT_THAT(outcome(body), Not(HasSubstr("0x"))) << body;
  }
  EXPECT_EQ(outcome("return tostring({})"), R"("table")");
  EXPECT_EQ(outcome("return ('%p'):format('x')"), "rule.lua:1: invalid conversion `%p`: there are no addresses");
  EXPECT_EQ(outcome("return ('%%%-10p'):format('x')"), "rule.lua:1: invalid conversion `%p`: there are no addresses");
  EXPECT_THAT(outcome("return ('%s'):format({})"), HasSubstr("text, number or boolean expected"));
  EXPECT_THAT(outcome("return ('%s'):format(null)"), HasSubstr("text, number or boolean expected"));
  EXPECT_EQ(outcome("return ('%d%%p %5.2f %s'):format(5, 2.5, 'x')"), R"("5%p  2.50 x")");
}

TEST(Sandbox, GoesThroughTablesInTheOrderOfTheirKeys) {
  const char* body = R"(
    local t, order = {}, list()
    for _, k in ipairs({"pear", "apple", "", "fig", "b", "a"}) do t[k] = true end
    t[3], t[-1], t[2.5], t[1 << 60] = true, true, true, true
    for k in pairs(t) do order[#order + 1] = k end
    return order)";
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(outcome(body), R"([-1,2.5,3,1152921504606846976,"","a","apple","b","fig","pear"])");
  }
  EXPECT_EQ(outcome("for k in pairs({[true] = 1}) do end"), "rule.lua:1: pairs needs texts or numbers as keys");
}

TEST(Sandbox, MayRemoveWhatItGoesThrough) {
  EXPECT_EQ(outcome(R"(
    local t, seen = {a = 1, b = 2, c = 3}, list()
    for k, v in pairs(t) do seen[#seen + 1] = k .. v; t.b = nil; t.d = 4 end
    return seen)"),
            R"(["a1","c3"])");
}

TEST(Sandbox, SortsAsManyAsItCanInTheSameOrderEachTime) {
  const std::string sorted = R"(
    local t = list()
    for i = 1, %d do t[i] = {n = i %% 7, i = i} end
    table.sort(t, function(a, b) return a.n < b.n end)
    return t[1].i)";
  const auto with = [&](int count) {
    std::string body = sorted;
    body.replace(body.find("%d"), 2, std::to_string(count));
    body.replace(body.find("%%"), 2, "%");
    return outcome(body);
  };
  const std::string first = with(100);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(with(100), first);
  EXPECT_THAT(with(101), EndsWith("sorts at most 100 elements"));
}

TEST(Sandbox, AddsNoTexts) {
  EXPECT_THAT(outcome("return '1' + 1"), HasSubstr("attempt to perform arithmetic on a string value"));
  EXPECT_EQ(outcome("return tonumber('1') + 1"), "2");
}

TEST(Sandbox, WritesNothingAsOftenAsIsAsked) {
  EXPECT_EQ(outcome("return (''):rep(1000000)"), R"("")");
  EXPECT_THAT(outcome("return (''):rep(1e15)"), HasSubstr("too many copies"));
  EXPECT_EQ(outcome("return ('ab'):rep(3, '-')"), R"("ab-ab-ab")");
  EXPECT_EQ(outcome("return ('ab'):rep(-3)"), R"("")");
}

}  // namespace
}  // namespace datasync::script
