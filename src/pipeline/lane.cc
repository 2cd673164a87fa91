#include "pipeline/lane.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "base/log.h"

namespace datasync::pipeline {
namespace {

constexpr std::string_view kCircuit = "circuit ";

}  // namespace

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
  slot->origin = &origin_or_new(connector);
  return *slot;
}

Lane* Lanes::find(const TenantId& tenant, const PlatformId& platform) noexcept {
  const auto at = lanes_.find({tenant, platform});
  return at == lanes_.end() ? nullptr : at->second.get();
}

OriginState* Lanes::origin_of(const delivery::Connector& connector) const noexcept {
  const auto at = origins_.find({connector.origin().str(), connector.account()});
  return at == origins_.end() ? nullptr : at->second.get();
}

OriginState& Lanes::origin_or_new(const delivery::Connector& connector) {
  const std::string name = connector.origin().str();
  auto& origin = origins_[{name, connector.account()}];
  if (origin) return *origin;
  origin = std::make_unique<OriginState>();
  origin->name = name;
  origin->stored_name = std::string(kCircuit) + name;
  if (connector.account() != 0) {
    const std::uint64_t mark = account_names_.hash(fmt::format("{} {}", name, connector.account())).low;
    origin->stored_name += fmt::format(" {:08x}", mark & 0xffffffffU);
  }
  const auto kept = stored_.extract(origin->stored_name);
  if (kept.empty()) return *origin;
  const auto saved = delivery::CircuitBreaker::Saved::parse(kept.mapped());
  if (saved) {
    origin->breaker.restore(*saved, clock_.steady_now(), clock_.now());
  } else {
    log::warning("the stored state of the circuit to {} is not used: {}", name, saved.error().message);
  }
  return *origin;
}

void Lanes::load(const std::vector<storage::LaneState>& stored) {
  stored_.clear();
  for (const storage::LaneState& state : stored) {
    if (state.tenant.empty() && state.name.starts_with(kCircuit)) stored_.emplace(state.name, state.value);
  }
}

void Lanes::follow(const Catalog& catalog) {
  std::map<OriginState*, delivery::TokenBucket::Options> limits;
  for (const auto& connector : catalog.connectors) {
    OriginState& origin = origin_or_new(*connector);
    const auto limit = connector->rate_limit();
    if (!limit) continue;
    const auto [at, first] = limits.emplace(&origin, *limit);
    if (!first && limit->refill_per_second < at->second.refill_per_second) at->second = *limit;
  }
  for (const auto& [key, origin] : origins_) {
    stored_.erase(origin->stored_name);
    const auto limit = limits.find(origin.get());
    if (limit == limits.end()) {
      origin->limit.reset();
    } else if (!origin->limit || origin->limit->options() != limit->second) {
      origin->limit.emplace(limit->second, clock_);
    }
  }
  for (const auto& [name, state] : stored_) changed_.emplace(name, std::string());  // of what is configured no longer
  stored_.clear();
  for (const auto& [key, lane] : lanes_) {
    const delivery::Connector* connector = catalog.connector(lane->platform);
    OriginState* origin = connector == nullptr ? nullptr : origin_of(*connector);
    if (origin == nullptr || origin == lane->origin) continue;
    lane->origin = origin;  // another address or another credential: what the former one refused says nothing
    lane->unauthorized = 0;
    lane->suspended_until = lane->paused_until = SteadyTime{};
  }
}

std::string Lanes::saved(const delivery::CircuitBreaker& breaker) const {
  return breaker.is_open() ? breaker.saved(clock_.steady_now(), clock_.now()).to_text() : std::string();
}

void Lanes::stage(storage::WriteBatch& batch) const {
  for (const auto& [name, state] : changed_) batch.lane_states.push_back({TenantId(), name, state});
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

void Lanes::forget_idle() {
  for (auto& [key, lane] : lanes_) {
    for (auto& outboxes : lane->queue) {
      lane->queued -= std::erase_if(outboxes, [](const Outbox* one) { return one->phase != Outbox::Phase::kQueued; });
    }
  }
}

void Lanes::clear() {
  active_.clear();
  for (auto& [key, lane] : lanes_) {
    for (auto& outboxes : lane->queue) outboxes.clear();
    lane->queued = lane->parked = lane->in_flight = 0;
    lane->set_aside = {};
    lane->is_listed = false;
    lane->gathering_since.reset();
    lane->breaker.abandon_trial();  // its answer is not waited for any more
  }
  for (auto& [key, origin] : origins_) {
    origin->in_flight = 0;
    origin->breaker.abandon_trial();
  }
}

}  // namespace datasync::pipeline
