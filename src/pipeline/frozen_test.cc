#include "pipeline/frozen.h"

#include <gtest/gtest.h>

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
  /// A note as another program may have written it.
  std::optional<FrozenWords> words_of(const char* text) {
    known_.values = {{text, {-7}, 0, {}}};
    return frozen_words(known_, {7});
  }

  Record record_;
  Knowledge known_;
  Attempt attempt_;
};

TEST_F(FrozenTest, WhatIsUnderWayIsFoundAgainUnderItsVersion) {
  attempt_.change.verb = Verb::kCreated;
  freeze(record_, known_, attempt_);
  EXPECT_EQ(known_.find("name")->version.value, 3);  // what it holds stays known
  const auto words = frozen_words(known_, {7});
  ASSERT_TRUE(words);
  EXPECT_EQ(words->verb, Verb::kCreated);
  EXPECT_EQ(words->fields, (std::vector<std::string>{"name", "a:1=b"}));
  EXPECT_EQ(words->ids, known_.ids);
  EXPECT_FALSE(frozen_words(known_, {6}));
  thaw(known_);
  EXPECT_FALSE(frozen_words(known_, {7}));
  EXPECT_EQ(known_.values.size(), 1U);
}

TEST_F(FrozenTest, TheIdsThatItNamesOutliveTheCopy) {
  freeze(record_, known_, attempt_);
  known_.ids = {{"", "B2"}};
  freeze_ids(record_, known_, attempt_);
  freeze_ids(record_, known_, attempt_);
  EXPECT_EQ(frozen_words(known_, {7})->ids, attempt_.change.known_ids);
}

TEST_F(FrozenTest, ADeleteSaysNothingButItsVerb) {
  EXPECT_EQ(words_of("d8:_deleted")->verb, Verb::kDeleted);
  EXPECT_TRUE(words_of("u")->fields.empty());
}

TEST_F(FrozenTest, ANoteThatCanNotBeReadIsNone) {
  for (const char* text :
       {"", "x4:name", "name", "u4", "u4:nam", "u:name", "u4:name5", "u99999999999999999999:a", "c-1:a"}) {
    EXPECT_FALSE(words_of(text)) << text;
  }
}

}  // namespace
}  // namespace datasync::pipeline
