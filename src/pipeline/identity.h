#pragma once

#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/ids.h"

namespace datasync::pipeline {

/// How records are found. Each hash covers tenant and entity too, so one narrow table holds them all and a tenant can't
/// reach into another's. Any thread.

/// By the canonical id, or an alias of it.
[[nodiscard]] Hash128 identity_of_canonical(const TenantId& tenant, std::string_view entity, std::string_view id);
/// By a platform's own id.
[[nodiscard]] Hash128 identity_of_own_id(const TenantId& tenant, std::string_view entity, const PlatformId& platform,
                                         std::string_view id);
/// What is hashed, with a key (`crypto::KeyedHash`), to find a record by a natural key.
[[nodiscard]] std::string natural_key_text(const TenantId& tenant, std::string_view entity, std::string_view field,
                                           std::string_view normalised);

}  // namespace datasync::pipeline
