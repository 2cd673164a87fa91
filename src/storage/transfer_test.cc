#include "storage/transfer.h"

#include <gmock/gmock.h>

#include <sstream>

#include "storage/engines.h"
#include "storage/postgres/postgres_test_support.h"
#include "storage/store_test_support.h"

namespace datasync::storage {
namespace {

using namespace test;
using testing::HasSubstr;

std::string text_of(const Error& error) {
  return error.message + ": " + error.detail;
}

class TransferTest : public testing::Test {
 protected:
  std::string sqlite(const std::string& name) { return "sqlite://" + folder_.file(name); }

  static std::unique_ptr<Store> open(const std::string& location) {
    auto store = open_store({location, "test"});
    EXPECT_TRUE(store) << text_of(store.error());
    return store ? std::move(*store) : nullptr;
  }

  /// Something of everything, and enough of it for several pages.
  static void fill(const std::string& location) {
    const auto store = open(location);
    for (std::int64_t from = 1; from <= 2'500; from += 500) {
      WriteBatch batch;
      for (std::int64_t sequence = from; sequence < from + 500; ++sequence) {
        const std::vector<std::string> keys = sequence % 3 == 0
                                                  ? std::vector<std::string>{"key-" + std::to_string(sequence)}
                                                  : std::vector<std::string>{};
        batch.events.push_back(as_new(make_event(sequence, sequence % 2 == 0 ? "tenant-a" : "tenant-b"), keys));
        const auto status = static_cast<EventStatus>(sequence % 7);
        if (sequence % 7 != 0) batch.states.push_back(make_state(sequence, status, sequence % 5 == 0 ? sequence : 0));
        batch.records.push_back(as_write(make_record(sequence, 1 + sequence % 4), 0));
        batch.history.push_back(make_history(sequence, sequence, 2, sequence % 2 == 0 ? "tenant-a" : "tenant-b"));
        for (const char* kind : {"canonical", "own", "natural"}) {
          const std::string name = kind + std::to_string(sequence);
          batch.identities.push_back(
              {hash128(name), static_cast<IdentityKind>(sequence % 3), {sequence}, TenantId("tenant-a"), false});
        }
      }
      ASSERT_TRUE(store->commit(batch));
    }
    WriteBatch batch;
    for (std::int64_t i = 1; i <= 1'100; ++i)
      batch.conflicts.push_back(make_conflict("c" + std::to_string(5'000 - i), i));
    batch.conflicts[3].status = "resolved";
    batch.conflicts[3].resolved_at = at_second(9);
    batch.conflicts[3].resolved_by = "bo";
    batch.conflicts[3].resolved_why = "he said \"no\"";
    batch.conflicts[3].resolved_event = EventId("e-9");
    batch.lane_states = {{TenantId("tenant-a"), "circuit:x", "{\"a\":1}"}, {TenantId{}, "origin", "open"}};
    batch.log_positions = {{"it's \"a\"", 0, 12}, {"b", 255, 4'000'000'000}};
    batch.identities.push_back({hash128("natural7"), static_cast<IdentityKind>(1), {7}, TenantId("tenant-a"), true});
    ASSERT_TRUE(store->commit(batch));
  }

  static std::vector<std::string> lines_of(const std::string& location, ContentCounts* counts = nullptr) {
    std::string text;
    const auto done = export_contents(location, [&text](std::string_view part) -> Result<void> {
      text += part;
      return {};
    });
    EXPECT_TRUE(done) << text_of(done.error());
    if (done && counts != nullptr) *counts = *done;
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }

  static Result<ContentCounts> import_lines(const std::string& location, const std::vector<std::string>& lines) {
    std::size_t at = 0;
    return import_contents(location, [&](std::string& line) -> Result<bool> {
      if (at == lines.size()) return false;
      line = lines[at++];
      return true;
    });
  }

  void expect_refused(std::vector<std::string> lines, const std::string& message) {
    const std::string location = sqlite("bad" + std::to_string(++bad_) + ".db");
    const auto done = import_lines(location, lines);
    ASSERT_FALSE(done) << message;
    EXPECT_THAT(text_of(done.error()), HasSubstr(message));
  }

  TemporaryFolder folder_;
  postgres::test::TemporarySchema schema_;
  int bad_ = 0;
};

TEST_F(TransferTest, WhatOneEngineHoldsAnotherHoldsAfterwardsAndBackAgain) {
  fill(sqlite("from.db"));
  ContentCounts counts;
  const auto first = lines_of(sqlite("from.db"), &counts);
  EXPECT_EQ(counts.events, 2'500);
  EXPECT_EQ(counts.records, 2'500);
  EXPECT_EQ(counts.identities, 7'499);
  EXPECT_EQ(counts.conflicts, 1'100);
  EXPECT_EQ(counts.lane_states, 2);
  EXPECT_EQ(first.size(), 13'603U);

  const auto there = import_lines(schema_.url(), first);
  ASSERT_TRUE(there) << text_of(there.error());
  EXPECT_EQ(*there, counts);
  const auto second = lines_of(schema_.url());
  const auto back = import_lines(sqlite("back.db"), second);
  ASSERT_TRUE(back) << text_of(back.error());
  auto third = lines_of(sqlite("back.db"));

  EXPECT_EQ(first.size(), second.size());
  auto sorted = first;  // a log of identities is told behind their table
  std::sort(sorted.begin(), sorted.end());
  auto other = second;
  std::sort(other.begin(), other.end());
  EXPECT_EQ(sorted, other);
  std::sort(third.begin(), third.end());
  EXPECT_EQ(sorted, third);
}

TEST_F(TransferTest, WhatWasImportedIsFoundAndWhatWasOpenIsTakenUp) {
  fill(sqlite("from.db"));
  const auto lines = lines_of(sqlite("from.db"));
  const auto before = open(sqlite("from.db"));
  ASSERT_TRUE(import_lines(schema_.url(), lines));
  ASSERT_TRUE(import_lines(sqlite("to.db"), lines));
  for (const std::string& location : {schema_.url(), sqlite("to.db")}) {
    const auto store = open(location);
    EXPECT_EQ(store->identity_secret(), before->identity_secret());
    EXPECT_EQ(store->last_sequence(), before->last_sequence());
    EXPECT_EQ(store->last_record_key(), before->last_record_key());
    const std::vector<EventKey> keys = {{event_key_of("event-9"), TenantId("tenant-b")},
                                        {event_key_of("key-9"), TenantId("tenant-b")},
                                        {event_key_of("key-10"), TenantId("tenant-a")}};
    const auto known = store->find_events(keys);
    ASSERT_TRUE(known);
    ASSERT_TRUE((*known)[0] && (*known)[1]);
    EXPECT_EQ((*known)[1]->sequence.value, 9);
    EXPECT_EQ((*known)[0]->content, content_hash_of(make_event(9, "tenant-b")));
    EXPECT_FALSE((*known)[2]);
    const auto open_now = store->load_unfinished({}, 10'000);
    const auto open_then = before->load_unfinished({}, 10'000);
    ASSERT_TRUE(open_now && open_then);
    EXPECT_EQ(sequences_of(*open_now), sequences_of(*open_then));
    EXPECT_EQ(*store->find_identity(TenantId("tenant-a"), hash128("own2500")), RecordKey{2'500});
    EXPECT_FALSE(*store->find_identity(TenantId("tenant-a"), hash128("natural7")));
  }
}

TEST_F(TransferTest, NumbersThatWereGivenOutAreNotGivenOutAgain) {
  {
    const auto store = open(sqlite("from.db"));
    WriteBatch batch;
    for (std::int64_t sequence = 1; sequence <= 3; ++sequence) {
      batch.events.push_back(as_new(make_event(sequence)));
      batch.states.push_back(make_state(sequence, EventStatus::kCompleted));
    }
    ASSERT_TRUE(store->commit(batch));
    ASSERT_EQ(*store->delete_finished(at_second(100), 10), 3);
  }
  const auto lines = lines_of(sqlite("from.db"));
  ASSERT_TRUE(import_lines(sqlite("to.db"), lines));
  ASSERT_TRUE(import_lines(schema_.url(), lines));
  EXPECT_EQ(open(sqlite("to.db"))->last_sequence().value, 3);
  EXPECT_EQ(open(schema_.url())->last_sequence().value, 3);
}

TEST_F(TransferTest, AnExportThatIsNotWholeIsRefusedAndItsDatabaseIsNotOpened) {
  fill(sqlite("from.db"));
  const auto lines = lines_of(sqlite("from.db"));
  auto cut = lines;
  cut.pop_back();
  expect_refused(cut, "its last line is missing");
  ASSERT_FALSE(import_lines(schema_.url(), cut));
  for (const std::string& location : {sqlite("bad1.db"), schema_.url()}) {
    const auto opened = open_store({location, "test"});
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(opened.error().message, HasSubstr("was cut short"));
  }

  auto lacking = lines;
  lacking.erase(lacking.end() - 2);
  expect_refused(lacking, "the export says that it has 2500 events");
  auto torn = lines;
  torn[2'000].resize(torn[2'000].size() / 2);
  expect_refused(torn, "line 2001: this is no line of an export");
  auto damaged = lines;
  const std::string_view name = "who@example.com";
  const auto event = std::find_if(damaged.begin(), damaged.end(),
                                  [](const std::string& line) { return line.starts_with("{\"event\""); });
  event->replace(event->find(name), 3, "w\x01\xff");
  expect_refused(damaged, "this is no line of an export");
  auto strange = lines;
  strange[1] = R"({"lane_state":{"name":"x","value":"y","colour":"red"}})";
  expect_refused(strange, "line 2: this is no line of an export");
  auto newer = lines;
  newer[0] = R"({"data_sync_export":{"format":2,"identity_secret":"","last_sequence":1}})";
  expect_refused(newer, "line 1: the export has format 2, this program reads 1");
  expect_refused({lines.begin() + 1, lines.end()}, "line 1: an export begins with `data_sync_export`");
  auto more = lines;
  more.push_back(lines[1]);
  expect_refused(more, "there is more behind the end");
  auto twice = lines;
  twice.insert(twice.begin() + 1, lines[0]);
  expect_refused(twice, "line 2: this line stands in the wrong place");
  expect_refused({}, "its last line is missing");
}

TEST_F(TransferTest, ADatabaseThatHoldsSomethingIsNotFilled) {
  fill(sqlite("from.db"));
  const auto lines = lines_of(sqlite("from.db"));
  ASSERT_TRUE(import_lines(schema_.url(), lines));
  for (const std::string& location : {sqlite("from.db"), schema_.url()}) {
    const auto done = import_lines(location, lines);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(done.error().message, HasSubstr("already, and it is not empty"));
    EXPECT_NE(open(location), nullptr);
  }
}

TEST_F(TransferTest, WhereNothingIsThereIsNothingToExport) {
  for (const std::string& location : {sqlite("nowhere.db"), schema_.url()}) {
    const auto done = export_contents(location, [](std::string_view) -> Result<void> { return {}; });
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
  }
}

TEST_F(TransferTest, AnExportEndsWhereItCantBeWritten) {
  fill(sqlite("from.db"));
  int parts = 0;
  const auto done = export_contents(sqlite("from.db"), [&parts](std::string_view) -> Result<void> {
    if (++parts < 3) return {};
    return fail(ErrorCode::kUnavailable, "no more room");
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "no more room");
  EXPECT_EQ(parts, 3);
}

}  // namespace
}  // namespace datasync::storage
