#include "base/interned.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace datasync {
namespace {

TEST(InternedTest, EqualTextsAreOneString) {
  const Interned a("email");
  const Interned b(std::string("email"));
  EXPECT_EQ(a, b);
  EXPECT_EQ(&a.str(), &b.str());
  EXPECT_NE(a, Interned("e-mail"));
  EXPECT_LT(Interned("a"), Interned("b"));
  EXPECT_TRUE(Interned().empty());
  EXPECT_EQ(Interned(), Interned(""));
}

TEST(InternedTest, ALongTextIsItsOwn) {
  const std::string text(Interned::kBytesMax + 1, 'x');
  Interned a(text);
  const Interned b(text);
  EXPECT_EQ(a, b);
  EXPECT_NE(&a.str(), &b.str());
  Interned copy(a);
  EXPECT_EQ(copy, b);
  const Interned moved(std::move(copy));
  EXPECT_EQ(moved, b);
  a = Interned("short");
  EXPECT_NE(a, b);
  a = moved;
  EXPECT_EQ(a, b);
  EXPECT_EQ(a <=> b, std::strong_ordering::equal);
}

TEST(InternedTest, ThreadsShareTheirTexts) {
  std::vector<const std::string*> seen(4);
  std::vector<std::thread> threads;
  for (auto& at : seen) threads.emplace_back([&at] { at = &Interned("shared by threads").str(); });
  for (std::thread& thread : threads) thread.join();
  for (const std::string* at : seen) EXPECT_EQ(at, seen.front());
}

TEST(FieldNameTest, StandsWhereATextIsExpected) {
  const FieldName name = "email";
  EXPECT_EQ(name, "email");
  EXPECT_EQ(name, std::string("email"));
  EXPECT_EQ(std::string_view("email"), name);
  EXPECT_NE(name, std::string_view("name"));
  EXPECT_LT(name, std::string_view("name"));
  const std::string_view text = name;
  EXPECT_EQ(text, "email");
}

// The last test here: it fills the table that all share.
TEST(InternedTest, WhatComesWhenThereAreEnoughIsItsOwn) {
  const Interned early("early");
  for (std::size_t i = 0; i <= Interned::kTextsMax; ++i) Interned("filler " + std::to_string(i));
  const Interned a("too late");
  const Interned b("too late");
  EXPECT_EQ(a, b);
  EXPECT_NE(&a.str(), &b.str());
  EXPECT_EQ(&Interned("early").str(), &early.str());
}

}  // namespace
}  // namespace datasync
