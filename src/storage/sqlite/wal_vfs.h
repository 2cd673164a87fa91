#pragma once

#include <string>

#include "base/result.h"

namespace datasync::storage::sqlite {

/// A file system layer for the writing connection, over the one named `base` (empty: the system's). SQLite writes each
/// page of a transaction into its log with two small writes, and those were most of a commit's time; this layer keeps
/// what is written to the log until it is synced or read, and then writes it in one. What was not synced could be lost
/// before too.
///
/// It relies on `synchronous=FULL`: only then does SQLite sync the log before it tells readers of the new pages.
/// Returns the name to open connections with. Errors: `kInternal` if there is no such `base`.
[[nodiscard]] Result<std::string> wal_vfs_over(const std::string& base);

}  // namespace datasync::storage::sqlite
