#include "conflict/detector.h"

#include <gtest/gtest.h>

namespace datasync::conflict {
namespace {

constexpr std::uint64_t kOld = 11;
constexpr std::uint64_t kTold = 22;
constexpr std::uint64_t kNew = 33;

Timestamp at(int second) {
  return Timestamp{seconds{1'000'000 + second}};
}

/// A record whose name was written by `alpha` in version 5, and told to `beta` under version 6; that was known at 10.
class DetectorTest : public testing::Test {
 protected:
  DetectorTest() {
    record_.version = {6};
    FieldState& name = record_.at_or_new("name");
    name.value = Value::string("told");
    name.writer = PlatformId("alpha");
    name.version = {5};
    name.source_time = at(1);
    name.time = {at(1).time_since_epoch().count()};
    beta().hold({"name", {1}, kOld, at(0)});
    beta().hold({"name", {6}, kTold, at(10)});
    event_.source = PlatformId("beta");
    event_.created_at = at(60);
    seen_.field = "name";
    seen_.held_hash = kNew;
    seen_.golden_hash = kTold;
  }
  Knowledge& beta() { return record_.knowledge_of(PlatformId("beta")); }
  /// The golden value is its own since 20.
  void beta_writes() {
    FieldState& name = record_.at_or_new("name");
    name.writer = PlatformId("beta");
    name.version = {7};
    name.source_time = at(20);
    beta().hold({"name", {7}, kTold, at(20)});
  }
  Verdict verdict() const { return judge(record_, event_, seen_); }
  bool overtaken() const { return may_be_overtaken(record_, event_, seen_); }

  Record record_;
  Event event_;
  Observation seen_;
};

TEST_F(DetectorTest, AnEventWithoutATimeWasSentAtOnce) {
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
  EXPECT_FALSE(overtaken());
}

TEST_F(DetectorTest, WhatAPlatformWroteBeforeItsValueWasKnownToBeThereMayBeOverwritten) {
  event_.occurred_at = at(5);
  EXPECT_EQ(verdict(), Verdict::kConcurrent);
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(11);  // clocks differ
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(13);
  EXPECT_FALSE(overtaken());
}

TEST_F(DetectorTest, WhoWasToldTheSameTwiceMayNameTheVersionOfTheFirstTime) {
  event_.base_version = 6;
  EXPECT_FALSE(overtaken());
  beta().hold({"name", {0}, kOld, at(12)});   // its own, which lost
  beta().hold({"name", {6}, kTold, at(20)});  // so it was told again
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(30);
  EXPECT_FALSE(overtaken()) << "its clock tells";
}

TEST_F(DetectorTest, WhoWasToldMoreUnderOneVersionMayNameItForWhatCameFirst) {
  event_.base_version = 6;
  beta().told_again = {5};
  EXPECT_FALSE(overtaken());
  beta().told_again = {6};
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(30);
  EXPECT_FALSE(overtaken()) << "its clock tells";
}

TEST_F(DetectorTest, WhoNamesTheVersionThatItWasToldHadSeenIt) {
  event_.base_version = 6;
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
  EXPECT_FALSE(overtaken());
  event_.occurred_at = at(9);  // but we heard of the end only later: it may have been carried out twice
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(11);  // clocks differ
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(13);
  EXPECT_FALSE(overtaken());
  event_.occurred_at.reset();
  event_.base_version = 4;
  EXPECT_EQ(verdict(), Verdict::kConcurrent);
  EXPECT_TRUE(overtaken());
}

// It may be one of the record that this one was merged with.
TEST_F(DetectorTest, ANumberFromBeforeAMergeSaysNothingOfAValueFromBeforeIt) {
  record_.version = record_.joined = {8};
  event_.base_version = 7;
  EXPECT_EQ(verdict(), Verdict::kOrdinary) << "it holds the value";
  EXPECT_TRUE(overtaken()) << "when it came to hold it, the number does not tell";
  event_.base_version = 4;
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
  beta().hold({"name", {0}, kOld, at(12)});
  event_.base_version = 7;
  EXPECT_EQ(verdict(), Verdict::kConcurrent) << "it holds another one";
  event_.base_version = 8;
  EXPECT_EQ(verdict(), Verdict::kOrdinary) << "it had seen all that the merge made of both";
}

TEST_F(DetectorTest, ANumberFromBeforeAMergeIsBelowWhatWasWrittenOrToldSince) {
  record_.version = record_.joined = {8};
  event_.base_version = 7;
  beta().hold({"name", {8}, kTold, at(12)});
  EXPECT_EQ(verdict(), Verdict::kConcurrent) << "it was told the value by the merge";
  record_.at_or_new("name").version = {9};
  EXPECT_EQ(verdict(), Verdict::kConcurrent);
  seen_.held_hash = kTold;
  EXPECT_EQ(verdict(), Verdict::kEcho);
}

TEST_F(DetectorTest, AnEarlierValueInALateEventIsAnEcho) {
  seen_.held_hash = kOld;
  event_.base_version = 4;
  EXPECT_EQ(verdict(), Verdict::kEcho);
  EXPECT_FALSE(overtaken());
}

TEST_F(DetectorTest, AnEarlierValueMayBeBackIfItIsSaidOfTheTimeOfTheDelivery) {
  seen_.held_hash = kOld;
  event_.occurred_at = at(5);
  EXPECT_EQ(verdict(), Verdict::kEcho);
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(-60);
  EXPECT_FALSE(overtaken());
}

TEST_F(DetectorTest, WhatIsInDoubtStaysSoUntilAnEventThatIsSurelyLater) {
  beta().hold({"name", {0}, 0, at(20)});
  event_.base_version = 6;
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(21);
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(30);
  EXPECT_FALSE(overtaken());
}

// A platform that sends whole records says its old value once more with each change, until our delivery has come.
TEST_F(DetectorTest, WhatItHeldBeforeADeliveryThatIsUnderWayIsAnEchoAlsoTheSecondTime) {
  seen_.held_hash = kTold;
  seen_.golden_hash = seen_.sent_hash = kNew;
  record_.at_or_new("name").version = {7};
  seen_.delivery_unknown = true;
  EXPECT_EQ(verdict(), Verdict::kEcho);
  beta().hold({"name", {0}, 0, at(20)});  // the delivery may have overwritten it
  EXPECT_EQ(verdict(), Verdict::kEcho);
  EXPECT_TRUE(overtaken());
  seen_.held_hash = kOld;
  EXPECT_NE(verdict(), Verdict::kEcho) << "it has not held that one last";
}

// When it was that we began to doubt says nothing of what is under way; and clocks differ.
TEST_F(DetectorTest, WhoSaysOnceMoreWhatItHeldBeforeADoubtMayTellALaterTime) {
  seen_.held_hash = kTold;
  seen_.golden_hash = seen_.sent_hash = kNew;
  FieldState& name = record_.at_or_new("name");
  name.writer = PlatformId("beta");  // which a split tells it again
  record_.version = record_.joined = {8};
  seen_.delivery_unknown = true;
  beta().hold({"name", {0}, 0, at(20)});
  event_.occurred_at = at(25);
  EXPECT_EQ(verdict(), Verdict::kEcho);
  EXPECT_TRUE(overtaken());
  seen_.delivery_lingers = true;
  EXPECT_EQ(verdict(), Verdict::kOrdinary) << "it was told, and has changed it back";
  event_.occurred_at = at(21);
  EXPECT_EQ(verdict(), Verdict::kEcho) << "its clock may be ahead";
  event_.occurred_at = at(25);
  event_.base_version = 7;
  EXPECT_EQ(verdict(), Verdict::kEcho) << "it names what was before the split";
  event_.base_version = 8;
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
}

TEST_F(DetectorTest, WhatItHeldBeforeASplitIsAnEchoWhileItNamesAVersionFromBeforeThat) {
  seen_.held_hash = kTold;
  seen_.golden_hash = kNew;
  record_.version = record_.joined = {8};
  beta().hold({"name", {0}, 0, at(20)});  // told its own again, and had spoken meanwhile
  event_.base_version = 7;
  EXPECT_EQ(verdict(), Verdict::kEcho);
  event_.base_version = 8;
  EXPECT_NE(verdict(), Verdict::kEcho);
}

// Though the number is from before the merge, what it wrote since it knows: it has gone back to what it had been told.
TEST_F(DetectorTest, WhoHasWrittenSinceAMergeMayGoBackThoughItNamesAVersionFromBeforeThat) {
  record_.joined = {8};
  FieldState& name = record_.at_or_new("name");
  name.writer = PlatformId("beta");
  name.version = record_.version = {9};
  name.source_time = at(20);
  beta().hold({"name", {9}, kNew, at(20)});
  seen_.held_hash = kTold;
  seen_.golden_hash = kNew;
  event_.base_version = 7;
  event_.occurred_at = at(30);
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
  record_.version = record_.joined = {10};
  beta().hold({"name", {0}, 0, at(40)});
  beta().hold({"name", {10}, kNew, at(50)});
  EXPECT_EQ(verdict(), Verdict::kEcho) << "a split has told it its own again";
}

TEST_F(DetectorTest, ADoubtIsNoEarlierValue) {
  beta().hold({"name", {0}, 0, at(20)});
  beta().hold({"name", {7}, kNew, at(30)});
  ASSERT_EQ(beta().earlier.size(), 2U);
  EXPECT_EQ(beta().earlier[0].hash, kOld);
  EXPECT_EQ(beta().earlier[1].hash, kTold);
}

TEST_F(DetectorTest, AValueThatIsToldAgainDoesNotPutAnotherOneOutOfMind) {
  for (int i = 0; i < 3; ++i) {
    beta().hold({"name", {0}, 0, at(20 + 2 * i)});
    beta().hold({"name", {6}, kTold, at(21 + 2 * i)});
  }
  ASSERT_EQ(beta().earlier.size(), 2U);
  EXPECT_EQ(beta().earlier[0].hash, kOld);
  EXPECT_EQ(beta().earlier[1].hash, kTold);
  EXPECT_EQ(beta().earlier[1].acknowledged, at(23)) << "the last time";
}

TEST_F(DetectorTest, OfAFieldThatIsNotKnownTheDoubtOfTheWholeCopyCounts) {
  beta().values.clear();
  event_.occurred_at = at(21);
  EXPECT_FALSE(overtaken());
  beta().hold({std::string(kDeletedField), {0}, 0, at(20)});
  EXPECT_TRUE(overtaken());
}

TEST_F(DetectorTest, WhatAPlatformWroteItselfIsOvertakenByNothingOfItsOwn) {
  beta_writes();
  event_.occurred_at = at(21);
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
  EXPECT_FALSE(overtaken());
  event_.occurred_at = at(19);
  EXPECT_EQ(verdict(), Verdict::kStale);
}

// What we were telling it then put its own write in doubt, a moment after it had gone back already.
TEST_F(DetectorTest, WhoGoesBackAfterItsOwnWriteIsNoEcho) {
  beta_writes();
  beta().hold({"name", {0}, 0, at(23)});
  seen_.held_hash = kOld;
  seen_.delivery_unknown = true;
  seen_.sent_hash = kNew;
  event_.occurred_at = at(22);
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
  EXPECT_TRUE(overtaken());
  event_.occurred_at = at(19);
  EXPECT_EQ(verdict(), Verdict::kEcho) << "before its own write";
}

TEST_F(DetectorTest, WhatIsUnderWayOvertakesAllButItsOwnEcho) {
  seen_.delivery_unknown = true;
  seen_.sent_hash = kTold;
  EXPECT_TRUE(overtaken());
  seen_.held_hash = kTold;
  EXPECT_EQ(verdict(), Verdict::kEcho);
  EXPECT_FALSE(overtaken());
}

TEST_F(DetectorTest, WhatThePresentCopyHoldsSaysNothingOfAFormerOne) {
  seen_.of_former_copy = true;
  EXPECT_EQ(verdict(), Verdict::kConcurrent);
  seen_.held_hash = kTold;
  EXPECT_EQ(verdict(), Verdict::kSame);
  FieldState& name = record_.at_or_new("name");
  name.writer = PlatformId("beta");
  name.source_version = 9;
  event_.version = 3;
  seen_.held_hash = kNew;
  EXPECT_EQ(verdict(), Verdict::kOrdinary);
}

}  // namespace
}  // namespace datasync::conflict
