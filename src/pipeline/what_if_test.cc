// A stored history played again: it ends where the service did, and under other rules it tells what differs.

#include "pipeline/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    scratch_ = storage::memory::open_memory_store(disk_).value();
    const auto other = storage::memory::open_memory_store(other_disk_).value();
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
      EXPECT_EQ(again->holds.size(), record.holds.size());
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

  storage::memory::MemoryDisk disk_, other_disk_;
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

TEST_F(WhatIfTest, AnEmptyHistoryDiffersInNothing) {
  const WhatIf found = play(world().catalog());
  EXPECT_EQ(found.events, 0);
  EXPECT_FALSE(found.differs());
  EXPECT_THAT(found.by_field, IsEmpty());
}

}  // namespace
}  // namespace datasync::pipeline
