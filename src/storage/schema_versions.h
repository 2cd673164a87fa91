#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"

namespace datasync::storage {

/// The schema of a database, and the newest one that this program knows. `found` 0: nothing is there yet.
struct SchemaVersions {
  std::int64_t found = 0;
  std::int64_t newest = 0;
};

/// To which schema a database is brought: to `wanted`, or else to the newest.
/// Errors: `kInvalid`, with the remedy, for one that lies before what is there, or that this program does not know.
[[nodiscard]] Result<std::int64_t> schema_to_reach(const SchemaVersions& versions, std::optional<std::int64_t> wanted);

}  // namespace datasync::storage
