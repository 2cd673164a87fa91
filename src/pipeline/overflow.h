#pragma once

#include "pipeline/deliver.h"
#include "pipeline/ledger.h"
#include "pipeline/redrive.h"
#include "pipeline/window.h"

namespace datasync::pipeline {

/// Keeps what waits for platforms within memory. An outage of hours must not stop the acceptance of events for
/// everybody, nor fill the machine: beyond `events_in_memory_max` open events, those of the fullest lanes that would go
/// last are forgotten here and wait in the store, as events in `retry`. A lane that has sent half of its share takes up
/// the oldest of its own again, so a target that is down keeps no other's events in the store.
///
/// In the calm it costs two comparisons a window, and never asks without something having happened.
/// Threads: the engine's.
class Overflow {
 public:
  Overflow(Tools tools, Ledger& ledger, Deliverer& deliverer, Redriver& redriver, const EngineOptions& options)
      : tools_(tools), ledger_(ledger), deliverer_(deliverer), redriver_(redriver), options_(options) {}

  /// At the start: whether the event stays in the store for now.
  [[nodiscard]] bool leaves(const Window& window, const storage::StoredEvent& stored);
  /// Takes up what lanes have room for, to be launched in the next window. After `launch`, when it is known what waits.
  /// Errors: of the store's reads.
  [[nodiscard]] Result<void> take_up(Window& window);
  /// Sets aside what is too much. At the end of the window, in the same transaction.
  void set_aside(Window& window);
  /// When there is something to take up, at the latest.
  [[nodiscard]] SteadyTime next_due(const Window& window) const;
  /// Events that wait in the store; about, if a person has tried some of them again.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool has_some() const noexcept { return has_some_; }
  void clear() noexcept;

 private:
  /// Half of what memory holds is for what waits, the rest for what comes in and is under way.
  [[nodiscard]] std::size_t kept() const noexcept { return options_.events_in_memory_max / 2; }

  Tools tools_;
  Ledger& ledger_;
  Deliverer& deliverer_;
  Redriver& redriver_;
  const EngineOptions& options_;
  std::size_t count_ = 0;
  bool has_some_ = false;  ///< a lane may have something to take up, now or later
  bool looks_on_ = false;  ///< the next window has to go on
  SteadyTime set_aside_at_{};
};

}  // namespace datasync::pipeline
