#pragma once

#include <bitset>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace datasync::storage {

/// Tenants hash to so many shards; each shard belongs to one instance at a time.
inline constexpr std::size_t kShardCount = 256;
using Shards = std::bitset<kShardCount>;

[[nodiscard]] std::size_t shard_of(const TenantId& tenant);

/// One process that works on a part of the tenants of a shared database.
struct Instance {
  std::string name;        ///< for people: host and process
  std::string address;     ///< `host:port`, where other instances reach it
  Timestamp started_at{};  ///< by the database's clock, as all times here
  std::size_t shards = 0;  ///< that it holds
  bool is_self = false;
  bool is_expired = false;     ///< it has not been heard of for longer than its lease: somebody takes its shards
  bool is_leaving = false;     ///< it is stopping, and takes no shards any more
  bool wants_notices = false;  ///< somebody there listens to live updates
};

/// How copies of the database follow it, which may have to take its place.
enum class Replication : std::uint8_t {
  kNone,          ///< there is no copy
  kAsynchronous,  ///< what is acknowledged may not be there yet: a promotion can lose it
  kSynchronous,
};

/// Which part of the tenants this instance works on, where several share a database. The engine asks it, and takes up
/// what it is told in `change`; who serves clients asks where a tenant's events go.
///
/// A record, its identities, lanes and reviews never cross tenants, so whoever holds a tenant's shard decides alone.
///
/// Threads: as each member says; "engine" is the thread that commits.
class Shares {
 public:
  virtual ~Shares() = default;

  struct Place {
    enum class Kind : std::uint8_t {
      kHere,
      kThere,    ///< at `address`
      kNowhere,  ///< its holder is gone; soon another will have it
    };
    Kind kind = Kind::kNowhere;
    std::string address = {};
  };

  /// Begins to take part, reachable at `address`; `when_due` is called, from any thread, whenever `change` is to be
  /// called soon. Whoever had this address before is gone, and what it held is free. Owner's thread.
  virtual void join(std::string address, std::function<void()> when_due) = 0;
  /// Returns once this instance holds its part, or at the deadline; false then. Owner's thread.
  virtual bool wait_until_settled(milliseconds deadline) = 0;
  /// Gives all shards to others, and returns when that is done or at the deadline (false). At once, and nothing is
  /// given up, if there is nobody else. Owner's thread, while the engine runs.
  virtual bool leave(milliseconds deadline) = 0;
  /// No more heartbeats, and `when_due` is not called any more. Before the engine goes. Owner's thread.
  virtual void stop() = 0;

  /// True if all shards are here: nobody else need be asked. Any thread.
  [[nodiscard]] virtual bool has_all() const noexcept = 0;
  [[nodiscard]] virtual Place place_of(const TenantId& tenant) const = 0;  // any thread
  [[nodiscard]] virtual Shards held() const = 0;                           ///< here, a moment old. Any thread.
  [[nodiscard]] virtual std::vector<Instance> instances() const = 0;       ///< oldest first. Any thread.
  [[nodiscard]] virtual Replication replication() const noexcept = 0;      ///< any thread
  /// Told to the other instances with the next heartbeat. Any thread.
  virtual void set_wants_notices(bool wants) = 0;

  /// Whether the tenant is this instance's to work on. Exact. Engine.
  [[nodiscard]] virtual bool owns(const TenantId& tenant) const = 0;
  [[nodiscard]] virtual bool owns_shard(std::size_t shard) const = 0;  ///< engine
  /// Whether shards are to be taken or given up, or this instance was fenced off. Any thread.
  [[nodiscard]] virtual bool change_is_due() const noexcept = 0;
  /// Takes and gives up shards in one transaction; who was fenced off begins anew. Nothing of the former shards may be
  /// under way, and what is unfinished of the new ones is to be loaded. Engine. Errors: as of `Store::commit`.
  [[nodiscard]] virtual Result<void> change() = 0;
  /// Before numbers are given out: those that this instance has reserved are used up or so old that what gets them
  /// would stand before what others wrote since. Engine. Errors: as of `Store::commit`.
  [[nodiscard]] virtual Result<void> renew_numbers() = 0;
};

}  // namespace datasync::storage
