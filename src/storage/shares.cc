#include "storage/shares.h"

#include <openssl/sha.h>

#include <array>

#include "storage/postgres/text.h"

namespace datasync::storage {

/// As the function `datasync_shard` of PostgreSQL's schema.
std::size_t shard_of(const TenantId& tenant) {
  std::string buffer;
  const std::string_view text = postgres::to_text(tenant.str(), buffer);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest[0];
}

}  // namespace datasync::storage
