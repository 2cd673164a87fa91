// A migration that needs tables which others use: it makes way for them, comes again, and ends with a word about it.

#include <gmock/gmock.h>

#include <chrono>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "storage/postgres/postgres_test_support.h"
#include "storage/postgres/schema.h"

namespace datasync::storage::postgres {
namespace {

using namespace std::chrono_literals;
using test::ask_number;
using test::run_sql;
using test::server_url;
using test::TemporarySchema;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::int64_t kBeforeParts = 3;
constexpr auto kPatience = 60s;

class PostgresMigration : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(migrate_to(kBeforeParts, {})); }

  /// `more`: settings of the migration's own session.
  Outcome<void> migrate_to(std::optional<std::int64_t> to, Patience patience, const std::string& more = {}) const {
    const std::string url = schema_.url() + more + "&application_name=" + schema_.name();
    auto connection = Connection::open(*read_location(url), Connection::Use::kWrite);
    if (!connection) return tl::unexpected(std::move(connection).error());
    return migrate(*connection, to, patience);
  }
  std::future<Outcome<void>> start_to_migrate(Patience patience, const std::string& more = {}) const {
    return std::async(std::launch::async, [=, this] { return migrate_to(std::nullopt, patience, more); });
  }

  /// In a transaction of somebody else, whose session may be idle in it for as long as it likes.
  void begin_elsewhere(const std::string& sql) {
    auto opened = Connection::open(*read_location(schema_.url()), Connection::Use::kWrite);
    ASSERT_TRUE(opened);
    elsewhere_.emplace(std::move(*opened));
    const std::string all =
        "SET idle_in_transaction_session_timeout = 0; SET deadlock_timeout = '60s'; SET lock_timeout = 0; BEGIN; " +
        sql;
    ASSERT_TRUE(elsewhere_->run_script(all.c_str(), kPatience));
  }

  /// In which of its tries the migration waits for a lock: each has a transaction of its own. Waits until it is there.
  bool waits_for_a_lock(const std::future<Outcome<void>>& migration, std::size_t tries) {
    std::vector<std::int64_t> seen;
    const auto by = std::chrono::steady_clock::now() + kPatience;
    while (seen.size() < tries) {
      if (std::chrono::steady_clock::now() > by || migration.wait_for(0s) == std::future_status::ready) return false;
      const std::int64_t began = ask_number(
          "SELECT coalesce(max(extract(epoch FROM xact_start) * 1000000), 0)::bigint FROM pg_stat_activity WHERE "
          "application_name = '" +
          schema_.name() + "' AND wait_event_type = 'Lock' AND wait_event = 'relation'");
      if (began > 0 && (seen.empty() || seen.back() != began)) seen.push_back(began);
    }
    return true;
  }

  std::int64_t schema_version() const {
    return ask_number("SELECT max(version) FROM " + schema_.name() + ".datasync_schema");
  }

  TemporarySchema schema_;
  std::optional<Connection> elsewhere_;
};

TEST_F(PostgresMigration, ItIsTriedAgainUntilWhoHoldsItsTableLetsGo) {
  begin_elsewhere("SELECT 1 FROM event_log");
  auto migration = start_to_migrate({});
  EXPECT_TRUE(waits_for_a_lock(migration, 2)) << "the first try gives up after its lock_timeout";
  ASSERT_TRUE(elsewhere_->run_script("COMMIT", kPatience));
  const auto done = migration.get();
  EXPECT_TRUE(done) << done.error().error.message << ": " << done.error().error.detail;
  EXPECT_EQ(schema_version(), kBeforeParts + 1);
}

TEST_F(PostgresMigration, ItIsTriedAgainAfterADeadlock) {
  begin_elsewhere("SELECT 1 FROM record_history");  // the last that the migration takes
  testing::internal::CaptureStderr();
  auto migration = start_to_migrate({}, "%20-cdeadlock_timeout%3D2s");
  ASSERT_TRUE(waits_for_a_lock(migration, 1));
  // Who looks for deadlocks first gives way, and this one looks after a minute.
  const auto read = elsewhere_->run_script("SELECT 1 FROM event_log; COMMIT", kPatience);
  EXPECT_TRUE(read) << read.error().error.message << ": " << read.error().error.detail;
  const auto done = migration.get();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("SQLSTATE 40P01")) << "else it was no deadlock";
  EXPECT_TRUE(done) << done.error().error.message << ": " << done.error().error.detail;
  EXPECT_EQ(schema_version(), kBeforeParts + 1);
}

/// It may take long, and is nobody who should be ended.
TEST_F(PostgresMigration, ItWaitsForAnotherInstanceThatMigrates) {
  begin_elsewhere("SELECT pg_advisory_xact_lock(hashtext('data-sync'), hashtext('" + schema_.name() + "'))");
  auto migration = start_to_migrate({.tries_max = 1, .first_pause = 1ms});
  EXPECT_EQ(migration.wait_for(6s), std::future_status::timeout) << "longer than it waits for its tables";
  ASSERT_TRUE(elsewhere_->run_script("COMMIT", kPatience));
  const auto done = migration.get();
  EXPECT_TRUE(done) << done.error().error.message << ": " << done.error().error.detail;
}

TEST_F(PostgresMigration, WhereNobodyLetsGoItEndsWithTheRemedyAndChangesNothing) {
  begin_elsewhere("SELECT 1 FROM event_log");
  testing::internal::CaptureStderr();
  const auto done = migrate_to(std::nullopt, {.tries_max = 2, .first_pause = 1ms});
  const std::string log = testing::internal::GetCapturedStderr();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().error.code, ErrorCode::kUnavailable);
  EXPECT_THAT(done.error().error.message, HasSubstr("was tried 2 times"));
  EXPECT_THAT(done.error().error.message, HasSubstr("pg_stat_activity"));
  EXPECT_THAT(done.error().error.detail, StartsWith("SQLSTATE 55P03"));
  EXPECT_THAT(log, HasSubstr("another transaction holds a lock"));
  EXPECT_THAT(log, HasSubstr("is tried again"));
  EXPECT_EQ(schema_version(), kBeforeParts);
}

}  // namespace
}  // namespace datasync::storage::postgres
