#pragma once

#include <boost/unordered/unordered_flat_set.hpp>

#include <optional>

#include "base/result.h"
#include "pipeline/catalog.h"
#include "storage/store.h"

namespace datasync::pipeline {

/// Records as they stood before a given event, told by what a store has of them now.
///
/// What they said is exact: each value that a later event wrote gives way to the one that it overwrote, by the history.
/// What platforms held of it is noted for the present only; where that was learnt later, a platform that had the record
/// is taken to have held it as it was. Ids that it has got since are there too.
///
/// Errors:  of the reader.
/// Threads: the reader's.
class Past {
 public:
  /// Before `first`, which was accepted at `since`. `catalog` tells how platforms write values. All are borrowed.
  Past(storage::Reader& reader, const Catalog& catalog, Sequence first, Timestamp since)
      : reader_(reader), catalog_(catalog), first_(first), since_(since) {}

  /// None if there was no such record yet.
  [[nodiscard]] Result<std::optional<Record>> record(const TenantId& tenant, RecordKey key) const;
  [[nodiscard]] Sequence first() const noexcept { return first_; }

 private:
  [[nodiscard]] Result<std::optional<FieldState>> rewind(FieldState field) const;
  [[nodiscard]] Result<void> rewind_merges(Record& record) const;
  [[nodiscard]] bool was_there(const Record& then, const Knowledge& known) const;
  void rewind(const Record& then, Knowledge& known) const;

  storage::Reader& reader_;
  const Catalog& catalog_;
  Sequence first_;
  Timestamp since_;
  mutable boost::unordered_flat_set<RecordKey, std::hash<RecordKey>> made_later_;  // what is known of them is final
};

}  // namespace datasync::pipeline
