// A known field arrives with a value of another kind: a platform that deploys a mistake must not overwrite everybody.

#include <gtest/gtest.h>

#include "pipeline/testing/review_fixture.h"

namespace datasync::pipeline {
namespace {

class SchemaChangeTest : public ReviewTest {
 protected:
  void edit_to(TestPlatform& platform, const char* field, std::string_view json) {
    platform.edit(kTenant, kEntity, id_on(platform), field, parse_json(json).value());
  }
  std::string golden_text(const char* field) { return record().find(FieldName(field))->value.text(); }
  void follow(conflict::EntityRulebook book) { begin({}, false, {{kEntity, std::move(book)}}); }
};

TEST_F(SchemaChangeTest, AValueOfAnotherKindWaitsThoughItIsKnownToBeLater) {
  start();
  last_id_ = "change";
  edit_to(alpha(), "city", "17");
  settle();
  EXPECT_EQ(status("change"), EventStatus::kReview);
  EXPECT_EQ(golden_text("city"), R"("t1:rome")");
  EXPECT_EQ(held(gamma(), "city"), "t1:rome");
  const Conflict& review = only_conflict();
  EXPECT_EQ(review.type, "schema_change");
  EXPECT_EQ(review.status, "open");
  EXPECT_EQ(review.reason, "city was a string and arrives as a number");
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  expect_everywhere("city", "17");
}

TEST_F(SchemaChangeTest, EveryKindIsToldFromEveryOther) {
  const std::vector<std::string> values{"true", "17",         R"("x")",
                                        "[1]",  R"({"a":1})", R"({"amount":"19.90","currency":"USD"})"};
  for (const std::string& before : values) {
    for (const std::string& after : values) {
      begin({});
      create(alpha(), R"({"email":"a@x","city":)" + before + "}");
      settle();
      edit_to(alpha(), "city", after);
      settle();
      EXPECT_EQ(open().size(), before == after ? 0U : 1U) << before << " " << after;
    }
  }
}

TEST_F(SchemaChangeTest, NullIsOfNoKind) {
  start();
  edit_to(alpha(), "city", "null");
  settle();
  edit_to(alpha(), "city", "17");
  settle();
  EXPECT_TRUE(world().store.conflicts().empty());
  expect_everywhere("city", "17");
}

TEST_F(SchemaChangeTest, AConcurrentValueOfAnotherKindIsNotLeftToTheStrategy) {
  start();
  edit_to(alpha(), "city", R"("t1:oslo")");
  last_id_ = "concurrent";
  edit_to(beta(), "city", "17");
  settle();
  EXPECT_EQ(status("concurrent"), EventStatus::kReview);
  EXPECT_EQ(only_conflict().type, "schema_change");
  EXPECT_EQ(held(gamma(), "city"), "t1:oslo");
  EXPECT_EQ(held(beta(), "city"), "17");
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  expect_everywhere("city", "t1:oslo");
}

TEST_F(SchemaChangeTest, ARuleThatWantsAPersonComesFirstAndBothReasonsAreTold) {
  start();
  edit_to(alpha(), "name", "17");
  settle();
  EXPECT_EQ(only_conflict().type, "business_rule_violation");
  EXPECT_EQ(only_conflict().reason, "a change of name waits for a person; name was a string and arrives as a number");
}

TEST_F(SchemaChangeTest, ItIsToldOfAReviewThatIsOpenAlready) {
  start();
  edit_to(alpha(), "phone", R"("t1:2")");
  edit_to(beta(), "phone", R"("t1:3")");
  settle();
  ASSERT_EQ(only_conflict().type, "concurrent_update");
  edit_to(gamma(), "phone", "[4]");
  settle();
  EXPECT_EQ(only_conflict().type, "schema_change");
  EXPECT_EQ(only_conflict().reason, "phone was a string and arrives as an array");
  EXPECT_EQ(only_conflict().fields.size(), 2U);
}

// It names the version that it was told last; its own ones it does not know.
TEST_F(SchemaChangeTest, AValueThatIsChangedBackIsNoUntouchedOne) {
  conflict::EntityRulebook book;
  book.fields["city"].schema_change = conflict::SchemaChange::kStrategy;
  shapes_[1].sends_base = true;
  begin_with({}, {{kEntity, std::move(book)}});
  start();
  edit_to(alpha(), "city", "17");
  settle();
  edit_to(beta(), "city", R"("t1:oslo")");
  settle();
  expect_everywhere("city", "t1:oslo");
  edit_to(beta(), "city", "17");
  ASSERT_TRUE(last_->base_version);
  settle();
  expect_everywhere("city", "17");
}

TEST_F(SchemaChangeTest, AFieldMayReallyHaveSeveralKinds) {
  conflict::EntityRulebook book;
  book.fields["city"].schema_change = conflict::SchemaChange::kAllowed;
  follow(book);
  start();
  edit_to(alpha(), "city", "17");
  settle();
  EXPECT_TRUE(world().store.conflicts().empty());
  expect_everywhere("city", "17");
  edit_to(alpha(), "phone", "17");
  settle();
  EXPECT_EQ(open().size(), 1U) << "another field waits all the same";
}

TEST_F(SchemaChangeTest, AnEntityMayLeaveItToTheStrategies) {
  conflict::EntityRulebook book;
  book.schema_change = conflict::SchemaChange::kStrategy;
  book.priority = {PlatformId("alpha"), PlatformId("beta")};
  book.fields["phone"].strategy = conflict::find_strategy("source_wins");
  follow(book);
  start();
  edit_to(beta(), "city", "17");
  edit_to(beta(), "phone", "17");
  settle();
  expect_everywhere("city", "17");
  expect_everywhere("phone", "t1:1");
  ASSERT_EQ(world().store.conflicts().size(), 2U);
  for (const Conflict& conflict : world().store.conflicts()) {
    EXPECT_EQ(conflict.type, "schema_change");
    EXPECT_EQ(conflict.status, "resolved");
  }
}

TEST_F(SchemaChangeTest, OfANaturalKeyANumberIsItsText) {
  conflict::EntityRulebook book;
  follow(book);
  const std::string id = create(alpha(), R"({"email":7001,"name":"t1:ann"})");
  settle();
  edit_to(alpha(), "email", R"("7001")");
  settle();
  EXPECT_TRUE(world().store.conflicts().empty());
  edit_to(alpha(), "email", "7002");
  settle();
  EXPECT_EQ(open().size(), 1U);
}

/// Alpha sends whole records, under names of its own.
class MissingFieldTest : public SchemaChangeTest {
 protected:
  MissingFieldTest() { begin_whole(); }

  void begin_whole() {
    shapes_ = {shape("alpha", true), shape("beta"), shape("gamma")};
    shapes_[0].sends_whole = true;
    shapes_[0].is_known_whole = true;
    begin_with({});
  }
  /// What alpha says next lacks the field.
  std::shared_ptr<Event> without(const std::string& field) {
    (void)last_->data.take(alpha().shape().local(field));
    return last_;
  }
  void change_city(const std::string& id, const char* city, bool says_phone) {
    edit(alpha(), id, "city", city);
    if (!says_phone) without("phone");
    settle();
  }
};

TEST_F(MissingFieldTest, AFieldThatIsNoLongerSaidIsAnnouncedOnceAndKeepsItsValue) {
  const std::string id = start();
  last_id_ = "first";
  change_city(id, "t1:oslo", false);
  EXPECT_EQ(status("first"), EventStatus::kCompleted) << "nothing of it waits";
  expect_everywhere("city", "t1:oslo");
  expect_everywhere("phone", "t1:1");
  const Conflict first = only_conflict();
  EXPECT_EQ(first.type, "schema_change");
  EXPECT_EQ(first.status, "open");
  EXPECT_EQ(first.reason, "alpha sends whole records and no longer says phone; its value stays");
  EXPECT_EQ(first.event_id.str(), "first");
  ASSERT_EQ(first.fields.size(), 1U);
  EXPECT_TRUE(first.fields[0].source_value.is_null());
  EXPECT_EQ(first.fields[0].target_value, text("t1:1"));
  change_city(id, "t1:bergen", false);
  world().crash();
  change_city(id, "t1:rome", false);
  EXPECT_EQ(only_conflict().revision, 1);
}

TEST_F(MissingFieldTest, ItEndsWhenTheFieldIsBackAndMayBeginAnew) {
  const std::string id = start();
  change_city(id, "t1:oslo", false);
  change_city(id, "t1:bergen", true);
  EXPECT_EQ(only_conflict().status, "resolved");
  EXPECT_EQ(only_conflict().resolved_why, "the field is back");
  EXPECT_TRUE(std::any_of(world().notices.begin(), world().notices.end(),
                          [](const Notice& notice) { return notice.kind == Notice::Kind::kConflictResolved; }));
  change_city(id, "t1:rome", false);
  EXPECT_EQ(open().size(), 1U);
  EXPECT_EQ(world().store.conflicts().size(), 2U);
}

TEST_F(MissingFieldTest, ItEndsThoughTheClockWasSetBack) {
  const std::string id = start();
  change_city(id, "t1:oslo", false);
  world().clock.step(-std::chrono::hours{1});
  change_city(id, "t1:bergen", true);
  EXPECT_TRUE(open().empty());
}

TEST_F(MissingFieldTest, OthersGoOnChangingTheFieldMeanwhile) {
  const std::string id = start();
  change_city(id, "t1:oslo", false);
  edit(beta(), id_on(beta()), "phone", "t1:2");
  settle();
  expect_everywhere("phone", "t1:2");
  EXPECT_EQ(open().size(), 1U);
}

TEST_F(MissingFieldTest, WhoTakesNoteOfItIsNotToldAgain) {
  const std::string id = start();
  change_city(id, "t1:oslo", false);
  EXPECT_EQ(code_of(decide(Choice::kSource)), ErrorCode::kInvalid);
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  change_city(id, "t1:bergen", false);
  EXPECT_TRUE(open().empty());
  EXPECT_EQ(only_conflict().resolved_by, "olga");
  expect_everywhere("phone", "t1:1");
  change_city(id, "t1:rome", true);
  change_city(id, "t1:oslo", false);
  EXPECT_EQ(open().size(), 1U) << "it came back and went again";
}

TEST_F(MissingFieldTest, APlatformThatMaySendPartsSaysNothingByLeavingSomethingOut) {
  shapes_[0].is_known_whole = false;
  begin_with({});
  const std::string id = start();
  change_city(id, "t1:oslo", false);
  EXPECT_TRUE(world().store.conflicts().empty());
}

TEST_F(MissingFieldTest, WhatThePlatformNeverHadOrHasEmptiedIsNotMissing) {
  const std::string id = create(alpha(), R"({"email":"a@x","city":"t1:rome"})");
  settle();
  change_city(id, "t1:oslo", false);
  EXPECT_TRUE(world().store.conflicts().empty()) << "never had";
  edit(beta(), id_on(beta()), "phone", "t1:2");
  edit_to(alpha(), "phone", "null");
  settle();
  world().clock.advance(seconds{5});
  edit_to(alpha(), "phone", "null");
  settle();
  change_city(id, "t1:bergen", false);
  EXPECT_TRUE(open().empty()) << "emptied";
}

TEST_F(MissingFieldTest, AnEventFromBeforeThePlatformHeardOfTheFieldSaysNothing) {
  const std::string id = create(alpha(), R"({"email":"a@x","city":"t1:rome"})");
  settle();
  sends_ = false;
  edit(alpha(), id, "city", "t1:oslo");
  const auto late = held_back();
  world().clock.advance(seconds{10});
  sends_ = true;
  edit(beta(), id_on(beta()), "phone", "t1:2");
  settle();
  ASSERT_TRUE(world().accept({late}));
  settle();
  EXPECT_TRUE(open().empty());
}

TEST_F(MissingFieldTest, OfADeletedRecordNothingIsMissing) {
  const std::string id = start();
  change_city(id, "t1:oslo", false);
  remove(alpha(), id);
  settle();
  EXPECT_TRUE(record().is_deleted());
  EXPECT_TRUE(open().empty());
  EXPECT_TRUE(record().missing.empty());
}

}  // namespace
}  // namespace datasync::pipeline
