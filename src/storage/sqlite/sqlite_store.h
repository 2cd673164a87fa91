#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "storage/schema_versions.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

struct SqliteOptions {
  std::string path;                     ///< of the database file; its folder must exist
  std::string instance = "unnamed";     ///< who we are, for the messages of those who come after or between
  std::int64_t cache_bytes = 16 << 20;  ///< pages that the writing connection keeps; each reader has an eighth of it
  /// The log is copied into the database once it is larger. Small: long stalls never, but pages that change often are
  /// written more often. Without readers that hold it open the log stays below it plus one transaction.
  std::int64_t wal_bytes_max = 16 << 20;
  std::int64_t identity_log_max = 50'000;  ///< see `IdentityIndex`; 50 bytes of memory each
  bool guard = true;     ///< refuse a file that another process has open; off only where that is what is tested
  bool import = false;   ///< open it though its import has not come to its end
  bool durable = true;   ///< false: nothing waits for the disk; for what nobody needs after a crash
  std::string base_vfs;  ///< SQLite's file system to stand on; empty: the system's
};

/// Opens the file, makes or migrates its schema, and takes over all shards with a higher epoch: a store that was opened
/// earlier on the same file can't commit any more.
///
/// Errors: `kUnavailable` if the file can't be opened or another process has it open; `kInvalid` for a file of a newer
///         schema or of another program; `kCorrupt` for a damaged one.
[[nodiscard]] Result<std::unique_ptr<Store>> open_sqlite_store(SqliteOptions options);

/// What a file holds, to be read beside the service that writes it. Takes no lock and changes nothing; each call of the
/// reader sees one committed state, the newest; but for identities, which are found as they were when it was opened:
/// later ones some time later.
struct SqliteView {
  std::unique_ptr<Reader> reader;
  std::string identity_secret;
  Sequence last_sequence{};  ///< when it was opened
};
/// Errors: `kInvalid` for a file of another schema than this program's; as `open_sqlite_store`, but for a file in use.
[[nodiscard]] Result<SqliteView> open_sqlite_view(const std::string& path);

/// The schema of a file, and the newest one; nothing is changed. Errors: as `open_sqlite_store`, but for a file in use.
[[nodiscard]] Result<SchemaVersions> look_at_schema(const std::string& path);

/// Makes or migrates the schema of a file that nobody has open, up to version `to` or else the newest.
/// Errors: as `open_sqlite_store` and `schema_to_reach`.
[[nodiscard]] Result<void> migrate_file(const std::string& path, std::optional<std::int64_t> to);

}  // namespace datasync::storage::sqlite
