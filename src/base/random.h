#pragma once

#include <cstdint>
#include <memory>

namespace datasync {

/// The only source of randomness in the service, so that one seed replays one run.
/// Threads: not thread-safe; each thread owns one.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
  /// Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
};

/// xoshiro256++ (Blackman and Vigna, 2019) from a 64-bit seed: quick, and good enough for ids and jitter, never for
/// keys.
[[nodiscard]] std::unique_ptr<Random> make_seeded_random(std::uint64_t seed);
/// The same, seeded by the operating system.
[[nodiscard]] std::unique_ptr<Random> make_system_random();

}  // namespace datasync
