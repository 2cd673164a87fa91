#pragma once

#include <cstdint>
#include <optional>

#include "storage/postgres/connection.h"

namespace datasync::storage::postgres {

/// Brings the database to schema `to`, or else to this binary's: every migration that it lacks, in order, in one
/// transaction, under a lock that lets one instance at a time do it. Errors: `kInvalid` for a newer schema or another
/// program's tables, and as `schema_to_reach`; nothing is touched then.
[[nodiscard]] Outcome<void> migrate(Connection& connection, std::optional<std::int64_t> to = {});

struct Versions {
  std::int64_t found = 0;  ///< 0: nothing is there yet
  std::int64_t newest = 0;
};
/// Changes nothing. Errors: as `migrate`.
[[nodiscard]] Outcome<Versions> read_versions(Connection& connection);

}  // namespace datasync::storage::postgres
