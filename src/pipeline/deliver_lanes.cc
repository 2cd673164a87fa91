#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/log.h"
#include "pipeline/deliver.h"

// The third verb's lanes: which may send now, what makes them rest, and how they stand.

namespace datasync::pipeline {
namespace {

using delivery::Outcome;
using Permit = delivery::CircuitBreaker::Permit;

constexpr seconds kTrialLook{1};
constexpr int kUnauthorizedMax = 3;  // refused credentials in a row before the lane rests
constexpr std::chrono::minutes kSuspension{5};
constexpr std::chrono::hours kPauseMax{1};

}  // namespace

std::string_view to_string(EngineSnapshot::Suspension::Reason reason) noexcept {
  using Reason = EngineSnapshot::Suspension::Reason;
  switch (reason) {
    case Reason::kGone:
      return "gone";
    case Reason::kUnauthorized:
      return "unauthorized";
    case Reason::kAskedToWait:
      break;
  }
  return "asked_to_wait";
}

Result<void> Deliverer::recover(const Window& window) {
  const auto stored = tools_.store.load_lane_states();
  if (!stored) return fail(stored.error());
  suspensions_.load(*stored);
  lanes_.load(*stored);
  follow(window);
  former_arrive_until_ = window.steady + options_.request_timeout;
  return {};
}

void Deliverer::follow(const Window& window) {
  lanes_.follow(*window.catalog);
  followed_ = window.catalog;
}

void Deliverer::stage(storage::WriteBatch& batch) const {
  lanes_.stage(batch);
  suspensions_.stage(batch);
}

void Deliverer::committed() noexcept {
  lanes_.committed();
  suspensions_.committed();
}

std::optional<Deliverer::Permits> Deliverer::ask(Lane& lane, const Window& window) {
  const auto wait_until = [this](SteadyTime until) {
    blocked_until_ = blocked_until_ ? std::min(*blocked_until_, until) : until;
    return std::nullopt;
  };
  // While a trial is under way the time to ask again is past; its answer comes by itself.
  const auto wait_for_trial = [&](SteadyTime until) {
    return wait_until(std::max<SteadyTime>(until, window.steady + kTrialLook));
  };
  OriginState& origin = *lane.origin;
  for (const SteadyTime until : {lane.suspended_until, lane.paused_until, origin.paused_until}) {
    if (until > window.steady) return wait_until(until);
  }
  const std::size_t limit =
      lane.unauthorized > 0 ? 1 : lane.concurrency.limit();  // one is enough to ask for the way in
  if (lane.in_flight >= limit) return std::nullopt;
  if (origin.in_flight >= options_.origin_concurrency_max) return std::nullopt;
  if (origin.limit) {
    const milliseconds wait = origin.limit->wait();
    if (wait > milliseconds{0}) return wait_until(window.steady + wait);
  }
  const Permit shared = origin.breaker.ask(window.steady);
  if (shared == Permit::kNo) return wait_for_trial(origin.breaker.open_until());
  const Permit own = lane.breaker.ask(window.steady);
  if (own == Permit::kNo) {
    if (shared == Permit::kTrial) origin.breaker.abandon_trial();
    return wait_for_trial(lane.breaker.open_until());
  }
  return Permits{own, shared};
}

void Deliverer::give_back(Lane& lane, const Permits& permits) {
  if (permits.lane == Permit::kTrial) lane.breaker.abandon_trial();
  if (permits.origin == Permit::kTrial) lane.origin->breaker.abandon_trial();
}

void Deliverer::tell_of_circuit(const OriginState& origin) {
  lanes_.circuit_changed(origin);
  if (origin.breaker.is_open()) {
    log::warning("circuit to {} opened", origin.name);
  } else {
    log::info("circuit to {} closed", origin.name);
  }
}

/// What one tenant is told may be that tenant's own limit, so its lane alone rests. Once the origin tells another one
/// the same, while the first still rests, it means everybody.
void Deliverer::judge_pace(Lane& lane, const Outcome& outcome, SteadyTime now) {
  if (!asks_to_wait(outcome)) return;
  const SteadyTime until = now + std::min<milliseconds>(*outcome.retry_after, kPauseMax);
  lane.paused_until = std::max(lane.paused_until, until);
  OriginState& origin = *lane.origin;
  if (origin.told_until > now && origin.told_tenant != lane.tenant_hash) {
    origin.paused_until = std::max(origin.paused_until, until);
  }
  origin.told_tenant = lane.tenant_hash;
  origin.told_until = until;
}

void Deliverer::judge_credential(Lane& lane, const Outcome& outcome, SteadyTime now) {
  if (outcome.kind != Outcome::Kind::kUnauthorized) {
    if (outcome.http_status != 0) lane.unauthorized = 0;
    return;
  }
  OriginState& origin = *lane.origin;
  const bool was_asked = origin.credential_asked_at && *origin.credential_asked_at + kSuspension > now;
  if (tools_.credential_refused && !was_asked) {
    origin.credential_asked_at = now;
    tools_.credential_refused(lane.platform);
  }
  if (++lane.unauthorized < kUnauthorizedMax) return;
  lane.unauthorized = kUnauthorizedMax - 1;  // after its rest one more is enough
  lane.suspended_until = now + kSuspension;
  log::warning("{} refuses our credential: its lane of one tenant rests for 5 minutes", lane.platform.str());
}

void Deliverer::suspend(const Window& window, const Outbox& outbox) {
  const delivery::Change& change = outbox.attempt->change;
  ChangeKind kind{change.tenant, change.target, change.entity, change.verb};
  if (suspensions_.since(kind)) return;
  log::warning("{} serves no {} to be {} any more: one tenant's are dead letters from now on", change.target.str(),
               change.entity, to_string(change.verb));
  suspensions_.suspend(std::move(kind), window.now);
}

bool Deliverer::is_suspended(Window& window, Outbox& outbox) {
  if (suspensions_.empty()) return false;
  const delivery::Change& change = outbox.attempt->change;
  const auto since = suspensions_.since({change.tenant, change.target, change.entity, change.verb});
  if (!since) return false;
  const std::string message =
      fmt::format("{} has served no {} to be {} since {} (410), so it was not asked; a retry of this event asks again",
                  change.target.str(), change.entity, to_string(change.verb), format_rfc3339(*since));
  rejected(window, outbox, message);
  return true;
}

void Deliverer::lift(const TenantId& tenant, const PlatformId& target, std::string_view entity) {
  suspensions_.lift(tenant, target, entity);
  Lane* lane = lanes_.find(tenant, target);
  if (lane != nullptr) lane->suspended_until = lane->paused_until = SteadyTime{};
}

SteadyTime Deliverer::next_due(SteadyTime now) const {
  SteadyTime due = now + std::chrono::hours{1};
  if (!parked_.empty()) due = std::min(due, parked_.begin()->first);
  if (blocked_until_) due = std::min(due, *blocked_until_);
  if (gathering_until_) due = std::min(due, *gathering_until_);
  return std::max(due, now);
}

void Deliverer::describe(EngineSnapshot& snapshot, const Window& window) const {
  const Catalog& catalog = *window.catalog;
  using Suspension = EngineSnapshot::Suspension;
  struct Sum {
    EngineSnapshot::PlatformState state;
    double good = 0, bad = 0;
    Suspension unauthorized{Suspension::Reason::kUnauthorized, {}, {}, 0, {}, {}};
    Suspension asked_to_wait{Suspension::Reason::kAskedToWait, {}, {}, 0, {}, {}};
  };
  const auto add = [&window](Suspension& some, SteadyTime until) {
    if (until <= window.steady) return;
    ++some.tenants;
    const Timestamp at = window.wall_at(until);
    some.until = std::max(some.until.value_or(at), at);
  };
  std::map<PlatformId, Sum> sums;
  for (const auto& connector : catalog.connectors) {
    EngineSnapshot::PlatformState& state = sums[connector->platform()].state;
    state.platform = connector->platform();
    state.circuit = "closed";
    const OriginState* origin = lanes_.origin_of(*connector);
    if (origin == nullptr) continue;
    if (origin->breaker.is_open()) state.circuit = origin->breaker.open_until() <= window.steady ? "half_open" : "open";
    if (origin->paused_until > window.steady) state.paused_until = window.wall_at(origin->paused_until);
  }
  for (const auto& [key, lane] : lanes_.all()) {
    const auto at = sums.find(key.second);
    if (at == sums.end()) continue;
    Sum& sum = at->second;
    sum.state.queued += lane->queued;
    sum.state.in_flight += lane->in_flight;
    sum.state.parked += lane->parked;
    sum.good += lane->good;
    sum.bad += lane->bad;
    add(sum.unauthorized, lane->suspended_until);
    add(sum.asked_to_wait, lane->paused_until);
  }
  std::map<std::tuple<PlatformId, std::string, Verb>, Suspension> gone;
  for (const auto& [kind, since] : suspensions_.all()) {
    Suspension& some = gone[{kind.platform, kind.entity, kind.verb}];
    some.entity = kind.entity;
    some.verb = kind.verb;
    ++some.tenants;
    some.since = std::min(some.since.value_or(since), since);
  }
  for (auto& [kind, some] : gone) {
    const auto at = sums.find(std::get<0>(kind));
    if (at != sums.end()) at->second.state.suspended.push_back(std::move(some));
  }
  snapshot.in_flight = in_flight_.size();
  for (const auto& connector : catalog.connectors) {  // in the order of the configuration
    Sum& sum = sums[connector->platform()];
    if (sum.unauthorized.tenants > 0) sum.state.suspended.push_back(sum.unauthorized);
    if (sum.asked_to_wait.tenants > 0) sum.state.suspended.push_back(sum.asked_to_wait);
    if (sum.good + sum.bad > 0) sum.state.health = sum.good / (sum.good + sum.bad);
    snapshot.pending += sum.state.queued + sum.state.in_flight;
    snapshot.retry += sum.state.parked;
    snapshot.platforms.push_back(std::move(sum.state));
  }
}

}  // namespace datasync::pipeline
