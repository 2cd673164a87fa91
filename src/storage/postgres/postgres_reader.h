#pragma once

#include <memory>

#include "storage/postgres/location.h"
#include "storage/store.h"

namespace datasync::storage::postgres {

/// A connection of its own that can't write. Errors: as `Connection::open`.
[[nodiscard]] Result<std::unique_ptr<Reader>> open_postgres_reader(const Location& location);

}  // namespace datasync::storage::postgres
