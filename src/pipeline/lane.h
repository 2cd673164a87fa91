#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "delivery/adaptive_concurrency.h"
#include "delivery/circuit_breaker.h"
#include "delivery/connector.h"
#include "pipeline/subject.h"

namespace datasync::pipeline {

/// What all lanes to one origin share: its connections and its breaker.
struct OriginState {
  std::string name;
  std::size_t in_flight = 0;
  delivery::CircuitBreaker breaker{delivery::CircuitBreaker::Options{}};
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
  bool is_listed = false;  ///< in `Lanes::active_`
  delivery::AdaptiveConcurrency concurrency;
  delivery::CircuitBreaker breaker{delivery::CircuitBreaker::Options{}};
  std::optional<SteadyTime> gathering_since;  ///< a batch waits for company since then
  int unauthorized = 0;                       ///< refused credentials in a row
  Timestamp suspended_until{};                ///< after three of them
  double good = 0, bad = 0;                   ///< attempts, fading: the platform's health

  explicit Lane(delivery::AdaptiveConcurrency::Options options) : concurrency(options) {}
  [[nodiscard]] Outbox* front() const noexcept;
  Outbox* pop_front() noexcept;
};

/// All lanes, and whose turn it is.
class Lanes {
 public:
  explicit Lanes(delivery::AdaptiveConcurrency::Options concurrency) : concurrency_(concurrency) {}

  Lane& get(const TenantId& tenant, const delivery::Connector& connector);
  void push(Lane& lane, Outbox& outbox, Priority priority, bool first);
  /// Lanes with something queued, in the order of their turns.
  [[nodiscard]] std::deque<Lane*>& active() noexcept { return active_; }
  [[nodiscard]] const auto& all() const noexcept { return lanes_; }
  void clear();

 private:
  delivery::AdaptiveConcurrency::Options concurrency_;
  std::map<std::pair<TenantId, PlatformId>, std::unique_ptr<Lane>> lanes_;
  std::map<std::string, std::unique_ptr<OriginState>> origins_;
  std::deque<Lane*> active_;
};

}  // namespace datasync::pipeline
