#pragma once

#include <string_view>
#include <vector>

#include "conflict/detector.h"
#include "domain/record.h"
#include "pipeline/catalog.h"
#include "pipeline/subject.h"

namespace datasync::pipeline {

/// What one platform holds of a record, by all that we know, and what it lacks. Pure.

/// Whether the platform has a living copy of the record.
[[nodiscard]] bool holds_record(const Record& record, const PlatformId& platform);

/// Whether the platform's own value of the field waits for a person. It is not taken from it before that.
[[nodiscard]] bool proposes(const Record& record, const PlatformId& platform, const FieldName& field);

/// Whether a person is asked if the record goes, or comes back. Until then nobody is told to delete it.
[[nodiscard]] bool is_disputed(const Record& record) noexcept;

/// Deleted, and nobody is asked whether it comes back.
[[nodiscard]] bool is_gone(const Record& record) noexcept;

/// Whether a field that the event changed waits for a person.
[[nodiscard]] bool waits_for_review(const Record& record, Sequence event) noexcept;

/// The fields whose golden value the platform is not known to hold, but for those that it proposes; of a deleted record
/// only the deletion. Nothing of a record that it proposes to delete, or to bring back, or that it keeps in
/// one copy with another.
[[nodiscard]] std::vector<const FieldState*> lacking_fields(const Catalog& catalog, const Record& record,
                                                            const PlatformId& target);

/// Whether there is any such field.
[[nodiscard]] bool lacks_something(const Catalog& catalog, const Record& record, const PlatformId& target);

/// What must be asked of the target so that it holds the record: an update of what it lacks is a create.
[[nodiscard]] Verb verb_for(const Record& record, const PlatformId& target);

/// Which of its platform's copies of the record an event is about.
struct CopyOfEvent {
  enum class Kind : std::uint8_t {
    kPresent,  ///< the one that we know of, or the only one there ever was
    kNext,     ///< another one, or the same come back: from now on it is the present one
    kFormer,   ///< one that is gone, or that we can't tell to be newer than the present one
  };
  Kind kind = Kind::kPresent;
  /// Which copy is there now can't be told: the platform must be asked.
  bool doubtful = false;
  /// It was another one before, and what we told it then may be later than what the event says.
  bool may_be_told = false;
};
/// `is_linked`: the event's id was known as one of this record before. `under_way`: what is on its way to the platform.
[[nodiscard]] CopyOfEvent copy_of_event(const Record& record, const Event& event, bool is_linked,
                                        const Attempt* under_way);

/// Whether a delete of a copy that is not the present one speaks of the record: we made the present one only because
/// that one was gone.
[[nodiscard]] bool is_replaced(const Knowledge& known, std::string_view id);

/// The platform's own rising numbers are those of one copy: they say nothing about another.
void forget_numbers(Record& record, const PlatformId& platform);

/// The event's copy is the present one from now on: nothing is known of it yet but its id.
/// `under_way`: the change that is on its way to the platform, if any; it stays noted.
void take_copy(Record& record, Knowledge& known, std::string_view id, const Attempt* under_way);

/// The platform has told us of that copy too, and not that it is gone: it is kept beside the present one.
void note_beside(Knowledge& known, std::string_view id);
[[nodiscard]] bool is_beside(const Knowledge& known, std::string_view id) noexcept;
/// That copy is gone, or another record's. True if it was kept beside the present one.
bool forget_beside(Knowledge& known, std::string_view id);
/// What `Knowledge::earlier` names the ends of copies by that its platform told of while it had another one: when, and
/// as hash that of the id. No record has a field of that name.
inline const FieldName kEndedCopy = "_ended";
/// That copy came to its end then, by its platform's clock. What it says of an earlier time may still follow.
void note_end(Knowledge& known, std::string_view id, Timestamp when);

/// The present copy is gone. The newest of those beside it is the present one from now on, and in doubt; false if there
/// is none.
[[nodiscard]] bool take_copy_beside(Record& record, Knowledge& known, Timestamp now, const Attempt* under_way);

/// The platform has ended its copy, another one took its place, and it had seen all of the record in that version.
void note_seen(Knowledge& known, RecordVersion version, Timestamp when);
/// Whether it had seen what was written in `version` when it ended a copy, of the present one nothing being known yet.
[[nodiscard]] bool had_seen(const Knowledge& known, RecordVersion version) noexcept;

/// The platform has a living copy, whatever was thought of it.
void note_living(Knowledge& known, Timestamp now);

/// The platform has deleted its copy, and has no other: ids and values mean nothing any more. Links stay in the store.
void end_copy(Record& record, Knowledge& known, RecordVersion version, Timestamp when, const Attempt* under_way);

/// A request of ours to a copy that is gone came to its end now: it may have touched one that has come back meanwhile,
/// of which we have yet to hear.
void note_touch(Knowledge& known, Timestamp now);

/// The platform says that it has no such copy, and we never heard of its end: its id is kept for that.
void lose_copy(Record& record, Knowledge& known, Timestamp now);

/// The present copy was found there. Of those that were lost before, only the last one is waited for.
void forget_lost_copies(Knowledge& known);

/// We do not know which copy the platform has, or what is in it. The present one is taken to be there and to lack all:
/// the request that follows tells the truth, for who has no such copy says so.
void doubt_copy(Knowledge& known, Timestamp now);
/// The doubt stays, whatever was said since.
void keep_in_doubt(Knowledge& known, Timestamp since);
[[nodiscard]] bool is_copy_in_doubt(const Knowledge& known) noexcept;

/// We do not know which value of the field the platform holds: it lacks it, whatever it says, until it is told again.
void doubt(Knowledge& known, const FieldName& field, Timestamp now);

/// The event's platform spoke of the field while `sent` is under way to it. `seen`: as if it were not. Before that is
/// judged.
void note_crossing(Record& record, const Event& event, const conflict::Observation& seen, SentField& sent);

/// The platform is told values under that version. If it was told others under it before, or under a higher one, then
/// that it knows the version says nothing of these. Before they are noted as held.
void note_telling(const Record& record, Knowledge& known, RecordVersion version);

/// Whether the platform spoke of the field, or of the copy as a whole, while a request that says it was under way.
[[nodiscard]] bool has_crossed(const Knowledge& known, const SentField& sent, Timestamp started) noexcept;

}  // namespace datasync::pipeline
