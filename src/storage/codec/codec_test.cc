#include <gtest/gtest.h>

#include "base/random.h"
#include "domain/money.h"
#include "storage/codec/compact_json.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/packed_bytes.h"
#include "storage/codec/record_codec.h"
#include "storage/codec/record_marks.h"
#include "storage/store_test_support.h"

namespace datasync::storage {
namespace {

using namespace test;

TEST(Envelope, CompressesWhatIsLargeAndLeavesTheRestReadable) {
  std::string buffer;
  for (const std::size_t size : {0, 1, 2047, 2048, 100'000}) {
    const std::string text(size, 'x');
    std::string envelope;
    append_envelope(envelope, text);
    EXPECT_EQ(static_cast<Codec>(envelope.front()), size < kCompressFromBytes ? Codec::kPlain : Codec::kZstd) << size;
    EXPECT_EQ(*open_envelope(envelope, buffer), text);
  }
  std::string noise;
  const auto random = make_seeded_random(1);
  for (int i = 0; i < 5000; ++i) noise += static_cast<char>(random->next() & 0xffU);
  std::string envelope;
  append_envelope(envelope, noise);
  EXPECT_EQ(envelope.size(), noise.size() + 1) << "what does not shrink stays plain";
}

struct RecordColumns {
  std::string body, marks;
  explicit RecordColumns(const Record& record) {
    std::string both = "before";
    const std::size_t from = both.size();
    const RecordBytes bytes = append_record(both, record);
    body = both.substr(from, bytes.body);
    marks = both.substr(from + bytes.body);
    EXPECT_EQ(marks.size(), bytes.marks);
  }
};

/// Reads into a record that has what the narrow columns tell.
Result<Record> read_back(const Record& original, std::string_view body, std::string_view marks) {
  Record record;
  record.key = original.key;
  record.tenant = original.tenant;
  record.entity = original.entity;
  record.id = original.id;
  record.version = original.version;
  record.updated_at = original.updated_at;
  if (auto read = read_record(body, marks, record); !read) return fail(read.error());
  return record;
}

/// Any number there is, mostly a small one.
std::int64_t some_number(Random& random) {
  return static_cast<std::int64_t>(random.next()) >> (random.next() % 64);
}

std::string some_text(Random& random) {
  std::string text;
  for (std::size_t left = random.next() % 20; left > 0; --left) text += static_cast<char>(random.next() % 128);
  return text;
}

KnownValue some_known(Random& random, const Record& record, const KnownValue* before) {
  KnownValue known;
  const FieldState* field = record.fields.empty() ? nullptr : &record.fields[random.next() % record.fields.size()];
  known.field = field == nullptr || random.next() % 8 == 0 ? some_text(random) : field->name;
  known.hash = field == nullptr || random.next() % 2 == 0 ? random.next() : field->value.hash();
  const bool together = before != nullptr && random.next() % 2 == 0;
  known.version = together ? before->version : RecordVersion{some_number(random)};
  known.acknowledged = together ? before->acknowledged : Timestamp{microseconds{some_number(random)}};
  return known;
}

Record some_record(Random& random) {
  const std::vector<PlatformId> platforms{PlatformId("a"), PlatformId("b\""),
                                          PlatformId("long enough to be on the heap")};
  Record record;
  record.created_at = Timestamp{microseconds{some_number(random)}};
  for (std::size_t left = random.next() % 12; left > 0; --left) {
    const FieldState before = record.fields.empty() ? FieldState{} : record.fields.back();
    FieldState& field = record.at_or_new(some_text(random));
    if (random.next() % 2 == 0) {
      const FieldName name = field.name;
      field = before;
      field.name = name;
    } else {
      field.writer = platforms[random.next() % platforms.size()];
      field.time = {some_number(random)};
      field.version = {some_number(random)};
      field.event = {some_number(random)};
      field.source_time =
          Timestamp{microseconds{random.next() % 2 == 0 ? field.time.microseconds : some_number(random)}};
      if (random.next() % 2 == 0) field.source_version = some_number(random);
    }
    field.value = Value::string(some_text(random));
  }
  for (const PlatformId& platform : platforms) {
    if (random.next() % 3 == 0) continue;
    Knowledge& known = record.knowledge_of(platform);
    for (std::size_t left = random.next() % 3; left > 0; --left)
      known.ids.push_back({some_text(random), some_text(random)});
    for (auto* values : {&known.values, &known.earlier}) {
      for (std::size_t left = random.next() % 12; left > 0; --left) {
        values->push_back(some_known(random, record, values->empty() ? nullptr : &values->back()));
      }
    }
    if (random.next() % 3 == 0) known.told = {some_number(random)};
    if (random.next() % 3 == 0) known.told_again = {some_number(random)};
    if (random.next() % 2 == 0) {
      FrozenWords& words = known.frozen.emplace_back();
      words.version = {some_number(random)};
      words.verb = static_cast<Verb>(random.next() % 3);
      for (const FieldState& field : record.fields) {
        if (random.next() % 2 == 0) words.fields.push_back(field.name);
      }
      if (random.next() % 2 == 0) words.fields.emplace_back(some_text(random));
      if (random.next() % 2 == 0) words.ids.push_back({some_text(random), some_text(random)});
      for (std::size_t left = random.next() % 3; left > 0; --left) {
        const auto minor = static_cast<std::int64_t>(random.next() % 1'000'000);
        words.amounts.set(some_text(random), Money::from_minor(minor, *Currency::parse("INR")).to_value());
      }
    }
  }
  for (std::size_t left = random.next() % 8; left < 3; ++left) {
    Hold& hold = record.holds.emplace_back();
    hold.field = FieldName(some_text(random));
    hold.review = some_text(random);
    for (std::size_t more = random.next() % 3; more > 0; --more) {
      Hold::Candidate& candidate = hold.candidates.emplace_back();
      candidate.platform = PlatformId(some_text(random));
      candidate.event = {some_number(random)};
      candidate.source_time = Timestamp{microseconds{some_number(random)}};
      if (random.next() % 2 == 0) candidate.source_version = some_number(random);
    }
  }
  for (std::size_t left = random.next() % 8; left < 3; ++left) {
    MissingField& missing = record.missing.emplace_back();
    missing.platform = PlatformId(some_text(random));
    missing.field = FieldName(some_text(random));
    missing.conflict = some_text(random);
    missing.since = Timestamp{microseconds{some_number(random)}};
    if (random.next() % 2 == 0) missing.source_version = some_number(random);
  }
  if (random.next() % 3 == 0) record.joined = {some_number(random)};
  return record;
}

TEST(Codec, WhateverStandsInARecordComesBack) {
  const auto random = make_seeded_random(3);
  for (int i = 0; i < 5000; ++i) {
    const Record record = some_record(*random);
    const RecordColumns columns(record);
    const auto read = read_back(record, columns.body, columns.marks);
    ASSERT_TRUE(read) << i;
    ASSERT_EQ(*read, record) << i;
  }
}

TEST(Codec, AConflictOfBeforeReviewsWereKeptIsRead) {
  const auto sides = read_conflict_fields(R"([["email","latest_wins",1],["name","latest_wins",0]])",
                                          std::string(1, '\0') + R"({"email":"a","name":"b"})",
                                          std::string(1, '\0') + R"({"email":"c","name":"d"})", "");
  ASSERT_TRUE(sides) << sides.error().detail;
  ASSERT_EQ(sides->size(), 2U);
  EXPECT_EQ(sides->at(0).outcome, Conflict::Outcome::kSource);
  EXPECT_EQ(sides->at(1).outcome, Conflict::Outcome::kTarget);
  EXPECT_EQ(sides->at(1).target_value, Value::string("d"));
  EXPECT_FALSE(sides->at(0).base);
}

TEST(Codec, MarksThatEndTooSoonAreRefused) {
  const Record record = make_record(1, 1);
  const RecordColumns columns(record);
  std::string unpadded(1, static_cast<char>(Codec::kPlain));
  append_record_marks(unpadded, record);
  const std::size_t end = unpadded.size();
  for (std::size_t size = 0; size < end; ++size) {
    const auto read = read_back(record, columns.body, std::string_view(columns.marks).substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code, ErrorCode::kCorrupt);
  }
  EXPECT_TRUE(read_back(record, columns.body, std::string_view(columns.marks).substr(0, end)));
  EXPECT_FALSE(read_back(record, columns.body, columns.marks + "x"));
}

TEST(Codec, MarksOfAnotherRecordAreRefused) {
  Record other = make_record(1, 1);
  other.fields.pop_back();
  EXPECT_FALSE(read_back(other, RecordColumns(other).body, RecordColumns(make_record(1, 1)).marks));
}

/// A record is written again with every acknowledgement, and a row is overwritten in place only while its length stays.
TEST(Codec, ARecordKeepsItsRoomWhileTheSameIsAcknowledgedAgain) {
  Record record = make_record(1, 1);
  const RecordColumns before(record);
  for (KnownValue& value : record.knowledge_of(PlatformId("coreldove")).values) {
    value.version = {value.version.value + 1};
    value.acknowledged += seconds{5};
  }
  const RecordColumns after(record);
  EXPECT_NE(before.marks, after.marks);
  EXPECT_EQ(before.body, after.body);
  EXPECT_EQ(before.marks.size(), after.marks.size());
}

TEST(Codec, APackedNumberOfMoreThan64BitsIsRefused) {
  PackedWriter writer;
  writer.need(PackedWriter::kVarintBytesMax);
  writer.varint(~std::uint64_t{0});
  std::string most(writer.bytes());
  ASSERT_EQ(most.size(), PackedWriter::kVarintBytesMax);
  PackedReader fits(most);
  EXPECT_EQ(fits.varint(), ~std::uint64_t{0});
  EXPECT_TRUE(fits.finished());
  ++most.back();
  PackedReader too_large(most);
  EXPECT_EQ(too_large.varint(), 0U);
  EXPECT_TRUE(too_large.failed());
  PackedReader endless(std::string_view("\x80\x80", 2));
  EXPECT_EQ(endless.varint(), 0U);
  EXPECT_TRUE(endless.failed());
}

TEST(Codec, EveryCharacterIsEscapedAsJsonDemands) {
  for (std::size_t before = 0; before < 20; ++before) {
    for (int c = 0; c < 256; ++c) {
      const std::string text = std::string(before, '~') + static_cast<char>(c) + "\x7f" + std::string(9, ' ');
      std::string expected, written;
      append_json_string(expected, text);
      CompactJsonWriter(written).quoted(text, 0);
      ASSERT_EQ(written, expected) << before << ' ' << c;
    }
  }
}

/// Whatever a bit does to stored bytes, reading them ends with a value or with kCorrupt.
TEST(Codec, DamagedBytesAreRefusedOrReadButNeverLeadAstray) {
  const auto random = make_seeded_random(2);
  std::string event, history, results;
  append_event_body(event, make_event(1), {{1, 2}});
  const RecordColumns record(make_record(1, 1));
  append_history_body(history, make_history(1, 1, 2).overwritten);
  append_results(results, make_state(1, EventStatus::kRetry).results);
  const std::vector<const std::string*> wholes{&event, &record.body, &record.marks, &history, &results};
  int refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    for (const std::string* whole : wholes) {
      std::string damaged = *whole;
      if (i % 3 == 0) damaged.resize(random->next() % damaged.size());
      if (!damaged.empty()) damaged[random->next() % damaged.size()] ^= static_cast<char>(1U << (random->next() % 8));
      damaged.shrink_to_fit();  // so that the sanitizer sees a byte too far
      Event event_read;
      Record record_read;
      std::vector<Hash128> keys;
      const bool read = whole == &event          ? read_event_body(damaged, event_read, &keys).has_value()
                        : whole == &record.body  ? read_record(damaged, record.marks, record_read).has_value()
                        : whole == &record.marks ? read_record(record.body, damaged, record_read).has_value()
                        : whole == &history      ? read_history_body(damaged).has_value()
                                                 : read_results(damaged).has_value();
      if (!read) ++refused;
    }
  }
  EXPECT_GT(refused, 10'000);
}

TEST(Codec, AResultKeepsItsRoomWhileItIsCompleted) {
  // The row is overwritten in place only while its length stays.
  EventState state = make_state(1, EventStatus::kCompleted);
  state.results = {state.results[0], state.results[0]};
  state.results[1].target = PlatformId("bizosaas");
  std::vector<DeliveryResult> pending(2);
  pending[0].target = state.results[0].target;
  pending[1].target = state.results[1].target;
  std::string before, after;
  append_results(before, pending);
  append_results(after, state.results);
  EXPECT_EQ(before.size(), after.size());
}

}  // namespace
}  // namespace datasync::storage
