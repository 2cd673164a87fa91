#include "api/outcome_message.h"

#include <gmock/gmock.h>

#include "api/test_support.h"

namespace datasync::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StrEq;

constexpr Timestamp kNoon{std::chrono::sys_days{std::chrono::year{2026} / 1 / 1} + std::chrono::hours{12}};

pipeline::Notice completed() {
  auto event = std::make_shared<Event>();
  event->id = EventId{"e1"};
  event->tenant = TenantId{"ä 1"};
  event->type = "user_created";
  event->source = PlatformId{"bizoholic"};
  event->data.set("email_address", Value::string("ada@example.com"));
  pipeline::Notice notice;
  notice.kind = pipeline::Notice::Kind::kSyncCompleted;
  notice.event = event;
  notice.state.status = EventStatus::kFailed;
  notice.state.processed_at = kNoon;
  return notice;
}

TEST(OutcomeMessage, IsACloudEventThatTellsHowItEndedAndNoneOfTheData) {
  const auto message = outcome_message(LiveType::kSyncCompleted, completed());
  EXPECT_EQ(message.key, "ä 1");
  EXPECT_THAT(
      message.headers,
      ElementsAre(Pair(StrEq("ce_specversion"), "1.0"), Pair(StrEq("ce_id"), "sync_completed/e1/1767268800000000"),
                  Pair(StrEq("ce_type"), "com.bizosaas.datasync.sync_completed"),
                  Pair(StrEq("ce_source"), "/data-sync/tenants/%C3%A4%201"),
                  Pair(StrEq("ce_time"), "2026-01-01T12:00:00Z"), Pair(StrEq("ce_subject"), "e1"),
                  Pair(StrEq("content-type"), "application/json")));
  EXPECT_THAT(message.value, HasSubstr(R"("type":"sync_completed","event_id":"e1","status":"failed")"));
  EXPECT_THAT(message.value, Not(HasSubstr("ada@example.com")));
}

TEST(OutcomeMessage, OfAnEventThatEndsAgainIsAnotherOne) {
  auto notice = completed();
  const auto first = outcome_message(LiveType::kSyncCompleted, notice);
  EXPECT_EQ(outcome_message(LiveType::kSyncCompleted, notice).headers, first.headers);
  notice.state.processed_at = kNoon + seconds{1};
  EXPECT_NE(outcome_message(LiveType::kSyncCompleted, notice).headers[1], first.headers[1]);
}

TEST(OutcomeMessage, OfAConflictNamesTheEventThatMadeIt) {
  auto conflict = std::make_shared<Conflict>();
  conflict->id = "c1";
  conflict->tenant = TenantId{"t1"};
  conflict->event_id = EventId{"e2"};
  conflict->status = "resolved";
  conflict->created_at = kNoon;
  conflict->resolved_at = kNoon + seconds{5};
  pipeline::Notice notice;
  notice.kind = pipeline::Notice::Kind::kConflict;
  notice.conflict = conflict;
  const auto detected = outcome_message(LiveType::kConflictDetected, notice);
  const auto resolved = outcome_message(LiveType::kConflictResolved, notice);
  EXPECT_EQ(detected.headers[1].second, "conflict_detected/c1/1");
  EXPECT_EQ(detected.headers[4].second, "2026-01-01T12:00:00Z");
  EXPECT_EQ(detected.headers[5].second, "e2");
  EXPECT_EQ(resolved.headers[1].second, "conflict_resolved/c1/1");
  EXPECT_EQ(resolved.headers[2].second, "com.bizosaas.datasync.conflict_resolved");
  EXPECT_EQ(resolved.headers[4].second, "2026-01-01T12:00:05Z");
}

}  // namespace
}  // namespace datasync::api
