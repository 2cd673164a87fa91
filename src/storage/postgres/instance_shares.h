#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "storage/postgres/connection.h"
#include "storage/postgres/lease.h"
#include "storage/shares.h"

namespace datasync::storage::postgres {

/// `Shares` by the tables `instances` and `shard_leases`. A thread with a connection of its own says every quarter of a
/// second that this instance lives, and looks who else does; what is to be taken or given up the engine does, through
/// the lease. Polled and not notified, since LISTEN is lost behind a pooler.
class InstanceShares final : public Shares {
 public:
  /// What the store does, and must follow. On the engine's thread.
  struct Events {
    std::function<Result<void>()> settle;     ///< waits for what is under way: only then the lease is ours to use
    std::function<Lease::Marks()> given_out;  ///< with the numbers of what is under way
    std::function<void()> part_changed;       ///< the lease has other shards now
    std::function<void(Sequence last)> numbers_renewed;  ///< `last` is the highest that was in use before
  };
  /// All is borrowed and outlives it.
  InstanceShares(Location location, Lease& lease, milliseconds lease_time, Events events);
  ~InstanceShares() override;
  InstanceShares(const InstanceShares&) = delete;
  InstanceShares& operator=(const InstanceShares&) = delete;

  void join(std::string address, std::function<void()> when_due) override;
  bool wait_until_settled(milliseconds deadline) override;
  bool leave(milliseconds deadline) override;
  void stop() override;

  [[nodiscard]] bool has_all() const noexcept override { return has_all_; }
  [[nodiscard]] Place place_of(const TenantId& tenant) const override;
  [[nodiscard]] Shards held() const override;
  [[nodiscard]] std::vector<Instance> instances() const override;
  [[nodiscard]] Replication replication() const noexcept override { return replication_; }
  void set_wants_notices(bool wants) override { wants_notices_ = wants; }

  [[nodiscard]] bool owns(const TenantId& tenant) const override;
  [[nodiscard]] bool owns_shard(std::size_t shard) const override { return engine_held_.test(shard); }
  [[nodiscard]] bool change_is_due() const noexcept override { return due_ || (joined_ && lease_.is_fenced()); }
  [[nodiscard]] Result<void> change() override;
  [[nodiscard]] Result<void> renew_numbers() override;

 private:
  using SteadyClock = std::chrono::steady_clock;
  struct Seen {
    std::vector<Instance> instances;
    std::array<std::int16_t, kShardCount> holder_of{};  ///< index of `instances`; below 0: nobody
  };

  void run();
  Outcome<void> look();
  Outcome<Seen> read_seen(const Answer& instances, const Answer& shards) const;
  void take_in(Seen seen);
  [[nodiscard]] bool is_change_due() const;

  const Location location_;
  Lease& lease_;
  const milliseconds lease_time_;
  const Events events_;

  std::thread thread_;
  std::optional<Connection> connection_;  // the thread's
  SteadyClock::time_point heartbeat_at_{};
  bool told_wants_notices_ = false;
  bool is_well_ = true;
  SteadyClock::time_point looked_at_ = SteadyClock::now();

  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  std::function<void()> when_due_;
  std::string address_;
  Hash128 holder_{};
  Shards held_;
  Seen seen_;
  bool settled_ = false;
  bool leaving_ = false;
  bool stopping_ = false;
  bool look_now_ = false;
  bool is_changing_ = false;
  bool told_shared_address_ = false;
  /// After a time in which the database could not be reached, or this process stood still, the others are given a lease
  /// to be heard of again: perhaps they could not reach it, either.
  SteadyClock::time_point patient_until_{};

  std::atomic<bool> joined_ = false;
  std::atomic<bool> due_ = false;
  std::atomic<bool> has_all_ = false;
  std::atomic<bool> wants_notices_ = false;
  std::atomic<Replication> replication_ = Replication::kNone;
  Shards engine_held_;  // the engine's own copy
  SteadyClock::time_point numbers_reserved_at_{};
};

}  // namespace datasync::storage::postgres
