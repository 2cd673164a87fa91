#include "storage/sqlite/event_queries.h"

#include <algorithm>
#include <limits>
#include <variant>

#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"
#include "storage/sqlite/batch_rows.h"

namespace datasync::storage::sqlite {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

constexpr std::string_view kEventColumns =
    "SELECT e.seq, e.tenant_id, e.event_id, e.event_type, e.entity_type, e.source_platform, e.priority, e.created_at, "
    "e.body, s.status, s.record_key, s.processed_at, s.message, s.results FROM event_log e "
    "LEFT JOIN event_state s ON s.seq = e.seq ";

bool is_rare(EventStatus status) {
  return status == EventStatus::kFailed || status == EventStatus::kRetry || status == EventStatus::kReview ||
         status == EventStatus::kExpired;
}

tl::unexpected<Error> name_row(Error error, std::string_view table, std::int64_t key) {
  error.detail = std::string(table) + " row " + std::to_string(key) + ": " + error.detail;
  return fail(std::move(error));
}

Result<StoredEvent> read_event(Statement& row) {
  auto event = std::make_shared<Event>();
  event->sequence = {row.integer(0)};
  event->tenant = TenantId(row.text(1));
  event->id = EventId(row.text(2));
  event->type = row.text(3);
  event->entity = row.text(4);
  if (const auto type = parse_event_type(event->type)) event->verb = type->verb;
  event->source = PlatformId(row.text(5));
  event->wire_priority = static_cast<int>(row.integer(6));
  event->created_at = Timestamp{microseconds{row.integer(7)}};
  if (auto read = read_event_body(row.bytes(8), *event); !read) {
    return name_row(std::move(read).error(), "event_log", event->sequence.value);
  }
  StoredEvent stored;
  stored.state.sequence = event->sequence;
  stored.event = std::move(event);
  if (row.is_null(9)) return stored;
  const auto status = read_status(row.integer(9));
  if (!status) return name_row(status.error(), "event_state", stored.state.sequence.value);
  stored.state.status = *status;
  stored.state.record = {row.integer(10)};
  if (!row.is_null(11)) stored.state.processed_at = Timestamp{microseconds{row.integer(11)}};
  stored.state.message = row.text(12);
  if (row.is_null(13)) return stored;
  auto results = read_results(row.bytes(13));
  if (!results) return name_row(std::move(results).error(), "event_state", stored.state.sequence.value);
  stored.state.results = std::move(*results);
  return stored;
}

bool has_tenant(const Reader::Tenants& tenants, std::string_view tenant) {
  return tenants.empty() || std::any_of(tenants.begin(), tenants.end(),
                                        [tenant](const TenantId& wanted) { return wanted.str() == tenant; });
}

}  // namespace

/// One way through the tables, in order of the sequence: `SELECT <columns> FROM <from> WHERE <where> ORDER BY <seq>`.
struct EventQueries::Scan {
  std::string from;
  std::string where;
  std::string seq;         // the column that orders
  bool has_log = false;    // event_log is in it as `e`
  bool has_state = false;  // event_state is in it as `s`
  bool descending = true;
  std::vector<std::variant<std::int64_t, std::string>> values;

  void add(std::string_view condition) {
    if (!where.empty()) where += " AND ";
    where += condition;
  }
  void add(std::string_view condition, std::int64_t value) {
    add(condition);
    values.emplace_back(value);
  }
  void add(std::string_view condition, std::string value) {
    add(condition);
    values.emplace_back(std::move(value));
  }
  void need_log() {
    if (!has_log) from += " CROSS JOIN event_log e ON e.seq = " + seq;
    has_log = true;
  }
  void need_state() {
    if (!has_state) from += " LEFT JOIN event_state s ON s.seq = " + seq;
    has_state = true;
  }

  [[nodiscard]] Result<Statement> prepare(Connection& connection, std::string_view columns, bool ordered) const {
    std::string sql = "SELECT ";
    sql += columns;
    sql += " FROM " + from;
    if (!where.empty()) sql += " WHERE " + where;
    if (ordered) sql += " ORDER BY " + seq + (descending ? " DESC" : " ASC");
    auto statement = Statement::prepare(connection, sql);
    if (!statement) return statement;
    int at = 0;
    for (const auto& value : values) {
      ++at;
      if (const auto* number = std::get_if<std::int64_t>(&value)) {
        statement->bind(at, *number);
      } else {
        statement->bind_text(at, std::get<std::string>(value));
      }
    }
    return statement;
  }
};

/// What the scans of one query found so far.
struct EventQueries::Found {
  std::vector<std::int64_t> sequences;
  std::int64_t examined_to = 0;  // newest sequence at which a scan stopped before its end; 0 if none did
};

Result<void> EventQueries::prepare() {
  const auto make = [this](Statement& statement, std::string_view sql) -> Result<void> {
    auto prepared = Statement::prepare(connection_, sql);
    if (!prepared) return fail(prepared.error());
    statement = std::move(*prepared);
    return {};
  };
  DATASYNC_TRY(make(load_event_, std::string(kEventColumns) + "WHERE e.seq = ?"));
  DATASYNC_TRY(make(find_key_, "SELECT tenant_id, seq FROM event_keys WHERE key = ?"));
  DATASYNC_TRY(make(find_identity_, "SELECT record_key FROM identities WHERE hash = ? AND tenant_id = ?"));
  DATASYNC_TRY(make(load_record_,
                    "SELECT entity_type, entity_id, version, updated_at, body, marks FROM records "
                    "WHERE record_key = ? AND tenant_id = ?"));
  DATASYNC_TRY(make(load_history_, "SELECT tenant_id, record_key, version, body FROM record_history WHERE seq = ?"));
  DATASYNC_TRY(make(record_entity_, "SELECT 1 FROM records WHERE record_key = ? AND entity_id = ?"));
  return make(meta_, "SELECT value FROM meta WHERE name = ?");
}

Result<Reader::EventPage> EventQueries::list(const Filter& filter) {
  const auto ways = scans(filter, Order::kNewestFirst);
  if (!ways) return fail(ways.error());
  const std::int64_t limit = std::max<std::int64_t>(filter.limit, 0);
  const std::int64_t offset = std::max<std::int64_t>(filter.offset, 0);
  const std::int64_t wanted = offset < kNoLimit - limit - 1 ? offset + limit + 1 : kNoLimit;
  Found found;
  for (const Scan& way : *ways) DATASYNC_TRY(run(way, filter, wanted, found));
  std::sort(found.sequences.begin(), found.sequences.end(), std::greater<>());
  // Below the place where one scan gave up the others may not speak either: the next page begins there.
  std::erase_if(found.sequences, [&](std::int64_t sequence) { return sequence < found.examined_to; });
  const auto total = static_cast<std::int64_t>(found.sequences.size());
  const std::int64_t from = std::min(offset, total);
  const std::int64_t to = total - from > limit ? from + limit : total;
  Reader::EventPage page;
  auto events = load_all(found.sequences, static_cast<std::size_t>(from), static_cast<std::size_t>(to));
  if (!events) return fail(std::move(events).error());
  page.events = std::move(*events);
  if (to < total && limit > 0) {
    page.next = {found.sequences[static_cast<std::size_t>(to) - 1]};
  } else {
    page.next = {found.examined_to};
  }
  return page;
}

Result<std::int64_t> EventQueries::count(const Filter& filter) {
  const auto ways = scans(filter, Order::kNewestFirst);
  if (!ways) return fail(ways.error());
  std::int64_t total = 0;
  for (const Scan& way : *ways) {
    auto statement = way.prepare(connection_, filter.entity_id.empty() ? "count(*)" : "e.body, s.record_key", false);
    if (!statement) return fail(statement.error());
    for (;;) {
      const auto row = statement->step();
      if (!row) return fail(row.error());
      if (!*row) break;
      if (filter.entity_id.empty()) {
        total += statement->integer(0);
        continue;
      }
      const auto named = names_entity(*statement, filter.entity_id);
      if (!named) return fail(named.error());
      if (*named) ++total;
    }
  }
  return total;
}

Result<std::vector<StoredEvent>> EventQueries::find(const Reader::Tenants& tenants, std::string_view id) {
  const Hash128 key = event_key_of(id);
  const HashBytes bytes(key);
  std::vector<std::int64_t> sequences;
  {
    const ResetAtEnd reset(find_key_);
    find_key_.bind_blob(1, bytes.view());
    for (;;) {
      const auto row = find_key_.step();
      if (!row) return fail(row.error());
      if (!*row) break;
      if (has_tenant(tenants, find_key_.bytes(0))) sequences.push_back(find_key_.integer(1));
    }
  }
  auto events = load_all(sequences, 0, sequences.size());
  // The key may also be the idempotency key that another event came with.
  if (events)
    std::erase_if(*events, [&](const StoredEvent& stored) { return event_key_of(stored.event->id.str()) != key; });
  return events;
}

Result<std::vector<StoredEvent>> EventQueries::after(const Reader::Tenants& tenants, Sequence after,
                                                     std::int64_t limit) {
  Filter filter;
  filter.tenants = tenants;
  auto ways = scans(filter, Order::kOldestFirst);
  if (!ways) return fail(ways.error());
  Found found;
  for (Scan& way : *ways) {
    way.add(way.seq + " > ?", after.value);
    DATASYNC_TRY(run(way, filter, limit, found));
  }
  std::sort(found.sequences.begin(), found.sequences.end());
  const auto size = static_cast<std::int64_t>(found.sequences.size());
  return load_all(found.sequences, 0, static_cast<std::size_t>(std::clamp<std::int64_t>(limit, 0, size)));
}

Result<std::vector<StoredEvent>> EventQueries::unfinished(Sequence after, Sequence low_water, std::int64_t limit) {
  Found found;
  for (const std::int64_t status :
       {stored_status(EventStatus::kRetry, false), stored_status(EventStatus::kReview, false),
        stored_status(EventStatus::kPending, true), stored_status(EventStatus::kProcessing, true)}) {
    Scan rare = rare_scan({}, status, Order::kOldestFirst);
    rare.add("s.seq > ?", after.value);
    DATASYNC_TRY(run(rare, {}, limit, found));
  }
  std::sort(found.sequences.begin(), found.sequences.end());
  Scan open;
  open.from = "event_log e LEFT JOIN event_state s ON s.seq = e.seq";
  open.seq = "e.seq";
  open.descending = false;
  open.add("e.seq > ?", std::max(after.value, low_water.value - 1));
  // No further than this page goes: among a million that wait for a retry, each page would look through all of them.
  if (limit > 0 && std::ssize(found.sequences) >= limit) {
    open.add("e.seq < ?", found.sequences[static_cast<std::size_t>(limit) - 1]);
  }
  open.add("(s.status IS NULL OR s.status IN (0, 1))");
  DATASYNC_TRY(run(open, {}, limit, found));
  std::sort(found.sequences.begin(), found.sequences.end());
  const auto size = static_cast<std::int64_t>(found.sequences.size());
  return load_all(found.sequences, 0, static_cast<std::size_t>(std::clamp<std::int64_t>(limit, 0, size)));
}

Result<std::vector<StoredEvent>> EventQueries::retrying(Sequence after, std::int64_t limit) {
  Found found;
  Scan scan = rare_scan({}, stored_status(EventStatus::kRetry, false), Order::kOldestFirst);
  scan.add("s.seq > ?", after.value);
  DATASYNC_TRY(run(scan, {}, limit, found));
  const auto size = static_cast<std::int64_t>(found.sequences.size());
  return load_all(found.sequences, 0, static_cast<std::size_t>(std::clamp<std::int64_t>(limit, 0, size)));
}

Result<std::vector<StoredEvent>> EventQueries::redrivable(const Filter& filter) {
  Found found;
  for (const EventStatus status :
       {EventStatus::kFailed, EventStatus::kRetry, EventStatus::kReview, EventStatus::kExpired}) {
    if (filter.status && *filter.status != status) continue;
    const Scan scan = rare_scan(filter, stored_status(status, false), Order::kOldestFirst);
    DATASYNC_TRY(run(scan, filter, filter.limit, found));
  }
  std::sort(found.sequences.begin(), found.sequences.end());
  const auto size = static_cast<std::int64_t>(found.sequences.size());
  return load_all(found.sequences, 0, static_cast<std::size_t>(std::clamp<std::int64_t>(filter.limit, 0, size)));
}

Result<std::vector<EventQueries::Scan>> EventQueries::scans(const Filter& filter, Order order) {
  std::vector<Scan> ways;
  if (filter.status && is_rare(*filter.status)) {
    ways.push_back(rare_scan(filter, stored_status(*filter.status, false), order));
    return ways;
  }
  const bool open =
      filter.status && (*filter.status == EventStatus::kPending || *filter.status == EventStatus::kProcessing);
  std::int64_t low_water = 0;
  if (open) {
    ways.push_back(rare_scan(filter, stored_status(*filter.status, true), order));
    const auto mark = meta_integer("low_water");
    if (!mark) return fail(mark.error());
    low_water = *mark;
  }
  const auto add = [&](Scan scan) {
    scan.descending = order == Order::kNewestFirst;
    if (open) scan.add(scan.seq + " >= ?", low_water);
    add_conditions(scan, filter);
    ways.push_back(std::move(scan));
  };
  Scan log;
  log.from = "event_log e";
  log.seq = "e.seq";
  log.has_log = true;
  if (filter.tenants.empty()) {
    add(std::move(log));
    return ways;
  }
  const auto indexed = meta_integer("event_tenants_until");
  if (!indexed) return fail(indexed.error());
  for (const TenantId& tenant : filter.tenants) {
    Scan recent = log;
    recent.add("e.seq > ?", *indexed);
    recent.add("e.tenant_id = ?", tenant.str());
    add(std::move(recent));
    Scan older;
    older.from = "event_tenants t";
    older.seq = "t.seq";
    older.add("t.tenant_id = ?", tenant.str());
    add(std::move(older));
  }
  return ways;
}

EventQueries::Scan EventQueries::rare_scan(const Filter& filter, std::int64_t status, Order order) {
  Scan scan;
  scan.from = "event_state s INDEXED BY event_state_rare";
  scan.seq = "s.seq";
  scan.has_state = true;
  scan.descending = order == Order::kNewestFirst;
  scan.add("s.status > 2");  // the predicate of the partial index, word for word
  scan.add("s.status = ?", status);
  if (!filter.tenants.empty()) {
    std::string list = "s.tenant_id IN (";
    for (const TenantId& tenant : filter.tenants) {
      list += scan.values.size() == 1 ? "?" : ", ?";
      scan.values.emplace_back(tenant.str());
    }
    scan.add(list + ")");
  }
  Filter rest = filter;
  rest.status.reset();
  add_conditions(scan, rest);
  return scan;
}

void EventQueries::add_conditions(Scan& scan, const Filter& filter) {
  if (filter.before.value > 0) scan.add(scan.seq + " < ?", filter.before.value);
  const bool wide = !filter.type.empty() || !filter.source.empty() || filter.since || filter.until;
  if (wide || !filter.entity_id.empty()) scan.need_log();
  if (filter.status || !filter.entity_id.empty()) scan.need_state();
  if (filter.status) {
    const auto status = static_cast<std::int64_t>(*filter.status);
    scan.add(*filter.status == EventStatus::kPending ? "ifnull(s.status, 0) = ?" : "s.status = ?", status);
  }
  if (!filter.type.empty()) scan.add("e.event_type = ?", filter.type);
  if (!filter.source.empty()) scan.add("e.source_platform = ?", filter.source.str());
  if (filter.since) scan.add("e.created_at >= ?", filter.since->time_since_epoch().count());
  if (filter.until) scan.add("e.created_at < ?", filter.until->time_since_epoch().count());
}

Result<void> EventQueries::run(const Scan& scan, const Filter& filter, std::int64_t wanted, Found& found) {
  const bool by_entity = !filter.entity_id.empty();
  auto statement = scan.prepare(connection_, by_entity ? "e.body, s.record_key, " + scan.seq : scan.seq, true);
  if (!statement) return fail(statement.error());
  std::int64_t taken = 0;
  for (std::int64_t examined = 1; taken < wanted; ++examined) {
    const auto row = statement->step();
    if (!row) return fail(row.error());
    if (!*row) return {};
    const std::int64_t sequence = statement->integer(by_entity ? 2 : 0);
    if (by_entity) {
      const auto named = names_entity(*statement, filter.entity_id);
      if (!named) return fail(named.error());
      if (!*named && scan.descending && examined >= kScannedMax) {
        found.examined_to = std::max(found.examined_to, sequence);
        return {};
      }
      if (!*named) continue;
    }
    found.sequences.push_back(sequence);
    ++taken;
  }
  return {};
}

Result<bool> EventQueries::names_entity(Statement& row, const EntityId& entity_id) {
  if (body_has_entity_id(row.bytes(0), entity_id.str())) return true;
  if (row.is_null(1)) return false;
  const ResetAtEnd reset(record_entity_);
  return record_entity_.bind(1, row.integer(1)).bind_text(2, entity_id.str()).step();
}

Result<std::vector<StoredEvent>> EventQueries::load_all(const std::vector<std::int64_t>& sequences, std::size_t from,
                                                        std::size_t to) {
  std::vector<StoredEvent> events;
  events.reserve(to - from);
  for (std::size_t i = from; i < to; ++i) {
    auto event = load({sequences[i]});
    if (!event) return fail(std::move(event).error());
    if (*event) events.push_back(std::move(**event));
  }
  return events;
}

Result<std::optional<StoredEvent>> EventQueries::load(Sequence sequence) {
  const ResetAtEnd reset(load_event_);
  const auto row = load_event_.bind(1, sequence.value).step();
  if (!row) return fail(row.error());
  if (!*row) return std::nullopt;
  auto event = read_event(load_event_);
  if (!event) return fail(std::move(event).error());
  return std::move(*event);
}

Result<std::optional<RecordKey>> EventQueries::find_identity(const TenantId& tenant, Hash128 hash) {
  const ResetAtEnd reset(find_identity_);
  const HashBytes bytes(hash);
  const auto row = find_identity_.bind_blob(1, bytes.view()).bind_text(2, tenant.str()).step();
  if (!row) return fail(row.error());
  if (!*row) return std::nullopt;
  return RecordKey{find_identity_.integer(0)};
}

Result<std::optional<Record>> EventQueries::load_record(const TenantId& tenant, RecordKey key) {
  const ResetAtEnd reset(load_record_);
  const auto row = load_record_.bind(1, key.value).bind_text(2, tenant.str()).step();
  if (!row) return fail(row.error());
  if (!*row) return std::nullopt;
  Record record;
  record.key = key;
  record.tenant = tenant;
  record.entity = load_record_.text(0);
  record.id = EntityId(load_record_.text(1));
  record.version = {load_record_.integer(2)};
  record.updated_at = Timestamp{microseconds{load_record_.integer(3)}};
  if (auto read = read_record(load_record_.bytes(4), load_record_.bytes(5), record); !read) {
    return name_row(std::move(read).error(), "records", key.value);
  }
  return record;
}

Result<std::optional<HistoryEntry>> EventQueries::load_history(Sequence event) {
  const ResetAtEnd reset(load_history_);
  const auto row = load_history_.bind(1, event.value).step();
  if (!row) return fail(row.error());
  if (!*row) return std::nullopt;
  HistoryEntry entry;
  entry.event = event;
  entry.tenant = TenantId(load_history_.text(0));
  entry.record = {load_history_.integer(1)};
  entry.version = {load_history_.integer(2)};
  auto fields = read_history_body(load_history_.bytes(3));
  if (!fields) return name_row(std::move(fields).error(), "record_history", event.value);
  entry.overwritten = std::move(*fields);
  return entry;
}

Result<std::int64_t> EventQueries::meta_integer(std::string_view name) {
  const ResetAtEnd reset(meta_);
  const auto row = meta_.bind_text(1, name).step();
  if (!row) return fail(row.error());
  return *row ? meta_.integer(0) : 0;
}

}  // namespace datasync::storage::sqlite
