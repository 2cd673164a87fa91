#include "storage/sqlite/retention.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "storage/codec/event_codec.h"

namespace datasync::storage::sqlite {
namespace {

/// One look passes no more rows than its limit and these.
constexpr std::int64_t kLookMax = 10'000;
/// So many events in a row that are too young end the search for old ones; a clock may have stepped back a little.
constexpr int kYoungInRowMax = 1000;

std::int64_t micros(Timestamp time) {
  return time.time_since_epoch().count();
}

}  // namespace

Result<void> Retention::open(Connection& connection) {
  DATASYNC_TRY(add_row_source(connection, "batch_gone", "CREATE TABLE x(seq, tenant_id)", events_));
  DATASYNC_TRY(add_row_source(connection, "batch_gone_keys", "CREATE TABLE x(key, tenant_id)", keys_));
  const std::pair<Statement*, const char*> all[] = {
      {&candidates_,
       "SELECT e.seq, e.tenant_id, e.event_id, max(e.created_at, ifnull(s.processed_at, 0)), s.status, e.body FROM "
       "event_log e LEFT JOIN event_state s ON s.seq = e.seq WHERE e.seq > ? ORDER BY e.seq"},
      {&delete_log_, "DELETE FROM event_log WHERE seq IN (SELECT seq FROM batch_gone)"},
      {&delete_states_, "DELETE FROM event_state WHERE seq IN (SELECT seq FROM batch_gone)"},
      {&delete_tenants_, "DELETE FROM event_tenants WHERE (tenant_id, seq) IN (SELECT tenant_id, seq FROM batch_gone)"},
      {&delete_keys_, "DELETE FROM event_keys WHERE (key, tenant_id) IN (SELECT key, tenant_id FROM batch_gone_keys)"},
      {&delete_history_, "DELETE FROM record_history WHERE seq IN (SELECT seq FROM batch_gone)"},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = Statement::prepare(connection, sql);
    if (!prepared) return fail(std::move(prepared).error());
    *statement = std::move(*prepared);
  }
  return {};
}

Result<void> Retention::look(Timestamp before, std::int64_t limit) {
  events_.rows.clear();
  keys_.rows.clear();
  if (micros(before) <= none_ended_before_) return {};
  if (after_ == 0) first_young_ = std::numeric_limits<std::int64_t>::max();
  const ResetAtEnd reset(candidates_);
  candidates_.bind(1, after_);
  int young_in_row = 0;
  for (std::int64_t looked = 0; static_cast<std::int64_t>(events_.rows.size()) < limit; ++looked) {
    const auto row = candidates_.step();
    if (!row) return fail(row.error());
    if (!*row || young_in_row > kYoungInRowMax) {
      // What was still open on the way may be final the next time; but then it has just ended.
      after_ = 0;
      if (events_.rows.empty() && young_in_row > 0) none_ended_before_ = first_young_;
      return {};
    }
    if (looked > limit + kLookMax) return {};
    after_ = candidates_.integer(0);
    const std::int64_t ended = candidates_.integer(3);
    const bool young = ended >= micros(before);
    young_in_row = young ? young_in_row + 1 : 0;
    if (young) first_young_ = std::min(first_young_, ended);
    if (young || candidates_.is_null(4)) continue;
    const auto status = read_status(candidates_.integer(4));
    if (!status || !is_final(*status)) continue;
    add(candidates_);
  }
  return {};
}

void Retention::add(Statement& row) {
  events_.rows.push_back({row.integer(0), row.text(1)});
  keys_.rows.push_back({HashBytes(event_key_of(row.bytes(2))), row.text(1)});
  Event event;
  std::vector<Hash128> more;
  // A damaged body is no reason to keep the row; its further keys stay, which only makes them refuse a repetition.
  if (!read_event_body(row.bytes(5), event, &more)) return;
  for (const Hash128& key : more) keys_.rows.push_back({HashBytes(key), row.text(1)});
}

std::vector<std::int64_t> Retention::found() const {
  std::vector<std::int64_t> sequences;
  for (const EventRow& event : events_.rows) sequences.push_back(event.sequence);
  return sequences;
}

Result<void> Retention::remove() {
  for (Statement* statement : {&delete_log_, &delete_states_, &delete_tenants_, &delete_keys_, &delete_history_}) {
    DATASYNC_TRY(statement->run());
  }
  return {};
}

void Retention::note(const std::vector<EventState>& states) noexcept {
  for (const EventState& state : states) {
    if (!is_final(state.status)) continue;
    none_ended_before_ = std::min(none_ended_before_, state.processed_at ? micros(*state.processed_at) : 0);
  }
}

}  // namespace datasync::storage::sqlite
