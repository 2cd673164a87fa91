#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "domain/event.h"
#include "domain/record.h"
#include "pipeline/notice.h"
#include "storage/store.h"

namespace datasync::api {

/// What a WebSocket client is told.
enum class LiveType : std::uint8_t {
  kEventCreated,
  kSyncCompleted,
  kConflictDetected,
  kConflictResolved,
  kAlertCreated,
  kAlertResolved,
};
inline constexpr std::array<std::string_view, 6> kLiveTypes{"event_created",     "sync_completed", "conflict_detected",
                                                            "conflict_resolved", "alert_created",  "alert_resolved"};

[[nodiscard]] constexpr std::string_view to_string(LiveType type) noexcept {
  return kLiveTypes[static_cast<std::size_t>(type)];
}

/// What is told of a notice, in this order.
[[nodiscard]] std::span<const LiveType> types_of(const pipeline::Notice& notice) noexcept;

/// One JSON object, the same for every client. It names the event, never its data: who wants that asks for the event.
[[nodiscard]] std::string render_notice(LiveType type, const pipeline::Notice& notice);
[[nodiscard]] std::string render_created(const Event& event, EventStatus status);
[[nodiscard]] std::string render_completed(const Event& event, const EventState& state);

}  // namespace datasync::api
