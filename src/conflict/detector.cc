#include "conflict/detector.h"

namespace datasync::conflict {
namespace {

/// Clocks of platforms differ; what lies closer together than this says nothing about the order.
constexpr seconds kClockTolerance{2};
/// How long a delivery without a known outcome keeps us unsure whether the platform had seen the golden value.
constexpr seconds kUnknownWindow{30};

bool is_echo(const Knowledge* known, const Event& event, const Observation& seen) {
  if (known == nullptr) return false;
  const KnownValue* held = known->find(seen.field);
  if (held == nullptr) return false;
  if (held->hash == seen.held_hash) return true;
  // A late event may carry a value that its platform held before we told it the present one.
  if (!event.occurred_at || *event.occurred_at >= held->acknowledged) return false;
  for (const KnownValue& earlier : known->earlier) {
    if (earlier.field == seen.field && earlier.hash == seen.held_hash) return true;
  }
  return false;
}

/// Older than the same platform's last write: by its own rising number, else by its clock. Without either the store's order
/// is the platform's order.
bool is_stale(const FieldState& golden, const Event& event) {
  if (event.version && golden.source_version) return *event.version < *golden.source_version;
  return event.occurred_at && event_time(event) < golden.source_time;
}

bool is_concurrent(const FieldState& golden, const Knowledge* known, const Event& event, const Observation& seen) {
  if (event.base_version) return *event.base_version < golden.version.value;
  const KnownValue* held = known == nullptr ? nullptr : known->find(seen.field);
  if (held != nullptr && held->version >= golden.version) {
    return event.occurred_at && *event.occurred_at + kClockTolerance < held->acknowledged;
  }
  if (seen.delivery_unknown) {
    const auto apart = event_time(event).time_since_epoch() - microseconds{golden.time.microseconds};
    return apart < kUnknownWindow;
  }
  return true;
}

}  // namespace

Verdict judge(const Record& record, const Event& event, const Observation& seen) {
  const Knowledge* known = record.known_by(event.source);
  if (is_echo(known, event, seen)) return Verdict::kEcho;
  const FieldState* golden = record.find(seen.field);
  if (golden == nullptr) return Verdict::kOrdinary;
  if (golden->writer == event.source) return is_stale(*golden, event) ? Verdict::kStale : Verdict::kOrdinary;
  if (seen.held_hash == seen.golden_hash) return Verdict::kSame;
  return is_concurrent(*golden, known, event, seen) ? Verdict::kConcurrent : Verdict::kOrdinary;
}

std::string_view conflict_type(const Event& event, bool critical) noexcept {
  if (event.base_version) return "version_conflict";
  return critical ? "data_mismatch" : "concurrent_update";
}

}  // namespace datasync::conflict
