#include "script/script.h"

#include <atomic>
#include <thread>

#include "script/test_support.h"

namespace datasync::script {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(std::string text) {
  const auto script = Script::compile("rules/mine.lua", std::move(text), {});
  return script ? "none" : script.error().message;
}

TEST(Script, IsRefusedWithItsNameTheLineAndTheReason) {
  EXPECT_EQ(refusal("local a = 1\nlocal b = = 2\n"), "rules/mine.lua:2: unexpected symbol near '='");
  EXPECT_EQ(refusal("function f()\n  return 1\n"),
            "rules/mine.lua:3: 'end' expected (to close 'function' at line 1) near <eof>");
  EXPECT_EQ(refusal("local a\nlocal b = a.x\n"), "rules/mine.lua:2: attempt to index a nil value (local 'a')");
  EXPECT_EQ(refusal("\nerror('not today')"), "rules/mine.lua:2: not today");
  EXPECT_EQ(refusal("error({})"), "rules/mine.lua: an error that is no text");
}

TEST(Script, IsText) {
  EXPECT_EQ(refusal("\x1bLua\x54"), "rules/mine.lua:1: attempt to load a binary chunk (mode is 't')");
  EXPECT_EQ(refusal(std::string(kScriptBytesMax + 1, ' ')),
            "rules/mine.lua:1: longer than 64 KiB, the most that a script may be");
  EXPECT_EQ(refusal(std::string(kScriptBytesMax, ' ')), "none");
}

TEST(Script, TellsWhichFunctionItDoesNotDefine) {
  const auto script = compiled("function other() end resolve = 5");
  EXPECT_EQ(script->require("resolve").error().message, "rule.lua:1: defines no function `resolve`");
  EXPECT_EQ(script->call("resolve", {}).error().message, "rule.lua:1: defines no function `resolve`");
  EXPECT_TRUE(script->require("other"));
  EXPECT_FALSE(script->require("string")) << "what the library has is not the script's";
}

TEST(Script, FailsWithTheLineAndWithoutValues) {
  EXPECT_EQ(outcome("\nlocal y = 5\n return x < y", R"("secret")"),
            "rule.lua:3: attempt to compare string with number");
  EXPECT_EQ(outcome("return x.a.b", R"({"c":"secret"})"), "rule.lua:1: attempt to index a nil value (field 'a')");
  EXPECT_EQ(outcome("return x + 1", R"("5")"),
            "rule.lua:1: attempt to perform arithmetic on a string value (local 'x')");
}

TEST(Script, MakesAReasonOneLineOfReadableText) {
  EXPECT_EQ(outcome("error('a\\nb\\0c')"), "rule.lua:1: a b c");
  EXPECT_EQ(outcome("error('\\xff')"), "rule.lua:1: an error whose text is no UTF-8");
  EXPECT_EQ(outcome("error('x' .. ('\\u{20ac}'):rep(1000))").size(), std::string("rule.lua:1: ").size() + 298)
      << "at most 300 bytes, cut between two characters";
  EXPECT_EQ(outcome("error('word', 0)"), "rule.lua: word");
}

TEST(Script, KeepsNothingFromOneCallToTheNext) {
  const auto script = compiled(R"(
    count = 0
    local hidden = { n = 0 }
    function f()
      count = count + 1
      hidden.n = hidden.n + 1
      leaked = (leaked or 0) + 1
      return { count, hidden.n, leaked }
    end)");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(script->call("f", {})->text(), "[1,1,1]");
}

TEST(Script, CannotChangeTheLibrary) {
  for (const char* change : {"string.upper = nil", "math.pi = 3", "table.x = 1", "utf8.x = 1", "string.x = {}"}) {
    EXPECT_EQ(outcome(change), "rule.lua:1: the library can't be changed") << change;
  }
  EXPECT_EQ(outcome("list(string)"), "rule.lua:1: bad argument #1 to 'list' (a library is no list)");
  EXPECT_EQ(outcome("table.insert(string, 1)"), "rule.lua: the library can't be changed");
  const auto script = compiled("function f() local was = string; string = nil; null = 5; return was ~= nil end");
  EXPECT_EQ(script->call("f", {})->text(), "true");
  EXPECT_EQ(script->call("f", {})->text(), "true") << "a name may be taken, but for one call";
}

TEST(Script, IsCalledByManyThreadsAtOnce) {
  const auto script = compiled("n = 0 function f(x) n = n + 1 for i = 1, 50 do x = x + i end return x + n end");
  std::vector<std::jthread> threads;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 12; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const std::int64_t start = t * 1000 + i;
        const std::vector<Argument> arguments{start};
        if (script->call("f", arguments)->as_integer() != start + 1275 + 1) ++wrong;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST(Script, GoesOnAfterAnyError) {
  const auto script = compiled(R"(
    function f(x)
      if x == 1 then error("no") end
      if x == 2 then while true do end end
      if x == 3 then return ("x"):rep(1000000) .. "y" end
      return x
    end)");
  const auto call = [&](std::int64_t x) {
    const std::vector<Argument> arguments{x};
    return script->call("f", arguments);
  };
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(call(1).error().code, ErrorCode::kInvalid);
    EXPECT_EQ(call(2).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(call(3).error().code, ErrorCode::kTooLarge);
    EXPECT_EQ(call(4)->text(), "4");
  }
}

}  // namespace
}  // namespace datasync::script
