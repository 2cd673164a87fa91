// A platform answers for one record with its copy of another: it takes both for one thing.

#include "pipeline/testing/review_fixture.h"

namespace datasync::pipeline {
namespace {

/// Beta knows of both records only the copy that it had first: e-mail addresses are unique there, and are no natural
/// keys here.
class OneCopyTest : public ReviewTest {
 protected:
  OneCopyTest() { begin_anew(); }

  void begin_anew() {
    events_ = 0;
    world_ = std::make_unique<World>(World::Options{7, shapes_, {}, {}, {}});
    for (const auto& platform : world_->platforms) {
      platform->on_change = [this, p = platform.get()](const TestPlatform::Told& told) {
        last_ = world_->event_of(*p, told);
        last_->targets = {PlatformId(p == &alpha() ? "beta" : "alpha")};
        last_->id = EventId("e" + std::to_string(++events_));
        world_->send(last_);
      };
    }
    first_id_ = create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    settle();
    second_id_ = create(gamma(), R"({"email":"a@x","name":"t1:bob"})");
    last_->targets = {PlatformId("beta")};
    settle();
    first_ = world().record_of(0, first_id_)->id;
    second_ = world().record_of(2, second_id_)->id;
  }

  std::string name_at_beta() { return held(beta(), "name"); }
  void decided(Choice choice) {
    ASSERT_EQ(open().size(), 1U);
    const auto done = world().decide(decision(open().front(), choice));
    ASSERT_TRUE(done) << done.error().message;
    settle();
  }

  /// Somebody has given its one copy there another address.
  static void tell_apart(TestPlatform& platform) {
    platform.copies(kTenant, kEntity).begin()->second.data.set(platform.shape().local("email"), text("other@x"));
  }

  std::string first_id_, second_id_;
  EntityId first_, second_;
};

TEST_F(OneCopyTest, APersonIsAskedAndTheFirstKeepsItsCopy) {
  ASSERT_NE(first_, second_);
  ASSERT_EQ(open().size(), 1U);
  const Conflict review = open().front();
  EXPECT_EQ(review.entity_id, second_);
  EXPECT_EQ(review.type, "data_mismatch");
  EXPECT_EQ(review.fields.front().field, "_copy_beta");
  EXPECT_EQ(review.fields.front().source_value, text(first_.str()));
  EXPECT_NE(review.reason.find("beta keeps it in one copy with " + first_.str()), std::string::npos);
  EXPECT_EQ(name_at_beta(), "t1:ann");
  EXPECT_EQ(status("e2"), EventStatus::kReview);
  EXPECT_EQ(result("e2", "beta").status, ResultStatus::kReview);
}

TEST_F(OneCopyTest, NothingMoreOfTheSecondIsToldThereBeforeThat) {
  edit(gamma(), second_id_, "name", "t1:bert");
  last_->targets = {PlatformId("beta")};
  settle();
  EXPECT_EQ(name_at_beta(), "t1:ann");
  EXPECT_EQ(status("e2"), EventStatus::kCompleted) << "a newer one took its place";
  EXPECT_EQ(status("e3"), EventStatus::kReview);
  ASSERT_EQ(open().size(), 1U);
  EXPECT_EQ(open().front().event_id, EventId("e3")) << "it names the one that waits";
  EXPECT_EQ(open().front().revision, 1) << "what is asked has not changed";
  edit(alpha(), first_id_, "name", "t1:anna");
  settle();
  EXPECT_EQ(name_at_beta(), "t1:anna") << "the first one goes on";
}

TEST_F(OneCopyTest, TheyAreOne) {
  decided(Choice::kSource);
  EXPECT_EQ(open().size(), 0U);
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
  EXPECT_EQ(name_at_beta(), "t1:ann");
  edit(gamma(), second_id_, "name", "t1:cat");
  settle();
  EXPECT_EQ(held(alpha(), "name"), "t1:cat");
}

TEST_F(OneCopyTest, AMergeAnswersTooWhicheverOfThemStays) {
  for (const bool keeps_second : {false, true}) {
    MergeRequest merge;
    merge.tenant = kTenant;
    merge.entity = kEntity;
    merge.keep = keeps_second ? second_ : first_;
    merge.other = keeps_second ? first_ : second_;
    const auto done = world().merge(merge);
    ASSERT_TRUE(done) << done.error().message;
    settle();
    EXPECT_EQ(open().size(), 0U);
    EXPECT_EQ(status("e2"), EventStatus::kCompleted);
    if (!keeps_second) begin_anew();
  }
}

TEST_F(OneCopyTest, TheyAreTwoAndThePlatformCanTellThemApartByNow) {
  tell_apart(alpha());
  tell_apart(beta());
  decided(Choice::kTarget);
  EXPECT_EQ(open().size(), 0U);
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 2U);
  EXPECT_EQ(status("e2"), EventStatus::kCompleted);
}

TEST_F(OneCopyTest, TheyAreTwoAndThePlatformStillCannotTellThemApart) {
  tell_apart(alpha());
  decided(Choice::kTarget);
  EXPECT_EQ(open().size(), 1U) << "it is asked anew, and nothing was overwritten";
  EXPECT_EQ(name_at_beta(), "t1:ann");
}

// It answers with a copy of the first one that is not the present one: that seemed to be nobody's, and became the
// third one's.
TEST_F(OneCopyTest, APersonIsAskedAlsoWhereItIsACopyBesideThePresentOneOfTheOther) {
  tell_apart(alpha());
  tell_apart(beta());
  decided(Choice::kTarget);
  const std::string beside = create(beta(), R"({"name":"t1:ann"})");
  last_->entity_id = first_;
  last_->occurred_at = world().clock.true_now() - seconds{20};  // it may be older than the present one
  settle();
  beta().copies(kTenant, kEntity).at(beside).data.set("beta_email", text("c@x"));
  create(gamma(), R"({"email":"c@x","name":"t1:cy"})");
  last_->targets = {PlatformId("beta")};
  const std::string third = last_->id.str();
  settle();
  ASSERT_EQ(open().size(), 1U);
  EXPECT_EQ(open().front().fields.front().source_value, text(first_.str()));
  EXPECT_EQ(status(third), EventStatus::kReview);
  decided(Choice::kSource);
  EXPECT_EQ(open().size(), 0U);
  EXPECT_EQ(status(third), EventStatus::kCompleted);
}

// What makes the two alike there may be over in a moment: a person is not bothered with it.
TEST_F(OneCopyTest, APersonIsAskedOnlyOnceTheQuickRetriesAreOver) {
  tell_apart(alpha());
  create(alpha(), R"({"email":"a@x","name":"t1:cat"})");
  last_->targets = {PlatformId("beta")};
  world().run_for(seconds{2});
  EXPECT_EQ(open().size(), 1U) << "that of the second one";
  EXPECT_EQ(status("e3"), EventStatus::kRetry);
  tell_apart(beta());
  settle();
  EXPECT_EQ(open().size(), 1U);
  EXPECT_EQ(status("e3"), EventStatus::kCompleted);
}

TEST_F(OneCopyTest, NobodyIsAskedWhileTheOtherOnesNewAddressIsOnItsWay) {
  tell_apart(alpha());
  beta().refuse = [](const std::string& key) { return key == "e3" ? 503 : 0; };
  edit(alpha(), first_id_, "email", "b@x");
  world().run_for(seconds{1});
  create(alpha(), R"({"email":"a@x","name":"t1:cat"})");
  last_->targets = {PlatformId("beta")};
  world().run_for(std::chrono::minutes{2});
  EXPECT_EQ(open().size(), 1U) << "that of the second one";
  EXPECT_EQ(status("e4"), EventStatus::kRetry);
  beta().refuse = nullptr;
  settle();
  EXPECT_EQ(open().size(), 1U);
  EXPECT_EQ(status("e4"), EventStatus::kCompleted);
}

// Nobody could have answered: of a deleted record there is nothing to tell apart.
TEST_F(OneCopyTest, NobodyIsAskedAboutARecordThatWasDeletedMeanwhile) {
  world().network.script = {"slow"};
  const std::string third = create(gamma(), R"({"email":"a@x","name":"t1:cy"})");
  const auto made = last_;
  made->targets = {PlatformId("beta")};
  made->max_retries = 0;
  world().run_for(seconds{1});
  remove(gamma(), third);
  last_->targets = {PlatformId("beta")};
  settle();
  EXPECT_EQ(open().size(), 1U) << "that about the second";
  EXPECT_EQ(status(made->id.str()), EventStatus::kCompleted);
  EXPECT_EQ(status(last_->id.str()), EventStatus::kCompleted);
  EXPECT_EQ(name_at_beta(), "t1:ann");
}

TEST_F(OneCopyTest, ItIsAskedAlsoOverACrash) {
  world().crash();
  edit(gamma(), second_id_, "name", "t1:bert");
  last_->targets = {PlatformId("beta")};
  settle();
  EXPECT_EQ(name_at_beta(), "t1:ann");
  decided(Choice::kSource);
  EXPECT_EQ(status("e3"), EventStatus::kCompleted);
}

}  // namespace
}  // namespace datasync::pipeline
