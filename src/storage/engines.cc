#include "storage/engines.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "storage/postgres/postgres_store.h"
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
  return sqlite::open_sqlite_store(std::move(native));
}

Result<void> migrate_sqlite(const std::string& location) {
  const auto opened = open_sqlite({location, "data-sync migrate"});
  if (!opened) return fail(opened.error());
  return {};
}

Result<View> view_sqlite(const std::string& location) {
  const std::string path = sqlite_path(location);
  if (!std::filesystem::exists(path)) {
    return fail(ErrorCode::kUnavailable,
                "there is no database at " + path + "; DATABASE_URL, or the folder where this runs, says where it is");
  }
  auto view = sqlite::open_sqlite_view(path);
  if (!view) return fail(std::move(view).error());
  return View{std::move(view->reader), std::move(view->identity_secret), view->last_sequence};
}

Result<SchemaVersions> look_at_sqlite(const std::string& location) {
  const std::string path = sqlite_path(location);
  if (!std::filesystem::exists(path)) return SchemaVersions{};
  const auto versions = sqlite::look_at_schema(path);
  if (!versions) return fail(versions.error());
  return SchemaVersions{versions->found, versions->newest};
}

Result<std::unique_ptr<Store>> open_postgres(const OpenOptions& options) {
  return postgres::open_postgres_store({options.location, options.instance});
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
    Engine{"sqlite", is_sqlite, open_sqlite, migrate_sqlite, view_sqlite, look_at_sqlite, sqlite_path},
    Engine{"postgres", postgres::is_postgres_url, open_postgres, postgres::migrate_postgres, view_postgres,
           look_at_postgres, postgres::describe_url},
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

Result<void> migrate(const std::string& location) {
  const auto engine = engine_of(location);
  if (!engine) return fail(engine.error());
  return (*engine)->migrate(location);
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

std::string describe(const std::string& location) {
  const auto engine = engine_of(location);
  return engine ? (*engine)->describe(location) : "nowhere";
}

}  // namespace datasync::storage
