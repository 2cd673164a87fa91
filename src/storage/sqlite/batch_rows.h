#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/sqlite/row_source.h"
#include "storage/sqlite/statement.h"
#include "storage/store.h"

namespace datasync::storage::sqlite {

/// The number that stands for a status in `event_state`. Pending and processing below the low-water mark get one of
/// their own (7, 8), which the partial index holds: the scan from the mark on would not find them.
[[nodiscard]] std::int64_t stored_status(EventStatus status, bool below_low_water) noexcept;
[[nodiscard]] Result<EventStatus> read_status(std::int64_t stored);

/// A text inside the arena of a batch.
struct Slice {
  std::size_t at = 0;
  std::size_t size = 0;
};

/// A write batch as rows for SQL: sorted by key, several writes of one key folded into the last, bodies encoded one
/// after the other into one buffer. Borrows from the batch; buffers are reused from batch to batch.
class BatchRows {
 public:
  BatchRows() = default;
  BatchRows(const BatchRows&) = delete;
  BatchRows& operator=(const BatchRows&) = delete;

  /// Makes the rows known to SQL as `batch_…`. The rows outlive the connection.
  [[nodiscard]] Result<void> attach(Connection& connection);

  /// `last` is the highest sequence stored so far, `low_water` the mark after this batch.
  /// Errors: `kConflict` where the batch contradicts itself or uses a sequence that is taken.
  [[nodiscard]] Result<void> fill(const WriteBatch& batch, Sequence last, Sequence low_water);
  void clear();

  struct EventRow {
    const Event* event;
    Slice body;
    const std::string* arena;
    void put(int column, const ColumnOut& out) const;
  };
  struct KeyRow {
    HashBytes key;
    HashBytes content;
    const Event* event;
    void put(int column, const ColumnOut& out) const;
  };
  struct StateRow {
    const EventState* state;
    const TenantId* tenant;  ///< null: of an event stored earlier, whose tenant the statement looks up
    std::int64_t status;
    Slice results;
    const std::string* arena;
    void put(int column, const ColumnOut& out) const;
  };
  struct RecordRow {
    const Record* record;
    std::int64_t expected;
    Slice body;
    Slice marks;
    const std::string* arena;
    void put(int column, const ColumnOut& out) const;
  };
  struct HistoryRow {
    const HistoryEntry* entry;
    Slice body;
    const std::string* arena;
    void put(int column, const ColumnOut& out) const;
  };

  Rows<EventRow> events;
  Rows<KeyRow> keys;
  Rows<StateRow> states;      ///< of events stored earlier
  Rows<StateRow> new_states;  ///< of events of this batch
  Rows<RecordRow> records;
  Rows<HistoryRow> history;

 private:
  Result<void> fill_events(const WriteBatch& batch, Sequence last);
  void fill_states(const WriteBatch& batch, Sequence last, Sequence low_water);
  Result<void> fill_records(const WriteBatch& batch);
  void fill_history(const WriteBatch& batch);

  std::string arena_;
  std::vector<Hash128> more_keys_;
};

}  // namespace datasync::storage::sqlite
