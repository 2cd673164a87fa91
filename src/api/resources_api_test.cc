#include <gmock/gmock.h>

#include <thread>

#include "api/test_support.h"

namespace datasync::api {
namespace {

using testing::Answer;
using ::testing::HasSubstr;
using testing::kUserEvent;

class ResourcesApi : public testing::ApiTest {
 protected:
  Record ada() {
    Record record;
    record.key = {1};
    record.tenant = TenantId{"t1"};
    record.entity = "user";
    record.id = EntityId{"u1"};
    record.version = {3};
    record.created_at = record.updated_at = clock_.now();
    const auto set = [&](const char* name, Value value, const char* writer) {
      FieldState& field = record.at_or_new(name);
      field.value = std::move(value);
      field.writer = PlatformId{writer};
      field.version = {3};
    };
    set("email", Value::string("ada@example.com"), "bizoholic");
    set("name", Value::string("Ada"), "coreldove");
    Knowledge& known = record.knowledge_of(PlatformId{"coreldove"});
    known.learn_id("", "c-7");
    const std::uint64_t hash =
        catalog_->mapper.held_hash(PlatformId{"coreldove"}, "user", "name", Value::string("Ada"));
    known.hold({"name", {3}, hash, clock_.now()});
    return record;
  }
};

TEST_F(ResourcesApi, AUserIsCreatedOnceAndUpdatedAfterwards) {
  const std::string user = R"({"user_id":"u1","email":"ada@example.com","name":"Ada","phone":"1","tenant_id":"t1",
      "preferences":{"theme":"dark"},"platform_data":{"bizosaas":{"id":"b-1"},"coreldove":{"id":"c-1"}},"extra":1})";
  const Answer created = post("/sync/users", user);
  EXPECT_EQ(created.status, 201) << created.body;
  EXPECT_EQ(created.body, R"({"message":"User synchronized","user_id":"u1"})");
  const Event& event = *backend_.accepted.at(0);
  EXPECT_EQ(event.type, "user_created");
  EXPECT_EQ(event.source, PlatformId{"bizosaas"});
  EXPECT_EQ(event.targets, (std::vector{PlatformId{"bizoholic"}, PlatformId{"coreldove"}}));
  EXPECT_EQ(event.entity_id, EntityId{"u1"});
  EXPECT_EQ(event.own_id, "b-1");
  EXPECT_EQ(event.data.to_json(),
            R"({"email":"ada@example.com","id":"b-1","name":"Ada","phone":"1","preferences":{"theme":"dark"}})");
  EXPECT_THAT(event.metadata.to_json(), HasSubstr(R"("platform_data":{)"));

  backend_.put_record(ada());
  EXPECT_EQ(post("/sync/users", user).status, 200);
  EXPECT_EQ(backend_.accepted.at(1)->type, "user_updated");
}

// Between the two the user has become known, so the event would be `user_updated`: other content, 409, for a client
// that only had not heard the first answer.
TEST_F(ResourcesApi, ARepeatedUpsertUnderItsKeyIsTheSameThoughTheUserIsKnownByNow) {
  const std::string user = R"({"user_id":"u1","email":"ada@example.com","name":"Ada","tenant_id":"t1"})";
  const auto send = [this](const std::string& body) { return post("/sync/users", body, {{"Idempotency-Key", "k1"}}); };
  EXPECT_EQ(send(user).status, 201);
  backend_.put_record(ada());
  const Answer again = send(user);
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.body, R"({"message":"User synchronized","user_id":"u1"})");
  EXPECT_EQ(backend_.accepted.size(), 1U);
  EXPECT_EQ(send(R"({"user_id":"u1","email":"ada@example.com","name":"Another","tenant_id":"t1"})").status, 409);
  EXPECT_EQ(backend_.accepted.size(), 1U);
}

TEST_F(ResourcesApi, AUserSaysWhereItComesFrom) {
  post("/sync/users", R"({"user_id":"u1","email":"a@b.c","name":"A","tenant_id":"t1","source_platform":"coreldove"})");
  EXPECT_EQ(backend_.accepted.at(0)->source, PlatformId{"coreldove"});
  const Answer wrong =
      post("/sync/users", R"({"user_id":7,"email":"nonsense","preferences":[],"source_platform":"x"})");
  EXPECT_EQ(wrong.status, 422);
  for (const char* pointer : {"/user_id", "/email", "/name", "/preferences", "/source_platform", "/tenant_id"}) {
    EXPECT_THAT(wrong.at("errors"), HasSubstr(pointer));
  }
}

TEST_F(ResourcesApi, AUserIsShownWithWhatEachPlatformHolds) {
  backend_.put_record(ada());
  const Answer answer = get("/sync/users/u1?tenant_id=t1");
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.text("user_id"), "u1");
  EXPECT_EQ(answer.text("email"), "ada@example.com");
  EXPECT_EQ(answer.at("phone"), "null");
  EXPECT_EQ(answer.text("platform_data.coreldove.id"), "c-7");
  EXPECT_EQ(answer.at("platform_data.coreldove.data"), R"({"customer_name":"Ada"})");
  EXPECT_EQ(answer.at("platform_data.coreldove.in_sync"), "false");
  EXPECT_EQ(get("/sync/users/u1").status, 422) << "every tenant could have a u1";
  EXPECT_EQ(get("/sync/users/u2?tenant_id=t1").status, 404);
  EXPECT_EQ(get("/sync/users/u1?tenant_id=t2").status, 404);
}

TEST_F(ResourcesApi, ADeletedUserIsGoneAndItsRecordIsNot) {
  Record record = ada();
  record.at_or_new(kDeletedField).value = Value::boolean(true);
  backend_.put_record(record);
  EXPECT_EQ(get("/sync/users/u1?tenant_id=t1").status, 404);
  EXPECT_EQ(get("/sync/records/user/u1?tenant_id=t1").at("deleted"), "true");
}

TEST_F(ResourcesApi, ARecordIsShownInCanonicalWords) {
  backend_.put_record(ada());
  const Answer answer = get("/sync/records/user/u1?tenant_id=t1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.text("entity_type"), "user");
  EXPECT_EQ(answer.text("entity_id"), "u1");
  EXPECT_EQ(answer.at("version"), "3");
  EXPECT_EQ(answer.at("data"), R"({"email":"ada@example.com","name":"Ada"})");
  EXPECT_EQ(answer.text("fields.name.writer"), "coreldove");
  EXPECT_EQ(get("/sync/records/lead/u1?tenant_id=t1").status, 404);
}

TEST_F(ResourcesApi, ConflictsAreListedAndFiltered) {
  for (int i = 1; i <= 3; ++i) {
    Conflict conflict;
    conflict.id = "c" + std::to_string(i);
    conflict.type = "data_mismatch";
    conflict.tenant = TenantId{"t1"};
    conflict.record = {1};
    conflict.entity = "user";
    conflict.entity_id = EntityId{"u1"};
    conflict.event_id = EventId{"e1"};
    conflict.source = PlatformId{"coreldove"};
    conflict.target = PlatformId{"bizosaas"};
    conflict.fields.push_back(
        {"email", Value::string("a"), Value::string("b"), "source_wins", Conflict::Outcome::kSource, {}, {}, {}, {}});
    conflict.status = i == 1 ? "open" : "resolved";
    conflict.created_at = clock_.now();
    backend_.put_conflict(conflict);
  }
  const Answer first = get("/sync/conflicts?limit=2");
  EXPECT_EQ(first.at("total"), "3");
  const auto conflicts = elements_of(*first.json().find("conflicts"));
  ASSERT_EQ(conflicts.size(), 2U);
  EXPECT_THAT(conflicts[0].text(), HasSubstr(R"("conflict_id":"c3")"));
  EXPECT_THAT(conflicts[0].text(), HasSubstr(R"("strategy":"source_wins")"));
  const Answer second = get("/sync/conflicts?limit=2&cursor=" + first.text("next_cursor"));
  EXPECT_THAT(second.at("conflicts"), HasSubstr(R"("conflict_id":"c1")"));
  EXPECT_EQ(second.at("next_cursor"), "null");
  EXPECT_EQ(get("/sync/conflicts?status=open").at("total"), "1");
  EXPECT_EQ(get("/sync/conflicts?status=odd").status, 422);
  EXPECT_EQ(get("/sync/conflicts?conflict_type=odd").status, 422);
}

TEST_F(ResourcesApi, StatusTellsQueuesAndPlatforms) {
  backend_.state.waiting = {1, 2, 3, 4};
  backend_.state.pending = 5;
  backend_.state.retry = 6;
  backend_.state.in_flight = 7;
  backend_.state.platforms.push_back({PlatformId{"coreldove"}, 0.5, "open", 1, 2, 3});
  using Suspension = pipeline::EngineSnapshot::Suspension;
  auto& platform = backend_.state.platforms.back();
  platform.suspended.push_back({Suspension::Reason::kGone, "user", Verb::kDeleted, 2, clock_.now(), {}});
  platform.suspended.push_back({Suspension::Reason::kUnauthorized, {}, {}, 1, {}, clock_.now()});
  const Answer answer = get("/sync/status");
  EXPECT_EQ(answer.at("queue_size"), "10");
  EXPECT_EQ(answer.at("processing"), "7");
  EXPECT_EQ(answer.at("pending"), "5");
  EXPECT_EQ(answer.at("retry"), "6");
  EXPECT_EQ(answer.at("queues"), R"({"critical":1,"high":2,"low":4,"normal":3})");
  EXPECT_EQ(answer.at("platforms.coreldove.health"), "0.5");
  EXPECT_EQ(answer.text("platforms.coreldove.circuit"), "open");
  EXPECT_EQ(answer.at("platforms.coreldove.paused_until"), "null");
  const std::string now = format_rfc3339(clock_.now());
  EXPECT_EQ(answer.at("platforms.coreldove.suspended"),
            R"([{"entity":"user","reason":"gone","since":")" + now + R"(","tenants":2,"verb":"deleted"},)" +
                R"({"reason":"unauthorized","tenants":1,"until":")" + now + R"("}])");
  EXPECT_EQ(answer.at("sync_engine_active"), "true");
  EXPECT_EQ(get("/health").text("services.coreldove"), "unhealthy");
  EXPECT_THAT(get("/metrics").body,
              HasSubstr(R"(datasync_platform_suspended_tenants{platform="coreldove",reason="gone"} 2)"));
}

TEST_F(ResourcesApi, WithoutASourceOfRatesTheAgeIsThatOfTheTable) {
  EXPECT_THAT(get("/metrics").body, ::testing::Not(HasSubstr("datasync_rates_")));
  EXPECT_THAT(get("/metrics").body, HasSubstr("# TYPE datasync_rate_age_seconds gauge"));
}

TEST_F(ResourcesApi, MetricsCountWhatNoticesTold) {
  for (const char* id : {"m1", "m2", "m3"}) {
    Fields event = parse_json_object(kUserEvent).value();
    event.set("id", Value::string(id));
    ASSERT_EQ(post("/sync/events", event.to_json()).status, 201);
  }
  clock_.advance(milliseconds{100});
  backend_.finish(EventId{"m1"}, EventStatus::kCompleted);
  backend_.finish(EventId{"m2"}, EventStatus::kFailed, ResultStatus::kFailed);
  // The hub counts on its own thread.
  Answer answer;
  const auto deadline = std::chrono::steady_clock::now() + seconds{20};
  do {
    answer = get("/sync/metrics?tenant_id=t1");
  } while (answer.at("events_failed") != "1" && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(answer.at("total_events"), "3");
  EXPECT_EQ(answer.at("events_processed"), "1");
  EXPECT_EQ(answer.at("events_failed"), "1");
  EXPECT_EQ(answer.at("events_pending"), "1");
  EXPECT_EQ(answer.at("average_processing_time_ms"), "100");
  EXPECT_EQ(answer.at("avg_processing_time_ms"), "100");
  EXPECT_EQ(answer.at("platforms_synced"), R"(["bizosaas","coreldove"])");
  EXPECT_EQ(answer.at("sync_success_rate"), "50");
  EXPECT_EQ(answer.at("error_rate"), "0.5");
  EXPECT_NE(answer.at("last_sync_time"), "null");
  EXPECT_EQ(get("/sync/metrics?tenant_id=other").at("total_events"), "0");
  EXPECT_EQ(get("/sync/metrics?hours=0").status, 422);
  const std::string text = get("/metrics").body;
  EXPECT_THAT(text, HasSubstr("datasync_events_accepted_total 3"));
  EXPECT_THAT(text, HasSubstr(R"(datasync_http_requests_total{method="POST",route="/sync/events",status="2xx"} 3)"));
  EXPECT_THAT(text, HasSubstr(R"(datasync_event_seconds_bucket{le="+Inf"} 2)"));
}

TEST_F(ResourcesApi, HealthIs503OnlyWhenEventsCannotBeAccepted) {
  Answer answer = get("/health");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.text("status"), "healthy");
  EXPECT_EQ(answer.text("environment"), "development");
  EXPECT_EQ(answer.text("services.database"), "healthy");
  EXPECT_EQ(answer.text("services.queue"), "healthy");
  EXPECT_FALSE(answer.text("timestamp").empty());
  EXPECT_EQ(get("/readyz").status, 200);
  backend_.state.store_healthy = false;
  answer = get("/health");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.text("services.database"), "unhealthy");
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(ResourcesApi, TheRootTellsAProgramAndLeadsABrowser) {
  const Answer answer = get("/");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.text("version"), "1.2.3");
  EXPECT_EQ(answer.text("docs"), "/docs");
  EXPECT_FALSE(answer.text("message").empty());
  EXPECT_EQ(get("/", {{"Accept", "text/html"}}).headers.get("location"), "/ui/");
  EXPECT_EQ(get("/ui/").headers.get("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(get("/ui").status, 308);
  EXPECT_EQ(get("/ui/none.js").status, 404);
}

}  // namespace
}  // namespace datasync::api
