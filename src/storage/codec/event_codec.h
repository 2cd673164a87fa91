#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "domain/event.h"
#include "domain/record.h"

namespace datasync::storage {

/// Column `event_log.body`: what is not a column of its own, as one JSON object in an envelope. `entity_id` stands
/// first
/// (`body_has_entity_id`); members that say nothing are left out. `more_keys` are the event's keys besides its id, so
/// that they can be deleted with it.
void append_event_body(std::string& out, const Event& event, const std::vector<Hash128>& more_keys);

/// Fills in what the columns do not tell. `more_keys` may be null.
/// Errors: `kCorrupt` if the bytes are none that `append_event_body` wrote.
[[nodiscard]] Result<void> read_event_body(std::string_view body, Event& event,
                                           std::vector<Hash128>* more_keys = nullptr);

/// True if the event was sent with that entity id; costs no parse where the body is plain.
[[nodiscard]] bool body_has_entity_id(std::string_view body, std::string_view entity_id);

/// Column `event_state.results`: an array of arrays, each cut after its last member that says something. The order of
/// members is stored and read by the views: [target, status, attempts, processed_at, sent_version, first_attempt_at,
/// next_attempt_at, error_message, redrive, outcome_unknown], times in microseconds or null.
void append_results(std::string& out, const std::vector<DeliveryResult>& results);
[[nodiscard]] Result<std::vector<DeliveryResult>> read_results(std::string_view text);

}  // namespace datasync::storage
