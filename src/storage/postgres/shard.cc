#include "storage/postgres/shard.h"

#include <openssl/sha.h>

#include <array>

#include "storage/postgres/text.h"

namespace datasync::storage::postgres {

std::size_t shard_of(const TenantId& tenant) {
  std::string buffer;
  const std::string_view text = to_text(tenant.str(), buffer);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest[0];
}

std::string bytes_of(const Shards& shards) {
  std::string bytes(kShardCount / 8, '\0');
  for (std::size_t shard = 0; shard < kShardCount; ++shard) {
    if (shards.test(shard)) bytes[shard / 8] = static_cast<char>(bytes[shard / 8] | (1 << (shard % 8)));
  }
  return bytes;
}

}  // namespace datasync::storage::postgres
