// A file that is read beside the service that writes it: what `open_sqlite_view` promises.

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "storage/sqlite/sqlite_store.h"
#include "storage/store_test_support.h"

namespace datasync::storage::sqlite {
namespace {

using namespace test;

constexpr std::int64_t kWalBytesMax = 64 << 10;

class SqliteViewTest : public testing::Test {
 protected:
  SqliteViewTest() { open(); }

  void open() {
    SqliteOptions options;
    options.path = path_;
    options.identity_log_max = 4;  // so that identities go all the way within a test
    options.wal_bytes_max = kWalBytesMax;
    auto opened = open_sqlite_store(options);  // with the guard that keeps a second writer out
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  SqliteView view() {
    auto opened = open_sqlite_view(path_);
    EXPECT_TRUE(opened) << opened.error().message << opened.error().detail;
    return std::move(*opened);
  }
  void refused(const std::string& path, ErrorCode code, const std::string& why) {
    const auto opened = open_sqlite_view(path);
    ASSERT_FALSE(opened) << path;
    EXPECT_EQ(opened.error().code, code) << opened.error().message;
    EXPECT_NE((opened.error().message + opened.error().detail).find(why), std::string::npos)
        << opened.error().message << ": " << opened.error().detail;
  }

  static Hash128 hash_of(std::int64_t key) { return hash128("identity " + std::to_string(key)); }
  /// An event that changes a record, with all that belongs to it.
  void add(std::int64_t number, std::int64_t version = 1) {
    WriteBatch batch;
    batch.events.push_back(as_new(make_event(next_)));
    batch.states.push_back(make_state(next_, EventStatus::kCompleted, number));
    batch.records.push_back(as_write(make_record(number, version), version - 1));
    if (version == 1) {
      batch.identities.push_back({hash_of(number), IdentityKind::kCanonical, {number}, TenantId("tenant-a"), false});
    } else {
      batch.history.push_back(make_history(next_, number, version));
    }
    batch.conflicts.push_back(make_conflict("conflict-" + std::to_string(next_), next_));
    ++next_;
    const auto done = store_->commit(batch);
    ASSERT_TRUE(done) << done.error().message << done.error().detail;
  }
  static std::int64_t version_in(const SqliteView& view, std::int64_t number) {
    const auto record = view.reader->load_record(TenantId("tenant-a"), {number});
    EXPECT_TRUE(record) << record.error().message;
    return *record ? (*record)->version.value : 0;
  }
  static std::int64_t found_by_identity(const SqliteView& view, std::int64_t number) {
    const auto key = view.reader->find_identity(TenantId("tenant-a"), hash_of(number));
    EXPECT_TRUE(key) << key.error().message;
    return *key ? (*key)->value : 0;
  }
  std::int64_t log_bytes() const { return static_cast<std::int64_t>(std::filesystem::file_size(path_ + "-wal")); }

  /// With another program.
  void execute(const char* sql) {
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &other), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(other, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(other);
    sqlite3_close(other);
  }
  /// All files of the folder, and what is in them.
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(path_).parent_path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      all[entry.path().filename()] = {std::istreambuf_iterator<char>(file), {}};
    }
    return all;
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.file("store.db");
  std::unique_ptr<Store> store_;
  std::int64_t next_ = 1;
};

TEST_F(SqliteViewTest, ShowsAllThatIsCommittedBesideItsWriter) {
  for (std::int64_t number = 1; number <= 6; ++number) add(number);
  add(2, 2);
  const SqliteView seen = view();
  EXPECT_EQ(seen.last_sequence, store_->last_sequence());
  EXPECT_EQ(seen.identity_secret, store_->identity_secret());
  EXPECT_FALSE(seen.identity_secret.empty());
  EXPECT_EQ(version_in(seen, 2), 2);
  for (std::int64_t number = 1; number <= 6; ++number) {
    EXPECT_EQ(found_by_identity(seen, number), number) << "in the table, or in one of the logs before it";
  }
  EXPECT_EQ(found_by_identity(seen, 7), 0);
  const auto events = seen.reader->events_after({}, {2}, 3);
  ASSERT_TRUE(events);
  EXPECT_EQ(sequences_of(*events), (std::vector<std::int64_t>{3, 4, 5}));
  expect_same(*events->front().event, make_event(3));
  EXPECT_EQ(seen.reader->count_events({}).value(), 7);
  EXPECT_EQ(seen.reader->load_history({7}).value()->overwritten, make_history(7, 2, 2).overwritten);
  EXPECT_EQ(seen.reader->list_conflicts({}).value().total, 7);
}

TEST_F(SqliteViewTest, EachCallSeesTheNewestCommit) {
  add(1);
  const SqliteView seen = view();
  EXPECT_EQ(version_in(seen, 1), 1);
  add(1, 2);
  add(2);
  EXPECT_EQ(version_in(seen, 1), 2);
  EXPECT_EQ(version_in(seen, 2), 1);
  EXPECT_EQ(seen.last_sequence, Sequence{1}) << "when it was opened";
  EXPECT_EQ(sequences_of(seen.reader->events_after({}, seen.last_sequence, 9).value()),
            (std::vector<std::int64_t>{2, 3}));
}

TEST_F(SqliteViewTest, WhatIsFoundByAnIdentityIsFoundOnWhileItMovesToItsTable) {
  for (std::int64_t number = 1; number <= 3; ++number) add(number);
  const SqliteView seen = view();
  for (std::int64_t number = 4; number <= 30; ++number) {
    add(number);
    for (std::int64_t known = 1; known <= 3; ++known) EXPECT_EQ(found_by_identity(seen, known), known) << number;
  }
  EXPECT_EQ(found_by_identity(seen, 4), 4) << "what came later is found once it is in the table";
}

TEST_F(SqliteViewTest, ItsWriterWritesOnAndBeginsItsLogAnew) {
  const SqliteView seen = view();
  std::int64_t largest = 0;
  for (std::int64_t version = 1; version <= 200; ++version) {
    add(1, version);
    EXPECT_EQ(version_in(seen, 1), version);
    store_->maintain();
    largest = std::max(largest, log_bytes());
  }
  EXPECT_LT(largest, 8 * kWalBytesMax) << "a view keeps no transaction open, which would keep the log growing";
  const SqliteView late = view();
  EXPECT_EQ(version_in(late, 1), 200);
}

TEST_F(SqliteViewTest, OutlivesItsWriterAndReadsTheNextOne) {
  add(1);
  const SqliteView seen = view();
  store_.reset();
  EXPECT_EQ(version_in(seen, 1), 1);
  open();
  add(1, 2);
  EXPECT_EQ(version_in(seen, 1), 2);
}

TEST_F(SqliteViewTest, ChangesNothing) {
  for (std::int64_t number = 1; number <= 6; ++number) add(number);
  const auto beside = files();
  {
    const SqliteView seen = view();
    EXPECT_EQ(version_in(seen, 3), 1);
    auto during = files();
    auto before = beside;
    during.erase("store.db-shm");  // who reads what is noted there
    before.erase("store.db-shm");
    EXPECT_TRUE(during == before);
  }
  store_.reset();
  const auto alone = files();
  {
    const SqliteView seen = view();
    EXPECT_EQ(version_in(seen, 3), 1);
  }
  EXPECT_EQ(files().at("store.db"), alone.at("store.db"));
  open();
  add(7);
  EXPECT_EQ(version_in(view(), 7), 1) << "what a view leaves is in nobody's way";
}

TEST_F(SqliteViewTest, WhatItIsAskedIsNoStatement) {
  add(1);
  const SqliteView seen = view();
  Reader::EventFilter filter;
  filter.tenants = {TenantId("x'; DELETE FROM event_log; --")};
  filter.type = "x'; DELETE FROM event_log; --";
  EXPECT_TRUE(seen.reader->list_events(filter).value().events.empty());
  EXPECT_EQ(seen.reader->count_events({}).value(), 1);
}

TEST_F(SqliteViewTest, AFileThatIsNotThereIsToldSoAndNotMade) {
  const std::string nowhere = folder_.file("nowhere.db");
  refused(nowhere, ErrorCode::kUnavailable, "nowhere.db");
  EXPECT_FALSE(std::filesystem::exists(nowhere));
  refused(folder_.file(""), ErrorCode::kUnavailable, "");
}

TEST_F(SqliteViewTest, AnotherSchemaIsToldWithBothNumbers) {
  add(1);
  const auto schema = look_at_schema(path_);
  ASSERT_TRUE(schema);
  const std::string newest = std::to_string(schema->newest);
  store_.reset();
  execute("PRAGMA user_version = 999");
  refused(path_, ErrorCode::kInvalid, "999");
  execute(("PRAGMA user_version = " + std::to_string(schema->newest - 1)).c_str());
  refused(path_, ErrorCode::kInvalid, "this program reads " + newest);
  refused(path_, ErrorCode::kInvalid, "has schema " + std::to_string(schema->newest - 1));
  execute(("PRAGMA user_version = " + newest).c_str());
  EXPECT_EQ(version_in(view(), 1), 1);
}

TEST_F(SqliteViewTest, WhatIsNoDatabaseOfOursIsToldSo) {
  const std::string empty = folder_.file("empty.db");
  std::ofstream{empty};
  refused(empty, ErrorCode::kInvalid, "has schema 0");
  EXPECT_EQ(std::filesystem::file_size(empty), 0U);
  const std::string text = folder_.file("text.db");
  std::ofstream(text) << "these are no pages of a database, however long the text may be. " << std::string(5000, 'x');
  refused(text, ErrorCode::kCorrupt, "");
  store_.reset();
  execute("PRAGMA application_id = 7");
  refused(path_, ErrorCode::kInvalid, "another program");
}

TEST_F(SqliteViewTest, DamageIsToldAndNotReadAsNothing) {
  for (std::int64_t number = 1; number <= 50; ++number) add(number);
  store_.reset();
  const auto size = std::filesystem::file_size(path_);
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    const std::string rubbish(size - 4096, '\x5a');
    file.write(rubbish.data(), static_cast<std::streamsize>(rubbish.size()));
  }
  refused(path_, ErrorCode::kCorrupt, "");
}

}  // namespace
}  // namespace datasync::storage::sqlite
