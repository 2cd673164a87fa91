#include "pipeline/testing/engine_fixture.h"

namespace datasync::pipeline {
namespace {

/// An event whose address is one record's and whose phone number is another's.
class IdentityReviewTest : public EngineTest {
 protected:
  IdentityReviewTest() { begin_asked({}); }

  void begin_asked(std::map<std::string, conflict::EntityRulebook, std::less<>> rules) {
    events_ = 0;
    world_ = std::make_unique<World>(World::Options{7, shapes_, {}, std::move(rules), {"email", "phone"}});
    for (const auto& platform : world_->platforms) {
      platform->on_change = [this, p = platform.get()](const TestPlatform::Told& told) {
        last_ = world_->event_of(*p, told);
        last_->id = EventId("e" + std::to_string(++events_));
        if (sends_) world_->send(last_);
      };
    }
    alpha_id_ = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    settle();
    beta_id_ = create(beta(), R"({"phone":"t1:7","name":"t1:bob"})");
    settle();
    by_email_ = world().record_of(0, alpha_id_)->id;
    by_phone_ = world().record_of(1, beta_id_)->id;
    EXPECT_NE(by_email_, by_phone_);
  }

  void ask() {
    gamma_id_ = create(gamma(), R"({"email":"a@x","phone":"t1:7","name":"t1:cat","city":"t1:x"})");
    settle();
  }
  const Conflict& review() {
    const Conflict* open = nullptr;
    for (const Conflict& conflict : world().store.conflicts()) {
      if (!conflict.fields.empty() && conflict.fields.front().field == kIdentityField) open = &conflict;
    }
    EXPECT_NE(open, nullptr);
    return *open;
  }
  Result<Conflict> decide(ReviewDecision::Choice choice, const EntityId& id = {}) {
    ReviewDecision decision;
    decision.tenants = {kTenant};
    decision.conflict = review().id;
    decision.choice = choice;
    decision.entity_id = id;
    decision.by = "mira";
    decision.reason = "asked them";
    auto decided = world().decide(std::move(decision));
    settle();
    return decided;
  }
  std::string field(TestPlatform& platform, const std::string& id, std::string_view name) {
    const auto& copy = platform.copies(kTenant, kEntity).at(id);
    const Value* value = copy.data.find(platform.shape().local(name));
    return value == nullptr ? "(none)" : value->as_string().value_or(value->text());
  }

  std::string alpha_id_, beta_id_, gamma_id_;
  EntityId by_email_, by_phone_;
};

TEST_F(IdentityReviewTest, NobodyIsToldBeforeAPersonHasSaidWhichOneItIs) {
  ask();
  EXPECT_EQ(review().status, "open");
  EXPECT_EQ(review().type, "data_mismatch");
  EXPECT_EQ(review().fields.front().target_value.text(), "[\"" + by_email_.str() + "\",\"" + by_phone_.str() + "\"]");
  EXPECT_EQ(status("e3"), EventStatus::kReview);
  EXPECT_EQ(alpha().copies(kTenant, kEntity).size(), 2U);
  EXPECT_EQ(field(alpha(), alpha_id_, "name"), "t1:ann");
  EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:bob");
}

TEST_F(IdentityReviewTest, ItIsOneOfThem) {
  ask();
  const auto decided = decide(ReviewDecision::Choice::kTarget, by_email_);
  ASSERT_TRUE(decided) << decided.error().message;
  EXPECT_EQ(decided->status, "resolved");
  EXPECT_EQ(decided->resolved_by, "mira");
  EXPECT_EQ(field(alpha(), alpha_id_, "name"), "t1:cat") << "its news is newer";
  EXPECT_EQ(field(alpha(), alpha_id_, "city"), "t1:x");
  EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:bob") << "the other one is not touched";
  EXPECT_EQ(alpha().copies(kTenant, kEntity).size(), 2U);
  EXPECT_EQ(status("e3"), EventStatus::kCompleted);
  edit(gamma(), gamma_id_, "city", "t1:y");
  settle();
  EXPECT_EQ(field(alpha(), alpha_id_, "city"), "t1:y");
}

// Platforms find by natural keys, too: two records with one address would be one there.
TEST_F(IdentityReviewTest, ItIsOneOfItsOwnOnceItsKeysAreRight) {
  ask();
  edit(gamma(), gamma_id_, "email", "c@x");
  settle();
  edit(gamma(), gamma_id_, "phone", "t1:9");
  settle();
  ASSERT_TRUE(decide(ReviewDecision::Choice::kSource));
  EXPECT_EQ(alpha().copies(kTenant, kEntity).size(), 3U);
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 3U);
  EXPECT_EQ(field(alpha(), alpha_id_, "name"), "t1:ann");
  EXPECT_EQ(status("e5"), EventStatus::kCompleted);
  edit(gamma(), gamma_id_, "city", "t1:y");
  settle();
  EXPECT_EQ(status("e6"), EventStatus::kCompleted) << "it is not asked about again";
}

TEST_F(IdentityReviewTest, WhatComesMeanwhileWaitsWithIt) {
  ask();
  edit(gamma(), gamma_id_, "city", "t1:y");
  settle();
  world().crash();
  EXPECT_EQ(status("e3"), EventStatus::kCompleted) << "a newer change took its place";
  EXPECT_EQ(status("e4"), EventStatus::kReview);
  ASSERT_TRUE(decide(ReviewDecision::Choice::kTarget, by_phone_));
  EXPECT_EQ(field(beta(), beta_id_, "city"), "t1:y");
  EXPECT_EQ(field(beta(), beta_id_, "name"), "t1:cat");
  EXPECT_EQ(status("e4"), EventStatus::kCompleted);
}

TEST_F(IdentityReviewTest, TheDecisionNamesARecord) {
  ask();
  for (const EntityId& id : {EntityId(), EntityId("nobody")}) {
    const auto decided = decide(ReviewDecision::Choice::kTarget, id);
    ASSERT_FALSE(decided);
    EXPECT_EQ(decided.error().code, ErrorCode::kInvalid);
    EXPECT_TRUE(decided.error().message.starts_with("/entity_id: ")) << decided.error().message;
  }
  EXPECT_EQ(review().status, "open");
}

TEST_F(IdentityReviewTest, WhatIsDeletedMeanwhileIsNotAskedAboutAnyMore) {
  ask();
  remove(gamma(), gamma_id_);
  settle();
  EXPECT_EQ(review().status, "resolved");
  EXPECT_EQ(alpha().copies(kTenant, kEntity).size(), 2U);
  EXPECT_EQ(status("e3"), EventStatus::kCompleted);
}

TEST_F(IdentityReviewTest, ADecisionAboutAFieldOfItWaitsWithIt) {
  conflict::FieldRule asks;
  asks.review = conflict::ReviewRule{};
  conflict::EntityRulebook book;
  book.fields = {{"city", asks}};
  begin_asked({{kEntity, book}});
  ask();
  edit(gamma(), gamma_id_, "city", "t1:y");
  settle();
  ReviewDecision city;
  for (const Conflict& conflict : world().store.conflicts()) {
    if (conflict.fields.front().field == "city") city.conflict = conflict.id;
  }
  city.choice = ReviewDecision::Choice::kSource;
  const auto decided = world().decide(city);
  ASSERT_TRUE(decided) << decided.error().message;
  settle();
  const std::string event = decided->resolved_event.str();
  EXPECT_EQ(status(event), EventStatus::kReview);
  world().crash();
  ASSERT_TRUE(decide(ReviewDecision::Choice::kTarget, by_phone_));
  EXPECT_EQ(status(event), EventStatus::kCompleted);
  EXPECT_EQ(field(beta(), beta_id_, "city"), "t1:y");
}

// It left a tombstone of its own and asked which record that is, and every answer but "none" was refused.
TEST_F(IdentityReviewTest, ADeleteThatFitsSeveralRecordsIsRefused) {
  sends_ = false;
  create(gamma(), R"({"email":"a@x","phone":"t1:7"})");
  last_->verb = Verb::kDeleted;
  last_->type = "user_deleted";
  ASSERT_TRUE(world().accept({last_}));
  settle();
  EXPECT_EQ(status(last_->id.str()), EventStatus::kFailed);
  EXPECT_EQ(world().state_of(last_->id.str())->message,
            "its natural keys are those of 2 records: `entity_id` would say which one is deleted");
  EXPECT_TRUE(world().store.conflicts().empty());
  EXPECT_EQ(world().store.records().size(), 2U);
}

}  // namespace
}  // namespace datasync::pipeline
