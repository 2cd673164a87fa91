#include "conflict/detector.h"

#include <algorithm>

namespace datasync::conflict {
namespace {

/// How long a delivery without a known outcome keeps us unsure whether the platform had seen the golden value.
constexpr seconds kUnknownWindow{30};

RecordVersion golden_version(const FieldState* golden) {
  return golden == nullptr ? RecordVersion{} : golden->version;
}

/// The platform says that it had seen the golden value when it wrote, though we may not have heard so.
bool had_seen_golden(const Record& record, const FieldState* golden, const Event& event) {
  return golden != nullptr && tells_base(record, event, golden->version) &&
         *event.base_version >= golden->version.value;
}

/// The golden value, or one that the platform writes alike.
bool holds_golden(const FieldState& golden, const KnownValue& held, const Observation& seen) {
  return held.version >= golden.version || held.hash == seen.golden_hash;
}

bool is_among_earlier(const Knowledge& known, const Observation& seen) {
  for (const KnownValue& earlier : known.earlier) {
    if (earlier.field == seen.field && earlier.hash == seen.held_hash) return true;
  }
  return false;
}

/// Before it came to be in doubt.
bool is_last_held(const Knowledge& known, const Observation& seen) {
  const auto last = std::find_if(known.earlier.rbegin(), known.earlier.rend(),
                                 [&seen](const KnownValue& earlier) { return earlier.field == seen.field; });
  return last != known.earlier.rend() && last->hash == seen.held_hash;
}

/// What we are telling it may have arrived, so we are in doubt; it says that it has not. So does a base from before the
/// record was merged or parted, of what was told since. A time says no more than that until the delivery is
/// acknowledged, and clocks differ.
bool is_before_doubt(const Record& record, const Event& event, const Observation& seen, const KnownValue& held) {
  if (event.base_version) return !tells_base(record, event, held.version);
  if (!seen.delivery_unknown) return false;
  const bool has_arrived = seen.delivery_lingers && event.occurred_at;
  return !has_arrived || *event.occurred_at < held.acknowledged + kClockTolerance;
}

bool is_echo(const Record& record, const Knowledge* known, const FieldState* golden, const Event& event,
             const Observation& seen) {
  if (seen.delivery_unknown && seen.sent_hash == seen.held_hash)
    return true;  // it tells us what we are just telling it
  const KnownValue* held = known == nullptr ? nullptr : known->find(seen.field);
  if (held == nullptr) return false;
  if (held->hash == seen.held_hash)
    return held->version >= golden_version(golden) || !had_seen_golden(record, golden, event);
  if (seen.field == kDeletedField && event.verb != Verb::kUpdated) return false;  // a create says that it is there, now
  if (!is_among_earlier(*known, seen)) return false;
  if (held->hash == 0 && is_before_doubt(record, event, seen, *held) && is_last_held(*known, seen)) return true;
  // It wrote the golden value, was not told it again since, and said this after that by its own clock.
  const bool is_own = golden != nullptr && golden->writer == event.source && golden->version >= record.joined;
  if (is_own && event.occurred_at && *event.occurred_at > golden->source_time) return false;
  // A late event may carry a value that its platform held before we told it the present one. A number tells only
  // whether it had seen what we told it, not the order of what it wrote itself.
  if (!tells_base(record, event, held->version)) return event.occurred_at && *event.occurred_at < held->acknowledged;
  const RecordVersion base{*event.base_version};
  // A split tells a platform again what it had written itself before.
  const bool is_told_again = golden != nullptr && std::max(golden->version, base) < record.joined;
  const bool by_us = golden != nullptr && (golden->writer != event.source || is_told_again);
  const bool was_told = by_us && holds_golden(*golden, *held, seen);
  return was_told && base < held->version;
}

/// A number counts for one copy.
bool is_stale(const FieldState& golden, const Event& event, const Observation& seen) {
  return is_older_word(event, golden.source_time, seen.of_former_copy ? std::nullopt : golden.source_version);
}

bool is_concurrent(const Record& record, const FieldState& golden, const Knowledge* known, const Event& event,
                   const Observation& seen) {
  if (tells_base(record, event, golden.version)) return *event.base_version < golden.version.value;
  const KnownValue* held = known == nullptr ? nullptr : known->find(seen.field);
  if (held != nullptr && holds_golden(golden, *held, seen)) {
    if (tells_base(record, event, held->version)) return *event.base_version < held->version.value;
    return event.occurred_at && *event.occurred_at + kClockTolerance < held->acknowledged;
  }
  // It knew the record deleted, and so all that it was before; what it creates anew comes after that.
  const KnownValue* existence = known == nullptr ? nullptr : known->find(kDeletedField);
  if (existence != nullptr && existence->version >= golden.version && !record.is_deleted()) return false;
  if (seen.delivery_unknown) {
    const auto apart = event_time(event).time_since_epoch() - microseconds{golden.time.microseconds};
    return apart < kUnknownWindow;
  }
  return true;
}

}  // namespace

bool tells_base(const Record& record, const Event& event, RecordVersion version) {
  return event.base_version && (*event.base_version >= record.joined.value || version >= record.joined);
}

Verdict judge(const Record& record, const Event& event, const Observation& seen) {
  const Knowledge* known = seen.of_former_copy ? nullptr : record.known_by(event.source);
  const FieldState* golden = record.find(seen.field);
  if (is_echo(record, known, golden, event, seen)) return Verdict::kEcho;
  if (golden == nullptr) return Verdict::kOrdinary;
  if (golden->writer == event.source && is_stale(*golden, event, seen)) return Verdict::kStale;
  if (seen.held_hash == seen.golden_hash) return Verdict::kSame;
  if (golden->writer == event.source) return Verdict::kOrdinary;
  return is_concurrent(record, *golden, known, event, seen) ? Verdict::kConcurrent : Verdict::kOrdinary;
}

bool is_older_word(const Event& event, Timestamp last_time, std::optional<std::int64_t> last_version, Sequence last) {
  if (event.version && last_version) return *event.version < *last_version;
  if (event.occurred_at) return *event.occurred_at < last_time;
  return event.sequence.value > 0 && event.sequence < last;
}

bool is_unseen(const Record& record, const FieldState& golden, const Event& event, const Observation& seen) {
  return is_concurrent(record, golden, seen.of_former_copy ? nullptr : record.known_by(event.source), event, seen);
}

bool is_own_write(const Record& record, const PlatformId& platform, const KnownValue& held) {
  const FieldState* golden = record.find(held.field);
  const Hold* hold = record.find_hold(held.field);
  const bool is_proposal =
      hold != nullptr &&
      std::any_of(hold->candidates.begin(), hold->candidates.end(), [&](const Hold::Candidate& candidate) {
        return candidate.platform == platform && candidate.source_time == held.acknowledged;
      });
  if (held.hash != 0 && held.version.value == 0 && is_proposal) return true;
  return held.hash != 0 && golden != nullptr && golden->writer == platform && held.version == golden->version &&
         held.acknowledged == golden->source_time;
}

namespace {

/// The platform knew that version before it had, or was told, the value: that it names the version says nothing of
/// that.
bool knew_before(const Record& record, const PlatformId& platform, const KnownValue& held) {
  const Knowledge* known = record.known_by(platform);
  if (known == nullptr || held.version.value == 0) return false;
  return known->told_again == held.version ||
         std::any_of(known->earlier.begin(), known->earlier.end(), [&held](const KnownValue& earlier) {
           return earlier.field == held.field && earlier.version == held.version &&
                  earlier.acknowledged < held.acknowledged;
         });
}

}  // namespace

bool is_surely_after(const Record& record, const Event& event, const KnownValue& held) {
  if (is_own_write(record, event.source, held)) return true;  // a platform's own order is kept
  if (!event.base_version) return !event.occurred_at || *event.occurred_at > held.acknowledged + kClockTolerance;
  if (held.hash == 0 || !tells_base(record, event, held.version))
    return event.occurred_at && *event.occurred_at > held.acknowledged + kClockTolerance;
  if (*event.base_version == held.version.value && knew_before(record, event.source, held)) {
    return event.occurred_at && *event.occurred_at > held.acknowledged + kClockTolerance;
  }
  // It had seen our value; but that may have been carried out again, until we knew of its end.
  return *event.base_version >= held.version.value &&
         (!event.occurred_at || *event.occurred_at > held.acknowledged + kClockTolerance);
}

bool may_be_overtaken(const Record& record, const Event& event, const Observation& seen) {
  const Knowledge* known = record.known_by(event.source);
  if (seen.delivery_unknown) {
    if (seen.sent_hash != seen.held_hash) return true;
    // It has held something else since: what we sent has arrived once more, or it went back to that by itself.
    const KnownValue* held = known == nullptr ? nullptr : known->find(seen.field);
    return seen.delivery_lingers && held != nullptr && held->hash != seen.held_hash;
  }
  const KnownValue* held = known == nullptr ? nullptr : known->find_last_contact(seen.field);
  if (held == nullptr || held->hash == seen.held_hash || is_surely_after(record, event, *held)) return false;
  if (!is_echo(record, known, record.find(seen.field), event, seen)) return true;
  if (!event.occurred_at) return false;
  // An earlier value may be back: somebody changed it back after our delivery and before we heard of its end, or saved
  // afterwards what he had read before.
  const auto before = held->acknowledged - *event.occurred_at;
  return before < kClockTolerance + (event.base_version ? seconds{0} : kUnknownWindow);
}

std::string_view conflict_type(const Event& event, bool critical) noexcept {
  if (event.base_version) return "version_conflict";
  return critical ? "data_mismatch" : "concurrent_update";
}

}  // namespace datasync::conflict
