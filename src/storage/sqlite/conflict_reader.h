#pragma once

#include "base/result.h"
#include "storage/sqlite/connection.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

/// One page of the conflicts that fit the filter, newest first. In a transaction of the caller's, so that page and
/// total are of one moment.
[[nodiscard]] Result<Reader::ConflictPage> read_conflicts(Connection& connection, const Reader::ConflictFilter& filter);

}  // namespace datasync::storage::sqlite
