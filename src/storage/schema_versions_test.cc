#include "storage/schema_versions.h"

#include <gmock/gmock.h>

namespace datasync::storage {
namespace {

using ::testing::HasSubstr;

TEST(SchemaToReach, IsTheNewestUnlessAnotherIsWanted) {
  EXPECT_EQ(schema_to_reach({0, 3}, std::nullopt).value(), 3);
  EXPECT_EQ(schema_to_reach({1, 3}, 2).value(), 2);
  EXPECT_EQ(schema_to_reach({2, 3}, 2).value(), 2) << "it is there already";
}

TEST(SchemaToReach, LiesNeitherBehindUsNorBeyondWhatThisProgramKnows) {
  const auto back = schema_to_reach({2, 3}, 1);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(back.error().message, HasSubstr("restore a backup"));
  const auto beyond = schema_to_reach({2, 3}, 4);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(beyond.error().message, HasSubstr("knows schemas up to 3"));
}

}  // namespace
}  // namespace datasync::storage
