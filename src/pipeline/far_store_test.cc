// A store behind a network: what a window needs of it is asked at once, and windows go on beside transactions. Neither
// may change what comes of the events.

#include "pipeline/identity.h"
#include "pipeline/testing/engine_fixture.h"

namespace datasync::pipeline {
namespace {

class FarStoreTest : public EngineTest {
 protected:
  FarStoreTest() { begin_at(true); }

  void begin_at(bool is_far) {
    world_ = std::make_unique<World>(World::Options{7, shapes_, {}, {}, {"email"}, is_far});
    events_ = 0;
    for (const auto& platform : world_->platforms) {
      platform->on_change = [this, p = platform.get()](const TestPlatform::Told& told) {
        const auto made = world().event_of(*p, told);
        made->id = EventId("e" + std::to_string(++events_));
        world().send(made);
      };
    }
  }

  std::shared_ptr<Event> event(TestPlatform& of, Verb verb, const std::string& own_id, std::string_view json) {
    TestPlatform::Told told;
    told.tenant = kTenant;
    told.entity = kEntity;
    told.own_id = own_id;
    told.verb = verb;
    auto made = world().event_of(of, told);
    for (const Field& field : object(json)) made->data.set(of.shape().local(field.name), field.value);
    made->id = EventId("e" + std::to_string(++events_));
    return made;
  }

  /// Events of one window that find, make and change each other's records.
  std::vector<std::shared_ptr<Event>> entangled() {
    return {
        event(alpha(), Verb::kCreated, "a-1", R"({"email":"one@x","name":"made first"})"),
        event(beta(), Verb::kCreated, "b-1", R"({"email":"one@x","name":"the same by its address"})"),
        event(alpha(), Verb::kUpdated, "a-1", R"({"email":"two@x"})"),
        event(gamma(), Verb::kCreated, "g-1", R"({"email":"one@x","name":"the address was given up"})"),
        event(gamma(), Verb::kCreated, "g-2", R"({"email":"two@x","name":"the first by its new address"})"),
        event(beta(), Verb::kUpdated, "b-1", R"({"name":"found by its own id"})"),
        event(beta(), Verb::kDeleted, "b-9", R"({})"),
        event(alpha(), Verb::kUpdated, "a-9", R"({"email":"nine@x","name":"made by an update"})"),
        event(alpha(), Verb::kUpdated, "a-9", R"({"name":"and changed"})"),
    };
  }

  struct Outcome {
    std::map<RecordKey, Record> records;
    std::vector<EventStatus> statuses;
  };
  Outcome outcome_of(const std::vector<std::shared_ptr<Event>>& events) {
    Outcome outcome;
    EXPECT_TRUE(world().accept(events));
    outcome.records = world().store.records();
    for (const auto& one : events) outcome.statuses.push_back(status(one->id.str()));
    return outcome;
  }
};

TEST_F(FarStoreTest, AWindowAsksAFewTimesHoweverManyEventsItHas) {
  std::vector<std::shared_ptr<Event>> events;
  for (int i = 0; i < 50; ++i) {
    const std::string number = std::to_string(i);
    events.push_back(event(alpha(), Verb::kCreated, "a-" + number, R"({"email":")" + number + R"(@x"})"));
  }
  const std::size_t before = world().store.questions;
  ASSERT_TRUE(world().accept(events));
  EXPECT_EQ(world().store.records().size(), 50U);
  EXPECT_EQ(world().store.questions - before, 2U);  // by their own ids, and by their addresses

  settle();
  world().crash();
  events.clear();
  for (int i = 0; i < 50; ++i) {
    events.push_back(event(alpha(), Verb::kUpdated, "a-" + std::to_string(i), R"({"name":"n"})"));
  }
  const std::size_t then = world().store.questions;
  ASSERT_TRUE(world().accept(events));
  EXPECT_EQ(world().store.questions - then, 2U);  // their identities, and the records
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 50U);
}

TEST_F(FarStoreTest, AnAnswerThatTellsManyIdsIsOneQuestion) {
  shapes_[1].bulk = shapes_[2].bulk = true;  // by five
  begin_at(true);
  std::vector<std::shared_ptr<Event>> events;
  for (int i = 0; i < 20; ++i) {
    const std::string number = std::to_string(i);
    events.push_back(event(alpha(), Verb::kCreated, "a-" + number, R"({"email":")" + number + R"(@x"})"));
  }
  ASSERT_TRUE(world().accept(events));
  const std::size_t before = world().store.questions;
  settle();
  EXPECT_EQ(beta().copies(kTenant, kEntity).size(), 20U);
  EXPECT_LT(world().store.questions - before, 20U);  // about the ids of 40 new copies
}

TEST_F(FarStoreTest, EventsOfOneWindowSeeWhatThoseBeforeThemHaveDone) {
  begin_at(false);
  const Outcome near = outcome_of(entangled());
  begin_at(true);
  const Outcome far = outcome_of(entangled());
  ASSERT_EQ(far.records.size(), 4U);
  ASSERT_EQ(near.records.size(), far.records.size());
  for (const auto& [key, record] : near.records) {
    const Record& other = far.records.at(key);
    EXPECT_EQ(record.version, other.version) << key.value;
    ASSERT_EQ(record.fields.size(), other.fields.size()) << key.value;
    for (const FieldState& field : record.fields)
      EXPECT_EQ(field.value, other.find(field.name)->value) << field.name.str();
  }
  EXPECT_EQ(near.statuses, far.statuses);
}

TEST_F(FarStoreTest, AWindowGoesOnBesideATransactionAndNothingLeavesBeforeItsEnd) {
  std::size_t left = 0;
  std::size_t left_before = 0;
  world().network.on_send = [&left](const std::string&, const net::ClientRequest&) { ++left; };
  world().store.on_start = [&] { left_before = left; };
  world().store.on_commit = [&] {
    EXPECT_EQ(left, left_before) << "a request left before its transaction had ended";
    return MemoryStore::Fault::kNone;
  };
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  edit(alpha(), id, "name", "t1:1");
  settle();
  EXPECT_GT(world().store.started, 2U);
  EXPECT_GE(left, 2U);
  EXPECT_EQ(held(beta(), "name"), "t1:1");
  EXPECT_EQ(held(gamma(), "name"), "t1:1");
}

TEST_F(FarStoreTest, WhatWasDoneBesideATransactionThatFailsIsUndoneWithIt) {
  int commits = 0;
  world().store.on_commit = [&commits] {
    ++commits;
    if (commits > 12) return MemoryStore::Fault::kNone;
    return commits % 3 == 0 ? MemoryStore::Fault::kAnswerLost : MemoryStore::Fault::kNothingWritten;
  };
  const std::string id = create(alpha(), R"({"email":"a@x","name":"t1:0"})");
  edit(alpha(), id, "name", "t1:1");
  settle();
  EXPECT_GT(world().refused, 0U);
  EXPECT_GT(world().store.started, 0U);
  EXPECT_EQ(held(beta(), "name"), "t1:1");
  EXPECT_EQ(held(gamma(), "name"), "t1:1");
  EXPECT_EQ(world().store.records().size(), 1U);
}

}  // namespace
}  // namespace datasync::pipeline
