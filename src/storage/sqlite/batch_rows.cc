#include "storage/sqlite/batch_rows.h"

#include <algorithm>

#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"

namespace datasync::storage::sqlite {
namespace {

constexpr std::int64_t kPendingBelow = 7;
constexpr std::int64_t kProcessingBelow = 8;
constexpr std::size_t kArenaKeptBytesMax = 4U << 20U;

std::string_view text_of(Slice slice, const std::string& arena) {
  return {arena.data() + slice.at, slice.size};
}

std::int64_t micros(Timestamp time) {
  return time.time_since_epoch().count();
}

template <typename Append>
Slice append_to(std::string& arena, Append append) {
  const std::size_t at = arena.size();
  append(arena);
  return {at, arena.size() - at};
}

/// A row that says no more than its absence would.
bool is_plain_pending(const EventState& state) {
  return state.status == EventStatus::kPending && state.record.value == 0 && !state.processed_at &&
         state.message.empty() && state.results.empty();
}

/// What the row's other columns will take more once the event is completed: SQLite stores NULL, 0 and 1 in no bytes at
/// all. With that much room the row keeps its length to the end and is overwritten in place.
std::size_t missing_bytes(const BatchRows::StateRow& row) {
  return (row.state->processed_at ? 0U : sizeof(std::int64_t)) + (row.status > 1 ? 0U : 1U);
}

/// Sorts by `key` unless that is done, and of equal ones keeps the last.
template <typename Row, typename Key>
void sort_and_keep_last(std::vector<Row>& rows, Key key) {
  const auto less = [&](const Row& a, const Row& b) { return key(a) < key(b); };
  if (!std::is_sorted(rows.begin(), rows.end(), less)) std::stable_sort(rows.begin(), rows.end(), less);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + 1 < rows.size() && key(rows[i]) == key(rows[i + 1])) continue;
    if (kept != i) rows[kept] = rows[i];
    ++kept;
  }
  rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(kept), rows.end());
}

}  // namespace

std::int64_t stored_status(EventStatus status, bool below_low_water) noexcept {
  if (below_low_water && status == EventStatus::kPending) return kPendingBelow;
  if (below_low_water && status == EventStatus::kProcessing) return kProcessingBelow;
  return static_cast<std::int64_t>(status);
}

Result<EventStatus> read_status(std::int64_t stored) {
  if (stored == kPendingBelow) return EventStatus::kPending;
  if (stored == kProcessingBelow) return EventStatus::kProcessing;
  if (stored < 0 || stored > static_cast<std::int64_t>(EventStatus::kExpired)) {
    return fail(ErrorCode::kCorrupt, "a stored event is damaged", "status " + std::to_string(stored));
  }
  return static_cast<EventStatus>(stored);
}

Result<void> BatchRows::attach(Connection& connection) {
  DATASYNC_TRY(
      add_row_source(connection, "batch_events",
                     "CREATE TABLE x(seq, tenant_id, event_id, event_type, entity_type, source_platform, priority, "
                     "created_at, body)",
                     events));
  DATASYNC_TRY(
      add_row_source(connection, "batch_keys", "CREATE TABLE x(key, tenant_id, seq, created_at, content_hash)", keys));
  constexpr const char* kStates = "CREATE TABLE x(seq, tenant_id, status, record_key, processed_at, message, results)";
  DATASYNC_TRY(add_row_source(connection, "batch_states", kStates, states));
  DATASYNC_TRY(add_row_source(connection, "batch_new_states", kStates, new_states));
  DATASYNC_TRY(add_row_source(
      connection, "batch_records",
      "CREATE TABLE x(record_key, tenant_id, entity_type, entity_id, version, updated_at, body, marks, expected)",
      records));
  return add_row_source(connection, "batch_history", "CREATE TABLE x(seq, tenant_id, record_key, version, body)",
                        history);
}

Result<void> BatchRows::fill(const WriteBatch& batch, Sequence last, Sequence low_water) {
  clear();
  DATASYNC_TRY(fill_events(batch, last));
  fill_states(batch, last, low_water);
  DATASYNC_TRY(fill_records(batch));
  fill_history(batch);
  return {};
}

void BatchRows::clear() {
  events.rows.clear();
  keys.rows.clear();
  states.rows.clear();
  new_states.rows.clear();
  records.rows.clear();
  history.rows.clear();
  arena_.clear();
  if (arena_.capacity() > kArenaKeptBytesMax) arena_.shrink_to_fit();
}

Result<void> BatchRows::fill_events(const WriteBatch& batch, Sequence last) {
  for (const NewEvent& fresh : batch.events) {
    const Event& event = *fresh.event;
    // Cursors and the tail follow the sequence, so it must follow the commits.
    if (event.sequence <= last)
      return fail(ErrorCode::kConflict, "another instance has given out this event's sequence");
    const Hash128 own_key = event_key_of(event.id.str());
    more_keys_.clear();
    for (const Hash128& key : fresh.keys) {
      if (key != own_key) more_keys_.push_back(key);
      keys.rows.push_back({HashBytes(key), HashBytes(fresh.content), &event});
    }
    events.rows.push_back(
        {&event, append_to(arena_, [&](std::string& out) { append_event_body(out, event, more_keys_); }), &arena_});
  }
  const auto by_sequence = [](const EventRow& a, const EventRow& b) { return a.event->sequence < b.event->sequence; };
  if (!std::is_sorted(events.rows.begin(), events.rows.end(), by_sequence)) {
    std::sort(events.rows.begin(), events.rows.end(), by_sequence);
  }
  const auto by_key = [](const KeyRow& a, const KeyRow& b) { return a.key.view() < b.key.view(); };
  if (!std::is_sorted(keys.rows.begin(), keys.rows.end(), by_key))
    std::sort(keys.rows.begin(), keys.rows.end(), by_key);
  // An idempotency key may be the id itself.
  const auto same = [](const KeyRow& a, const KeyRow& b) { return a.event == b.event && a.key.view() == b.key.view(); };
  keys.rows.erase(std::unique(keys.rows.begin(), keys.rows.end(), same), keys.rows.end());
  return {};
}

void BatchRows::fill_states(const WriteBatch& batch, Sequence last, Sequence low_water) {
  for (const EventState& state : batch.states) {
    auto& rows = state.sequence > last ? new_states.rows : states.rows;
    const bool below = state.sequence < low_water && state.sequence <= last;
    rows.push_back({&state, nullptr, stored_status(state.status, below), {}, &arena_});
  }
  for (auto* rows : {&states.rows, &new_states.rows}) {
    sort_and_keep_last(*rows, [](const StateRow& row) { return row.state->sequence; });
  }
  std::erase_if(new_states.rows, [](const StateRow& row) { return is_plain_pending(*row.state); });
  auto event = events.rows.begin();
  for (StateRow& row : new_states.rows) {
    while (event != events.rows.end() && event->event->sequence < row.state->sequence) ++event;
    if (event != events.rows.end() && event->event->sequence == row.state->sequence) row.tenant = &event->event->tenant;
  }
  for (auto* rows : {&states.rows, &new_states.rows}) {
    for (StateRow& row : *rows) {
      if (row.state->results.empty()) continue;
      row.results = append_to(arena_, [&](std::string& out) {
        append_results(out, row.state->results);
        out.append(missing_bytes(row), ' ');
      });
    }
  }
}

Result<void> BatchRows::fill_records(const WriteBatch& batch) {
  for (const RecordWrite& write : batch.records) {
    records.rows.push_back({write.record.get(), write.expected.value, {}, {}, &arena_});
  }
  const auto by_key = [](const RecordRow& a, const RecordRow& b) { return a.record->key < b.record->key; };
  if (!std::is_sorted(records.rows.begin(), records.rows.end(), by_key)) {
    std::stable_sort(records.rows.begin(), records.rows.end(), by_key);
  }
  for (std::size_t i = 1; i < records.rows.size(); ++i) {
    const RecordRow& before = records.rows[i - 1];
    RecordRow& row = records.rows[i];
    if (before.record->key != row.record->key) continue;
    if (row.expected != before.record->version.value)
      return fail(ErrorCode::kConflict, "the record was changed meanwhile");
    row.expected = before.expected;  // the one that is kept stands for all of them
  }
  sort_and_keep_last(records.rows, [](const RecordRow& row) { return row.record->key; });
  for (RecordRow& row : records.rows) {
    const std::size_t at = arena_.size();
    const RecordBytes bytes = append_record(arena_, *row.record);
    row.body = {at, bytes.body};
    row.marks = {at + bytes.body, bytes.marks};
  }
  return {};
}

void BatchRows::fill_history(const WriteBatch& batch) {
  for (const HistoryEntry& entry : batch.history) {
    history.rows.push_back(
        {&entry, append_to(arena_, [&](std::string& out) { append_history_body(out, entry.overwritten); }), &arena_});
  }
  const auto by_event = [](const HistoryRow& a, const HistoryRow& b) { return a.entry->event < b.entry->event; };
  if (!std::is_sorted(history.rows.begin(), history.rows.end(), by_event)) {
    std::stable_sort(history.rows.begin(), history.rows.end(), by_event);
  }
}

void BatchRows::EventRow::put(int column, const ColumnOut& out) const {
  switch (column) {
    case 0:
      return out.integer(event->sequence.value);
    case 1:
      return out.text(event->tenant.str());
    case 2:
      return out.text(event->id.str());
    case 3:
      return out.text(event->type);
    case 4:
      return out.text(event->entity);
    case 5:
      return out.text(event->source.str());
    case 6:
      return out.integer(event->wire_priority);
    case 7:
      return out.integer(micros(event->created_at));
    default:
      return out.blob(text_of(body, *arena));
  }
}

void BatchRows::KeyRow::put(int column, const ColumnOut& out) const {
  switch (column) {
    case 0:
      return out.blob(key.view());
    case 1:
      return out.text(event->tenant.str());
    case 2:
      return out.integer(event->sequence.value);
    case 3:
      return out.integer(micros(event->created_at));
    default:
      return out.blob(content.view());
  }
}

void BatchRows::StateRow::put(int column, const ColumnOut& out) const {
  switch (column) {
    case 0:
      return out.integer(state->sequence.value);
    case 1:
      if (tenant != nullptr) out.text(tenant->str());
      return;
    case 2:
      return out.integer(status);
    case 3:
      if (state->record.value != 0) out.integer(state->record.value);
      return;
    case 4:
      if (state->processed_at) out.integer(micros(*state->processed_at));
      return;
    case 5:
      if (!state->message.empty()) out.text(state->message);
      return;
    default:
      if (results.size != 0) out.text(text_of(results, *arena));
  }
}

void BatchRows::RecordRow::put(int column, const ColumnOut& out) const {
  switch (column) {
    case 0:
      return out.integer(record->key.value);
    case 1:
      return out.text(record->tenant.str());
    case 2:
      return out.text(record->entity);
    case 3:
      return out.text(record->id.str());
    case 4:
      return out.integer(record->version.value);
    case 5:
      return out.integer(micros(record->updated_at));
    case 6:
      return out.blob(text_of(body, *arena));
    case 7:
      return out.blob(text_of(marks, *arena));
    default:
      return out.integer(expected);
  }
}

void BatchRows::HistoryRow::put(int column, const ColumnOut& out) const {
  switch (column) {
    case 0:
      return out.integer(entry->event.value);
    case 1:
      return out.text(entry->tenant.str());
    case 2:
      return out.integer(entry->record.value);
    case 3:
      return out.integer(entry->version.value);
    default:
      return out.blob(text_of(body, *arena));
  }
}

}  // namespace datasync::storage::sqlite
