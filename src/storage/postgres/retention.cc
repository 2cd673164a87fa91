#include "storage/postgres/retention.h"

#include <algorithm>
#include <array>
#include <limits>

#include "storage/codec/event_codec.h"
#include "storage/postgres/stored_status.h"

namespace datasync::storage::postgres {
namespace {

using Element = Parameters::Element;

/// So many events in a row that are too young end the search for old ones; a clock may have stepped back a little.
constexpr int kYoungInRowMax = 1000;
/// A call looks at no more rows than its limit and these: what ends the search, and as many that can't go yet.
constexpr std::int64_t kLookMax = 2 * kYoungInRowMax;

constexpr Sql kLook{"look_for_finished",
                    "SELECT e.seq, greatest(e.created_at, s.processed_at), s.status FROM event_log e "
                    "LEFT JOIN event_state s ON s.seq = e.seq WHERE e.seq > $1::bigint AND e.seq < $3::bigint ORDER BY "
                    "e.seq LIMIT $2::bigint"};
/// The same, and whether it is of some shards. Each instance deletes its own: nobody else knows that an event is not
/// revived just now. Told of each row and not asked for: who has few events would look through the whole log for them.
constexpr Sql kLookAtPart{
    "look_for_finished_of",
    "SELECT e.seq, greatest(e.created_at, s.processed_at), s.status, "
    "get_bit($4::bytea, datasync_shard(e.tenant_id)) FROM event_log e "
    "LEFT JOIN event_state s ON s.seq = e.seq WHERE e.seq > $1::bigint AND e.seq < $3::bigint ORDER BY e.seq "
    "LIMIT $2::bigint"};
constexpr Sql kLoadGone{"load_gone", "SELECT tenant_id, event_id, body FROM event_log WHERE seq = ANY($1::bigint[])"};
constexpr Sql kDeleteKeys{"delete_keys",
                          "DELETE FROM event_keys k USING (SELECT * FROM unnest($1::uuid[], $2::text[]) "
                          "LIMIT cardinality($1::uuid[])) w(key, tenant_id) "
                          "WHERE k.key = w.key AND k.tenant_id = w.tenant_id"};
constexpr Sql kDeleteLog{"delete_log", "DELETE FROM event_log WHERE seq = ANY($1::bigint[])"};
constexpr Sql kDeleteStates{"delete_states", "DELETE FROM event_state WHERE seq = ANY($1::bigint[])"};
constexpr Sql kDeleteWaiting{"delete_waiting", "DELETE FROM event_waiting WHERE seq = ANY($1::bigint[])"};
constexpr Sql kDeleteHistory{"delete_history", "DELETE FROM histories WHERE seq = ANY($1::bigint[])"};
/// Numbers are never given out twice, though the rows that held the highest are gone.
constexpr Sql kPutLast{"put_last_sequence",
                       "INSERT INTO meta(name, number) VALUES('last_sequence', $1::bigint) ON CONFLICT(name) DO UPDATE "
                       "SET number = greatest(meta.number, excluded.number)"};

struct GoneKey {
  Hash128 key;
  std::string tenant;
};

}  // namespace

Result<std::int64_t> Retention::delete_finished(Timestamp before, std::int64_t limit) {
  if (before.time_since_epoch().count() <= none_ended_before_) return 0;
  const auto found = find(before, limit);
  if (!found) return fail(found.error());
  if (found->empty()) return 0;
  DATASYNC_TRY(remove(*found));
  return std::ssize(*found);
}

Result<std::vector<std::int64_t>> Retention::find(Timestamp before, std::int64_t limit) {
  Parameters parameters;
  parameters.integer(after_).integer(std::max<std::int64_t>(limit, 0) + kLookMax).integer(below_.value);
  if (!part_.empty()) parameters.bytes(part_);
  const auto rows = lease_.read(part_.empty() ? kLook : kLookAtPart, parameters);
  if (!rows) return fail(rows.error());
  std::vector<std::int64_t> found;
  if (after_ == 0) first_young_ = std::numeric_limits<std::int64_t>::max();
  int young_in_row = 0;
  for (int row = 0; std::ssize(found) < limit; ++row) {
    if (row == rows->rows() || young_in_row > kYoungInRowMax) {
      // What was still open on the way may be final the next time; but then it has just ended.
      if (young_in_row <= kYoungInRowMax && row >= limit + kLookMax) break;
      after_ = 0;
      if (found.empty() && young_in_row > 0) none_ended_before_ = first_young_;
      break;
    }
    after_ = rows->integer(row, 0);
    const std::int64_t ended = rows->integer(row, 1);
    const bool young = ended >= before.time_since_epoch().count();
    young_in_row = young ? young_in_row + 1 : 0;
    if (young) first_young_ = std::min(first_young_, ended);
    const bool is_ours = part_.empty() || rows->integer(row, 3) == 1;
    if (young || !is_ours || rows->is_null(row, 2)) continue;
    const auto status = read_status(rows->integer(row, 2));
    if (status && is_final(*status)) found.push_back(after_);
  }
  return found;
}

void Retention::note(const std::vector<EventState>& states) noexcept {
  for (const EventState& state : states) {
    if (!is_final(state.status)) continue;
    none_ended_before_ =
        std::min(none_ended_before_, state.processed_at ? state.processed_at->time_since_epoch().count() : 0);
  }
}

Result<void> Retention::remove(const std::vector<std::int64_t>& sequences) {
  Parameters gone;
  gone.column(Element::kBigint, sequences, [&](std::int64_t sequence) { gone.add_integer(sequence); });
  const auto rows = lease_.read(kLoadGone, gone);
  if (!rows) return fail(rows.error());
  std::vector<GoneKey> keys;
  std::vector<Hash128> more;
  for (int row = 0; row < rows->rows(); ++row) {
    const auto tenant = rows->text(row, 0);
    const auto id = rows->text(row, 1);
    if (!tenant || !id) continue;  // a damaged row is no reason to keep it; its keys stay and refuse a repetition
    keys.push_back({event_key_of(*id), *tenant});
    Event event;
    more.clear();
    if (!read_event_body(rows->bytes(row, 2), event, &more)) continue;
    for (const Hash128& key : more) keys.push_back({key, *tenant});
  }
  Parameters gone_keys;
  gone_keys.column(Element::kUuid, keys, [&](const GoneKey& key) { gone_keys.add_uuid(key.key); });
  gone_keys.column(Element::kText, keys, [&](const GoneKey& key) { gone_keys.add_text(key.tenant); });
  Parameters last;
  last.integer(lease_.marks().last_sequence.value);
  const std::array<Step, 6> steps{{{&kDeleteKeys, &gone_keys},
                                   {&kDeleteLog, &gone},
                                   {&kDeleteStates, &gone},
                                   {&kDeleteWaiting, &gone},
                                   {&kDeleteHistory, &gone},
                                   {&kPutLast, &last}}};
  if (auto done = lease_.transact(steps); !done) return fail(std::move(done).error().error);
  return {};
}

}  // namespace datasync::storage::postgres
