#include "base/time.h"

#include <gtest/gtest.h>

namespace datasync {
namespace {

TEST(Rfc3339, WritesWhatItReads) {
  for (const char* text : {"1970-01-01T00:00:00Z", "2026-01-31T09:30:00Z", "2024-02-29T23:59:59.000001Z"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(format_rfc3339(*time), text);
  }
}

TEST(Rfc3339, AnOffsetIsTakenIntoUtcAndItsAbsenceMeansUtc) {
  EXPECT_EQ(format_rfc3339(*parse_rfc3339("2026-01-31T15:00:00+05:30")), "2026-01-31T09:30:00Z");
  EXPECT_EQ(format_rfc3339(*parse_rfc3339("2026-01-31T09:30:00.123456789")), "2026-01-31T09:30:00.123456Z");
}

TEST(Rfc3339, NoTwoTimesAreWrittenAlike) {
  EXPECT_EQ(format_rfc3339(*parse_rfc3339("9999-12-31T23:59:59Z") + seconds{60}), "10000-01-01T00:00:59Z");
  EXPECT_EQ(format_rfc3339(Timestamp{microseconds{-59'500'000}}), "1969-12-31T23:59:00.500000Z");
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2026", "2026-02-30T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T09:30:00Zx",
                           "2026-01-31T09:30:00.", "2026-01-31T09:30:00+5", "+026-01-31T09:30:00Z", "yesterday"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

/// An offset once moved a time out of the years that can be written: it was read, and what was written of it was not.
TEST(Rfc3339, RefusesWhatAnOffsetMovesOutOfTheYears) {
  EXPECT_FALSE(parse_rfc3339("1970-01-01T00:00:00+00:01"));
  EXPECT_FALSE(parse_rfc3339("9999-12-31T23:59:59-00:01"));
  EXPECT_FALSE(parse_rfc3339("9999-12-31T23:59:60Z"));
  EXPECT_TRUE(parse_rfc3339("1970-01-01T00:01:00+00:01"));
  EXPECT_TRUE(parse_rfc3339("9999-12-31T23:59:59.999999Z"));
}

}  // namespace
}  // namespace datasync
