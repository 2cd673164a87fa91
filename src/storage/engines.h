#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "storage/contents.h"
#include "storage/schema_versions.h"
#include "storage/store.h"

namespace datasync::storage {

struct OpenOptions {
  /// `DATABASE_URL`, or the path of a file.
  std::string location;
  std::string instance;  ///< who opens it, for the messages of other instances
  bool import = false;   ///< it is being filled by an import, which has begun
  /// So long an instance that shares the database counts as alive without being heard of. None: it is not shared. An
  /// engine that can't be shared takes no notice.
  std::optional<milliseconds> lease = {};
};

/// What a store holds, to be read beside the service that writes it. Takes no lock and changes nothing.
struct View {
  std::unique_ptr<Reader> reader;
  std::string identity_secret;
  Sequence last_sequence{};  ///< when it was opened
};

/// A copy of a database in one file.
struct Backup {
  std::int64_t bytes = 0;   ///< of the file that was written
  std::int64_t schema = 0;  ///< as in `SchemaVersions::found`
  std::int64_t events = 0;  ///< in it
};

struct RestoreOptions {
  std::string file;      ///< that `back_up` wrote
  std::string location;  ///< `DATABASE_URL`
  bool replace = false;  ///< a database that is there already is kept beside, under its name and `suffix`
  std::string suffix;
};

/// One way to keep things. A new engine is one folder and one line in `engines()`; by that line it also joins the
/// contract tests.
struct Engine {
  std::string_view name;
  bool (*opens)(std::string_view location);  ///< the first engine that says yes gets it
  Result<std::unique_ptr<Store>> (*open)(const OpenOptions& options);
  Result<void> (*migrate)(const std::string& location, std::optional<std::int64_t> to);
  Result<View> (*view)(const std::string& location);
  Result<SchemaVersions> (*look_at_schema)(const std::string& location);
  std::string (*describe)(const std::string& location);
  Result<Backup> (*back_up)(const std::string& location, const std::string& file);
  Result<Backup> (*restore)(const RestoreOptions& options);
  Result<std::unique_ptr<Contents>> (*contents)(const std::string& location);
  Result<void> (*begin_import)(const std::string& location, const ContentMarks& marks);
  Result<void> (*end_import)(const std::string& location, Sequence last);
};

[[nodiscard]] std::span<const Engine> engines();

/// Opens the store that the location speaks of, makes or migrates its schema, and takes over its shards.
/// Errors: `kInvalid` for a location that no engine opens, or data of a newer version; else as the engine says.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(const OpenOptions& options);

/// Makes or migrates the schema, up to version `to` or else the newest, and takes nothing over.
/// Errors: as `open_store` and `schema_to_reach`.
[[nodiscard]] Result<void> migrate(const std::string& location, std::optional<std::int64_t> to = {});

/// Errors: `kInvalid` for data of another schema than this program's; `kUnavailable` where there is none.
[[nodiscard]] Result<View> open_view(const std::string& location);

/// Changes nothing. Errors: as `open_store`.
[[nodiscard]] Result<SchemaVersions> look_at_schema(const std::string& location);

/// Copies all that was committed into a new file, beside the service that writes it. Errors: `kInvalid` if the file is
/// there already, or for an engine that has tools of its own for this; `kUnavailable` if there is no database, or for a
/// full disk; `kCorrupt` for a damaged database.
[[nodiscard]] Result<Backup> back_up(const std::string& location, const std::string& file);
/// Makes a database from such a file. Errors: as `back_up`; `kUnavailable` while somebody has the database open;
/// `kCorrupt` for a damaged file. The database of before stays in place then.
[[nodiscard]] Result<Backup> restore(const RestoreOptions& options);

/// Errors: as `open_view`.
[[nodiscard]] Result<std::unique_ptr<Contents>> open_contents(const std::string& location);

/// Makes an empty store for what has these marks. Until `end_import` nothing but an import opens it.
/// Errors: `kInvalid` if something is there already; as `open_store`.
[[nodiscard]] Result<void> begin_import(const std::string& location, const ContentMarks& marks);
/// `last`: the highest sequence that was given out where the data come from.
[[nodiscard]] Result<void> end_import(const std::string& location, Sequence last);

/// Where it is, for people and the log: without user and password.
[[nodiscard]] std::string describe(const std::string& location);

}  // namespace datasync::storage
