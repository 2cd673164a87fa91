// Whatever a script does, it ends, and says why. Each case here would take minutes or gigabytes without its limit.

#include <chrono>

#include "script/patterns.h"
#include "script/test_support.h"

namespace datasync::script {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

TEST(Steps, EndEveryLoop) {
  const std::string reason = "took more than 100000 steps";
  for (const char* body : {
           "while true do end",
           "repeat until false",
           "for i = 1, 1e18 do end",
           "::again:: goto again",
           "local function g() return g() end return g()",
           "for _ in pairs({1}) do while true do end end",
           "for c in ('ab'):gmatch('.') do while true do end end",
           "(('x'):rep(9)):gsub('x', function() while true do end end)",
           "table.sort({3, 1, 2}, function() while true do end end)",
           "while true do local s = ('x'):rep(1000) end",
       }) {
    EXPECT_EQ(outcome(body), "rule.lua:1: " + reason) << body;
  }
  EXPECT_EQ(outcome("\n\n while true do end"), "rule.lua:3: " + reason);
}

TEST(Steps, AreCountedAnewForEachCall) {
  const auto script = compiled("function f() for i = 1, 20000 do end return 1 end");
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(script->call("f", {}));
  EXPECT_EQ(outcome("for i = 1, 20000 do end return 1", "null", {.steps_max = 10'000}),
            "rule.lua:1: took more than 10000 steps");
}

/// The hook's own count went on from call to call, so a loop ended at another line each time.
TEST(Steps, EndEachCallAtTheSameInstruction) {
  const auto script = compiled("function f()\n while true do\n local a = 1\n local b = 2\n local c = 3\n end\n end");
  const std::string first = script->call("f", {}).error().message;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(script->call("f", {}).error().message, first);
}

TEST(Steps, BoundWhatStandsOutsideOfFunctions) {
  const auto script = Script::compile("rule.lua", "\nwhile true do end", {});
  ASSERT_FALSE(script);
  EXPECT_EQ(script.error().message, "rule.lua:2: took more than 100000 steps");
  EXPECT_EQ(script.error().code, ErrorCode::kTooLarge);
}

/// What C code does is counted before it begins.
TEST(Steps, CountTheWorkOfLibraryFunctions) {
  // A length is found by doubling, so a few elements make it as great as one likes.
  std::string holes = "local t = {1,2,3,4,[5]=1";
  for (int i = 8; i <= 1 << 20; i *= 2) holes += ",[" + std::to_string(i) + "]=1";
  holes += "} ";
  EXPECT_EQ(outcome(holes + "return #t"), "1048576");
  for (const std::string& body : {
           std::string("table.move({}, 1, 1e9, 2)"),
           std::string("table.move({}, math.mininteger, math.maxinteger, 1)"),
           holes + "table.insert(t, 1, 1)",
           holes + "table.remove(t, 1)",
           std::string("local t = {} for i = 1, 9000 do t[i] = i end for i = 1, 9000 do table.insert(t, 1, 1) end"),
           std::string("local t = {} for i = 1, 9000 do t[i] = i end for i = 1, 9000 do pairs(t) end"),
           std::string("local s = ('a'):rep(900) for i = 1, 9000 do s:find('.-b') end"),
       }) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THAT(outcome(body), EndsWith("took more than 100000 steps")) << body;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds{2}) << body;
  }
}

TEST(Steps, BoundWhatGoesInAndOut) {
  const std::string deep = std::string(60, '[') + '"' + std::string(300'000, 'x') + '"' + std::string(60, ']');
  EXPECT_THAT(outcome("return 1", deep), EndsWith("took more than 100000 steps"));
  EXPECT_THAT(outcome("local t = {} for i = 1, 60 do t = {t, t} end return t"),
              EndsWith("took more than 100000 steps"));
}

TEST(Memory, IsLimited) {
  const std::string reason = "needs more memory than 1024 KiB";
  for (const char* body : {
           "local t = {} for i = 1, 1e9 do t[i] = i end",
           "local s = 'x' while true do s = s .. s end",
           "return ('x'):rep(1000000)..'y'",
           "local t = {} for i = 1, 40 do t[i] = ('x'):rep(50000) end return table.concat(t)",
           "local function g(n) return g(n + 1) + 1 end return g(1)",
           "return table.unpack({}, 1, 900000)",
           "return ('x'):rep(400000):byte(1, -1)",
       }) {
    const std::string told = outcome(body);
    EXPECT_TRUE(told.ends_with(reason) || told.find("too many results") != std::string::npos ||
                told.find("stack overflow") != std::string::npos ||
                told.find("string slice too long") != std::string::npos)
        << body << ": " << told;
  }
  EXPECT_THAT(outcome("local s = 'x' while true do s = s .. s end"), EndsWith(reason));
  EXPECT_THAT(outcome("return ('xx'):rep(1000000)"), EndsWith(reason)) << "a buffer of the library";
}

TEST(Memory, IsFreeAgainForTheNextCall) {
  const auto script = compiled("function f() local t = {} for i = 1, 5000 do t[i] = {} end return #t end");
  for (int i = 0; i < 50; ++i) EXPECT_EQ(script->call("f", {})->text(), "5000");
}

TEST(Memory, ThatDoesNotHoldTheLibraryIsRefused) {
  const auto script = Script::compile("rule.lua", "", {.memory_bytes_max = 4096});
  ASSERT_FALSE(script);
  EXPECT_EQ(script.error().code, ErrorCode::kTooLarge);
}

/// A millisecond goes by with each look at it.
class HurryingClock final : public Clock {
 public:
  Timestamp now() const override { return Timestamp{++looks_ * milliseconds{1}}; }
  SteadyTime steady_now() const override { return SteadyTime{now().time_since_epoch()}; }

 private:
  mutable int looks_ = 0;
};

TEST(Time, IsLimitedWhereThereIsAClock) {
  const HurryingClock clock;
  EXPECT_EQ(outcome("for i = 1, 5000 do end return 1", "null", {.clock = &clock}),
            "rule.lua:1: took longer than 10 ms");
  EXPECT_EQ(outcome("for i = 1, 300 do end return 1", "null", {.clock = &clock}), "1");
  EXPECT_EQ(outcome("for i = 1, 5000 do end return 1"), "1");
}

// ---- patterns

TEST(Patterns, AreSlowByTheirSigns) {
  using Parts = PatternParts;
  EXPECT_EQ(parts_of("abc"), (Parts{0, 0}));
  EXPECT_EQ(parts_of("^%s*(.-)%s*$"), (Parts{3, 0}));
  EXPECT_EQ(parts_of("[0-9*+]%-%+%*%?"), (Parts{0, 0}));
  EXPECT_EQ(parts_of("[0-9]+[^]*]-[%]*]?"), (Parts{3, 0}));
  EXPECT_EQ(parts_of("%bxy%1"), (Parts{0, 2}));
  EXPECT_EQ(parts_of("%b[]a*"), (Parts{1, 1})) << "`[` stands for itself here and hides nothing";
  EXPECT_EQ(parts_of("[%b]*[%b]*"), (Parts{2, 0})) << "and `%b` is but a letter here";
  EXPECT_EQ(parts_of("%b%%a*b*%1"), (Parts{2, 2}));
  EXPECT_EQ(parts_of("[]*]*"), (Parts{1, 0}));
  EXPECT_EQ(parts_of("[a*"), (Parts{0, 0})) << "Lua refuses it";
  EXPECT_EQ(parts_of("%"), (Parts{0, 0}));
}

TEST(Patterns, MayTryEachLengthOfEachRepetitionAtEachPlace) {
  EXPECT_EQ(pattern_work(9, "a*", Search::kText), 3U * 10);
  EXPECT_EQ(pattern_work(9, "^a*", Search::kPattern), 4U * 10);
  EXPECT_EQ(pattern_work(9, "a*", Search::kPattern), 3U * 55);
  EXPECT_EQ(pattern_work(9, "^a*", Search::kEverywhere), 4U * 55);
  EXPECT_EQ(pattern_work(9, "^%bxy", Search::kPattern), 6U * 10);
  EXPECT_EQ(pattern_work(1U << 30U, "a*a*a*a*", Search::kPattern), ~std::uint64_t{0});
}

TEST(Patterns, ThatMayBacktrackForEverAreRefused) {
  const std::string reason = "rule.lua:1: a pattern that repeats too often for a text of this length";
  for (const char* body : {
           "return ('a'):rep(300):find(('a*'):rep(10) .. 'b')",
           "return ('a'):rep(300):match('.-.-.-.-b')",
           "return ('a'):rep(300):gsub('a?a?a?a?a?a?b', '')",
           "for w in ('a'):rep(150):gmatch('^a*a*a*b') do end",
           "return ('('):rep(9000):find('%b()b')",
           "return ('a'):rep(400000):find(('a'):rep(30000) .. 'b', 1, true)",
       }) {
    EXPECT_EQ(outcome(body), reason) << body;
  }
}

TEST(Patterns, OfEveryDayAreNot) {
  EXPECT_EQ(outcome("return x:match('^%s*(.-)%s*$')", R"("   a name of some length and words after it    ")"),
            R"("a name of some length and words after it")");
  EXPECT_EQ(outcome("return (x:gsub('%D', ''))", R"("+49 (30) 123-456")"), R"("4930123456")");
  EXPECT_EQ(outcome("return x:match('^[^@%s]+@[^@%s]+%.%a+$') ~= nil", R"("someone.with.a.name@mail.example.com")"),
            "true");
  EXPECT_EQ(outcome("local n = 0 for w in x:gmatch('%a+') do n = n + 1 end return n", R"("one two three")"), "3");
  EXPECT_EQ(outcome("return #x:rep(5000):gsub('%s', '')", R"("a b")"), "10000");
  EXPECT_EQ(outcome("return x:rep(5000):find('needle')", R"("hay ")"), "null");
}

/// The bound is not only thought out: what passes it ends soon.
TEST(Patterns, ThatPassEndWithinMilliseconds) {
  for (const char* body : {
           "return ('a'):rep(2000):find('.-b')",
           "return ('a'):rep(100):find('.-.-b')",
           "return ('a'):rep(100):find('^.-.-.-b')",
           "return ('a'):rep(40):find('.-.-.-b')",
           "return ('a'):rep(15):find('a?a?a?a?b')",
           "return ('a'):rep(3000):find(('a'):rep(3000) .. 'b', 1, true)",
       }) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(outcome(body), "null") << body;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds{1}) << body;
  }
}

}  // namespace
}  // namespace datasync::script
