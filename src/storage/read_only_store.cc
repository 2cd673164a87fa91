#include "storage/read_only_store.h"

namespace datasync::storage {

Result<void> ReadOnlyStore::commit(const WriteBatch&) {
  return fail(ErrorCode::kInternal, "nothing is written here");
}

Result<std::vector<std::optional<KnownEvent>>> ReadOnlyStore::find_events(std::span<const EventKey> keys) {
  return std::vector<std::optional<KnownEvent>>(keys.size());
}

Result<std::optional<RecordKey>> ReadOnlyStore::find_identity(const TenantId& tenant, Hash128 hash) {
  return reader_.find_identity(tenant, hash);
}

Result<std::optional<Record>> ReadOnlyStore::load_record(const TenantId& tenant, RecordKey key) {
  return reader_.load_record(tenant, key);
}

Result<std::optional<HistoryEntry>> ReadOnlyStore::load_history(Sequence event) {
  return reader_.load_history(event);
}

Result<std::optional<StoredEvent>> ReadOnlyStore::load_event(Sequence) {
  return std::nullopt;
}

Result<std::vector<StoredEvent>> ReadOnlyStore::load_unfinished(Sequence, std::int64_t) {
  return std::vector<StoredEvent>{};
}

Result<std::vector<StoredEvent>> ReadOnlyStore::load_retrying(Sequence, std::int64_t) {
  return std::vector<StoredEvent>{};
}

Result<std::vector<StoredEvent>> ReadOnlyStore::load_matching(const Reader::EventFilter&) {
  return std::vector<StoredEvent>{};
}

Result<Reader::ConflictPage> ReadOnlyStore::load_conflicts(const Reader::ConflictFilter& filter) {
  return reader_.list_conflicts(filter);
}

Result<std::vector<LaneState>> ReadOnlyStore::load_lane_states() {
  return std::vector<LaneState>{};
}

Result<std::int64_t> ReadOnlyStore::delete_finished(Timestamp, std::int64_t) {
  return 0;
}

Result<std::unique_ptr<Reader>> ReadOnlyStore::make_reader() {
  return fail(ErrorCode::kInternal, "a reader has been given already");
}

}  // namespace datasync::storage
