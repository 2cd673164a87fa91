#include "storage/postgres/event_parts.h"

#include "base/log.h"

namespace datasync::storage::postgres {
namespace {

constexpr std::chrono::minutes kLookEvery{1};
constexpr std::int64_t kPagesSwept = 128;  // about 10'000 keys, of which at most all go
constexpr int kPartBits = 36;              // as in the schema

constexpr Sql kBegin{"begin_part", "SELECT datasync_begin_part($1::bigint)"};
constexpr Sql kDrop{"drop_part", "SELECT datasync_drop_part($1::bigint)"};
constexpr Sql kSweep{"sweep_keys", "SELECT datasync_sweep_keys($1::bigint)::int"};
constexpr Sql kLook{"look_at_parts",
                    "SELECT coalesce(max(number) FILTER (WHERE begun_at <= clock_timestamp() - interval '10 minutes'), "
                    "0), min(number), (SELECT count(*) FROM meta WHERE name = 'keys_swept') FROM event_parts"};

/// What `datasync_drop_part` answers.
enum class Dropped : std::int64_t { kNotDue, kDone, kLater, kTooManyStay };

Sequence first_of(std::int64_t part) {
  return {part << kPartBits};
}

}  // namespace

Result<bool> EventParts::tend(Timestamp before) {
  if (sweeps_) {
    const auto more = ask(kSweep, kPagesSwept);
    if (!more) return fail(more.error());
    sweeps_ = *more != 0;
    return sweeps_;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now < look_at_) return false;
  look_at_ = now + kLookEvery;
  const auto begun = ask(kBegin, before.time_since_epoch().count());
  if (!begun) return fail(begun.error());
  if (first_.value > 0 && first_ < first_of(*begun)) log::info("part {} of the events has begun", *begun);
  first_ = first_of(*begun);
  const auto answer = ask(kDrop, before.time_since_epoch().count());
  if (!answer) return fail(answer.error());
  const auto dropped = static_cast<Dropped>(*answer);
  DATASYNC_TRY(look());
  if (dropped == Dropped::kTooManyStay) kept_below_.value += first_of(1).value;
  if (dropped == Dropped::kDone) {
    log::info("a part of the events was old and is dropped");
    look_at_ = {};
  }
  return sweeps_ || dropped == Dropped::kDone;
}

Result<void> EventParts::look() {
  const auto answer = lease_.read(kLook, {});
  if (!answer) return fail(answer.error());
  late_below_ = first_of(answer->integer(0, 0));
  kept_below_ = first_of(answer->integer(0, 1) + 1);
  sweeps_ = answer->integer(0, 2) != 0;
  return {};
}

Result<std::int64_t> EventParts::ask(const Sql& sql, std::int64_t parameter) {
  Parameters parameters;
  parameters.integer(parameter);
  const auto answer = lease_.read(sql, parameters);
  if (!answer) return fail(answer.error());
  return answer->integer(0, 0);
}

}  // namespace datasync::storage::postgres
