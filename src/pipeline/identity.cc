#include "pipeline/identity.h"

#include <initializer_list>

namespace datasync::pipeline {
namespace {

/// Parts are length-prefixed, so no two different lists are written alike.
std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  text.reserve(128);
  for (const std::string_view part : parts) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return text;
}

}  // namespace

Hash128 identity_of_canonical(const TenantId& tenant, std::string_view entity, std::string_view id) {
  return hash128(joined({"canonical", tenant.str(), entity, id}));
}

Hash128 identity_of_own_id(const TenantId& tenant, std::string_view entity, const PlatformId& platform,
                           std::string_view id) {
  return hash128(joined({"own", tenant.str(), entity, platform.str(), id}));
}

std::string natural_key_text(const TenantId& tenant, std::string_view entity, std::string_view field,
                             std::string_view normalised) {
  return joined({"natural", tenant.str(), entity, field, normalised});
}

}  // namespace datasync::pipeline
