#include "storage/sqlite/backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "storage/sqlite/connection.h"
#include "storage/sqlite/file_guard.h"
#include "storage/sqlite/sqlite_store.h"
#include "storage/sqlite/statement.h"

namespace datasync::storage::sqlite {
namespace {

namespace fs = std::filesystem;

/// A file that is deleted unless it gets its name.
class UnnamedFile {
 public:
  explicit UnnamedFile(std::string path) : path_(std::move(path)) {}
  UnnamedFile(const UnnamedFile&) = delete;
  UnnamedFile& operator=(const UnnamedFile&) = delete;
  ~UnnamedFile() {
    std::error_code ignored;  // there is nobody to tell, and nothing that the next one would not do again
    if (!path_.empty()) fs::remove(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  Result<void> name(const std::string& path) {
    std::error_code error;
    fs::rename(path_, path, error);
    if (error) return fail(ErrorCode::kUnavailable, "the file can't get its name", path + ": " + error.message());
    path_.clear();
    return {};
  }

 private:
  std::string path_;
};

/// Of a file, or of a folder for the names in it.
Result<void> sync(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && ::fsync(file) == 0;
  const int reason = errno;
  if (file >= 0) ::close(file);
  if (synced) return {};
  return fail(ErrorCode::kUnavailable, "the disk did not confirm a write", path + ": " + std::strerror(reason));
}

Result<void> sync_folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return sync(folder.empty() ? "." : folder.string());
}

/// Empty, and for its owner alone. What an interrupted run left under that name is no longer wanted.
Result<void> make_empty(const std::string& path) {
  ::unlink(path.c_str());
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return fail(ErrorCode::kUnavailable, "the file can't be made", path + ": " + std::strerror(errno));
  ::close(file);
  return {};
}

/// One step, so that it is one read transaction: in several, each commit of the service would begin the copy anew.
Result<void> copy_pages(Connection& from, Connection& to) {
  sqlite3_backup* copy = sqlite3_backup_init(to.native(), "main", from.native(), "main");
  if (copy == nullptr) return fail(to.last_error("copying the database"));
  sqlite3_backup_step(copy, -1);
  if (sqlite3_backup_finish(copy) != SQLITE_OK) return fail(to.last_error("copying the database"));
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

/// Writes `file` as a copy of the database at `path`, checked and synced.
Result<Backup> copy_database(const std::string& path, UnnamedFile& file) {
  if (!fs::exists(path)) return fail(ErrorCode::kUnavailable, "there is no database at " + path);
  const auto schema = look_at_schema(path);
  if (!schema) return fail(schema.error());
  if (schema->found == 0) return fail(ErrorCode::kInvalid, path + " holds no data of this program");
  DATASYNC_TRY(make_empty(file.path()));
  DATASYNC_TRY(write_copy(path, file.path()));
  DATASYNC_TRY(sync(file.path()));
  DATASYNC_TRY(check(file.path()));
  return describe(file.path(), schema->found);
}

/// The log goes last: a database without its log lacks what was committed last, and a log without its database is
/// nothing.
Result<void> set_aside(const std::string& path, const std::string& suffix) {
  for (const char* part : {"", "-wal", "-shm"}) {
    std::error_code error;
    fs::rename(path + part, path + suffix + part, error);
    if (error && error != std::errc::no_such_file_or_directory) {
      return fail(ErrorCode::kUnavailable, "the database of before can't be kept",
                  path + suffix + part + ": " + error.message());
    }
  }
  return {};
}

}  // namespace

Result<Backup> back_up(const std::string& path, const std::string& file) {
  if (fs::exists(file)) return fail(ErrorCode::kInvalid, "there is a file " + file + " already; choose another name");
  UnnamedFile copy(file + ".part");
  auto made = copy_database(path, copy);
  if (!made) return made;
  DATASYNC_TRY(copy.name(file));
  DATASYNC_TRY(sync_folder_of(file));
  return made;
}

Result<Backup> restore(const std::string& file, const std::string& path, bool replace, const std::string& suffix) {
  DATASYNC_TRY(check(file));
  const auto guard = FileGuard::take(path, "data-sync restore");
  if (!guard) return fail(guard.error());
  const bool is_there = fs::exists(path);
  if (is_there && !replace) {
    return fail(ErrorCode::kInvalid,
                "there is a database at " + path + " already; --replace keeps it beside, as " + path + suffix);
  }
  UnnamedFile copy(path + ".part");
  auto made = copy_database(file, copy);
  if (!made) return made;
  DATASYNC_TRY(set_aside(path, suffix));
  DATASYNC_TRY(copy.name(path));
  DATASYNC_TRY(sync_folder_of(path));
  return made;
}

}  // namespace datasync::storage::sqlite
