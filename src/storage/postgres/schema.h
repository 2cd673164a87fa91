#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "storage/postgres/connection.h"

namespace datasync::storage::postgres {

/// How a migration waits for the tables that others use. While it waits for their locks nobody gets to those tables,
/// so it gives up after some seconds, and lets them work for a while before the next try.
struct Patience {
  int tries_max = 6;                            ///< >= 1; with the pauses and locks of 5 s, a minute
  std::chrono::milliseconds first_pause{1000};  ///< doubles with each
};

/// Brings the database to schema `to`, or else to this binary's: every migration that it lacks, in order, in one
/// transaction, under a lock that lets one instance at a time do it. Waits: as `patience` says, on the caller's thread.
/// Errors: `kInvalid` for a newer schema or another program's tables, and as `schema_to_reach`; `kUnavailable`, with
/// the remedy, where others keep its locks; nothing is touched then.
[[nodiscard]] Outcome<void> migrate(Connection& connection, std::optional<std::int64_t> to = {},
                                    Patience patience = {});

struct Versions {
  std::int64_t found = 0;  ///< 0: nothing is there yet
  std::int64_t newest = 0;
};
/// Changes nothing. Errors: as `migrate`.
[[nodiscard]] Outcome<Versions> read_versions(Connection& connection);

}  // namespace datasync::storage::postgres
