#include "storage/postgres/instance_shares.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace datasync::storage::postgres {
namespace {

constexpr milliseconds kLookEvery{250};
constexpr milliseconds kTryAgainAfter{500};
/// What was reserved longer ago than this is older than what others may have written since.
constexpr milliseconds kNumbersFresh{1'000};
/// A window uses less than half a block.
constexpr std::int64_t kNumbersLeftMin = Lease::kNumberBlock / 2;

constexpr Sql kHeartbeat{"heartbeat",
                         "UPDATE instances SET expires_at = clock_timestamp() + $2::bigint * interval '1 millisecond', "
                         "wants_notices = $3::bigint <> 0 WHERE holder = $1::uuid RETURNING 1"};
constexpr Sql kInstances{"instances",
                         "SELECT holder, name, address, started_at, (expires_at < clock_timestamp())::int, "
                         "leaving::int, wants_notices::int FROM instances ORDER BY started_at, holder"};
constexpr Sql kHolders{"shard_holders", "SELECT shard, holder FROM shard_leases WHERE holder IS NOT NULL"};
/// Everybody sees how many senders there are; only some roles see what they do.
constexpr Sql kReplication{"replication",
                           "SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_stat_replication) THEN 0 "
                           "WHEN current_setting('synchronous_standby_names') = '' "
                           "OR current_setting('synchronous_commit') IN ('off', 'local') THEN 1 ELSE 2 END"};

}  // namespace

InstanceShares::InstanceShares(Location location, Lease& lease, milliseconds lease_time, Events events)
    : location_(std::move(location)), lease_(lease), lease_time_(lease_time), events_(std::move(events)) {
  seen_.holder_of.fill(-1);
}

InstanceShares::~InstanceShares() {
  stop();
}

void InstanceShares::join(std::string address, std::function<void()> when_due) {
  {
    const std::lock_guard lock(mutex_);
    address_ = std::move(address);
    when_due_ = std::move(when_due);
    due_ = true;  // to enter
    when_due_();
  }
  thread_ = std::thread([this] { run(); });
}

bool InstanceShares::wait_until_settled(milliseconds deadline) {
  std::unique_lock lock(mutex_);
  return wake_.wait_for(lock, deadline, [this] { return settled_ || stopping_; }) && settled_;
}

bool InstanceShares::leave(milliseconds deadline) {
  std::unique_lock lock(mutex_);
  const bool alone = std::none_of(seen_.instances.begin(), seen_.instances.end(), [](const Instance& one) {
    return !one.is_self && !one.is_expired && !one.is_leaving;
  });
  if (!joined_ || stopping_ || alone) return true;
  leaving_ = true;
  due_ = true;
  when_due_();
  return wake_.wait_for(lock, deadline, [this] { return held_.none(); });
}

void InstanceShares::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    when_due_ = nullptr;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  connection_.reset();
}

Shares::Place InstanceShares::place_of(const TenantId& tenant) const {
  if (has_all_) return {Place::Kind::kHere};
  const std::size_t shard = shard_of(tenant);
  const std::lock_guard lock(mutex_);
  if (held_.test(shard)) return {Place::Kind::kHere};
  const std::int16_t holder = seen_.holder_of[shard];
  if (holder < 0) return {};
  const Instance& instance = seen_.instances[static_cast<std::size_t>(holder)];
  if (instance.is_self || instance.is_expired || instance.address.empty()) return {};
  return {Place::Kind::kThere, instance.address};
}

Shards InstanceShares::held() const {
  const std::lock_guard lock(mutex_);
  return held_;
}

std::vector<Instance> InstanceShares::instances() const {
  const std::lock_guard lock(mutex_);
  return seen_.instances;
}

bool InstanceShares::owns(const TenantId& tenant) const {
  return engine_held_.all() || engine_held_.test(shard_of(tenant));
}

Result<void> InstanceShares::change() {
  DATASYNC_TRY(events_.settle());
  Lease::Part part;
  part.lease = lease_time_;
  {
    const std::lock_guard lock(mutex_);
    part.address = address_;
    part.is_leaving = leaving_;
    part.is_first = !joined_;
    is_changing_ = true;
  }
  const bool was_fenced = joined_ && lease_.is_fenced();
  has_all_ = false;
  const auto taken = lease_.take_part(part);
  if (!taken) {
    const std::lock_guard lock(mutex_);
    is_changing_ = false;
    return fail(taken.error());
  }
  numbers_reserved_at_ = SteadyClock::now();
  engine_held_ = lease_.shards();
  joined_ = true;
  events_.part_changed();
  if (was_fenced) log::warning("another instance had taken over; this one takes part again");
  log::info("{} of {} shards are this instance's", engine_held_.count(), kShardCount);
  {
    const std::lock_guard lock(mutex_);
    is_changing_ = false;
    held_ = engine_held_;
    holder_ = lease_.holder();
    has_all_ = held_.all();
    due_ = false;
    settled_ = true;
    look_now_ = true;
  }
  wake_.notify_all();
  return {};
}

Result<void> InstanceShares::renew_numbers() {
  if (engine_held_.none() || lease_.is_fenced()) return {};
  const Lease::Marks marks = events_.given_out();
  const auto left = [](std::int64_t last) { return Lease::kNumberBlock - 1 - (last + 1) % Lease::kNumberBlock; };
  const auto now = SteadyClock::now();
  const bool are_fresh = now < numbers_reserved_at_ + kNumbersFresh && !lease_.are_numbers_in_doubt();
  if (are_fresh && std::min(left(marks.last_sequence.value), left(marks.last_record_key.value)) >= kNumbersLeftMin) {
    return {};
  }
  const Sequence last = marks.last_sequence;
  DATASYNC_TRY(events_.settle());
  // What a transaction wrote whose outcome was in doubt lies above `last`, and may be open.
  const bool is_last_known = !lease_.are_numbers_in_doubt();
  DATASYNC_TRY(lease_.reserve_numbers());
  numbers_reserved_at_ = now;
  if (is_last_known) events_.numbers_renewed(last);
  return {};
}

void InstanceShares::run() {
  pthread_setname_np(pthread_self(), "instances");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    look_now_ = false;
    lock.unlock();
    const auto looked = look();
    if (!looked && is_well_) {
      log::warning("the other instances can't be seen: {} ({})", looked.error().error.message,
                   looked.error().error.detail);
    }
    is_well_ = looked.has_value();
    lock.lock();
    wake_.wait_for(lock, is_well_ ? kLookEvery : kTryAgainAfter, [this] { return stopping_ || look_now_; });
  }
}

/// One heartbeat where it is time, and what the tables say.
Outcome<void> InstanceShares::look() {
  if (!connection_ || connection_->lost()) {
    connection_.reset();
    auto opened = Connection::open(location_, Connection::Use::kWrite);
    if (!opened) return tl::unexpected(std::move(opened).error());
    connection_ = std::move(*opened);
  }
  Parameters self;
  Hash128 holder;
  {
    const std::lock_guard lock(mutex_);
    holder = holder_;
  }
  self.uuid(holder);
  const bool wants = wants_notices_;
  self.integer(lease_time_.count()).integer(wants ? 1 : 0);
  const auto now = SteadyClock::now();
  const bool is_time = joined_ && (now >= heartbeat_at_ || wants != told_wants_notices_);
  std::vector<Step> steps;
  if (is_time) steps.push_back({&kHeartbeat, &self});
  if (is_time) steps.push_back({&kReplication});
  steps.push_back({&kInstances});
  steps.push_back({&kHolders});
  auto answers = connection_->run(steps);
  if (!answers) return tl::unexpected(std::move(answers).error());
  if (is_time) {
    heartbeat_at_ = now + lease_time_ / 5;
    told_wants_notices_ = wants;
    replication_ = static_cast<Replication>((*answers)[1].integer(0, 0));
    const std::lock_guard lock(mutex_);
    if (answers->front().rows() == 0 && holder == holder_ && !is_changing_) lease_.fence();
  }
  auto seen = read_seen((*answers)[steps.size() - 2], answers->back());
  if (!seen) return tl::unexpected(std::move(seen).error());
  take_in(std::move(*seen));
  return {};
}

Outcome<InstanceShares::Seen> InstanceShares::read_seen(const Answer& instances, const Answer& shards) const {
  Seen seen;
  seen.holder_of.fill(-1);
  std::vector<Hash128> holders;
  Hash128 self;
  {
    const std::lock_guard lock(mutex_);
    self = holder_;
  }
  for (int row = 0; row < instances.rows(); ++row) {
    auto name = instances.text(row, 1);
    auto address = instances.text(row, 2);
    if (!name || !address) return tl::unexpected(Failure{{ErrorCode::kCorrupt, "an instance's row is damaged", {}}});
    holders.push_back(instances.uuid(row, 0));
    Instance one{std::move(*name), std::move(*address), Timestamp{microseconds{instances.integer(row, 3)}}};
    one.is_self = holders.back() == self;
    one.is_expired = instances.integer(row, 4) != 0;
    one.is_leaving = instances.integer(row, 5) != 0;
    one.wants_notices = instances.integer(row, 6) != 0;
    seen.instances.push_back(std::move(one));
  }
  for (int row = 0; row < shards.rows(); ++row) {
    const auto at = std::find(holders.begin(), holders.end(), shards.uuid(row, 1));
    const std::int64_t shard = shards.integer(row, 0);
    if (at == holders.end() || shard < 0 || shard >= static_cast<std::int64_t>(kShardCount)) continue;
    const auto index = at - holders.begin();
    seen.holder_of[static_cast<std::size_t>(shard)] = static_cast<std::int16_t>(index);
    ++seen.instances[static_cast<std::size_t>(index)].shards;
  }
  return seen;
}

void InstanceShares::take_in(Seen seen) {
  const auto now = SteadyClock::now();
  const bool was_away = now > looked_at_ + lease_time_ / 2;
  looked_at_ = now;
  const std::lock_guard lock(mutex_);
  if (was_away) patient_until_ = now + lease_time_;
  seen_ = std::move(seen);
  const bool is_shared_address =
      joined_ && std::any_of(seen_.instances.begin(), seen_.instances.end(), [this](const Instance& one) {
        return !one.is_self && !one.is_expired && one.address == address_;
      });
  if (is_shared_address && !std::exchange(told_shared_address_, true)) {
    log::error(
        "another instance on this database has the address {}, too: what is asked of it does not arrive; set "
        "INSTANCE_ADDRESS to where others reach each of them",
        address_);
  }
  if (!joined_ || stopping_) return;
  if (!lease_.is_fenced() && !is_change_due()) return;
  due_ = true;
  if (when_due_) when_due_();
}

/// As `datasync_take_part` will judge it, from what was seen. With the lock held.
bool InstanceShares::is_change_due() const {
  std::size_t others = 0;
  std::size_t older = 0;
  bool self_seen = false;
  for (const Instance& one : seen_.instances) {
    if (one.is_self) {
      self_seen = true;
    } else if (one.is_expired) {
      if (SteadyClock::now() >= patient_until_) return true;
    } else if (!one.is_leaving) {
      ++others;
      if (!self_seen) ++older;
    }
  }
  const std::size_t free = static_cast<std::size_t>(std::count(seen_.holder_of.begin(), seen_.holder_of.end(), -1));
  std::size_t share = 0;
  if (!leaving_) share = kShardCount / (others + 1) + (older < kShardCount % (others + 1) ? 1 : 0);
  const std::size_t held = held_.count();
  return held > share || (held < share && free > 0);
}

}  // namespace datasync::storage::postgres
