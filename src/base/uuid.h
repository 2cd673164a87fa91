#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/time.h"

namespace datasync {

using Uuid = std::array<std::uint8_t, 16>;

/// Makes UUIDv7s (RFC 9562, 5.7) that rise strictly within one generator: 48 bits of milliseconds, then a 12-bit
/// counter (method 1), then 62 random bits. A clock that steps back does not make the ids step back. Threads: not
/// thread-safe.
class UuidGenerator {
 public:
  UuidGenerator(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
  [[nodiscard]] Uuid next();

 private:
  const Clock& clock_;  // borrowed, as `random_`: the owner of this generator outlives it
  Random& random_;
  std::uint64_t last_ms_ = 0;
  std::uint32_t counter_ = 0;
};

/// The version 5 UUID (SHA-1 free: name-based by XXH3-128, marked as version 8 of RFC 9562) of `name`: the same name
/// gives the same id on every machine.
[[nodiscard]] Uuid uuid_of_name(std::string_view name);

/// The canonical text of 36 characters, lower case.
[[nodiscard]] std::string format_uuid(const Uuid& uuid);
/// Reads the canonical text, either case; none for anything else.
[[nodiscard]] std::optional<Uuid> parse_uuid(std::string_view text);

}  // namespace datasync
