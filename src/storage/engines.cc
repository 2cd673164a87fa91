#include "storage/engines.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "storage/postgres/postgres_contents.h"
#include "storage/postgres/postgres_store.h"
#include "storage/sqlite/backup.h"
#include "storage/sqlite/sqlite_contents.h"
#include "storage/sqlite/sqlite_store.h"

namespace datasync::storage {
namespace {

constexpr std::string_view kSqliteScheme = "sqlite://";

bool is_sqlite(std::string_view location) {
  return location.starts_with(kSqliteScheme) || location.find("://") == std::string_view::npos;
}

std::string sqlite_path(const std::string& location) {
  return location.starts_with(kSqliteScheme) ? location.substr(kSqliteScheme.size()) : location;
}

Result<std::unique_ptr<Store>> open_sqlite(const OpenOptions& options) {
  sqlite::SqliteOptions native;
  native.path = sqlite_path(options.location);
  native.instance = options.instance;
  native.import = options.import;
  return sqlite::open_sqlite_store(std::move(native));
}

Result<void> migrate_sqlite(const std::string& location, std::optional<std::int64_t> to) {
  return sqlite::migrate_file(sqlite_path(location), to);
}

Result<void> expect_file(const std::string& path) {
  if (std::filesystem::exists(path)) return {};
  return fail(ErrorCode::kUnavailable,
              "there is no database at " + path + "; DATABASE_URL, or the folder where this runs, says where it is");
}

Result<View> view_sqlite(const std::string& location) {
  const std::string path = sqlite_path(location);
  DATASYNC_TRY(expect_file(path));
  auto view = sqlite::open_sqlite_view(path);
  if (!view) return fail(std::move(view).error());
  return View{std::move(view->reader), std::move(view->identity_secret), view->last_sequence};
}

Result<SchemaVersions> look_at_sqlite(const std::string& location) {
  const std::string path = sqlite_path(location);
  if (!std::filesystem::exists(path)) return SchemaVersions{};
  return sqlite::look_at_schema(path);
}

Result<Backup> back_up_sqlite(const std::string& location, const std::string& file) {
  const auto made = sqlite::back_up(sqlite_path(location), file);
  if (!made) return fail(made.error());
  return Backup{made->bytes, made->schema, made->events};
}

Result<Backup> restore_sqlite(const RestoreOptions& options) {
  const auto made = sqlite::restore(options.file, sqlite_path(options.location), options.replace, options.suffix);
  if (!made) return fail(made.error());
  return Backup{made->bytes, made->schema, made->events};
}

Result<std::unique_ptr<Contents>> contents_of_sqlite(const std::string& location) {
  const std::string path = sqlite_path(location);
  DATASYNC_TRY(expect_file(path));
  return sqlite::open_sqlite_contents(path);
}

Result<void> begin_sqlite_import(const std::string& location, const ContentMarks& marks) {
  return sqlite::begin_import(sqlite_path(location), marks.identity_secret);
}

Result<void> end_sqlite_import(const std::string& location, Sequence last) {
  return sqlite::end_import(sqlite_path(location), last);
}

/// A server's own tools know about its other databases, its archive of logs and its standbys.
Result<Backup> leave_to_pg_dump(const std::string&, const std::string&) {
  return fail(ErrorCode::kInvalid, "a PostgreSQL database is backed up with pg_dump, or as its server is");
}

Result<Backup> leave_to_pg_restore(const RestoreOptions&) {
  return fail(ErrorCode::kInvalid, "a PostgreSQL database is restored with pg_restore, or as its server is");
}

Result<std::unique_ptr<Store>> open_postgres(const OpenOptions& options) {
  return postgres::open_postgres_store({options.location, options.instance, options.import, options.lease});
}

Result<View> view_postgres(const std::string& location) {
  auto view = postgres::open_postgres_view(location);
  if (!view) return fail(std::move(view).error());
  return View{std::move(view->reader), std::move(view->identity_secret), view->last_sequence};
}

Result<SchemaVersions> look_at_postgres(const std::string& location) {
  const auto versions = postgres::look_at_schema(location);
  if (!versions) return fail(versions.error());
  return SchemaVersions{versions->found, versions->newest};
}

constexpr std::array kEngines{
    Engine{"sqlite", is_sqlite, open_sqlite, migrate_sqlite, view_sqlite, look_at_sqlite, sqlite_path, back_up_sqlite,
           restore_sqlite, contents_of_sqlite, begin_sqlite_import, end_sqlite_import},
    Engine{"postgres", postgres::is_postgres_url, open_postgres, postgres::migrate_postgres, view_postgres,
           look_at_postgres, postgres::describe_url, leave_to_pg_dump, leave_to_pg_restore,
           postgres::open_postgres_contents, postgres::begin_import, postgres::end_import},
};

Result<const Engine*> engine_of(const std::string& location) {
  const auto* at =
      std::find_if(kEngines.begin(), kEngines.end(), [&](const Engine& engine) { return engine.opens(location); });
  if (at != kEngines.end()) return at;
  // The location may hold a password: only its scheme is named.
  return fail(ErrorCode::kInvalid, "no storage engine opens this DATABASE_URL", location.substr(0, location.find(':')));
}

}  // namespace

std::span<const Engine> engines() {
  return kEngines;
}

Result<std::unique_ptr<Store>> open_store(const OpenOptions& options) {
  const auto engine = engine_of(options.location);
  if (!engine) return fail(engine.error());
  return (*engine)->open(options);
}

Result<void> migrate(const std::string& location, std::optional<std::int64_t> to) {
  const auto engine = engine_of(location);
  if (!engine) return fail(engine.error());
  return (*engine)->migrate(location, to);
}

Result<View> open_view(const std::string& location) {
  const auto engine = engine_of(location);
  if (!engine) return fail(engine.error());
  return (*engine)->view(location);
}

Result<SchemaVersions> look_at_schema(const std::string& location) {
  const auto engine = engine_of(location);
  if (!engine) return fail(engine.error());
  return (*engine)->look_at_schema(location);
}

Result<std::unique_ptr<Contents>> open_contents(const std::string& location) {
  const auto engine = engine_of(location);
  if (!engine) return fail(engine.error());
  return (*engine)->contents(location);
}

Result<void> begin_import(const std::string& location, const ContentMarks& marks) {
  const auto engine = engine_of(location);
  if (!engine) return fail(engine.error());
  return (*engine)->begin_import(location, marks);
}

Result<void> end_import(const std::string& location, Sequence last) {
  const auto engine = engine_of(location);
  if (!engine) return fail(engine.error());
  return (*engine)->end_import(location, last);
}

Result<Backup> back_up(const std::string& location, const std::string& file) {
  const auto engine = engine_of(location);
  if (!engine) return fail(engine.error());
  return (*engine)->back_up(location, file);
}

Result<Backup> restore(const RestoreOptions& options) {
  const auto engine = engine_of(options.location);
  if (!engine) return fail(engine.error());
  return (*engine)->restore(options);
}

std::string describe(const std::string& location) {
  const auto engine = engine_of(location);
  return engine ? (*engine)->describe(location) : "nowhere";
}

}  // namespace datasync::storage
