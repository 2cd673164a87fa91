// Bytes as they lie in the store, damaged or not. What can be read is written and read again as the same thing.

#include "domain/record.h"
#include "fuzz.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"

namespace datasync::fuzz {
namespace {

using namespace storage;

void check_envelope(std::string_view bytes) {
  std::string buffer;
  const auto text = open_envelope(bytes, buffer);
  if (!text) return require(text.error().code == ErrorCode::kCorrupt, "what can't be opened is damaged");
  std::string again;
  append_envelope(again, *text);
  std::string other;
  require(open_envelope(again, other) == *text, "an envelope holds what was put in");
}

void check_event(std::string_view bytes) {
  Event event;
  std::vector<Hash128> keys;
  if (!read_event_body(bytes, event, &keys)) return;
  std::string body;
  append_event_body(body, event, keys);
  Event again;
  std::vector<Hash128> same_keys;
  require(read_event_body(body, again, &same_keys).has_value(), "an event that was written can be read", body);
  std::string twice;
  append_event_body(twice, again, same_keys);
  require(twice == body, "and is the same event", body);
}

void check_results(std::string_view bytes) {
  const auto results = read_results(bytes);
  if (!results) return;
  std::string text;
  append_results(text, *results);
  require(read_results(text) == *results, "results that were written are the same", text);
}

/// Body and marks stand behind each other, the body in one line.
void check_record(std::string_view bytes) {
  const std::string_view body = take_until(bytes, "\n");
  Record record;
  if (!read_record(body, bytes, record)) return;
  std::string written;
  const RecordBytes columns = append_record(written, record);
  Record again;
  const auto read = read_record(std::string_view(written).substr(0, columns.body),
                                std::string_view(written).substr(columns.body), again);
  require(read.has_value(), "a record that was written can be read", written);
  require(again == record, "and is the same record", written);
}

void check_history(std::string_view bytes) {
  const auto fields = read_history_body(bytes);
  if (!fields) return;
  std::string body;
  append_history_body(body, *fields);
  require(read_history_body(body) == *fields, "a history that was written is the same", body);
}

/// The four columns stand behind each other, a line each.
void check_conflict(std::string_view bytes) {
  const std::string_view fields = take_until(bytes, "\n");
  const std::string_view source = take_until(bytes, "\n");
  const std::string_view target = take_until(bytes, "\n");
  const auto sides = read_conflict_fields(fields, source, target, bytes);
  if (!sides) return;
  Conflict conflict;
  conflict.fields = *sides;
  const ConflictColumns columns = conflict_columns(conflict);
  const auto again = read_conflict_fields(columns.fields, columns.source_data, columns.target_data, columns.details);
  require(again.has_value(), "a conflict that was written can be read", columns.fields);
  conflict.fields = *again;
  const ConflictColumns twice = conflict_columns(conflict);
  require(twice.fields == columns.fields && twice.source_data == columns.source_data &&
              twice.target_data == columns.target_data && twice.details == columns.details,
          "and is the same conflict", columns.fields);
}

}  // namespace
}  // namespace datasync::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = datasync::fuzz::text_of(data, size);
  datasync::fuzz::check_envelope(bytes);
  datasync::fuzz::check_event(bytes);
  datasync::fuzz::check_results(bytes);
  datasync::fuzz::check_record(bytes);
  datasync::fuzz::check_history(bytes);
  datasync::fuzz::check_conflict(bytes);
  return 0;
}
