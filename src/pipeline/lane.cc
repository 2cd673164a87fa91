#include "pipeline/lane.h"

#include "base/hash.h"

namespace datasync::pipeline {

Outbox* Lane::front() const noexcept {
  for (const auto& outboxes : queue) {
    if (!outboxes.empty()) return outboxes.front();
  }
  return nullptr;
}

Outbox* Lane::pop_front() noexcept {
  for (auto& outboxes : queue) {
    if (outboxes.empty()) continue;
    Outbox* outbox = outboxes.front();
    outboxes.pop_front();
    --queued;
    return outbox;
  }
  return nullptr;
}

Lane& Lanes::get(const TenantId& tenant, const delivery::Connector& connector) {
  auto& slot = lanes_[{tenant, connector.platform()}];
  if (slot) return *slot;
  slot = std::make_unique<Lane>(concurrency_);
  slot->tenant = tenant;
  slot->platform = connector.platform();
  slot->tenant_hash = hash64(tenant.str());
  auto& origin = origins_[connector.origin().str()];
  if (!origin) {
    origin = std::make_unique<OriginState>();
    origin->name = connector.origin().str();
  }
  slot->origin = origin.get();
  return *slot;
}

void Lanes::push(Lane& lane, Outbox& outbox, Priority priority, bool first) {
  auto& queue = lane.queue[static_cast<std::size_t>(priority)];
  if (first) {
    queue.push_front(&outbox);
  } else {
    queue.push_back(&outbox);
  }
  ++lane.queued;
  outbox.lane = &lane;
  outbox.phase = Outbox::Phase::kQueued;
  if (lane.is_listed) return;
  lane.is_listed = true;
  active_.push_back(&lane);
}

void Lanes::clear() {
  active_.clear();
  for (auto& [key, lane] : lanes_) {
    for (auto& outboxes : lane->queue) outboxes.clear();
    lane->queued = lane->parked = lane->in_flight = 0;
    lane->is_listed = false;
    lane->gathering_since.reset();
    lane->origin->in_flight = 0;
  }
}

}  // namespace datasync::pipeline
