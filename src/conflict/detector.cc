#include "conflict/detector.h"

namespace datasync::conflict {
namespace {

/// Clocks of platforms differ; what lies closer together than this says nothing about the order.
constexpr seconds kClockTolerance{2};
/// How long a delivery without a known outcome keeps us unsure whether the platform had seen the golden value.
constexpr seconds kUnknownWindow{30};

RecordVersion golden_version(const FieldState* golden) {
  return golden == nullptr ? RecordVersion{} : golden->version;
}

/// The platform says that it had seen the golden value when it wrote, though we may not have heard so.
bool had_seen_golden(const FieldState* golden, const Event& event) {
  return golden != nullptr && event.base_version && *event.base_version >= golden->version.value;
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

bool is_echo(const Knowledge* known, const FieldState* golden, const Event& event, const Observation& seen) {
  if (seen.delivery_unknown && seen.sent_hash == seen.held_hash)
    return true;  // it tells us what we are just telling it
  const KnownValue* held = known == nullptr ? nullptr : known->find(seen.field);
  if (held == nullptr) return false;
  if (held->hash == seen.held_hash) return held->version >= golden_version(golden) || !had_seen_golden(golden, event);
  if (seen.field == kDeletedField && event.verb != Verb::kUpdated) return false;  // a create says that it is there, now
  // A late event may carry a value that its platform held before we told it the present one. A number tells only
  // whether it had seen what we told it, not the order of what it wrote itself.
  const bool was_told = golden != nullptr && golden->writer != event.source && holds_golden(*golden, *held, seen);
  if (event.occurred_at && *event.occurred_at >= held->acknowledged) return false;
  const bool before_told =
      event.base_version ? was_told && *event.base_version < held->version.value : event.occurred_at.has_value();
  return before_told && is_among_earlier(*known, seen);
}

/// Older than the same platform's last write: by its own rising number, else by its clock. Without either the store's
/// order is the platform's order.
bool is_stale(const FieldState& golden, const Event& event) {
  if (event.version && golden.source_version) return *event.version < *golden.source_version;
  return event.occurred_at && event_time(event) < golden.source_time;
}

bool is_concurrent(const Record& record, const FieldState& golden, const Knowledge* known, const Event& event,
                   const Observation& seen) {
  if (event.base_version) return *event.base_version < golden.version.value;
  const KnownValue* held = known == nullptr ? nullptr : known->find(seen.field);
  if (held != nullptr && holds_golden(golden, *held, seen)) {
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

/// Whether what the platform is known to hold is what it wrote itself, and not what we told it: of its own write the
/// platform's own time is kept.
bool holds_own_write(const FieldState& golden, const KnownValue& held, const Event& event) {
  return golden.writer == event.source && held.version == golden.version && held.acknowledged == golden.source_time;
}

}  // namespace

Verdict judge(const Record& record, const Event& event, const Observation& seen) {
  const Knowledge* known = record.known_by(event.source);
  const FieldState* golden = record.find(seen.field);
  if (is_echo(known, golden, event, seen)) return Verdict::kEcho;
  if (golden == nullptr) return Verdict::kOrdinary;
  if (golden->writer == event.source && is_stale(*golden, event)) return Verdict::kStale;
  if (seen.held_hash == seen.golden_hash) return Verdict::kSame;
  if (golden->writer == event.source) return Verdict::kOrdinary;
  return is_concurrent(record, *golden, known, event, seen) ? Verdict::kConcurrent : Verdict::kOrdinary;
}

bool may_be_overtaken(const Record& record, const Event& event, const Observation& seen) {
  if (seen.delivery_unknown) return seen.sent_hash != seen.held_hash;
  const FieldState* golden = record.find(seen.field);
  const Knowledge* known = record.known_by(event.source);
  const KnownValue* held = known == nullptr ? nullptr : known->find(seen.field);
  if (golden == nullptr || held == nullptr || held->hash == seen.held_hash) return false;
  if (held->hash == 0) return true;  // what it holds is in doubt already, until it has been told
  if (holds_own_write(*golden, *held, event)) return false;
  const bool untouched = is_among_earlier(*known, seen);
  if (event.base_version) {
    if (is_echo(known, golden, event, seen)) return false;
    // It had seen our value, but we know of its end only later: it may have been carried out again meanwhile.
    return *event.base_version < held->version.value || (event.occurred_at && *event.occurred_at < held->acknowledged);
  }
  if (!event.occurred_at) return false;
  const auto before = held->acknowledged - *event.occurred_at;
  if (!untouched || before <= microseconds{0}) return before > -kClockTolerance;
  // An earlier value may be back because somebody changed it back, after our delivery and before we heard of its end.
  return before < kUnknownWindow + kClockTolerance;
}

std::string_view conflict_type(const Event& event, bool critical) noexcept {
  if (event.base_version) return "version_conflict";
  return critical ? "data_mismatch" : "concurrent_update";
}

}  // namespace datasync::conflict
