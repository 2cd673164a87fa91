#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace datasync::storage::postgres {

struct PostgresOptions {
  std::string url;                   ///< `postgresql://…`; `prepared_statements=off` in it is for pgbouncer
  std::string instance = "unnamed";  ///< who we are, for the messages of those who come after
  bool import = false;               ///< open it though its import has not come to its end
  /// Other instances may work on a part of the tenants (`Store::shares`); one that is not heard of for so long counts
  /// as dead. None: this one takes all.
  std::optional<milliseconds> lease = {};
};

/// Connects, and makes or migrates the schema. Without a lease it takes over all shards with a higher epoch: a store
/// that was opened earlier on the same database can't commit any more. With one it takes none before `Shares::join`.
///
/// Errors: `kUnavailable` if the database does not answer; `kInvalid`, with the remedy, for a URL that can't be read, a
///         user or database that it refuses, a lack of permission, a server that is too old, a newer schema.
[[nodiscard]] Result<std::unique_ptr<Store>> open_postgres_store(const PostgresOptions& options);

/// Makes or migrates the schema, up to version `to` or else the newest, beside whoever holds the lease.
/// Errors: as `open_postgres_store` and `schema_to_reach`.
[[nodiscard]] Result<void> migrate_postgres(const std::string& url, std::optional<std::int64_t> to);

/// What a database holds, to be read beside the service that writes it. Takes no lease and changes nothing.
struct PostgresView {
  std::unique_ptr<Reader> reader;
  std::string identity_secret;
  Sequence last_sequence{};  ///< when it was opened
};
/// Errors: `kInvalid` for another schema than this program's, `kUnavailable` for none; as `open_postgres_store`.
[[nodiscard]] Result<PostgresView> open_postgres_view(const std::string& url);

[[nodiscard]] bool is_postgres_url(std::string_view url);
/// Where it is, without user and password: `postgresql://db:5432/bizosaas`.
[[nodiscard]] std::string describe_url(const std::string& url);

/// The schema of a database, and the newest one; nothing is changed. Errors: as `open_postgres_store`.
struct SchemaVersions {
  std::int64_t found = 0;
  std::int64_t newest = 0;
};
[[nodiscard]] Result<SchemaVersions> look_at_schema(const std::string& url);
/// For those who only read. Errors: as `open_postgres_view`.
[[nodiscard]] Result<void> expect_newest_schema(const std::string& url);

}  // namespace datasync::storage::postgres
