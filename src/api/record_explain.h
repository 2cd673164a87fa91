#pragma once

#include "api/json_writer.h"
#include "base/result.h"
#include "pipeline/catalog.h"
#include "storage/store.h"

namespace datasync::api {

/// For each field of the record: its value, the event that wrote it, the rule that chose it, the proposals that wait,
/// and what lost against it.
///
/// `{field: {value, writer, version, time, event_id, rule, conflict_id, waiting: […], lost: […], history: […]}}`
/// Errors: of the reader.
[[nodiscard]] Result<void> write_explanation(JsonWriter& out, storage::Reader& reader, const Record& record);

/// What the field was, newest first: `[{field, value, writer, version, time, event_id}, …]`, the present value first.
/// `event_id` is null where the event has gone by its age.
/// Errors: of the reader.
[[nodiscard]] Result<void> write_history(JsonWriter& out, storage::Reader& reader, const Record& record,
                                         const FieldName& field);

}  // namespace datasync::api
