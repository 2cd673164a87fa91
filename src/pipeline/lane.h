#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/time.h"
#include "crypto/keyed_hash.h"
#include "delivery/adaptive_concurrency.h"
#include "delivery/circuit_breaker.h"
#include "delivery/connector.h"
#include "delivery/rate_limit.h"
#include "pipeline/catalog.h"
#include "pipeline/subject.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// What all lanes to one origin under one account share: its connections, its rate limit and its breaker.
struct OriginState {
  std::string name;         ///< `https://api.example.com:443`
  std::string stored_name;  ///< under which the store keeps its breaker
  std::size_t in_flight = 0;
  delivery::CircuitBreaker breaker{delivery::CircuitBreaker::Options{}};
  std::optional<delivery::TokenBucket> limit;  ///< none: as often as it answers
  SteadyTime paused_until{};                   ///< it has asked several tenants to wait
  std::uint64_t told_tenant = 0;               ///< the last that it asked to wait, and until when
  SteadyTime told_until{};
  std::optional<SteadyTime> credential_asked_at;  ///< when a fresh credential was last asked for
};

/// What waits for one lane in the store, since memory has no room for it. How far a search for it has come, and not a
/// list of it: a lane that is far behind costs no more memory than another.
struct SetAside {
  std::optional<Sequence> from;        ///< what may go soon is not below it; none: there is nothing such
  SteadyTime due = SteadyTime::max();  ///< the first of what may not go for long,
  Timestamp stored_due{};              ///< of which the store says so,
  Sequence due_from = kHighest;        ///< and which is not below this
  Timestamp ripe{};                    ///< what the store says is due by then may go, whatever the wall clock shows
  std::size_t room = 0;                ///< so many more are taken up in this window

  static constexpr Sequence kHighest{std::numeric_limits<std::int64_t>::max()};
  [[nodiscard]] bool empty() const noexcept { return !from && due == SteadyTime::max(); }
  void note(Sequence sequence) { from = std::min(from.value_or(sequence), sequence); }
  void note(Sequence sequence, SteadyTime not_before, Timestamp stored) {
    if (not_before < due) stored_due = stored;
    due = std::min(due, not_before);
    due_from = std::min(due_from, sequence);
  }
  /// What was not to go for long may go now.
  void wake(SteadyTime now) {
    if (now < due) return;
    note(due_from);
    ripe = stored_due;
    due = SteadyTime::max();
    due_from = kHighest;
  }
};

/// The way of one tenant's changes to one platform. Its own order, share, suspension and breaker, so that a tenant with
/// a broken account or a flood stops nobody else.
struct Lane {
  TenantId tenant;
  PlatformId platform;
  std::uint64_t tenant_hash = 0;
  OriginState* origin = nullptr;
  std::array<std::deque<Outbox*>, kPriorityCount> queue;
  std::size_t queued = 0;
  std::size_t parked = 0;
  std::size_t in_flight = 0;
  SetAside set_aside;
  std::size_t events = 0;  ///< that may go soon or are under way, when they were last counted
  bool is_listed = false;  ///< in `Lanes::active_`
  delivery::AdaptiveConcurrency concurrency;
  delivery::CircuitBreaker breaker{delivery::CircuitBreaker::Options{}};
  std::optional<SteadyTime> gathering_since;  ///< a batch waits for company since then
  int unauthorized = 0;                       ///< refused credentials in a row
  SteadyTime suspended_until{};               ///< after three of them
  SteadyTime paused_until{};                  ///< the platform has asked this tenant to wait (`Retry-After`)
  double good = 0, bad = 0;                   ///< attempts, fading: the platform's health

  explicit Lane(delivery::AdaptiveConcurrency::Options options) : concurrency(options) {}
  [[nodiscard]] bool is_idle() const noexcept {
    return queued == 0 && parked == 0 && in_flight == 0 && set_aside.empty();
  }
  [[nodiscard]] Outbox* front() const noexcept;
  Outbox* pop_front() noexcept;
};

/// All lanes and the origins that they lead to, and whose turn it is.
class Lanes {
 public:
  /// `secret` keeps accounts apart in the store without telling them.
  Lanes(delivery::AdaptiveConcurrency::Options concurrency, const Clock& clock, std::string_view secret)
      : concurrency_(concurrency), clock_(clock), account_names_(secret) {}

  /// The open circuits that the store has kept. Before the first `follow`.
  void load(const std::vector<storage::LaneState>& stored);
  /// Lanes lead where this configuration says from now on.
  void follow(const Catalog& catalog);

  Lane& get(const TenantId& tenant, const delivery::Connector& connector);
  /// Null if nothing was ever sent that way.
  [[nodiscard]] Lane* find(const TenantId& tenant, const PlatformId& platform) noexcept;
  /// Null before `follow`.
  [[nodiscard]] OriginState* origin_of(const delivery::Connector& connector) const noexcept;
  void push(Lane& lane, Outbox& outbox, Priority priority, bool first);
  /// Takes out of the queues what has nothing to say any more.
  void forget_idle();
  /// Lanes with something queued, in the order of their turns.
  [[nodiscard]] std::deque<Lane*>& active() noexcept { return active_; }
  [[nodiscard]] const auto& all() const noexcept { return lanes_; }
  void clear();

  /// The origin's breaker opened or closed: the store is to know.
  void circuit_changed(const OriginState& origin) { changed_[origin.stored_name] = saved(origin.breaker); }
  void stage(storage::WriteBatch& batch) const;
  void committed() noexcept { changed_.clear(); }

 private:
  using OriginKey = std::pair<std::string, std::uint64_t>;  // address and account
  [[nodiscard]] std::string saved(const delivery::CircuitBreaker& breaker) const;
  OriginState& origin_or_new(const delivery::Connector& connector);

  delivery::AdaptiveConcurrency::Options concurrency_;
  std::map<std::pair<TenantId, PlatformId>, std::unique_ptr<Lane>> lanes_;
  std::map<OriginKey, std::unique_ptr<OriginState>> origins_;
  std::deque<Lane*> active_;
  const Clock& clock_;  // borrowed from the engine's parts
  crypto::KeyedHash account_names_;
  std::map<std::string, std::string> stored_;   // what the store kept of breakers whose origin nobody has named yet
  std::map<std::string, std::string> changed_;  // what the store has not heard of yet; empty text: closed
};

}  // namespace datasync::pipeline
