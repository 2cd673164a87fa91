#pragma once

#include <memory>
#include <string>
#include <vector>

#include "domain/event.h"
#include "domain/record.h"

namespace datasync::pipeline {

/// Something that has become durable and that somebody may be watching for.
struct Notice {
  enum class Kind : std::uint8_t {
    kEventCreated,
    kSyncCompleted,     ///< all results of the event are final; `state` says how they ended
    kConflict,          ///< `conflict` was detected; its status says whether it is settled already
    kConflictResolved,  ///< `conflict`, detected before, is settled now
  };
  Kind kind = Kind::kEventCreated;
  std::shared_ptr<const Event> event;        ///< its `data` may be gone by now: ids, type, platforms and times stay
  EventState state;                          ///< kSyncCompleted only
  std::shared_ptr<const Conflict> conflict;  ///< kConflict only
};

/// Where notices go: WebSocket clients, pub/sub, metrics.
class NoticeSink {
 public:
  virtual ~NoticeSink() = default;
  /// Asked once a window; false saves the engine from making notices that nobody wants. Must not block.
  [[nodiscard]] virtual bool wants_notices() const noexcept = 0;
  /// All of one window, in commit order. Runs on the engine's thread and must not block.
  virtual void publish(std::vector<Notice> notices) = 0;
};

}  // namespace datasync::pipeline
