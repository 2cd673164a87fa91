#include "wire/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace datasync::bench {
namespace {

TEST(Histogram, IsExactBelow128) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 100; ++value) histogram.record(value);
  EXPECT_EQ(histogram.quantile(0.5), 50u);
  EXPECT_EQ(histogram.quantile(0.99), 99u);
  EXPECT_EQ(histogram.quantile(1.0), 100u);
  EXPECT_EQ(histogram.max(), 100u);
}

TEST(Histogram, TellsZeroWhileItIsEmpty) {
  EXPECT_EQ(Histogram().quantile(0.5), 0u);
  EXPECT_EQ(Histogram().max(), 0u);
}

TEST(Histogram, TakesTheLargestValueThereIs) {
  Histogram histogram;
  histogram.record(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(histogram.quantile(0.5), std::numeric_limits<std::uint64_t>::max());
}

// Against the plain way: sort all values and count.
TEST(Histogram, IsNeverTooLowAndAtMostTheWidthOfABucketTooHigh) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> times(7.0, 2.0);
  Histogram histogram;
  std::vector<std::uint64_t> values(20'000);
  for (std::uint64_t& value : values) histogram.record(value = static_cast<std::uint64_t>(times(random)));
  std::sort(values.begin(), values.end());

  for (const double share : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    const std::uint64_t exact = values[rank - 1];
    EXPECT_GE(histogram.quantile(share), exact) << share;
    EXPECT_LE(static_cast<double>(histogram.quantile(share)), static_cast<double>(exact) * 1.016 + 1) << share;
  }
}

}  // namespace
}  // namespace datasync::bench
