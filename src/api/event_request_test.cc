#include "api/event_request.h"

#include <gtest/gtest.h>

#include "api/test_support.h"

namespace datasync::api {
namespace {

class EventRequest : public ::testing::Test {
 protected:
  EventRequest() { caller_.tenants = {TenantId{"t1"}}; }

  Read<std::shared_ptr<Event>> read(const std::string& body) {
    return read_event(body, {*catalog_, caller_, clock_.now()});
  }
  /// A good event with these members in place of its own, or beside them.
  std::string with(const std::string& members) {
    Fields event = parse_json_object(testing::kUserEvent).value();
    const Fields changes = parse_json_object("{" + members + "}").value();
    for (const Field& field : changes) event.set(field.name, field.value);
    return event.to_json();
  }
  std::string without(const std::string& name) {
    Fields event = parse_json_object(testing::kUserEvent).value();
    event.take(name);
    return event.to_json();
  }
  /// The pointers of all faults, in order.
  std::vector<std::string> faults(const std::string& body) {
    const auto event = read(body);
    if (event) return {"accepted"};
    std::vector<std::string> pointers;
    for (const FieldError& error : event.error().errors) pointers.push_back(error.pointer);
    return pointers;
  }

  testing::TestClock clock_;
  std::shared_ptr<const pipeline::Catalog> catalog_ = testing::make_catalog();
  security::Caller caller_;
};

using Faults = std::vector<std::string>;

TEST_F(EventRequest, ReadsEveryMember) {
  const auto event = read(with(R"("user_id":"who","entity_id":"e1","priority":2,"id":"ev1","version":7,"base_version":3,
      "occurred_at":"2026-01-01T00:00:00Z","expires_at":"2026-02-01T00:00:00+01:00","max_retries":4,
      "correlation_id":"c","metadata":{"a":1},"extra":{"b":[2]},"target_platforms":["coreldove","coreldove","bizoholic"])"));
  ASSERT_TRUE(event) << event.error().detail;
  const Event& read = **event;
  EXPECT_EQ(read.type, "user_created");
  EXPECT_EQ(read.entity, "user");
  EXPECT_EQ(read.verb, Verb::kCreated);
  EXPECT_EQ(read.targets, (std::vector{PlatformId{"coreldove"}, PlatformId{"bizoholic"}}));
  EXPECT_EQ(read.user_id, "who");
  EXPECT_EQ(read.entity_id, EntityId{"e1"});
  EXPECT_EQ(read.own_id, "u1");
  EXPECT_EQ(read.wire_priority, 2);
  EXPECT_EQ(read.id, EventId{"ev1"});
  EXPECT_EQ(read.version, 7);
  EXPECT_EQ(read.base_version, 3);
  EXPECT_EQ(format_rfc3339(*read.occurred_at), "2026-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(*read.expires_at), "2026-01-31T23:00:00Z");
  EXPECT_EQ(read.max_retries, 4);
  EXPECT_EQ(read.metadata.to_json(), R"({"a":1,"extra":{"b":[2]}})");
  EXPECT_EQ(read.order_key, order_key_of(read));
  EXPECT_NE(read.order_key, 0U);
}

TEST_F(EventRequest, ReportsEveryBadFieldAtOnce) {
  EXPECT_EQ(faults(R"({"event_type":7,"source_platform":"nowhere","target_platforms":"all","data":[],"tenant_id":5,
                       "priority":11,"version":-1,"base_version":1.5,"occurred_at":"yesterday","ttl_seconds":"60",
                       "max_retries":101,"user_id":"","entity_id":"a\u0007b","id":{},"metadata":"x"})"),
            (Faults{"/base_version", "/data", "/entity_id", "/event_type", "/id", "/max_retries", "/metadata",
                    "/occurred_at", "/priority", "/source_platform", "/target_platforms", "/tenant_id", "/ttl_seconds",
                    "/user_id", "/version"}));
}

TEST_F(EventRequest, AsksForWhatIsMissing) {
  EXPECT_EQ(faults("{}"), (Faults{"/event_type", "/source_platform", "/data", "/target_platforms"}));
  EXPECT_EQ(faults(without("data")), Faults{"/data"});
  EXPECT_EQ(faults(with(R"("event_type":null)")), Faults{"/event_type"});
  EXPECT_EQ(faults(with(R"("priority":null,"metadata":null,"entity_id":null)")), Faults{"accepted"});
}

TEST_F(EventRequest, NamesTheUnknownPlatformAndTheKnownOnes) {
  const auto event = read(with(R"("target_platforms":["coreldove","shopify"])"));
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().status, 422);
  EXPECT_EQ(event.error().detail,
            "/target_platforms/1: 'shopify' is unknown; the known platforms are bizoholic, bizosaas, coreldove");
}

/// A long name was cut in the middle of a character, and the problem was no JSON any more.
TEST_F(EventRequest, ALongUnknownNameIsCutAtAWholeCharacter) {
  std::string name;
  for (int i = 0; i < 200; ++i) name += "é";
  const auto event = read(with(R"("source_platform":")" + name + "\""));
  ASSERT_FALSE(event);
  EXPECT_TRUE(parse_json(to_response(event.error()).body)) << event.error().detail;
}

TEST_F(EventRequest, ATargetOtherThanTheSourceIsNeeded) {
  EXPECT_EQ(faults(with(R"("target_platforms":[])")), Faults{"/target_platforms"});
  EXPECT_EQ(faults(with(R"("target_platforms":["bizoholic","bizoholic"])")), Faults{"/target_platforms"});
  EXPECT_EQ(faults(with(R"("target_platforms":["bizoholic","bizosaas"])")), Faults{"accepted"});
}

TEST_F(EventRequest, EventTypesAreEntitiesAndVerbs) {
  EXPECT_EQ(faults(with(R"("event_type":"user_exploded")")), Faults{"/event_type"});
  EXPECT_EQ(faults(with(R"("event_type":"ghost_created")")), Faults{"/event_type"});
  EXPECT_EQ(faults(with(R"("event_type":"_created")")), Faults{"/event_type"});
  EXPECT_EQ(faults(with(R"("event_type":"analytics_updated","data":{"visits":3})")), Faults{"accepted"});
}

TEST_F(EventRequest, AnEntityThatIsKeptNeedsAnId) {
  EXPECT_EQ(faults(with(R"("data":{"name":"Ada"})")), Faults{"/data/id"});
  EXPECT_EQ(faults(with(R"("data":{"name":"Ada"},"entity_id":"e1")")), Faults{"accepted"});
  EXPECT_EQ(faults(with(R"("data":{"id":17})")), Faults{"accepted"}) << "the canonical name, and a number";
  EXPECT_EQ(faults(with(R"("data":{"customer_id":"x"})")), Faults{"/data/id"}) << "another platform's name";
}

TEST_F(EventRequest, IdsHaveAtMost255Characters) {
  const std::string umlauts = [] {
    std::string text;
    for (int i = 0; i < 255; ++i) text += "ü";
    return text;
  }();
  EXPECT_EQ(faults(with(R"("user_id":")" + umlauts + R"(")")), Faults{"accepted"});
  EXPECT_EQ(faults(with(R"("user_id":")" + umlauts + R"(x")")), Faults{"/user_id"});
  EXPECT_EQ(faults(with(R"("user_id":"a\u0085b")")), Faults{"/user_id"});
  EXPECT_EQ(faults(with(R"("user_id":"VXNlcjox/=?&")")), Faults{"accepted"});
}

TEST_F(EventRequest, PrioritiesAreNumbersOrNames) {
  EXPECT_EQ((*read(with(R"("priority":"critical")")))->wire_priority, 1);
  EXPECT_EQ((*read(with(R"("priority":10)")))->wire_priority, 10);
  EXPECT_EQ((*read(testing::kUserEvent))->wire_priority, 5);
  for (const char* bad : {"0", "11", "1.5", "\"5\"", "\"urgent\"", "true"}) {
    EXPECT_EQ(faults(with(std::string(R"("priority":)") + bad)), Faults{"/priority"}) << bad;
  }
}

TEST_F(EventRequest, ATimeToLiveCountsFromNowAndTheEarlierEndHolds) {
  EXPECT_EQ((*read(with(R"("ttl_seconds":60)")))->expires_at, clock_.now() + seconds{60});
  EXPECT_EQ((*read(with(R"("ttl_seconds":60,"expires_at":"2036-01-01T00:00:00Z")")))->expires_at,
            clock_.now() + seconds{60});
}

TEST_F(EventRequest, TheTenantIsTheCallersOwn) {
  EXPECT_EQ((*read(without("tenant_id")))->tenant, TenantId{"t1"});
  EXPECT_EQ(read(with(R"("tenant_id":"t2")")).error().status, 404);
  caller_.tenants.push_back(TenantId{"t2"});
  EXPECT_EQ(faults(without("tenant_id")), Faults{"/tenant_id"});
  EXPECT_EQ((*read(with(R"("tenant_id":"t2")")))->tenant, TenantId{"t2"});
}

TEST_F(EventRequest, WhatIsNoJsonIs400AndAnotherKindIs422) {
  EXPECT_EQ(read("{\"a\":").error().status, 400);
  EXPECT_EQ(read("").error().status, 400);
  EXPECT_EQ(read("{\"a\":\"\xff\"}").error().status, 400);
  EXPECT_EQ(read("[1]").error().status, 422);
  EXPECT_EQ(read("\"event\"").error().status, 422);
}

}  // namespace
}  // namespace datasync::api
