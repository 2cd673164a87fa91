#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/uuid.h"
#include "storage/store.h"

namespace datasync {

// GoogleTest prints these when an expectation fails.
inline void PrintTo(const Sequence& sequence, std::ostream* out) {
  *out << sequence.value;
}
inline void PrintTo(const RecordVersion& version, std::ostream* out) {
  *out << version.value;
}

}  // namespace datasync

namespace datasync::storage::test {

/// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "store-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline Timestamp at_second(std::int64_t second) {
  return Timestamp{seconds{1'767'225'600 + second}};
}

inline Value text_value(std::string_view text) {
  return Value::string(text);
}

/// An event with something in every member.
inline Event make_event(std::int64_t sequence, const std::string& tenant = "tenant-a", const std::string& id = {}) {
  Event event;
  event.sequence = {sequence};
  event.id = EventId(id.empty() ? "event-" + std::to_string(sequence) : id);
  event.tenant = TenantId(tenant);
  event.type = "user_updated";
  event.entity = "user";
  event.source = PlatformId("bizoholic");
  event.targets = {PlatformId("coreldove"), PlatformId("bizosaas")};
  event.data.set("email", text_value("who@example.com"));
  event.data.set("name", text_value("Zoë \"Z\" O\\'Brien\n\x01"));
  event.data.set("tags", Value::from_canonical(R"({"a":[1,2.5,null],"b":"]}"})"));
  event.user_id = "user-7";
  event.own_id = "own-" + std::to_string(sequence);
  event.wire_priority = 3;
  event.version = 12;
  event.base_version = 4;
  event.occurred_at = at_second(sequence - 1);
  event.expires_at = at_second(sequence + 1000);
  event.max_retries = 5;
  event.correlation_id = "correlation";
  event.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  event.metadata.set("origin", text_value("import"));
  event.created_at = at_second(sequence);
  event.order_key = order_key_of(event);
  return event;
}

inline NewEvent as_new(Event event, const std::vector<std::string>& more_keys = {}) {
  NewEvent fresh;
  fresh.keys.push_back(event_key_of(event.id.str()));
  for (const std::string& key : more_keys) fresh.keys.push_back(event_key_of(key));
  fresh.content = content_hash_of(event);
  fresh.event = std::make_shared<const Event>(std::move(event));
  return fresh;
}

inline EventState make_state(std::int64_t sequence, EventStatus status, std::int64_t record = 0) {
  EventState state;
  state.sequence = {sequence};
  state.status = status;
  state.record = {record};
  if (is_final(status)) state.processed_at = at_second(sequence + 1);
  DeliveryResult done;
  done.target = PlatformId("coreldove");
  done.status = ResultStatus::kCompleted;
  done.attempts = 1;
  done.processed_at = at_second(sequence + 1);
  DeliveryResult other;
  other.target = PlatformId("bizosaas");
  other.status = status == EventStatus::kFailed ? ResultStatus::kFailed : ResultStatus::kRetry;
  other.attempts = 3;
  other.redrive = 1;
  other.outcome_unknown = true;
  other.moved_on = 2;
  other.sent_version = {2};
  other.first_attempt_at = at_second(sequence);
  other.next_attempt_at = at_second(sequence + 30);
  other.error_message = "HTTP 503 from \"bizosaas\"";
  state.results = {done, other};
  return state;
}

inline Record make_record(std::int64_t key, std::int64_t version, const std::string& tenant = "tenant-a") {
  Record record;
  record.key = {key};
  record.tenant = TenantId(tenant);
  record.entity = "user";
  record.id = EntityId("user-" + std::to_string(key));
  record.version = {version};
  record.created_at = at_second(key);
  record.updated_at = at_second(key + version);
  for (const char* name : {"name", "email", "_phone", "zip"}) {
    FieldState& field = record.at_or_new(name);
    field.value = text_value(std::string(name) + " of version " + std::to_string(version));
    field.writer = PlatformId(field.name == "zip" ? "coreldove" : "bizoholic");
    field.time = {record.updated_at.time_since_epoch().count()};
    field.version = {version};
    field.event = {version};
    field.source_time = field.name == "email" ? Timestamp{} : record.updated_at;
  }
  record.at_or_new("zip").source_version = 77;
  Knowledge& coreldove = record.knowledge_of(PlatformId("coreldove"));
  coreldove.learn_id("", "VXNlcjox");
  coreldove.learn_id("variant", "a\"b");
  for (const FieldState& field : record.fields) {
    coreldove.hold({field.name, {version}, field.value.hash(), at_second(version)});
  }
  coreldove.hold({"name", {version + 1}, 0xffffffffffffffffULL, at_second(version + 1)});
  coreldove.hold({"gone_field", {version}, 0, at_second(version)});
  record.knowledge_of(PlatformId("bizosaas")).learn_id("", "b-1");
  return record;
}

inline RecordWrite as_write(Record record, std::int64_t expected) {
  return {std::make_shared<const Record>(std::move(record)), {expected}, false};
}

inline HistoryEntry make_history(std::int64_t event, std::int64_t record, std::int64_t version,
                                 const std::string& tenant = "tenant-a") {
  const Record old = make_record(record, version - 1, tenant);
  return {{event}, {record}, TenantId(tenant), {version}, {old.fields[1], old.fields[3]}};
}

inline Conflict make_conflict(const std::string& id, std::int64_t event, const std::string& tenant = "tenant-a") {
  Conflict conflict;
  conflict.id = id;
  conflict.type = "concurrent_update";
  conflict.tenant = TenantId(tenant);
  conflict.record = {1};
  conflict.entity = "user";
  conflict.entity_id = EntityId("user-1");
  conflict.event = {event};
  conflict.event_id = EventId("event-" + std::to_string(event));
  conflict.source = PlatformId("bizoholic");
  conflict.target = PlatformId("coreldove");
  using Outcome = Conflict::Outcome;
  const PlatformId platform("bizoholic"), other("bizosaas");
  conflict.fields = {
      {"name", text_value("a"), text_value("b"), "latest_wins", Outcome::kSource, {}, {}, platform, conflict.event_id},
      {"email", text_value("c"), {}, "manual_review", Outcome::kOpen, text_value("base"), {}, other, EventId("e-2")},
      {"notes", text_value("n"), text_value("m"), "merge_smart", Outcome::kMerged, {}, text_value("nm"), platform, {}},
      {"phone", Value::integer(7), text_value("8"), "latest_wins", Outcome::kTarget, {}, {}, platform, {}}};
  conflict.status = "open";
  conflict.reason = "a person decides";
  conflict.revision = 2;
  conflict.assignee = "bo";
  conflict.expires_at = at_second(1'000 + event);
  conflict.expires_to = Outcome::kSource;
  conflict.version = {3};
  conflict.created_at = at_second(event);
  return conflict;
}

/// Events have no `==`: nobody but a test asks for it.
inline void expect_same(const Event& actual, const Event& expected) {
  EXPECT_EQ(actual.sequence, expected.sequence);
  EXPECT_EQ(actual.id, expected.id);
  EXPECT_EQ(actual.tenant, expected.tenant);
  EXPECT_EQ(actual.type, expected.type);
  EXPECT_EQ(actual.entity, expected.entity);
  EXPECT_EQ(actual.verb, expected.verb);
  EXPECT_EQ(actual.source, expected.source);
  EXPECT_EQ(actual.targets, expected.targets);
  EXPECT_EQ(actual.data, expected.data);
  EXPECT_EQ(actual.user_id, expected.user_id);
  EXPECT_EQ(actual.entity_id, expected.entity_id);
  EXPECT_EQ(actual.own_id, expected.own_id);
  EXPECT_EQ(actual.wire_priority, expected.wire_priority);
  EXPECT_EQ(actual.version, expected.version);
  EXPECT_EQ(actual.base_version, expected.base_version);
  EXPECT_EQ(actual.occurred_at, expected.occurred_at);
  EXPECT_EQ(actual.expires_at, expected.expires_at);
  EXPECT_EQ(actual.max_retries, expected.max_retries);
  EXPECT_EQ(actual.correlation_id, expected.correlation_id);
  EXPECT_EQ(actual.traceparent, expected.traceparent);
  EXPECT_EQ(actual.metadata, expected.metadata);
  EXPECT_EQ(actual.created_at, expected.created_at);
  EXPECT_EQ(actual.order_key, expected.order_key);
}

inline void expect_same(const Conflict& actual, const Conflict& expected) {
  EXPECT_EQ(actual.id, expected.id);
  EXPECT_EQ(actual.type, expected.type);
  EXPECT_EQ(actual.tenant, expected.tenant);
  EXPECT_EQ(actual.record, expected.record);
  EXPECT_EQ(actual.entity, expected.entity);
  EXPECT_EQ(actual.entity_id, expected.entity_id);
  EXPECT_EQ(actual.event, expected.event);
  EXPECT_EQ(actual.event_id, expected.event_id);
  EXPECT_EQ(actual.source, expected.source);
  EXPECT_EQ(actual.target, expected.target);
  EXPECT_EQ(actual.status, expected.status);
  EXPECT_EQ(actual.version, expected.version);
  EXPECT_EQ(actual.created_at, expected.created_at);
  EXPECT_EQ(actual.resolved_at, expected.resolved_at);
  EXPECT_EQ(actual.reason, expected.reason);
  EXPECT_EQ(actual.revision, expected.revision);
  EXPECT_EQ(actual.assignee, expected.assignee);
  EXPECT_EQ(actual.expires_at, expected.expires_at);
  EXPECT_EQ(actual.expires_to, expected.expires_to);
  EXPECT_EQ(actual.resolved_by, expected.resolved_by);
  EXPECT_EQ(actual.resolved_why, expected.resolved_why);
  EXPECT_EQ(actual.resolved_event, expected.resolved_event);
  ASSERT_EQ(actual.fields.size(), expected.fields.size());
  for (std::size_t i = 0; i < actual.fields.size(); ++i) {
    EXPECT_EQ(actual.fields[i].field, expected.fields[i].field);
    EXPECT_EQ(actual.fields[i].source_value, expected.fields[i].source_value);
    EXPECT_EQ(actual.fields[i].target_value, expected.fields[i].target_value);
    EXPECT_EQ(actual.fields[i].strategy, expected.fields[i].strategy);
    EXPECT_EQ(actual.fields[i].outcome, expected.fields[i].outcome);
    EXPECT_EQ(actual.fields[i].base, expected.fields[i].base);
    EXPECT_EQ(actual.fields[i].merged, expected.fields[i].merged);
    EXPECT_EQ(actual.fields[i].platform, expected.fields[i].platform);
    EXPECT_EQ(actual.fields[i].event, expected.fields[i].event);
  }
}

inline std::vector<std::int64_t> sequences_of(const std::vector<StoredEvent>& events) {
  std::vector<std::int64_t> sequences;
  for (const StoredEvent& stored : events) sequences.push_back(stored.event->sequence.value);
  return sequences;
}

}  // namespace datasync::storage::test
