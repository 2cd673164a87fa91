#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "domain/record.h"

namespace datasync::storage {

/// Column `records.body`: what is not a column of its own, as packed arrays in an envelope:
///
///   [created_at, [platform, …],
///    [[name, value, writer, time, version, event, earlier?, source_version?], …],
///    [[platform, [[role, id], …], [held, …], [held earlier, …]], …]]
///
/// Platforms are positions in the second member, times are microseconds after `created_at`; `earlier` is by how much
/// the event time lies before the field's time. `held` groups neighbours that were acknowledged together: [version,
/// time, [field, …], hashes], a field being its position among the record's fields or, where it is none of them, its
/// name; the hashes stand as 11 letters each. The views read it too, so the order is fixed.
void append_record_body(std::string& out, const Record& record);

/// Fills in what the columns do not tell.
/// Errors: `kCorrupt` if the bytes are none that `append_record_body` wrote.
[[nodiscard]] Result<void> read_record_body(std::string_view body, Record& record);

/// Column `record_history.body`: the fields in the same shape, but writers by name and times since 1970, in an
/// envelope.
void append_history_body(std::string& out, const std::vector<FieldState>& overwritten);
[[nodiscard]] Result<std::vector<FieldState>> read_history_body(std::string_view body);

/// The columns of `sync_conflicts` that hold more than one thing: `fields` is [[field, strategy, source_won], …], the
/// two data columns are objects in an envelope whose members stand in the order of `fields`.
struct ConflictColumns {
  std::string fields;
  std::string source_data;
  std::string target_data;
  std::string resolution_strategy;  ///< every strategy once, with commas between them
};
[[nodiscard]] ConflictColumns conflict_columns(const Conflict& conflict);
/// What the decisions left: an object of field → value in an envelope.
[[nodiscard]] std::string conflict_outcome(const Conflict& conflict);
[[nodiscard]] Result<std::vector<Conflict::Side>> read_conflict_fields(std::string_view fields,
                                                                       std::string_view source_data,
                                                                       std::string_view target_data);

}  // namespace datasync::storage
