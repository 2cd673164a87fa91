#pragma once

#include <string_view>

#include "api/event_request.h"
#include "storage/store.h"

namespace datasync::api {

/// The filters of `GET /sync/events` as a JSON object: which dead letters to try again. An empty body filters nothing.
/// Errors: 400, 404 and 422 as for events; a member that is no filter is 422 too, since ignoring it would widen the
/// redrive.
[[nodiscard]] Read<storage::Reader::EventFilter> read_redrive_filter(std::string_view body,
                                                                     const security::Caller& caller);

}  // namespace datasync::api
