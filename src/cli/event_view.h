#pragma once

#include <string>

#include "cli/command.h"
#include "domain/value.h"

namespace datasync::cli {

/// The results of an event, one row per target. Of an answer to `GET /sync/events/{id}`.
void print_results(const Terminal& terminal, const Fields& answer);
/// What the event is and how far: names and values.
void print_event(const Terminal& terminal, const Fields& answer);

/// `/sync/events/{id}` with the id escaped, and the tenant where one is given.
[[nodiscard]] std::string event_target(std::string_view id, std::string_view tenant, std::string_view below = "");
/// `["a","b"]` as `a, b`; a string as it is.
[[nodiscard]] std::string joined(const Fields& object, std::string_view name);
/// `event_id`, or `id` where a service calls it so.
[[nodiscard]] std::string id_of(const Fields& event);

}  // namespace datasync::cli
