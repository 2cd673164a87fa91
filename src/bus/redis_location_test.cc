#include <gmock/gmock.h>

#include "bus/redis/location.h"

namespace datasync::bus::redis {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RedisLocation, IsReadWithAllItsParts) {
  const auto whole = read_location("redis://sync:p%40ss%2Fword@cache.example:6380/6");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->host, "cache.example");
  EXPECT_EQ(whole->port, 6380);
  EXPECT_EQ(whole->user, "sync");
  EXPECT_EQ(whole->password, "p@ss/word");
  EXPECT_EQ(whole->database, 6);
  EXPECT_EQ(whole->str(), "redis://cache.example:6380/6");
}

TEST(RedisLocation, NeedsOnlyAHost) {
  const auto bare = read_location("redis://localhost");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->str(), "redis://localhost:6379/0");
  EXPECT_EQ(read_location("redis://:secret@localhost/")->password, "secret");
  EXPECT_EQ(read_location("redis://[::1]:7000/1")->host, "::1");
  EXPECT_EQ(read_location("redis://[::1]:7000/1")->str(), "redis://[::1]:7000/1");
}

TEST(RedisLocation, WhatIsWrongIsSaidWithoutTheSecret) {
  const auto refusal = [](std::string_view url) {
    const auto location = read_location(url);
    return location ? std::string("it is taken") : location.error().message;
  };
  EXPECT_THAT(refusal("rediss://:hunter2@h"), AllOf(HasSubstr("TLS"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(refusal("http://:hunter2@h"), AllOf(HasSubstr("scheme"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(refusal("redis://:hunter2@h/six"), AllOf(HasSubstr("database"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(refusal("redis://:hunter2@h/-1"), HasSubstr("database"));
  EXPECT_THAT(refusal("redis://:hunter2@h:0"), HasSubstr("port"));
  EXPECT_THAT(refusal("redis://:hunter2@h:70000"), HasSubstr("port"));
  EXPECT_THAT(refusal("redis://:hunter2@"), HasSubstr("host"));
  EXPECT_THAT(refusal("redis://hunter2@h"), AllOf(HasSubstr("no password"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(refusal("redis://:hunter2@h/0?db=3"), HasSubstr("more than a database"));
  EXPECT_THAT(refusal("localhost:6379"), HasSubstr("redis://[[user]:password@]host[:port][/database]"));
}

}  // namespace
}  // namespace datasync::bus::redis
