#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "base/time.h"
#include "domain/event.h"

namespace datasync::bus {

/// An accepted event that waits to be reconciled.
struct Waiting {
  Sequence sequence{};
  std::uint64_t order_key = 0;
  Priority priority = Priority::kNormal;
  TenantId tenant;
  SteadyTime since{};
};

/// Decides which waiting event is next: priority first (with ageing, so that low never starves), then tenants in fair
/// turns, and never an event before an earlier one of its order key. An event lends its priority to the earlier ones of
/// its key.
///
/// Errors:  none; it holds numbers, not data, and is rebuilt from the store.
/// Threads: not thread-safe; owned by the engine.
class EventBus {
 public:
  virtual ~EventBus() = default;
  /// Events of one order key must come in the order of their sequences.
  virtual void push(Waiting event) = 0;
  [[nodiscard]] virtual std::optional<Waiting> pop(SteadyTime now) = 0;
  virtual void clear() = 0;
  /// How many wait, by the priority that they came with.
  [[nodiscard]] virtual std::array<std::size_t, kPriorityCount> depth() const noexcept = 0;
};

}  // namespace datasync::bus
