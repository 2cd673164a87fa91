#include "storage/sqlite/connection.h"

#include <cstdlib>
#include <mutex>

#include "base/log.h"
#include "storage/sqlite/page_cache.h"
#include "storage/sqlite/statement.h"
#include "storage/sqlite/wal_vfs.h"

namespace datasync::storage::sqlite {
namespace {

constexpr int kBusyTimeoutMs = 2000;  // an operator's sqlite3 shell may hold the lock for a moment

/// Once a process, before its first connection: SQLite's memory statistics take a global lock on every allocation.
void configure_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    install_page_cache();
  });
}

}  // namespace

Result<Connection> Connection::open(const Options& options) {
  configure_library();
  const auto vfs = options.writable ? wal_vfs_over(options.base_vfs) : Result<std::string>(options.base_vfs);
  if (!vfs) return fail(vfs.error());
  const int access = options.writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
  sqlite3* native = nullptr;
  const int code = sqlite3_open_v2(options.path.c_str(), &native, access | SQLITE_OPEN_NOMUTEX,
                                   vfs->empty() ? nullptr : vfs->c_str());
  Connection connection(native);
  if (native != nullptr) sqlite3_extended_result_codes(native, 1);
  if (code != SQLITE_OK) {
    return fail(
        error_of(code, native == nullptr ? "out of memory" : sqlite3_errmsg(native), "opening " + options.path));
  }
  sqlite3_busy_timeout(native, kBusyTimeoutMs);
  return connection;
}

Result<void> Connection::run(const char* sql) {
  if (sqlite3_exec(native(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return fail(last_error(sql));
  return {};
}

Result<std::int64_t> Connection::query_integer(const char* sql) {
  auto statement = Statement::prepare(*this, sql);
  if (!statement) return fail(statement.error());
  const auto row = statement->step();
  if (!row) return fail(row.error());
  return *row ? statement->integer(0) : 0;
}

Error Connection::last_error(std::string_view doing) const {
  return error_of(sqlite3_extended_errcode(native()), sqlite3_errmsg(native()), doing);
}

void Connection::settle_old_log() {
  // A connection that has read nothing does not know of a log, and there seems to be nothing to do.
  const auto has_read = query_integer("PRAGMA schema_version");
  if (has_read &&
      sqlite3_wal_checkpoint_v2(native(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr) == SQLITE_OK)
    return;
  const Error error = last_error("checkpoint");
  log::warning("what an earlier run left in the log stays there: {} ({})", error.message, error.detail);
}

void Connection::roll_back() noexcept {
  if (sqlite3_get_autocommit(native()) == 0) sqlite3_exec(native(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void die_of_failed_sync(std::string_view detail) {
  log::error(
      "the disk did not confirm a write ({}): ending now, since what it dropped is unknown; restart when it is well",
      detail);
  constexpr int kDiskFailed = 74;  // EX_IOERR of sysexits.h
  std::_Exit(kDiskFailed);         // not abort: a core dump would put what is personal onto that very disk
}

Error error_of(int code, std::string_view message, std::string_view doing) {
  std::string detail(doing);
  detail += ": ";
  detail += message;
  detail += " (sqlite " + std::to_string(code) + ")";
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) die_of_failed_sync(detail);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {ErrorCode::kUnavailable, "the disk of the database is full", std::move(detail)};
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return {ErrorCode::kUnavailable, "the database can't be read or written", std::move(detail)};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return {ErrorCode::kUnavailable, "the database is locked by another program", std::move(detail)};
    case SQLITE_CONSTRAINT:
      return {ErrorCode::kConflict, "the database holds something else already", std::move(detail)};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCode::kCorrupt, "the database file is damaged", std::move(detail)};
    default:
      return {ErrorCode::kInternal, "the database refused a statement", std::move(detail)};
  }
}

}  // namespace datasync::storage::sqlite
