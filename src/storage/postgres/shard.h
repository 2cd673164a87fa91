#pragma once

#include <string>

#include "base/ids.h"
#include "storage/shares.h"

namespace datasync::storage::postgres {

/// The shard of a tenant, as the function `datasync_shard` of the schema tells it.
[[nodiscard]] std::size_t shard_of(const TenantId& tenant);

/// 32 bytes, as `get_bit` counts their bits.
[[nodiscard]] std::string bytes_of(const Shards& shards);

}  // namespace datasync::storage::postgres
