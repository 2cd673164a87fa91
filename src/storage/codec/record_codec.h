#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "domain/record.h"

namespace datasync::storage {

/// What a record is besides its narrow columns, appended as two columns that stand one after the other:
///
/// `records.body` is what people, the views and other programs read, an object in an envelope: the golden values by
/// name, and the ids that each platform has given it, oldest first (the last one of a role is used outward):
///
///   {"fields":{name:value,…},"ids":{platform:[[role,id],…],…}}
///
/// `records.marks` is the bookkeeping, packed (`record_marks.h`) and in an envelope too, but never compressed: hashes
/// are noise. It ends in zeros: so both columns together have a length that most changes keep, and a row that is
/// written again with its old length is overwritten in place, which spares the database moving its neighbours.
struct RecordBytes {
  std::size_t body = 0;
  std::size_t marks = 0;
};
RecordBytes append_record(std::string& out, const Record& record);

/// Fills in what the narrow columns do not tell.
/// Errors: `kCorrupt` if the bytes are none that `append_record` wrote.
[[nodiscard]] Result<void> read_record(std::string_view body, std::string_view marks, Record& record);

/// Column `record_history.body`: [[name, value, writer, time, version, event, earlier?, source_version?], …] in an
/// envelope; `earlier` is by how much the event time lies before the field's time.
void append_history_body(std::string& out, const std::vector<FieldState>& overwritten);
[[nodiscard]] Result<std::vector<FieldState>> read_history_body(std::string_view body);

/// The columns of `sync_conflicts` that hold more than one thing: `fields` is [[field, strategy, outcome, platform,
/// event], …] with the outcome as its number, the two data columns are objects in an envelope whose members stand in
/// that order, and `details`, in an envelope too, is [[] or [base], [] or [merged], …].
struct ConflictColumns {
  std::string fields;
  std::string source_data;
  std::string target_data;
  std::string details;
  std::string resolution_strategy;  ///< every strategy once, with commas between them
};
[[nodiscard]] ConflictColumns conflict_columns(const Conflict& conflict);
/// What the decisions left: an object of field → value in an envelope.
[[nodiscard]] std::string conflict_outcome(const Conflict& conflict);
/// `details` may be empty, as in rows of before they were kept.
[[nodiscard]] Result<std::vector<Conflict::Side>> read_conflict_fields(std::string_view fields,
                                                                       std::string_view source_data,
                                                                       std::string_view target_data,
                                                                       std::string_view details);

}  // namespace datasync::storage
