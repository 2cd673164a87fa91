#include "storage/memory/memory_store.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace datasync::storage::memory {
namespace {

using KeyOfTenant = std::pair<Hash128, std::string>;

struct EventRow {
  std::shared_ptr<const Event> event;  // a copy of our own: the caller's may change after the commit
  EventState state;
  std::vector<Hash128> keys;
  bool below_low_water = false;  // open, and written when the mark had passed it
};

struct KeyRow {
  Sequence sequence;
  Hash128 content;
};

struct IdentityRow {
  RecordKey record;
  TenantId tenant;
};

/// Everything that is stored; copied as a whole when a lying disk syncs.
struct State {
  std::map<Sequence, EventRow> events;
  std::map<KeyOfTenant, KeyRow> keys;
  std::map<RecordKey, std::shared_ptr<const Record>> records;
  std::map<Hash128, IdentityRow> identities;
  std::map<Sequence, HistoryEntry> history;
  std::map<std::int64_t, Conflict> conflicts;  // by row
  std::map<std::string, std::int64_t> conflict_rows;
  std::map<std::pair<TenantId, std::string>, std::string> lane_states;
  std::map<std::pair<std::string, std::size_t>, std::int64_t> log_positions;  // by log and shard
  Sequence last_sequence{};
  Sequence low_water{};
};

tl::unexpected<Error> moved_on(std::string message) {
  return fail(ErrorCode::kConflict, std::move(message));
}

Result<void> check_events(const State& state, const WriteBatch& batch) {
  std::map<KeyOfTenant, const Event*> seen;
  for (const NewEvent& fresh : batch.events) {
    const Event& event = *fresh.event;
    if (event.sequence <= state.last_sequence) return moved_on("another instance has given out this event's sequence");
    for (const Hash128& key : fresh.keys) {
      const KeyOfTenant named{key, event.tenant.str()};
      const auto [at, news] = seen.emplace(named, &event);
      if (state.keys.contains(named) || (!news && at->second != &event)) {
        return moved_on("an event with this id was stored meanwhile");
      }
    }
  }
  return {};
}

Result<void> check_records(const State& state, const WriteBatch& batch) {
  std::map<RecordKey, RecordVersion> versions;
  for (const RecordWrite& write : batch.records) {
    const auto stored = state.records.find(write.record->key);
    if (stored != state.records.end() && stored->second->tenant != write.record->tenant) {
      return moved_on("the record was changed meanwhile");
    }
    const RecordVersion now = stored == state.records.end() ? RecordVersion{} : stored->second->version;
    const auto at = versions.emplace(write.record->key, now).first;
    if (at->second != write.expected) return moved_on("the record was changed meanwhile");
    at->second = write.record->version;
  }
  return {};
}

/// The identities as they are after the batch; only those that it touches.
Result<std::map<Hash128, std::optional<IdentityRow>>> changed_identities(const State& state, const WriteBatch& batch) {
  std::map<Hash128, std::optional<IdentityRow>> changed;
  for (const IdentityWrite& write : batch.identities) {
    const auto stored = state.identities.find(write.hash);
    auto& now =
        changed.emplace(write.hash, stored == state.identities.end() ? std::nullopt : std::optional(stored->second))
            .first->second;
    const bool same = now && now->record == write.record;
    if (write.remove) {
      if (same) now.reset();
    } else if (now && !same) {
      return moved_on("an identity belongs to another record");
    } else {
      now = IdentityRow{write.record, write.tenant};
    }
  }
  return changed;
}

void write_conflict(State& state, const Conflict& conflict) {
  const std::int64_t next = state.conflicts.empty() ? 1 : state.conflicts.rbegin()->first + 1;
  const std::int64_t row = state.conflict_rows.emplace(conflict.id, next).first->second;
  state.conflicts.insert_or_assign(row, conflict);
}

/// All or nothing: every check comes before the first change.
Result<void> apply(State& state, const WriteBatch& batch) {
  DATASYNC_TRY(check_events(state, batch));
  DATASYNC_TRY(check_records(state, batch));
  auto identities = changed_identities(state, batch);
  if (!identities) return fail(std::move(identities).error());

  const Sequence last = state.last_sequence;
  state.low_water = std::max(state.low_water, batch.low_water);
  for (const NewEvent& fresh : batch.events) {
    EventRow row{std::make_shared<const Event>(*fresh.event), {}, fresh.keys, false};
    row.state.sequence = fresh.event->sequence;
    for (const Hash128& key : fresh.keys) {
      state.keys.insert_or_assign({key, fresh.event->tenant.str()}, KeyRow{fresh.event->sequence, fresh.content});
    }
    state.last_sequence = std::max(state.last_sequence, fresh.event->sequence);
    state.events.insert_or_assign(fresh.event->sequence, std::move(row));
  }
  for (const EventState& changed : batch.states) {
    const auto row = state.events.find(changed.sequence);
    if (row == state.events.end()) continue;
    row->second.state = changed;
    row->second.below_low_water = changed.sequence <= last && changed.sequence < state.low_water;
  }
  for (const RecordWrite& write : batch.records) {
    state.records.insert_or_assign(write.record->key, std::make_shared<const Record>(*write.record));
  }
  for (auto& [hash, row] : *identities) {
    if (row) {
      state.identities.insert_or_assign(hash, std::move(*row));
    } else {
      state.identities.erase(hash);
    }
  }
  for (const HistoryEntry& entry : batch.history) {
    const auto [at, news] = state.history.emplace(entry.event, entry);
    if (news || at->second.overwritten == entry.overwritten) continue;
    at->second.version = entry.version;
    at->second.overwritten.insert(at->second.overwritten.end(), entry.overwritten.begin(), entry.overwritten.end());
  }
  for (const Conflict& conflict : batch.conflicts) write_conflict(state, conflict);
  for (const LaneState& lane : batch.lane_states) {
    state.lane_states.insert_or_assign({lane.tenant, lane.name}, lane.value);
    if (lane.value.empty()) state.lane_states.erase({lane.tenant, lane.name});
  }
  for (const LogPosition& position : batch.log_positions) {
    state.log_positions.insert_or_assign({position.log, position.shard}, position.next);
  }
  return {};
}

StoredEvent stored(const EventRow& row) {
  return {row.event, row.state};
}

bool among(const Reader::Tenants& tenants, const TenantId& tenant) {
  return tenants.empty() || std::find(tenants.begin(), tenants.end(), tenant) != tenants.end();
}

bool names_entity(const State& state, const EventRow& row, const EntityId& entity_id) {
  if (row.event->entity_id == entity_id) return true;
  const auto record = state.records.find(row.state.record);
  return record != state.records.end() && record->second->id == entity_id;
}

bool matches(const State& state, const EventRow& row, const Reader::EventFilter& filter) {
  const Event& event = *row.event;
  return among(filter.tenants, event.tenant) && (!filter.status || *filter.status == row.state.status) &&
         (filter.type.empty() || filter.type == event.type) &&
         (filter.source.empty() || filter.source == event.source) &&
         (!filter.since || event.created_at >= *filter.since) && (!filter.until || event.created_at < *filter.until) &&
         (filter.before.value <= 0 || event.sequence < filter.before) &&
         (filter.entity_id.empty() || names_entity(state, row, filter.entity_id));
}

bool can_be_redriven(EventStatus status) {
  return status == EventStatus::kFailed || status == EventStatus::kRetry || status == EventStatus::kReview ||
         status == EventStatus::kExpired;
}

/// What a restart would find: by its status, or because it stands above the mark.
bool is_found_unfinished(const EventRow& row, Sequence low_water) {
  const EventStatus status = row.state.status;
  if (is_final(status)) return false;
  if (status == EventStatus::kRetry || status == EventStatus::kReview) return true;
  return row.below_low_water || row.event->sequence >= low_water;
}

template <typename Value>
Result<std::optional<Value>> found(const std::map<Sequence, Value>& rows, Sequence key) {
  const auto at = rows.find(key);
  if (at == rows.end()) return std::nullopt;
  return at->second;
}

}  // namespace

struct MemoryDisk::Shared {
  mutable std::mutex mutex;
  Options options;
  State live;
  State synced;  // unused where every commit is synced
  std::int64_t epoch = 0;
  std::int64_t commits = 0;
  int failures = 0;
  Fate fate = Fate::kNothingWritten;
};

MemoryDisk::MemoryDisk(Options options) : shared_(std::make_shared<Shared>()) {
  shared_->options = options;
}
MemoryDisk::~MemoryDisk() = default;

void MemoryDisk::sync() {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->options.sync_each_commit) shared_->synced = shared_->live;
}

void MemoryDisk::crash() {
  const std::lock_guard lock(shared_->mutex);
  if (!shared_->options.sync_each_commit) shared_->live = shared_->synced;
  ++shared_->epoch;
}

void MemoryDisk::fail_commits(int count, Fate fate) {
  const std::lock_guard lock(shared_->mutex);
  shared_->failures = count;
  shared_->fate = fate;
}

std::int64_t MemoryDisk::commits() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->commits;
}

namespace {

using SharedDisk = std::shared_ptr<MemoryDisk::Shared>;

Result<std::optional<RecordKey>> identity_in(const State& state, const TenantId& tenant, Hash128 hash) {
  const auto at = state.identities.find(hash);
  if (at == state.identities.end() || at->second.tenant != tenant) return std::nullopt;
  return at->second.record;
}

Result<std::optional<Record>> record_in(const State& state, const TenantId& tenant, RecordKey key) {
  const auto at = state.records.find(key);
  if (at == state.records.end() || at->second->tenant != tenant) return std::nullopt;
  return *at->second;
}

template <typename Rows>
Reader::ConflictPage page_of_conflicts(const Rows& rows, const Reader::ConflictFilter& filter) {
  Reader::ConflictPage page;
  std::int64_t last_row = 0;
  for (auto at = rows.rbegin(); at != rows.rend(); ++at) {
    const Conflict& conflict = at->second;
    if (!among(filter.tenants, conflict.tenant) || (!filter.id.empty() && filter.id != conflict.id) ||
        (!filter.assignee.empty() && filter.assignee != conflict.assignee) ||
        (filter.expires_until && (!conflict.expires_at || *conflict.expires_at > *filter.expires_until)) ||
        (!filter.status.empty() && filter.status != conflict.status) ||
        (!filter.entity.empty() && filter.entity != conflict.entity) ||
        (!filter.type.empty() && filter.type != conflict.type) ||
        (!filter.entity_id.empty() && filter.entity_id != conflict.entity_id)) {
      continue;
    }
    ++page.total;
    if (filter.before > 0 && at->first >= filter.before) continue;
    if (static_cast<std::int64_t>(page.conflicts.size()) >= filter.limit) {
      if (page.next == 0) page.next = last_row;
      continue;
    }
    last_row = at->first;
    page.conflicts.push_back(conflict);
  }
  return page;
}

class MemoryReader final : public Reader {
 public:
  explicit MemoryReader(SharedDisk disk) : disk_(std::move(disk)) {}

  Result<EventPage> list_events(const EventFilter& filter) override {
    const std::lock_guard lock(disk_->mutex);
    EventPage page;
    std::int64_t skip = filter.offset;
    for (auto at = disk_->live.events.rbegin(); at != disk_->live.events.rend(); ++at) {
      if (!matches(disk_->live, at->second, filter) || skip-- > 0) continue;
      if (static_cast<std::int64_t>(page.events.size()) >= filter.limit) {
        if (!page.events.empty()) page.next = page.events.back().event->sequence;
        break;
      }
      page.events.push_back(stored(at->second));
    }
    return page;
  }

  Result<std::int64_t> count_events(const EventFilter& filter) override {
    const std::lock_guard lock(disk_->mutex);
    return std::count_if(disk_->live.events.begin(), disk_->live.events.end(),
                         [&](const auto& entry) { return matches(disk_->live, entry.second, filter); });
  }

  Result<std::vector<StoredEvent>> find_event(const Tenants& tenants, std::string_view id) override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<StoredEvent> events;
    const Hash128 key = event_key_of(id);
    for (const auto& [sequence, row] : disk_->live.events) {
      if (among(tenants, row.event->tenant) && event_key_of(row.event->id.str()) == key) events.push_back(stored(row));
    }
    return events;
  }

  Result<std::vector<StoredEvent>> events_after(const Tenants& tenants, Sequence after, std::int64_t limit) override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<StoredEvent> events;
    const auto& rows = disk_->live.events;
    for (auto at = rows.upper_bound(after); at != rows.end() && static_cast<std::int64_t>(events.size()) < limit;
         ++at) {
      if (among(tenants, at->second.event->tenant)) events.push_back(stored(at->second));
    }
    return events;
  }

  Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override {
    const std::lock_guard lock(disk_->mutex);
    return identity_in(disk_->live, tenant, hash);
  }
  Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override {
    const std::lock_guard lock(disk_->mutex);
    return record_in(disk_->live, tenant, key);
  }
  Result<std::optional<HistoryEntry>> load_history(Sequence event) override {
    const std::lock_guard lock(disk_->mutex);
    return found(disk_->live.history, event);
  }

  Result<ConflictPage> list_conflicts(const ConflictFilter& filter) override {
    const std::lock_guard lock(disk_->mutex);
    return page_of_conflicts(disk_->live.conflicts, filter);
  }

  Result<std::vector<LogPosition>> log_positions() override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<LogPosition> positions;
    for (const auto& [place, next] : disk_->live.log_positions) positions.push_back({place.first, place.second, next});
    return positions;
  }

 private:
  SharedDisk disk_;
};

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(SharedDisk disk) : disk_(std::move(disk)) {
    const std::lock_guard lock(disk_->mutex);
    epoch_ = ++disk_->epoch;
  }

  Result<void> commit(const WriteBatch& batch) override {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->epoch != epoch_) return moved_on("another instance has taken over this database");
    const bool fails = disk_->failures > 0;
    if (fails) --disk_->failures;
    if (!fails || disk_->fate == MemoryDisk::Fate::kWritten) {
      DATASYNC_TRY(apply(disk_->live, batch));
      ++disk_->commits;
    }
    if (fails)
      return fail(ErrorCode::kUnavailable, "the disk does not answer", "asked for by the test", Stage::kDuring);
    return {};
  }

  Sequence last_sequence() const override {
    const std::lock_guard lock(disk_->mutex);
    return disk_->live.last_sequence;
  }
  RecordKey last_record_key() const override {
    const std::lock_guard lock(disk_->mutex);
    return disk_->live.records.empty() ? RecordKey{} : disk_->live.records.rbegin()->first;
  }

  Result<std::vector<std::optional<KnownEvent>>> find_events(std::span<const EventKey> keys) override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<std::optional<KnownEvent>> known;
    for (const EventKey& key : keys) {
      const auto at = disk_->live.keys.find({key.key, key.tenant.str()});
      if (at == disk_->live.keys.end()) {
        known.emplace_back();
        continue;
      }
      const Sequence sequence = at->second.sequence;
      known.emplace_back(KnownEvent{sequence, disk_->live.events.at(sequence).event->id, at->second.content});
    }
    return known;
  }

  Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override {
    const std::lock_guard lock(disk_->mutex);
    return identity_in(disk_->live, tenant, hash);
  }
  Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override {
    const std::lock_guard lock(disk_->mutex);
    return record_in(disk_->live, tenant, key);
  }
  Result<std::optional<HistoryEntry>> load_history(Sequence event) override {
    const std::lock_guard lock(disk_->mutex);
    return found(disk_->live.history, event);
  }
  Result<std::optional<StoredEvent>> load_event(Sequence sequence) override {
    const std::lock_guard lock(disk_->mutex);
    const auto at = disk_->live.events.find(sequence);
    if (at == disk_->live.events.end()) return std::nullopt;
    return stored(at->second);
  }

  Result<std::vector<StoredEvent>> load_unfinished(Sequence after, std::int64_t limit) override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<StoredEvent> events;
    const auto& rows = disk_->live.events;
    for (auto at = rows.upper_bound(after); at != rows.end() && static_cast<std::int64_t>(events.size()) < limit;
         ++at) {
      if (is_found_unfinished(at->second, disk_->live.low_water)) events.push_back(stored(at->second));
    }
    return events;
  }

  Result<std::vector<StoredEvent>> load_retrying(Sequence after, std::int64_t limit) override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<StoredEvent> events;
    const auto& rows = disk_->live.events;
    for (auto at = rows.upper_bound(after); at != rows.end() && static_cast<std::int64_t>(events.size()) < limit;
         ++at) {
      if (at->second.state.status == EventStatus::kRetry) events.push_back(stored(at->second));
    }
    return events;
  }

  Result<Reader::ConflictPage> load_conflicts(const Reader::ConflictFilter& filter) override {
    const std::lock_guard lock(disk_->mutex);
    return page_of_conflicts(disk_->live.conflicts, filter);
  }
  Result<std::vector<StoredEvent>> load_matching(const Reader::EventFilter& filter) override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<StoredEvent> events;
    for (const auto& [sequence, row] : disk_->live.events) {
      if (static_cast<std::int64_t>(events.size()) >= filter.limit) break;
      if (can_be_redriven(row.state.status) && matches(disk_->live, row, filter)) events.push_back(stored(row));
    }
    return events;
  }

  Result<std::vector<LaneState>> load_lane_states() override {
    const std::lock_guard lock(disk_->mutex);
    std::vector<LaneState> states;
    for (const auto& [name, value] : disk_->live.lane_states) states.push_back({name.first, name.second, value});
    return states;
  }

  Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit) override {
    const std::lock_guard lock(disk_->mutex);
    if (disk_->epoch != epoch_) return moved_on("another instance has taken over this database");
    State& state = disk_->live;
    std::int64_t deleted = 0;
    for (auto at = state.events.begin(); at != state.events.end() && deleted < limit;) {
      const EventRow& row = at->second;
      const Timestamp ended = std::max(row.event->created_at, row.state.processed_at.value_or(Timestamp{}));
      if (!is_final(row.state.status) || ended >= before) {
        ++at;
        continue;
      }
      for (const Hash128& key : row.keys) state.keys.erase({key, row.event->tenant.str()});
      state.history.erase(at->first);
      at = state.events.erase(at);
      ++deleted;
    }
    return deleted;
  }

  const std::string& identity_secret() const override {
    static const std::string kSecret(32, 's');  // a fake's secret need not be one, and every run is to be the same
    return kSecret;
  }

  Result<std::unique_ptr<Reader>> make_reader() override { return std::make_unique<MemoryReader>(disk_); }
  std::int64_t epoch() const noexcept override { return epoch_; }
  std::int64_t bytes_on_disk() const override { return 0; }

 private:
  SharedDisk disk_;
  std::int64_t epoch_ = 0;
};

}  // namespace

Result<std::unique_ptr<Store>> open_memory_store(MemoryDisk& disk) {
  return std::make_unique<MemoryStore>(disk.shared_);
}

}  // namespace datasync::storage::memory
