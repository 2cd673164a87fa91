#include "storage/sqlite/backup.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "storage/new_file.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/file_guard.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/sqlite/statement.h"

namespace datasync::storage::sqlite {
namespace {

namespace fs = std::filesystem;

/// One step, so that it is one read transaction: in several, each commit of the service would begin the copy anew.
Result<void> copy_pages(Connection& from, Connection& to) {
  sqlite3_backup* copy = sqlite3_backup_init(to.native(), "main", from.native(), "main");
  if (copy == nullptr) return fail(to.last_error("copying the database"));
  sqlite3_backup_step(copy, -1);
  if (sqlite3_backup_finish(copy) != SQLITE_OK) return fail(to.last_error("copying the database"));
  return {};
}

/// What SQLite keeps beside a file while it writes it.
Result<void> drop_journals(const std::string& path) {
  for (const char* suffix : {"-journal", "-wal", "-shm"}) {
    std::error_code error;
    fs::remove(path + suffix, error);
    if (error) return fail(ErrorCode::kUnavailable, "a file can't be deleted", path + suffix + ": " + error.message());
  }
  return {};
}

Result<void> write_copy(const std::string& from_path, const std::string& to_path) {
  auto from = Connection::open({from_path, false, {}});
  if (!from) return fail(std::move(from).error());
  auto to = Connection::open({to_path, true, {}});
  if (!to) return fail(std::move(to).error());
  DATASYNC_TRY(to->run("PRAGMA synchronous = OFF"));  // it is synced as a whole, and is nothing before
  DATASYNC_TRY(copy_pages(*from, *to));
  return to->run("PRAGMA journal_mode = DELETE");
}

Result<void> check(const std::string& path) {
  auto connection = Connection::open({path, false, {}});
  if (!connection) return fail(std::move(connection).error());
  auto look = Statement::prepare(*connection, "PRAGMA integrity_check(1)");
  if (!look) return fail(look.error());
  const auto row = look->step();
  if (!row) return fail(row.error());
  const std::string verdict = *row ? std::string(look->text(0)) : "no answer";
  if (verdict == "ok") return {};
  return fail(ErrorCode::kCorrupt, "the database file is damaged", path + ": " + verdict);
}

Result<Backup> describe(const std::string& path, std::int64_t schema) {
  auto connection = Connection::open({path, false, {}});
  if (!connection) return fail(std::move(connection).error());
  const auto events = connection->query_integer("SELECT count(*) FROM event_log");
  if (!events) return fail(events.error());
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error) return fail(ErrorCode::kUnavailable, "the file can't be read", path + ": " + error.message());
  return Backup{static_cast<std::int64_t>(bytes), schema, *events};
}

/// Writes `file` as a copy of the database at `path`, synced and checked.
Result<Backup> copy_database(const std::string& path, NewFile& file) {
  if (!fs::exists(path)) return fail(ErrorCode::kUnavailable, "there is no database at " + path);
  const auto schema = look_at_schema(path);
  if (!schema) return fail(schema.error());
  if (schema->found == 0) return fail(ErrorCode::kInvalid, path + " holds no data of this program");
  const auto written = write_copy(path, file.part());
  const auto dropped = drop_journals(file.part());
  if (!written) return fail(written.error());
  if (!dropped) return fail(dropped.error());
  DATASYNC_TRY(file.sync());
  DATASYNC_TRY(check(file.part()));
  return describe(file.part(), schema->found);
}

/// What is in the log of a database that can still be read goes into the database, so that it is one file.
void settle_log(const std::string& path) {
  auto connection = Connection::open({path, true, {}});
  if (connection) connection->settle_old_log();
}

/// Gives the database another name besides its own, which a new one takes over in one step: whenever this process ends,
/// a whole database stands there. A log that could not be settled is of a damaged one; under the new one it would be
/// taken for its own, so it goes, and stays beside the other name.
Result<void> keep(const std::string& path, const std::string& name) {
  if (fs::exists(path)) settle_log(path);
  for (const char* part : {"", "-wal"}) {
    std::error_code error;
    fs::create_hard_link(path + part, name + part, error);
    if (error && error != std::errc::no_such_file_or_directory) {
      return fail(ErrorCode::kUnavailable, "the database of before can't be kept",
                  name + part + ": " + error.message());
    }
  }
  return drop_journals(path);
}

}  // namespace

Result<Backup> back_up(const std::string& path, const std::string& file) {
  if (fs::exists(file)) return fail(ErrorCode::kInvalid, "there is a file " + file + " already; choose another name");
  auto copy = NewFile::create(file);
  if (!copy) return fail(std::move(copy).error());
  auto made = copy_database(path, *copy);
  if (made) DATASYNC_TRY(copy->finish());
  return made;
}

Result<Backup> restore(const std::string& file, const std::string& path, bool replace, const std::string& suffix) {
  DATASYNC_TRY(check(file));
  const auto guard = FileGuard::take(path, "data-sync restore");
  if (!guard) return fail(guard.error());
  if (fs::exists(path) && !replace) {
    return fail(ErrorCode::kInvalid,
                "there is a database at " + path + " already; --replace keeps it beside, as " + path + suffix);
  }
  auto copy = NewFile::create(path);
  if (!copy) return fail(std::move(copy).error());
  auto made = copy_database(file, *copy);
  if (!made) return made;
  DATASYNC_TRY(keep(path, path + suffix));
  DATASYNC_TRY(copy->finish());
  return made;
}

}  // namespace datasync::storage::sqlite
