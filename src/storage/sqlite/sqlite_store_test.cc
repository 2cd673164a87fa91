// What the SQLite engine does when the disk, the file or another process does not play along. A file system layer that
// fails at the n-th write stands underneath; commits are tried with failures at step 0, 1, 2 … until none is left to
// fail.

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "storage/sqlite/sqlite_store.h"
#include "storage/store_test_support.h"

namespace datasync::storage::sqlite {
namespace {

using namespace test;

/// How the layer behaves now; one for the process, as SQLite's list of file systems is.
struct Faults {
  int writes_until_failure = -1;  ///< negative: never
  int code = SQLITE_FULL;
  bool fail_sync = false;
  bool failed = false;
} faults;

struct FaultyFile : sqlite3_file {
  sqlite3_file* below() noexcept { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

FaultyFile& faulty(sqlite3_file* file) {
  return *static_cast<FaultyFile*>(file);
}
const sqlite3_io_methods& methods_below(sqlite3_file* file) {
  return *faulty(file).below()->pMethods;
}

int write(sqlite3_file* file, const void* data, int size, sqlite3_int64 at) {
  if (faults.writes_until_failure == 0) {
    faults.failed = true;
    return faults.code;
  }
  if (faults.writes_until_failure > 0) --faults.writes_until_failure;
  return methods_below(file).xWrite(faulty(file).below(), data, size, at);
}

int sync(sqlite3_file* file, int flags) {
  if (faults.fail_sync) return SQLITE_IOERR_FSYNC;
  return methods_below(file).xSync(faulty(file).below(), flags);
}

sqlite3_io_methods make_methods() {
  sqlite3_io_methods methods{};
  methods.iVersion = 2;
  methods.xClose = [](sqlite3_file* f) { return methods_below(f).xClose(faulty(f).below()); };
  methods.xRead = [](sqlite3_file* f, void* out, int size, sqlite3_int64 at) {
    return methods_below(f).xRead(faulty(f).below(), out, size, at);
  };
  methods.xWrite = write;
  methods.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
    return methods_below(f).xTruncate(faulty(f).below(), size);
  };
  methods.xSync = sync;
  methods.xFileSize = [](sqlite3_file* f, sqlite3_int64* out) {
    return methods_below(f).xFileSize(faulty(f).below(), out);
  };
  methods.xLock = [](sqlite3_file* f, int level) { return methods_below(f).xLock(faulty(f).below(), level); };
  methods.xUnlock = [](sqlite3_file* f, int level) { return methods_below(f).xUnlock(faulty(f).below(), level); };
  methods.xCheckReservedLock = [](sqlite3_file* f, int* out) {
    return methods_below(f).xCheckReservedLock(faulty(f).below(), out);
  };
  methods.xFileControl = [](sqlite3_file* f, int operation, void* argument) {
    return methods_below(f).xFileControl(faulty(f).below(), operation, argument);
  };
  methods.xSectorSize = [](sqlite3_file* f) { return methods_below(f).xSectorSize(faulty(f).below()); };
  methods.xDeviceCharacteristics = [](sqlite3_file* f) {
    return methods_below(f).xDeviceCharacteristics(faulty(f).below());
  };
  methods.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
    return methods_below(f).xShmMap(faulty(f).below(), page, size, extend, out);
  };
  methods.xShmLock = [](sqlite3_file* f, int offset, int count, int flags) {
    return methods_below(f).xShmLock(faulty(f).below(), offset, count, flags);
  };
  methods.xShmBarrier = [](sqlite3_file* f) { methods_below(f).xShmBarrier(faulty(f).below()); };
  methods.xShmUnmap = [](sqlite3_file* f, int remove) { return methods_below(f).xShmUnmap(faulty(f).below(), remove); };
  return methods;
}

int open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  static const sqlite3_io_methods methods = make_methods();
  auto* base = static_cast<sqlite3_vfs*>(vfs->pAppData);
  file->pMethods = nullptr;
  const int code = base->xOpen(base, name, faulty(file).below(), flags, flags_out);
  if (code == SQLITE_OK) file->pMethods = &methods;
  return code;
}

const char* faulty_file_system() {
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs* base = sqlite3_vfs_find(nullptr);
    sqlite3_vfs made = *base;
    made.zName = "faulty";
    made.pNext = nullptr;
    made.pAppData = base;
    made.szOsFile = static_cast<int>(sizeof(FaultyFile)) + base->szOsFile;
    made.xOpen = open;
    return made;
  }();
  sqlite3_vfs_register(&vfs, 0);
  return vfs.zName;
}

const TenantId kTenant("tenant-a");

Hash128 identity_of(std::int64_t record) {
  return hash128("identity of " + std::to_string(record));
}

WriteBatch batch_of(std::int64_t from, std::int64_t count) {
  WriteBatch batch;
  for (std::int64_t sequence = from; sequence < from + count; ++sequence) {
    batch.events.push_back(as_new(make_event(sequence)));
    batch.states.push_back(make_state(sequence, EventStatus::kRetry, sequence));
    batch.records.push_back(as_write(make_record(sequence, 1), 0));
    batch.identities.push_back({identity_of(sequence), IdentityKind::kOwnId, {sequence}, kTenant, false});
  }
  return batch;
}

class SqliteFailures : public testing::Test {
 protected:
  ~SqliteFailures() override { faults = {}; }

  SqliteOptions options(bool faulty) {
    SqliteOptions made;
    made.path = folder_.file("store.db");
    made.instance = "test";
    made.wal_bytes_max = 128 << 10;
    made.identity_log_max = 50;  // so that writes fail while the logs change places and are merged, too
    if (faulty) {
      // Any open sets up the library; the layer must stand on what that leaves as the default.
      SqliteOptions first;
      first.path = folder_.file("first.db");
      static_cast<void>(open_sqlite_store(first));
      made.base_vfs = faulty_file_system();
    }
    return made;
  }

  std::unique_ptr<Store> must_open(const SqliteOptions& how) {
    auto store = open_sqlite_store(how);
    EXPECT_TRUE(store) << store.error().message << ": " << store.error().detail;
    return std::move(*store);
  }

  void execute(const std::string& sql) {
    sqlite3* connection = nullptr;
    ASSERT_EQ(sqlite3_open(folder_.file("store.db").c_str(), &connection), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_close(connection);
  }

  std::vector<std::string> query(const std::string& sql) {
    std::vector<std::string> cells;
    sqlite3* connection = nullptr;
    EXPECT_EQ(sqlite3_open(folder_.file("store.db").c_str(), &connection), SQLITE_OK);
    char* message = nullptr;
    const auto collect = [](void* out, int columns, char** values, char**) {
      for (int i = 0; i < columns; ++i) {
        static_cast<std::vector<std::string>*>(out)->emplace_back(values[i] == nullptr ? "NULL" : values[i]);
      }
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(connection, sql.c_str(), collect, &cells, &message), SQLITE_OK) << message;
    sqlite3_close(connection);
    return cells;
  }

  /// As the disk would show it after a crash right now.
  void copy_store(const std::string& from, const std::string& to) {
    for (const char* end : {"", "-wal"}) std::filesystem::copy_file(folder_.file(from + end), folder_.file(to + end));
  }
  std::string content_of(const std::string& name) {
    std::ifstream file(folder_.file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryFolder folder_;
};

class SqliteWriteFailures : public SqliteFailures, public testing::WithParamInterface<int> {};

TEST_P(SqliteWriteFailures, LeaveNothingBehindAndPassWhenTheDiskIsWellAgain) {
  auto store = must_open(options(true));
  ASSERT_TRUE(store->commit(batch_of(1, 5)));
  std::int64_t next = 6;
  for (int step = 0;; ++step) {
    SCOPED_TRACE("failing at write " + std::to_string(step));
    faults = {step, GetParam(), false, false};
    const auto done = store->commit(batch_of(next, 40));
    const bool hit = faults.failed;
    faults = {};
    // A failure while the log is copied, after the commit, is no failure of the commit.
    if (!done) {
      EXPECT_EQ(done.error().code, ErrorCode::kUnavailable) << done.error().detail;
      EXPECT_EQ(store->last_sequence().value, next - 1);
      EXPECT_FALSE(*store->load_event({next}));
      EXPECT_FALSE(*store->load_record(kTenant, {next}));
      EXPECT_FALSE(*store->find_identity(kTenant, identity_of(next)));
      const auto again = store->commit(batch_of(next, 40));
      ASSERT_TRUE(again) << again.error().message << ": " << again.error().detail;
    }
    next += 40;
    if (!hit) break;
    store->maintain();  // else each copy of the log that fails leaves more to write to the next one, without end
    ASSERT_LT(step, 1000);
  }
  store.reset();
  store = must_open(options(true));
  EXPECT_EQ(store->last_sequence().value, next - 1);
  for (std::int64_t sequence = 1; sequence < next; ++sequence) {
    ASSERT_TRUE(*store->load_event({sequence})) << sequence;
    ASSERT_EQ(*store->find_identity(kTenant, identity_of(sequence)), RecordKey{sequence}) << sequence;
  }
  store.reset();
  EXPECT_EQ(query("PRAGMA integrity_check"), std::vector<std::string>{"ok"});
}

INSTANTIATE_TEST_SUITE_P(Code, SqliteWriteFailures, testing::Values(SQLITE_FULL, SQLITE_IOERR_WRITE),
                         [](const auto& code) { return code.param == SQLITE_FULL ? "Full" : "WriteError"; });

TEST_F(SqliteFailures, AnEmptyBatchTellsWhetherTheDiskTakesWrites) {
  auto store = must_open(options(true));
  ASSERT_TRUE(store->commit(batch_of(1, 5)));
  faults = {0, SQLITE_FULL, false, false};
  const auto full = store->commit({});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kUnavailable);
  faults = {};
  EXPECT_TRUE(store->commit({}));
  EXPECT_EQ(store->last_sequence().value, 5);
  ASSERT_TRUE(store->commit(batch_of(6, 5)));
}

TEST_F(SqliteFailures, ALogThatCouldNotBeCopiedIsLeftAloneUntilSomethingIsWritten) {
  SqliteOptions small = options(true);
  small.wal_bytes_max = 512 << 10;  // an eighth of it is worth a copy
  auto store = must_open(small);
  ASSERT_TRUE(store->commit(batch_of(1, 40)));
  const auto maintain = [&] {
    faults = {0, SQLITE_FULL, false, false};
    store->maintain();
    return std::exchange(faults, {}).failed;
  };
  EXPECT_TRUE(maintain());
  EXPECT_FALSE(maintain()) << "a warning each second, and nothing else, would come of it";
  ASSERT_TRUE(store->commit(batch_of(41, 1)));
  EXPECT_TRUE(maintain());
}

TEST_F(SqliteFailures, AFileSizeLimitIsAFullDiskToo) {
  // In a child, since the limit is the process's.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    auto store = open_sqlite_store(options(false));
    if (!store || !(*store)->commit(batch_of(1, 5))) _exit(1);
    rlimit limit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t usual = limit.rlim_cur;
    limit.rlim_cur = 300 << 10;
    setrlimit(RLIMIT_FSIZE, &limit);
    std::int64_t next = 6;
    while (next < 4000) {
      const auto done = (*store)->commit(batch_of(next, 50));
      if (!done && done.error().code != ErrorCode::kUnavailable) _exit(2);
      if (!done) break;
      next += 50;
    }
    if (next >= 4000) _exit(3);
    if ((*store)->load_event({next})->has_value() || !(*store)->load_event({next - 1})->has_value()) _exit(4);
    limit.rlim_cur = usual;
    setrlimit(RLIMIT_FSIZE, &limit);
    if (!(*store)->commit(batch_of(next, 50))) _exit(5);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

using SqliteFailuresDeathTest = SqliteFailures;

TEST_F(SqliteFailuresDeathTest, AFailedSyncEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        auto store = must_open(options(true));
        faults.fail_sync = true;
        static_cast<void>(store->commit(batch_of(1, 1)));
      },
      testing::ExitedWithCode(74), "the disk did not confirm a write");
}

// After a failed fsync the kernel may show pages that are not on the disk, and writes them never. A log that was begun
// by such a process is whole to whoever reads it, until the power fails.
TEST_F(SqliteFailures, WhatACrashedProcessLeftInTheLogIsNoGroundToBuildOn) {
  SqliteOptions how = options(false);
  how.wal_bytes_max = 16 << 20;  // nothing is copied before it must be
  auto crashed = must_open(how);
  ASSERT_TRUE(crashed->commit(batch_of(1, 5)));
  copy_store("store.db", "second.db");
  crashed.reset();
  const std::string not_on_disk = content_of("second.db-wal");

  how.path = folder_.file("second.db");
  auto second = must_open(how);
  ASSERT_TRUE(second->load_event({5})->has_value());
  ASSERT_TRUE(second->commit(batch_of(6, 5)));
  copy_store("second.db", "third.db");
  second.reset();

  std::string log = content_of("third.db-wal");
  const bool builds_on_it = log.starts_with(not_on_disk);
  if (builds_on_it) log.replace(0, not_on_disk.size(), not_on_disk.size(), '\0');
  std::ofstream(folder_.file("third.db-wal"), std::ios::binary) << log;
  how.path = folder_.file("third.db");
  const auto third = must_open(how);
  for (std::int64_t sequence = 1; sequence <= 10; ++sequence) {
    EXPECT_TRUE(third->load_event({sequence})->has_value()) << sequence << " was acknowledged";
  }
}

TEST_F(SqliteFailures, DamagedRowsAreNamedAndNeverCrash) {
  auto store = must_open(options(false));
  ASSERT_TRUE(store->commit(batch_of(1, 1)));
  store.reset();
  for (const char* body : {"x''", "x'07'", "x'01aabbcc'", "x'00'", "x'007b22'", "x'005b312c'", "x'005b225d'",
                           "x'007b22646174612 2'", "x'0028b52ffd'", "x'0128b52ffd00'"}) {
    std::string blob(body);
    std::erase(blob, ' ');
    SCOPED_TRACE(blob);
    if (blob.size() % 2 == 0) blob.insert(blob.size() - 1, "0");
    execute("UPDATE event_log SET body = " + blob);
    store = must_open(options(false));
    const auto event = store->load_event({1});
    ASSERT_FALSE(event);
    EXPECT_EQ(event.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(event.error().detail.find("event_log row 1"), std::string::npos) << event.error().detail;
    store.reset();
    for (const char* column : {"body", "marks"}) {
      SCOPED_TRACE(column);
      execute("CREATE TABLE kept AS SELECT * FROM records");
      execute(std::string("UPDATE records SET ") + column + " = " + blob);
      store = must_open(options(false));
      const auto record = store->load_record(TenantId("tenant-a"), {1});
      ASSERT_FALSE(record);
      EXPECT_EQ(record.error().code, ErrorCode::kCorrupt);
      EXPECT_NE(record.error().detail.find("records row 1"), std::string::npos) << record.error().detail;
      store.reset();
      execute("DELETE FROM records; INSERT INTO records SELECT * FROM kept; DROP TABLE kept");
    }
  }
}

TEST_F(SqliteFailures, ASecondProcessIsToldWhoHasTheFile) {
  const auto store = must_open(options(false));
  const auto second = open_sqlite_store(options(false));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message.find("process " + std::to_string(getpid())), std::string::npos)
      << second.error().message;
}

TEST_F(SqliteFailures, ReviewsThatExpireAreFoundWithoutReadingThoseThatDoNot) {
  must_open(options(false)).reset();
  const auto plan = query(
      "EXPLAIN QUERY PLAN SELECT id FROM sync_conflicts WHERE 1 AND status = 'open' AND expires_at <= 5 AND +row < 9 "
      "ORDER BY expires_at LIMIT 101");
  std::string words;
  for (const std::string& cell : plan) words += cell + ' ';
  EXPECT_NE(words.find("sync_conflicts_expiry"), std::string::npos) << words;
}

// The index was once put into a migration that files had seen already: they never got it.
TEST_F(SqliteFailures, AFileOfTheSecondVersionGetsTheIndexThatCameLater) {
  must_open(options(false)).reset();
  execute("DROP TABLE log_positions; DROP INDEX sync_conflicts_expiry; PRAGMA user_version = 2");
  must_open(options(false)).reset();
  EXPECT_EQ(query("SELECT count(*) FROM sqlite_schema WHERE name = 'sync_conflicts_expiry'").front(), "1");
}

TEST_F(SqliteFailures, AFileOfTheFirstVersionIsBroughtUpToDateAndItsConflictsAreThere) {
  auto store = must_open(options(false));
  storage::WriteBatch batch = batch_of(1, 1);
  batch.conflicts = {make_conflict("c-1", 1)};
  ASSERT_TRUE(store->commit(batch));
  store.reset();
  execute("DROP INDEX sync_conflicts_expiry");
  for (const char* column : {"details", "reason", "revision", "assignee", "expires_at", "expires_to"}) {
    execute("ALTER TABLE sync_conflicts DROP COLUMN " + std::string(column));
  }
  for (const char* column : {"resolved_by", "reason", "event_id"}) {
    execute("ALTER TABLE sync_conflict_resolutions DROP COLUMN " + std::string(column));
  }
  execute(
      "UPDATE sync_conflicts SET fields = '[[\"name\",\"latest_wins\",1],[\"email\",\"latest_wins\",0],"
      "[\"notes\",\"latest_wins\",0],[\"phone\",\"latest_wins\",0]]'; DROP TABLE log_positions; PRAGMA user_version = "
      "1");
  store = must_open(options(false));
  const auto page = store->load_conflicts({});
  ASSERT_TRUE(page) << page.error().detail;
  ASSERT_EQ(page->conflicts.size(), 1U);
  EXPECT_EQ(page->conflicts[0].fields[0].outcome, Conflict::Outcome::kSource);
  EXPECT_EQ(page->conflicts[0].revision, 1);
}

TEST_F(SqliteFailures, AFileOfANewerVersionOrOfAnotherProgramIsLeftAlone) {
  must_open(options(false)).reset();
  execute("PRAGMA user_version = 999");
  const auto newer = open_sqlite_store(options(false));
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().code, ErrorCode::kInvalid);
  EXPECT_NE(newer.error().message.find("newer version"), std::string::npos);
  execute("PRAGMA user_version = 1; PRAGMA application_id = 7");
  const auto foreign = open_sqlite_store(options(false));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code, ErrorCode::kInvalid);
}

TEST_F(SqliteFailures, TheLogStaysBoundedUnderSustainedLoad) {
  auto store = must_open(options(false));
  for (std::int64_t next = 1; next < 3000; next += 20) ASSERT_TRUE(store->commit(batch_of(next, 20)));
  EXPECT_LT(std::filesystem::file_size(folder_.file("store.db-wal")), 1U << 20U);
}

/// A row that keeps its length is overwritten in place. SQLite stores NULL, 0 and 1 in no bytes at all.
TEST_F(SqliteFailures, AnEventsStateKeepsItsLengthWhileItIsCompleted) {
  auto store = must_open(options(false));
  const std::string length = "SELECT length(results) + 8 * (processed_at IS NOT NULL) + (status > 1) FROM event_state";
  WriteBatch batch = batch_of(1, 1);
  EventState state = make_state(1, EventStatus::kCompleted, 1);
  state.results = {state.results[0]};
  batch.states = {state};
  batch.states[0].status = EventStatus::kPending;
  batch.states[0].processed_at.reset();
  batch.states[0].results[0] = {};
  batch.states[0].results[0].target = state.results[0].target;
  ASSERT_TRUE(store->commit(batch));
  const auto before = query(length);
  batch.clear();
  batch.states = {state};
  ASSERT_TRUE(store->commit(batch));
  EXPECT_EQ(query(length), before);
}

TEST_F(SqliteFailures, OperatorsReadTheViews) {
  auto store = must_open(options(false));
  WriteBatch batch = batch_of(1, 1);
  Event large = make_event(2);
  large.data.set("blurb", text_value(std::string(5000, 'x')));
  batch.events.push_back(as_new(large));
  batch.states[0] = make_state(1, EventStatus::kFailed, 1);
  ASSERT_TRUE(store->commit(batch));
  using Cells = std::vector<std::string>;
  EXPECT_EQ(
      query("SELECT id, event_type, source_platform, target_platforms, data ->> 'email', tenant_id, status, created_at "
            "FROM sync_events ORDER BY seq"),
      (Cells{"event-1", "user_updated", "bizoholic", R"(["coreldove","bizosaas"])", "who@example.com", "tenant-a",
             "failed", "2026-01-01T00:00:01.000000Z", "event-2", "user_updated", "bizoholic", "NULL", "NULL",
             "tenant-a", "pending", "2026-01-01T00:00:02.000000Z"}));
  EXPECT_EQ(
      query("SELECT id, event_id, target_platform, status, success, error_message, attempts, processing_time_ms "
            "FROM sync_results"),
      (Cells{"event-1:coreldove", "event-1", "coreldove", "completed", "1", "NULL", "1", "1000.0", "event-1:bizosaas",
             "event-1", "bizosaas", "failed", "0", "HTTP 503 from \"bizosaas\"", "3", "NULL"}));
  EXPECT_EQ(query("SELECT user_id, email, name, tenant_id, platform_data FROM cross_platform_users"),
            (Cells{"user-1", "email of version 1", "name of version 1", "tenant-a",
                   R"({"coreldove":{"id":"VXNlcjox"},"bizosaas":{"id":"b-1"}})"}));
}

}  // namespace
}  // namespace datasync::storage::sqlite
