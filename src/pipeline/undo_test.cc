// A person takes back what an event has done to a record as a whole, or what a decision has.

#include <gtest/gtest.h>

#include "pipeline/testing/review_fixture.h"

namespace datasync::pipeline {
namespace {

class UndoTest : public ReviewTest {
 protected:
  UndoTest() { begin({}); }

  Result<EventId> undo(const std::string& event) { return world().undo({{kTenant}, event, "mira", "a slip"}); }
  /// The id of the event that took it back.
  std::string taken_back(const std::string& event) {
    const auto done = undo(event);
    EXPECT_TRUE(done) << done.error().message;
    settle();
    return done ? done->str() : std::string();
  }
  void refused(const std::string& event, const std::string& why) {
    const auto done = undo(event);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kConflict);
    EXPECT_NE(done.error().message.find(why), std::string::npos) << done.error().message;
  }
  void expect_nowhere() {
    EXPECT_TRUE(record().is_deleted());
    for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) {
      EXPECT_TRUE(platform->copies(kTenant, kEntity).empty()) << platform->shape().id.str();
    }
  }
  void expect_living(const char* city) {
    EXPECT_FALSE(record().is_deleted());
    expect_everywhere("city", city);
    expect_everywhere("name", "t1:ann");
    expect_everywhere("email", "a@x");
  }
  std::string made() {
    last_id_ = "made";
    return start();
  }
  void deleted_by_alpha(const std::string& id) {
    last_id_ = "delete";
    remove(alpha(), id);
    settle();
    expect_nowhere();
  }
  /// Alpha moves the record to oslo, and beta deletes it without knowing that: a review.
  void delete_unaware() {
    const std::string id = made();
    edit(alpha(), id, "city", "t1:oslo");
    last_id_ = "delete";
    remove(beta(), id_on(beta()));
    last_->occurred_at = world().clock.now() + milliseconds{5};
    settle();
    ASSERT_EQ(open().size(), 1U);
  }
  std::string decided(Choice choice) {
    const auto review = decide(choice);
    EXPECT_TRUE(review) << review.error().message;
    settle();
    return review->resolved_event.str();
  }
};

TEST_F(UndoTest, ARecordThatWasDeletedLivesAgainWithItsValues) {
  const std::string id = made();
  edit(beta(), id_on(beta()), "city", "t1:oslo");
  settle();
  deleted_by_alpha(id);
  const std::string undo = taken_back("delete");
  expect_living("t1:oslo");
  EXPECT_EQ(alpha().seen.back().verb, "create") << "who deleted it has no copy to update";
  EXPECT_EQ(world().store.records().size(), 1U);
  EXPECT_EQ(status(undo), EventStatus::kCompleted);
  edit(gamma(), id_on(gamma()), "city", "t1:lima");
  settle();
  expect_living("t1:lima");
}

TEST_F(UndoTest, WhatLivesAgainCanBeDeletedAgain) {
  deleted_by_alpha(made());
  const std::string undo = taken_back("delete");
  refused("delete", "nothing that the event has changed is left");
  taken_back(undo);
  expect_nowhere();
}

TEST_F(UndoTest, WhatLivesAgainAndWasChangedSinceIsNotDeletedAgain) {
  deleted_by_alpha(made());
  const std::string undo = taken_back("delete");
  edit(gamma(), id_on(gamma()), "city", "t1:lima");
  settle();
  refused(undo, "city has been changed again since by gamma");
  expect_living("t1:lima");
}

TEST_F(UndoTest, ADeleteIsNotTakenBackOfWhatWasMadeAnew) {
  deleted_by_alpha(made());
  create(alpha(), R"({"email":"a@x","name":"t1:beth"})");
  settle();
  EXPECT_EQ(world().store.records().size(), 1U);
  refused("delete", "nothing that the event has changed is left");
}

TEST_F(UndoTest, ADeleteOfTheUnknownHasNothingToBringBack) {
  sends_ = false;
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  last_id_ = "delete";
  remove(alpha(), id);
  world().send(last_);
  settle();
  refused("delete", "nothing to bring back");
}

TEST_F(UndoTest, ARecordThatOneEventMadeGoesFromEverywhere) {
  made();
  taken_back("made");
  expect_nowhere();
  EXPECT_EQ(alpha().seen.back().verb, "delete") << "who made it is told as well";
}

TEST_F(UndoTest, ARecordThatWasMadeByMistakeIsThereAgainOnceThatIsTakenBack) {
  made();
  taken_back(taken_back("made"));
  expect_living("t1:rome");
}

TEST_F(UndoTest, ARecordIsNotUnmadeOnceAnybodyHasWrittenToIt) {
  const std::string id = made();
  edit(beta(), id_on(beta()), "phone", "t1:2");
  settle();
  refused("made", "phone has been changed again since by beta");
  EXPECT_EQ(held(gamma(), "phone"), "t1:2");
}

TEST_F(UndoTest, ARecordIsNotUnmadeWhileSomethingOfItWaitsForAPerson) {
  begin({}, false, rules());
  const std::string id = made();
  edit(beta(), id_on(beta()), "email", "b@x");
  settle();
  ASSERT_EQ(open().size(), 1U);
  refused("made", "email waits for a person");
}

TEST_F(UndoTest, ARecordIsNotUnmadeOnceAnotherIsPartOfIt) {
  made();
  create(beta(), R"({"email":"b@x"})");
  settle();
  MergeRequest merge;
  merge.tenant = kTenant;
  merge.entity = kEntity;
  for (const auto& [key, one] : world().store.records()) (merge.keep.empty() ? merge.keep : merge.other) = one.id;
  ASSERT_TRUE(world().merge(merge));
  settle();
  refused("made", "has been merged into the record since");
  refused("e1", "has been merged into " + merge.keep.str());
}

TEST_F(UndoTest, WhatMadeARecordAnewIsTakenBackWithItsValues) {
  const std::string id = made();
  deleted_by_alpha(id);
  last_id_ = "again";
  create(beta(), R"({"email":"a@x","city":"t1:bern"})");
  settle();
  ASSERT_FALSE(record().is_deleted());
  EXPECT_EQ(golden("city"), "t1:bern");
  const std::string undo = taken_back("again");
  expect_nowhere();
  EXPECT_EQ(golden("city"), "t1:rome");
  taken_back(undo);
  expect_everywhere("city", "t1:bern");
}

TEST_F(UndoTest, TheDecisionToDeleteIsTakenBack) {
  delete_unaware();
  const std::string decision = decided(Choice::kSource);
  expect_nowhere();
  taken_back(decision);
  expect_living("t1:oslo");
}

TEST_F(UndoTest, TheDecisionToKeepIsTakenBack) {
  delete_unaware();
  const std::string decision = decided(Choice::kTarget);
  expect_living("t1:oslo");
  const std::string undo = taken_back(decision);
  expect_nowhere();
  refused(decision, "whether the record is there has been changed again since");
  taken_back(undo);
  expect_living("t1:oslo");
}

TEST_F(UndoTest, TheDecisionToKeepStandsOnceTheRecordWasChanged) {
  delete_unaware();
  const std::string decision = decided(Choice::kTarget);
  edit(gamma(), id_on(gamma()), "city", "t1:lima");
  settle();
  refused(decision, "city has been changed again since by gamma");
}

TEST_F(UndoTest, WhatWasDeclinedIsTakenAfterAll) {
  begin({}, false, rules());
  made();
  edit(beta(), id_on(beta()), "name", "t1:beth");
  settle();
  const std::string decision = decided(Choice::kTarget);
  expect_everywhere("name", "t1:ann");
  const std::string undo = taken_back(decision);
  expect_everywhere("name", "t1:beth");
  refused(decision, "name has been changed again since");
  taken_back(undo);
  expect_everywhere("name", "t1:ann");
}

TEST_F(UndoTest, NothingIsTakenBackWhileAPersonIsAskedWhetherTheRecordIsToGo) {
  const std::string id = made();
  last_id_ = "move";
  edit(alpha(), id, "city", "t1:oslo");
  remove(beta(), id_on(beta()));
  last_->occurred_at = world().clock.now() + milliseconds{5};
  settle();
  ASSERT_EQ(open().size(), 1U);
  refused("move", "decide that first");
  refused("made", "decide that first");
}

TEST_F(UndoTest, ACrashRightAfterItChangesNothing) {
  deleted_by_alpha(made());
  ASSERT_TRUE(undo("delete"));
  world().crash();
  settle();
  expect_living("t1:rome");
  refused("made", "whether the record is there has been changed again since by data-sync");
}

}  // namespace
}  // namespace datasync::pipeline
