#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/postgres/connection.h"
#include "storage/postgres/shard.h"
#include "storage/store.h"

namespace datasync::storage::postgres {

/// Who runs a statement that reads, and takes care of a lost connection.
class Link {
 public:
  virtual ~Link() = default;
  [[nodiscard]] virtual Result<Answer> read(const Sql& sql, const Parameters& parameters) = 0;
};

/// Finds and loads events, records and history; the store and its readers share it. Each question is one statement, so
/// it sees one moment.
///
/// Cost: a page by tenant, or by one of the rare statuses, follows an index and costs what it shows. Type, source and
///       time are checked row by row. `entity_id` is checked on at most `kScannedMax` rows a page (the cursor goes on
///       from there), and on all of the tenants' rows where it is counted; `statement_timeout` ends what takes too
///       long.
/// Threads: its link's.
class Queries {
 public:
  using Filter = Reader::EventFilter;
  static constexpr std::int64_t kScannedMax = 100'000;

  explicit Queries(Link& link) : link_(link) {}

  /// From now on `unfinished`, `retrying`, `redrivable` and `conflicts` tell of these shards only.
  void look_at(const Shards& shards) { part_ = shards.all() ? std::string() : bytes_of(shards); }

  [[nodiscard]] Result<Reader::EventPage> list(const Filter& filter);
  [[nodiscard]] Result<std::int64_t> count(const Filter& filter);
  [[nodiscard]] Result<std::vector<StoredEvent>> find(const Reader::Tenants& tenants, std::string_view id);
  [[nodiscard]] Result<std::vector<StoredEvent>> after(const Reader::Tenants& tenants, Sequence after,
                                                       std::int64_t limit);
  /// Oldest first, above `after`: what `event_waiting` lists as open, and all that is open from `low_water` on.
  [[nodiscard]] Result<std::vector<StoredEvent>> unfinished(Sequence after, Sequence low_water, std::int64_t limit);
  [[nodiscard]] Result<std::vector<StoredEvent>> retrying(Sequence after, std::int64_t limit);
  /// Oldest first; only statuses of `event_waiting`.
  [[nodiscard]] Result<std::vector<StoredEvent>> redrivable(const Filter& filter);
  [[nodiscard]] Result<std::vector<std::optional<KnownEvent>>> known(std::span<const EventKey> keys);

  [[nodiscard]] Result<std::optional<StoredEvent>> load(Sequence sequence);
  [[nodiscard]] Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash);
  [[nodiscard]] Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key);
  [[nodiscard]] Result<std::vector<std::optional<RecordKey>>> find_identities(std::span<const IdentityKey> identities);
  [[nodiscard]] Result<std::vector<std::optional<Record>>> load_records(std::span<const RecordAddress> addresses);
  [[nodiscard]] Result<std::optional<HistoryEntry>> load_history(Sequence event);
  [[nodiscard]] Result<Reader::ConflictPage> conflicts(const Reader::ConflictFilter& filter);
  /// By tenant, then name.
  [[nodiscard]] Result<std::vector<LaneState>> lane_states();
  [[nodiscard]] Result<std::vector<LogPosition>> log_positions();

 private:
  Result<std::vector<StoredEvent>> events(const Sql& sql);
  Result<Sequence> scan_end(const Filter& filter);
  Result<void> load_some(std::span<const RecordAddress> addresses, std::span<std::optional<Record>> loaded);

  Link& link_;
  std::string part_;  // the shards as bits; empty: all
  Parameters parameters_;
};

}  // namespace datasync::storage::postgres
