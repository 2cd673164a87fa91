#include "base/any_byte.h"

#include <gtest/gtest.h>

#include <string>

namespace datasync {
namespace {

bool has_special(std::string_view text) {
  return any_byte(text, [](auto byte) { return (byte == 0) | (byte == '\\') | (byte >= 0x80); });
}

TEST(AnyByte, IsFoundAtEachPlaceOfTextsOfEachLength) {
  for (std::size_t size = 0; size <= 70; ++size) {
    const std::string plain(size, '~');
    EXPECT_FALSE(has_special(plain)) << size;
    for (std::size_t at = 0; at < size; ++at) {
      for (const char special : {'\0', '\\', '\x80', '\xff'}) {
        std::string text = plain;
        text[at] = special;
        EXPECT_TRUE(has_special(text)) << size << " " << at;
      }
    }
  }
}

TEST(AnyByte, IsNotLookedForBesideTheText) {
  const std::string text = "\\~~~~~~~~~~~~~~~~~~~~\\";
  EXPECT_FALSE(has_special(std::string_view(text).substr(1, text.size() - 2)));
}

TEST(AnyByte, IsFoundByItsValue) {
  for (int wanted = 0; wanted < 256; ++wanted) {
    for (int found = 0; found < 256; ++found) {
      const std::string text(16, static_cast<char>(found));
      EXPECT_EQ(any_byte(text, [wanted](auto byte) { return byte == static_cast<unsigned char>(wanted); }),
                wanted == found);
    }
  }
}

}  // namespace
}  // namespace datasync
