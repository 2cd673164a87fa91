#include "pipeline/testing/memory_store.h"

#include <algorithm>
#include <utility>

namespace datasync::pipeline {
namespace {

auto unavailable() {
  return fail(ErrorCode::kUnavailable, "the store does not answer", "a fault on demand");
}

bool matches(const storage::StoredEvent& stored, const storage::Reader::EventFilter& filter) {
  if (!filter.tenants.empty() &&
      std::find(filter.tenants.begin(), filter.tenants.end(), stored.event->tenant) == filter.tenants.end()) {
    return false;
  }
  if (filter.status && *filter.status != stored.state.status) return false;
  if (!filter.type.empty() && filter.type != stored.event->type) return false;
  return filter.source.empty() || filter.source == stored.event->source;
}

/// Only what the pipeline asks of a reader.
class MemoryReader final : public storage::Reader {
 public:
  explicit MemoryReader(MemoryStore& store) : store_(store) {}

  Result<EventPage> list_events(const EventFilter&) override { return fail(ErrorCode::kInternal, "not here"); }
  Result<std::int64_t> count_events(const EventFilter&) override { return fail(ErrorCode::kInternal, "not here"); }
  Result<std::vector<storage::StoredEvent>> find_event(const Tenants& tenants, std::string_view id) override {
    std::vector<storage::StoredEvent> found;
    for (const auto& [sequence, stored] : store_.events()) {
      EventFilter filter;
      filter.tenants = tenants;
      if (stored.event->id.str() == id && matches(stored, filter)) found.push_back(stored);
    }
    return found;
  }
  Result<std::vector<storage::StoredEvent>> events_after(const Tenants& tenants, Sequence after,
                                                         std::int64_t limit) override {
    std::vector<storage::StoredEvent> found;
    EventFilter filter;
    filter.tenants = tenants;
    for (auto at = store_.events().upper_bound(after); at != store_.events().end(); ++at) {
      if (static_cast<std::int64_t>(found.size()) == limit) break;
      if (matches(at->second, filter)) found.push_back(at->second);
    }
    return found;
  }
  Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) override {
    return store_.find_identity(tenant, hash);
  }
  Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) override {
    return store_.load_record(tenant, key);
  }
  Result<std::optional<HistoryEntry>> load_history(Sequence event) override { return store_.load_history(event); }
  Result<ConflictPage> list_conflicts(const ConflictFilter& filter) override { return store_.load_conflicts(filter); }
  Result<std::vector<storage::LogPosition>> log_positions() override { return fail(ErrorCode::kInternal, "not here"); }

 private:
  MemoryStore& store_;
};

}  // namespace

Result<void> MemoryStore::commit(const storage::WriteBatch& batch) {
  if (under_way_) DATASYNC_TRY(settle());
  staged_events = batch.events.size();
  const Fault fault = on_commit ? on_commit() : Fault::kNone;
  if (fault == Fault::kNothingWritten) return unavailable();
  if (std::string broken = broken_by(batch); !broken.empty()) {
    if (broken_rule_.empty()) broken_rule_ = broken;
    return fail(ErrorCode::kInternal, std::move(broken));
  }
  write(batch);
  if (fault == Fault::kAnswerLost) return unavailable();
  return {};
}

Result<void> MemoryStore::start_commit(const storage::WriteBatch& batch, std::function<void()> done) {
  if (!is_far) return Store::start_commit(batch, std::move(done));
  DATASYNC_TRY(settle());
  under_way_ = batch;
  when_done_ = std::move(done);
  for (storage::NewEvent& fresh : under_way_->events) fresh.event = std::make_shared<const Event>(*fresh.event);
  for (storage::RecordWrite& write : under_way_->records) write.record = std::make_shared<const Record>(*write.record);
  ++started;
  if (on_start) on_start();
  return {};
}

Result<void> MemoryStore::settle() {
  if (!under_way_) return {};
  const storage::WriteBatch batch = *std::exchange(under_way_, std::nullopt);
  auto done = commit(batch);
  if (!done) failure_ = done.error();
  std::exchange(when_done_, nullptr)();
  return done;
}

Result<void> MemoryStore::finish_commit() {
  static_cast<void>(settle());
  const auto failure = std::exchange(failure_, std::nullopt);
  if (failure) return fail(*failure);
  return {};
}

void MemoryStore::abandon(bool writes) {
  when_done_ = nullptr;  // who would be told is gone
  const auto batch = std::exchange(under_way_, std::nullopt);
  if (writes && batch) static_cast<void>(commit(*batch));
  failure_.reset();
}

std::string MemoryStore::broken_by(const storage::WriteBatch& batch) const {
  std::int64_t last = last_sequence_;
  for (const storage::NewEvent& fresh : batch.events) {
    if (fresh.event->sequence.value != ++last) return "sequences have a gap or repeat";
    for (const Hash128 key : fresh.keys) {
      if (keys_.contains({fresh.event->tenant, key})) return "an event key is written twice";
    }
  }
  for (const EventState& state : batch.states) {
    if (state.sequence.value > last || state.sequence.value <= 0) return "a state without its event";
    if (!state.results.empty() && state.status != fold_status(state.results)) return "a status that is not the fold";
  }
  for (const storage::RecordWrite& write : batch.records) {
    const auto at = records_.find(write.record->key);
    const std::int64_t held = at == records_.end() ? 0 : at->second.version.value;
    if (held != write.expected.value) return "a record's version is not the expected one";
    if (write.version_unchanged != (write.record->version == write.expected)) return "version_unchanged is wrong";
    if (write.record->version < write.expected) return "a record's version goes back";
  }
  auto identities = identities_;
  for (const storage::IdentityWrite& write : batch.identities) {
    const auto at = identities.find(write.hash);
    if (write.remove) {
      if (at == identities.end() || at->second != write.record) return "an identity is removed that is not there";
      identities.erase(at);
    } else if (!identities.emplace(write.hash, write.record).second && at->second != write.record) {
      return "one identity for two records";
    }
  }
  for (const HistoryEntry& entry : batch.history) {
    if (history_.contains(entry.event)) return "two histories of one event";
  }
  return {};
}

void MemoryStore::write(const storage::WriteBatch& batch) {
  ++commits;
  for (const storage::NewEvent& fresh : batch.events) {
    const Sequence sequence = fresh.event->sequence;
    storage::StoredEvent stored;
    stored.event = std::make_shared<const Event>(*fresh.event);  // the engine drops what it no longer needs of its own
    stored.state.sequence = sequence;
    events_.emplace(sequence, std::move(stored));
    for (const Hash128 key : fresh.keys) {
      keys_.emplace(std::pair(fresh.event->tenant, key), storage::KnownEvent{sequence, fresh.event->id, fresh.content});
    }
    last_sequence_ = sequence.value;
  }
  for (const EventState& state : batch.states) events_.at(state.sequence).state = state;
  for (const storage::RecordWrite& write : batch.records) {
    records_[write.record->key] = *write.record;
    last_key_ = std::max(last_key_, write.record->key.value);
  }
  for (const storage::IdentityWrite& write : batch.identities) {
    if (write.remove) {
      identities_.erase(write.hash);
    } else {
      identities_[write.hash] = write.record;
    }
  }
  for (const HistoryEntry& entry : batch.history) history_[entry.event] = entry;
  for (const Conflict& conflict : batch.conflicts) {
    const auto known = std::find_if(conflicts_.begin(), conflicts_.end(),
                                    [&conflict](const Conflict& one) { return one.id == conflict.id; });
    if (known == conflicts_.end()) {
      conflicts_.push_back(conflict);
    } else {
      *known = conflict;
    }
  }
  for (const storage::LaneState& lane : batch.lane_states) {
    lane_states_[{lane.tenant, lane.name}] = lane.value;
    if (lane.value.empty()) lane_states_.erase({lane.tenant, lane.name});
  }
  if (batch.low_water.value > 0) low_water_ = batch.low_water;
}

Sequence MemoryStore::last_sequence() const {
  return Sequence{last_sequence_};
}
RecordKey MemoryStore::last_record_key() const {
  return RecordKey{last_key_};
}

Result<std::vector<std::optional<storage::KnownEvent>>> MemoryStore::find_events(
    std::span<const storage::EventKey> keys) {
  if (read_fails()) return unavailable();
  std::vector<std::optional<storage::KnownEvent>> found;
  for (const storage::EventKey& key : keys) {
    const auto at = keys_.find({key.tenant, key.key});
    found.push_back(at == keys_.end() ? std::nullopt : std::optional(at->second));
  }
  return found;
}

Result<std::optional<RecordKey>> MemoryStore::find_identity(const TenantId&, Hash128 hash) {
  ++questions;
  if (read_fails()) return unavailable();
  const auto at = identities_.find(hash);
  return at == identities_.end() ? std::nullopt : std::optional(at->second);
}

Result<std::optional<Record>> MemoryStore::load_record(const TenantId& tenant, RecordKey key) {
  ++questions;
  if (read_fails()) return unavailable();
  const auto at = records_.find(key);
  if (at == records_.end() || at->second.tenant != tenant) return std::nullopt;
  return at->second;
}

Result<std::vector<std::optional<RecordKey>>> MemoryStore::find_identities(
    std::span<const storage::IdentityKey> identities) {
  const std::size_t before = questions;
  auto found = Store::find_identities(identities);
  questions = before + 1;
  return found;
}

Result<std::vector<std::optional<Record>>> MemoryStore::load_records(
    std::span<const storage::RecordAddress> addresses) {
  const std::size_t before = questions;
  auto loaded = Store::load_records(addresses);
  questions = before + 1;
  return loaded;
}

Result<std::optional<HistoryEntry>> MemoryStore::load_history(Sequence event) {
  if (read_fails()) return unavailable();
  const auto at = history_.find(event);
  return at == history_.end() ? std::nullopt : std::optional(at->second);
}

Result<std::optional<storage::StoredEvent>> MemoryStore::load_event(Sequence sequence) {
  if (read_fails()) return unavailable();
  const auto at = events_.find(sequence);
  return at == events_.end() ? std::nullopt : std::optional(at->second);
}

Result<std::vector<storage::StoredEvent>> MemoryStore::load_unfinished(Sequence after, std::int64_t limit) {
  if (read_fails()) return unavailable();
  std::vector<storage::StoredEvent> found;
  for (auto at = events_.upper_bound(after); at != events_.end() && std::ssize(found) < limit; ++at) {
    const EventStatus status = at->second.state.status;
    const bool by_status = status == EventStatus::kRetry || status == EventStatus::kReview;
    // As a real store does it: what is below the mark is not looked at.
    const bool above_mark = at->first >= low_water_;
    if (by_status || (above_mark && !is_final(status))) found.push_back(at->second);
  }
  return found;
}

Result<std::vector<storage::StoredEvent>> MemoryStore::load_retrying(Sequence after, std::int64_t limit) {
  if (read_fails()) return unavailable();
  std::vector<storage::StoredEvent> found;
  for (auto at = events_.upper_bound(after); at != events_.end() && std::ssize(found) < limit; ++at) {
    if (at->second.state.status == EventStatus::kRetry) found.push_back(at->second);
  }
  return found;
}

Result<std::vector<storage::StoredEvent>> MemoryStore::load_matching(const storage::Reader::EventFilter& filter) {
  if (read_fails()) return unavailable();
  std::vector<storage::StoredEvent> found;
  for (const auto& [sequence, stored] : events_) {
    const EventStatus status = stored.state.status;
    const bool stopped = status == EventStatus::kFailed || status == EventStatus::kReview ||
                         status == EventStatus::kRetry || status == EventStatus::kExpired;
    if (stopped && matches(stored, filter) && std::ssize(found) < filter.limit) found.push_back(stored);
  }
  return found;
}

Result<storage::Reader::ConflictPage> MemoryStore::load_conflicts(const storage::Reader::ConflictFilter& filter) {
  if (read_fails()) return unavailable();
  storage::Reader::ConflictPage page;
  for (auto at = conflicts_.rbegin(); at != conflicts_.rend(); ++at) {
    const bool fits = (filter.id.empty() || filter.id == at->id) &&
                      (filter.status.empty() || filter.status == at->status) &&
                      (!filter.expires_until || (at->expires_at && *at->expires_at <= *filter.expires_until)) &&
                      (filter.tenants.empty() || filter.tenants.front() == at->tenant);
    if (fits) page.conflicts.push_back(*at);
  }
  page.total = std::ssize(page.conflicts);
  return page;
}

Result<std::vector<storage::LaneState>> MemoryStore::load_lane_states() {
  if (read_fails()) return unavailable();
  std::vector<storage::LaneState> states;
  for (const auto& [name, value] : lane_states_) states.push_back({name.first, name.second, value});
  return states;
}

Result<std::int64_t> MemoryStore::delete_finished(Timestamp, std::int64_t) {
  return 0;
}

Result<std::unique_ptr<storage::Reader>> MemoryStore::make_reader() {
  return std::unique_ptr<storage::Reader>(std::make_unique<MemoryReader>(*this));
}

const storage::StoredEvent* MemoryStore::find(std::string_view event_id) const {
  for (const auto& [sequence, stored] : events_) {
    if (stored.event->id.str() == event_id) return &stored;
  }
  return nullptr;
}

const HistoryEntry* MemoryStore::history_of(Sequence event) const {
  const auto at = history_.find(event);
  return at == history_.end() ? nullptr : &at->second;
}

const RecordKey* MemoryStore::find_link(Hash128 identity) const {
  const auto at = identities_.find(identity);
  return at == identities_.end() ? nullptr : &at->second;
}

}  // namespace datasync::pipeline
