#include "pipeline/replay_store.h"

#include <utility>

namespace datasync::pipeline {

Result<void> ReplayStore::keep(storage::WriteBatch& batch) {
  batch.events.clear();
  batch.states.clear();
  batch.lane_states.clear();
  batch.low_water = {};
  for (storage::RecordWrite& write : batch.records) {
    if (!kept_.insert(write.record->key).second) continue;
    write.expected = {};  // the version before is the past's
    write.version_unchanged = false;
  }
  for (const storage::IdentityWrite& write : batch.identities) {
    if (write.remove) {
      forgotten_.insert(write.hash);
    } else {
      forgotten_.erase(write.hash);
    }
  }
  return batch.empty() ? Result<void>{} : scratch_.commit(batch);
}

Result<void> ReplayStore::commit(const storage::WriteBatch&) {
  return fail(ErrorCode::kInternal, "a replay keeps what it makes by itself");
}

Result<std::vector<std::optional<storage::KnownEvent>>> ReplayStore::find_events(
    std::span<const storage::EventKey> keys) {
  return std::vector<std::optional<storage::KnownEvent>>(keys.size());
}

Result<std::optional<RecordKey>> ReplayStore::find_identity(const TenantId& tenant, Hash128 hash) {
  auto made = scratch_.find_identity(tenant, hash);
  if (!made || *made || forgotten_.contains(hash)) return made;
  auto known = reader_.find_identity(tenant, hash);
  if (!known || !*known || kept_.contains(**known)) return known;
  found_.reset();
  auto then = past_.record(tenant, **known);
  if (!then) return fail(std::move(then).error());
  if (!*then) return std::nullopt;  // it was made later
  found_ = std::move(*then);
  return known;
}

Result<std::optional<Record>> ReplayStore::load_record(const TenantId& tenant, RecordKey key) {
  if (kept_.contains(key)) return scratch_.load_record(tenant, key);
  if (found_ && found_->key == key && found_->tenant == tenant) return std::exchange(found_, std::nullopt);
  return past_.record(tenant, key);
}

Result<std::optional<HistoryEntry>> ReplayStore::load_history(Sequence event) {
  return event < past_.first() ? reader_.load_history(event) : scratch_.load_history(event);
}

/// Nobody asks how an event that was replayed ended.
Result<std::optional<storage::StoredEvent>> ReplayStore::load_event(Sequence) {
  return std::nullopt;
}

Result<std::vector<storage::StoredEvent>> ReplayStore::load_unfinished(Sequence, std::int64_t) {
  return std::vector<storage::StoredEvent>{};
}

Result<std::vector<storage::StoredEvent>> ReplayStore::load_retrying(Sequence, std::int64_t) {
  return std::vector<storage::StoredEvent>{};
}

Result<std::vector<storage::StoredEvent>> ReplayStore::load_matching(const storage::Reader::EventFilter&) {
  return std::vector<storage::StoredEvent>{};
}

/// A review that was open before is the past's, until the replay changes it.
Result<storage::Reader::ConflictPage> ReplayStore::load_conflicts(const storage::Reader::ConflictFilter& filter) {
  auto page = scratch_.load_conflicts(filter);
  if (!page || !page->conflicts.empty() || filter.id.empty()) return page;
  auto past = reader_.list_conflicts(filter);
  if (!past) return past;
  for (Conflict& conflict : past->conflicts) {
    if (conflict.event >= past_.first()) return page;
    conflict.status = "open";  // what became of it since is yet to come
  }
  return past;
}

Result<std::vector<storage::LaneState>> ReplayStore::load_lane_states() {
  return std::vector<storage::LaneState>{};
}

Result<std::int64_t> ReplayStore::delete_finished(Timestamp, std::int64_t) {
  return 0;
}

Result<std::unique_ptr<storage::Reader>> ReplayStore::make_reader() {
  return fail(ErrorCode::kInternal, "a replay is not read beside itself");
}

}  // namespace datasync::pipeline
