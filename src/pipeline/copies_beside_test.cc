#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/holdings.h"
#include "pipeline/testing/engine_fixture.h"

// A platform may have two copies of a record, or one that it made in place of another of whose end we have yet to hear.
// Which of them is there can't always be told, and none that it told us of may be forgotten.

namespace datasync::pipeline {
namespace {

class CopiesBesideTest : public EngineTest {
 protected:
  /// `beta` has deleted its copy and made another, which nobody has told us yet: its clock says so, by which we can't
  /// know whether it was after our last word to it.
  struct Replaced {
    std::shared_ptr<Event> gone, born;
    std::string present;
  };
  Replaced replace() {
    Replaced replaced;
    sends_ = false;
    remove(beta(), only(beta()).first);
    replaced.gone = held_back();
    world().clock.advance(milliseconds{50});
    replaced.present = create(beta(), R"({"email":"a@x","city":"t1:new"})");
    replaced.born = held_back();
    sends_ = true;
    return replaced;
  }
  /// `beta` has a copy of each: the one that is kept up from now on, and the duplicate.
  std::pair<std::string, std::string> merge_two() {
    one_ = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    settle();
    const std::string kept = only(beta()).first;
    const std::string other = create(alpha(), R"({"email":"b@x","name":"t1:ann"})");
    settle();
    asked_.tenant = kTenant;
    asked_.entity = kEntity;
    asked_.keep = world().record_of(0, one_)->id;
    asked_.other = world().record_of(0, other)->id;
    EXPECT_TRUE(world().merge(asked_));
    settle();
    std::string duplicate;
    for (const auto& [id, copy] : beta().copies(kTenant, kEntity)) {
      if (id != kept) duplicate = id;
    }
    world().clock.advance(seconds{5});
    return {kept, duplicate};
  }
  /// All have the record, and `beta` makes a second copy of it, which is the present one from then on.
  struct Two {
    std::string id, first, second;  ///< on `alpha`, and the copies on `beta`
  };
  Two two_copies() {
    Two two;
    two.id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    settle();
    two.first = only(beta()).first;
    world().clock.advance(seconds{5});
    two.second = create(beta(), R"({"email":"a@x"})");
    settle();
    return two;
  }
  /// All have the record, and what `beta` says has its times; its id there.
  std::string one_copy_with_times() {
    shapes_[1].sends_occurred = true;
    begin_with({});
    create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    settle();
    return only(beta()).first;
  }
  /// `beta` deletes these in that order, before it can be told anything.
  void remove_at_once(const std::vector<std::string>& ids) {
    sends_ = false;
    for (const std::string& id : ids) {
      remove(beta(), id);
      ASSERT_TRUE(world().accept({last_}));
    }
    sends_ = true;
  }
  std::size_t copies_of(TestPlatform& platform) { return platform.copies(kTenant, kEntity).size(); }
  void expect_nowhere() {
    for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) {
      EXPECT_EQ(copies_of(*platform), 0U) << platform->shape().id.str();
    }
  }

  MergeRequest asked_;
  std::string one_;
};

// Random histories found it: the news of the new copy came first, so the old one was taken to be there. Then its end
// was that of the record, and the new one lived on, unknown to all.
TEST_F(CopiesBesideTest, WhoMadeAnotherCopyBeforeWeHeardOfTheEndOfTheFirstHasNotDeletedTheRecord) {
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const Replaced beta_s = replace();
  ASSERT_TRUE(world().accept({beta_s.born}));
  ASSERT_TRUE(world().accept({beta_s.gone}));
  settle();
  EXPECT_EQ(only(beta()).first, beta_s.present);
  for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) {
    EXPECT_EQ(held(*platform, "name"), "t1:ann") << platform->shape().id.str();
    EXPECT_EQ(held(*platform, "city"), "t1:new") << platform->shape().id.str();
  }
}

TEST_F(CopiesBesideTest, WhereTheRecordIsDeletedTheCopyThatWasNotTakenForThePresentOneGoesToo) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const Replaced beta_s = replace();
  beta().refuse = [](const std::string&) { return 503; };
  ASSERT_TRUE(world().accept({beta_s.born}));
  world().run_for(milliseconds{100});
  remove(alpha(), id);
  world().run_for(milliseconds{100});
  beta().refuse = nullptr;
  settle();
  ASSERT_TRUE(world().accept({beta_s.gone}));
  settle();
  expect_nowhere();
}

TEST_F(CopiesBesideTest, AfterARestartItGoesToo) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const Replaced beta_s = replace();
  beta().refuse = [](const std::string&) { return 503; };
  ASSERT_TRUE(world().accept({beta_s.born}));
  world().run_for(milliseconds{100});
  remove(alpha(), id);
  world().run_for(milliseconds{100});
  beta().refuse = nullptr;
  world().network.script = {"lost_after"};  // the delete of the one that is gone
  world().run_for(seconds{3});
  world().crash();
  settle();
  EXPECT_EQ(copies_of(beta()), 0U);
}

// Both are alive: the one that is deleted was one too many.
TEST_F(CopiesBesideTest, OfTwoLivingCopiesOneMayBeDeletedAndTheOtherGoesWithTheRecord) {
  const auto [id, first, second] = two_copies();
  remove(beta(), second);
  settle();
  ASSERT_EQ(only(beta()).first, first);
  edit(alpha(), id, "name", "t1:new");
  settle();
  EXPECT_EQ(held(beta(), "name"), "t1:new");

  create(beta(), R"({"email":"a@x"})");
  settle();
  remove(alpha(), id);
  settle();
  EXPECT_EQ(copies_of(beta()), 0U);
  EXPECT_EQ(copies_of(gamma()), 0U);
}

TEST_F(CopiesBesideTest, OfTwoLivingCopiesTheOlderOneMayBeDeleted) {
  const auto [id, first, second] = two_copies();
  remove(beta(), first);
  settle();
  ASSERT_EQ(only(beta()).first, second);
  remove(beta(), second);
  settle();
  expect_nowhere();
}

// Nothing was known yet of what the other one holds, so its end seemed to have seen nothing of the record.
TEST_F(CopiesBesideTest, BothMayBeDeletedAtOnce) {
  const auto [id, first, second] = two_copies();
  remove_at_once({second, first});
  settle();
  expect_nowhere();
  EXPECT_TRUE(world().store.conflicts().empty());
}

TEST_F(CopiesBesideTest, OfThreeAllMayBeDeletedAtOnce) {
  const auto [id, first, second] = two_copies();
  world().clock.advance(seconds{5});
  const std::string third = create(beta(), R"({"email":"a@x"})");
  settle();
  remove_at_once({third, second, first});
  settle();
  expect_nowhere();
  EXPECT_TRUE(world().store.conflicts().empty());
}

TEST_F(CopiesBesideTest, WhatWasChangedBetweenTheTwoDeletesAndNotToldThereGoesToAPerson) {
  const auto [id, first, second] = two_copies();
  beta().refuse = [](const std::string&) { return 503; };
  remove(beta(), second);
  world().run_for(milliseconds{100});
  edit(alpha(), id, "name", "t1:new");
  world().run_for(milliseconds{100});
  remove(beta(), first);
  world().run_for(milliseconds{100});
  beta().refuse = nullptr;
  settle();
  ASSERT_EQ(world().store.conflicts().size(), 1U);
  EXPECT_EQ(world().store.conflicts().front().reason, "beta deleted the record and had not seen: name by alpha");
  EXPECT_EQ(held(gamma(), "name"), "t1:new");
}

TEST_F(CopiesBesideTest, WhatWasNotToldThereBeforeTheFirstDeleteGoesToAPersonToo) {
  const auto [id, first, second] = two_copies();
  beta().refuse = [](const std::string&) { return 503; };
  edit(alpha(), id, "name", "t1:new");
  world().run_for(milliseconds{100});
  remove_at_once({second, first});
  beta().refuse = nullptr;
  settle();
  ASSERT_EQ(world().store.conflicts().size(), 1U);
  EXPECT_EQ(held(gamma(), "name"), "t1:new");
}

// Its end was heard first: what was told of it later hid the end of the last one.
TEST_F(CopiesBesideTest, ALateWordOfACopyOfWhoseEndWeHeardKeepsNothingBeside) {
  const std::string first = one_copy_with_times();
  sends_ = false;
  const std::string second = create(beta(), R"({"email":"a@x"})");
  const auto born = last_;
  world().clock.advance(milliseconds{50});
  remove(beta(), second);
  const auto gone = last_;
  sends_ = true;
  ASSERT_TRUE(world().accept({gone}));
  settle();
  ASSERT_TRUE(world().accept({born}));
  settle();
  ASSERT_EQ(only(beta()).first, first);
  remove(beta(), first);
  settle();
  expect_nowhere();
}

// Later than the end that we heard of: it is there again.
TEST_F(CopiesBesideTest, ACopyThatComesBackUnderItsIdIsKeptBesideAgain) {
  shapes_[1].sends_occurred = true;
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string second = create(beta(), R"({"email":"a@x"})");
  world().run_for(milliseconds{200});
  remove(beta(), second);
  world().run_for(milliseconds{200});
  beta().create(kTenant, kEntity, object(R"({"email":"a@x"})"), second);
  settle();
  ASSERT_EQ(copies_of(beta()), 2U);
  remove(alpha(), id);
  settle();
  expect_nowhere();
}

// The id of the present one is not known: what was kept beside it seemed to be it.
TEST_F(CopiesBesideTest, ACopyBesideOneOfUnknownIdIsNotTakenForIt) {
  Record record;
  Knowledge& known = record.knowledge_of(PlatformId("beta"));
  known.ids = {{"", "beta-1"}, {}, {std::string(kBesideRole), "beta-2"}};
  known.hold({FieldName("name"), RecordVersion{1}, 7, Timestamp{seconds{5}}});
  Event event;
  event.source = PlatformId("beta");
  event.own_id = "beta-2";
  event.verb = Verb::kDeleted;
  EXPECT_EQ(copy_of_event(record, event, true, nullptr).kind, CopyOfEvent::Kind::kFormer);
  event.verb = Verb::kUpdated;
  EXPECT_EQ(copy_of_event(record, event, true, nullptr).kind, CopyOfEvent::Kind::kFormer);
  event.own_id = "beta-3";
  EXPECT_EQ(copy_of_event(record, event, false, nullptr).kind, CopyOfEvent::Kind::kPresent) << "it may be its id";
}

// A process asked for its end and died; what it asked for came to the copy that was made under that id after the
// repetition, and nobody looked there again.
TEST_F(CopiesBesideTest, TheNextOneWaitsUntilTheDeleteOfTheFirstCanNoLongerArrive) {
  for (const bool crashes_again : {false, true}) {
    shapes_[1].honours_keys = false;
    begin_with({});
    const auto [id, first, second] = two_copies();
    world().network.script = {"slow", "good"};
    remove(alpha(), id);
    world().run_for(seconds{1});
    world().crash();
    world().run_for(seconds{1});
    ASSERT_EQ(beta().find(kTenant, kEntity, second), nullptr);
    if (crashes_again) world().crash();
    beta().create(kTenant, kEntity, object(R"({"email":"a@x","name":"t1:anew"})"), second);
    settle();
    ReviewDecision decision;  // it may have been made before the delete
    decision.conflict = world().store.conflicts().at(0).id;
    decision.choice = ReviewDecision::Choice::kSource;
    ASSERT_TRUE(world().decide(decision));
    settle();
    for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) {
      ASSERT_GE(copies_of(*platform), 1U) << platform->shape().id.str();
      const auto& [there, copy] = *platform->copies(kTenant, kEntity).begin();
      EXPECT_EQ(copy.data.find(platform->shape().local("name"))->as_string(), "t1:anew") << platform->shape().id.str();
    }
  }
}

// It was the present one when we told it something, and another one when its birth was told. What it was born with is
// not what it holds.
TEST_F(CopiesBesideTest, LateNewsOfACopyThatWasToldSomethingDoesNotSayWhatItHolds) {
  shapes_[0].sends_occurred = shapes_[1].sends_occurred = true;
  begin_with({});
  sends_ = false;
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  const auto hers = held_back();
  world().clock.advance(milliseconds{50});
  const std::string first = create(beta(), R"({"email":"a@x","name":"t1:beth"})");
  const auto first_born = held_back();
  world().clock.advance(seconds{3});
  remove(beta(), first);
  const auto first_gone = held_back();
  create(beta(), R"({"email":"a@x","name":"t1:cleo"})");
  const auto second_born = held_back();
  sends_ = true;
  world().clock.advance(seconds{5});
  world().network.script = {"good", "good", "slow"};  // the creates, of which one is there already; its update
  ASSERT_TRUE(world().accept({hers}));
  world().run_for(seconds{1});
  ASSERT_TRUE(world().accept({first_born}));
  settle();
  ASSERT_EQ(held(beta(), "name"), "t1:ann");
  ASSERT_TRUE(world().accept({second_born, first_gone}));
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:cleo");
  EXPECT_EQ(held(beta(), "name"), "t1:cleo");
}

// Its end was heard while it was the present one; the late word of its birth comes after.
TEST_F(CopiesBesideTest, LateNewsOfTheBirthOfAPresentCopyWhoseEndWeHeardKeepsNothing) {
  const std::string first = one_copy_with_times();
  world().clock.advance(seconds{5});
  const std::string second = create(beta(), R"({"email":"a@x"})");
  const auto again = std::make_shared<Event>(*last_);
  settle();
  world().clock.advance(seconds{5});
  remove(beta(), second);
  settle();
  ASSERT_EQ(only(beta()).first, first);
  again->id = EventId("again");
  again->sequence = {};
  ASSERT_TRUE(world().accept({again}));
  settle();
  world().clock.advance(seconds{5});
  remove(beta(), first);
  settle();
  expect_nowhere();
}

// Clocks that tell whole seconds.
TEST_F(CopiesBesideTest, ABirthAndAnEndOfOneMomentKeepNothing) {
  const std::string first = one_copy_with_times();
  sends_ = false;
  const std::string second = create(beta(), R"({"email":"a@x"})");
  const auto born = last_;
  remove(beta(), second);
  const auto gone = last_;
  gone->occurred_at = born->occurred_at;
  sends_ = true;
  ASSERT_TRUE(world().accept({gone}));
  settle();
  ASSERT_TRUE(world().accept({born}));
  settle();
  remove(beta(), first);
  settle();
  expect_nowhere();
}

// Nobody told it anything before the record changed again.
TEST_F(CopiesBesideTest, TheNextCopyOfARecordThatLosesItsOwnToAnotherIsTold) {
  const auto [id, first, second] = two_copies();
  const std::string other = create(alpha(), R"({"email":"b@x","name":"t1:bob"})");
  settle();
  edit(alpha(), id, "name", "t1:new");
  settle();
  sends_ = false;
  edit(beta(), second, "city", "t1:oslo");
  last_->entity_id = world().record_of(0, other)->id;
  last_->order_key = order_key_of(*last_);
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).at(first).data.find("beta_name")->as_string(), "t1:new");
}

// That the former copy is gone it need not tell: it may have renamed it.
TEST_F(CopiesBesideTest, ACopyThatSpeaksUnderAnotherIdIsTheSameOne) {
  shapes_[1].sends_email = true;
  begin_with({});
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  auto& copies = beta().copies(kTenant, kEntity);
  auto renamed = copies.extract(copies.begin());
  renamed.key() = "beta-renamed";
  copies.insert(std::move(renamed));
  edit(beta(), "beta-renamed", "name", "t1:anna");
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:anna");
  remove(beta(), "beta-renamed");
  settle();
  expect_nowhere();
}

// What was changed in the one that nobody keeps up made it the present one, and its end was that of the record
// everywhere.
TEST_F(CopiesBesideTest, ADuplicateThatAMergeLeftMayBeDeletedAfterItWasChanged) {
  shapes_[1].sends_occurred = true;
  begin_with({});
  const auto [kept, duplicate] = merge_two();
  edit(beta(), duplicate, "city", "t1:rome");
  settle();
  remove(beta(), duplicate);
  settle();
  EXPECT_EQ(only(beta()).first, kept);
  EXPECT_EQ(held(beta(), "city"), "t1:rome");
  EXPECT_EQ(copies_of(gamma()), 2U);
}

TEST_F(CopiesBesideTest, WhatIsPartedAgainTakesItsCopyAlong) {
  shapes_[1].sends_occurred = true;
  begin_with({});
  const auto [kept, duplicate] = merge_two();
  edit(beta(), duplicate, "city", "t1:rome");
  settle();
  world().clock.advance(seconds{5});
  edit(beta(), kept, "city", "t1:oslo");  // the present one again
  settle();
  world().clock.advance(seconds{5});
  asked_.kind = MergeRequest::Kind::kSplit;
  ASSERT_TRUE(world().merge(asked_));
  settle();
  remove(alpha(), one_);
  settle();
  EXPECT_EQ(only(beta()).first, duplicate) << "it is the other one's";
}

// Random histories found it: all answers to the create were lost, so nobody knew that there was anything to delete.
TEST_F(CopiesBesideTest, WhatACreateMayHaveMadeThatWasGivenUpIsDeletedToo) {
  sends_ = false;
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  sends_ = true;
  last_->targets = {PlatformId("beta")};
  last_->max_retries = 1;
  const std::string born = last_->id.str();
  world().network.script = {"lost_after", "lost_after"};
  ASSERT_TRUE(world().accept({last_}));
  world().run_for(milliseconds{100});
  ASSERT_EQ(copies_of(beta()), 1U);
  remove(alpha(), id);
  settle();
  EXPECT_EQ(status(born), EventStatus::kFailed);
  EXPECT_EQ(copies_of(beta()), 0U);
}

// What a repeated create is answered is what its first request was: by then it may be another copy that is there.
TEST_F(CopiesBesideTest, ALateAnswerDoesNotHideTheCopyThatItsPlatformToldOfMeanwhile) {
  sends_ = false;
  const std::string former = create(beta(), R"({"email":"a@x","name":"t1:ann"})");
  sends_ = true;
  world().network.script = {"lost_after", "lost_after"};
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  world().run_for(milliseconds{100});
  sends_ = false;
  remove(beta(), former);
  sends_ = true;
  create(beta(), R"({"email":"a@x","name":"t1:ann"})");
  world().run_for(milliseconds{100});
  remove(alpha(), id);
  settle();
  expect_nowhere();
}

}  // namespace
}  // namespace datasync::pipeline
