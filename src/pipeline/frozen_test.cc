#include "pipeline/frozen.h"

#include <gtest/gtest.h>

#include "domain/money.h"

namespace datasync::pipeline {
namespace {

class FrozenTest : public testing::Test {
 protected:
  FrozenTest() {
    known_.platform = PlatformId("beta");
    known_.ids = {{"", "B1"}, {"variant", "V1"}};
    known_.hold({"name", {3}, 11, Timestamp{seconds{5}}});
    attempt_.change.version = {7};
    attempt_.change.known_ids = known_.ids;
    attempt_.fields = {{"name", {7}, 21}, {"a:1=b", {6}, 22}};
  }
  Knowledge known_;
  Attempt attempt_;
};

TEST_F(FrozenTest, WhatIsUnderWayIsFoundAgainUnderItsVersion) {
  attempt_.change.verb = Verb::kCreated;
  freeze(known_, attempt_);
  EXPECT_EQ(known_.find("name")->version.value, 3);  // what it holds stays known
  const auto words = frozen_words(known_, {7});
  ASSERT_TRUE(words);
  EXPECT_EQ(words->verb, Verb::kCreated);
  EXPECT_EQ(words->fields, (std::vector<FieldName>{"name", "a:1=b"}));
  EXPECT_EQ(words->ids, known_.ids);
  EXPECT_FALSE(frozen_words(known_, {6}));
  thaw(known_);
  EXPECT_FALSE(frozen_words(known_, {7}));
  EXPECT_EQ(known_.values.size(), 1U);
}

// By the time that it is repeated the rate of exchange may be another one.
TEST_F(FrozenTest, AnAmountIsFoundAgainAsItWasTold) {
  const auto money = [](std::int64_t minor, const char* code) {
    return Money::from_minor(minor, Currency::parse(code).value()).to_value();
  };
  attempt_.amounts.set("price", money(165'917, "INR"));
  freeze(known_, attempt_);
  Record then;
  then.at_or_new("name").value = Value::string("Pen");
  then.at_or_new("price").value = money(1'999, "USD");
  put_amounts(*frozen_words(known_, {7}), then);
  EXPECT_EQ(then.find("price")->value, money(165'917, "INR"));
  EXPECT_EQ(then.find("name")->value, Value::string("Pen"));
}

TEST_F(FrozenTest, TheIdsThatItNamesOutliveTheCopy) {
  freeze(known_, attempt_);
  known_.ids = {{"", "B2"}};
  freeze_ids(known_, attempt_);
  freeze_ids(known_, attempt_);
  EXPECT_EQ(frozen_words(known_, {7})->ids, attempt_.change.known_ids);
}

TEST_F(FrozenTest, AnIdThatBecomesKnownLaterIsNotAmongThem) {
  known_.ids.clear();
  attempt_.change.known_ids.clear();
  freeze(known_, attempt_);
  freeze_ids(known_, attempt_);
  known_.ids = {{"", "B1"}, {"variant", "V1"}};
  EXPECT_EQ(frozen_words(known_, {7})->ids, (std::vector<OwnId>{{"variant", "V1"}}));
}

TEST_F(FrozenTest, AnIdThatBecameKnownBeforeItLeftIsNotAmongThem) {
  attempt_.change.known_ids = {{"variant", "V1"}};
  freeze(known_, attempt_);
  EXPECT_EQ(frozen_words(known_, {7})->ids, attempt_.change.known_ids);
}

}  // namespace
}  // namespace datasync::pipeline
