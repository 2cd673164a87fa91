#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "conflict/rules.h"
#include "domain/event.h"
#include "domain/record.h"

namespace datasync::conflict {

/// Clocks of platforms differ; what lies closer together than this says nothing about the order.
inline constexpr seconds kClockTolerance{2};

/// What one incoming field means, given what its platform is known to hold.
enum class Verdict : std::uint8_t {
  kEcho,        ///< its platform holds this value already: no change
  kStale,       ///< its platform has since written something newer: no change
  kSame,        ///< the golden value, written by another, but new to this platform: it holds it from now on
  kOrdinary,    ///< causally later than the golden value, or the first value: an update
  kConcurrent,  ///< different, and neither side had seen the other: a conflict
};

struct Observation {
  FieldName field;
  std::uint64_t held_hash = 0;    ///< of the incoming value, as its platform writes it
  std::uint64_t golden_hash = 0;  ///< of the golden value, as the same platform would write it; 0 where there is none
  /// A delivery of this field to the platform began and its end is not known.
  bool delivery_unknown = false;
  std::uint64_t sent_hash = 0;  ///< of the value that such a delivery carries
  /// It was acknowledged; but a request of it that nobody heard the answer of may still arrive.
  bool delivery_lingers = false;
  /// About another copy than the one that the platform has now: what it holds says nothing of this one.
  bool of_former_copy = false;
};

/// Whether the version that the event names as its base tells if its platform had seen what was written, or told, in
/// `version`. Where both are from before the record was merged with another one, or parted from it, the number may be
/// one of that record: then what the platform is known to hold must tell.
[[nodiscard]] bool tells_base(const Record& record, const Event& event, RecordVersion version);

/// Judges one field of `event` against `record`. The rule stands in ARCHITECTURE.md under "Knowing what is a conflict".
[[nodiscard]] Verdict judge(const Record& record, const Event& event, const Observation& seen);

/// Whether the event is older than what its platform has said before: by its own rising number where both have one,
/// else by its clock. Without either the store's order is the platform's order, wherever our own clock was set
/// meanwhile: by the number of the event that said it, `last`, where that is known (else 0), since of two order keys of
/// one record the later event may be reconciled first.
[[nodiscard]] bool is_older_word(const Event& event, Timestamp last_time, std::optional<std::int64_t> last_version,
                                 Sequence last = {});

/// Whether the event's platform had not seen the golden value, by all that is known, when it did what the event says.
[[nodiscard]] bool is_unseen(const Record& record, const FieldState& golden, const Event& event,
                             const Observation& seen);

/// Whether a delivery of ours to the event's platform was, or may have been, carried out after the platform wrote what
/// the event says: then nobody knows what it holds now, and it must be told the outcome, though it wrote it itself.
[[nodiscard]] bool may_be_overtaken(const Record& record, const Event& event, const Observation& seen);

/// Whether what the platform is known to hold is what it wrote itself, and not what we told it: of its own write the
/// platform's own time is kept.
[[nodiscard]] bool is_own_write(const Record& record, const PlatformId& platform, const KnownValue& held);

/// Whether the event's platform did what the event says after it came to hold `held`. False where that can't be known.
/// An event that says nothing of its time was sent at once.
[[nodiscard]] bool is_surely_after(const Record& record, const Event& event, const KnownValue& held);

/// The type of a conflict on the wire; the first that fits.
[[nodiscard]] std::string_view conflict_type(const Event& event, bool critical) noexcept;

}  // namespace datasync::conflict
