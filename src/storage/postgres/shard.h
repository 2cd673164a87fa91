#pragma once

#include <string>

#include "storage/shares.h"

namespace datasync::storage::postgres {

/// 32 bytes, as `get_bit` counts their bits.
[[nodiscard]] std::string bytes_of(const Shards& shards);

}  // namespace datasync::storage::postgres
