#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "domain/event.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// An event that is not final yet.
struct Entry {
  std::shared_ptr<Event> event;
  EventState state;
  bool dirty = false;      ///< `state` differs from the store
  bool slim = false;       ///< reconciled and stored: its data is no longer in memory
  bool set_aside = false;  ///< all that is open of it waits in the store from this transaction on

  [[nodiscard]] DeliveryResult* result_of(const PlatformId& target) noexcept;
};

/// The event's id; other words than the first go under a key of their own.
[[nodiscard]] inline std::string idempotency_key(const EventId& event, const DeliveryResult& result) {
  if (result.redrive == 0) return event.str();
  return event.str() + ":" + std::to_string(result.redrive);
}

/// Other words go under another key, and the time to give up is told from its first attempt.
inline void take_new_key(DeliveryResult& result) {
  ++result.redrive;
  result.first_attempt_at.reset();
}

/// The unfinished events in memory, and how far below them all is final.
/// Threads: the engine's.
class Ledger {
 public:
  /// Numbers up to `last` are in the store already: the low-water mark starts above them.
  void start_after(Sequence last) { highest_ = last; }
  Entry& add(std::shared_ptr<Event> event, EventState state);
  /// Null if the event is final or unknown.
  [[nodiscard]] Entry* find(Sequence sequence) noexcept;
  void mark_dirty(Entry& entry);

  /// Puts changed states into the transaction, with the low-water mark. What changes from now on is of the next one.
  void stage(storage::WriteBatch& batch);
  /// What was staged is stored: forgets what has become final, waits for a person or was set aside, and lets go of data
  /// that is stored.
  void committed();
  void clear();

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// Sequences that are kept for the low-water mark.
  [[nodiscard]] std::size_t sequences() const noexcept { return order_.size(); }

 private:
  [[nodiscard]] Sequence low_water();

  boost::unordered_flat_map<Sequence, std::unique_ptr<Entry>, std::hash<Sequence>> entries_;
  std::deque<Sequence> order_;  ///< as accepted; what is final or parked is dropped from its front
  std::vector<Entry*> dirty_;
  std::vector<Entry*> staged_;
  Sequence highest_{};
};

}  // namespace datasync::pipeline
