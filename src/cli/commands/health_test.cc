#include "cli/test_support.h"

namespace datasync::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class HealthTest : public testing::CliTest {};

TEST_F(HealthTest, AServiceThatTakesEventsIsWellWhateverItsPlatformsAre) {
  service.answer(200, R"({"status":"healthy","services":{"database":"healthy","bizosaas":"unhealthy"}})");
  EXPECT_EQ(ask({"health"}), kExitOk) << err.str();
  EXPECT_EQ(out.str(), "service   healthy\nbizosaas  unhealthy\ndatabase  healthy\n");
  ASSERT_THAT(service.asked(), SizeIs(1));
  EXPECT_EQ(service.asked()[0].line, "GET /health");
}

TEST_F(HealthTest, TheAnswerIsWrittenAsJsonForScripts) {
  service.answer(200, R"({"status":"healthy","services":{}})");
  EXPECT_EQ(ask({"health", "--json"}), kExitOk);
  EXPECT_EQ(out.str(), "{\"services\":{},\"status\":\"healthy\"}\n");
}

TEST_F(HealthTest, OneThatTakesNoneIsUnavailableAndSaysWhy) {
  service.answer(503, R"({"status":"unhealthy","detail":"the store does not take events; see the log"})");
  EXPECT_EQ(ask({"health"}), kExitUnavailable);
  EXPECT_THAT(err.str(), HasSubstr("the store does not take events"));
  EXPECT_EQ(run({"health", "--url", "http://127.0.0.1:1"}), kExitUnavailable);
}

TEST_F(HealthTest, WhatIsNoDataSyncIsNotTakenForOne) {
  for (const char* answer : {R"({"status":"ok"})", R"({})", "[]", "it works!"}) {
    testing::FakeService other;
    other.answer(200, answer);
    EXPECT_EQ(run({"health", "--url", other.url()}), kExitFailed) << answer;
  }
}

}  // namespace
}  // namespace datasync::cli
