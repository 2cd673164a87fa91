#include "cli/test_support.h"

namespace datasync::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EventsTest : public testing::CliTest {};
class StatusTest : public testing::CliTest {};

TEST_F(EventsTest, TheListIsATableAndSaysWhereItGoesOn) {
  service.answer(200, R"({"events":[
    {"id":"e1","created_at":"2026-01-31T09:30:00Z","status":"failed","event_type":"user_created",
     "source_platform":"bizoholic","target_platforms":["coreldove","bizosaas"],"tenant_id":"acme"},
    {"event_id":"e22","created_at":"2026-01-31T09:29:00Z","status":"completed","event_type":"lead_updated",
     "source_platform":"bizosaas","target_platforms":["bizoholic"],"tenant_id":"acme"}],
    "total":40,"limit":2,"offset":0,"next_cursor":"c2"})");
  EXPECT_EQ(ask({"events", "list", "-n", "2"}), kExitOk);
  EXPECT_EQ(out.str(),
            "EVENT  CREATED               STATUS     TYPE          FROM       TO                   TENANT\n"
            "e1     2026-01-31T09:30:00Z  failed     user_created  bizoholic  coreldove, bizosaas  acme\n"
            "e22    2026-01-31T09:29:00Z  completed  lead_updated  bizosaas   bizoholic            acme\n");
  EXPECT_EQ(err.str(), "2 of 40 events\nmore: --cursor c2\n");
}

TEST_F(EventsTest, FiltersBecomeTheQueryAndTimesMayBeAges) {
  service.answer(200, R"({"events":[],"total":0,"next_cursor":null})");
  EXPECT_EQ(
      ask({"events", "list", "--status", "failed", "--tenant", "a b", "--type", "user_created", "--from", "bizoholic",
           "--entity-id", "7", "--since", "2h", "--until", "2024-12-19T12:00:00+02:00", "--cursor", "c"}),
      kExitOk)
      << err.str();
  const auto since = format_rfc3339(clock.now() - std::chrono::hours{2});
  std::string escaped;
  for (const char c : since) escaped += c == ':' ? std::string("%3A") : std::string(1, c);
  EXPECT_EQ(
      service.asked()[0].line,
      "GET /sync/events?status=failed&tenant_id=a%20b&event_type=user_created&source_platform=bizoholic&entity_id=7&"
      "since=" +
          escaped + "&until=2024-12-19T10%3A00%3A00Z&cursor=c");
  EXPECT_EQ(out.str(), "");
  EXPECT_EQ(err.str(), "no event fits\n");
  EXPECT_EQ(ask({"events", "list", "--since", "yesterday"}), kExitUsage);
  EXPECT_THAT(err.str(), HasSubstr("`yesterday` is no time; write 15m, 2h or 7d"));
}

TEST_F(EventsTest, OneEventIsShownWithItsResults) {
  service.answer(200, R"({"event_id":"e1","status":"failed","created_at":"2026-01-31T09:30:00Z","processed_at":null,
    "error_message":"a target refused","event":{"event_type":"user_created","source_platform":"bizoholic",
    "target_platforms":["coreldove"],"tenant_id":"acme","entity_id":null,"priority":5,"data":{"email":"a@b"}},
    "results":[{"target_platform":"coreldove","status":"failed","attempts":4,"processing_time_ms":80,
                "error_message":"coreldove: 422 \u001b[2J"}]})");
  EXPECT_EQ(ask({"events", "show", "e1", "--tenant", "acme"}), kExitOk);
  EXPECT_EQ(out.str(),
            "event     e1\n"
            "status    failed\n"
            "type      user_created\n"
            "from      bizoholic\n"
            "to        coreldove\n"
            "tenant    acme\n"
            "priority  5\n"
            "created   2026-01-31T09:30:00Z\n"
            "message   a target refused\n"
            "\n"
            "TARGET     STATUS  ATTEMPTS  TIME   MESSAGE\n"
            "coreldove  failed  4         80 ms  coreldove: 422 ?[2J\n");
  EXPECT_EQ(service.asked()[0].line, "GET /sync/events/e1?tenant_id=acme");
}

TEST_F(EventsTest, AnUnknownEventIsAFailure) {
  service.answer(404, R"({"detail":"there is no event nope"})");
  EXPECT_EQ(ask({"events", "show", "nope"}), kExitFailed);
  EXPECT_EQ(err.str(), "data-sync: there is no event nope\n");
}

TEST_F(EventsTest, SomeAreTriedAgainByTheirIdsAndEachRefusalIsTold) {
  service.handler = [](const net::HttpRequest& request) {
    if (request.target == "/sync/events/e2/retry") return net::problem_response(400, "it is completed");
    return net::json_response(200, R"({"message":"ok","event_id":"e"})");
  };
  EXPECT_EQ(ask({"events", "retry", "e1", "e2", "e3"}), kExitFailed);
  EXPECT_EQ(out.str(), "e1  is tried again\ne3  is tried again\n");
  EXPECT_EQ(err.str(), "data-sync: e2: it is completed\n");
}

TEST_F(EventsTest, AFilterTriesAllThatFitAgain) {
  service.answer(202, R"({"matched":12,"queued":11})");
  EXPECT_EQ(ask({"events", "retry", "--status", "failed", "--tenant", "acme"}), kExitOk);
  EXPECT_EQ(out.str(), "12 events fit, 11 are tried again\n");
  EXPECT_EQ(service.asked()[0].line, "POST /sync/events/retry");
  EXPECT_EQ(service.asked()[0].body, R"({"status":"failed","tenant_id":"acme"})");
  EXPECT_EQ(ask({"events", "retry", "--tenant", "acme"}), kExitOk);
  EXPECT_EQ(ask({"events", "retry", "--all", "--tenant", "acme"}), kExitOk);
  EXPECT_EQ(ask({"events", "retry", "--all"}), kExitOk);
  EXPECT_EQ(service.asked().back().body, "{}");
}

// A slip of the hand must not redrive everything.
TEST_F(EventsTest, NeitherIdsNorAFilterIsAUsageErrorAndSoAreBoth) {
  EXPECT_EQ(ask({"events", "retry"}), kExitUsage);
  EXPECT_EQ(ask({"events", "retry", "e1", "--status", "failed"}), kExitUsage);
  EXPECT_EQ(ask({"events", "retry", "e1", "--all"}), kExitUsage);
  EXPECT_THAT(service.asked(), IsEmpty());
}

TEST_F(StatusTest, QueuesAndPlatformsAreReadable) {
  service.answer(200, R"({"queue_size":12,"processing":3,"pending":5,"retry":1,
    "queues":{"critical":0,"high":1,"normal":11,"low":0},
    "platforms":{"coreldove":{"health":0.5,"circuit":"open","queued":7},"bizosaas":{"health":1,"circuit":"closed"}},
    "sync_engine_active":true,"timestamp":"2026-01-31T09:30:00Z"})");
  EXPECT_EQ(ask({"status"}), kExitOk);
  EXPECT_EQ(out.str(),
            "engine  running\n"
            "queue   12 (critical 0, high 1, normal 11, low 0)\n"
            "events  3 processing, 5 pending, 1 in retry\n"
            "as of   2026-01-31T09:30:00Z\n"
            "\n"
            "PLATFORM   HEALTH  CIRCUIT  QUEUED\n"
            "bizosaas   1       closed   -\n"
            "coreldove  0.5     open     7\n");
}

TEST_F(StatusTest, AStoppedEngineIsAFailure) {
  service.answer(200, R"({"sync_engine_active":false})");
  EXPECT_EQ(ask({"status"}), kExitFailed);
  EXPECT_THAT(out.str(), HasSubstr("engine  stopped"));
}

TEST_F(StatusTest, OnATerminalTheOpenCircuitIsRed) {
  colour = true;
  service.answer(200, R"({"platforms":{"coreldove":{"health":0.5,"circuit":"open"}},"sync_engine_active":true})");
  EXPECT_EQ(ask({"status"}), kExitOk);
  EXPECT_THAT(out.str(), HasSubstr("\x1b[31mopen\x1b[0m"));
}

}  // namespace
}  // namespace datasync::cli
