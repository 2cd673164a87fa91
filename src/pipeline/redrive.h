#pragma once

#include <span>

#include "bus/event_bus.h"
#include "pipeline/deliver.h"
#include "pipeline/engine.h"
#include "pipeline/ledger.h"
#include "pipeline/subjects.h"
#include "pipeline/window.h"

namespace datasync::pipeline {

/// Takes up what had stopped: unfinished events after a start, and what a person asked to be tried again.
/// Threads: the engine's.
class Redriver {
 public:
  Redriver(Tools tools, Ledger& ledger, Subjects& subjects, Deliverer& deliverer, bus::EventBus& bus)
      : tools_(tools), ledger_(ledger), subjects_(subjects), deliverer_(deliverer), bus_(bus) {}

  /// The records of events that will be resumed, ahead of it. Errors: of the store's reads.
  [[nodiscard]] Result<void> fetch(std::span<const storage::StoredEvent> events);
  /// Puts an event that was unfinished when the process ended back to where it was.
  /// Errors: of the store's reads.
  [[nodiscard]] Result<void> resume(Window& window, storage::StoredEvent stored);

  /// Tries again what failed or waits of one event. False if there is nothing to try.
  /// Errors: of the store's reads.
  [[nodiscard]] Result<bool> redrive(Window& window, const storage::StoredEvent& stored);

 private:
  void close_decided(const Window& window, Entry& entry, const Record& record);
  [[nodiscard]] Result<Subject*> subject_of(Window& window, const Entry& entry);
  void push(Window& window, const Event& event);

  Tools tools_;
  Ledger& ledger_;
  Subjects& subjects_;
  Deliverer& deliverer_;
  bus::EventBus& bus_;
};

}  // namespace datasync::pipeline
