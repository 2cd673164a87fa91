#pragma once

#include <string>
#include <string_view>

#include "domain/record.h"

namespace datasync::storage {

/// Column `records.marks`, without its envelope: the bookkeeping of a record, which only this program reads and which
/// is written again with every acknowledgement, so it is packed. Varints, unless something else is said; times are
/// differences to `created_at`:
///
///   created_at (8 bytes), platforms that have written but have no knowledge (count, names)
///   per field in the order of the body: 0 if all that follows is as with the field before; else
///     1 + 4 × writer + 2 × (source_time differs from time) + (has source_version), time, version, event,
///     source_time?, source_version?
///   per platform with knowledge, in the order of the body: values held, values held earlier: each
///     count, then groups of neighbours with one version and one time until the count is reached:
///       how many, version, time, and for each: 2 × (position of the field + 1) + (its hash is that of the golden
///       value), name? (where the position is none), hash? (8 bytes)
///     then 1 if a change is under way + 2 if `told` + 4 if `told_again` follows, these two, and what the change says
///   what waits for a person (count, each), fields that are missing (count, each), `joined`
///
/// A writer is a position among the platforms with knowledge and then those of the first line.
void append_record_marks(std::string& out, const Record& record);

/// Fills in the bookkeeping of a record whose fields and platforms the body has told already.
/// Returns false if the bytes are none that belong to such a record; zeros at the end are passed over.
[[nodiscard]] bool read_record_marks(std::string_view bytes, Record& record);

}  // namespace datasync::storage
