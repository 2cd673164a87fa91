#include "bus/embedded/embedded_bus.h"

#include <algorithm>
#include <utility>

namespace datasync::bus {
namespace {

std::size_t index(Priority priority) {
  return static_cast<std::size_t>(priority);
}

}  // namespace

void EmbeddedBus::push(Waiting event) {
  ++depth_[index(event.priority)];
  const std::uint64_t key = event.order_key;
  const Priority priority = event.priority;
  Chain& chain = chains_[key];
  const bool first = chain.events.empty();
  chain.events.push_back(std::move(event));
  ++chain.counts[index(priority)];
  if (first || priority < chain.effective) {
    chain.effective = priority;
    enqueue(key, chain);
  }
}

std::optional<Waiting> EmbeddedBus::pop(SteadyTime now) {
  std::optional<std::size_t> best;
  std::int64_t best_level = 0;
  for (std::size_t priority = 0; priority < kPriorityCount; ++priority) {
    const Chain* chain = head(priority);
    if (chain == nullptr) continue;
    const std::int64_t lifted = (now - chain->events.front().since) / options_.ageing;
    const std::int64_t level = std::max<std::int64_t>(0, static_cast<std::int64_t>(priority) - lifted);
    if (!best || level < best_level) {
      best = priority;
      best_level = level;
    }
  }
  if (!best) return std::nullopt;
  return take(*best);
}

void EmbeddedBus::clear() {
  chains_.clear();
  for (Queue& queue : queues_) queue = Queue{};
  depth_.fill(0);
}

void EmbeddedBus::enqueue(std::uint64_t key, const Chain& chain) {
  Queue& queue = queues_[index(chain.effective)];
  const TenantId& tenant = chain.events.front().tenant;
  auto& keys = queue.keys[tenant];
  if (keys.empty()) queue.turns.push_back(tenant);
  keys.push_back(key);
}

EmbeddedBus::Chain* EmbeddedBus::head(std::size_t priority) {
  Queue& queue = queues_[priority];
  while (!queue.turns.empty()) {
    const auto at = queue.keys.find(queue.turns.front());
    auto& keys = at->second;
    while (!keys.empty()) {
      const auto chain = chains_.find(keys.front());
      if (chain != chains_.end() && index(chain->second.effective) == priority) return &chain->second;
      keys.pop_front();
    }
    queue.keys.erase(at);
    queue.turns.pop_front();
  }
  return nullptr;
}

Waiting EmbeddedBus::take(std::size_t priority) {
  Queue& queue = queues_[priority];
  const TenantId tenant = std::move(queue.turns.front());
  queue.turns.pop_front();
  const auto at = queue.keys.find(tenant);
  const std::uint64_t key = at->second.front();
  at->second.pop_front();
  if (at->second.empty()) {
    queue.keys.erase(at);
  } else {
    queue.turns.push_back(tenant);
  }

  const auto found = chains_.find(key);
  Chain& chain = found->second;
  Waiting event = std::move(chain.events.front());
  chain.events.pop_front();
  --chain.counts[index(event.priority)];
  --depth_[index(event.priority)];
  if (chain.events.empty()) {
    chains_.erase(found);
  } else {
    const auto best = std::find_if(chain.counts.begin(), chain.counts.end(), [](auto count) { return count > 0; });
    chain.effective = static_cast<Priority>(best - chain.counts.begin());
    enqueue(key, chain);
  }
  return event;
}

}  // namespace datasync::bus
