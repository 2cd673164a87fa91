#include "conflict/strategies/custom_logic.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "domain/json.h"

namespace datasync::conflict {
namespace {

using testing::HasSubstr;
using testing::Not;
using Outcome = Resolution::Outcome;

std::shared_ptr<const Strategy> rule(const std::string& text) {
  auto made = CustomLogic::compile("mine.lua", text, {});
  EXPECT_TRUE(made) << made.error().message;
  return made ? *std::move(made) : nullptr;
}

std::shared_ptr<const Strategy> shipped(const std::string& name) {
  std::ifstream file(std::string(DATASYNC_SOURCE_DIR) + "/config/rules/" + name + ".lua");
  EXPECT_TRUE(file) << name;
  return rule({std::istreambuf_iterator<char>(file), {}});
}

/// Two values of the field; the incoming one is `later` or not.
struct Case {
  std::string incoming, golden;
  bool later = true;
  std::string base = {};
};

Resolution resolve(const Strategy& strategy, const Case& sides) {
  const Value incoming = parse_json(sides.incoming).value();
  const Value golden = parse_json(sides.golden).value();
  const Value base = sides.base.empty() ? Value() : parse_json(sides.base).value();
  return strategy.resolve({"lead",
                           "score",
                           {&incoming, PlatformId("bizosaas"), HybridTime{sides.later ? 200 : 50}, 1},
                           {&golden, PlatformId("bizoholic"), HybridTime{100}, 0},
                           sides.base.empty() ? nullptr : &base});
}

/// The value that survives, checked to be the same whichever side it arrived from; `review` if a person decides.
std::string survivor(const Strategy& strategy, const Case& sides) {
  const auto value_of = [&strategy](const Case& both) -> std::string {
    const Resolution resolution = resolve(strategy, both);
    switch (resolution.outcome) {
      case Outcome::kIncoming:
        return both.incoming;
      case Outcome::kGolden:
        return both.golden;
      case Outcome::kMerged:
        return resolution.merged.text();
      case Outcome::kReview:
        return "review";
    }
    return {};
  };
  const std::string forward = value_of(sides);
  EXPECT_EQ(value_of({sides.golden, sides.incoming, !sides.later, sides.base}), forward);
  return forward;
}

std::string reason(const std::string& text, const Case& sides = {"1", "2"}) {
  const Resolution resolution = resolve(*rule(text), sides);
  EXPECT_EQ(resolution.outcome, Outcome::kReview);
  return resolution.reason;
}

// ---- what a rule sees and says

TEST(CustomLogic, SeesTheWholeConflict) {
  const auto strategy = rule(R"(
    function resolve(c)
      return {value = {c.entity, c.field, c.base, c.latest,
                       c.incoming.value, c.incoming.platform, c.incoming.time, c.incoming.rank,
                       c.golden.value, c.golden.platform, c.golden.time, c.golden.rank}}
    end)");
  const Resolution seen = resolve(*strategy, {R"({"a":[1]})", "null", true, "7"});
  EXPECT_EQ(seen.outcome, Outcome::kMerged);
  EXPECT_EQ(seen.merged.text(), R"(["lead","score",7,"incoming",{"a":[1]},"bizosaas",200,1,null,"bizoholic",100,0])");
}

TEST(CustomLogic, SeesNoBaseWhereNoneIsKnown) {
  const auto strategy = rule("function resolve(c) return {value = {c.base == nil, c.base == null}} end");
  EXPECT_EQ(resolve(*strategy, {"1", "2"}).merged.text(), "[true,false]");
  EXPECT_EQ(resolve(*strategy, {"1", "2", true, "null"}).merged.text(), "[false,true]");
}

TEST(CustomLogic, SaysWhichSideSurvives) {
  EXPECT_EQ(resolve(*rule("function resolve() return 'incoming' end"), {"1", "2"}).outcome, Outcome::kIncoming);
  EXPECT_EQ(resolve(*rule("function resolve() return 'golden' end"), {"1", "2"}).outcome, Outcome::kGolden);
  EXPECT_EQ(resolve(*rule("function resolve(c) return c.latest end"), {"1", "2", false}).outcome, Outcome::kGolden);
}

TEST(CustomLogic, SaysAnotherValueAndASideIsNone) {
  const auto sum = rule("function resolve(c) return {value = c.incoming.value + c.golden.value} end");
  const Resolution merged = resolve(*sum, {"1", "2"});
  EXPECT_EQ(merged.outcome, Outcome::kMerged);
  EXPECT_EQ(merged.merged, Value::integer(3));
  const auto side = rule("function resolve(c) return {value = c.golden.value} end");
  EXPECT_EQ(resolve(*side, {R"({"b":1})", R"({"a":[]})"}).outcome, Outcome::kGolden);
  const auto nothing = rule("function resolve() return {value = null} end");
  EXPECT_EQ(resolve(*nothing, {"1", "2"}).merged, Value());
}

TEST(CustomLogic, HandsOnMoneyAndNumbersOfAnyLengthAsTheyAre) {
  const auto side = rule("function resolve(c) return {value = {c.golden.value, c.incoming.value}} end");
  EXPECT_EQ(resolve(*side, {R"({"amount":"19.90","currency":"USD"})", "0.12345678901234567890123"}).merged.text(),
            R"([0.12345678901234567890123,{"amount":"19.90","currency":"USD"}])");
}

// ---- what it can't say goes to a person

TEST(CustomLogic, AsksAPersonWithTheRulesOwnReason) {
  EXPECT_EQ(reason("function resolve() return {review = 'both are odd'} end"), "mine.lua: both are odd");
  EXPECT_EQ(reason("function resolve() return {review = 'a\\nb'} end"), "mine.lua: a b");
}

TEST(CustomLogic, AsksAPersonWhereItFailsAndNamesTheLineButNoValue) {
  const std::string told =
      reason("function resolve(c)\n  return c.incoming.value < 5\nend", {R"("secret")", R"("other secret")"});
  EXPECT_EQ(told, "mine.lua:2: attempt to compare string with number");
  EXPECT_EQ(reason("function resolve()\n error('why')\n end"), "mine.lua:2: why");
}

TEST(CustomLogic, AsksAPersonWhereItReachesALimit) {
  EXPECT_EQ(reason("function resolve()\n while true do end\n end"), "mine.lua:2: took more than 100000 steps");
  EXPECT_THAT(reason("function resolve()\n local s = 'x' while true do s = s .. s end\n end"),
              HasSubstr("needs more memory than 1024 KiB"));
}

TEST(CustomLogic, AsksAPersonWhereItSaysAnythingElse) {
  for (const char* returned : {"", "nil", "'winner'", "5", "{}", "{value = 1, review = 'x'}", "{value = 1, note = 2}",
                               "{review = 5}", "{'incoming'}", "null", "true"}) {
    const std::string told = reason("function resolve() return " + std::string(returned) + " end");
    EXPECT_EQ(told, R"(mine.lua: resolve returned none of "incoming", "golden", {value = …} and {review = "reason"})")
        << returned;
  }
}

TEST(CustomLogic, RemembersNothing) {
  const auto strategy = rule(R"(
    local seen = 0
    function resolve(c)
      seen = seen + 1
      calls = (calls or 0) + 1
      c.golden.value = nil
      return {value = seen + calls}
    end)");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(resolve(*strategy, {"0", "1"}).merged, Value::integer(2));
}

TEST(CustomLogic, IsRefusedWithFileLineAndReason) {
  const auto refusal = [](const char* text) { return CustomLogic::compile("mine.lua", text, {}).error().message; };
  EXPECT_EQ(refusal("function resolve(c)\n  return c..\nend"), "mine.lua:3: unexpected symbol near 'end'");
  EXPECT_EQ(refusal("function resolv(c) end"), "mine.lua:1: defines no function `resolve`");
}

// ---- the shipped rules

TEST(LeadScore, KeepsTheHigherWhereTheyAreMoreThanTenApart) {
  const auto score = shipped("lead_score");
  EXPECT_EQ(survivor(*score, {"60", "80", true}), "80");
  EXPECT_EQ(survivor(*score, {"95", "80", false}), "95");
  EXPECT_EQ(survivor(*score, {"69.9", "80", true}), "80");
  EXPECT_EQ(survivor(*score, {"-20", "5", true}), "5");
}

TEST(LeadScore, KeepsTheLaterWhereTheyAreCloser) {
  const auto score = shipped("lead_score");
  EXPECT_EQ(survivor(*score, {"70", "80", true}), "70") << "ten is not more than ten";
  EXPECT_EQ(survivor(*score, {"70", "80", false}), "80");
  EXPECT_EQ(survivor(*score, {"75", "80", true}), "75");
  EXPECT_EQ(survivor(*score, {"80", "80.5", false}), "80.5");
}

/// 20.1 - 10.1 is more than ten in floats.
TEST(LeadScore, MeasuresInDecimals) {
  const auto score = shipped("lead_score");
  EXPECT_EQ(survivor(*score, {"10.1", "20.1", true}), "10.1");
  EXPECT_EQ(survivor(*score, {"10.099999999999999999", "20.1", true}), "20.1");
  EXPECT_EQ(survivor(*score, {"80.12345678901234", "3.0000000000000004", false}), "80.12345678901234");
  EXPECT_EQ(survivor(*score, {"123456789012345678901234567890", "5", false}), "123456789012345678901234567890");
}

TEST(LeadScore, KeepsTheNumberWhereTheOtherIsNone) {
  const auto score = shipped("lead_score");
  for (const char* none : {"null", R"("80")", "{}", "[1]", "true"}) {
    EXPECT_EQ(survivor(*score, {none, "5", true}), "5") << none;
    EXPECT_EQ(survivor(*score, {"5", none, false}), "5") << none;
  }
  EXPECT_EQ(survivor(*score, {R"("high")", "null", true}), R"("high")");
  EXPECT_EQ(survivor(*score, {R"("high")", R"("low")", false}), R"("low")");
}

TEST(Inventory, KeepsTheMostThatIsAvailable) {
  const auto inventory = shipped("inventory");
  EXPECT_EQ(survivor(*inventory, {"3", "7", true}), "7");
  EXPECT_EQ(survivor(*inventory, {"8", "7", false}), "8");
  EXPECT_EQ(survivor(*inventory, {"-1", "0", true}), "0");
  EXPECT_EQ(survivor(*inventory, {"7.5", "7.25", false}), "7.5");
  EXPECT_EQ(survivor(*inventory, {"9223372036854775808", "9223372036854775807", false}), "9223372036854775808");
  EXPECT_EQ(survivor(*inventory, {"null", "0", true}), "0");
  EXPECT_EQ(survivor(*inventory, {R"("out")", "null", false}), "null");
}

}  // namespace
}  // namespace datasync::conflict
