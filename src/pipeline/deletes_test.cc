// A delete meets edits that its platform had not seen, and an edit a tombstone that its platform had not seen: a person
// decides, and until then the record is neither deleted nor brought back anywhere.

#include <gtest/gtest.h>

#include "pipeline/testing/review_fixture.h"

namespace datasync::pipeline {
namespace {

class DeletesTest : public ReviewTest {
 protected:
  DeletesTest() { begin({}); }

  void settle_deletes_by(const char* strategy, std::vector<PlatformId> priority = {}) {
    conflict::EntityRulebook book;
    book.priority = std::move(priority);
    book.fields["_deleted"].strategy = conflict::find_strategy(strategy);
    begin({}, false, {{kEntity, std::move(book)}});
  }
  void expect_nowhere() {
    EXPECT_TRUE(record().is_deleted());
    EXPECT_TRUE(record().holds.empty());
    for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) {
      EXPECT_TRUE(platform->copies(kTenant, kEntity).empty()) << platform->shape().id.str();
    }
  }
  /// Alpha moves the record to oslo, and beta deletes it without knowing that.
  std::string delete_unaware() {
    std::string id = start();
    edit(alpha(), id, "city", "t1:oslo");
    last_id_ = "delete";
    remove(beta(), id_on(beta()));
    last_->occurred_at = world().clock.now() + milliseconds{5};
    settle();
    return id;
  }
  /// Alpha deletes the record, and beta moves it to oslo without knowing that.
  std::string edit_unaware() {
    std::string id = start();
    remove(alpha(), id);
    last_id_ = "edit";
    edit(beta(), id_on(beta()), "city", "t1:oslo");
    settle();
    return id;
  }
};

TEST_F(DeletesTest, ADeleteThatHadSeenAllGoesEverywhere) {
  const std::string id = start();
  edit(alpha(), id, "city", "t1:oslo");
  settle();
  remove(beta(), id_on(beta()));
  settle();
  expect_nowhere();
  EXPECT_TRUE(world().store.conflicts().empty());
}

TEST_F(DeletesTest, ADeleteThatHadNotSeenAnEditWaitsAndTheEditGoesOn) {
  delete_unaware();
  EXPECT_EQ(status("delete"), EventStatus::kReview);
  EXPECT_EQ(result("delete", "gamma").status, ResultStatus::kReview);
  EXPECT_FALSE(record().is_deleted());
  EXPECT_EQ(held(alpha(), "city"), "t1:oslo");
  EXPECT_EQ(held(gamma(), "city"), "t1:oslo");
  EXPECT_TRUE(beta().copies(kTenant, kEntity).empty());
  const Conflict& review = only_conflict();
  EXPECT_EQ(review.type, "concurrent_update");
  EXPECT_EQ(review.status, "open");
  EXPECT_EQ(review.reason, "beta deleted the record and had not seen: city by alpha");
  EXPECT_EQ(review.source.str(), "beta");
  EXPECT_EQ(review.target.str(), "alpha");
  ASSERT_EQ(review.fields.size(), 1U);
  EXPECT_EQ(review.fields[0].field, "_deleted");
  EXPECT_EQ(review.fields[0].source_value, Value::boolean(true));
  EXPECT_EQ(review.fields[0].target_value, Value::boolean(false));
  EXPECT_EQ(review.fields[0].strategy, "manual_review");
}

TEST_F(DeletesTest, WhoDecidesForTheDeleteDeletesEverywhere) {
  delete_unaware();
  const auto decided = decide(Choice::kSource);
  ASSERT_TRUE(decided) << decided.error().message;
  settle();
  expect_nowhere();
  EXPECT_EQ(status("delete"), EventStatus::kCompleted);
  const auto* event = world().store.find(decided->resolved_event.str());
  EXPECT_EQ(event->event->type, "user_deleted");
  EXPECT_EQ(result(decided->resolved_event.str(), "alpha").status, ResultStatus::kCompleted);
  EXPECT_EQ(result(decided->resolved_event.str(), "beta").status, ResultStatus::kSkipped);
  EXPECT_EQ(alpha().seen.back().verb, "delete");
}

TEST_F(DeletesTest, WhoDecidesForTheEditHasTheRecordMadeAnewWhereItWasDeleted) {
  delete_unaware();
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  expect_everywhere("city", "t1:oslo");
  expect_everywhere("name", "t1:ann");
  EXPECT_EQ(beta().seen.back().verb, "create");
  EXPECT_EQ(status("delete"), EventStatus::kCompleted);
}

TEST_F(DeletesTest, ADecisionSurvivesACrashBeforeAndAfterIt) {
  for (const Choice choice : {Choice::kSource, Choice::kTarget}) {
    begin({});
    delete_unaware();
    world().crash();
    settle();
    EXPECT_EQ(status("delete"), EventStatus::kReview);
    ASSERT_TRUE(decide(choice));
    world().crash();
    settle();
    choice == Choice::kSource ? expect_nowhere() : expect_everywhere("city", "t1:oslo");
  }
}

TEST_F(DeletesTest, ThereIsNoThirdWay) {
  delete_unaware();
  ReviewDecision merged = decision(open().front(), Choice::kMerged);
  merged.data = object(R"({"city":"t1:rome"})");
  EXPECT_EQ(code_of(world().decide(merged)), ErrorCode::kInvalid);
}

TEST_F(DeletesTest, WhoDecidesWithoutHavingSeenALaterEditIsToldSo) {
  const std::string id = delete_unaware();
  ReviewDecision outdated = decision(open().front(), Choice::kSource);
  outdated.revision = open().front().revision;
  edit(alpha(), id, "city", "t1:bergen");
  settle();
  EXPECT_EQ(held(gamma(), "city"), "t1:bergen") << "it flows all the same";
  edit(gamma(), id_on(gamma()), "name", "t1:anna");
  settle();
  EXPECT_TRUE(beta().copies(kTenant, kEntity).empty());
  EXPECT_EQ(code_of(world().decide(outdated)), ErrorCode::kConflict);
  EXPECT_EQ(only_conflict().reason,
            "beta deleted the record and had not seen: city by alpha; it has been changed again since");
  EXPECT_EQ(only_conflict().revision, 3);
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  expect_everywhere("city", "t1:bergen");
  expect_everywhere("name", "t1:anna");
}

TEST_F(DeletesTest, ASecondDeleteJoinsTheFirst) {
  const std::string id = delete_unaware();
  remove(alpha(), id);
  settle();
  EXPECT_EQ(only_conflict().fields.size(), 2U);
  EXPECT_FALSE(gamma().copies(kTenant, kEntity).empty());
  ASSERT_TRUE(decide(Choice::kSource)) << "both say the same, so none must be named";
  settle();
  expect_nowhere();
}

TEST_F(DeletesTest, BothWhoDeletedGetTheRecordAgain) {
  const std::string id = delete_unaware();
  remove(alpha(), id);
  settle();
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  expect_everywhere("city", "t1:oslo");
}

TEST_F(DeletesTest, WhoMakesItAnewDeletesItNoLonger) {
  delete_unaware();
  world().clock.advance(seconds{5});
  create(beta(), R"({"email":"a@x","phone":"t1:2"})");
  settle();
  EXPECT_TRUE(open().empty());
  EXPECT_EQ(status("delete"), EventStatus::kCompleted);
  expect_everywhere("city", "t1:oslo");
  expect_everywhere("phone", "t1:2");
}

TEST_F(DeletesTest, AnEditThatHadNotSeenTheTombstoneWaitsAndNobodyIsToldOfEither) {
  edit_unaware();
  EXPECT_EQ(status("edit"), EventStatus::kReview);
  EXPECT_TRUE(record().is_deleted());
  EXPECT_TRUE(alpha().copies(kTenant, kEntity).empty());
  EXPECT_EQ(held(beta(), "city"), "t1:oslo");
  EXPECT_EQ(held(gamma(), "city"), "t1:rome");
  const Conflict& review = only_conflict();
  EXPECT_EQ(review.reason, "beta changed the record and had not seen that alpha deleted it");
  EXPECT_EQ(review.fields[0].source_value, Value::boolean(false));
  EXPECT_EQ(review.fields[0].target_value, Value::boolean(true));
}

TEST_F(DeletesTest, WhoDecidesForTheLateEditBringsTheRecordBackWithIt) {
  edit_unaware();
  edit(gamma(), id_on(gamma()), "phone", "t1:2");
  edit(beta(), id_on(beta()), "name", "t1:anna");
  settle();
  EXPECT_EQ(only_conflict().fields.size(), 2U);
  const auto decided = decide(Choice::kSource);
  ASSERT_TRUE(decided) << decided.error().message;
  settle();
  expect_everywhere("city", "t1:oslo");
  expect_everywhere("name", "t1:anna");
  expect_everywhere("phone", "t1:2");
  EXPECT_EQ(status("edit"), EventStatus::kCompleted);
  EXPECT_EQ(world().store.find(decided->resolved_event.str())->event->type, "user_created");
}

TEST_F(DeletesTest, WhoDecidesForTheTombstoneDeletesWhatWasEdited) {
  edit_unaware();
  world().crash();
  ASSERT_TRUE(decide(Choice::kTarget));
  world().crash();
  settle();
  expect_nowhere();
  EXPECT_EQ(status("edit"), EventStatus::kCompleted);
}

TEST_F(DeletesTest, AnEditThatDeletesItAfterAllWaitsForNobody) {
  edit_unaware();
  remove(beta(), id_on(beta()));
  settle();
  EXPECT_TRUE(open().empty());
  expect_nowhere();
}

// Gamma's delete ends unsaid while a person is asked, and the event that makes the question needless does not name
// gamma.
TEST_F(DeletesTest, WhoWasToldNothingWhileAPersonWasAskedIsToldOnceNobodyIs) {
  const std::string id = start();
  for (TestPlatform* platform : {&beta(), &gamma()}) platform->refuse = [](const std::string&) { return 503; };
  sends_ = false;
  edit(beta(), id_on(beta()), "city", "t1:oslo");
  const auto late = held_back();
  world().clock.advance(seconds{10});
  sends_ = true;
  remove(alpha(), id);
  world().run_for(milliseconds{100});
  ASSERT_TRUE(world().accept({late}));
  for (TestPlatform* platform : {&beta(), &gamma()}) platform->refuse = nullptr;
  settle();
  ASSERT_EQ(open().size(), 1U);
  EXPECT_EQ(gamma().copies(kTenant, kEntity).size(), 1U);
  sends_ = false;
  remove(beta(), late->own_id);
  held_back()->targets = {PlatformId("alpha")};
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_TRUE(open().empty());
  expect_nowhere();
}

TEST_F(DeletesTest, ALateEditOfWhatItsPlatformKnowsToBeDeletedIsSkipped) {
  const std::string id = start();
  sends_ = false;
  edit(beta(), id_on(beta()), "city", "t1:oslo");
  const auto late = last_;
  sends_ = true;
  remove(alpha(), id);
  settle();
  ASSERT_TRUE(world().accept({late}));
  settle();
  EXPECT_TRUE(world().store.conflicts().empty());
  expect_nowhere();
}

TEST_F(DeletesTest, AnEditThatItsPlatformMadeBeforeItHeardOfTheTombstoneWaits) {
  const std::string id = start();
  sends_ = false;
  edit(beta(), id_on(beta()), "city", "t1:oslo");
  const auto late = held_back();
  world().clock.advance(seconds{10});
  sends_ = true;
  remove(alpha(), id);
  settle();
  ASSERT_TRUE(world().accept({late}));
  settle();
  ASSERT_EQ(open().size(), 1U);
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("city", "t1:oslo");
}

TEST_F(DeletesTest, AWholeObjectThatSaysNothingNewBringsNothingBack) {
  const std::string id = start();
  remove(alpha(), id);
  sends_ = false;
  edit(beta(), id_on(beta()), "city", "t1:rome");
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_TRUE(world().store.conflicts().empty());
  expect_nowhere();
}

TEST_F(DeletesTest, AFieldOfTheLateEditThatNeedsAPersonWaitsBesideIt) {
  begin({}, false, rules());
  const std::string id = start();
  remove(alpha(), id);
  edit(beta(), id_on(beta()), "name", "t1:anna");
  settle();
  ASSERT_EQ(open().size(), 2U);
  for (const Conflict& review : open()) ASSERT_TRUE(world().decide(decision(review, Choice::kSource)));
  settle();
  expect_everywhere("name", "t1:anna");
}

TEST_F(DeletesTest, WhoNeverHadTheRecordMakesItAnew) {
  const std::string id = start();
  remove(alpha(), id);
  settle();
  create(beta(), R"({"email":"a@x","city":"t1:oslo"})");
  settle();
  EXPECT_TRUE(world().store.conflicts().empty());
  expect_everywhere("city", "t1:oslo");
}

TEST_F(DeletesTest, TheStrategyIsConfigured) {
  settle_deletes_by("latest_wins");
  delete_unaware();
  expect_nowhere();
  EXPECT_EQ(only_conflict().status, "resolved");
  EXPECT_EQ(only_conflict().fields[0].outcome, Conflict::Outcome::kSource);

  settle_deletes_by("source_wins", {PlatformId("alpha"), PlatformId("beta")});
  delete_unaware();
  expect_everywhere("city", "t1:oslo");
  EXPECT_EQ(only_conflict().fields[0].outcome, Conflict::Outcome::kTarget);

  settle_deletes_by("source_wins", {PlatformId("beta"), PlatformId("alpha")});
  edit_unaware();
  expect_everywhere("city", "t1:oslo");
  EXPECT_EQ(only_conflict().fields[0].outcome, Conflict::Outcome::kSource);

  settle_deletes_by("source_wins", {PlatformId("alpha"), PlatformId("beta")});
  edit_unaware();
  expect_nowhere();
}

}  // namespace
}  // namespace datasync::pipeline
