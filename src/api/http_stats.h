#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace datasync::api {

/// Counts answers by route and class of status, and how long they took.
/// Threads: any; plain atomics, spread by route.
class HttpStats {
 public:
  static constexpr std::size_t kRoutesMax = 64;
  static constexpr std::uint32_t kNoRoute = kRoutesMax - 1;  ///< unknown paths
  /// Upper bounds in microseconds, one more bucket above.
  static constexpr std::array<std::int64_t, 10> kBounds{500,    1'000,   2'500,   5'000,     10'000,
                                                        25'000, 100'000, 250'000, 1'000'000, 10'000'000};

  void count(std::uint32_t route, int status, microseconds took) noexcept {
    Row& row = rows_[route];
    const std::size_t kind = status < 100 || status > 599 ? 4 : static_cast<std::size_t>(status / 100) - 1;
    row.by_class[kind].fetch_add(1, std::memory_order_relaxed);
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && took.count() > kBounds[bucket]) ++bucket;
    row.by_time[bucket].fetch_add(1, std::memory_order_relaxed);
    row.microseconds.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
  }

  struct alignas(64) Row {
    std::array<std::atomic<std::uint64_t>, 5> by_class{};
    std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> by_time{};
    std::atomic<std::uint64_t> microseconds{0};
  };
  [[nodiscard]] const Row& row(std::size_t route) const noexcept { return rows_[route]; }

 private:
  std::array<Row, kRoutesMax> rows_;
};

}  // namespace datasync::api
