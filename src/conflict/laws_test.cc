#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>

#include "conflict/any_conflict_for_tests.h"
#include "conflict/rules.h"
#include "conflict/strategies/custom_logic.h"

// What holds of every strategy, for conflicts that nobody thought of; and that each law is broken by a strategy that is
// wrong, for a law that no one can break says nothing. DATASYNC_CASES sets how many conflicts a law meets; RC_PARAMS of
// rapidcheck replays a seed.
namespace datasync::conflict {
namespace {

using Outcome = Resolution::Outcome;
using Law = std::function<void(const Strategy&, const AnyConflict&)>;

constexpr int kCasesByDefault = 100;

int cases() {
  const char* set = std::getenv("DATASYNC_CASES");
  if (set == nullptr) return kCasesByDefault;
  const std::string_view text = set;
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  EXPECT_TRUE(error == std::errc{} && end == text.data() + text.size() && count > 0) << "DATASYNC_CASES=" << text;
  return count;
}

FieldConflict between(const AnyConflict& any, const AnySide& incoming, const AnySide& golden) {
  return {"user", any.field, incoming.side(), golden.side(), any.base ? &*any.base : nullptr};
}

/// The side that the record has afterwards, dated as what was merged is: later than both.
AnySide outcome_of(const Strategy& strategy, const AnyConflict& any, const AnySide& incoming, const AnySide& golden) {
  Resolution resolution = strategy.resolve(between(any, incoming, golden));
  RC_ASSERT(resolution.outcome != Outcome::kReview);
  if (resolution.outcome == Outcome::kIncoming) return incoming;
  if (resolution.outcome == Outcome::kGolden) return golden;
  return {std::move(resolution.merged), incoming.platform, std::max(incoming.time, golden.time) + 1, incoming.rank};
}

void is_deterministic(const Strategy& strategy, const AnyConflict& any) {
  const AnySide once = outcome_of(strategy, any, any.sides[0], any.sides[1]);
  RC_ASSERT(outcome_of(strategy, any, any.sides[0], any.sides[1]).value == once.value);
}

void does_not_ask_who_came_first(const Strategy& strategy, const AnyConflict& any) {
  RC_ASSERT(outcome_of(strategy, any, any.sides[0], any.sides[1]).value ==
            outcome_of(strategy, any, any.sides[1], any.sides[0]).value);
}

void reads_back_as_it_was_written(const Strategy& strategy, const AnyConflict& any) {
  const Value value = outcome_of(strategy, any, any.sides[0], any.sides[1]).value;
  const auto read = parse_json(value.text());
  RC_ASSERT(read.has_value());
  RC_ASSERT(*read == value);
}

/// The outcome meets either side again, over the same base: on another instance, by a repeated event, from a platform
/// that did not hear of the outcome. Counters can't obey: see MergeSmartCounters.
void is_idempotent(const Strategy& strategy, const AnyConflict& any) {
  const AnySide& one = any.sides[0];
  const AnySide& other = any.sides[1];
  AnySide outcome = outcome_of(strategy, any, one, other);
  for (const AnySide* side : {&one, &other}) {
    RC_ASSERT(outcome_of(strategy, any, outcome, *side).value == outcome.value);
  }
  // The record dates what survived later than what it overwrote, even if it was the older.
  outcome.time = std::max(one.time, other.time) + 1;
  for (const AnySide* side : {&one, &other}) {
    RC_ASSERT(outcome_of(strategy, any, outcome, *side).value == outcome.value);
    RC_ASSERT(outcome_of(strategy, any, *side, outcome).value == outcome.value);
  }
}

void keeps_what_both_say(const Strategy& strategy, AnyConflict any) {
  any.sides[1].value = any.sides[0].value;
  RC_ASSERT(outcome_of(strategy, any, any.sides[0], any.sides[1]).value == any.sides[0].value);
}

void lets_the_only_change_win(const Strategy& strategy, AnyConflict any) {
  any.base = any.sides[1].value;
  RC_ASSERT(outcome_of(strategy, any, any.sides[0], any.sides[1]).value == any.sides[0].value);
  RC_ASSERT(outcome_of(strategy, any, any.sides[1], any.sides[0]).value == any.sides[0].value);
}

std::set<std::string> lines_of(const Value& text) {
  std::set<std::string> lines;
  std::istringstream in(text.as_string().value_or(""));
  for (std::string line; std::getline(in, line);) {
    line.erase(std::remove(line.begin(), line.end(), '\r'), line.end());
    if (line.find_first_not_of(" \t") != std::string::npos) lines.insert(line);
  }
  return lines;
}

/// Of texts that have several lines.
void loses_no_added_line(const Strategy& strategy, const AnyConflict& any) {
  const auto one = lines_of(any.sides[0].value);
  const auto other = lines_of(any.sides[1].value);
  const auto base = any.base ? lines_of(*any.base) : std::set<std::string>{};
  if (std::max(one.size(), other.size()) < 2) return;
  const auto outcome = lines_of(outcome_of(strategy, any, any.sides[0], any.sides[1]).value);
  for (const auto& lines : {one, other}) {
    for (const std::string& line : lines) RC_ASSERT(base.contains(line) || outcome.contains(line));
  }
}

/// So platforms that hear of three changes in any order agree.
void is_associative(const Strategy& strategy, const AnyConflict& any) {
  std::array<std::size_t, 3> order{0, 1, 2};
  std::optional<Value> survivor;
  do {
    const AnySide first_two = outcome_of(strategy, any, any.sides[order[0]], any.sides[order[1]]);
    const Value value = outcome_of(strategy, any, first_two, any.sides[order[2]]).value;
    if (!survivor) survivor = value;
    RC_ASSERT(value == *survivor);
  } while (std::next_permutation(order.begin(), order.end()));
}

struct Verdict {
  bool holds;
  std::string story;
};

struct Effort {
  int cases;
  bool shrink;
};

Verdict check(const Law& law, const Strategy& strategy, Ingredients ingredients, Effort effort) {
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  params.maxSuccess = effort.cases;
  params.disableShrinking = !effort.shrink;
  const auto property = [&] { law(strategy, *any_conflict(ingredients)); };
  const auto result = rc::detail::checkTestable(property, rc::detail::TestMetadata(), params);
  std::ostringstream story;
  rc::detail::printResultMessage(result, story);
  story << "\nRC_PARAMS=seed=" << params.seed;
  return {result.template is<rc::detail::SuccessResult>(), story.str()};
}

/// A strategy, or a shipped rule of custom_logic.
std::shared_ptr<const Strategy> strategy_or_rule(std::string_view name) {
  if (auto strategy = find_strategy(name)) return strategy;
  const std::string path = std::string(DATASYNC_SOURCE_DIR) + "/config/rules/" + std::string(name) + ".lua";
  std::ifstream file(path);
  auto rule = CustomLogic::compile(path, {std::istreambuf_iterator<char>(file), {}}, {});
  EXPECT_TRUE(rule) << rule.error().message;
  return rule ? *std::move(rule) : nullptr;
}

void expect_holds(const Law& law, std::string_view name, Ingredients ingredients = Ingredients::kAll) {
  const auto strategy = strategy_or_rule(name);
  ASSERT_NE(strategy, nullptr);
  const Verdict verdict = check(law, *strategy, ingredients, {.cases = cases(), .shrink = true});
  EXPECT_TRUE(verdict.holds) << name << ": " << verdict.story;
}

void expect_broken(const Law& law, const Strategy& strategy) {
  constexpr int kCasesUntilSurelyFound = 10'000;
  EXPECT_FALSE(check(law, strategy, Ingredients::kAll, {.cases = kCasesUntilSurelyFound, .shrink = false}).holds)
      << strategy.name() << " went unnoticed";
}

class Laws : public testing::TestWithParam<const char*> {};

TEST_P(Laws, AreDeterministic) {
  expect_holds(is_deterministic, GetParam());
}
TEST_P(Laws, DoNotAskWhoCameFirst) {
  expect_holds(does_not_ask_who_came_first, GetParam());
}
TEST_P(Laws, WriteCanonicalJson) {
  expect_holds(reads_back_as_it_was_written, GetParam());
}
TEST_P(Laws, KeepWhatBothSay) {
  expect_holds(keeps_what_both_say, GetParam());
}
TEST_P(Laws, AreIdempotent) {
  expect_holds(is_idempotent, GetParam(), Ingredients::kNoCounters);
}

INSTANTIATE_TEST_SUITE_P(Of, Laws,
                         testing::Values("latest_wins", "source_wins", "merge_smart", "lead_score", "inventory"),
                         [](const auto& which) { return std::string(which.param); });

TEST(LawsOfLatestWins, OneOfThreeSurvivesInWhateverOrderTheyMeet) {
  expect_holds(is_associative, "latest_wins");
}

TEST(LawsOfSourceWins, OneOfThreeSurvivesInWhateverOrderTheyMeet) {
  expect_holds(is_associative, "source_wins");
}

TEST(LawsOfMergeSmart, TheOnlyChangeWins) {
  expect_holds(lets_the_only_change_win, "merge_smart");
}

TEST(LawsOfMergeSmart, NoLineThatSomebodyAddedIsLost) {
  expect_holds(loses_no_added_line, "merge_smart", Ingredients::kTexts);
}

// Strategies that are wrong, each in the way that one law forbids.

class IncomingWins final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "incoming wins"; }
  [[nodiscard]] Resolution resolve(const FieldConflict&) const override { return {Outcome::kIncoming, {}, {}}; }
};

class Moody final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "moody"; }
  [[nodiscard]] Resolution resolve(const FieldConflict&) const override {
    return {++calls_ % 2 == 0 ? Outcome::kIncoming : Outcome::kGolden, {}, {}};
  }

 private:
  mutable int calls_ = 0;
};

/// Merges by writing one text behind the other, as a hasty merge of notes does.
class Appends final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "appends"; }
  [[nodiscard]] Resolution resolve(const FieldConflict& conflict) const override {
    if (*conflict.incoming.value == *conflict.golden.value) return settle_on(conflict, *conflict.golden.value);
    const auto& [first, second] = std::minmax(conflict.incoming.value->text(), conflict.golden.value->text());
    return settle_on(conflict, Value::string(first + "\n" + second));
  }
};

class WritesBlanks final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "writes blanks"; }
  [[nodiscard]] Resolution resolve(const FieldConflict& conflict) const override {
    return settle_on(conflict, Value::from_canonical("[ " + conflict.incoming.value->text() + "]"));
  }
};

/// Trust among changes of one moment, else the later: three changes can beat each other in a ring.
class TrustAmongNeighbours final : public Strategy {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "trust among neighbours"; }
  [[nodiscard]] Resolution resolve(const FieldConflict& conflict) const override {
    const Side& incoming = conflict.incoming;
    const Side& golden = conflict.golden;
    const bool neighbours = std::abs(incoming.time.microseconds - golden.time.microseconds) <= 1;
    return find_strategy(neighbours ? "source_wins" : "latest_wins")->resolve(conflict);
  }
};

TEST(Laws, AreBrokenByStrategiesThatAreWrong) {
  expect_broken(is_deterministic, Moody());
  expect_broken(does_not_ask_who_came_first, IncomingWins());
  expect_broken(reads_back_as_it_was_written, WritesBlanks());
  expect_broken(keeps_what_both_say, WritesBlanks());
  expect_broken(is_idempotent, Appends());
  expect_broken(is_associative, TrustAmongNeighbours());
  expect_broken(lets_the_only_change_win, *find_strategy("latest_wins"));
  expect_broken(loses_no_added_line, *find_strategy("latest_wins"));
}

}  // namespace
}  // namespace datasync::conflict
