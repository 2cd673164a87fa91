#pragma once

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "base/result.h"
#include "domain/record.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// What fields were in former versions of their record. Each row of the history leads from what an event wrote to what
/// it overwrote; fields that changed together share their rows, so these are read once.
///
/// Errors: of the store's reads.
/// Threads: the engine's, within one window.
class HistoryRows {
 public:
  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  /// `staged`: a transaction that is being made, whose history counts too; may be null. `rows_max`: so many are read
  /// from the store in all; what lies further back counts as no longer kept.
  HistoryRows(storage::Store& store, const storage::WriteBatch* staged, std::size_t rows_max)
      : store_(store), staged_(staged), rows_max_(rows_max) {}

  /// None if there was no such field yet, or its history is no longer kept.
  [[nodiscard]] Result<std::optional<FieldState>> field_at(FieldState field, RecordVersion version);
  /// The fields that it had then, as far as their history is kept; all else is as it is.
  [[nodiscard]] Result<Record> record_at(const Record& record, RecordVersion version);

 private:
  [[nodiscard]] const FieldState* find_staged(const FieldState& field) const noexcept;
  /// What the event that wrote `field` overwrote; null if that is not known.
  [[nodiscard]] Result<const FieldState*> overwritten_by(const FieldState& field);

  storage::Store& store_;
  const storage::WriteBatch* staged_;
  std::size_t rows_max_;
  boost::unordered_flat_map<Sequence, std::vector<FieldState>, std::hash<Sequence>> rows_;
};

}  // namespace datasync::pipeline
