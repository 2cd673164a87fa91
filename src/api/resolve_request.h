#pragma once

#include <string_view>

#include "api/event_request.h"
#include "pipeline/engine.h"

namespace datasync::api {

/// The body of `POST /sync/conflicts/{id}/resolve`: `{choice, reason, platform?, data?, revision?}`. Fills in all of
/// the decision but whose it is. Errors: 400 for what is no JSON object, 422 with the pointer of each member that is
/// wrong.
[[nodiscard]] Read<pipeline::ReviewDecision> read_resolve_request(std::string_view body);

}  // namespace datasync::api
