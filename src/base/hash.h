#pragma once

#include <compare>
#include <cstdint>
#include <string_view>

namespace datasync {

/// 128 bits of XXH3: quick and stable across machines and versions, so it may be stored. Not for secrets: where an
/// outsider could gain by a collision, use the keyed hash of `crypto/`.
struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const Hash128&) const = default;
};

[[nodiscard]] std::uint64_t hash64(std::string_view bytes, std::uint64_t seed = 0) noexcept;
[[nodiscard]] Hash128 hash128(std::string_view bytes, std::uint64_t seed = 0) noexcept;

/// For hash tables keyed by `Hash128`: its bits are already well mixed.
struct Hash128Hasher {
  using is_avalanching = void;
  std::size_t operator()(const Hash128& hash) const noexcept { return static_cast<std::size_t>(hash.low); }
};

}  // namespace datasync
