#include <atomic>

#include "cli/test_support.h"

namespace datasync::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

// As the service writes them.
constexpr auto kSubscribed = R"({"type":"subscribed","cursor":"6","tenant_ids":[],"event_types":[]})";
constexpr auto kCompleted =
    R"({"type":"sync_completed","event_id":"e1","status":"failed","results":[
          {"target_platform":"coreldove","status":"failed","error_message":"no"},
          {"target_platform":"bizosaas","status":"completed"}],
        "error_message":null,"processed_at":"2026-01-31T09:30:00.123456Z","event_type":"user_created",
        "entity_type":"user","entity_id":"42","tenant_id":"acme","source_platform":"bizoholic",
        "target_platforms":["coreldove","bizosaas"],"priority":5,"created_at":"2026-01-31T09:29:59Z","cursor":"7"})";
constexpr auto kConflict =
    R"({"type":"conflict_detected","conflict_id":"c1","conflict_type":"data_mismatch","event_id":"e2","status":"open",
        "tenant_id":"other","entity_type":"user","entity_id":"42","source_platform":"coreldove",
        "target_platform":"bizosaas","fields":[{"field":"email","strategy":"source_wins","outcome":"target"}],
        "created_at":"2026-01-31T09:30:01Z","resolved_at":null})";

class TailTest : public testing::CliTest {
 protected:
  /// Each connection gets all messages and is then closed, or stays open.
  void send_to_all(std::vector<std::string> messages, bool close = true) {
    service.upgrade = [this, messages, close](net::HttpRequest request, net::Responder responder) {
      auto peer = std::move(responder).upgrade(request, {}, {});
      for (const auto& message : messages) (*peer)->send(std::make_shared<const std::string>(message));
      if (close) (*peer)->close(1000, "done");
      peers_.push_back(*std::move(peer));
    };
  }
  std::vector<std::shared_ptr<net::WebSocketPeer>> peers_;
};

TEST_F(TailTest, EachMessageIsOneReadableLine) {
  send_to_all({kSubscribed, kCompleted, kConflict});
  EXPECT_EQ(ask({"tail", "--count", "2"}), kExitOk) << err.str();
  EXPECT_EQ(out.str(),
            "09:30:00  sync_completed      e1  user_created  user 42  bizoholic → coreldove, bizosaas  failed  "
            "coreldove failed (no), bizosaas completed  [acme]\n"
            "09:30:01  conflict_detected   e2  user 42  coreldove → bizosaas  open  email by source_wins  "
            "conflict_id=c1  conflict_type=data_mismatch  [other]\n");
  EXPECT_THAT(err.str(), HasSubstr("watching " + service.url()));
}

TEST_F(TailTest, FiltersGoToTheServiceAndHoldHereToo) {
  send_to_all({kCompleted, kConflict, "no json", "[]", kConflict});
  EXPECT_EQ(ask({"tail", "--tenant", "other", "--message", "conflict_detected,conflict_resolved", "--platform",
                 "coreldove", "--count", "2", "--cursor", "6"}),
            kExitOk);
  EXPECT_EQ(
      service.asked()[0].line,
      "GET /ws/sync?tenant_id=other&platform=coreldove&message_type=conflict_detected%2Cconflict_resolved&cursor=6");
  EXPECT_THAT(out.str(), AllOf(Not(HasSubstr("e1")), HasSubstr("c1")));
}

TEST_F(TailTest, TheTokenIsSent) {
  variables["DATA_SYNC_TOKEN"] = "hunter2";
  send_to_all({kCompleted});
  EXPECT_EQ(ask({"tail", "--count", "1"}), kExitOk);
  EXPECT_EQ(service.asked()[0].token, "Bearer hunter2");
}

TEST_F(TailTest, ForScriptsEachLineIsTheMessage) {
  send_to_all({R"({"type":"x", "a":1})"});
  EXPECT_EQ(ask({"tail", "--json", "--count", "1"}), kExitOk);
  EXPECT_EQ(out.str(), "{\"a\":1,\"type\":\"x\"}\n");
}

TEST_F(TailTest, AConnectionThatEndsIsMadeAgainAtTheLastCursor) {
  send_to_all({kCompleted});
  EXPECT_EQ(ask({"tail", "--count", "2"}), kExitOk);
  ASSERT_THAT(service.asked(), SizeIs(2));
  EXPECT_EQ(service.asked()[1].line, "GET /ws/sync?cursor=7");
  EXPECT_THAT(err.str(), HasSubstr("the connection ended; trying again in 500 ms"));
}

TEST_F(TailTest, OnceMeansThatTheEndOfTheConnectionIsTheEnd) {
  send_to_all({kCompleted});
  EXPECT_EQ(ask({"tail", "--once"}), kExitUnavailable);
  EXPECT_THAT(out.str(), StartsWith("09:30:00"));
  EXPECT_THAT(service.asked(), SizeIs(1));
}

TEST_F(TailTest, ARefusalIsToldAtOnce) {
  service.answer(401, "{}");
  EXPECT_EQ(ask({"tail"}), kExitFailed);
  EXPECT_THAT(err.str(), HasSubstr("set DATA_SYNC_TOKEN"));
  service.handler = [](const net::HttpRequest&) { return net::problem_response(404, "no"); };
  EXPECT_EQ(ask({"tail"}), kExitFailed);
  EXPECT_THAT(err.str(), HasSubstr("has no live messages for us: 404 Not Found"));
}

TEST_F(TailTest, NobodyThereIsUnavailable) {
  std::string gone;
  {
    testing::FakeService stopped;
    gone = stopped.url();
  }
  EXPECT_EQ(run({"tail", "--url", gone}), kExitUnavailable);
  EXPECT_THAT(err.str(), HasSubstr("no service answers at " + gone));
}

TEST_F(TailTest, MessagesCannotSteerTheTerminal) {
  send_to_all({R"({"type":"x\u001b[2J","note":"\u001b]52;c;aGk=\u0007"})"});
  EXPECT_EQ(ask({"tail", "--count", "1"}), kExitOk);
  EXPECT_THAT(out.str(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace datasync::cli
