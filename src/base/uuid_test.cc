#include "base/uuid.h"

#include <gtest/gtest.h>

namespace datasync {
namespace {

TEST(Uuid, RisesStrictlyEvenWhenTheClockStandsStillOrStepsBack) {
  ManualClock clock;
  const auto random = make_seeded_random(1);
  UuidGenerator generator(clock, *random);
  Uuid last = generator.next();
  for (int i = 0; i < 20'000; ++i) {
    if (i == 10'000) clock.advance(-seconds{5});
    const Uuid next = generator.next();
    ASSERT_LT(last, next) << "at " << i;
    last = next;
  }
}

TEST(Uuid, CarriesVersionSevenAndReadsBackWhatItWrote) {
  ManualClock clock;
  const auto random = make_seeded_random(2);
  const Uuid uuid = UuidGenerator(clock, *random).next();
  const std::string text = format_uuid(uuid);
  EXPECT_EQ(text[14], '7');
  EXPECT_EQ(parse_uuid(text), uuid);
  EXPECT_EQ(parse_uuid("not-a-uuid"), std::nullopt);
  EXPECT_EQ(parse_uuid(std::string(36, '-')), std::nullopt);
}

}  // namespace
}  // namespace datasync
