#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "storage/sqlite/connection.h"
#include "storage/sqlite/identity_index.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

/// A reader with a read-only connection of its own. Each call is one read transaction: it sees one committed state, and
/// leaves nothing open that would keep the log from being emptied.
[[nodiscard]] Result<std::unique_ptr<Reader>> open_sqlite_reader(const Connection::Options& options,
                                                                 std::int64_t cache_bytes,
                                                                 std::shared_ptr<const PendingIdentities> pending);

}  // namespace datasync::storage::sqlite
