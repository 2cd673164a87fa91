#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace datasync::bench {

/// Counts values in buckets that grow with the value: exact below 128, then 64 buckets for each power of two, so a
/// quantile is at most 1.6 % too high. Values need no unit; all of ours are microseconds. Threads: not thread-safe.
class Histogram {
 public:
  void record(std::uint64_t value) {
    ++buckets_[bucket_of(value)];
    ++count_;
    max_ = std::max(max_, value);
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }

  /// The smallest bucket's upper end that `share` (0..1) of all values do not exceed; 0 without any value.
  [[nodiscard]] std::uint64_t quantile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size() && count_ > 0; ++i) {
      seen += buckets_[i];
      if (seen >= wanted && seen > 0) return std::min(upper_end_of(i), max_);
    }
    return max_;
  }

 private:
  static constexpr std::uint64_t kExact = 128;
  static constexpr std::uint64_t kPerPower = 64;
  static constexpr std::size_t kBuckets = kExact + 57 * kPerPower;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < kExact) return value;
    const auto shift = static_cast<std::uint64_t>(std::bit_width(value)) - 7;
    return kExact + (shift - 1) * kPerPower + ((value >> shift) - kPerPower);
  }
  static std::uint64_t upper_end_of(std::size_t bucket) {
    if (bucket < kExact) return bucket;
    const std::uint64_t shift = (bucket - kExact) / kPerPower + 1;
    const std::uint64_t top = (bucket - kExact) % kPerPower + kPerPower;
    return ((top + 1) << shift) - 1;  // wraps to the largest value in the last bucket, as it should
  }

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace datasync::bench
