#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <span>
#include <vector>

#include "bus/event_bus.h"
#include "pipeline/engine.h"
#include "pipeline/inbox.h"
#include "pipeline/ledger.h"
#include "pipeline/window.h"

namespace datasync::pipeline {

/// The first verb. Stamps id, sequence and time, tells first from repeated, and puts the new events into the window's
/// transaction and on the bus.
/// Threads: the engine's.
class Acceptor {
 public:
  Acceptor(Tools tools, Ledger& ledger, bus::EventBus& bus) : tools_(tools), ledger_(ledger), bus_(bus) {}

  /// Finds out which of the window's submissions came before. Errors: of the store's reads; the window must be given up
  /// then.
  [[nodiscard]] Result<void> look_up(std::span<const AcceptRequest> requests);
  /// One receipt per submission, in order; they hold once the window is committed. After `look_up`.
  [[nodiscard]] std::vector<Receipt> accept(Window& window, std::span<Submission> submissions);

  /// Takes in an event that the house itself has made: it gets id, sequence and time, and is not put on the bus.
  [[nodiscard]] Entry& admit(Window& window, std::shared_ptr<Event> event);

  /// As any client's: its turn comes like that of others.
  void accept_own(Window& window, std::shared_ptr<Event> event);

  /// What the window accepted is staged: it is found in the store from now on.
  void window_over() { in_window_.clear(); }
  void clear();

 private:
  struct Known {
    EventId id;
    Hash128 content;
  };
  void add(Window& window, Submission& submission, Hash128 content);
  void push(const Window& window, const Entry& entry);
  Entry& add(Window& window, std::shared_ptr<Event> event, std::vector<Hash128> keys, Hash128 content);

  Tools tools_;
  Ledger& ledger_;
  bus::EventBus& bus_;
  /// Ids and keys of the window's own events and those that the store knew, by key and tenant.
  boost::unordered_flat_map<Hash128, Known, Hash128Hasher> in_window_;
  std::int64_t last_sequence_ = 0;  ///< 0: ask the store
};

}  // namespace datasync::pipeline
