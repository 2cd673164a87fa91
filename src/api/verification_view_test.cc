#include "api/verification_view.h"

#include <gtest/gtest.h>

namespace datasync::api {
namespace {

TEST(VerificationView, AMaskedValueShowsItsFirstLetterAndWhereItIs) {
  EXPECT_EQ(masked("asha@example.com"), "a***@example.com");
  EXPECT_EQ(masked("@example.com"), "***@example.com");
  EXPECT_EQ(masked("a@b@example.com"), "a***@example.com");
  EXPECT_EQ(masked("\u00e9lise@example.com"), "\u00e9***@example.com") << "no half letter";
  EXPECT_EQ(masked("+91 80 5550"), "+***");
  EXPECT_EQ(masked("\u00e9"), "\u00e9***");
  EXPECT_EQ(masked(""), "***");
}

}  // namespace
}  // namespace datasync::api
