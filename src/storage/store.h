#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "domain/event.h"
#include "domain/record.h"
#include "storage/shares.h"

namespace datasync::storage {

/// An event's id or idempotency key, as the only unique index over events knows it: a UUID as its own 16 bytes (ours
/// rise, so their rows stay together), any other text by hash. Ids and idempotency keys share one space per tenant.
[[nodiscard]] Hash128 event_key_of(std::string_view id_or_key);

struct EventKey {
  Hash128 key;
  TenantId tenant;
};

struct IdentityKey {
  Hash128 hash;
  TenantId tenant;
};

/// Where a record stands.
struct RecordAddress {
  RecordKey key;
  TenantId tenant;
};

/// An event as it enters the store.
struct NewEvent {
  std::shared_ptr<const Event> event;  ///< sequence and created_at are set
  std::vector<Hash128> keys;           ///< its id, and its idempotency key if it came with another one
  Hash128 content;
};

/// What the store knows of an event whose id came again.
struct KnownEvent {
  Sequence sequence;
  EventId id;
  Hash128 content;
};

/// Why a record can be found: its canonical id, a platform's own id of it, or a natural key. All are hashes over their
/// tenant too, so one narrow table holds them and one unique index keeps two records from being one.
enum class IdentityKind : std::uint8_t { kCanonical, kOwnId, kNaturalKey };

struct IdentityWrite {
  Hash128 hash;
  IdentityKind kind = IdentityKind::kCanonical;
  RecordKey record{};
  TenantId tenant;
  bool remove = false;  ///< the natural key changed: the old one no longer finds the record
};

struct RecordWrite {
  std::shared_ptr<const Record> record;
  RecordVersion expected{};        ///< the version that the store must still hold; 0 if the record is new
  bool version_unchanged = false;  ///< only knowledge changed (an acknowledged delivery)
};

/// What the ways to the platforms must remember over a restart: an open circuit, a suspended kind of change. The store
/// keeps it and does not read it. Few rows, taken up as a whole at the start.
struct LaneState {
  TenantId tenant;    ///< empty: of no single tenant
  std::string name;   ///< one row for each name of a tenant
  std::string value;  ///< in a batch, empty: the row goes
  bool operator==(const LaneState&) const = default;
};

/// How far a shard's events were taken from the log that they are accepted into, where there is one.
struct LogPosition {
  std::string log;        ///< its name: how far one was taken says nothing of another
  std::size_t shard = 0;  ///< of their tenant (`shard_of`)
  std::int64_t next = 0;  ///< the first that was not taken yet
  bool operator==(const LogPosition&) const = default;
};

/// What one window of the pipeline makes durable, all of it or nothing.
struct WriteBatch {
  std::vector<NewEvent> events;  ///< with sequences above all that were committed before
  std::vector<EventState>
      states;  ///< whole rows; of several for one event the last one counts; an event without is pending
  std::vector<RecordWrite> records;
  std::vector<IdentityWrite> identities;
  std::vector<HistoryEntry> history;  ///< what an event overwrites later is added to what it has overwritten already
  std::vector<Conflict> conflicts;  ///< whole rows by id: a conflict that was open is written again when it is resolved
  std::vector<LaneState> lane_states;      ///< of several for one name the last one counts
  std::vector<LogPosition> log_positions;  ///< of several for one shard the last one counts
  /// Every event below it is final, or is in `retry` or `review` and found by its status. 0 leaves it as it is.
  Sequence low_water{};

  [[nodiscard]] bool empty() const noexcept {
    return events.empty() && states.empty() && records.empty() && identities.empty() && history.empty() &&
           conflicts.empty() && lane_states.empty() && log_positions.empty();
  }
  void clear();
};

struct StoredEvent {
  std::shared_ptr<const Event> event;
  EventState state;
};

/// Queries for people and clients. Each sees committed data only, of the tenants that it is asked for.
/// Threads: one thread at a time; make one per thread.
class Reader {
 public:
  virtual ~Reader() = default;

  /// No tenants given means: of all tenants (the caller is entitled to all).
  using Tenants = std::vector<TenantId>;

  struct EventFilter {
    Tenants tenants;
    std::optional<EventStatus> status;
    std::string type;
    PlatformId source;
    EntityId entity_id;              ///< as sent with the event, or the canonical id of the record that it changed
    std::optional<Timestamp> since;  ///< by accept time, inclusive
    std::optional<Timestamp> until;  ///< exclusive
    Sequence before{};               ///< only events below it (the cursor); 0 is none
    std::int64_t offset = 0;
    std::int64_t limit = 50;
  };
  struct EventPage {
    std::vector<StoredEvent> events;  ///< newest first
    Sequence next{};                  ///< cursor of the next page; 0 if this is the last
  };
  [[nodiscard]] virtual Result<EventPage> list_events(const EventFilter& filter) = 0;
  [[nodiscard]] virtual Result<std::int64_t> count_events(const EventFilter& filter) = 0;
  /// Every tenant's event of that id, among `tenants`.
  [[nodiscard]] virtual Result<std::vector<StoredEvent>> find_event(const Tenants& tenants, std::string_view id) = 0;
  /// Commit-ordered tail: events whose sequence is above `after`, oldest first.
  [[nodiscard]] virtual Result<std::vector<StoredEvent>> events_after(const Tenants& tenants, Sequence after,
                                                                      std::int64_t limit) = 0;

  [[nodiscard]] virtual Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) = 0;
  [[nodiscard]] virtual Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) = 0;
  [[nodiscard]] virtual Result<std::optional<HistoryEntry>> load_history(Sequence event) = 0;

  struct ConflictFilter {
    Tenants tenants;
    std::string id, status, entity, type, assignee;
    std::optional<Timestamp> expires_until;  ///< only those that decide themselves by then
    EntityId entity_id;
    std::int64_t before = 0;  ///< row cursor; 0 is none
    std::int64_t limit = 50;
  };
  struct ConflictPage {
    std::vector<Conflict> conflicts;  ///< newest first
    std::int64_t next = 0;
    std::int64_t total = 0;
  };
  [[nodiscard]] virtual Result<ConflictPage> list_conflicts(const ConflictFilter& filter) = 0;

  /// By log and shard; one that has taken nothing is not among them.
  [[nodiscard]] virtual Result<std::vector<LogPosition>> log_positions() = 0;
};

/// The durable truth. The pipeline's engine is its only writer: one thread, one window after the other.
///
/// Errors: `kUnavailable` when the disk is full or the database does not answer: nothing was written, try again later;
///         `kConflict` when an optimistic check failed (a record's version, an identity of another record, an id that
///         is taken, an epoch that has passed): nothing was written, re-read and repeat; `kCorrupt` for stored bytes
///         that can't be read. A failed fsync ends the process with a message and exit code 74: what the kernel
///         dropped is unknown.
/// Threads: one at a time.
class Store {
 public:
  virtual ~Store() = default;

  /// Writes the batch in one transaction and returns when it is durable. An empty batch changes nothing, and still goes
  /// all the way to the disk: it tells whether the store takes writes.
  [[nodiscard]] virtual Result<void> commit(const WriteBatch& batch) = 0;

  // The same in two steps, for who has something else to do meanwhile.

  /// Begins to write the batch. It must live until `finish_commit`; the records that it lends may change once this
  /// returns. Every other call that asks the store waits for it first, and fails where it fails. `done` is called once
  /// its outcome is known, or just before, from any thread and before `finish_commit` returns; not if this fails.
  [[nodiscard]] virtual Result<void> start_commit(const WriteBatch& batch, std::function<void()> done) {
    auto committed = commit(batch);
    if (committed) done();
    return committed;
  }
  /// Returns when it is durable. Nothing is under way: nothing happens.
  [[nodiscard]] virtual Result<void> finish_commit() { return {}; }

  /// The highest numbers in use; the next ones are given out by the engine, which is the only writer of its shards.
  [[nodiscard]] virtual Sequence last_sequence() const = 0;
  [[nodiscard]] virtual RecordKey last_record_key() const = 0;

  /// One answer per key, in order.
  [[nodiscard]] virtual Result<std::vector<std::optional<KnownEvent>>> find_events(std::span<const EventKey> keys) = 0;
  [[nodiscard]] virtual Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash) = 0;
  [[nodiscard]] virtual Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key) = 0;
  [[nodiscard]] virtual Result<std::optional<HistoryEntry>> load_history(Sequence event) = 0;
  [[nodiscard]] virtual Result<std::optional<StoredEvent>> load_event(Sequence sequence) = 0;

  /// Whether a question is a way to a server and back, however much it asks for: then what will be needed is better
  /// asked for at once and ahead, by the two that follow.
  [[nodiscard]] virtual bool is_remote() const noexcept { return false; }
  /// As `find_identity` of each, in order.
  [[nodiscard]] virtual Result<std::vector<std::optional<RecordKey>>> find_identities(
      std::span<const IdentityKey> identities);
  /// As `load_record` of each, in order.
  [[nodiscard]] virtual Result<std::vector<std::optional<Record>>> load_records(
      std::span<const RecordAddress> addresses);

  /// Events that are not final, from the low-water mark on and by their status, oldest first, above `after`.
  [[nodiscard]] virtual Result<std::vector<StoredEvent>> load_unfinished(Sequence after, std::int64_t limit) = 0;
  /// Events that wait for a retry, oldest first, above `after`.
  [[nodiscard]] virtual Result<std::vector<StoredEvent>> load_retrying(Sequence after, std::int64_t limit) = 0;
  /// Failed, review, retry or expired events that match, oldest first: for redrive.
  [[nodiscard]] virtual Result<std::vector<StoredEvent>> load_matching(const Reader::EventFilter& filter) = 0;
  /// As `Reader::list_conflicts`, for the reviews that a person decides.
  [[nodiscard]] virtual Result<Reader::ConflictPage> load_conflicts(const Reader::ConflictFilter& filter) = 0;

  /// All of them, by tenant and name.
  [[nodiscard]] virtual Result<std::vector<LaneState>> load_lane_states() = 0;

  /// Deletes up to `limit` final events (their states, keys and history with them) that ended before `before`; returns
  /// how many, or `limit` where it goes on with what they leave. An engine that drops them by parts of time may keep
  /// them an eighth longer. By their end: a dead letter of an old event is as new to people as any.
  [[nodiscard]] virtual Result<std::int64_t> delete_finished(Timestamp before, std::int64_t limit) = 0;

  /// Secret of this store, 32 bytes, made with it: the key for hashes of natural keys.
  [[nodiscard]] virtual const std::string& identity_secret() const = 0;

  /// Threads: any.
  [[nodiscard]] virtual Result<std::unique_ptr<Reader>> make_reader() = 0;
  /// Work that can wait, for a quiet moment between two windows: copying the log into place, catching up indexes.
  /// Returns at once where there is nothing worth it. A store that is never given such moments does the same within
  /// `commit`, when it must.
  virtual void maintain() {}
  /// Where several instances share the database: which part of the tenants is this one's. Null: all are. The engine's
  /// questions (`load_…`) are answered for this part alone, and a commit of an instance that was fenced off fails with
  /// `kMoved`.
  [[nodiscard]] virtual Shares* shares() noexcept { return nullptr; }
  /// The fencing number that this store took when it was opened. A store opened later on the same database has a higher
  /// one, and from then on every `commit` here fails with `kConflict`; where they share it, the later one waits until
  /// shards are free.
  [[nodiscard]] virtual std::int64_t epoch() const noexcept = 0;

  /// Bytes on disk, for the metrics. Threads: any.
  [[nodiscard]] virtual std::int64_t bytes_on_disk() const = 0;
};

}  // namespace datasync::storage
