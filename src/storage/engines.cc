#include "storage/engines.h"

#include <array>

#include "storage/sqlite/sqlite_store.h"

namespace datasync::storage {
namespace {

constexpr std::string_view kSqliteScheme = "sqlite://";

bool is_sqlite(std::string_view location) {
  return location.starts_with(kSqliteScheme) || location.find("://") == std::string_view::npos;
}

Result<std::unique_ptr<Store>> open_sqlite(const OpenOptions& options) {
  sqlite::SqliteOptions native;
  native.path = options.location;
  if (native.path.starts_with(kSqliteScheme)) native.path.erase(0, kSqliteScheme.size());
  native.instance = options.instance;
  return sqlite::open_sqlite_store(std::move(native));
}

constexpr std::array kEngines{
    Engine{"sqlite", is_sqlite, open_sqlite},
};

}  // namespace

std::span<const Engine> engines() {
  return kEngines;
}

Result<std::unique_ptr<Store>> open_store(const OpenOptions& options) {
  for (const Engine& engine : engines()) {
    if (engine.opens(options.location)) return engine.open(options);
  }
  // The location may hold a password: only its scheme is named.
  return fail(ErrorCode::kInvalid, "no storage engine opens this DATABASE_URL",
              options.location.substr(0, options.location.find(':')));
}

}  // namespace datasync::storage
