#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/sqlite/connection.h"
#include "storage/sqlite/statement.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

/// Finds and loads events, records and history on one connection; the store and its readers share it. Sequences are
/// found first, through the narrowest table that can tell, and rows are loaded for those that are wanted alone.
///
/// Cost: a page by tenant, or by one of the rare statuses, follows an index and costs what it shows. Type, source and
/// time
///       are checked row by row, newest first. `entity_id` is checked on at most `kScannedMax` rows a page (the cursor
///       goes on from there), some 2 µs each, and on all of the tenants' rows where it is counted.
/// Threads: its connection's.
class EventQueries {
 public:
  using Filter = Reader::EventFilter;
  static constexpr std::int64_t kScannedMax = 100'000;

  explicit EventQueries(Connection& connection) : connection_(connection) {}
  [[nodiscard]] Result<void> prepare();

  [[nodiscard]] Result<Reader::EventPage> list(const Filter& filter);
  [[nodiscard]] Result<std::int64_t> count(const Filter& filter);
  [[nodiscard]] Result<std::vector<StoredEvent>> find(const Reader::Tenants& tenants, std::string_view id);
  [[nodiscard]] Result<std::vector<StoredEvent>> after(const Reader::Tenants& tenants, Sequence after,
                                                       std::int64_t limit);
  /// Oldest first, above `after`: what stands in `event_state_rare`, and all that is not final from `low_water` on.
  [[nodiscard]] Result<std::vector<StoredEvent>> unfinished(Sequence after, Sequence low_water, std::int64_t limit);
  /// Oldest first, above `after`.
  [[nodiscard]] Result<std::vector<StoredEvent>> retrying(Sequence after, std::int64_t limit);
  /// Oldest first; only statuses of `event_state_rare`.
  [[nodiscard]] Result<std::vector<StoredEvent>> redrivable(const Filter& filter);

  [[nodiscard]] Result<std::optional<StoredEvent>> load(Sequence sequence);
  [[nodiscard]] Result<std::optional<RecordKey>> find_identity(const TenantId& tenant, Hash128 hash);
  [[nodiscard]] Result<std::optional<Record>> load_record(const TenantId& tenant, RecordKey key);
  [[nodiscard]] Result<std::optional<HistoryEntry>> load_history(Sequence event);

 private:
  struct Scan;
  struct Found;
  enum class Order { kNewestFirst, kOldestFirst };

  Result<std::vector<Scan>> scans(const Filter& filter, Order order);
  static Scan rare_scan(const Filter& filter, std::int64_t status, Order order);
  static void add_conditions(Scan& scan, const Filter& filter);
  Result<void> run(const Scan& scan, const Filter& filter, std::int64_t wanted, Found& found);
  Result<bool> names_entity(Statement& row, const EntityId& entity_id);
  Result<std::vector<StoredEvent>> load_all(const std::vector<std::int64_t>& sequences, std::size_t from,
                                            std::size_t to);
  Result<std::int64_t> meta_integer(std::string_view name);

  Connection& connection_;
  Statement load_event_, find_key_, find_identity_, load_record_, load_history_, record_entity_, meta_;
};

}  // namespace datasync::storage::sqlite
