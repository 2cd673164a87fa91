#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "storage/sqlite/connection.h"

namespace datasync::storage::sqlite {

/// Brings the file to schema `to`, or else to this binary's: every migration that it lacks, in order, each in a
/// transaction of its own.
/// Errors: `kInvalid` for a file of a newer schema or of another program, and as `schema_to_reach`; nothing is touched
///         then.
[[nodiscard]] Result<void> migrate(Connection& connection, std::optional<std::int64_t> to = {});

/// For those who only read. Errors: as `look_at_schema`; `kInvalid` for another schema than this binary's.
[[nodiscard]] Result<void> expect_newest_schema(const std::string& path);

}  // namespace datasync::storage::sqlite
