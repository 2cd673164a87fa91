// What PostgreSQL adds to the contract: connections that break at the worst moment, several who start at once, and a
// database that is not as it should be.

#include "storage/postgres/postgres_store.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

#include "base/random.h"
#include "storage/engines.h"
#include "storage/postgres/cutting_proxy.h"
#include "storage/postgres/postgres_test_support.h"
#include "storage/store_test_support.h"

namespace datasync::storage::postgres {
namespace {

using namespace storage::test;
using test::ask_number;
using test::CuttingProxy;
using test::port_of;
using test::run_sql;
using test::server_url;
using test::TemporarySchema;
using test::url_with;
using testing::HasSubstr;
using testing::Not;
using Cut = CuttingProxy::Cut;

std::unique_ptr<Store> open(const std::string& url, const std::string& instance = "test") {
  auto opened = open_postgres_store({url, instance});
  EXPECT_TRUE(opened) << opened.error().message << ": " << opened.error().detail;
  return opened ? std::move(*opened) : nullptr;
}

WriteBatch one_event(std::int64_t sequence) {
  WriteBatch batch;
  batch.events.push_back(as_new(make_event(sequence)));
  batch.states.push_back(make_state(sequence, EventStatus::kRetry, sequence));
  batch.records.push_back(as_write(make_record(sequence, 1), 0));
  return batch;
}

/// Ends the server's side of every other connection of this test's schema, as an operator or a failover does.
void terminate_backends(const TemporarySchema& schema) {
  run_sql(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid IN "
      "(SELECT pid FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE c.relnamespace = '" +
      schema.name() + "'::regnamespace) OR application_name = '" + schema.name() + "'");
}

std::string named_url(const TemporarySchema& schema) {
  return schema.url() + "&application_name=" + schema.name();
}

class PostgresStore : public testing::Test {
 protected:
  TemporarySchema schema_;
};

TEST_F(PostgresStore, AConnectionThatIsEndedIsMadeAnewWithinTheCall) {
  const auto store = open(named_url(schema_));
  const auto reader = std::move(*store->make_reader());
  ASSERT_TRUE(store->commit(one_event(1)));
  for (std::int64_t sequence = 2; sequence <= 6; ++sequence) {
    terminate_backends(schema_);
    if (sequence % 2 == 0) {
      ASSERT_TRUE(*store->load_event({sequence - 1}));
      terminate_backends(schema_);
    }
    const auto done = store->commit(one_event(sequence));
    ASSERT_TRUE(done) << done.error().message << ": " << done.error().detail;
    EXPECT_EQ(store->last_sequence().value, sequence);
    const auto page = reader->list_events({});
    ASSERT_TRUE(page) << page.error().message;
    EXPECT_EQ(std::ssize(page->events), sequence);
  }
}

TEST_F(PostgresStore, ACommitWhoseAnswerWasLostIsNeitherLostNorDoneTwice) {
  // Were it simply done again, its event would be refused as known; were it given up, it would be there all the same.
  CuttingProxy proxy(port_of(server_url()));
  const auto url =
      schema_.url(url_with(":" + std::to_string(port_of(server_url())), ":" + std::to_string(proxy.port())));
  const auto store = open(url);
  const auto random = make_seeded_random(1);
  constexpr int kCommits = 60;
  for (std::int64_t sequence = 1; sequence <= kCommits; ++sequence) {
    proxy.cut_next(static_cast<Cut>(sequence <= 3 ? sequence : static_cast<std::int64_t>(random->next() % 4)));
    const auto done = store->commit(one_event(sequence));
    ASSERT_TRUE(done) << sequence << ": " << done.error().message << ": " << done.error().detail;
    EXPECT_EQ(store->last_sequence().value, sequence);
    EXPECT_EQ(store->last_record_key().value, sequence);
  }
  EXPECT_GT(proxy.cuts(), kCommits / 2);
  EXPECT_EQ(store->load_unfinished({}, 1000)->size(), std::size_t{kCommits});
  EXPECT_EQ(ask_number("SELECT count(*) FROM " + schema_.name() + ".event_log"), kCommits);
}

TEST_F(PostgresStore, WhereTheOutcomeCannotBeLearnedTheNextCallLearnsIt) {
  for (const Cut cut : {Cut::kBefore, Cut::kAfter}) {
    const TemporarySchema schema;
    CuttingProxy proxy(port_of(server_url()));
    const auto store =
        open(schema.url(url_with(":" + std::to_string(port_of(server_url())), ":" + std::to_string(proxy.port()))));
    ASSERT_TRUE(store->commit(one_event(1)));
    proxy.cut_next(cut);
    proxy.refuse(true);
    const auto lost = store->commit(one_event(2));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(lost.error().stage, Stage::kDuring);
    EXPECT_EQ(store->commit({}).error().code, ErrorCode::kUnavailable) << "still no connection";
    proxy.refuse(false);
    ASSERT_TRUE(store->commit({}));
    const bool was_committed = cut == Cut::kAfter;
    EXPECT_EQ(store->last_sequence().value, was_committed ? 2 : 1);
    EXPECT_EQ(store->load_event({2})->has_value(), was_committed);
    ASSERT_TRUE(store->commit(one_event(was_committed ? 3 : 2)));
  }
}

TEST_F(PostgresStore, WhatAFormerConnectionHasUnderWayEndsBeforeTheNextOneBegins) {
  // The former one's transaction holds the lease's row; it goes on when it is too late, and must find that out.
  const auto store = open(named_url(schema_));
  const std::int64_t epoch = store->epoch();
  terminate_backends(schema_);
  ASSERT_TRUE(store->commit(one_event(1)));
  EXPECT_GT(store->epoch(), epoch);
  const auto late = "SET search_path = " + schema_.name() + "; SELECT datasync_commit(holder, " +
                    std::to_string(epoch) + ", 99) FROM instance_commits";
  auto connection = Connection::open(*read_location(server_url()), Connection::Use::kWrite);
  const auto refused = connection->run_script(late.c_str(), std::chrono::seconds{10});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().state, kFencedState);
}

TEST_F(PostgresStore, WhoWasFencedOffDoesNotComeBackByReconnecting) {
  const auto earlier = open(named_url(schema_), "the earlier");
  const auto later = open(schema_.url(), "the later");
  terminate_backends(schema_);
  const auto refused = earlier->commit(one_event(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("another instance has taken over this database: the later"));
  EXPECT_FALSE(earlier->load_event({1}));
  EXPECT_TRUE(later->commit(one_event(1)));
}

TEST_F(PostgresStore, ADatabaseThatHasGoneBackIsReadAnew) {
  // A standby that lagged was promoted: what memory holds is ahead of it.
  const auto store = open(named_url(schema_));
  for (std::int64_t sequence = 1; sequence <= 3; ++sequence) ASSERT_TRUE(store->commit(one_event(sequence)));
  run_sql("SET search_path = " + schema_.name() +
          "; UPDATE instance_commits SET last_commit = last_commit - 1; DELETE FROM event_log WHERE seq = 3; "
          "DELETE FROM event_keys WHERE seq = 3; DELETE FROM event_state WHERE seq = 3; "
          "DELETE FROM event_waiting WHERE seq = 3; DELETE FROM records WHERE record_key = 3");
  terminate_backends(schema_);
  const auto refused = store->commit(one_event(4));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("lost transactions"));
  ASSERT_TRUE(store->commit({}));
  EXPECT_EQ(store->last_sequence().value, 2);
  EXPECT_TRUE(store->commit(one_event(3)));
}

TEST_F(PostgresStore, SeveralThatStartAtOnceMakeOneSchemaAndOneOfThemHoldsIt) {
  constexpr int kInstances = 8;
  std::vector<std::unique_ptr<Store>> stores(kInstances);
  std::vector<std::thread> threads;
  for (int i = 0; i < kInstances; ++i) {
    threads.emplace_back([&, i] { stores[static_cast<std::size_t>(i)] = open(schema_.url(), std::to_string(i)); });
  }
  for (std::thread& thread : threads) thread.join();
  int holders = 0;
  std::int64_t sequence = 0;
  std::vector<std::int64_t> epochs;
  for (const auto& store : stores) {
    ASSERT_TRUE(store);
    epochs.push_back(store->epoch());
    if (store->commit(one_event(sequence + 1))) {
      ++holders;
      ++sequence;
    }
    EXPECT_EQ(store->identity_secret(), stores[0]->identity_secret());
  }
  EXPECT_EQ(holders, 1);
  std::sort(epochs.begin(), epochs.end());
  EXPECT_EQ(std::unique(epochs.begin(), epochs.end()), epochs.end());
}

TEST_F(PostgresStore, SchemasAreKnownBeforeAndAfterTheyAreMade) {
  EXPECT_EQ(postgres::look_at_schema(schema_.url())->found, 0);
  open(schema_.url());
  const auto schema = postgres::look_at_schema(schema_.url());
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->found, schema->newest);
}

TEST_F(PostgresStore, AViewReadsBesideTheServiceAndTakesNothing) {
  const auto none = open_view(schema_.url());
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(none.error().message, Not(HasSubstr("secret")));
  const auto store = open(schema_.url());
  ASSERT_TRUE(store->commit(one_event(1)));
  const auto view = open_view(schema_.url());
  ASSERT_TRUE(view) << view.error().message << view.error().detail;
  EXPECT_EQ(view->identity_secret, store->identity_secret());
  EXPECT_EQ(view->last_sequence.value, 1);
  ASSERT_TRUE(storage::migrate(schema_.url()));
  ASSERT_TRUE(store->commit(one_event(2)));
  EXPECT_EQ(view->reader->list_events({})->events.size(), 2U);
}

TEST(PostgresUrl, APlaceIsDescribedWithoutUserAndPassword) {
  EXPECT_EQ(describe("postgresql://ann:hunter2@a:1,b:2/crm?sslmode=require"), "postgresql://a:1,b:2/crm");
  EXPECT_EQ(describe("postgres://ann:hunter2@db/crm?prepared_statements=off&sslmode=require"), "postgresql://db/crm");
  EXPECT_EQ(describe("postgresql://ann:hun%zz@db/crm"), "postgresql://");
}

TEST_F(PostgresStore, DataOfANewerVersionIsLeftAlone) {
  open(schema_.url());
  run_sql("INSERT INTO " + schema_.name() + ".datasync_schema VALUES(99)");
  const auto refused = open_postgres_store({schema_.url(), "test"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(refused.error().message, HasSubstr("schema 99"));
  EXPECT_THAT(refused.error().message, HasSubstr("newer version"));
  EXPECT_FALSE(postgres::look_at_schema(schema_.url()));
}

TEST_F(PostgresStore, AnotherProgramsTablesAreLeftAlone) {
  run_sql("CREATE TABLE " + schema_.name() + ".event_log(mine int)");
  const auto refused = open_postgres_store({schema_.url(), "test"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid) << refused.error().detail;
  EXPECT_THAT(refused.error().message, HasSubstr("another program"));
  EXPECT_EQ(ask_number("SELECT count(*) FROM pg_tables WHERE schemaname = '" + schema_.name() + "'"), 1)
      << "nothing of ours may stay";
}

struct Refusal {
  std::string url;
  ErrorCode code;
  std::string says;
};

TEST_F(PostgresStore, ARefusalNamesItsCauseAndNoSecret) {
  run_sql("DROP ROLE IF EXISTS datasync_guest; CREATE ROLE datasync_guest LOGIN PASSWORD 'hidden'");
  std::string guest = url_with("datasync:secret@", "datasync_guest:hidden@");
  const Refusal refusals[] = {
      {url_with("secret", "hidden"), ErrorCode::kInvalid, "password"},
      {url_with("datasync:secret", "stranger:hidden"), ErrorCode::kInvalid, "password"},
      {url_with("datasync:secret", "datasync"), ErrorCode::kInvalid, "asks for a password"},
      {url_with("/postgres", "/nothing_here"), ErrorCode::kInvalid, "CREATE DATABASE"},
      {schema_.url(guest), ErrorCode::kInvalid, "permission"},
      {"postgresql://datasync:hidden@127.0.0.1:1/postgres", ErrorCode::kUnavailable, "can't be reached"},
      {"postgresql://datasync:hid%zzden@127.0.0.1/postgres", ErrorCode::kInvalid, "%40"},
      {"postgresql://datasync:hidden@127.0.0.1/postgres?hiddn=1", ErrorCode::kInvalid, "postgresql://user:password"},
      {server_url() + "?prepared_statements=maybe", ErrorCode::kInvalid, "on or off"},
      {server_url() + "?options=-cwork_mem%3Dhidden", ErrorCode::kInvalid, "an option"},
  };
  for (const Refusal& refusal : refusals) {
    const auto refused = open_postgres_store({refusal.url, "test"});
    ASSERT_FALSE(refused) << refusal.says;
    EXPECT_EQ(refused.error().code, refusal.code) << refused.error().message << refused.error().detail;
    EXPECT_THAT(refused.error().message, HasSubstr(refusal.says)) << refused.error().detail;
    const std::string all = refused.error().message + refused.error().detail;
    for (const char* secret : {"secret", "hidden", "hid%zzden"}) EXPECT_THAT(all, Not(HasSubstr(secret)));
  }
  run_sql("DROP ROLE datasync_guest");
}

TEST_F(PostgresStore, TooManyConnectionsAreAnOutageAndNoFault) {
  run_sql(
      "DROP ROLE IF EXISTS datasync_few; CREATE ROLE datasync_few LOGIN PASSWORD 'few' CONNECTION LIMIT 1; GRANT ALL "
      "ON SCHEMA " +
      schema_.name() + " TO datasync_few");
  const auto url = schema_.url(url_with("datasync:secret@", "datasync_few:few@"));
  auto store = open(url);
  const auto refused = store->make_reader();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("too many connections"));
  store.reset();
  run_sql("DROP OWNED BY datasync_few; DROP ROLE datasync_few");
}

TEST_F(PostgresStore, TheSecondHostIsTakenWhereTheFirstDoesNotAnswer) {
  const std::string here = "127.0.0.1:" + std::to_string(port_of(server_url()));
  const auto store = open(schema_.url(url_with(here, "127.0.0.1:1," + here)));
  ASSERT_TRUE(store);
  EXPECT_TRUE(store->commit(one_event(1)));
}

TEST_F(PostgresStore, ALockThatSomebodyHoldsIsAnOutageWithALimit) {
  const auto store = open(schema_.url());
  auto operators = Connection::open(*read_location(server_url()), Connection::Use::kWrite);
  const std::string lock = "SET idle_in_transaction_session_timeout = 0; BEGIN; LOCK TABLE " + schema_.name() +
                           ".event_log IN ACCESS EXCLUSIVE MODE";
  ASSERT_TRUE(operators->run_script(lock.c_str(), std::chrono::seconds{10}));
  const auto refused = store->commit(one_event(1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("lock"));
  ASSERT_TRUE(operators->run_script("ROLLBACK", std::chrono::seconds{10}));
  EXPECT_TRUE(store->commit(one_event(1)));
}

TEST_F(PostgresStore, WithoutPreparedStatementsNothingIsKeptOnASession) {
  // What pgbouncer in transaction mode needs.
  const auto store = open(named_url(schema_) + "&prepared_statements=off");
  const auto reader = std::move(*store->make_reader());
  for (std::int64_t sequence = 1; sequence <= 5; ++sequence) {
    ASSERT_TRUE(store->commit(one_event(sequence)));
    EXPECT_TRUE(*store->load_event({sequence}));
    EXPECT_EQ(std::ssize(reader->list_events({})->events), sequence);
    EXPECT_EQ(store->load_retrying({}, 10)->size(), static_cast<std::size_t>(sequence));
  }
}

TEST_F(PostgresStore, ABatchThatIsTooLongForOneStatementGoesInSeveral) {
  const auto store = open(schema_.url());
  const auto random = make_seeded_random(3);
  std::string noise(1 << 20, ' ');  // that can't be compressed
  WriteBatch batch;
  constexpr std::int64_t kEvents = 40;
  for (std::int64_t sequence = 1; sequence <= kEvents; ++sequence) {
    for (char& c : noise) c = static_cast<char>('!' + random->next() % 90);
    Event event = make_event(sequence);
    event.data.set("blurb", text_value(noise));
    batch.events.push_back(as_new(event));
    Record record = make_record(sequence, 1);
    record.at_or_new("blurb").value = text_value(noise);
    batch.records.push_back(as_write(record, 0));
  }
  const auto done = store->commit(batch);
  ASSERT_TRUE(done) << done.error().message << done.error().detail;
  for (std::int64_t sequence = 1; sequence <= kEvents; ++sequence) {
    const auto at = static_cast<std::size_t>(sequence - 1);
    expect_same(*(*store->load_event({sequence}))->event, *batch.events[at].event);
    EXPECT_TRUE(**store->load_record(TenantId("tenant-a"), {sequence}) == *batch.records[at].record);
  }
}

TEST_F(PostgresStore, TheViewsTellWhatPeopleAskFor) {
  const auto store = open(schema_.url());
  WriteBatch batch = one_event(1);
  Event odd = make_event(2);
  odd.data.set("name", text_value("nul \x01 and \xff"));
  batch.events.push_back(as_new(odd));
  ASSERT_TRUE(store->commit(batch));
  const std::string from = " FROM " + schema_.name() + ".";
  EXPECT_EQ(ask_number("SELECT count(*)" + from +
                       "sync_events WHERE id = 'event-1' AND status = 'retry' AND "
                       "data ->> 'email' = 'who@example.com' AND created_at = timestamptz '2026-01-01 00:00:01Z'"),
            1);
  EXPECT_EQ(ask_number("SELECT count(*)" + from +
                       "sync_results WHERE target_platform = 'coreldove' AND success AND "
                       "processing_time_ms = 1000"),
            1);
  EXPECT_EQ(ask_number("SELECT count(*)" + from +
                       "cross_platform_users WHERE user_id = 'user-1' AND "
                       "platform_data #>> '{coreldove,id}' = 'VXNlcjox'"),
            1);
}

}  // namespace
}  // namespace datasync::storage::postgres
