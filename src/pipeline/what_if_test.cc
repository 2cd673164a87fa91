// A stored history played again: it ends where the service did, and under other rules it tells what differs.

#include "pipeline/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>

#include "pipeline/identity.h"
#include "pipeline/testing/review_fixture.h"
#include "storage/memory/memory_store.h"

namespace datasync::pipeline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

using Rules = std::map<std::string, conflict::EntityRulebook, std::less<>>;

class WhatIfTest : public ReviewTest {
 protected:
  WhatIfTest() {
    Rules present = rules();
    present[kEntity].priority = {PlatformId("gamma"), PlatformId("beta"), PlatformId("alpha")};
    begin({}, false, present);
  }

  WhatIf play(const std::shared_ptr<const Catalog>& proposed, Timestamp since = {}) {
    WhatIfOptions options;
    options.since = since;
    options.until = world().store.last_sequence();
    const auto reader = world().store.make_reader().value();
    scratch_.reset();
    scratch_ = storage::memory::open_memory_store(disk_.emplace()).value();
    const auto other = storage::memory::open_memory_store(other_disk_.emplace()).value();
    auto found =
        what_if({*reader, world().store.identity_secret(), *scratch_, *other}, world().catalog(), proposed, options);
    EXPECT_TRUE(found.has_value()) << found.error().message << found.error().detail;
    return found.value_or(WhatIf{});
  }

  /// Each record of the service that the replay has touched says there what it says here. How many that were.
  std::size_t expect_same_records() {
    const auto replayed = scratch_->make_reader().value();
    std::size_t count = 0;
    for (const auto& [key, record] : world().store.records()) {
      const auto found =
          replayed->find_identity(record.tenant, identity_of_canonical(record.tenant, record.entity, record.id.str()))
              .value();
      const auto again = replayed->load_record(record.tenant, found.value_or(key)).value();
      if (!again) continue;
      ++count;
      EXPECT_EQ(again->id, record.id);
      for (const FieldState& field : record.fields) {
        const FieldState* same = again->find(field.name);
        EXPECT_TRUE(same != nullptr && same->value == field.value && same->writer == field.writer)
            << record.id.str() << ' ' << field.name.str() << ": " << field.value.text() << " became "
            << (same == nullptr ? "nothing" : same->value.text());
      }
      EXPECT_EQ(again->fields.size(), record.fields.size());
      // That two are kept in one copy is a platform's word, which a replay does not hear.
      const auto is_heard = [](const Hold& hold) { return !is_copy_field(hold.field); };
      EXPECT_EQ(std::count_if(again->holds.begin(), again->holds.end(), is_heard),
                std::count_if(record.holds.begin(), record.holds.end(), is_heard));
    }
    return count;
  }

  Rules changed(const char* field, const char* strategy) {
    Rules all = rules();
    all[kEntity].priority = {PlatformId("gamma"), PlatformId("beta"), PlatformId("alpha")};
    all[kEntity].fields[field].strategy = conflict::find_strategy(strategy);
    return all;
  }

  /// Both change the city, and what beta did first is told last: the later one wins, and that is alpha.
  void cross(const std::string& id) {
    sends_ = false;
    edit(beta(), id_on(beta()), "city", "t1:bergen");
    const auto late = held_back();
    sends_ = true;
    world().clock.advance(seconds{10});
    edit(alpha(), id, "city", "t1:oslo");
    settle();
    ASSERT_TRUE(world().accept({late}));
    settle();
  }

  std::optional<storage::memory::MemoryDisk> disk_, other_disk_;
  std::unique_ptr<storage::Store> scratch_;
};

TEST_F(WhatIfTest, AReplayUnderTheSameRulesEndsWhereTheServiceDid) {
  const std::string id = start();
  edit(beta(), id_on(beta()), "phone", "t1:2");
  settle();
  cross(id);
  edit(alpha(), id, "name", "t1:anna");
  settle();
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  edit(alpha(), id, "name", "t1:annika");  // waits for a person to the end
  settle();
  create(gamma(), R"({"email":"b@x","name":"t1:bo"})");
  settle();
  const WhatIf found = play(world().catalog());
  EXPECT_EQ(found.events, static_cast<std::int64_t>(world().store.events().size()));
  EXPECT_EQ(found.records, 2);
  EXPECT_GT(found.now.deliveries, 0);
  EXPECT_EQ(found.now.waits_for_person, 2);
  EXPECT_FALSE(found.differs());
  EXPECT_EQ(expect_same_records(), 2U);
}

TEST_F(WhatIfTest, ARecordFromBeforeBeginsAsItWasThen) {
  const std::string id = start();
  edit(alpha(), id, "city", "t1:paris");
  settle();
  world().clock.advance(seconds{10});
  const Timestamp since = world().clock.now();
  cross(id);
  edit(beta(), id_on(beta()), "phone", "t1:9");
  settle();
  const WhatIf found = play(world().catalog(), since);
  EXPECT_EQ(found.events, 3);
  EXPECT_EQ(found.records, 1);
  EXPECT_FALSE(found.differs());
  EXPECT_EQ(expect_same_records(), 1U);
  const auto replayed = scratch_->make_reader().value();
  EXPECT_EQ(replayed->load_record(kTenant, record().key).value()->version, record().version);
}

TEST_F(WhatIfTest, ADecisionAboutAReviewFromBeforeCountsToo) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  world().clock.advance(seconds{10});
  const Timestamp since = world().clock.now();
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  const WhatIf found = play(world().catalog(), since);
  EXPECT_EQ(found.events, 1);
  const auto replayed = scratch_->make_reader().value();
  EXPECT_EQ(replayed->load_record(kTenant, record().key).value()->find(FieldName("name"))->value, text("t1:anna"));
}

TEST_F(WhatIfTest, AnotherStrategyTellsWhichRecordsAndDeliveriesWouldDiffer) {
  const std::string id = start();
  cross(id);
  ASSERT_EQ(golden("city"), "t1:oslo");
  const WhatIf found = play(world().catalog_under(changed("city", "source_wins")));
  EXPECT_TRUE(found.differs());
  EXPECT_EQ(found.records_differ, 1);
  EXPECT_THAT(found.by_field, ElementsAre(Pair("user.city", 1)));
  ASSERT_EQ(found.record_examples.size(), 1U);
  EXPECT_EQ(found.record_examples[0].id, record().id);
  EXPECT_EQ(found.record_examples[0].fields.at(0).now, text("t1:oslo"));
  EXPECT_EQ(found.record_examples[0].fields.at(0).proposed, text("t1:bergen"));
  EXPECT_GT(found.deliveries_differ, 0);
  EXPECT_FALSE(found.delivery_examples.empty());
  EXPECT_EQ(golden("city"), "t1:oslo") << "nothing of it is in force";
}

TEST_F(WhatIfTest, ARuleThatAsksAPersonTellsHowManyEventsWouldWait) {
  const std::string id = start();
  edit(alpha(), id, "city", "t1:paris");
  settle();
  Rules asks = rules();
  asks[kEntity].fields["city"].review = conflict::ReviewRule{};
  const WhatIf found = play(world().catalog_under(asks));
  EXPECT_EQ(found.now.waits_for_person, 0);
  EXPECT_EQ(found.proposed.waits_for_person, 1);
  EXPECT_EQ(found.record_examples.at(0).fields.at(0).proposed, text("t1:rome"));
  EXPECT_EQ(found.proposed.deliveries, found.now.deliveries - 2);
}

TEST_F(WhatIfTest, WhereNobodyIsAskedADecisionDoesNothing) {
  const std::string id = start();
  edit(alpha(), id, "name", "t1:anna");
  settle();
  ASSERT_TRUE(decide(Choice::kTarget));
  settle();
  ASSERT_EQ(golden("name"), "t1:ann");
  const WhatIf found = play(world().catalog_under({}));
  EXPECT_EQ(found.now.not_asked, 0);
  EXPECT_EQ(found.proposed.not_asked, 1);
  EXPECT_EQ(found.record_examples.at(0).fields.at(0).proposed, text("t1:anna"));
}

TEST_F(WhatIfTest, WhatWasTakenBackIsTakenBackAgain) {
  const std::string id = start();
  edit(beta(), id_on(beta()), "name", "t1:beth");
  settle();
  const auto declined = decide(Choice::kTarget);
  ASSERT_TRUE(declined);
  settle();
  const auto undo = [this](const std::string& event) {
    ASSERT_TRUE(world().undo({{kTenant}, event, "mira", "a slip"}));
    settle();
  };
  undo(declined->resolved_event.str());
  EXPECT_EQ(golden("name"), "t1:beth");
  last_id_ = "delete";
  remove(alpha(), id);
  settle();
  undo("delete");
  EXPECT_EQ(held(alpha(), "name"), "t1:beth");
  const WhatIf found = play(world().catalog());
  EXPECT_EQ(found.now.not_asked, 0);
  EXPECT_FALSE(found.differs());
  EXPECT_EQ(expect_same_records(), 1U);
}

/// Who has a record's address and another one's phone number is asked about.
class WhatIfIdentityTest : public WhatIfTest {
 protected:
  WhatIfIdentityTest() {
    world_ = std::make_unique<World>(World::Options{7, shapes_, {}, {}, {"email", "phone"}});
    for (const auto& platform : world_->platforms) {
      platform->on_change = [this, p = platform.get()](const TestPlatform::Told& told) {
        world_->send(world_->event_of(*p, told));
      };
    }
    create(alpha(), R"({"email":"a@x","name":"t1:ann"})");
    settle();
    create(beta(), R"({"phone":"t1:7","name":"t1:bob"})");
    settle();
    for (const auto& [key, one] : world().store.records()) {
      (one.find(FieldName("email")) != nullptr ? by_email_ : by_phone_) = one.id;
    }
  }

  void ask() {
    create(gamma(), R"({"email":"a@x","phone":"t1:7","name":"t1:cat","city":"t1:x"})");
    settle();
    ASSERT_EQ(open().size(), 1U);
  }
  void settled(Choice choice, const EntityId& id = {}) {
    ReviewDecision made = decision(open().front(), choice);
    made.entity_id = id;
    const auto decided = world().decide(made);
    ASSERT_TRUE(decided) << decided.error().message;
    settle();
  }
  Merged joined(MergeRequest::Kind kind) {
    MergeRequest request;
    request.kind = kind;
    request.tenant = kTenant;
    request.entity = kEntity;
    request.keep = by_email_;
    request.other = by_phone_;
    const auto done = world().merge(request);
    EXPECT_TRUE(done) << done.error().message;
    settle();
    return done.value_or(Merged{});
  }
  void expect_same(std::size_t records, Timestamp since = {}) {
    const WhatIf found = play(world().catalog(), since);
    EXPECT_EQ(found.now.not_asked, 0);
    EXPECT_EQ(found.now.failed, 0);
    EXPECT_FALSE(found.differs());
    EXPECT_EQ(expect_same_records(), records);
    const auto replayed = scratch_->make_reader().value();
    for (const auto& [key, record] : world().store.records()) {
      const auto found_key =
          replayed->find_identity(record.tenant, identity_of_canonical(record.tenant, record.entity, record.id.str()))
              .value();
      const auto again = replayed->load_record(record.tenant, found_key.value_or(key)).value();
      if (!again) continue;
      EXPECT_EQ(again->merged_into.has_value(), record.merged_into.has_value()) << record.id.str();
      EXPECT_EQ(again->absorbed, record.absorbed) << record.id.str();
    }
  }

  EntityId by_email_, by_phone_;
};

TEST_F(WhatIfIdentityTest, TwoThatWereMergedAreMergedAgain) {
  joined(MergeRequest::Kind::kMerge);
  expect_same(2);
}

TEST_F(WhatIfIdentityTest, TwoThatAreMergedAfterTheReplayBeganAreTwoBeforeThat) {
  const Timestamp since = world().clock.now() + microseconds{1};
  world().clock.advance(seconds{10});
  joined(MergeRequest::Kind::kMerge);
  expect_same(2, since);
}

TEST_F(WhatIfIdentityTest, TwoThatWerePartedArePartedAgain) {
  joined(MergeRequest::Kind::kMerge);
  const Timestamp since = world().clock.now() + microseconds{1};
  world().clock.advance(seconds{10});
  joined(MergeRequest::Kind::kSplit);
  expect_same(2);
  expect_same(1, since);  // the other one is from its beginning what it was made again
}

TEST_F(WhatIfIdentityTest, WhichRecordItIsIsSaidAgain) {
  ask();
  settled(Choice::kTarget, by_phone_);
  expect_same(3);
}

TEST_F(WhatIfIdentityTest, WhichRecordItIsIsSaidOfOneThatWasMergedMeanwhile) {
  ask();
  joined(MergeRequest::Kind::kMerge);
  settled(Choice::kTarget, by_phone_);
  expect_same(3);
}

TEST_F(WhatIfIdentityTest, ThatItIsOneOfItsOwnIsSaidAgain) {
  ask();
  settled(Choice::kSource);
  expect_same(3);
}

TEST_F(WhatIfIdentityTest, WhatWasAskedBeforeTheReplayBeganIsDecidedTheSameWay) {
  ask();
  const Timestamp since = world().clock.now() + microseconds{1};
  world().clock.advance(seconds{10});
  settled(Choice::kTarget, by_email_);
  expect_same(2, since);
}

TEST_F(WhatIfTest, AnEmptyHistoryDiffersInNothing) {
  const WhatIf found = play(world().catalog());
  EXPECT_EQ(found.events, 0);
  EXPECT_FALSE(found.differs());
  EXPECT_THAT(found.by_field, IsEmpty());
}

// What the service itself has sent to a notifier was counted as decisions of people about what nobody asked.
TEST_F(WhatIfTest, AMessageToANotifierIsNobodysDecision) {
  Rules verified = rules();
  verified[kEntity].fields["email"].review->verification = {PlatformId("gamma"), std::chrono::hours{2}, false};
  begin({}, false, verified);
  const std::string id = start();
  edit(alpha(), id, "email", "b@x");
  settle();
  ASSERT_TRUE(decide(Choice::kSource));
  settle();
  const WhatIf found = play(world().catalog());
  EXPECT_EQ(found.now.not_asked, 0);
  EXPECT_FALSE(found.differs());
  EXPECT_EQ(expect_same_records(), 1U);
}

}  // namespace
}  // namespace datasync::pipeline
