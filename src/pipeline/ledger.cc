#include "pipeline/ledger.h"

#include <algorithm>
#include <utility>

namespace datasync::pipeline {
namespace {

constexpr std::size_t kOrderSlack = 10'000;

}  // namespace

DeliveryResult* Entry::result_of(const PlatformId& target) noexcept {
  for (DeliveryResult& result : state.results) {
    if (result.target == target) return &result;
  }
  return nullptr;
}

Entry& Ledger::add(std::shared_ptr<Event> event, EventState state) {
  const Sequence sequence = event->sequence;
  auto entry = std::make_unique<Entry>();
  entry->event = std::move(event);
  entry->state = std::move(state);
  entry->state.sequence = sequence;
  Entry& made = *entry;
  entries_.insert_or_assign(sequence, std::move(entry));
  // A redriven event is older than all that came since. Once it is pending again only the mark finds it after a
  // restart, so it takes its old place.
  const auto place = std::lower_bound(order_.begin(), order_.end(), sequence);
  if (place == order_.end() || *place != sequence) order_.insert(place, sequence);
  highest_ = std::max(highest_, sequence);
  return made;
}

Entry* Ledger::find(Sequence sequence) noexcept {
  const auto at = entries_.find(sequence);
  return at == entries_.end() ? nullptr : at->second.get();
}

void Ledger::mark_dirty(Entry& entry) {
  if (entry.dirty) return;
  entry.dirty = true;
  dirty_.push_back(&entry);
}

void Ledger::stage(storage::WriteBatch& batch) {
  batch.states.reserve(dirty_.size());
  for (Entry* entry : dirty_) {
    batch.states.push_back(entry->state);
    entry->dirty = false;
  }
  batch.low_water = low_water();
  staged_ = std::exchange(dirty_, std::move(staged_));
  dirty_.clear();
}

void Ledger::committed() {
  for (Entry* entry : staged_) {
    if (entry->dirty) continue;  // there is more of it in the next transaction
    if (is_final(entry->state.status) || entry->state.status == EventStatus::kReview || entry->set_aside) {
      entries_.erase(entry->state.sequence);
    } else if (!entry->slim && entry->state.record.value > 0) {
      entry->slim = true;
      entry->event->data = Fields{};
      entry->event->metadata = Fields{};
    }
  }
  staged_.clear();
  // One event that waits long at the front must not keep the numbers of all that came and went behind it.
  if (order_.size() > 2 * entries_.size() + kOrderSlack) {
    std::erase_if(order_, [this](Sequence sequence) { return find(sequence) == nullptr; });
  }
}

void Ledger::clear() {
  entries_.clear();
  order_.clear();
  dirty_.clear();
  staged_.clear();
  highest_ = Sequence{};
}

Sequence Ledger::low_water() {
  while (!order_.empty()) {
    const Entry* entry = find(order_.front());
    // One without results is yet to be reconciled, and will be pending then.
    const bool in_progress =
        entry != nullptr &&
        (entry->state.status == EventStatus::kPending || entry->state.status == EventStatus::kProcessing ||
         (entry->state.status == EventStatus::kRetry && entry->state.results.empty()));
    if (in_progress) return order_.front();
    order_.pop_front();
  }
  return Sequence{highest_.value + 1};
}

}  // namespace datasync::pipeline
