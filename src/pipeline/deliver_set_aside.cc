#include <algorithm>
#include <utility>

#include "pipeline/deliver.h"

// What the third verb does when more waits for platforms than memory has room for.

namespace datasync::pipeline {
namespace {

/// What is not to go for so long may as well wait in the store. It is looked for once in this time at most.
constexpr std::chrono::minutes kLong{1};

bool is_open(const DeliveryResult& result) {
  return result.status == ResultStatus::kPending || result.status == ResultStatus::kRetry;
}

/// The attempt goes on as it is, whatever waits behind it.
bool is_bound(const Outbox& outbox) {
  const Attempt* attempt = outbox.attempt.get();
  return attempt != nullptr && (outbox.phase == Outbox::Phase::kInFlight || attempt->unknown ||
                                attempt->change.steps_done != 0 || attempt->repeats > 0);
}

/// The attempt speaks for that event too.
bool covers(const Attempt& attempt, const Outbox& outbox, Sequence sequence) {
  const auto end = outbox.waiting.begin() + static_cast<std::ptrdiff_t>(attempt.covered);
  return std::find(outbox.waiting.begin(), end, sequence) != end;
}

bool is_parked_for_long(const Outbox& outbox, SteadyTime now) {
  return outbox.phase == Outbox::Phase::kParked && outbox.due->first > now + kLong;
}

}  // namespace

std::optional<PlatformId> Deliverer::moves_towards(const Window& window, Subject& subject) const {
  for (const auto& outbox : subject.outboxes) {
    const bool lingers = outbox->attempt != nullptr && outbox->attempt->covered == 0;
    if (lingers || is_bound(*outbox)) return outbox->target;
  }
  for (const Knowledge& known : subject.record.knowledge) {
    const Outbox* outbox = subject.find_outbox(known.platform);
    const bool is_noted = outbox == nullptr || outbox->attempt == nullptr;
    if (is_noted && !known.frozen.empty() && window.steady < former_arrive_until_) return known.platform;
  }
  return std::nullopt;
}

void Deliverer::hand_over(Window& window, Subject& from, Subject& to) {
  for (const auto& outbox : from.outboxes) {
    drop_attempt(window, *outbox);
    if (outbox->phase == Outbox::Phase::kParked) {
      parked_.erase(outbox->due);
      --outbox->lane->parked;
    }
    outbox->phase = Outbox::Phase::kIdle;
    for (const Sequence sequence : std::exchange(outbox->waiting, {})) {
      Entry* entry = ledger_.find(sequence);
      if (entry == nullptr) continue;
      DeliveryResult& result = *entry->result_of(outbox->target);
      result.sent_version = RecordVersion{};
      entry->state.record = to.record.key;
      ledger_.mark_dirty(*entry);
      enqueue(window, to.outbox(outbox->target), *entry);
    }
  }
  lanes_.forget_idle();
}

/// An equal part for each lane that is in use.
std::size_t Deliverer::share_of(std::size_t kept) const {
  const auto& all = lanes_.all();
  const auto used = std::count_if(all.begin(), all.end(), [](const auto& lane) { return !lane.second->is_idle(); });
  return std::max<std::size_t>(1, kept / std::max<std::size_t>(1, static_cast<std::size_t>(used)));
}

/// Without what is parked for long: it has no need of memory, and no part in a lane's share.
void Deliverer::count_events(const std::vector<Lane*>& lanes, SteadyTime now) {
  for (Lane* lane : lanes) {
    lane->events = 0;
    for (const auto& queue : lane->queue) {
      for (const Outbox* outbox : queue) lane->events += outbox->waiting.size();
    }
  }
  for (auto at = parked_.begin(); at != parked_.end() && at->first <= now + kLong; ++at) {
    at->second->lane->events += at->second->waiting.size();
  }
  for (const auto& [id, request] : in_flight_) {
    for (const Outbox* outbox : request.outboxes) outbox->lane->events += outbox->waiting.size();
  }
}

std::size_t Deliverer::set_aside(Window& window, std::size_t count, std::size_t kept) {
  const std::size_t share = share_of(kept);
  std::vector<Lane*> lanes;
  for (const auto& [key, lane] : lanes_.all()) lanes.push_back(lane.get());
  count_events(lanes, window.steady);
  std::size_t done = 0;
  const auto let_go_of = [&](Outbox& outbox) {
    const std::vector<Sequence> waiting = outbox.waiting;
    for (auto sequence = waiting.rbegin(); sequence != waiting.rend() && done < count; ++sequence) {
      Entry* entry = ledger_.find(*sequence);
      if (entry != nullptr && let_go(window, *entry, *outbox.subject, share)) ++done;
    }
  };
  std::vector<Outbox*> parked;
  for (auto at = parked_.rbegin(); at != parked_.rend() && is_parked_for_long(*at->second, window.steady); ++at) {
    parked.push_back(at->second);
  }
  for (Outbox* outbox : parked) let_go_of(*outbox);

  std::erase_if(lanes, [share](const Lane* lane) { return lane->events <= share; });
  std::stable_sort(lanes.begin(), lanes.end(), [](const Lane* a, const Lane* b) { return b->events < a->events; });
  const auto waiting_in = lanes.empty() || done >= count ? LastFirst() : last_first(window.steady);
  for (Lane* lane : lanes) {
    const auto outboxes = waiting_in.find(lane);
    if (outboxes == waiting_in.end()) continue;
    for (Outbox* outbox : outboxes->second) {
      if (done >= count || lane->events <= share) break;
      let_go_of(*outbox);
    }
  }
  lanes_.forget_idle();
  return done;
}

Deliverer::LastFirst Deliverer::last_first(SteadyTime now) const {
  LastFirst outboxes;
  for (auto at = parked_.rbegin(); at != parked_.rend(); ++at) {
    if (!is_parked_for_long(*at->second, now)) outboxes[at->second->lane].push_back(at->second);
  }
  for (const auto& [key, lane] : lanes_.all()) {
    if (lane->queued == 0) continue;
    auto& some = outboxes[lane.get()];
    for (auto queue = lane->queue.rbegin(); queue != lane->queue.rend(); ++queue) {
      some.insert(some.end(), queue->rbegin(), queue->rend());
    }
  }
  for (const auto& [id, request] : in_flight_) {  // not what is under way, but what came meanwhile
    auto& some = outboxes[request.lane];
    some.insert(some.end(), request.outboxes.begin(), request.outboxes.end());
  }
  return outboxes;
}

/// All of the event or nothing: in the store it waits as a whole.
bool Deliverer::let_go(Window& window, Entry& entry, Subject& subject, std::size_t share) {
  const Sequence sequence = entry.state.sequence;
  for (const DeliveryResult& result : entry.state.results) {
    if (!is_open(result)) continue;
    const Outbox* outbox = subject.find_outbox(result.target);
    if (outbox == nullptr || outbox->lane == nullptr) return false;
    if (!is_parked_for_long(*outbox, window.steady) && outbox->lane->events <= share) return false;
    if (is_bound(*outbox) && covers(*outbox->attempt, *outbox, sequence)) return false;
  }
  for (DeliveryResult& result : entry.state.results) {
    if (!is_open(result)) continue;
    Outbox& outbox = subject.outbox(result.target);
    // It was seen refused, or never said: other words will do as well.
    if (outbox.attempt && covers(*outbox.attempt, outbox, sequence)) drop_attempt(window, outbox);
    const SteadyTime due = outbox.phase == Outbox::Phase::kParked ? outbox.due->first : window.steady;
    if (!is_parked_for_long(outbox, window.steady)) --outbox.lane->events;
    std::erase(outbox.waiting, sequence);
    if (outbox.waiting.empty()) rest(window, outbox);
    outbox.lane->set_aside.note(sequence);
    result.status = ResultStatus::kRetry;
    result.sent_version = RecordVersion{};
    result.outcome_unknown = false;
    result.next_attempt_at.reset();  // as soon as there is room
    if (due > window.steady) result.next_attempt_at = window.wall_at(due);
    if (result.error_message.empty()) {
      result.error_message = "much waits for " + result.target.str() + ": this waits in the store until there is room";
    }
  }
  entry.state.status = fold_status(entry.state.results);
  entry.set_aside = true;
  ledger_.mark_dirty(entry);
  return true;
}

/// Nothing waits any more, unless for what may still arrive: so long the record stays in memory, which knows of that.
void Deliverer::rest(Window& window, Outbox& outbox) {
  const bool lingers = outbox.attempt != nullptr && outbox.attempt->covered == 0;
  if (outbox.phase == Outbox::Phase::kParked) {
    if (lingers) return;
    parked_.erase(outbox.due);
    --outbox.lane->parked;
  }
  outbox.phase = Outbox::Phase::kIdle;
  if (!lingers) return;
  if (outbox.attempt->arrives_until > window.steady) {
    park(outbox, outbox.attempt->arrives_until);
  } else {
    end_lingering(window, outbox);
  }
}

bool Deliverer::leave(const Window& window, const storage::StoredEvent& stored) {
  std::vector<Lane*> lanes;
  for (const DeliveryResult& result : stored.state.results) {
    if (!is_open(result)) continue;
    const delivery::Connector* connector = window.catalog->connector(result.target);
    if (connector == nullptr) return false;
    lanes.push_back(&lanes_.get(stored.event->tenant, *connector));
  }
  for (Lane* lane : lanes) lane->set_aside.note(stored.event->sequence);
  return true;
}

std::optional<Sequence> Deliverer::look_from(const Window& window, std::size_t kept) {
  const std::size_t share = share_of(kept);
  std::vector<Lane*> lanes;
  for (const auto& [key, lane] : lanes_.all()) {
    lane->set_aside.wake(window.steady);
    // Each has one event at least, and counting them all would cost too much.
    const bool may_have_room = 2 * (lane->queued + lane->in_flight) < share;
    if (lane->set_aside.from && may_have_room) lanes.push_back(lane.get());
  }
  if (lanes.empty()) return std::nullopt;
  count_events(lanes, window.steady);
  std::optional<Sequence> from;
  for (Lane* lane : lanes) {
    if (2 * lane->events >= share) continue;
    SetAside& aside = lane->set_aside;
    aside.room = share - lane->events;
    from = std::min(from.value_or(*aside.from), *aside.from);
  }
  return from;
}

bool Deliverer::takes_up(const Window& window, const storage::StoredEvent& stored) {
  const Sequence sequence = stored.event->sequence;
  std::vector<SetAside*> asides;
  bool takes = false;
  for (const DeliveryResult& result : stored.state.results) {
    if (!is_open(result)) continue;
    Lane* lane = lanes_.find(stored.event->tenant, result.target);
    if (lane == nullptr || lane->set_aside.room == 0) continue;
    asides.push_back(&lane->set_aside);
    const SteadyTime due = due_of(window, *lane, result);
    if (due > window.steady + kLong) {
      lane->set_aside.note(sequence, due, *result.next_attempt_at);
    } else {
      takes = true;
    }
  }
  if (!takes) return false;
  for (SetAside* aside : asides) {
    if (--aside->room == 0) aside->from = std::max(*aside->from, Sequence{sequence.value + 1});
  }
  return true;
}

bool Deliverer::looked(std::optional<Sequence> last) {
  bool any = false;
  for (const auto& [key, lane] : lanes_.all()) {
    SetAside& aside = lane->set_aside;
    if (std::exchange(aside.room, 0) > 0) {
      aside.from = last ? std::optional(std::max(*aside.from, Sequence{last->value + 1})) : std::nullopt;
    }
    any = any || !aside.empty();
  }
  return any;
}

SteadyTime Deliverer::next_set_aside_due() const {
  SteadyTime due = SteadyTime::max();
  for (const auto& [key, lane] : lanes_.all()) due = std::min(due, lane->set_aside.due);
  return due;
}

}  // namespace datasync::pipeline
