#include <gmock/gmock.h>

#include "bus/kafka/brokers.h"

namespace datasync::bus::kafka {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string refusal(std::string_view text) {
  const auto read = read_brokers(text);
  return read ? "taken: " + *read : read.error().message;
}

TEST(KafkaBrokers, AreHostsAndPortsWithCommas) {
  EXPECT_EQ(*read_brokers("kafka:9092"), "kafka:9092");
  EXPECT_EQ(*read_brokers("a.example, b-2:19092 ,[::1]:9093,10.0.0.1"),
            "a.example:9092,b-2:19092,[::1]:9093,10.0.0.1:9092");
}

TEST(KafkaBrokers, TellWhichOfThemIsWrong) {
  EXPECT_THAT(refusal(""), HasSubstr("broker 1 must be `host:port`"));
  EXPECT_THAT(refusal("a:1,,b:2"), HasSubstr("broker 2 must be"));
  EXPECT_THAT(refusal("a:1,b:0"), HasSubstr("broker 2 must be"));
  for (const char* wrong : {"a:65536", "a:-1", "a:9092x", "a:", "kafka://a:9092", "kafka://a", "user:secret@a:9092"}) {
    EXPECT_THAT(refusal(wrong), HasSubstr("broker 1 must be")) << wrong;
  }
  EXPECT_THAT(refusal("user:secret@a:9092"), Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace datasync::bus::kafka
