#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "storage/contents.h"

namespace datasync::storage::sqlite {

/// All that a file holds, in one read transaction: the log of a service that writes it grows meanwhile.
/// Errors: as `open_sqlite_view`.
[[nodiscard]] Result<std::unique_ptr<Contents>> open_sqlite_contents(const std::string& path);

/// Makes an empty database with that secret, which nothing opens but an import.
/// Errors: `kInvalid` if something is there already; as `open_sqlite_store`.
[[nodiscard]] Result<void> begin_import(const std::string& path, const std::string& secret);
/// Gives it free. Numbers up to `last` were given out already.
[[nodiscard]] Result<void> end_import(const std::string& path, Sequence last);

}  // namespace datasync::storage::sqlite
