#include <gmock/gmock.h>

#include "api/test_support.h"

namespace datasync::api {
namespace {

using net::Method;
using testing::Answer;
using ::testing::HasSubstr;
using testing::kUserEvent;

class EventsApi : public testing::ApiTest {
 protected:
  std::string with(const std::string& members) {
    Fields event = parse_json_object(kUserEvent).value();
    const Fields changes = parse_json_object("{" + members + "}").value();
    for (const Field& field : changes) event.set(field.name, field.value);
    return event.to_json();
  }
  /// Creates an event with this id and returns it.
  std::string create(const std::string& id, const std::string& members = {}) {
    const Answer answer = post("/sync/events", with(R"("id":")" + id + "\"" + (members.empty() ? "" : "," + members)));
    EXPECT_EQ(answer.status, 201) << answer.body;
    return id;
  }
};

TEST_F(EventsApi, AnEventIsCreatedAndEveryValueIsAText) {
  const Answer answer = post("/sync/events", kUserEvent, {{"Content-Type", "application/json"}});
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.headers.get("content-type"), "application/json");
  EXPECT_EQ(answer.json().size(), 2U);
  EXPECT_TRUE(parse_uuid(answer.text("event_id")));
  EXPECT_EQ(answer.at("status"), "\"created\"");
}

TEST_F(EventsApi, TheSameIdOrKeyAgainIsADuplicateAndOtherContentAConflict) {
  EXPECT_EQ(post("/sync/events", with(R"("id":"e1")")).status, 201);
  const Answer again = post("/sync/events", with(R"("id":"e1")"));
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.body, R"({"event_id":"e1","status":"duplicate"})");
  EXPECT_EQ(post("/sync/events", with(R"("id":"e1","data":{"id":"other"})")).status, 409);
  const Answer first = post("/sync/events", kUserEvent, {{"Idempotency-Key", "k1"}});
  const Answer second = post("/sync/events", kUserEvent, {{"Idempotency-Key", "k1"}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.text("event_id"), first.text("event_id"));
  EXPECT_EQ(post("/sync/events", kUserEvent, {{"Idempotency-Key", std::string(256, 'k')}}).status, 400);
}

TEST_F(EventsApi, ProblemsAreProblemsAndTellADetail) {
  const Answer wrong = post("/sync/events", with(R"("priority":99,"version":"one")"));
  EXPECT_EQ(wrong.status, 422);
  EXPECT_EQ(wrong.headers.get("content-type"), "application/problem+json");
  EXPECT_THAT(wrong.text("detail"), HasSubstr("/priority"));
  EXPECT_THAT(wrong.at("errors"), HasSubstr(R"("pointer":"/version")"));
  EXPECT_EQ(wrong.at("status"), "422");
  const Answer broken = post("/sync/events", "{");
  EXPECT_EQ(broken.status, 400);
  EXPECT_FALSE(broken.text("detail").empty());
  EXPECT_EQ(post("/sync/events", "<a/>", {{"Content-Type", "application/xml"}}).status, 415);
  EXPECT_EQ(post("/sync/events", kUserEvent, {{"Content-Encoding", "gzip"}}).status, 415);
  EXPECT_EQ(post("/sync/events", std::string(1'100'000, ' ')).status, 413);
}

TEST_F(EventsApi, AFullQueueAndASickStoreAre503WithRetryAfter) {
  for (const ErrorCode code : {ErrorCode::kOverloaded, ErrorCode::kUnavailable}) {
    backend_.refusal = Error{code, "later"};
    const Answer answer = post("/sync/events", kUserEvent);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.headers.get("retry-after"), "1");
    EXPECT_EQ(answer.text("detail"), "later");
  }
}

TEST_F(EventsApi, AnEventIsShownWithItsResults) {
  create("e1", R"("priority":"high","metadata":{"m":1})");
  Answer answer = get("/sync/events/e1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.at("event_id"), "\"e1\"");
  EXPECT_EQ(answer.at("status"), "\"pending\"");
  EXPECT_EQ(answer.at("processed_at"), "null");
  EXPECT_EQ(answer.at("event.event_type"), "\"user_created\"");
  EXPECT_EQ(answer.at("event.target_platforms"), R"(["coreldove","bizosaas"])");
  EXPECT_EQ(answer.at("event.data.full_name"), "\"Ada Lovelace\"");
  EXPECT_EQ(answer.at("event.priority"), "2");
  EXPECT_EQ(answer.at("event.metadata"), R"({"m":1})");
  clock_.advance(milliseconds{150});
  backend_.finish(EventId{"e1"}, EventStatus::kCompleted);
  answer = get("/api/brain/data-sync/events/e1");
  EXPECT_EQ(answer.at("status"), "\"completed\"");
  const Fields result = members_of(elements_of(*answer.json().find("results")).at(0));
  EXPECT_EQ(result.find("target_platform")->text(), "\"coreldove\"");
  EXPECT_EQ(result.find("success")->text(), "true");
  EXPECT_EQ(result.find("attempts")->text(), "1");
  EXPECT_EQ(result.find("processing_time_ms")->text(), "150");
  EXPECT_EQ(result.find("error_message")->text(), "null");
  EXPECT_EQ(get("/sync/events/none").status, 404);
}

TEST_F(EventsApi, AnIdOfTwoTenantsNeedsItsTenant) {
  create("e1");
  create("e1", R"("tenant_id":"t2")");
  EXPECT_EQ(get("/sync/events/e1").status, 422);
  EXPECT_EQ(get("/sync/events/e1?tenant_id=t2").text("event.tenant_id"), "t2");
}

TEST_F(EventsApi, AnIdMayHoldASlash) {
  create("VXN/=");
  EXPECT_EQ(get("/sync/events/VXN%2F%3D").text("event_id"), "VXN/=");
}

TEST_F(EventsApi, EventsAreListedNewestFirstInPages) {
  for (int i = 1; i <= 5; ++i) create("e" + std::to_string(i), i % 2 == 0 ? R"("event_type":"user_updated")" : "");
  Answer page = get("/sync/events?limit=2");
  EXPECT_EQ(page.at("total"), "5");
  EXPECT_EQ(page.at("limit"), "2");
  EXPECT_EQ(page.at("offset"), "0");
  const auto ids = [](const Answer& answer) {
    std::string all;
    for (const Value& event : elements_of(*answer.json().find("events"))) {
      all += *members_of(event).find("event_id")->as_string();
    }
    return all;
  };
  std::string all = ids(page);
  while (page.at("next_cursor") != "null") {
    page = get("/sync/events?limit=2&cursor=" + page.text("next_cursor"));
    all += ids(page);
  }
  EXPECT_EQ(all, "e5e4e3e2e1");
  EXPECT_EQ(ids(get("/sync/events?limit=2&offset=3")), "e2e1");
  EXPECT_EQ(ids(get("/sync/events?event_type=user_updated")), "e4e2");
  EXPECT_EQ(ids(get("/sync/events?tenant_id=nobody")), "");
}

TEST_F(EventsApi, BadListParametersAre422) {
  create("e1");
  create("e2");
  const std::string cursor = get("/sync/events?limit=1").text("next_cursor");
  for (const std::string& query : {std::string("limit=0"), std::string("limit=1001"), std::string("limit=x"),
                                   std::string("offset=-1"), std::string("status=odd"), std::string("since=monday"),
                                   std::string("cursor=abc"), "event_type=user_updated&cursor=" + cursor}) {
    const Answer answer = get("/sync/events?" + query);
    EXPECT_EQ(answer.status, 422) << query;
    EXPECT_THAT(answer.at("errors"), HasSubstr(R"("parameter":)")) << query;
  }
}

TEST_F(EventsApi, OnlyWhatFailedOrWaitsIsTriedAgain) {
  create("e1");
  EXPECT_EQ(post("/sync/events/e1/retry", "").status, 400);
  EXPECT_EQ(post("/sync/events/none/retry", "").status, 404);
  backend_.finish(EventId{"e1"}, EventStatus::kFailed, ResultStatus::kFailed);
  const Answer answer = post("/sync/events/e1/retry", "");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.text("event_id"), "e1");
  EXPECT_FALSE(answer.text("message").empty());
  const Answer bulk = post("/sync/events/retry", R"({"status":"failed","tenant_id":"t1"})");
  EXPECT_EQ(bulk.status, 202);
  EXPECT_EQ(bulk.body, R"({"matched":1,"queued":1})");
  EXPECT_EQ(post("/sync/events/retry", R"({"stauts":"failed"})").status, 422);
  EXPECT_EQ(post("/sync/events/retry", R"({"status":"completed"})").status, 422);
  EXPECT_EQ(post("/sync/events/retry", "{").status, 400);
}

TEST_F(EventsApi, ABadEventSpoilsOnlyItself) {
  const std::string good1 = with(R"("id":"b1")");
  const std::string bad = with(R"("id":"b2","priority":0)");
  const Answer answer = post("/sync/events/batch", "[" + good1 + "," + bad + "," + good1 + ", 7]");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.at("accepted"), "1");
  EXPECT_EQ(answer.at("duplicates"), "1");
  EXPECT_EQ(answer.at("rejected"), "2");
  const auto results = elements_of(*answer.json().find("results"));
  EXPECT_EQ(results.at(0).text(), R"({"event_id":"b1","index":0,"status":"created"})");
  EXPECT_THAT(results.at(1).text(), HasSubstr(R"("event_id":"b2")"));
  EXPECT_THAT(results.at(1).text(), HasSubstr(R"("status":"rejected")"));
  EXPECT_THAT(results.at(1).text(), HasSubstr("/priority"));
  EXPECT_EQ(results.at(2).text(), R"({"event_id":"b1","index":2,"status":"duplicate"})");
  EXPECT_THAT(results.at(3).text(), HasSubstr("must be a JSON object"));
}

TEST_F(EventsApi, LinesAreReadOneByOne) {
  const Answer answer =
      post("/sync/events/batch", with(R"("id":"l1")") + "\n\n{broken\r\n" + with(R"("id":"l2")") + "\n",
           {{"Content-Type", "application/x-ndjson"}});
  EXPECT_EQ(answer.at("accepted"), "2");
  EXPECT_EQ(answer.at("rejected"), "1");
  const auto results = elements_of(*answer.json().find("results"));
  EXPECT_THAT(results.at(1).text(), HasSubstr(R"("event_id":null)"));
  EXPECT_THAT(results.at(2).text(), HasSubstr(R"("event_id":"l2")"));
}

TEST_F(EventsApi, ABrokenArrayIs400AndTooManyEventsAre422) {
  for (const std::string body : {"[", "[1,]", "[{},", "[{\"a\":}]", "[}]", "nonsense", "[{}]]"}) {
    EXPECT_EQ(post("/sync/events/batch", body).status, 400) << body;
  }
  EXPECT_EQ(post("/sync/events/batch", "{}").status, 422);
  EXPECT_EQ(post("/sync/events/batch", "[]").body, R"({"accepted":0,"duplicates":0,"rejected":0,"results":[]})");
  std::string many = "[0";
  for (int i = 0; i < 10'000; ++i) many += ",0";
  EXPECT_EQ(post("/sync/events/batch", many + "]").status, 422);
}

TEST_F(EventsApi, CloudEventsComeInThreeModes) {
  const std::string attributes = R"("specversion":"1.0","type":"com.bizosaas.user.created","source":"/bizoholic/crm",)"
                                 R"("tenantid":"t1","targetplatforms":"coreldove, bizosaas","traceid":"x",)"
                                 R"("time":"2026-01-01T00:00:00Z")";
  const std::string data = R"({"user_id":"u1"})";
  const Answer structured = post("/sync/events", "{" + attributes + R"(,"id":"c1","data":)" + data + "}",
                                 {{"Content-Type", "application/cloudevents+json; charset=utf-8"}});
  EXPECT_EQ(structured.status, 201) << structured.body;
  EXPECT_EQ(structured.text("event_id"), "c1");
  const Answer shown = get("/sync/events/c1");
  EXPECT_EQ(shown.text("event.event_type"), "user_created");
  EXPECT_EQ(shown.text("event.source_platform"), "bizoholic");
  EXPECT_EQ(shown.at("event.target_platforms"), R"(["coreldove","bizosaas"])");
  EXPECT_EQ(shown.text("event.occurred_at"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(shown.at("event.metadata"), R"({"ce_source":"/bizoholic/crm","ce_traceid":"x"})");

  const Answer binary = post("/sync/events", data,
                             {{"Content-Type", "application/json"},
                              {"ce-specversion", "1.0"},
                              {"ce-type", "com.bizosaas.user.updated"},
                              {"ce-source", "urn:bizosaas:coreldove"},
                              {"ce-id", "c%202"},
                              {"ce-tenantid", "t1"},
                              {"ce-priority", "1"},
                              {"ce-entityid", "e9"}});
  EXPECT_EQ(binary.status, 201) << binary.body;
  EXPECT_EQ(get("/sync/events/c%202").at("event.priority"), "1");
  EXPECT_EQ(get("/sync/events/c%202").at("event.target_platforms"), R"(["bizoholic","bizosaas"])");

  const Answer batch =
      post("/sync/events", "[{" + attributes + R"(,"id":"c1","data":)" + data + "},{" + attributes + R"(,"id":"c4"}])",
           {{"Content-Type", "application/cloudevents-batch+json"}});
  EXPECT_EQ(batch.status, 200) << batch.body;
  EXPECT_EQ(batch.at("duplicates"), "1");
  EXPECT_EQ(batch.at("rejected"), "1");
}

TEST_F(EventsApi, ACloudEventWithoutItsAttributesIs422) {
  const Answer answer =
      post("/sync/events", R"({"specversion":"0.3","data":{}})", {{"Content-Type", "application/cloudevents+json"}});
  EXPECT_EQ(answer.status, 422);
  for (const char* pointer : {"/type", "/source", "/id"}) EXPECT_THAT(answer.at("errors"), HasSubstr(pointer));
  const Answer encoded =
      post("/sync/events",
           R"({"specversion":"1.0","type":"user_created","source":"bizoholic","id":"d1","tenantid":"t1",
                                  "data_base64":"eyJ1c2VyX2lkIjoidTEifQ=="})",
           {{"Content-Type", "application/cloudevents+json"}});
  EXPECT_EQ(encoded.status, 201) << encoded.body;
}

}  // namespace
}  // namespace datasync::api
