#include "conflict/strategies/merge_smart.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "conflict/merge/three_way.h"
#include "domain/json.h"
#include "domain/money.h"

namespace datasync::conflict {
namespace {

/// Two changes of one field. The texts are JSON.
struct Case {
  std::optional<std::string> base{};
  std::string newer;
  std::string older;
  std::string_view field = "profile_data";
};

Value json(const std::string& text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value.value_or(Value());
}

const Value& survivor(const Resolution& resolution, const FieldConflict& conflict) {
  switch (resolution.outcome) {
    case Resolution::Outcome::kIncoming:
      return *conflict.incoming.value;
    case Resolution::Outcome::kMerged:
      EXPECT_NE(resolution.merged, *conflict.incoming.value);
      EXPECT_NE(resolution.merged, *conflict.golden.value);
      return resolution.merged;
    default:
      EXPECT_EQ(resolution.outcome, Resolution::Outcome::kGolden);
      return *conflict.golden.value;
  }
}

/// What survives, checked to be the same whichever side is the incoming one.
std::string merged(const Case& given) {
  const std::optional<Value> base = given.base ? std::optional(json(*given.base)) : std::nullopt;
  const Value newer = json(given.newer);
  const Value older = json(given.older);
  const Side one{&newer, PlatformId("bizosaas"), HybridTime{2}, 1};
  const Side other{&older, PlatformId("bizoholic"), HybridTime{1}, 0};
  const FieldConflict forward{"user", given.field, one, other, base ? &*base : nullptr};
  const FieldConflict backward{"user", given.field, other, one, base ? &*base : nullptr};
  const Resolution outcome = MergeSmart().resolve(forward);
  const Resolution reverse = MergeSmart().resolve(backward);
  EXPECT_EQ(survivor(outcome, forward), survivor(reverse, backward));
  return survivor(outcome, forward).text();
}

/// The same for texts, which are given and come as they are read.
std::string merged_text(std::optional<std::string> base, const std::string& newer, const std::string& older) {
  if (base) base = Value::string(*base).text();
  const Case given{std::move(base), Value::string(newer).text(), Value::string(older).text(), "notes"};
  return Value::from_canonical(merged(given)).as_string().value_or("no text");
}

TEST(MergeSmart, IsAmongTheStrategies) {
  ASSERT_NE(find_strategy("merge_smart"), nullptr);
  EXPECT_EQ(find_strategy("merge_smart")->name(), "merge_smart");
}

TEST(MergeSmart, TakesTheChangeOfTheOnlySideThatChangedHoweverOldItIs) {
  EXPECT_EQ(merged({.base = "1", .newer = "1", .older = "2"}), "2");
  EXPECT_EQ(merged({.base = R"("a")", .newer = R"("a")", .older = "null"}), "null");
  EXPECT_EQ(merged({.base = "[1,2]", .newer = "[1]", .older = "[1,2]"}), "[1]");
}

TEST(MergeSmart, TakesWhatBothChangedAlikeOnce) {
  EXPECT_EQ(merged({.base = "1", .newer = "2", .older = "2"}), "2");
  EXPECT_EQ(merged({.base = "[]", .newer = "[1]", .older = "[1]"}), "[1]");
}

TEST(MergeSmart, TakesTheNewerWhereNothingCanBeMerged) {
  EXPECT_EQ(merged({.newer = "true", .older = "false"}), "true");
  EXPECT_EQ(merged({.newer = "null", .older = R"({"a":1})"}), "null");
  EXPECT_EQ(merged({.base = "null", .newer = R"({"a":1})", .older = "[1]"}), R"({"a":1})");
  EXPECT_EQ(merged({.base = R"("x")", .newer = R"("y")", .older = R"("z")"}), R"("y")");
}

TEST(MergeSmart, BreaksTiesAsLatestWinsDoes) {
  const Value yes = Value::boolean(true);
  const Value no = Value::boolean(false);
  const Side trusted{&yes, PlatformId("bizosaas"), HybridTime{1}, 0};
  const Side other{&no, PlatformId("alpha"), HybridTime{1}, 1};
  const FieldConflict forward{"user", "vip", trusted, other, nullptr};
  const FieldConflict backward{"user", "vip", other, trusted, nullptr};
  EXPECT_EQ(survivor(MergeSmart().resolve(forward), forward), yes);
  EXPECT_EQ(survivor(MergeSmart().resolve(backward), backward), yes);
}

TEST(MergeSmartObjects, KeepsTheChangesOfBothSides) {
  EXPECT_EQ(merged({.base = R"({"city":"Pune","lang":"en","vip":false})",
                    .newer = R"({"city":"Goa","lang":"en","vip":false})",
                    .older = R"({"city":"Pune","lang":"en","phone":"1","vip":true})"}),
            R"({"city":"Goa","lang":"en","phone":"1","vip":true})");
}

TEST(MergeSmartObjects, GoesIntoMembersThatBothChanged) {
  EXPECT_EQ(merged({.base = R"({"mail":{"daily":true,"offers":true}})",
                    .newer = R"({"mail":{"daily":false,"offers":true}})",
                    .older = R"({"mail":{"daily":true,"offers":false}})"}),
            R"({"mail":{"daily":false,"offers":false}})");
}

TEST(MergeSmartObjects, TakesTheNewerOfMembersThatCanNotBeMerged) {
  EXPECT_EQ(
      merged({.base = R"({"a":1,"lang":"en"})", .newer = R"({"a":1,"lang":"hi"})", .older = R"({"a":2,"lang":"fr"})"}),
      R"({"a":2,"lang":"hi"})");
}

TEST(MergeSmartObjects, DeletesWhatOneSideDeletedAndTheOtherLeft) {
  EXPECT_EQ(merged({.base = R"({"a":1,"b":1})", .newer = R"({"a":2,"b":1})", .older = R"({"a":1})"}), R"({"a":2})");
  EXPECT_EQ(merged({.base = R"({"a":1,"b":1})", .newer = R"({"a":1})", .older = R"({"b":1})"}), "{}");
}

TEST(MergeSmartObjects, KeepsAChangeOfWhatTheOtherSideDeleted) {
  EXPECT_EQ(merged({.base = R"({"a":1,"b":1})", .newer = R"({"b":1})", .older = R"({"a":5,"b":1})"}),
            R"({"a":5,"b":1})");
  EXPECT_EQ(merged({.base = R"({"a":1})", .newer = R"({"a":5})", .older = "{}"}), R"({"a":5})");
}

TEST(MergeSmartObjects, UnitesTheMembersWhereNoBaseIsKnown) {
  EXPECT_EQ(merged({.newer = R"({"a":1,"b":{"x":1}})", .older = R"({"b":{"x":2,"y":2},"c":3})"}),
            R"({"a":1,"b":{"x":1,"y":2},"c":3})");
}

TEST(MergeSmartObjects, TakesABaseOfAnotherKindForNone) {
  EXPECT_EQ(merged({.base = "null", .newer = R"({"a":1})", .older = R"({"b":2})"}), R"({"a":1,"b":2})");
  EXPECT_EQ(merged({.base = "1", .newer = R"("a\nb")", .older = R"("a\nc\n")"}), R"("a\nc\nb")");
}

TEST(MergeSmartMoney, IsOneValueAndNeverHalfOfEach) {
  const std::string base = Money::from_minor(1000, *Currency::parse("USD")).to_value().text();
  const std::string newer = Money::from_minor(1200, *Currency::parse("USD")).to_value().text();
  const std::string older = Money::from_minor(1000, *Currency::parse("INR")).to_value().text();
  EXPECT_EQ(merged({.base = base, .newer = newer, .older = older}), newer);
  EXPECT_EQ(merged({.newer = newer, .older = older}), newer);
  EXPECT_EQ(merged({.base = base, .newer = newer, .older = base}), newer);
  EXPECT_EQ(merged({.base = R"({"deal":)" + base + R"(,"won":false})",
                    .newer = R"({"deal":)" + newer + R"(,"won":false})",
                    .older = R"({"deal":)" + older + R"(,"won":true})"}),
            R"({"deal":)" + newer + R"(,"won":true})");
}

TEST(MergeSmartMoney, DoesNotMixPricesOfTwoCurrencies) {
  EXPECT_EQ(merged({.base = R"({"currency":"USD","note":"","unit_price":10})",
                    .newer = R"({"currency":"USD","note":"","unit_price":12})",
                    .older = R"({"currency":"INR","note":"gift","unit_price":830})"}),
            R"({"currency":"USD","note":"","unit_price":12})");
  EXPECT_EQ(merged({.base = R"({"currency":"USD","note":"","unit_price":10})",
                    .newer = R"({"currency":"USD","note":"","unit_price":12})",
                    .older = R"({"currency":"USD","note":"gift","unit_price":11})"}),
            R"({"currency":"USD","note":"gift","unit_price":12})");
}

/// 830 is a new price in dollars, though it looks as the one in rupees was.
TEST(MergeSmartMoney, DoesNotComparePricesWithABaseInAnotherCurrency) {
  EXPECT_EQ(merged({.base = R"({"currency":"INR","unit_price":830})",
                    .newer = R"({"currency":"USD","unit_price":830})",
                    .older = R"({"currency":"USD","unit_price":10})"}),
            R"({"currency":"USD","unit_price":830})");
}

TEST(MergeSmartMoney, MergesPreferencesThatOnlyNameACurrency) {
  EXPECT_EQ(merged({.base = R"({"currency":"USD","theme":"light"})",
                    .newer = R"({"currency":"USD","theme":"dark"})",
                    .older = R"({"currency":"INR","theme":"light"})"}),
            R"({"currency":"INR","theme":"dark"})");
}

TEST(MergeSmartItems, AreMergedByTheirIdInTheOrderOfTheNewerSide) {
  EXPECT_EQ(merged({.base = R"([{"id":1,"size":"S"},{"id":2,"size":"M"}])",
                    .newer = R"([{"id":2,"size":"L"},{"id":1,"size":"S"},{"id":3}])",
                    .older = R"([{"id":1,"size":"XS"},{"id":2,"size":"M"},{"id":4}])"}),
            R"([{"id":2,"size":"L"},{"id":1,"size":"XS"},{"id":3},{"id":4}])");
}

TEST(MergeSmartItems, AreDeletedUnlessTheOtherSideChangedThem) {
  EXPECT_EQ(merged({.base = R"([{"id":1},{"id":2},{"id":3}])",
                    .newer = R"([{"id":1}])",
                    .older = R"([{"id":1},{"id":2,"note":"keep"},{"id":3}])"}),
            R"([{"id":1},{"id":2,"note":"keep"}])");
}

TEST(MergeSmartItems, AreUnitedWhereNoBaseIsKnown) {
  EXPECT_EQ(
      merged({.newer = R"([{"sku":"A","qty":2},{"sku":"C"}])", .older = R"([{"sku":"A","gift":true},{"sku":"B"}])"}),
      R"([{"gift":true,"qty":2,"sku":"A"},{"sku":"C"},{"sku":"B"}])");
}

TEST(MergeSmartItems, AddUpWhatBothOrdered) {
  EXPECT_EQ(merged({.base = R"([{"product_id":"p1","price":10,"quantity":1}])",
                    .newer = R"([{"product_id":"p1","price":12,"quantity":2}])",
                    .older = R"([{"product_id":"p1","price":11,"quantity":3}])",
                    .field = "items"}),
            R"([{"price":12,"product_id":"p1","quantity":4}])");
}

TEST(MergeSmartItems, AreFoundByTheFirstNameThatAllOfThemHaveEachAnother) {
  // Two sizes of one product: the product's id tells nothing, the variant's does.
  EXPECT_EQ(merged({.newer = R"([{"product_id":1,"variant_id":1,"qty":1},{"product_id":1,"variant_id":2,"qty":5}])",
                    .older = R"([{"product_id":1,"variant_id":2,"qty":1}])"}),
            R"([{"product_id":1,"qty":1,"variant_id":1},{"product_id":1,"qty":5,"variant_id":2}])");
  // One platform numbers its lines; the goods are the same.
  EXPECT_EQ(merged({.newer = R"([{"sku":"A"}])", .older = R"([{"id":7,"sku":"A"}])"}), R"([{"id":7,"sku":"A"}])");
  // An id is the same as a number and as a string.
  EXPECT_EQ(merged({.newer = R"([{"id":"7","a":1}])", .older = R"([{"id":7,"b":1}])"}), R"([{"a":1,"b":1,"id":"7"}])");
}

TEST(MergeSmartItems, AreMembersOfASetWhereTheyHaveNoIdOfTheirOwn) {
  EXPECT_EQ(merged({.newer = R"([{"id":1,"a":1},{"id":1,"a":2}])", .older = R"([{"id":1,"a":3}])"}),
            R"([{"a":1,"id":1},{"a":2,"id":1},{"a":3,"id":1}])");
  EXPECT_EQ(merged({.newer = R"([{"id":true}])", .older = R"([{"id":false}])"}), R"([{"id":true},{"id":false}])");
}

/// Found by their sku, these lines get ids from one side that cross. By those ids the outcome would be merged to
/// something else when it meets that side again, so nothing is merged.
TEST(MergeSmartItems, AreNotMergedWhereTheOutcomeWouldBeFoundByOtherIds) {
  const std::string newer = R"([{"id":8,"sku":"A"},{"id":7,"sku":"B"},{"sku":"C"}])";
  EXPECT_EQ(
      merged({.newer = newer, .older = R"([{"id":7,"sku":"A","x":1},{"id":8,"sku":"B","y":1},{"id":9,"sku":"C"}])"}),
      R"([{"id":8,"sku":"A"},{"id":7,"sku":"B"},{"sku":"C"}])");
}

TEST(MergeSmartSets, KeepTheAdditionsAndTheRemovalsOfBoth) {
  EXPECT_EQ(merged({.base = R"(["a","b","c"])", .newer = R"(["b","x","c"])", .older = R"(["a","b","y","z"])"}),
            R"(["b","x","y","z"])");
}

TEST(MergeSmartSets, AreUnitedWhereNoBaseIsKnown) {
  EXPECT_EQ(merged({.newer = R"(["a","b"])", .older = R"(["c","b"])"}), R"(["a","b","c"])");
}

TEST(MergeSmartSets, TakeTheOrderOfTheNewerSide) {
  EXPECT_EQ(merged({.base = "[1,2,3]", .newer = "[3,2,1]", .older = "[2,1,3]"}), "[3,2,1]");
}

TEST(MergeSmartSets, CountWhatStandsInThemSeveralTimes) {
  EXPECT_EQ(merged({.base = "[1]", .newer = "[1,1]", .older = "[1,1,1]"}), "[1,1,1]");  // more by both: the larger
  EXPECT_EQ(merged({.base = "[1,1,1]", .newer = "[1,1]", .older = "[1]"}), "[1]");      // fewer: the smaller
  EXPECT_EQ(merged({.base = "[1,1]", .newer = "[1]", .older = "[1,1,1]"}), "[1,1,1]");  // each: nothing is lost
  EXPECT_EQ(merged({.base = "[1,1,2]", .newer = "[1,2]", .older = "[1,1,2,3]"}), "[1,2,3]");  // by one only: that
}

TEST(MergeSmartCounters, AddBothChangesExactly) {
  EXPECT_EQ(merged({.base = "10", .newer = "12", .older = "7", .field = "visits"}), "9");
  EXPECT_EQ(merged({.base = "0.3", .newer = "0.4", .older = "0.5", .field = "hours"}), "0.6");
  EXPECT_EQ(merged({.base = "1", .newer = "-1", .older = "0.25", .field = "balance"}), "-1.75");
  EXPECT_EQ(merged({.base = "9007199254740993", .newer = "9007199254740994", .older = "9007199254740995"}),
            "9007199254740996");
}

/// Of pure functions none could do better: 12 may be the change that is in the 9 already, or another one.
TEST(MergeSmartCounters, AddAChangeAgainThatComesBackOverTheOldBase) {
  EXPECT_EQ(merged({.base = "10", .newer = "9", .older = "12", .field = "visits"}), "11");
  EXPECT_EQ(merged({.base = "12", .newer = "9", .older = "12", .field = "visits"}),
            "9");  // over the true base it rests
}

TEST(MergeSmartCounters, TakeTheNewerWhereNoBaseIsKnown) {
  EXPECT_EQ(merged({.newer = "12", .older = "7", .field = "visits"}), "12");
}

TEST(MergeSmartCounters, TakeTheNewerOfMoreDigitsThanAreCountedExactly) {
  EXPECT_EQ(merged({.base = "1", .newer = "1000000000000000000", .older = "2"}), "1000000000000000000");
  EXPECT_EQ(merged({.base = "0", .newer = "999999999999999999", .older = "999999999999999998"}), "999999999999999999");
  EXPECT_EQ(merged({.base = "1", .newer = "2", .older = "1e40"}), "2");
}

TEST(MergeSmartCounters, AreNoPricesLabelsMeasuresOrDates) {
  for (const char* field : {"price", "unit_price", "orderTotal", "category_id", "categoryID", "birth_year", "lat",
                            "code", "average-rating", "shipping.weight"}) {
    EXPECT_EQ(merged({.base = "10", .newer = "12", .older = "7", .field = field}), "12") << field;
  }
  for (const char* field : {"visits", "quantity", "ids_seen", "prices_compared", "paid", "totals", ""}) {
    EXPECT_EQ(merged({.base = "10", .newer = "12", .older = "7", .field = field}), "9") << field;
  }
}

TEST(MergeSmartText, KeepsTheLinesThatBothAppendedInTheOrderOfTheirTime) {
  EXPECT_EQ(merged_text("Met at the fair", "Met at the fair\nSent the offer", "Met at the fair\nWants a discount"),
            "Met at the fair\nWants a discount\nSent the offer");
}

TEST(MergeSmartText, KeepsTheLinesThatBothPutOnTopNewestFirst) {
  EXPECT_EQ(merged_text("Met", "Newer\nMet", "Older\nMet"), "Newer\nOlder\nMet");
}

TEST(MergeSmartText, KeepsChangesInDifferentPlaces) {
  EXPECT_EQ(merged_text("one\ntwo\nthree", "one\nTWO\nthree", "ONE\ntwo\nthree\nfour"), "ONE\nTWO\nthree\nfour");
  EXPECT_EQ(merged_text("one\ntwo\nthree", "one\nthree", "one\ntwo\ntwo and a half\nthree"),
            "one\ntwo and a half\nthree");
}

TEST(MergeSmartText, KeepsChangesOfNeighbouringLinesInTheirOrder) {
  EXPECT_EQ(merged_text("h\none\ntwo\nthree", "h\none\nTWO\nthree", "h\nONE\ntwo\nthree"), "h\nONE\nTWO\nthree");
  EXPECT_EQ(merged_text("h\none\ntwo\nthree", "h\nONE\ntwo\nthree", "h\none\nTWO\nthree"), "h\nONE\nTWO\nthree");
  EXPECT_EQ(merged_text("one\ntwo", "ONE\ntwo", "one\nTWO"), "ONE\nTWO");
  EXPECT_EQ(merged_text("one\ntwo", "one\nTWO", "ONE\ntwo"), "ONE\nTWO");
  EXPECT_EQ(merged_text("one", "ONE", "one\ntwo"), "ONE\ntwo");
}

TEST(MergeSmartText, KeepsBothOutcomesOfALineThatBothChanged) {
  EXPECT_EQ(merged_text("Call at 5\nBye", "Call at 7\nBye", "Call at 6\nBye"), "Call at 6\nCall at 7\nBye");
  EXPECT_EQ(merged_text("Hi\nCall at 5\nBye", "Hi\nCall at 7\nBye", "Hi\nCall at 6\nBye"),
            "Hi\nCall at 6\nCall at 7\nBye");
}

TEST(MergeSmartText, KeepsAChangedLineThatTheOtherSideRemoved) {
  EXPECT_EQ(merged_text("one\ntwo", "one", "one\n2"), "one\n2");
  EXPECT_EQ(merged_text("one", "", "one\ntwo"), "two");
}

TEST(MergeSmartText, WithoutABaseTakesTheOneThatHasAllLinesOfTheOther) {
  EXPECT_EQ(merged_text({}, "one\nthree", "one\ntwo\nthree"), "one\ntwo\nthree");
  EXPECT_EQ(merged_text({}, "one\ntwo\nthree", "three"), "one\ntwo\nthree");
}

TEST(MergeSmartText, WithoutABasePutsWhatTheNewerAddsBehindTheOlder) {
  EXPECT_EQ(merged_text({}, "newer 1\nnewer 2", "older 1\nolder 2"), "older 1\nolder 2\nnewer 1\nnewer 2");
  EXPECT_EQ(merged_text({}, "same\nnewer", "same\nolder"), "same\nolder\nnewer");
}

TEST(MergeSmartText, KeepsParagraphsApart) {
  EXPECT_EQ(merged_text("First.\n", "First.\n\nNewer.\n", "First.\n\nOlder.\n"), "First.\n\nOlder.\n\nNewer.\n");
}

TEST(MergeSmartText, TakesTheNewerOfTextsOfOneLine) {
  EXPECT_EQ(merged_text("Red shirt", "Red cotton shirt", "Red shirt, XL"), "Red cotton shirt");
  EXPECT_EQ(merged_text("a\n", "b\n", "c"), "b\n");
}

TEST(MergeSmartText, DoesNotTakeTheLineBreaksOfAFormForAChange) {
  EXPECT_EQ(merged_text("one\ntwo", "one\r\ntwo\r\nthree", "one\ntwo\nfour"), "one\r\ntwo\r\nfour\r\nthree");
  EXPECT_EQ(merged_text("one\ntwo", "one\ntwo\nthree", "one\r\ntwo\r\nfour"), "one\ntwo\nfour\nthree");
}

TEST(MergeSmartText, KeepsTheNewersOwnBreaksWhereItsLinesSurvive) {
  // Joined anew it would be the base, and so count as no change when it meets the older text again.
  EXPECT_EQ(merged_text("a\r\nb\r\nc", "a\r\nb\nc", "b\r\na\r\nc"), "a\r\nb\nc");
}

TEST(MergeSmartText, KeepsNoBlankLinesWhereNothingElseIsLeft) {
  EXPECT_EQ(merged_text("a\nb\n", "a\n", "b\n"), "");
}

/// All that a shipped field of kind text may look like on the way through a second conflict.
TEST(MergeSmartText, MergedWithASideAgainIsTheSameText) {
  const std::string base = "Met\n\nCall at 5\n";
  const std::string newer = "Met\r\n\r\nCall at 7\r\nSent\r\n";
  const std::string older = "Met\n\nCall at 6\n\nPaid";
  const std::string outcome = merged_text(base, newer, older);
  EXPECT_EQ(outcome, "Met\r\n\r\nCall at 6\r\n\r\nPaid\r\n\r\nCall at 7\r\nSent");
  EXPECT_EQ(merged_text(base, outcome, newer), outcome);
  EXPECT_EQ(merged_text(base, outcome, older), outcome);
}

std::string nested(int depth, const std::string& inner) {
  std::string text = inner;
  for (int i = 0; i < depth; ++i) text.insert(0, R"({"a":)") += '}';
  return text;
}

TEST(MergeSmartBounds, TakeTheNewerOfWhatIsNestedTooDeep) {
  const std::string newer = R"({"x":1})";
  const std::string older = R"({"y":1})";
  EXPECT_EQ(merged({.newer = nested(kMergeDepthMax, newer), .older = nested(kMergeDepthMax, older)}),
            nested(kMergeDepthMax, R"({"x":1,"y":1})"));
  EXPECT_EQ(merged({.newer = nested(kMergeDepthMax + 1, newer), .older = nested(kMergeDepthMax + 1, older)}),
            nested(kMergeDepthMax + 1, newer));
  EXPECT_EQ(merged({.newer = nested(kJsonDepthMax - 2, newer), .older = nested(kJsonDepthMax - 2, older)}),
            nested(kJsonDepthMax - 2, newer));
}

/// `count` items, each another, from `first` on.
std::string numbers(std::size_t first, std::size_t count) {
  std::string text = "[";
  for (std::size_t i = first; i < first + count; ++i) text += (i > first ? "," : "") + std::to_string(i);
  return text + "]";
}

TEST(MergeSmartBounds, TakeTheNewerOfTooManyItems) {
  EXPECT_EQ(merged({.newer = numbers(0, kMergeItemsMax), .older = numbers(1, kMergeItemsMax)}),
            numbers(0, kMergeItemsMax).substr(0, numbers(0, kMergeItemsMax).size() - 1) + "," +
                std::to_string(kMergeItemsMax) + "]");
  EXPECT_EQ(merged({.newer = numbers(0, kMergeItemsMax + 1), .older = numbers(1, 3)}), numbers(0, kMergeItemsMax + 1));
  EXPECT_EQ(merged({.newer = "[0]", .older = numbers(1, kMergeItemsMax + 1)}), "[0]");
}

TEST(MergeSmartBounds, TakeTheNewerOfTooManyLinesAndMembers) {
  std::string lines;
  std::string members = "{";
  for (std::size_t i = 0; i <= kMergeItemsMax; ++i) {
    lines += "l" + std::to_string(i) + "\n";
    members += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
  }
  members += "}";
  EXPECT_EQ(merged_text({}, "one\ntwo", lines), "one\ntwo");
  EXPECT_EQ(merged({.newer = R"({"a":1})", .older = members}), R"({"a":1})");
}

TEST(MergeSmartBounds, TakeTheNewerOfWhatIsTooLarge) {
  const std::string large(kMergeBytesMax, 'x');
  EXPECT_EQ(merged_text({}, "one\ntwo", "one\n" + large), "one\ntwo");
  EXPECT_EQ(merged_text("one\n" + large, "one\ntwo", "one\nthree"), "one\ntwo");
  EXPECT_EQ(merged_text("one\n" + large, "one\n" + large, "one\ntwo"), "one\ntwo");  // what changed is plain still
}

}  // namespace
}  // namespace datasync::conflict
