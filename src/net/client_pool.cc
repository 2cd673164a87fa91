#include "net/client_pool.h"

#include <algorithm>
#include <exception>

#include "base/log.h"
#include "net/client_connection.h"

namespace datasync::net {

void PendingCall::on_timer() {
  pool->on_waited_too_long(*this);
}

ClientPool::~ClientPool() = default;

void ClientPool::submit(PendingCallPtr call) {
  if (stopped_) return fail_call(std::move(call), {ErrorCode::kUnavailable, "the client is stopped"});
  call->due_tick = thread_.timers().tick_in(call->call.request.deadline);
  OriginPool& pool = pools_[call->call.request.origin];
  if (!pool.origin) pool.origin = call->call.request.origin;
  if (!pool.idle.empty()) {
    ClientConnection& connection = *pool.idle.back();
    pool.idle.pop_back();
    return connection.run(std::move(call));
  }
  if (pool.waiting.size() >= limits_.waiting_per_origin) {
    return fail_call(std::move(call), {ErrorCode::kOverloaded, "too many requests wait for this origin"});
  }
  call->pool = this;
  thread_.timers().arm_at(*call, call->due_tick);
  pool.waiting.push_back(std::move(call));
  pool.waiting.back()->place = std::prev(pool.waiting.end());
  grow(pool);
}

void ClientPool::stop() {
  stopped_ = true;
  resolver_->cancel();
  for (auto& [origin, pool] : pools_) {
    while (auto call = take_waiting(pool)) {
      fail_call(std::move(call), {ErrorCode::kUnavailable, "the client is stopped"});
    }
  }
  std::vector<std::shared_ptr<ClientConnection>> all;
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->stop();
}

PendingCallPtr ClientPool::take_waiting(OriginPool& pool) {
  if (pool.waiting.empty()) return nullptr;
  PendingCallPtr call = std::move(pool.waiting.front());
  pool.waiting.pop_front();
  thread_.timers().remove(*call);
  return call;
}

/// One new connection for each request that waits, `most` of them, as far as the limits go.
void ClientPool::grow(OriginPool& pool, std::size_t most) {
  while (most-- > 0 && pool.connecting < pool.waiting.size() && pool.open < limits_.connections_per_origin) {
    if (!make_room()) {
      starved_ = true;
      return;
    }
    ++pool.connecting;
    open_connection(pool, nullptr);
  }
}

/// Whether one more connection is allowed, if need be after closing another origin's idle one.
bool ClientPool::make_room() {
  if (connections_.size() < limits_.connections) return true;
  for (auto& [origin, pool] : pools_) {
    if (pool.idle.empty()) continue;
    pool.idle.front()->close();
    return connections_.size() < limits_.connections;  // closing may have let another one in
  }
  return false;
}

void ClientPool::open_connection(OriginPool& pool, PendingCallPtr reserved) {
  ++pool.open;
  bump(connects_);
  auto connection = std::make_shared<ClientConnection>(*this, pool.origin, std::move(reserved));
  connections_.emplace(connection.get(), connection);
  open_.store(connections_.size(), std::memory_order_relaxed);
  // Later, so that a failure never meets the caller in the middle of its work.
  thread_.post([connection] { connection->start(); });
}

void ClientPool::on_free(ClientConnection& connection, bool newly_connected) {
  OriginPool& pool = pools_.find(connection.origin())->second;
  if (newly_connected) --pool.connecting;
  if (starved_ && pool.open > 1) return connection.close();  // another origin has none
  if (auto call = take_waiting(pool)) return connection.run(std::move(call));
  pool.idle.push_back(&connection);
  if (starved_) relieve_starved();
}

/// Lets the origins that wait for the total to fall have their connections, those without any first.
void ClientPool::relieve_starved() {
  starved_ = false;
  for (auto& [origin, pool] : pools_) {
    if (pool.open == 0) grow(pool, 1);
  }
  for (auto& [origin, pool] : pools_) grow(pool);
}

void ClientPool::on_closed(ClientConnection& connection, bool was_connecting) {
  const OriginPtr origin = connection.origin();
  OriginPool& pool = pools_.find(origin)->second;
  --pool.open;
  if (was_connecting) --pool.connecting;
  std::erase(pool.idle, &connection);
  connections_.erase(&connection);
  open_.store(connections_.size(), std::memory_order_relaxed);
  if (stopped_) return;
  if (starved_) relieve_starved();
  grow(pool);
  // Not at once: callers up the stack may be looking at the pool.
  if (pool.open == 0) thread_.post([this, origin] { forget_if_unused(origin); });
}

void ClientPool::forget_if_unused(const OriginPtr& origin) {
  const auto found = pools_.find(origin);
  if (found != pools_.end() && found->second.open == 0 && found->second.waiting.empty()) pools_.erase(found);
}

void ClientPool::on_connect_failed(const OriginPtr& origin, PendingCallPtr reserved, Error error) {
  if (reserved) return fail_call(std::move(reserved), std::move(error));
  const auto found = pools_.find(origin);
  if (found == pools_.end()) return;
  if (auto call = take_waiting(found->second)) fail_call(std::move(call), std::move(error));
}

void ClientPool::retry(PendingCallPtr call) {
  bump(stale_retries_);
  call->retried = true;
  OriginPool& pool = pools_[call->call.request.origin];
  if (!pool.origin) pool.origin = call->call.request.origin;
  open_connection(pool, std::move(call));  // the stale one leaves its place to it
}

void ClientPool::fail_call(PendingCallPtr call, Error error) {
  if (!thread_.is_current()) {  // stopped after the threads: the owner's thread stands in
    bump(completed_);
    return call->call.callback(fail(std::move(error)));
  }
  thread_.post([this, moved = std::move(call), error = std::move(error)]() mutable {
    bump(completed_);
    moved->call.callback(fail(std::move(error)));
  });
}

void ClientPool::on_waited_too_long(PendingCall& call) {
  OriginPool& pool = pools_.find(call.call.request.origin)->second;
  PendingCallPtr owned = std::move(*call.place);
  pool.waiting.erase(call.place);
  fail_call(std::move(owned), {ErrorCode::kUnavailable, "no connection became free within the deadline"});
}

void ClientPool::add_to(HttpClient::Counters& sum) const noexcept {
  sum.connections += open_.load(std::memory_order_relaxed);
  sum.connects += connects_.load(std::memory_order_relaxed);
  sum.stale_retries += stale_retries_.load(std::memory_order_relaxed);
}

}  // namespace datasync::net
