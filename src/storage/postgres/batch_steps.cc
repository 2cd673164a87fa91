#include "storage/postgres/batch_steps.h"

#include <algorithm>
#include <map>

#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"
#include "storage/postgres/conflict_rows.h"
#include "storage/postgres/stored_status.h"

namespace datasync::storage::postgres {
namespace {

using Element = Parameters::Element;

constexpr Sql kInsertEvents{
    "insert_events",
    "INSERT INTO event_log(seq, tenant_id, event_id, event_type, entity_type, source_platform, entity_id, priority, "
    "created_at, body) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], "
    "$7::text[], $8::smallint[], $9::bigint[], $10::bytea[])"};

constexpr Sql kInsertKeys{"insert_keys",
                          "INSERT INTO event_keys(key, tenant_id, seq, created_at, content_hash) "
                          "SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::uuid[])"};

/// Each event has a row from the beginning: so what comes later is an update by key and asks nobody for the tenant.
constexpr Sql kInsertStates{
    "insert_states",
    "INSERT INTO event_state(seq, tenant_id, status, record_key, processed_at, message, results) "
    "SELECT * FROM unnest($1::bigint[], $2::text[], $3::smallint[], $4::bigint[], $5::bigint[], $6::text[], "
    "$7::bytea[])"};

// What is joined with a table goes by its key, one look-up for each row, and must go so from the first: a plan that was
// made while the table was small reads all of it for each row, until somebody analyzes the table. Two things see to
// that: `LIMIT cardinality($1)` takes nothing away, but makes the planner reckon with one row, where no other way is
// cheaper; and there are no bounds on the key beside it, though they would say which parts are needed before a row is
// read: they are another way to the rows.

/// A late word about an event that is gone changes nothing.
constexpr Sql kUpdateStates{
    "update_states",
    "UPDATE event_state s SET status = w.status, record_key = w.record_key, processed_at = w.processed_at, "
    "message = w.message, results = w.results "
    "FROM (SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[]) "
    "LIMIT cardinality($1::bigint[])) w(seq, status, record_key, processed_at, message, results) WHERE s.seq = w.seq"};

constexpr Sql kPutWaiting{"put_waiting",
                          "INSERT INTO event_waiting(seq, tenant_id, status) SELECT w.seq, e.tenant_id, w.status "
                          "FROM (SELECT * FROM unnest($1::bigint[], $2::smallint[]) LIMIT cardinality($1::bigint[])) "
                          "w(seq, status) JOIN event_log e ON e.seq = w.seq "
                          "ON CONFLICT(seq) DO UPDATE SET status = excluded.status"};

/// As `kInsertKeys`, for those that are left of dropped events.
constexpr Sql kFreeKeys{"free_keys",
                        "DELETE FROM event_keys k USING (SELECT * FROM unnest($1::uuid[], $2::text[], $3::bigint[], "
                        "$4::bigint[], $5::uuid[]) LIMIT cardinality($1::uuid[])) "
                        "w(key, tenant_id, seq, created_at, content_hash) WHERE k.key = w.key AND "
                        "k.tenant_id = w.tenant_id AND NOT EXISTS (SELECT FROM event_log e WHERE e.seq = k.seq)"};

constexpr Sql kDeleteWaiting{"delete_waiting", "DELETE FROM event_waiting WHERE seq = ANY($1::bigint[])"};

// Where a row is there already, inserting it is refused by its key (`failure_of` knows which). To look first whether it
// is there (ON CONFLICT) costs half as much again, for what hardly ever happens.

constexpr Sql kInsertRecords{
    "insert_records",
    "INSERT INTO records(record_key, tenant_id, entity_type, entity_id, version, updated_at, body, marks) "
    "SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], "
    "$7::bytea[], $8::bytea[])"};

constexpr Sql kUpdateRecords{
    "update_records",
    "WITH written AS (UPDATE records r SET entity_type = w.entity_type, entity_id = w.entity_id, version = w.version, "
    "updated_at = w.updated_at, body = w.body, marks = w.marks FROM (SELECT * FROM unnest($1::bigint[], $2::text[], "
    "$3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bytea[], $8::bytea[], $10::bigint[]) "
    "LIMIT cardinality($1::bigint[])) "
    "w(record_key, tenant_id, entity_type, entity_id, version, updated_at, body, marks, expected) "
    "WHERE r.record_key = w.record_key AND r.tenant_id = w.tenant_id AND r.version = w.expected RETURNING 1) "
    "SELECT datasync_expect(count(*), $9::bigint, 'DS002') FROM written"};

constexpr Sql kInsertIdentities{"insert_identities",
                                "INSERT INTO identities(hash, kind, record_key, tenant_id) SELECT * FROM "
                                "unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::text[])"};

constexpr Sql kPutIdentities{
    "put_identities",
    "WITH written AS (INSERT INTO identities(hash, kind, record_key, tenant_id) "
    "SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::bigint[], $4::text[]) ON CONFLICT(hash) DO NOTHING "
    "RETURNING 1) SELECT datasync_expect_identities(count(*), $1, $3) FROM written"};

/// Who does not hold it can't take it away.
constexpr Sql kDeleteIdentities{"delete_identities",
                                "DELETE FROM identities i USING (SELECT * FROM unnest($1::uuid[], $2::bigint[]) "
                                "LIMIT cardinality($1::uuid[])) w(hash, record_key) "
                                "WHERE i.hash = w.hash AND i.record_key = w.record_key"};

constexpr Sql kInsertHistory{"insert_history",
                             "INSERT INTO histories(seq, tenant_id, record_key, version, body) "
                             "SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[])"};

constexpr Sql kPutHistory{"put_history",
                          "INSERT INTO histories(seq, tenant_id, record_key, version, body) "
                          "SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) "
                          "ON CONFLICT(seq) DO UPDATE SET version = excluded.version, body = excluded.body"};

constexpr Sql kPutLaneState{"put_lane_state",
                            "INSERT INTO lane_states(tenant_id, name, value) VALUES($1::text, $2::text, $3::text) "
                            "ON CONFLICT(tenant_id, name) DO UPDATE SET value = excluded.value"};

constexpr Sql kDeleteLaneState{"delete_lane_state",
                               "DELETE FROM lane_states WHERE tenant_id = $1::text AND name = $2::text"};

constexpr Sql kPutLogPositions{
    "put_log_positions",
    "INSERT INTO log_positions(log, shard, next) SELECT * FROM unnest($1::text[], "
    "$2::smallint[], $3::bigint[]) ON CONFLICT(log, shard) DO UPDATE SET next = excluded.next"};

std::int64_t micros(Timestamp time) {
  return time.time_since_epoch().count();
}

template <typename Rows, typename Key>
void sort_by(Rows& rows, Key key) {
  const auto less = [&](const auto& a, const auto& b) { return key(a) < key(b); };
  if (!std::is_sorted(rows.begin(), rows.end(), less)) std::stable_sort(rows.begin(), rows.end(), less);
}

/// Of sorted rows with equal keys the last one stays.
template <typename Rows, typename Key>
void keep_last(Rows& rows, Key key) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + 1 < rows.size() && key(rows[i]) == key(rows[i + 1])) continue;
    if (kept != i) rows[kept] = rows[i];
    ++kept;
  }
  rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(kept), rows.end());
}

/// No statement carries much more than this: a message of the protocol ends at 1 GiB, and both sides hold it as a
/// whole.
constexpr std::size_t kStatementBytesMax = 16U << 20U;

/// Where a row's bytes lie among those of all rows.
struct Slice {
  std::size_t at = 0;
  std::size_t size = 0;
};

/// Gives the rows to `put` in runs of at most so many bytes, or of one row.
template <typename Row, typename Put>
void in_runs(std::span<Row> rows, Put put) {
  for (std::size_t from = 0; from < rows.size();) {
    std::size_t to = from;
    std::size_t bytes = 0;
    do bytes += rows[to++].body.size;
    while (to < rows.size() && bytes + rows[to].body.size <= kStatementBytesMax);
    put(rows.subspan(from, to - from));
    from = to;
  }
}

}  // namespace

struct BatchSteps::StateRow {
  std::int64_t sequence;
  const EventState* state;
  std::int64_t status;
  const TenantId* tenant = nullptr;  // of an event of this batch
};

Result<void> BatchSteps::fill(const WriteBatch& batch, Sequence last, Sequence low_water,
                              std::span<const HistoryEntry> histories) {
  clear();
  DATASYNC_TRY(add_events(batch, last));
  add_states(batch, last, low_water);
  DATASYNC_TRY(add_records(batch));
  DATASYNC_TRY(add_identities(batch));
  history_from_ = steps_.size();
  DATASYNC_TRY(add_history(batch, histories));
  history_to_ = steps_.size();
  for (const Conflict& conflict : batch.conflicts) add_conflict(conflict);
  for (const LaneState& state : batch.lane_states) add_lane_state(state);
  add_log_positions(batch);
  return {};
}

Result<void> BatchSteps::put_histories(std::span<const HistoryEntry> histories) {
  const auto begin = steps_.begin();
  steps_.erase(begin + static_cast<std::ptrdiff_t>(history_from_), begin + static_cast<std::ptrdiff_t>(history_to_));
  history_from_ = history_to_ = 0;
  return add_history({}, histories);
}

void BatchSteps::allow_known_identities() {
  for (Step& step : steps_) {
    if (step.sql == &kInsertIdentities) step.sql = &kPutIdentities;
  }
}

void BatchSteps::free_keys() {
  const auto keys = std::find_if(steps_.begin(), steps_.end(), [](const Step& s) { return s.sql == &kInsertKeys; });
  if (keys == steps_.end()) return;
  const auto at = static_cast<std::size_t>(keys - steps_.begin());
  steps_.insert(keys, {&kFreeKeys, keys->parameters});
  if (history_from_ > at) ++history_from_, ++history_to_;
}

void BatchSteps::clear() {
  steps_.clear();
  for (std::size_t i = 0; i < used_; ++i) parameters_[i].clear();
  used_ = 0;
  if (bodies_.capacity() > kStatementBytesMax) std::string().swap(bodies_);
}

Parameters& BatchSteps::add(const Sql& sql) {
  if (used_ == parameters_.size()) parameters_.emplace_back();
  Parameters& parameters = parameters_[used_++];
  steps_.push_back({&sql, &parameters});
  return parameters;
}

Result<void> BatchSteps::add_events(const WriteBatch& batch, Sequence last) {
  struct EventRow {
    const NewEvent* fresh;
    const Event* event;
    Slice body = {};
  };
  std::vector<EventRow> rows;
  rows.reserve(batch.events.size());
  for (const NewEvent& fresh : batch.events) {
    // Cursors and the tail follow the sequence, so it must follow the commits.
    if (fresh.event->sequence <= last)
      return fail(ErrorCode::kConflict, "another instance has given out this event's sequence");
    rows.push_back({&fresh, fresh.event.get()});
  }
  sort_by(rows, [](const EventRow& row) { return row.event->sequence; });
  bodies_.clear();
  std::vector<Hash128> more_keys;
  for (EventRow& row : rows) {
    const Hash128 own_key = event_key_of(row.event->id.str());
    more_keys.clear();
    std::copy_if(row.fresh->keys.begin(), row.fresh->keys.end(), std::back_inserter(more_keys),
                 [&](const Hash128& key) { return key != own_key; });
    row.body.at = bodies_.size();
    append_event_body(bodies_, *row.event, more_keys);
    row.body.size = bodies_.size() - row.body.at;
  }
  in_runs(std::span(rows), [this](std::span<const EventRow> run) {
    Parameters& out = add(kInsertEvents);
    out.column(Element::kBigint, run, [&](const EventRow& row) { out.add_integer(row.event->sequence.value); });
    out.column(Element::kText, run, [&](const EventRow& row) { out.add_text(row.event->tenant.str()); });
    out.column(Element::kText, run, [&](const EventRow& row) { out.add_text(row.event->id.str()); });
    out.column(Element::kText, run, [&](const EventRow& row) { out.add_text(row.event->type); });
    out.column(Element::kText, run, [&](const EventRow& row) { out.add_text(row.event->entity); });
    out.column(Element::kText, run, [&](const EventRow& row) { out.add_text(row.event->source.str()); });
    out.column(Element::kText, run, [&](const EventRow& row) {
      row.event->entity_id.empty() ? out.add_null() : out.add_text(row.event->entity_id.str());
    });
    out.column(Element::kSmallint, run, [&](const EventRow& row) { out.add_integer(row.event->wire_priority); });
    out.column(Element::kBigint, run, [&](const EventRow& row) { out.add_integer(micros(row.event->created_at)); });
    out.column(Element::kBytes, run, [&](const EventRow& row) { out.add_bytes(body_of(row.body.at, row.body.size)); });
  });
  if (!rows.empty()) add_keys(batch);
  return {};
}

void BatchSteps::add_keys(const WriteBatch& batch) {
  struct KeyRow {
    Hash128 key;
    const NewEvent* event;
  };
  std::vector<KeyRow> rows;
  rows.reserve(batch.events.size());
  for (const NewEvent& fresh : batch.events) {
    for (const Hash128& key : fresh.keys) rows.push_back({key, &fresh});
  }
  sort_by(rows, [](const KeyRow& row) { return row.key; });
  // An idempotency key may be the id itself.
  const auto same = [](const KeyRow& a, const KeyRow& b) { return a.event == b.event && a.key == b.key; };
  rows.erase(std::unique(rows.begin(), rows.end(), same), rows.end());
  Parameters& out = add(kInsertKeys);
  out.column(Element::kUuid, rows, [&](const KeyRow& row) { out.add_uuid(row.key); });
  out.column(Element::kText, rows, [&](const KeyRow& row) { out.add_text(row.event->event->tenant.str()); });
  out.column(Element::kBigint, rows, [&](const KeyRow& row) { out.add_integer(row.event->event->sequence.value); });
  out.column(Element::kBigint, rows, [&](const KeyRow& row) { out.add_integer(micros(row.event->event->created_at)); });
  out.column(Element::kUuid, rows, [&](const KeyRow& row) { out.add_uuid(row.event->content); });
}

void BatchSteps::add_states(const WriteBatch& batch, Sequence last, Sequence low_water) {
  const EventState pending;
  std::vector<StateRow> known;
  std::vector<StateRow> fresh;
  for (const NewEvent& event : batch.events) {
    fresh.push_back({event.event->sequence.value, &pending, 0, &event.event->tenant});
  }
  const auto by_sequence = [](const StateRow& row) { return row.sequence; };
  sort_by(fresh, by_sequence);
  for (const EventState& state : batch.states) {
    const bool below = state.sequence < low_water && state.sequence <= last;
    const StateRow row{state.sequence.value, &state, stored_status(state.status, below)};
    if (state.sequence <= last) {
      known.push_back(row);
      continue;
    }
    const auto at = std::lower_bound(fresh.begin(), fresh.end(), row,
                                     [](const StateRow& a, const StateRow& b) { return a.sequence < b.sequence; });
    if (at == fresh.end() || at->sequence != row.sequence) continue;  // of no event at all
    at->state = row.state;
    at->status = row.status;
  }
  sort_by(known, by_sequence);
  keep_last(known, by_sequence);
  const auto put = [this](const Sql& sql, const std::vector<StateRow>& rows, bool with_tenant) {
    if (rows.empty()) return;
    Parameters& out = add(sql);
    out.column(Element::kBigint, rows, [&](const StateRow& row) { out.add_integer(row.sequence); });
    if (with_tenant) out.column(Element::kText, rows, [&](const StateRow& row) { out.add_text(row.tenant->str()); });
    out.column(Element::kSmallint, rows, [&](const StateRow& row) { out.add_integer(row.status); });
    out.column(Element::kBigint, rows, [&](const StateRow& row) {
      row.state->record.value == 0 ? out.add_null() : out.add_integer(row.state->record.value);
    });
    out.column(Element::kBigint, rows, [&](const StateRow& row) {
      row.state->processed_at ? out.add_integer(micros(*row.state->processed_at)) : out.add_null();
    });
    out.column(Element::kText, rows, [&](const StateRow& row) {
      row.state->message.empty() ? out.add_null() : out.add_text(row.state->message);
    });
    out.column(Element::kBytes, rows, [&](const StateRow& row) {
      if (row.state->results.empty()) return out.add_null();
      body_.clear();
      append_results(body_, row.state->results);
      out.add_bytes(body_);
    });
  };
  put(kUpdateStates, known, false);
  put(kInsertStates, fresh, true);
  add_waiting(known, fresh);
}

void BatchSteps::add_waiting(const std::vector<StateRow>& known, const std::vector<StateRow>& fresh) {
  std::vector<StateRow> listed;
  std::vector<StateRow> gone;
  const auto is_late = [this](const StateRow& row) {
    return row.sequence < late_below_.value && row.state->status == EventStatus::kCompleted;
  };
  for (const StateRow& row : known) (is_listed(row.status) || is_late(row) ? listed : gone).push_back(row);
  for (const StateRow& row : fresh) {
    if (is_listed(row.status)) listed.push_back(row);  // above all that were known
  }
  if (!gone.empty()) {
    Parameters& out = add(kDeleteWaiting);
    out.column(Element::kBigint, gone, [&](const StateRow& row) { out.add_integer(row.sequence); });
  }
  if (listed.empty()) return;
  Parameters& out = add(kPutWaiting);
  out.column(Element::kBigint, listed, [&](const StateRow& row) { out.add_integer(row.sequence); });
  out.column(Element::kSmallint, listed, [&](const StateRow& row) { out.add_integer(row.status); });
}

Result<void> BatchSteps::add_records(const WriteBatch& batch) {
  struct RecordRow {
    const Record* record;
    std::int64_t expected;
    Slice body = {};  // with the marks behind it
    std::size_t marks = 0;
  };
  std::vector<RecordRow> rows;
  rows.reserve(batch.records.size());
  for (const RecordWrite& write : batch.records) rows.push_back({write.record.get(), write.expected.value});
  sort_by(rows, [](const RecordRow& row) { return row.record->key; });
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const RecordRow& before = rows[i - 1];
    RecordRow& row = rows[i];
    if (before.record->key != row.record->key) continue;
    if (row.expected != before.record->version.value || row.record->tenant != before.record->tenant)
      return fail(ErrorCode::kConflict, "the record was changed meanwhile");
    row.expected = before.expected;  // the one that is kept stands for all of them
  }
  keep_last(rows, [](const RecordRow& row) { return row.record->key; });
  bodies_.clear();
  for (RecordRow& row : rows) {
    row.body.at = bodies_.size();
    row.marks = append_record(bodies_, *row.record).marks;
    row.body.size = bodies_.size() - row.body.at;
  }
  const auto put = [this](const Sql& sql, std::span<const RecordRow> run) {
    Parameters& out = add(sql);
    out.column(Element::kBigint, run, [&](const RecordRow& row) { out.add_integer(row.record->key.value); });
    out.column(Element::kText, run, [&](const RecordRow& row) { out.add_text(row.record->tenant.str()); });
    out.column(Element::kText, run, [&](const RecordRow& row) { out.add_text(row.record->entity); });
    out.column(Element::kText, run, [&](const RecordRow& row) { out.add_text(row.record->id.str()); });
    out.column(Element::kBigint, run, [&](const RecordRow& row) { out.add_integer(row.record->version.value); });
    out.column(Element::kBigint, run, [&](const RecordRow& row) { out.add_integer(micros(row.record->updated_at)); });
    out.column(Element::kBytes, run,
               [&](const RecordRow& row) { out.add_bytes(body_of(row.body.at, row.body.size - row.marks)); });
    out.column(Element::kBytes, run, [&](const RecordRow& row) {
      out.add_bytes(body_of(row.body.at + row.body.size - row.marks, row.marks));
    });
    if (&sql != &kUpdateRecords) return;
    out.integer(std::ssize(run));
    out.column(Element::kBigint, run, [&](const RecordRow& row) { out.add_integer(row.expected); });
  };
  const auto known =
      std::stable_partition(rows.begin(), rows.end(), [](const RecordRow& row) { return row.expected == 0; });
  in_runs(std::span(rows.begin(), known), [&](std::span<const RecordRow> run) { put(kInsertRecords, run); });
  in_runs(std::span(known, rows.end()), [&](std::span<const RecordRow> run) { put(kUpdateRecords, run); });
  return {};
}

/// Writes of one identity follow each other, those of different ones don't care: so they go in rounds, takings away and
/// puttings by turns, and a batch has hardly ever more than one of each.
Result<void> BatchSteps::add_identities(const WriteBatch& batch) {
  struct Last {
    std::size_t round;
    const IdentityWrite* write;
  };
  std::vector<std::vector<const IdentityWrite*>> rounds;
  std::map<Hash128, Last> last_of;
  for (const IdentityWrite& write : batch.identities) {
    const std::size_t parity = write.remove ? 0 : 1;
    const auto [at, first] = last_of.emplace(write.hash, Last{parity, &write});
    Last& last = at->second;
    const bool again = !first && last.round % 2 == parity;
    if (again && !write.remove) {
      if (last.write->record != write.record)
        return fail(ErrorCode::kConflict, "an identity belongs to another record");
      continue;
    }
    if (!first && !again) ++last.round;
    last.write = &write;
    if (rounds.size() <= last.round) rounds.resize(last.round + 1);
    rounds[last.round].push_back(&write);
  }
  for (std::size_t i = 0; i < rounds.size(); ++i) add_identity_round(rounds[i], i % 2 == 0);
  return {};
}

void BatchSteps::add_identity_round(std::vector<const IdentityWrite*>& rows, bool removes) {
  if (rows.empty()) return;
  sort_by(rows, [](const IdentityWrite* row) { return row->hash; });
  Parameters& out = add(removes ? kDeleteIdentities : kInsertIdentities);
  out.column(Element::kUuid, rows, [&](const IdentityWrite* row) { out.add_uuid(row->hash); });
  if (!removes) {
    out.column(Element::kSmallint, rows,
               [&](const IdentityWrite* row) { out.add_integer(static_cast<std::int64_t>(row->kind)); });
  }
  out.column(Element::kBigint, rows, [&](const IdentityWrite* row) { out.add_integer(row->record.value); });
  if (!removes) out.column(Element::kText, rows, [&](const IdentityWrite* row) { out.add_text(row->tenant.str()); });
}

Result<void> BatchSteps::add_history(const WriteBatch& batch, std::span<const HistoryEntry> whole) {
  struct HistoryRow {
    const HistoryEntry* entry;
    Slice body = {};
  };
  std::vector<HistoryRow> rows;
  for (const HistoryEntry& entry : whole.empty() ? std::span(batch.history) : whole) rows.push_back({&entry});
  sort_by(rows, [](const HistoryRow& row) { return row.entry->event; });
  const auto same = [](const HistoryRow& a, const HistoryRow& b) { return a.entry->event == b.entry->event; };
  // Two of one event must be made one first, by who knows what is stored.
  if (std::adjacent_find(rows.begin(), rows.end(), same) != rows.end())
    return fail(ErrorCode::kInternal, "two histories of one event");
  bodies_.clear();
  for (HistoryRow& row : rows) {
    row.body.at = bodies_.size();
    append_history_body(bodies_, row.entry->overwritten);
    row.body.size = bodies_.size() - row.body.at;
  }
  in_runs(std::span(rows), [&](std::span<const HistoryRow> run) {
    Parameters& out = add(whole.empty() ? kInsertHistory : kPutHistory);
    out.column(Element::kBigint, run, [&](const HistoryRow& row) { out.add_integer(row.entry->event.value); });
    out.column(Element::kText, run, [&](const HistoryRow& row) { out.add_text(row.entry->tenant.str()); });
    out.column(Element::kBigint, run, [&](const HistoryRow& row) { out.add_integer(row.entry->record.value); });
    out.column(Element::kBigint, run, [&](const HistoryRow& row) { out.add_integer(row.entry->version.value); });
    out.column(Element::kBytes, run,
               [&](const HistoryRow& row) { out.add_bytes(body_of(row.body.at, row.body.size)); });
  });
  return {};
}

void BatchSteps::add_conflict(const Conflict& conflict) {
  write_conflict(add(kPutConflict), conflict);
  if (conflict.resolved_at) write_resolution(add(kPutResolution), conflict);
}

void BatchSteps::add_lane_state(const LaneState& state) {
  Parameters& out = add(state.value.empty() ? kDeleteLaneState : kPutLaneState);
  out.text(state.tenant.str()).text(state.name);
  if (!state.value.empty()) out.text(state.value);
}

void BatchSteps::add_log_positions(const WriteBatch& batch) {
  if (batch.log_positions.empty()) return;
  std::vector<LogPosition> rows = batch.log_positions;
  const auto place = [](const LogPosition& row) { return std::pair(std::string_view(row.log), row.shard); };
  sort_by(rows, place);
  keep_last(rows, place);
  Parameters& out = add(kPutLogPositions);
  const std::span<const LogPosition> all(rows);
  out.column(Element::kText, all, [&](const LogPosition& row) { out.add_text(row.log); });
  out.column(Element::kSmallint, all,
             [&](const LogPosition& row) { out.add_integer(static_cast<std::int64_t>(row.shard)); });
  out.column(Element::kBigint, all, [&](const LogPosition& row) { out.add_integer(row.next); });
}

}  // namespace datasync::storage::postgres
