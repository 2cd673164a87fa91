// Events go with their part: what is still open moves on first, and whoever works meanwhile does not wait.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "storage/engines.h"
#include "storage/postgres/postgres_contents.h"
#include "storage/postgres/postgres_store.h"
#include "storage/postgres/postgres_test_support.h"
#include "storage/store_test_support.h"

namespace datasync::storage::postgres {
namespace {

using namespace storage::test;
using test::ask_number;
using test::run_sql;
using test::server_url;
using test::TemporarySchema;
using testing::ElementsAre;

constexpr std::int64_t kPart = std::int64_t{1} << 36;
constexpr std::int64_t kLimit = 200;

class EventParts : public testing::Test {
 protected:
  void open() {
    store_.reset();
    auto opened = open_postgres_store({schema_.url(), "test"});
    ASSERT_TRUE(opened) << opened.error().message << ": " << opened.error().detail;
    store_ = std::move(*opened);
  }

  std::string in_schema(const std::string& sql) { return "SET search_path = " + schema_.name() + "; " + sql; }
  std::int64_t count(const std::string& table, const std::string& where = "true") {
    return ask_number("SELECT count(*) FROM " + schema_.name() + "." + table + " WHERE " + where);
  }
  std::int64_t newest_begun() {
    return ask_number("SELECT max(number) FROM " + schema_.name() + ".event_parts WHERE begun_at IS NOT NULL");
  }

  void add(std::int64_t sequence, EventStatus status, const std::string& id = {}) {
    WriteBatch batch;
    Event event = make_event(sequence, "tenant-a", id.empty() ? "event-" + std::to_string(sequence % kPart) : id);
    event.created_at = at_second(1);
    batch.events.push_back(as_new(event, {"more-" + event.id.str()}));
    batch.states.push_back(state_of(sequence, status, 2));
    batch.history.push_back(make_history(sequence, 1, 2));
    ASSERT_TRUE(store_->commit(batch));
  }
  static EventState state_of(std::int64_t sequence, EventStatus status, std::int64_t ended) {
    EventState state = make_state(1, status);
    state.sequence = {sequence};
    if (is_final(status)) state.processed_at = at_second(ended);
    return state;
  }
  void set(std::int64_t sequence, EventStatus status, std::int64_t ended) {
    WriteBatch batch;
    batch.states.push_back(state_of(sequence, status, ended));
    ASSERT_TRUE(store_->commit(batch));
  }
  void settle_below(std::int64_t sequence) {
    WriteBatch batch;
    batch.low_water = {sequence};
    ASSERT_TRUE(store_->commit(batch));
  }

  /// The parts have begun long ago, and the next one is due.
  void let_time_pass() {
    run_sql(
        in_schema("UPDATE event_parts SET begun_at = timestamptz '2025-01-01' + number * interval '1 day' "
                  "WHERE begun_at IS NOT NULL"));
    open();
  }
  std::int64_t tend(std::int64_t before) {
    const auto deleted = store_->delete_finished(at_second(before), kLimit);
    EXPECT_TRUE(deleted) << deleted.error().message << ": " << deleted.error().detail;
    return deleted.value_or(-1);
  }
  /// Makes `part` the newest one.
  void begin(std::int64_t part) {
    let_time_pass();
    tend(-1000);
    ASSERT_EQ(newest_begun(), part);
    ASSERT_EQ(store_->last_sequence().value, part * kPart - 1);
  }
  std::vector<std::int64_t> listed() {
    const auto page = (*store_->make_reader())->list_events({});
    EXPECT_TRUE(page);
    return page ? sequences_of(page->events) : std::vector<std::int64_t>{};
  }
  bool is_known(const std::string& id) {
    const EventKey key[] = {{event_key_of(id), TenantId("tenant-a")}};
    return (*store_->find_events(key))[0].has_value();
  }

  TemporarySchema schema_;
  std::unique_ptr<Store> store_;
};

TEST_F(EventParts, WhatIsOldGoesWithItsPartAndWhatIsNotMovesOn) {
  open();
  add(1, EventStatus::kCompleted);
  begin(1);
  for (std::int64_t i = 1; i <= 6; ++i) add(kPart + i, EventStatus::kCompleted, "one-" + std::to_string(i));
  add(kPart + 7, EventStatus::kRetry, "retry");
  add(kPart + 8, EventStatus::kReview, "review");
  add(kPart + 9, EventStatus::kFailed, "failed");
  add(kPart + 10, EventStatus::kReview, "late");
  begin(2);
  let_time_pass();
  tend(-1000);
  set(kPart + 10, EventStatus::kCompleted, 500);  // long after its part
  add(2 * kPart + 1, EventStatus::kCompleted, "two");
  settle_below(2 * kPart);

  let_time_pass();
  EXPECT_EQ(tend(100), kLimit) << "there is more to do: keys are left";
  EXPECT_THAT(listed(), ElementsAre(2 * kPart + 1, kPart + 10, kPart + 8, kPart + 7));
  EXPECT_EQ(count("event_state"), 4);
  EXPECT_EQ(count("histories"), 4);
  EXPECT_EQ(newest_begun(), 3) << "its time has come, too";
  EXPECT_TRUE(is_known("late"));
  EXPECT_TRUE(is_known("more-retry"));
  EXPECT_FALSE(is_known("one-1"));
  EXPECT_EQ((*store_->load_event({kPart + 10}))->state.status, EventStatus::kCompleted);
  EXPECT_EQ(store_->load_retrying({}, 10)->size(), 1U);

  // An id that is gone may come again, though its key has not been swept yet.
  add(3 * kPart + 1, EventStatus::kCompleted, "one-1");
  EXPECT_TRUE(is_known("one-1"));
  while (tend(100) == kLimit) continue;
  EXPECT_EQ(count("event_keys"), 2 * 5);

  // What was kept goes one by one when it is old.
  set(kPart + 7, EventStatus::kFailed, 500);
  open();
  EXPECT_EQ(tend(1'000), 2);
  EXPECT_THAT(listed(), ElementsAre(3 * kPart + 1, 2 * kPart + 1, kPart + 8));
  EXPECT_EQ(count("event_keys"), 2 * 3);
  EXPECT_EQ(count("event_waiting"), 1);
}

TEST_F(EventParts, NothingGoesBeforeAllOfItsPartIsOldNorWhileSomethingIsOpenInIt) {
  open();
  add(1, EventStatus::kCompleted);
  begin(1);
  add(kPart + 1, EventStatus::kCompleted, "done");
  add(kPart + 2, EventStatus::kPending, "open");
  begin(2);
  run_sql(in_schema("UPDATE event_parts SET begun_at = timestamptz '2026-01-01 00:00:00Z' WHERE number = 2"));
  open();
  EXPECT_EQ(tend(1'700), 1) << "the one that was there before";
  settle_below(kPart + 2);
  open();
  EXPECT_EQ(tend(2'000), 0);
  EXPECT_THAT(listed(), ElementsAre(kPart + 2, kPart + 1));
  set(kPart + 2, EventStatus::kCompleted, 3);
  settle_below(2 * kPart);
  open();
  EXPECT_EQ(tend(2'000), kLimit);
  EXPECT_THAT(listed(), ElementsAre());
}

TEST_F(EventParts, ANumberThatWasGivenOutBeforeItsPartEndedIsStillGood) {
  open();
  add(1, EventStatus::kCompleted);
  begin(1);
  add(2, EventStatus::kCompleted);
  EXPECT_EQ(store_->last_sequence().value, kPart - 1);
  add(kPart, EventStatus::kCompleted, "one");
  EXPECT_THAT(listed(), ElementsAre(kPart, 2, 1));
}

TEST_F(EventParts, ThePartOfAStoreThatHasGoneQuietGoesToo) {
  open();
  add(1, EventStatus::kCompleted);
  begin(1);
  add(kPart + 1, EventStatus::kCompleted, "last");
  settle_below(kPart + 2);
  begin(2);
  let_time_pass();
  tend(100);
  EXPECT_THAT(listed(), ElementsAre());
}

TEST_F(EventParts, WhereTooManyMustStayTheOthersGoOneByOne) {
  open();
  add(1, EventStatus::kCompleted);
  begin(1);
  add(kPart + 1, EventStatus::kCompleted, "done");
  add(kPart + 2, EventStatus::kRetry, "waits");
  begin(2);
  run_sql(in_schema("INSERT INTO event_waiting SELECT n, 'tenant-a', 4 FROM generate_series(" +
                    std::to_string(kPart + 3) + "::bigint, " + std::to_string(kPart + 10'003) + ") n"));
  settle_below(2 * kPart);
  let_time_pass();
  EXPECT_EQ(tend(100), 2);
  EXPECT_THAT(listed(), ElementsAre(kPart + 2));
}

TEST_F(EventParts, WhoReadsForLongIsWaitedForAndNobodyWaitsBehind) {
  open();
  add(1, EventStatus::kCompleted);
  begin(1);
  add(kPart + 1, EventStatus::kCompleted, "done");
  begin(2);
  settle_below(2 * kPart);
  let_time_pass();
  auto dump = Connection::open(*read_location(server_url()), Connection::Use::kWrite);
  ASSERT_TRUE(dump->run_script(
      ("SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT * FROM " + schema_.name() + ".event_log LIMIT 1")
          .c_str(),
      std::chrono::seconds{10}));
  const auto began = std::chrono::steady_clock::now();
  tend(100);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds{2});
  EXPECT_THAT(listed(), ElementsAre(kPart + 1));
  ASSERT_TRUE(dump->run_script("ROLLBACK", std::chrono::seconds{10}));
  open();
  tend(100);
  EXPECT_THAT(listed(), ElementsAre());
}

TEST_F(EventParts, SeveralInstancesMoveOnTogether) {
  open();
  add(1, EventStatus::kCompleted);
  begin(1);
  // What instances reserve from now on lies in the part that has begun; parts that numbers ran into have begun too.
  EXPECT_GT(ask_number("SELECT nextval('" + schema_.name() + ".number_blocks')"), std::int64_t{1} << 20);
  run_sql(in_schema("SELECT setval('number_blocks', 4::bigint << 20)"));
  open();
  tend(-1000);
  EXPECT_EQ(newest_begun(), 4);
  EXPECT_EQ(count("event_parts"), 7) << "two lie ready";
  add(4 * kPart + 5, EventStatus::kCompleted);
  EXPECT_EQ(listed().front(), 4 * kPart + 5);
}

TEST_F(EventParts, WhatTheVersionBeforeHasStoredIsTheFirstPartAndItGoesOnBeside) {
  ASSERT_TRUE(migrate_postgres(schema_.url(), 3));
  run_sql(in_schema(
      "INSERT INTO event_log SELECT n, 'tenant-a', 'e' || n, 'user_updated', 'user', 'p', NULL, 3, n, '\\x007b7d' "
      "FROM generate_series(1, 1000) n; INSERT INTO event_state SELECT n, 'tenant-a', 2 FROM generate_series(1, 1000) "
      "n; INSERT INTO record_history VALUES(7, 'tenant-a', 1, 1, '\\x005b5d')"));
  auto before = Connection::open(*read_location(schema_.url()), Connection::Use::kWrite);
  static constexpr Sql kCount{"count_all", "SELECT count(*) FROM event_log e JOIN event_state s ON s.seq = e.seq"};
  static constexpr Sql kHistory{"add_history", "INSERT INTO record_history VALUES(7, 'tenant-a', 1, 1, '\\x00')"};
  const Step count_all{&kCount};
  EXPECT_EQ(before->run({&count_all, 1})->front().integer(0, 0), 1000);
  open();
  EXPECT_EQ(before->run({&count_all, 1})->front().integer(0, 0), 1000);
  const Step add_history{&kHistory};
  EXPECT_EQ(before->run({&add_history, 1}).error().state, kHistoryState);
  run_sql(
      in_schema("INSERT INTO event_log VALUES(1001, 'tenant-a', 'e1001', 'user_updated', 'user', 'p', NULL, 3, 1, "
                "'\\x007b7d')"));
  EXPECT_EQ(count("sync_events"), 1001);
  EXPECT_EQ(count("event_log_0"), 1001);
  EXPECT_TRUE(*store_->load_history({7}));
}

// Instances reserve 65,536 numbers for each second in which they work.
TEST_F(EventParts, TheFirstPartReachesBeyondTheNumbersHoweverHighTheyAre) {
  ASSERT_TRUE(migrate_postgres(schema_.url(), 3));
  run_sql(in_schema(
      "INSERT INTO event_log SELECT n, 'tenant-a', 'e' || n, 'user_updated', 'user', 'p', NULL, 3, n, '\\x007b7d' "
      "FROM unnest(ARRAY[7, 68719476736 * 3 + 5]) n; INSERT INTO record_history VALUES(7, 'tenant-a', 1, 1, "
      "'\\x005b5d'); SELECT setval('number_blocks', (3 << 20) + (1 << 19) + 1)"));
  run_sql(in_schema("ALTER TABLE event_state ADD CONSTRAINT first_part CHECK (seq < 68719476736) NOT VALID"));
  open();
  EXPECT_EQ(count("event_log_4"), 2) << "half a part ahead of the numbers";
  EXPECT_EQ(count("sync_events"), 2);
  EXPECT_TRUE(*store_->load_history({7}));
  add(4 * kPart + 5, EventStatus::kCompleted);
  begin(5);
  EXPECT_EQ(ask_number("SELECT min(number) FROM " + schema_.name() + ".event_parts"), 4);
}

TEST_F(EventParts, AnImportIsOnePartHoweverHighItsNumbersAre) {
  const std::int64_t last = 5 * kPart + 7;
  ASSERT_TRUE(storage::begin_import(schema_.url(), ContentMarks{std::string(32, 's'), {last}, {}}));
  auto opened = open_postgres_store({schema_.url(), "test", true});
  ASSERT_TRUE(opened) << opened.error().message;
  store_ = std::move(*opened);
  for (const std::int64_t sequence : {std::int64_t{1}, 2 * kPart, last}) {
    add(sequence, EventStatus::kCompleted, "e" + std::to_string(sequence));
  }
  store_.reset();
  ASSERT_TRUE(storage::end_import(schema_.url(), {last}));
  open();
  EXPECT_EQ(count("event_parts"), 3);
  EXPECT_EQ(store_->last_sequence().value, last);
  EXPECT_EQ(tend(1'000), 3);
  EXPECT_THAT(listed(), ElementsAre());
}

}  // namespace
}  // namespace datasync::storage::postgres
