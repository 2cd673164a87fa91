#include <cstdio>
#include <fstream>

#include "cli/test_support.h"
#include "domain/json.h"

namespace datasync::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class SendTest : public testing::CliTest {
 protected:
  static std::string canonical(const std::string& json) { return parse_json(json)->text(); }
};

TEST_F(SendTest, TheWordsBecomeAnEventAndItsIdComesOnStandardOutput) {
  service.answer(201, R"({"event_id":"e-1","status":"created"})");
  EXPECT_EQ(ask({"send", "order_created", "--tenant", "acme", "--from", "coreldove", "--to", "bizoholic,bizosaas",
                 "--entity-id", "7", "--priority", "2", "id=42", "note=a=b", "total_amount:=19.90", "items:=[1]"}),
            kExitOk)
      << err.str();
  EXPECT_EQ(out.str(), "e-1\n");
  ASSERT_THAT(service.asked(), SizeIs(1));
  EXPECT_EQ(service.asked()[0].line, "POST /sync/events");
  EXPECT_EQ(service.asked()[0].body,
            canonical(R"({"event_type":"order_created","tenant_id":"acme","source_platform":"coreldove",
              "target_platforms":["bizoholic","bizosaas"],"entity_id":"7","priority":2,
              "data":{"id":"42","note":"a=b","total_amount":19.9,"items":[1]}})"));
  EXPECT_EQ(service.asked()[0].token, "");
}

// Options that take several values must not swallow the fields behind them.
TEST_F(SendTest, TargetsMayBeNamedOneByOneAndFieldsMayFollowThem) {
  service.answer(201, R"({"event_id":"e-1","status":"created"})");
  EXPECT_EQ(ask({"send", "user_created", "--tenant", "acme", "--from", "a", "--to", "b", "--to", "c", "id=42", "x=1"}),
            kExitOk);
  EXPECT_THAT(service.asked()[0].body,
              AllOf(HasSubstr(R"("target_platforms":["b","c"])"), HasSubstr(R"("data":{"id":"42","x":"1"})")));
}

TEST_F(SendTest, WordsGoBeforeTheFile) {
  service.answer(201, R"({"event_id":"e-1","status":"created"})");
  in.str(
      R"({"event_type":"user_created","tenant_id":"acme","source_platform":"bizoholic","target_platforms":["coreldove"],
            "data":{"id":"1","name":"Ada"},"metadata":{"k":1}})");
  EXPECT_EQ(ask({"send", "--file", "-", "--tenant", "other", "user_updated", "name=Eve"}), kExitOk) << err.str();
  EXPECT_EQ(service.asked()[0].body,
            canonical(R"({"event_type":"user_updated","tenant_id":"other","source_platform":"bizoholic",
              "target_platforms":["coreldove"],"data":{"id":"1","name":"Eve"},"metadata":{"k":1}})"));
}

TEST_F(SendTest, WhatIsMissingIsNamedBeforeAnythingIsSent) {
  EXPECT_EQ(ask({"send", "user_created", "--tenant", "acme", "id=1"}), kExitUsage);
  EXPECT_THAT(err.str(), HasSubstr("the event lacks --from, --to"));
  for (const auto& [field, why] :
       {std::pair{"nonsense", "is no field"}, {"=x", "is no field"}, {"a:={", "is no JSON"}, {"a=\xFF", "no UTF-8"}}) {
    EXPECT_EQ(ask({"send", "user_created", "--tenant", "acme", "--from", "a", "--to", "b", field}), kExitUsage);
    EXPECT_THAT(err.str(), HasSubstr(why));
  }
  EXPECT_EQ(ask({"send", "--file", "/nowhere.json"}), kExitUsage);
  EXPECT_THAT(err.str(), HasSubstr("/nowhere.json cannot be read"));
  EXPECT_THAT(service.asked(), SizeIs(0));
}

const std::vector<std::string> kEvent{"send",      "user_created", "--tenant",  "a b", "--from",
                                      "bizoholic", "--to",         "coreldove", "id=1"};
std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST_F(SendTest, WaitingAsksUntilTheEventIsFinalAndShowsHowEachTargetTookIt) {
  service.answer(201, R"({"event_id":"e/1","status":"created"})");
  service.answer(200, R"({"event_id":"e/1","status":"pending","results":[]})");
  service.answer(200, R"({"event_id":"e/1","status":"retry","results":[]})");
  service.answer(200, R"({"event_id":"e/1","status":"completed","results":[
    {"target_platform":"coreldove","status":"completed","attempts":2,"processing_time_ms":12.5,"error_message":null}]})");
  EXPECT_EQ(ask(with(kEvent, {"--wait"})), kExitOk) << err.str();
  EXPECT_EQ(out.str(),
            "e/1\n"
            "TARGET     STATUS     ATTEMPTS  TIME     MESSAGE\n"
            "coreldove  completed  2         12.5 ms  \n");
  ASSERT_THAT(service.asked(), SizeIs(4));
  EXPECT_EQ(service.asked()[1].line, "GET /sync/events/e%2F1?tenant_id=a%20b");
}

TEST_F(SendTest, AnEventThatFailsOrWaitsForAPersonIsAFailure) {
  for (const auto* status : {"failed", "expired", "review"}) {
    testing::FakeService fresh;
    fresh.answer(201, R"({"event_id":"e","status":"created"})");
    fresh.answer(200,
                 std::string(R"({"event_id":"e","error_message":"so it is","results":[],"status":")") + status + "\"}");
    EXPECT_EQ(run(with(kEvent, {"--wait", "--url", fresh.url()})), kExitFailed) << status;
    EXPECT_THAT(err.str(), HasSubstr("so it is"));
  }
}

TEST_F(SendTest, WaitingEndsAtItsTimeout) {
  service.answer(201, R"({"event_id":"e","status":"created"})");
  service.answer(200, R"({"event_id":"e","status":"retry","results":[]})");
  const auto began = clock.steady_now();
  EXPECT_EQ(ask(with(kEvent, {"--wait", "--timeout", "5"})), kExitFailed);
  EXPECT_THAT(err.str(), HasSubstr("still retry when the time was over; `data-sync events show e`"));
  EXPECT_GE(clock.steady_now() - began, seconds{5});
  EXPECT_LE(clock.steady_now() - began, seconds{7});
}

TEST_F(SendTest, ADuplicateIsNoFailure) {
  service.answer(200, R"({"event_id":"e","status":"duplicate"})");
  EXPECT_EQ(ask(kEvent), kExitOk);
  EXPECT_EQ(out.str(), "e\n");
  EXPECT_THAT(err.str(), HasSubstr("sent before"));
}

TEST_F(SendTest, ForScriptsTheAnswerComesAsJson) {
  service.answer(201, R"({"status":"created","event_id":"e"})");
  EXPECT_EQ(ask(with(kEvent, {"--json"})), kExitOk);
  EXPECT_EQ(out.str(), "{\"event_id\":\"e\",\"status\":\"created\"}\n");
}

TEST_F(SendTest, APreviewStoresNothing) {
  service.answer(200, R"({"coreldove":{}})");
  EXPECT_EQ(ask(with(kEvent, {"--preview"})), kExitOk);
  EXPECT_EQ(out.str(), "{\"coreldove\":{}}\n");
  EXPECT_EQ(service.asked()[0].line, "POST /sync/preview");
}

TEST_F(SendTest, ARefusalIsToldInTheServicesOwnWords) {
  service.answer(422, R"json({"detail":"/data/id: is missing (and 1 more)","errors":[
    {"pointer":"/data/id","detail":"is missing"},{"pointer":"/priority","detail":"must be 1 to 10"}]})json");
  EXPECT_EQ(ask(kEvent), kExitFailed);
  EXPECT_EQ(err.str(),
            "data-sync: /data/id: is missing (and 1 more)\n"
            "data-sync:   /data/id: is missing\n"
            "data-sync:   /priority: must be 1 to 10\n");
}

TEST_F(SendTest, TheTokenOfTheEnvironmentIsSentAndItsAbsenceExplained) {
  service.answer(401, R"({"detail":"this call needs a token"})");
  EXPECT_EQ(ask(kEvent), kExitFailed);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("this call needs a token"), HasSubstr("set DATA_SYNC_TOKEN")));
  variables["DATA_SYNC_TOKEN"] = "hunter2";
  EXPECT_EQ(ask(kEvent), kExitFailed);
  EXPECT_EQ(service.asked()[1].token, "Bearer hunter2");
  EXPECT_THAT(err.str(), Not(HasSubstr("hunter2")));
  variables["DATA_SYNC_TOKEN"] = "hunter2\r\nX: y";
  EXPECT_EQ(ask(kEvent), kExitFailed);
  EXPECT_THAT(service.asked(), SizeIs(2));
}

TEST_F(SendTest, AServiceThatIsNotThereOrCannotNowIsUnavailable) {
  std::string gone;
  {
    testing::FakeService stopped;
    gone = stopped.url();
  }
  EXPECT_EQ(run(with(kEvent, {"--url", gone})), kExitUnavailable);
  EXPECT_THAT(err.str(), AllOf(HasSubstr("no service answers at " + gone), HasSubstr("data-sync serve")));
  service.answer(503, R"({"detail":"the disk is full"})");
  EXPECT_EQ(ask(kEvent), kExitUnavailable);
  EXPECT_THAT(err.str(), HasSubstr("the disk is full"));
}

TEST_F(SendTest, AnAddressMayHaveAPathAndMustBeOne) {
  service.answer(201, R"({"event_id":"e","status":"created"})");
  EXPECT_EQ(run(with(kEvent, {"--url", service.url() + "/behind/"})), kExitOk);
  EXPECT_EQ(service.asked()[0].line, "POST /behind/sync/events");
  EXPECT_EQ(run(with(kEvent, {"--url", "localhost:8025"})), kExitFailed);
  EXPECT_THAT(err.str(), HasSubstr("`localhost:8025` (--url) is no address"));
}

TEST_F(SendTest, AnAnswerThatIsNoneOfOursIsNotTakenForOne) {
  service.answer(200, "<html>");
  EXPECT_EQ(ask(kEvent), kExitFailed);
  EXPECT_THAT(err.str(), HasSubstr("answers something else than data-sync does"));
}

}  // namespace
}  // namespace datasync::cli
