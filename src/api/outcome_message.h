#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/live_message.h"
#include "pipeline/notice.h"

namespace datasync::api {

/// A CloudEvent 1.0 in the binary mode of the Kafka protocol binding.
struct OutcomeMessage {
  std::string key;  ///< the tenant: a record's outcomes are in order, however many platforms it was changed on
  std::string value;
  std::vector<std::pair<const char*, std::string>> headers;
};

/// Whether others are told of it by `outcome_message`.
[[nodiscard]] constexpr bool is_outcome(LiveType type) noexcept {
  return type == LiveType::kSyncCompleted || type == LiveType::kConflictDetected || type == LiveType::kConflictResolved;
}

/// What a WebSocket client is told of an outcome, with its CloudEvent's attributes. `ce_id` is the same whenever the
/// same outcome is told; an event that ends a second time, after a retry, is another one.
[[nodiscard]] OutcomeMessage outcome_message(LiveType type, const pipeline::Notice& notice);

}  // namespace datasync::api
