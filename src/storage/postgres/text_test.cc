#include "storage/postgres/text.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <set>
#include <string>

#include "base/random.h"

namespace datasync::storage::postgres {
namespace {

TEST(PostgresText, OrdinaryTextIsItself) {
  std::string buffer;
  for (const std::string_view text : {"", "user-7", "Zoë \"Z\" O'Brien\n", "日本", "%_;--"}) {
    EXPECT_EQ(to_text(text, buffer), text);
    EXPECT_EQ(*from_text(text), text);
  }
}

TEST(PostgresText, AnyBytesComeBackAndNoTwoAreOneText) {
  const auto random = make_seeded_random(7);
  const std::string alphabet("a\\0f\0\x01\x7f\x80\xc3\xab\xff\xed\xa0\x80", 14);
  std::set<std::string> bytes;
  std::set<std::string> texts;
  std::string buffer;
  for (int i = 0; i < 5000; ++i) {
    std::string one;
    for (std::uint64_t size = random->next() % 6; size > 0; --size) one += alphabet[random->next() % alphabet.size()];
    const std::string text(to_text(one, buffer));
    EXPECT_TRUE(simdjson::validate_utf8(text));
    EXPECT_EQ(text.find('\0'), std::string::npos);
    EXPECT_EQ(*from_text(text), one);
    bytes.insert(one);
    texts.insert(text);
  }
  EXPECT_EQ(bytes.size(), texts.size());
}

TEST(PostgresText, WhatWasNeverWrittenIsDamaged) {
  for (const char* text : {"\\", "a\\0", "\\0g", "\\G0"}) EXPECT_FALSE(from_text(text)) << text;
}

}  // namespace
}  // namespace datasync::storage::postgres
