#include <gtest/gtest.h>

#include "pipeline/holdings.h"
#include "pipeline/testing/engine_fixture.h"

// A platform's copy of a record may be deleted, come back under its old id or another one, and be told something all
// the while. Each test is a story that random histories found.

namespace datasync::pipeline {
namespace {

class CopiesTest : public EngineTest {
 protected:
  void expect_everywhere(std::string_view field, const std::string& value) {
    for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) {
      EXPECT_EQ(held(*platform, field), value) << platform->shape().id.str();
    }
  }
  void expect_nowhere() {
    for (TestPlatform* platform : {&alpha(), &beta(), &gamma()}) {
      EXPECT_TRUE(platform->copies(kTenant, kEntity).empty()) << platform->shape().id.str();
    }
  }
};

TEST_F(CopiesTest, ACopyThatIsGoneIsMadeAnewByTheUpdateThatMissesIt) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann","phone":"t1:1"})");
  settle();
  sends_ = false;
  remove(beta(), only(beta()).first);
  sends_ = true;
  last_id_ = "e3";
  edit(alpha(), id, "name", "t1:new");
  settle();
  expect_everywhere("name", "t1:new");
  expect_everywhere("phone", "t1:1");
  EXPECT_EQ(status("e3"), EventStatus::kCompleted);
  EXPECT_EQ(beta().seen.back().key, "e3:1");  // other words, another key
}

TEST_F(CopiesTest, ADeleteThatIsHeardAfterTheCopyWasMadeAnewStillCounts) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  sends_ = false;
  remove(beta(), only(beta()).first);
  const auto late = held_back();
  sends_ = true;
  edit(alpha(), id, "name", "t1:new");
  settle();
  ASSERT_TRUE(world().accept({late}));
  settle();
  ReviewDecision decision;  // it had not seen the new name
  decision.conflict = world().store.conflicts().at(0).id;
  decision.choice = ReviewDecision::Choice::kSource;
  ASSERT_TRUE(world().decide(decision));
  settle();
  expect_nowhere();
}

/// A platform that finds records by our ids needs not tell its own. The former copy's id names nothing any more.
TEST_F(CopiesTest, ACopyThatWasMadeAnewUnderAnUnknownIdIsSpokenToByOurs) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  sends_ = false;
  remove(beta(), only(beta()).first);
  const auto late = held_back();
  sends_ = true;
  world().network.script = {"good", "good", "garbled"};  // an update each, and beta's create
  edit(alpha(), id, "name", "t1:new");
  settle();
  const std::string present = only(beta()).first;

  world().crash();
  edit(alpha(), id, "name", "t1:newer");
  settle();
  EXPECT_EQ(only(beta()).first, present);  // not made a third time
  expect_everywhere("name", "t1:newer");

  ASSERT_TRUE(world().accept({late}));
  settle();
  ReviewDecision decision;  // it had not seen the new name
  decision.conflict = world().store.conflicts().at(0).id;
  decision.choice = ReviewDecision::Choice::kSource;
  ASSERT_TRUE(world().decide(decision));
  settle();
  expect_nowhere();
}

// Nobody has told us the id of what we made, so the first one that its platform tells of seems to be it.
TEST_F(CopiesTest, WhatIsGoneUnderAnUnknownIdMayBeWhatWeHaveMade) {
  world().network.script = {"garbled", "garbled"};
  create(alpha(), R"({"email":"a@x","name":"t1:ann","phone":"t1:1"})");
  settle();
  sends_ = false;
  remove(beta(), only(beta()).first);
  const auto late = held_back();
  create(beta(), R"({"email":"a@x","name":"t1:ann"})");
  ASSERT_TRUE(world().accept({last_}));
  settle();
  ASSERT_TRUE(world().accept({late}));
  settle();
  expect_everywhere("phone", "t1:1");
}

// Its answer comes after it was deleted and made anew, and does not say which of them it means.
TEST_F(CopiesTest, WhichCopyIsThereCanNotBeToldWhileTheCreateOfOneThatIsGoneIsUnderWay) {
  const auto at = [](int second) { return Timestamp{seconds{second}}; };
  Record record;
  Knowledge& known = record.knowledge_of(PlatformId("beta"));
  Event event;
  event.source = PlatformId("beta");
  event.verb = Verb::kCreated;
  event.own_id = "beta-2";
  Attempt create;
  create.change.verb = Verb::kCreated;
  create.started = at(10);
  end_copy(record, known, RecordVersion{}, at(5), nullptr);
  EXPECT_FALSE(copy_of_event(record, event, false, &create).doubtful) << "it was gone before";
  end_copy(record, known, RecordVersion{}, at(20), &create);
  const CopyOfEvent copy = copy_of_event(record, event, false, &create);
  EXPECT_EQ(copy.kind, CopyOfEvent::Kind::kNext);
  EXPECT_TRUE(copy.doubtful);
}

TEST_F(CopiesTest, ADeleteOfACopyThatItsPlatformReplacedItselfDoesNotCount) {
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  sends_ = false;
  remove(beta(), only(beta()).first);
  const auto late = held_back();
  world().clock.advance(seconds{5});
  sends_ = true;
  create(beta(), R"({"email":"a@x","name":"t1:anew"})");
  settle();
  ASSERT_TRUE(world().accept({late}));
  settle();
  expect_everywhere("name", "t1:anew");
}

TEST_F(CopiesTest, ACopyThatCameBackAfterItWasNotFoundIsAskedForAgain) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string there = only(beta()).first;
  sends_ = false;
  remove(beta(), there);
  sends_ = true;
  world().network.script = {"lost_after", "good"};
  edit(alpha(), id, "name", "t1:new");
  world().run_for(milliseconds{200});
  beta().create(kTenant, kEntity, object(R"({"email":"a@x","phone":"t1:2"})"), there);
  world().run_for(milliseconds{200});
  remove(alpha(), id);
  settle();  // the repetition of the update is answered as before
  expect_nowhere();
}

TEST_F(CopiesTest, ATargetThatNeverFindsWhatItSaysToHaveGetsADeadLetter) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  int asked = 0;
  beta().refuse = [&asked](const std::string&) { return ++asked % 2 == 1 ? 404 : 0; };  // the create: 409, it is there
  edit(alpha(), id, "name", "t1:new");
  settle();
  EXPECT_EQ(status("e2"), EventStatus::kFailed);
  EXPECT_LT(asked, 12);
}

TEST_F(CopiesTest, AnAddressThatIsNotThereForAWhileMakesNoSecondCopy) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string there = only(beta()).first;
  beta().refuse = [](const std::string&) { return 404; };
  edit(alpha(), id, "name", "t1:new");
  settle();
  EXPECT_EQ(status("e2"), EventStatus::kFailed);
  beta().refuse = nullptr;
  EXPECT_TRUE(world().redrive_all());
  settle();
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
  EXPECT_EQ(beta().seen.back().verb, "update");
  EXPECT_EQ(only(beta()).first, there);
  expect_everywhere("name", "t1:new");
}

TEST_F(CopiesTest, LateNewsOfAFormerCopyDoesNotHideThePresentOne) {
  sends_ = false;
  const std::string former = create(beta(), R"({"email":"a@x","name":"t1:former","phone":"t1:1"})");
  const auto born = held_back();
  remove(beta(), former);
  const auto gone = held_back();
  world().clock.advance(seconds{5});
  sends_ = true;
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  ASSERT_TRUE(world().accept({born, gone}));
  settle();
  EXPECT_EQ(status(born->id.str()), EventStatus::kCompleted);
  expect_everywhere("name", "t1:ann");
  expect_everywhere("phone", "t1:1");
  EXPECT_EQ(world().record_of(1, former), world().record_of(1, only(beta()).first));
}

TEST_F(CopiesTest, AnUpdateOfWhatItsPlatformHasDeletedIsSkipped) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  sends_ = false;
  edit(alpha(), id, "name", "t1:late");
  const auto late = last_;
  sends_ = true;
  remove(alpha(), id);
  settle();
  const std::size_t requests = alpha().requests;
  ASSERT_TRUE(world().accept({late}));
  settle();
  ASSERT_EQ(world().state_of(late->id.str())->results.size(), 2U);
  for (const DeliveryResult& result : world().state_of(late->id.str())->results) {
    EXPECT_EQ(result.status, ResultStatus::kSkipped) << result.target.str();
  }
  EXPECT_EQ(alpha().requests, requests);
  expect_nowhere();
}

TEST_F(CopiesTest, OfTwoLivingCopiesTheNewestIsToldAlsoWhatTheOtherSays) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string first = only(beta()).first;
  const std::string second = create(beta(), R"({"email":"a@x"})");
  settle();
  edit(beta(), first, "phone", "t1:7");
  settle();
  edit(alpha(), id, "name", "t1:new");
  settle();
  const Fields& told = beta().copies(kTenant, kEntity).at(second).data;
  ASSERT_NE(told.find("beta_phone"), nullptr);
  EXPECT_EQ(told.find("beta_phone")->text(), R"("t1:7")");
  ASSERT_NE(told.find("beta_name"), nullptr);
  EXPECT_EQ(told.find("beta_name")->text(), R"("t1:new")");
  EXPECT_EQ(held(alpha(), "phone"), "t1:7");
}

TEST_F(CopiesTest, ACopyThatCameBackUnderItsIdBeforeItWasToldIsToldAgain) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann","phone":"t1:1"})");
  settle();
  const std::string there = only(beta()).first;
  sends_ = false;
  std::vector<std::shared_ptr<Event>> late;
  remove(beta(), there);
  late.push_back(held_back());
  beta().create(kTenant, kEntity, object(R"({"email":"a@x","phone":"t1:2"})"), there);
  late.push_back(held_back());
  edit(beta(), there, "phone", "t1:3");
  late.push_back(held_back());
  world().clock.advance(seconds{3});
  sends_ = true;
  edit(alpha(), id, "phone", "t1:4");
  settle();
  ASSERT_EQ(held(beta(), "phone"), "t1:4");  // what we said is in the copy that came back
  ASSERT_TRUE(world().accept(late));
  settle();
  expect_everywhere("name", "t1:ann");
  expect_everywhere("phone", held(beta(), "phone"));
}

TEST_F(CopiesTest, WhatWasToldShortlyBeforeADeleteMayBeInTheCopyThatCameBack) {
  const std::string id = create(alpha(), R"({"email":"a@x","phone":"t1:1"})");
  settle();
  const std::string there = only(beta()).first;
  sends_ = false;
  std::vector<std::shared_ptr<Event>> late;
  remove(beta(), there);
  late.push_back(held_back());
  beta().create(kTenant, kEntity, object(R"({"email":"a@x","phone":"t1:2"})"), there);
  late.push_back(held_back());
  sends_ = true;
  edit(alpha(), id, "phone", "t1:3");
  settle();
  ASSERT_EQ(held(beta(), "phone"), "t1:3");
  for (const auto& event : late) event->occurred_at = world().clock.now() + milliseconds{100};  // its clock is ahead
  ASSERT_TRUE(world().accept(late));
  settle();
  expect_everywhere("phone", "t1:2");
}

TEST_F(CopiesTest, TheNumbersOfAFormerCopyDoNotMakeTheNextOneStale) {
  const std::string id = create(alpha(), R"({"email":"a@x"})");
  settle();
  sends_ = false;
  edit(beta(), only(beta()).first, "city", "t1:old");
  last_->version = 11;
  ASSERT_TRUE(world().accept({last_}));
  settle();
  sends_ = true;
  remove(alpha(), id);
  settle();
  create(alpha(), R"({"email":"a@x"})");
  settle();
  sends_ = false;
  edit(beta(), only(beta()).first, "city", "t1:new");
  last_->version = 2;
  ASSERT_TRUE(world().accept({last_}));
  settle();
  expect_everywhere("city", "t1:new");
}

TEST_F(CopiesTest, ADoubtIsKeptUntilTheRequestIsOverInWhichItArose) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  remove(alpha(), id);
  settle();
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");  // from now on the record says whether it is there
  settle();
  const std::string there = only(beta()).first;
  world().network.script = {"lost_after", "good"};
  edit(alpha(), only(alpha()).first, "city", "t1:c");
  world().run_for(milliseconds{200});
  ASSERT_EQ(held(beta(), "city"), "t1:c");
  remove(beta(), there);
  beta().create(kTenant, kEntity, object(R"({"email":"a@x"})"), there);
  world().run_for(milliseconds{200});
  edit(beta(), there, "phone", "t1:7");
  settle();
  expect_everywhere("city", "t1:c");
  expect_everywhere("phone", "t1:7");
}

TEST_F(CopiesTest, AnEchoOfWhatWasToldInDoubtRaisesNoOther) {
  shapes_[1].sends_echoes = true;
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  remove(alpha(), id);
  settle();
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string there = only(beta()).first;
  const std::size_t before = beta().requests;
  world().network.script = {"500", "good"};
  edit(alpha(), only(alpha()).first, "city", "t1:c");
  world().run_for(milliseconds{200});
  remove(beta(), there);
  beta().create(kTenant, kEntity, object(R"({"email":"a@x"})"), there);
  settle();
  expect_everywhere("city", "t1:c");
  EXPECT_LT(beta().requests, before + 6);
}

TEST_F(CopiesTest, ACreateOfUnknownOutcomeKeepsItsWordsWhenItsIdIsLearntAndTheProcessEnds) {
  shapes_[1].sends_email = true;  // by its id alone nobody could know it yet
  begin_with({});
  world().network.script = {"lost_after", "good"};
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  world().run_for(seconds{1});
  edit(beta(), only(beta()).first, "phone", "t1:7");
  world().run_for(seconds{1});
  world().crash();
  settle();  // the platform minds other words under a key
  expect_everywhere("name", "t1:ann");
  expect_everywhere("phone", "t1:7");
}

TEST_F(CopiesTest, WhatAPlatformSaysOfANewCopyWhileItsRecordIsDeletedIsRemembered) {
  shapes_[1].sends_email = true;  // by its id alone nobody could know it yet
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  remove(alpha(), id);
  settle();
  world().network.script = {"lost_after", "good"};
  const std::string again = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  world().run_for(milliseconds{200});
  remove(alpha(), again);
  world().run_for(milliseconds{200});
  edit(beta(), only(beta()).first, "name", "t1:beta");
  world().run_for(milliseconds{200});
  create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  expect_everywhere("name", "t1:ann");
}

TEST_F(CopiesTest, AfterARestartARequestNamesTheCopyThatItNamedBefore) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  world().network.script = {"lost_after", "good"};
  edit(alpha(), id, "city", "t1:c");
  world().run_for(seconds{1});
  remove(beta(), only(beta()).first);
  create(beta(), R"({"email":"a@x","name":"t1:anew"})");
  world().run_for(seconds{1});
  world().crash();
  settle();
  expect_everywhere("city", "t1:c");
  expect_everywhere("name", "t1:anew");
}

TEST_F(CopiesTest, AfterARestartAnUnknownOutcomeIsRepeatedThoughItsCopyIsGone) {
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string there = only(beta()).first;
  world().network.script = {"late", "good"};
  edit(alpha(), id, "city", "t1:old");
  world().run_for(seconds{1});
  remove(beta(), there);
  world().run_for(seconds{1});
  world().crash();
  beta().create(kTenant, kEntity, object(R"({"email":"a@x","city":"t1:new"})"), there);
  settle();
  world().run_for(std::chrono::minutes{3});
  expect_everywhere("city", "t1:new");
}

// The answer to the repetition says nothing of the first request, which may still arrive at a copy that is made
// meanwhile.
TEST_F(CopiesTest, ARequestOfUnknownOutcomeMayArriveAfterItsRepetitionHasFoundNothing) {
  shapes_[1].honours_keys = false;
  begin_with({});
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string there = only(beta()).first;
  world().network.script = {"slow", "good"};
  edit(alpha(), id, "city", "t1:old");
  world().run_for(seconds{1});
  remove(beta(), there);
  world().run_for(seconds{1});
  world().crash();
  world().run_for(seconds{1});
  beta().create(kTenant, kEntity, object(R"({"email":"a@x","city":"t1:new"})"), there);
  settle();
  world().run_for(std::chrono::minutes{3});
  expect_everywhere("city", "t1:new");
}

// What is repeated after it was seen refused is the same change; the note of what it says had gone with the copy.
TEST_F(CopiesTest, AfterARestartWhatWasRefusedBeforeItsCopyCameBackIsRepeatedInTheSameWords) {
  EngineOptions options;
  options.events_in_memory_max = 1;  // the copy's own news waits in the store, so the words stay those of before
  begin(options);
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string there = only(beta()).first;
  int refusals = 1;
  beta().refuse = [&refusals](const std::string&) { return refusals-- > 0 ? 503 : 0; };
  edit(alpha(), id, "city", "t1:c");
  world().run_for(milliseconds{200});
  ASSERT_EQ(refusals, 0);
  remove(beta(), there);
  world().run_for(milliseconds{50});
  beta().create(kTenant, kEntity, object(R"({"email":"a@x"})"), there);
  world().run_for(milliseconds{50});
  beta().seen.clear();
  world().network.script = {"late", "late", "late"};
  world().run_for(seconds{10});
  world().crash();
  edit(alpha(), id, "city", "t1:d");
  settle();
  world().run_for(std::chrono::minutes{3});
  expect_everywhere("city", "t1:d");
}

// The link moves to the record that a client names. The former one went on writing into the copy, which is the other
// one's now.
TEST_F(CopiesTest, ACopyThatAClientGivesToAnotherRecordIsTheFormerOnesNoMore) {
  const std::string ann = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
  settle();
  const std::string bob = create(alpha(), R"({"email":"b@x","name":"t1:bob"})");
  last_->targets = {PlatformId("gamma")};
  settle();
  const std::string given = only(beta()).first;
  sends_ = false;
  edit(beta(), given, "city", "t1:rome");
  sends_ = true;
  last_->entity_id = world().record_of(0, bob)->id;
  ASSERT_TRUE(world().accept({last_}));
  settle();
  edit(alpha(), bob, "name", "t1:bert");
  settle();
  edit(alpha(), ann, "name", "t1:anna");
  settle();
  const auto& copies = beta().copies(kTenant, kEntity);
  ASSERT_EQ(copies.size(), 2U);
  for (const auto& [id, copy] : copies) {
    EXPECT_EQ(copy.data.find("beta_name")->as_string(), id == given ? "t1:bert" : "t1:anna");
  }
}

}  // namespace
}  // namespace datasync::pipeline
