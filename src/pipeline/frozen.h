#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "domain/record.h"
#include "pipeline/subject.h"
#include "storage/store.h"

namespace datasync::pipeline {

// Content under an idempotency key is frozen at its first attempt, also over a restart. The values need not be stored:
// they are those of the record in the version that was sent, by its history. What cannot be found out later is noted
// with the record while a change is under way: as values of negative version among what the platform is known to hold.

/// What a change that is under way says, by its note.
struct FrozenWords {
  Verb verb = Verb::kUpdated;
  std::vector<std::string> fields;
  std::vector<OwnId> ids;  ///< of the copy that it names
};

/// Notes verb and fields of a change that is about to leave.
void freeze(const Record& record, Knowledge& known, const Attempt& attempt);
/// Its copy is not the present one any more: the ids that it names are noted too.
void freeze_ids(const Record& record, Knowledge& known, const Attempt& attempt);
/// The change has come to its end.
void thaw(Knowledge& known);
[[nodiscard]] inline bool is_note(const KnownValue& value) noexcept {
  return value.version.value < 0;
}

/// What a change with that record version says. None if it was not noted.
[[nodiscard]] std::optional<FrozenWords> frozen_words(const Knowledge& known, RecordVersion version);

/// The record as it was in that version, by its history.
/// Errors: of the store's reads.
[[nodiscard]] Result<Record> record_at(storage::Store& store, const Record& record, RecordVersion version);

}  // namespace datasync::pipeline
