#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace datasync {

/// The first eight bytes of a name as a number that sorts as the name does: most comparisons of two names end there.
[[nodiscard]] inline std::uint64_t sort_prefix(std::string_view name) noexcept {
  std::uint64_t prefix = 0;
  if (!name.empty()) std::memcpy(&prefix, name.data(), std::min(name.size(), sizeof prefix));
  return std::endian::native == std::endian::little ? __builtin_bswap64(prefix) : prefix;
}

}  // namespace datasync
