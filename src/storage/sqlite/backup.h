#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace datasync::storage::sqlite {

struct Backup {
  std::int64_t bytes = 0;   ///< of the file that was written
  std::int64_t schema = 0;  ///< as in `SchemaVersions::found`
  std::int64_t events = 0;  ///< in it
};

/// Copies the database at `path` into a new file, beside the service that writes it: all that was committed when the
/// copy began, and nothing else. The file stands by itself (no log beside it), was synced, read again and found whole
/// before it got its name. The log of a busy service grows meanwhile, since it can't be copied back under a reader.
///
/// Errors: `kInvalid` for another program's file, or if there is a file of the new name; `kUnavailable` if there is no
///         database or the disk is full; `kCorrupt` for a damaged database. Of a copy that failed nothing is left.
[[nodiscard]] Result<Backup> back_up(const std::string& path, const std::string& file);

/// Makes the database at `path` anew from such a file, which is read as a whole and found well first. A database that
/// is there already is refused or, with `replace`, kept beside it under a name that ends with `suffix`.
///
/// Errors: as `back_up`; `kUnavailable` while a service has the database open; `kCorrupt` for a damaged file. The
///         database of before stays in place then.
[[nodiscard]] Result<Backup> restore(const std::string& file, const std::string& path, bool replace,
                                     const std::string& suffix);

}  // namespace datasync::storage::sqlite
