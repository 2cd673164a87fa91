#pragma once

#include <vector>

#include "api/json_writer.h"
#include "domain/event.h"
#include "storage/store.h"

namespace datasync::api {

/// `{event_id, status, created_at, processed_at, event: {…}, results: […]}`: one event in full.
void write_event_detail(JsonWriter& out, const storage::StoredEvent& stored);
/// The event's own columns with its status and results beside them: how it stands in a list.
void write_event_row(JsonWriter& out, const storage::StoredEvent& stored);
/// `[{target_platform, status, success, …}]`
void write_results(JsonWriter& out, const Event& event, const std::vector<DeliveryResult>& results);

}  // namespace datasync::api
