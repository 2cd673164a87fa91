#pragma once

#include <optional>

#include "base/result.h"
#include "domain/record.h"
#include "pipeline/subject.h"
#include "storage/store.h"

namespace datasync::pipeline {

// Content under an idempotency key is frozen at its first attempt, also over a restart: the record is stored with what
// a change under way says.

/// Notes verb and fields of a change that is about to leave.
void freeze(Knowledge& known, const Attempt& attempt);
/// Its copy is not the present one any more, or gets an id that it does not name: the ids that it names are noted too.
void freeze_ids(Knowledge& known, const Attempt& attempt);
/// Puts the amounts as they were told in the place of those of the record, whose worth may be another one by now.
void put_amounts(const FrozenWords& words, Record& then);
/// The change has come to its end.
void thaw(Knowledge& known);

/// Whether that change is noted.
[[nodiscard]] bool is_frozen(const Knowledge& known, const Attempt& attempt) noexcept;
/// What a change with that record version says, with the ids that it names. None if it was not noted.
[[nodiscard]] std::optional<FrozenWords> frozen_words(const Knowledge& known, RecordVersion version);

}  // namespace datasync::pipeline
