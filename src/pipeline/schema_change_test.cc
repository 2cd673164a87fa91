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

}  // namespace
}  // namespace datasync::pipeline
