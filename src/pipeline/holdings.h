#pragma once

#include <string_view>
#include <vector>

#include "domain/record.h"
#include "pipeline/catalog.h"
#include "pipeline/subject.h"

namespace datasync::pipeline {

/// What one platform holds of a record, by all that we know, and what it lacks. Pure.

/// Whether the platform has a living copy of the record.
[[nodiscard]] bool holds_record(const Catalog& catalog, const Record& record, const PlatformId& platform);

/// The fields whose golden value the platform is not known to hold; of a deleted record only the deletion.
[[nodiscard]] std::vector<const FieldState*> lacking_fields(const Catalog& catalog, const Record& record,
                                                            const PlatformId& target);

/// What must be asked of the target so that it holds the record: an update of what it lacks is a create.
[[nodiscard]] Verb verb_for(const Catalog& catalog, const Record& record, const PlatformId& target);

/// The platform's copy is gone: its ids and values mean nothing any more. That it was deleted stays known, and links
/// stay in the store.
void forget_copy(Record& record, const PlatformId& platform);

/// Notes that the platform has a copy of which we know only the id, so that the time at which we learnt it is known.
void note_existence(const Catalog& catalog, const Record& record, Knowledge& known, Timestamp now);

/// The platform has a living copy, whatever was thought of it.
void note_living(const Catalog& catalog, const Record& record, Knowledge& known, Timestamp now);

/// A delete of ours and a creation of the platform's own crossed: we do not know whether the copy is there. It is taken
/// to be what asks for another request: there of a deleted record, gone of a living one.
void doubt_existence(const Catalog& catalog, const Record& record, Knowledge& known, Timestamp now);

/// We do not know which value of the field the platform holds: it lacks it, whatever it says, until it is told again.
void doubt(Knowledge& known, std::string_view field, Timestamp now);

/// Whether the event is about an id under which the platform no longer has the record: what it deleted, or a second
/// copy. The newest id is the one that counts. `is_linked`: the id was known as one of this record before the event.
[[nodiscard]] bool is_of_former_copy(const Catalog& catalog, const Record& record, const Event& event, bool is_linked);

/// The same of an id by itself that is linked to the record.
[[nodiscard]] bool is_former_id(const Catalog& catalog, const Record& record, const Knowledge& known,
                                std::string_view id);

}  // namespace datasync::pipeline
