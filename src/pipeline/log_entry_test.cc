#include "pipeline/log_entry.h"

#include <gmock/gmock.h>

#include <map>
#include <optional>

#include "domain/json.h"
#include "storage/codec/envelope.h"

namespace datasync::pipeline {
namespace {

using ::testing::HasSubstr;
using Headers = std::map<std::string, std::string>;

Submission a_submission() {
  auto event = std::make_shared<Event>();
  event->id = EventId("e-1");
  event->tenant = TenantId("tenant-a");
  event->type = "lead_deleted";
  event->entity = "lead";
  event->verb = Verb::kDeleted;
  event->source = PlatformId("bizoholic");
  event->targets = {PlatformId("bizosaas")};
  event->data = *parse_json_object(R"({"lead_id":"7","score":1.50})");
  event->own_id = "7";
  event->wire_priority = 2;
  event->version = 4;
  event->created_at = Timestamp{std::chrono::hours{500'000}};
  event->order_key = ~std::uint64_t{0};
  return {event, "key-1"};
}

Headers headers_of(const LogEntry& entry) {
  return {entry.headers.begin(), entry.headers.end()};
}

Result<Submission> read(const Headers& headers, std::string_view value) {
  return read_log_entry(
      [&headers](const char* name) -> std::optional<std::string> {
        const auto at = headers.find(name);
        if (at == headers.end()) return std::nullopt;
        return at->second;
      },
      value);
}

std::string refusal(const Headers& headers, std::string_view value) {
  const auto entry = read(headers, value);
  if (entry) return "taken";
  EXPECT_EQ(entry.error().code, ErrorCode::kCorrupt);
  return entry.error().message;
}

TEST(LogEntry, HoldsAllOfASubmission) {
  const Submission submission = a_submission();
  const LogEntry entry = write_log_entry(submission);
  const auto again = read(headers_of(entry), entry.value);
  ASSERT_TRUE(again) << again.error().message;
  const Event& event = *again->event;
  EXPECT_EQ(again->idempotency_key, "key-1");
  EXPECT_EQ(event.id, submission.event->id);
  EXPECT_EQ(event.tenant, submission.event->tenant);
  EXPECT_EQ(event.type, "lead_deleted");
  EXPECT_EQ(event.verb, Verb::kDeleted);
  EXPECT_EQ(event.wire_priority, 2);
  EXPECT_EQ(event.version, 4);
  EXPECT_EQ(event.created_at, submission.event->created_at);
  EXPECT_EQ(event.order_key, submission.event->order_key);
  EXPECT_EQ(event.own_id, "7");
  EXPECT_EQ(content_hash_of(event), content_hash_of(*submission.event));
}

TEST(LogEntry, ThatSomebodyElseWroteIsRefusedWithWhatIsWrong) {
  const LogEntry entry = write_log_entry(a_submission());
  const Headers good = headers_of(entry);
  const auto with = [&good](const std::string& name, const std::string& text) {
    Headers headers = good;
    headers[name] = text;
    return headers;
  };
  for (const char* name : {"id", "tenant_id", "source", "entity_type"}) {
    EXPECT_THAT(refusal(with(name, ""), entry.value), HasSubstr("a header is missing"));
  }
  EXPECT_THAT(refusal(with("event_type", "lead"), entry.value), HasSubstr("its type"));
  EXPECT_THAT(refusal(with("priority", "11"), entry.value), HasSubstr("its priority"));
  EXPECT_THAT(refusal(with("priority", "2x"), entry.value), HasSubstr("its priority"));
  EXPECT_THAT(refusal(with("accepted", "-1"), entry.value), HasSubstr("its accept time"));
  EXPECT_THAT(refusal(good, ""), HasSubstr("its value"));
  EXPECT_THAT(refusal(good, entry.value.substr(0, entry.value.size() - 1)), HasSubstr("its value"));
  std::string no_json;
  storage::append_envelope(no_json, R"({"target_platforms":["bizosaas"],"data":{"a":nonsense},"order_key":1})");
  EXPECT_THAT(refusal(good, no_json), HasSubstr("its value"));
}

}  // namespace
}  // namespace datasync::pipeline
