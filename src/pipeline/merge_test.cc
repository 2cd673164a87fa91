#include <set>

#include "pipeline/testing/engine_fixture.h"

namespace datasync::pipeline {
namespace {

/// Two records that are one thing: a person known to two platforms by two addresses.
class MergeTest : public EngineTest {
 protected:
  /// `alpha` has made the one, `beta` the other; both are everywhere.
  void make_two() {
    alpha_id_ = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    settle();
    beta_id_ = create(beta(), R"({"email":"b@x","name":"t1:beth","phone":"t1:7"})");
    settle();
  }

  /// `alpha` has the one, `beta` the other, and no platform has both.
  void make_two_apart() {
    sends_ = false;
    alpha_id_ = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    last_->targets = {PlatformId("gamma")};
    ASSERT_TRUE(world().accept({last_}));
    beta_id_ = create(beta(), R"({"email":"b@x","name":"t1:beth","phone":"t1:7"})");
    last_->targets = {PlatformId("beta")};
    ASSERT_TRUE(world().accept({last_}));
    sends_ = true;
    settle();
    ASSERT_EQ(alpha().copies(kTenant, kEntity).size(), 1U);
    ASSERT_EQ(beta().copies(kTenant, kEntity).size(), 1U);
  }

  MergeRequest request(MergeRequest::Kind kind = MergeRequest::Kind::kMerge) {
    MergeRequest asked;
    asked.kind = kind;
    asked.tenant = kTenant;
    asked.entity = kEntity;
    asked.keep = keep_;
    asked.other = other_;
    asked.by = "mira";
    asked.reason = "the same person";
    return asked;
  }
  void name_both() {
    keep_ = world().record_of(0, alpha_id_)->id;
    other_ = world().record_of(1, beta_id_)->id;
    ASSERT_NE(keep_, other_);
  }
  Merged merged(MergeRequest asked) {
    auto done = world().merge(std::move(asked));
    EXPECT_TRUE(done) << done.error().message;
    settle();
    return done ? *done : Merged{};
  }
  void refused(MergeRequest asked, ErrorCode code, const std::string& why) {
    const auto done = world().merge(std::move(asked));
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, code);
    EXPECT_NE(done.error().message.find(why), std::string::npos) << done.error().message;
  }
  std::string field(TestPlatform& platform, const std::string& id, std::string_view name) {
    const auto& copy = platform.copies(kTenant, kEntity).at(id);
    const Value* value = copy.data.find(platform.shape().local(name));
    return value == nullptr ? "(none)" : value->as_string().value_or(value->text());
  }

  std::string alpha_id_, beta_id_;
  EntityId keep_, other_;
};

TEST_F(MergeTest, OneTakesOverWhatItLacksAndEachPlatformsCopy) {
  make_two_apart();
  name_both();
  const Merged done = merged(request());
  EXPECT_TRUE(done.duplicates.empty());
  EXPECT_EQ(field(alpha(), alpha_id_, "phone"), "t1:7") << "what it lacked";
  EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:ann") << "where both have a value, that of the one that stays counts";
  EXPECT_EQ(held(gamma(), "phone"), "t1:7");
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 1U) << "its copy is the record's now: none is made beside it";
  edit(beta(), beta_id_, "phone", "t1:8");
  settle();
  EXPECT_EQ(field(alpha(), alpha_id_, "phone"), "t1:8");
}

TEST_F(MergeTest, WhatLosesIsKept) {
  make_two_apart();
  name_both();
  merged(request());
  std::set<std::string> lost;
  for (const Conflict& conflict : world().store.conflicts()) {
    for (const Conflict::Side& side : conflict.fields) {
      EXPECT_EQ(conflict.type, "data_mismatch");
      EXPECT_EQ(side.outcome, Conflict::Outcome::kTarget);
      lost.insert(side.field + "=" + side.source_value.as_string().value_or(""));
    }
  }
  EXPECT_EQ(lost, (std::set<std::string>{"email=b@x", "name=t1:beth"}));
}

TEST_F(MergeTest, NamedFieldsAreTakenFromTheOther) {
  make_two_apart();
  name_both();
  MergeRequest asked = request();
  asked.take = {FieldName("name"), FieldName("shoe")};
  refused(asked, ErrorCode::kInvalid, "/take/1: the other record has no such field");
  asked.take.pop_back();
  merged(asked);
  EXPECT_EQ(field(alpha(), alpha_id_, "name"), "t1:beth");
  EXPECT_EQ(field(alpha(), alpha_id_, "email"), "a@x");
  refused(asked, ErrorCode::kConflict, "is part of another record already");
}

TEST_F(MergeTest, BothNaturalKeysAndBothIdsFindIt) {
  make_two_apart();
  name_both();
  merged(request());
  world().crash();
  sends_ = false;
  create(gamma(), R"({"email":"b@x","city":"t1:x"})");
  last_->entity_id = {};
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(field(alpha(), alpha_id_, "city"), "t1:x") << "by the address of the record that went";
  edit(beta(), beta_id_, "city", "t1:y");
  last_->entity_id = other_;
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(field(alpha(), alpha_id_, "city"), "t1:y") << "by its canonical id";
}

TEST_F(MergeTest, CopiesThatBothHaveAreNamed) {
  make_two();
  name_both();
  const Merged done = merged(request());
  std::set<std::string> platforms;
  for (const auto& [platform, id] : done.duplicates) platforms.insert(platform.str());
  EXPECT_EQ(platforms, (std::set<std::string>{"alpha", "beta", "gamma"}));
}

TEST_F(MergeTest, WhatWaitsForTheOtherGoesOnAsNewsOfTheOneThatStays) {
  make_two_apart();
  name_both();
  beta().refuse = [](const std::string&) { return 503; };
  edit(alpha(), alpha_id_, "city", "t1:x");
  world().run_for(seconds{1});
  alpha().refuse = [](const std::string&) { return 503; };
  edit(beta(), beta_id_, "city", "t1:y");
  world().run_for(seconds{1});
  const auto done = world().merge(request());
  ASSERT_TRUE(done) << done.error().message;
  alpha().refuse = beta().refuse = nullptr;
  settle();
  EXPECT_EQ(field(alpha(), alpha_id_, "city"), field(beta(), beta_id_, "city"));
  EXPECT_EQ(world().snapshot().unfinished, 0U);
}

TEST_F(MergeTest, WhatIsOnItsWayIsWaitedFor) {
  make_two_apart();
  name_both();
  world().network.script = {"lost_after"};
  edit(alpha(), alpha_id_, "city", "t1:x");
  world().run_for(milliseconds{200});
  refused(request(), ErrorCode::kConflict, "is on its way to");
  settle();
  merged(request());
}

TEST_F(MergeTest, SplitGivesEachItsOwnBack) {
  make_two_apart();
  name_both();
  merged(request());
  edit(alpha(), alpha_id_, "city", "t1:x");
  settle();
  world().crash();
  merged(request(MergeRequest::Kind::kSplit));
  EXPECT_NE(world().record_of(0, alpha_id_), world().record_of(1, beta_id_));
  EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:beth");
  EXPECT_EQ(field(beta(), beta_id_, "email"), "b@x");
  EXPECT_EQ(field(beta(), beta_id_, "phone"), "t1:7");
  EXPECT_EQ(field(alpha(), alpha_id_, "name"), "t1:ann");
  EXPECT_EQ(field(alpha(), alpha_id_, "phone"), "null") << "it was the other's";
  EXPECT_EQ(field(alpha(), alpha_id_, "city"), "t1:x") << "what came since stays with the one that stayed";
  edit(beta(), beta_id_, "name", "t1:bea");
  settle();
  EXPECT_EQ(field(alpha(), alpha_id_, "name"), "t1:ann");
  EXPECT_EQ(alpha().copies(kTenant, kEntity).size(), 2U);
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 2U);
  EXPECT_EQ(gamma().copies(kTenant, kEntity).size(), 2U);
}

// Until the other one's own address is back at its copy, that copy has the address of the one that is to be made there.
// The target names it, and it was taken for the new one: both wrote into it from then on.
TEST_F(MergeTest, AfterASplitACopyOfTheOtherOneIsNotTakenForTheNewOne) {
  make_two_apart();
  name_both();
  merged(request());
  const auto done = world().merge(request(MergeRequest::Kind::kSplit));
  ASSERT_TRUE(done) << done.error().message;
  beta().refuse = [other = done->other_event.str()](const std::string& key) {
    return key.starts_with(other) ? 503 : 0;
  };
  world().run_for(milliseconds{500});
  beta().refuse = nullptr;
  settle();
  EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:beth");
  EXPECT_EQ(field(beta(), beta_id_, "email"), "b@x");
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 2U);
}

TEST_F(MergeTest, WhatWasPartedCanBeMergedAgain) {
  make_two_apart();
  name_both();
  for (int i = 0; i < 3; ++i) {
    merged(request());
    EXPECT_EQ(field(alpha(), alpha_id_, "phone"), "t1:7");
    merged(request(MergeRequest::Kind::kSplit));
    EXPECT_EQ(field(alpha(), alpha_id_, "phone"), "null");
    EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:beth");
    world().crash();
  }
}

// What a copy was told as part of a record with many versions is no version of the one that takes it over.
TEST_F(MergeTest, WhoNamesAVersionOfEitherAsBaseIsHeard) {
  make_two_apart();
  name_both();
  for (const char* phone : {"t1:8", "t1:9", "t1:10"}) {
    edit(beta(), beta_id_, "phone", phone);
    settle();
  }
  std::int64_t told = world().record_of(1, beta_id_)->version.value;
  for (const auto kind : {MergeRequest::Kind::kMerge, MergeRequest::Kind::kSplit}) {
    merged(request(kind));
    sends_ = false;
    edit(beta(), beta_id_, "city", "t1:" + std::to_string(told));
    last_->base_version = told;
    ASSERT_TRUE(world().accept({last_}));
    settle();
    EXPECT_EQ(status(last_->id.str()), EventStatus::kCompleted) << world().state_of(last_->id.str())->message;
    told = world().record_of(0, alpha_id_)->version.value;
  }
}

// Of two copies on one platform one is kept up no more. What it says of fields that nobody has changed there is no
// news: its address, which goes along with every event, became that of the record.
TEST_F(MergeTest, WhatACopyThatIsNotKeptUpHasAlwaysHeldIsNoChange) {
  make_two();
  name_both();
  merged(request());
  world().run_for(seconds{3});
  sends_ = false;
  edit(beta(), beta_id_, "phone", "t1:8");
  last_->data.set(beta().shape().local("email"), text("b@x"));
  last_->data.set(beta().shape().local("name"), text("t1:beth"));
  last_->occurred_at = world().clock.now();
  ASSERT_TRUE(world().accept({last_}));
  settle();
  const Record& record = *world().record_of(0, alpha_id_);
  EXPECT_EQ(record.find(FieldName("email"))->value, text("a@x"));
  EXPECT_EQ(record.find(FieldName("name"))->value, text("t1:ann"));
  EXPECT_EQ(record.find(FieldName("phone"))->value, text("t1:8")) << "but what was changed there is a change";
  EXPECT_EQ(field(beta(), beta_id_, "email"), "a@x") << "its newest copy is the one that it speaks of";
}

// The copy of the one that goes has the address of the one that stays until it is told its own again. A platform that
// refuses to make another with that address names that copy: it was taken for the one that it had been asked to make.
TEST_F(MergeTest, ACopyThatHasTheAddressOfAnotherRecordIsNotTakenForItsCopy) {
  make_two_apart();
  name_both();
  merged(request());
  bool is_first = true;
  beta().refuse = [&is_first](const std::string&) { return std::exchange(is_first, false) ? 503 : 0; };
  merged(request(MergeRequest::Kind::kSplit));
  EXPECT_FALSE(is_first);
  EXPECT_EQ(field(beta(), beta_id_, "email"), "b@x");
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 2U);
  edit(alpha(), alpha_id_, "name", "t1:anna");
  settle();
  EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:beth");
}

TEST_F(MergeTest, ItIsRefusedWithTheReason) {
  make_two_apart();
  name_both();
  MergeRequest asked = request();
  asked.keep = EntityId("nobody");
  refused(asked, ErrorCode::kNotFound, "no such record");
  asked = request();
  asked.other = EntityId("nobody");
  refused(asked, ErrorCode::kInvalid, "/other: ");
  asked.other = keep_;
  refused(asked, ErrorCode::kInvalid, "is the same record");
  refused(request(MergeRequest::Kind::kSplit), ErrorCode::kConflict, "is no part of this record");
  merged(request());
  asked = request();
  std::swap(asked.keep, asked.other);
  refused(asked, ErrorCode::kConflict, "the record is part of " + keep_.str());
}

TEST_F(MergeTest, ADeletedOneIsNotMerged) {
  make_two_apart();
  name_both();
  remove(beta(), beta_id_);
  settle();
  refused(request(), ErrorCode::kConflict, "is deleted");
}

// Its event was refused: the version that it named, and was told, was above that of the record that it is part of now.
TEST_F(MergeTest, APlatformMayNameTheVersionOfTheRecordThatItWasToldOfBefore) {
  make_two_apart();
  for (int i = 0; i < 5; ++i) edit(beta(), beta_id_, "city", "t1:c" + std::to_string(i));
  settle();
  name_both();
  const auto tell = [this](const char* city, std::int64_t seen) {
    sends_ = false;
    edit(beta(), beta_id_, "city", city);
    sends_ = true;
    last_->base_version = seen;
    ASSERT_TRUE(world().accept({last_}));
    settle();
    EXPECT_EQ(status(last_->id.str()), EventStatus::kCompleted) << world().state_of(last_->id.str())->message;
  };
  std::int64_t told = world().record_of(1, beta_id_)->version.value;
  merged(request());
  tell("t1:oslo", told);
  EXPECT_EQ(field(alpha(), alpha_id_, "city"), "t1:oslo");
  for (int i = 0; i < 5; ++i) edit(alpha(), alpha_id_, "city", "t1:d" + std::to_string(i));
  settle();
  told = world().record_of(1, beta_id_)->version.value;
  merged(request(MergeRequest::Kind::kSplit));
  tell("t1:rome", told);
  EXPECT_EQ(world().record_of(1, beta_id_)->find(FieldName("city"))->value, text("t1:rome"));
}

TEST_F(MergeTest, SplitGivesTheNaturalKeyBackThoughItWasChangedMeanwhile) {
  make_two_apart();
  name_both();
  MergeRequest asked = request();
  asked.take = {FieldName("email")};
  merged(std::move(asked));
  edit(alpha(), alpha_id_, "email", "c@x");
  settle();
  merged(request(MergeRequest::Kind::kSplit));
  EXPECT_EQ(field(beta(), beta_id_, "email"), "b@x");
  sends_ = false;
  create(gamma(), R"({"email":"d@x","city":"t1:x"})");
  last_->data.set("email", text("b@x"));
  last_->entity_id = {};
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(field(beta(), beta_id_, "city"), "t1:x");
}

TEST_F(MergeTest, WhatIsNoLongerKnownOfTheTimeBeforeIsNotMadeUpByASplit) {
  make_two_apart();
  name_both();
  MergeRequest asked = request();
  asked.take = {FieldName("name")};
  merged(std::move(asked));
  world().store.forget_history();
  merged(request(MergeRequest::Kind::kSplit));
  EXPECT_EQ(field(alpha(), alpha_id_, "name"), "t1:beth");
  EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:beth");
}

// The number that it named was one of the record that its copy had been: of a value of the other one it says nothing.
TEST_F(MergeTest, AVersionOfTheRecordOfBeforeIsNoneOfTheOneItBecamePartOf) {
  make_two_apart();
  for (int i = 0; i < 5; ++i) edit(beta(), beta_id_, "city", "t1:c" + std::to_string(i));
  settle();
  name_both();
  sends_ = false;
  edit(beta(), beta_id_, "name", "t1:liz");
  const auto late = last_;
  late->base_version = world().record_of(1, beta_id_)->version.value;
  sends_ = true;
  merged(request());
  ASSERT_GT(*late->base_version, world().record_of(0, alpha_id_)->find(FieldName("name"))->version.value);
  const std::size_t before = world().store.conflicts().size();
  ASSERT_TRUE(world().accept({late}));
  settle();
  ASSERT_EQ(world().store.conflicts().size(), before + 1) << "it had never seen the name that it overwrote";
  const Conflict& conflict = world().store.conflicts().back();
  EXPECT_EQ(conflict.type, "version_conflict");
  EXPECT_EQ(conflict.fields.front().field, "name");
}

// It had been told the value of both, so a number from before the merge is no reason to contradict it.
TEST_F(MergeTest, WhoHoldsTheValueHasSeenItWhateverNumberItNames) {
  make_two_apart();
  sends_ = false;
  for (int i = 0; i < 5; ++i) {
    edit(alpha(), alpha_id_, "name", i == 4 ? "t1:beth" : "t1:n" + std::to_string(i));
    last_->targets = {PlatformId("gamma")};
    ASSERT_TRUE(world().accept({last_}));
    settle();
  }
  name_both();
  const std::int64_t told = world().record_of(1, beta_id_)->version.value;
  merged(request());
  ASSERT_LT(told, world().record_of(0, alpha_id_)->find(FieldName("name"))->version.value);
  const std::size_t before = world().store.conflicts().size();
  edit(beta(), beta_id_, "name", "t1:liz");
  last_->base_version = told;
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(world().store.conflicts().size(), before);
  EXPECT_EQ(field(alpha(), alpha_id_, "name"), "t1:liz");
}

// What a copy held as part of the other record it goes on saying until it is told its own again: its address, too.
TEST_F(MergeTest, WhatACopySaysBeforeItIsToldItsOwnAgainGivesNoTwoRecordsOneAddress) {
  for (const std::string says : {"base_version", "occurred_at", "nothing"}) {
    SCOPED_TRACE(says);
    begin({});
    make_two_apart();
    name_both();
    merged(request());
    ASSERT_EQ(field(beta(), beta_id_, "email"), "a@x");
    sends_ = false;
    world().run_for(seconds{5});
    edit(beta(), beta_id_, "city", "t1:oslo");
    const auto late = last_;
    for (const char* name : {"email", "name"}) {
      late->data.set(beta().shape().local(name), text(field(beta(), beta_id_, name)));
    }
    if (says == "base_version") late->base_version = world().record_of(0, alpha_id_)->version.value;
    if (says == "occurred_at") late->occurred_at = world().clock.now();
    world().run_for(seconds{5});
    if (says == "nothing") beta().refuse = [](const std::string&) { return 503; };
    ASSERT_TRUE(world().merge(request(MergeRequest::Kind::kSplit)));
    world().run_for(seconds{1});
    ASSERT_TRUE(world().accept({late}));
    world().run_for(seconds{1});
    beta().refuse = nullptr;
    settle();
    const Record& record = *world().record_of(1, beta_id_);
    EXPECT_EQ(record.find(FieldName("email"))->value, text("b@x"));
    EXPECT_EQ(record.find(FieldName("name"))->value, text("t1:beth"));
    EXPECT_EQ(record.find(FieldName("city"))->value, text("t1:oslo"));
    EXPECT_EQ(field(beta(), beta_id_, "email"), "b@x");
    EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:beth");
    EXPECT_EQ(world().record_of(0, alpha_id_)->find(FieldName("email"))->value, text("a@x"));
  }
}

// It says that it holds what it was told as part of the other one, though that was in doubt.
TEST_F(MergeTest, WhatACopyWasToldBeforeASplitIsNoChangeThoughItWasInDoubt) {
  make_two_apart();
  name_both();
  sends_ = false;
  edit(beta(), beta_id_, "city", "t1:rome");
  const auto late = held_back();
  late->data.set(beta().shape().local("email"), text("b@x"));
  world().run_for(seconds{1});
  merged(request());
  beta().refuse = [](const std::string&) { return 503; };
  ASSERT_TRUE(world().accept({late}));
  world().run_for(seconds{2});
  ASSERT_TRUE(world().merge(request(MergeRequest::Kind::kSplit)));
  world().run_for(seconds{5});
  edit(beta(), beta_id_, "city", "t1:oslo");
  const auto untouched = held_back();
  untouched->data.set(beta().shape().local("email"), text(field(beta(), beta_id_, "email")));
  ASSERT_TRUE(world().accept({untouched}));
  beta().refuse = nullptr;
  settle();
  EXPECT_EQ(world().record_of(1, beta_id_)->find(FieldName("email"))->value, text("b@x"));
  EXPECT_EQ(field(beta(), beta_id_, "email"), "b@x");
  EXPECT_EQ(field(beta(), beta_id_, "city"), "t1:oslo");
}

}  // namespace
}  // namespace datasync::pipeline
