#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <deque>
#include <list>
#include <vector>

#include "bus/event_bus.h"

namespace datasync::bus {

/// The bus of one process, in memory.
class EmbeddedBus final : public EventBus {
 public:
  struct Options {
    microseconds ageing = seconds{1};  ///< an event moves up one priority for each such time that it has waited
  };
  EmbeddedBus() : EmbeddedBus(Options{}) {}
  explicit EmbeddedBus(Options options) : options_(options) {}

  void push(Waiting event) override;
  [[nodiscard]] std::optional<Waiting> pop(SteadyTime now) override;
  void clear() override;
  [[nodiscard]] std::array<std::size_t, kPriorityCount> depth() const noexcept override { return depth_; }

 private:
  /// All waiting events of one order key, oldest first. Only the first may be taken.
  struct Chain {
    std::list<Waiting> events;                           // mostly one, for which a deque takes 576 bytes
    std::array<std::uint32_t, kPriorityCount> counts{};  ///< by the priority that they came with
    Priority effective = Priority::kLow;                 ///< the best of all of them: lent to the first
  };
  /// The tenants that wait in one priority, in the order of their turns, and the order keys of each. A key may stand
  /// here after its chain has moved up or is gone: such are passed over.
  struct Queue {
    std::deque<TenantId> turns;
    boost::unordered_flat_map<TenantId, std::deque<std::uint64_t>, std::hash<TenantId>> keys;
  };

  void enqueue(std::uint64_t key, const Chain& chain);
  /// Drops what is out of date from the head of a queue; the chain whose turn it is, or null.
  Chain* head(std::size_t priority);
  Waiting take(std::size_t priority);

  Options options_;
  boost::unordered_flat_map<std::uint64_t, Chain> chains_;
  std::array<Queue, kPriorityCount> queues_;
  std::array<std::size_t, kPriorityCount> depth_{};
};

}  // namespace datasync::bus
