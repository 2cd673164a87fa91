#pragma once

#include "domain/record.h"
#include "storage/postgres/connection.h"
#include "storage/store.h"

namespace datasync::storage::postgres {

/// The tables `sync_conflicts` and `sync_conflict_resolutions`.
extern const Sql kPutConflict;
extern const Sql kPutResolution;
void write_conflict(Parameters& out, const Conflict& conflict);
/// Of a settled one: how it was settled.
void write_resolution(Parameters& out, const Conflict& conflict);

/// A query for one page of the conflicts that fit, newest first, and for how many fit at all, of one moment. `part`:
/// the shards as bits, whose tenants' alone; empty: all.
struct ConflictQuery {
  std::string text;
  Parameters parameters;
};
[[nodiscard]] ConflictQuery conflict_query(const Reader::ConflictFilter& filter, std::string_view part);
[[nodiscard]] Result<Reader::ConflictPage> read_conflicts(const Answer& answer, std::int64_t limit);

}  // namespace datasync::storage::postgres
