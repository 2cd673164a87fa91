#include "api/topic_message.h"

#include <gtest/gtest.h>

#include "api/test_support.h"

namespace datasync::api {
namespace {

using Message = bus::kafka::GroupConsumer::Message;

class TopicMessage : public ::testing::Test {
 protected:
  TopicMessage() {
    message_.place = {"crm.changes", 3};
    message_.offset = 41;
    message_.written_at = clock_.now() - seconds{100};
    message_.value = testing::kUserEvent;
  }

  Read<pipeline::Submission> read() { return read_topic_message(message_, {*catalog_, clock_.now(), 4'096}); }
  std::string fault() {
    const auto submission = read();
    return submission ? "accepted" : std::to_string(submission.error().status) + " " + submission.error().detail;
  }
  void set(const std::string& name, const std::string& value) {
    Fields event = parse_json_object(message_.value).value();
    event.set(name, parse_json(value).value());
    message_.value = event.to_json();
  }

  testing::TestClock clock_;
  std::shared_ptr<const pipeline::Catalog> catalog_ = testing::make_catalog();
  Message message_;
};

TEST_F(TopicMessage, IsReadAsTheBodyOfARequestIs) {
  const auto submission = read();
  ASSERT_TRUE(submission) << submission.error().detail;
  EXPECT_EQ(submission->event->type, "user_created");
  EXPECT_EQ(submission->event->tenant, TenantId{"t1"});
  EXPECT_EQ(submission->event->own_id, "u1");
  EXPECT_TRUE(submission->event->id.empty());
}

TEST_F(TopicMessage, WithoutAnIdHasAKeyOfWhereAndWhenItWasWritten) {
  EXPECT_EQ(read()->idempotency_key, "kafka/crm.changes/3/41/1767225500000");
  EXPECT_EQ(read()->idempotency_key, read()->idempotency_key);
  set("id", R"("mine")");
  EXPECT_EQ(read()->idempotency_key, "");
  EXPECT_EQ(read()->event->id, EventId{"mine"});
}

TEST_F(TopicMessage, MustNameItsTenant) {
  Fields event = parse_json_object(message_.value).value();
  event.take("tenant_id");
  message_.value = event.to_json();
  EXPECT_EQ(fault(), "422 /tenant_id: is required");
}

TEST_F(TopicMessage, LivesAsLongAsItSaysFromWhenItWasWritten) {
  set("ttl_seconds", "60");
  EXPECT_EQ(read()->event->expires_at, clock_.now() - seconds{40});
  message_.written_at = clock_.now() + seconds{1'000};  // by a clock that is ahead
  EXPECT_EQ(read()->event->expires_at, clock_.now() + seconds{60});
}

TEST_F(TopicMessage, IsACloudEventInStructuredMode) {
  message_.headers = {{"Content-Type", "application/cloudevents+json; charset=UTF-8"}};
  message_.value = R"({"specversion":"1.0","type":"com.bizosaas.user.created","source":"/bizoholic/crm","id":"ce-1",)"
                   R"("tenantid":"t1","targetplatforms":"coreldove","data":{"user_id":"u1"}})";
  const auto submission = read();
  ASSERT_TRUE(submission) << submission.error().detail;
  EXPECT_EQ(submission->event->id, EventId{"ce-1"});
  EXPECT_EQ(submission->event->source, PlatformId{"bizoholic"});
  EXPECT_EQ(submission->event->targets, std::vector{PlatformId{"coreldove"}});
}

TEST_F(TopicMessage, IsACloudEventInBinaryModeWhoseAttributesStandAsTheyAre) {
  message_.headers = {{"ce_specversion", "1.0"},
                      {"ce_type", "com.bizosaas.user.updated"},
                      {"ce_source", "/coreldove"},
                      {"ce_id", "a%20b"},
                      {"ce_tenantid", "t1"},
                      {"content-type", "application/json"},
                      {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}};
  message_.value = R"({"customer_id":"c1","customer_name":"Ada"})";
  const auto submission = read();
  ASSERT_TRUE(submission) << submission.error().detail;
  EXPECT_EQ(submission->event->id, EventId{"a%20b"});
  EXPECT_EQ(submission->event->type, "user_updated");
  EXPECT_EQ(submission->event->own_id, "c1");
  EXPECT_EQ(submission->event->traceparent.substr(0, 5), "00-4b");
  message_.headers[1].second = "\xff";
  EXPECT_EQ(fault(), "422 ce_type: must be UTF-8");
}

TEST_F(TopicMessage, IsRefusedForWhatItIs) {
  message_.value = "nonsense";
  EXPECT_EQ(fault().substr(0, 24), "400 the body is no JSON:");
  message_.value = "";
  EXPECT_EQ(fault().substr(0, 3), "400");
  message_.value = std::string(5'000, ' ');
  EXPECT_EQ(fault(), "413 the value is larger than 4096 bytes");
  message_.value = "[]";
  message_.headers = {{"content-type", "application/cloudevents-batch+json"}};
  EXPECT_EQ(fault().substr(0, 3), "415");
  message_.headers = {{"content-encoding", "gzip"}};
  EXPECT_EQ(fault().substr(0, 3), "415");
}

}  // namespace
}  // namespace datasync::api
