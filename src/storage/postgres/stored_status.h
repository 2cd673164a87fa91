#pragma once

#include <cstdint>

#include "base/result.h"
#include "domain/event.h"

namespace datasync::storage::postgres {

inline constexpr std::int64_t kPendingBelow = 7;
inline constexpr std::int64_t kProcessingBelow = 8;

/// The number that stands for a status in `event_state`. Pending and processing below the low-water mark get one of
/// their own, which `event_waiting` lists: the scan from the mark on would not find them.
[[nodiscard]] constexpr std::int64_t stored_status(EventStatus status, bool below_low_water) noexcept {
  if (below_low_water && status == EventStatus::kPending) return kPendingBelow;
  if (below_low_water && status == EventStatus::kProcessing) return kProcessingBelow;
  return static_cast<std::int64_t>(status);
}

[[nodiscard]] constexpr bool is_listed(std::int64_t stored) noexcept {
  return stored > static_cast<std::int64_t>(EventStatus::kCompleted);
}

[[nodiscard]] inline Result<EventStatus> read_status(std::int64_t stored) {
  if (stored == kPendingBelow) return EventStatus::kPending;
  if (stored == kProcessingBelow) return EventStatus::kProcessing;
  if (stored < 0 || stored > static_cast<std::int64_t>(EventStatus::kExpired)) {
    return fail(ErrorCode::kCorrupt, "a stored event is damaged", "status " + std::to_string(stored));
  }
  return static_cast<EventStatus>(stored);
}

}  // namespace datasync::storage::postgres
