#pragma once

#include "api/json_writer.h"
#include "domain/record.h"

namespace datasync::api {

/// `{conflict_id, conflict_type, …, fields: [{field, platform, event_id, source_value, target_value, base_value,
/// merged_value, strategy, outcome}], strategy, status, reason, revision, version, …}`
void write_conflict(JsonWriter& out, const Conflict& conflict);
/// The same without the closing brace: the caller adds what else it knows.
void begin_conflict(JsonWriter& out, const Conflict& conflict);

}  // namespace datasync::api
