#include "storage/postgres/shard.h"

namespace datasync::storage::postgres {

std::string bytes_of(const Shards& shards) {
  std::string bytes(kShardCount / 8, '\0');
  for (std::size_t shard = 0; shard < kShardCount; ++shard) {
    if (shards.test(shard)) bytes[shard / 8] = static_cast<char>(bytes[shard / 8] | (1 << (shard % 8)));
  }
  return bytes;
}

}  // namespace datasync::storage::postgres
