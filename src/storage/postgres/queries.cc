#include "storage/postgres/queries.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "storage/codec/event_codec.h"
#include "storage/codec/record_codec.h"
#include "storage/postgres/conflict_rows.h"
#include "storage/postgres/event_filter.h"
#include "storage/postgres/stored_status.h"

namespace datasync::storage::postgres {
namespace {

constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

/// Whole events for the sequences of a sub-select.
std::string events_of(const std::string& sequences, std::string_view order) {
  return fmt::format(
      "SELECT {} FROM ({}) f JOIN event_log e ON e.seq = f.seq LEFT JOIN event_state s ON s.seq = e.seq "
      "ORDER BY e.seq {}",
      kEventColumns, sequences, order);
}

// Their texts are made once and outlive every connection, as statements with a name must.

const Sql& load_sql() {
  static const std::string text = fmt::format(
      "SELECT {} FROM event_log e LEFT JOIN event_state s ON s.seq = e.seq WHERE e.seq = $1::bigint", kEventColumns);
  static const Sql sql{"load_event", text.c_str()};
  return sql;
}

const Sql& find_sql() {
  static const std::string text = fmt::format(
      "SELECT {} FROM event_keys k JOIN event_log e ON e.seq = k.seq LEFT JOIN event_state s ON s.seq = k.seq "
      "WHERE k.key = $1::uuid AND (cardinality($2::text[]) = 0 OR k.tenant_id = ANY($2::text[])) ORDER BY e.seq",
      kEventColumns);
  static const Sql sql{"find_event", text.c_str()};
  return sql;
}

/// A condition that the tenant in that column is of one of the shards, whose bits are a parameter.
std::string of_shards(std::string_view column, int parameter) {
  return fmt::format(" AND get_bit(${}::bytea, datasync_shard({})) = 1", parameter, column);
}

/// Those that are listed, status by status, and no further among the others than this page goes: where a million wait
/// for a retry, each page would look through all of them.
std::string unfinished_text(bool of_part) {
  const std::string listed = of_part ? of_shards("w.tenant_id", 4) : "";
  const std::string open = of_part ? of_shards("e.tenant_id", 4) : "";
  return "WITH listed AS MATERIALIZED (SELECT x.seq FROM unnest(ARRAY[4, 5, 7, 8]::smallint[]) v(status) CROSS JOIN "
         "LATERAL (SELECT w.seq FROM event_waiting w WHERE w.status = v.status AND w.seq > $1::bigint" +
         listed +
         " ORDER BY w.seq LIMIT $3::bigint) x ORDER BY x.seq LIMIT $3::bigint), "
         "open AS (SELECT e.seq FROM event_log e LEFT JOIN event_state s ON s.seq = e.seq "
         "WHERE e.seq > greatest($1::bigint, $2::bigint - 1) AND e.seq < (SELECT CASE WHEN count(*) >= $3::bigint "
         "THEN max(seq) ELSE 9223372036854775807 END FROM listed) AND coalesce(s.status, 0) IN (0, 1)" +
         open + " ORDER BY e.seq LIMIT $3::bigint) " +
         events_of(
             "SELECT seq FROM (SELECT seq FROM listed UNION SELECT seq FROM open) u ORDER BY seq LIMIT $3::bigint", "");
}

const Sql& unfinished_sql(bool of_part) {
  static const std::string all = unfinished_text(false);
  static const std::string part = unfinished_text(true);
  static const Sql all_sql{"load_unfinished", all.c_str()};
  static const Sql part_sql{"load_unfinished_of", part.c_str()};
  return of_part ? part_sql : all_sql;
}

std::string retrying_text(bool of_part) {
  return events_of("SELECT w.seq FROM event_waiting w WHERE w.status = 4 AND w.seq > $1::bigint" +
                       (of_part ? of_shards("w.tenant_id", 3) : std::string()) + " ORDER BY w.seq LIMIT $2::bigint",
                   "");
}

const Sql& retrying_sql(bool of_part) {
  static const std::string all = retrying_text(false);
  static const std::string part = retrying_text(true);
  static const Sql all_sql{"load_retrying", all.c_str()};
  static const Sql part_sql{"load_retrying_of", part.c_str()};
  return of_part ? part_sql : all_sql;
}

/// Hardly any is known, so that the parts of `event_log` are not looked at for all that are not.
constexpr Sql kKnown{"find_keys",
                     "SELECT w.at, k.seq, k.content_hash FROM (SELECT * FROM unnest($1::uuid[], $2::text[]) "
                     "WITH ORDINALITY LIMIT cardinality($1::uuid[])) w(key, tenant_id, at) "
                     "JOIN event_keys k ON k.key = w.key AND k.tenant_id = w.tenant_id"};
constexpr Sql kIds{"event_ids",
                   "SELECT w.at, e.event_id FROM (SELECT * FROM unnest($1::bigint[]) WITH ORDINALITY "
                   "LIMIT cardinality($1::bigint[])) w(seq, at) JOIN event_log e ON "
                   "e.seq = w.seq"};
constexpr Sql kFindIdentity{"find_identity",
                            "SELECT record_key FROM identities WHERE hash = $1::uuid AND tenant_id = $2::text"};
constexpr Sql kFindIdentities{"find_identities",
                              "SELECT w.at, i.record_key FROM (SELECT * FROM unnest($1::uuid[], $2::text[]) "
                              "WITH ORDINALITY LIMIT cardinality($1::uuid[])) w(hash, tenant_id, at) "
                              "JOIN identities i ON i.hash = w.hash AND i.tenant_id = "
                              "w.tenant_id"};
constexpr Sql kLoadRecord{"load_record",
                          "SELECT entity_type, entity_id, version, updated_at, body, marks FROM records "
                          "WHERE record_key = $1::bigint AND tenant_id = $2::text"};
constexpr Sql kLoadRecords{"load_records",
                           "SELECT r.entity_type, r.entity_id, r.version, r.updated_at, r.body, r.marks, w.at "
                           "FROM (SELECT * FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY "
                           "LIMIT cardinality($1::bigint[])) w(record_key, tenant_id, at) "
                           "JOIN records r ON r.record_key = w.record_key AND r.tenant_id = w.tenant_id"};
/// An answer is held as a whole, on both sides.
constexpr std::size_t kRecordsAtOnceMax = 500;
constexpr Sql kLoadHistory{"load_history",
                           "SELECT tenant_id, record_key, version, body FROM histories WHERE seq = $1::bigint"};

tl::unexpected<Error> name_row(Error error, std::string_view table, std::int64_t key) {
  error.detail = std::string(table) + " row " + std::to_string(key) + ": " + error.detail;
  return fail(std::move(error));
}

/// The columns that are texts from outside, into strings.
struct Column {
  int at;
  std::string* into;
};
Result<void> read_texts(const Answer& answer, int row, std::initializer_list<Column> columns) {
  for (const Column& column : columns) {
    auto text = answer.text(row, column.at);
    if (!text) return fail(std::move(text).error());
    *column.into = std::move(*text);
  }
  return {};
}

Result<StoredEvent> read_event(const Answer& answer, int row) {
  auto event = std::make_shared<Event>();
  StoredEvent stored;
  event->sequence = {answer.integer(row, 0)};
  stored.state.sequence = event->sequence;
  std::string tenant;
  std::string id;
  std::string source;
  if (auto read = read_texts(
          answer, row,
          {{1, &tenant}, {2, &id}, {3, &event->type}, {4, &event->entity}, {5, &source}, {12, &stored.state.message}});
      !read) {
    return name_row(std::move(read).error(), "event_log", event->sequence.value);
  }
  event->tenant = TenantId(tenant);
  event->id = EventId(id);
  if (const auto type = parse_event_type(event->type)) event->verb = type->verb;
  event->source = PlatformId(source);
  event->wire_priority = static_cast<int>(answer.integer(row, 6));
  event->created_at = Timestamp{microseconds{answer.integer(row, 7)}};
  if (auto read = read_event_body(answer.bytes(row, 8), *event); !read) {
    return name_row(std::move(read).error(), "event_log", event->sequence.value);
  }
  stored.event = std::move(event);
  if (answer.is_null(row, 9)) return stored;
  const auto status = read_status(answer.integer(row, 9));
  if (!status) return name_row(status.error(), "event_state", stored.state.sequence.value);
  stored.state.status = *status;
  stored.state.record = {answer.integer(row, 10)};
  if (!answer.is_null(row, 11)) stored.state.processed_at = Timestamp{microseconds{answer.integer(row, 11)}};
  if (answer.is_null(row, 13)) return stored;
  auto results = read_results(answer.bytes(row, 13));
  if (!results) return name_row(std::move(results).error(), "event_state", stored.state.sequence.value);
  stored.state.results = std::move(*results);
  return stored;
}

Result<std::vector<StoredEvent>> read_events(const Answer& answer) {
  std::vector<StoredEvent> events;
  events.reserve(static_cast<std::size_t>(answer.rows()));
  for (int row = 0; row < answer.rows(); ++row) {
    auto event = read_event(answer, row);
    if (!event) return fail(std::move(event).error());
    events.push_back(std::move(*event));
  }
  return events;
}

Result<Record> read_record_row(const Answer& answer, int row, RecordKey key, const TenantId& tenant) {
  Record record;
  std::string id;
  auto read = read_texts(answer, row, {{0, &record.entity}, {1, &id}});
  record.key = key;
  record.tenant = tenant;
  record.id = EntityId(id);
  record.version = {answer.integer(row, 2)};
  record.updated_at = Timestamp{microseconds{answer.integer(row, 3)}};
  if (read) read = read_record(answer.bytes(row, 4), answer.bytes(row, 5), record);
  if (!read) return name_row(std::move(read).error(), "records", key.value);
  return record;
}

}  // namespace

Result<std::vector<StoredEvent>> Queries::events(const Sql& sql) {
  const auto answer = link_.read(sql, parameters_);
  if (!answer) return fail(answer.error());
  return read_events(*answer);
}

Result<Reader::EventPage> Queries::list(const Filter& filter) {
  Sequence end{};
  if (!filter.entity_id.empty()) {
    const auto found = scan_end(filter);
    if (!found) return fail(found.error());
    end = *found;
  }
  const std::int64_t limit = std::clamp<std::int64_t>(filter.limit, 0, kNoLimit - 1);
  const std::int64_t offset = std::clamp<std::int64_t>(filter.offset, 0, kNoLimit - limit - 1);
  parameters_.clear();
  EventFilterSql sequences(filter, parameters_);
  if (end.value > 0) sequences.above = {end.value - 1};
  sequences.wanted = offset + limit + 1;
  const std::string inner = sequences.build(EventFilterSql::Order::kNewestFirst);
  parameters_.integer(offset).integer(limit + 1);
  const std::string text =
      events_of(fmt::format("SELECT seq FROM ({}) g ORDER BY seq DESC OFFSET ${}::bigint LIMIT ${}::bigint", inner,
                            parameters_.size() - 1, parameters_.size()),
                "DESC");
  auto found = events({"", text.c_str()});
  if (!found) return fail(std::move(found).error());
  Reader::EventPage page;
  page.events = std::move(*found);
  page.next = end;
  if (std::ssize(page.events) <= limit) return page;
  page.events.pop_back();
  if (limit > 0) page.next = page.events.back().event->sequence;
  return page;
}

/// The oldest event that a page by entity looks at; 0 if it looks at all of them.
Result<Sequence> Queries::scan_end(const Filter& filter) {
  Filter all = filter;
  all.entity_id = {};
  parameters_.clear();
  EventFilterSql sequences(all, parameters_);
  sequences.wanted = kScannedMax;
  const std::string inner = sequences.build(EventFilterSql::Order::kNewestFirst);
  parameters_.integer(kScannedMax - 1);
  const std::string text =
      fmt::format("SELECT seq FROM ({}) g ORDER BY seq DESC OFFSET ${}::bigint LIMIT 1", inner, parameters_.size());
  const auto answer = link_.read({"", text.c_str()}, parameters_);
  if (!answer) return fail(answer.error());
  return Sequence{answer->rows() == 0 ? 0 : answer->integer(0, 0)};
}

Result<std::int64_t> Queries::count(const Filter& filter) {
  parameters_.clear();
  EventFilterSql sequences(filter, parameters_);
  const std::string text = "SELECT count(*) FROM (" + sequences.build(EventFilterSql::Order::kNone) + ") g";
  const auto answer = link_.read({"", text.c_str()}, parameters_);
  if (!answer) return fail(answer.error());
  return answer->integer(0, 0);
}

Result<std::vector<StoredEvent>> Queries::find(const Reader::Tenants& tenants, std::string_view id) {
  const Hash128 key = event_key_of(id);
  parameters_.clear();
  parameters_.uuid(key).column(Parameters::Element::kText, tenants,
                               [this](const TenantId& tenant) { parameters_.add_text(tenant.str()); });
  auto found = events(find_sql());
  // The key may also be the idempotency key that another event came with.
  if (found)
    std::erase_if(*found, [&](const StoredEvent& stored) { return event_key_of(stored.event->id.str()) != key; });
  return found;
}

/// Within a tenant, sequences become visible in their order. Of several instances one may still write lower ones than
/// another has written: who follows all tenants must look back (`api::EventHub` does).
Result<std::vector<StoredEvent>> Queries::after(const Reader::Tenants& tenants, Sequence after, std::int64_t limit) {
  Filter filter;
  filter.tenants = tenants;
  parameters_.clear();
  EventFilterSql sequences(filter, parameters_);
  sequences.above = after;
  sequences.wanted = std::max<std::int64_t>(limit, 0);
  const std::string inner = sequences.build(EventFilterSql::Order::kOldestFirst);
  parameters_.integer(sequences.wanted);
  const std::string text =
      events_of(fmt::format("SELECT seq FROM ({}) g ORDER BY seq LIMIT ${}::bigint", inner, parameters_.size()), "");
  return events({"", text.c_str()});
}

Result<std::vector<StoredEvent>> Queries::unfinished(Sequence after, Sequence low_water, std::int64_t limit) {
  parameters_.clear();
  parameters_.integer(after.value).integer(low_water.value).integer(std::max<std::int64_t>(limit, 0));
  if (!part_.empty()) parameters_.bytes(part_);
  return events(unfinished_sql(!part_.empty()));
}

Result<std::vector<StoredEvent>> Queries::retrying(Sequence after, std::int64_t limit) {
  parameters_.clear();
  parameters_.integer(after.value).integer(std::max<std::int64_t>(limit, 0));
  if (!part_.empty()) parameters_.bytes(part_);
  return events(retrying_sql(!part_.empty()));
}

Result<std::vector<StoredEvent>> Queries::redrivable(const Filter& filter) {
  parameters_.clear();
  EventFilterSql sequences(filter, parameters_);
  sequences.redrivable = true;
  sequences.part = part_;
  sequences.wanted = std::max<std::int64_t>(filter.limit, 0);
  const std::string inner = sequences.build(EventFilterSql::Order::kOldestFirst);
  parameters_.integer(sequences.wanted);
  const std::string text =
      events_of(fmt::format("SELECT seq FROM ({}) g ORDER BY seq LIMIT ${}::bigint", inner, parameters_.size()), "");
  return events({"", text.c_str()});
}

Result<std::vector<std::optional<KnownEvent>>> Queries::known(std::span<const EventKey> keys) {
  std::vector<std::optional<KnownEvent>> known(keys.size());
  if (keys.empty()) return known;
  parameters_.clear();
  parameters_.column(Parameters::Element::kUuid, keys, [this](const EventKey& key) { parameters_.add_uuid(key.key); });
  parameters_.column(Parameters::Element::kText, keys,
                     [this](const EventKey& key) { parameters_.add_text(key.tenant.str()); });
  const auto answer = link_.read(kKnown, parameters_);
  if (!answer) return fail(answer.error());
  if (answer->rows() == 0) return known;
  parameters_.clear();
  std::vector<std::int64_t> sequences;
  for (int row = 0; row < answer->rows(); ++row) sequences.push_back(answer->integer(row, 1));
  parameters_.column(Parameters::Element::kBigint, sequences, [this](std::int64_t s) { parameters_.add_integer(s); });
  const auto ids = link_.read(kIds, parameters_);
  if (!ids) return fail(ids.error());
  for (int row = 0; row < ids->rows(); ++row) {  // the key of an event that is gone says nothing
    const int of = static_cast<int>(ids->integer(row, 0)) - 1;
    auto id = ids->text(row, 1);
    if (!id) return fail(std::move(id).error());
    known[static_cast<std::size_t>(answer->integer(of, 0)) - 1] =
        KnownEvent{{answer->integer(of, 1)}, EventId(std::move(*id)), answer->uuid(of, 2)};
  }
  return known;
}

Result<std::optional<StoredEvent>> Queries::load(Sequence sequence) {
  parameters_.clear();
  parameters_.integer(sequence.value);
  auto found = events(load_sql());
  if (!found) return fail(std::move(found).error());
  if (found->empty()) return std::nullopt;
  return std::move(found->front());
}

Result<std::optional<RecordKey>> Queries::find_identity(const TenantId& tenant, Hash128 hash) {
  parameters_.clear();
  parameters_.uuid(hash).text(tenant.str());
  const auto answer = link_.read(kFindIdentity, parameters_);
  if (!answer) return fail(answer.error());
  if (answer->rows() == 0) return std::nullopt;
  return RecordKey{answer->integer(0, 0)};
}

Result<std::optional<Record>> Queries::load_record(const TenantId& tenant, RecordKey key) {
  parameters_.clear();
  parameters_.integer(key.value).text(tenant.str());
  const auto answer = link_.read(kLoadRecord, parameters_);
  if (!answer) return fail(answer.error());
  if (answer->rows() == 0) return std::nullopt;
  return read_record_row(*answer, 0, key, tenant);
}

Result<std::vector<std::optional<RecordKey>>> Queries::find_identities(std::span<const IdentityKey> identities) {
  std::vector<std::optional<RecordKey>> found(identities.size());
  if (identities.empty()) return found;
  parameters_.clear();
  parameters_.column(Parameters::Element::kUuid, identities,
                     [this](const IdentityKey& identity) { parameters_.add_uuid(identity.hash); });
  parameters_.column(Parameters::Element::kText, identities,
                     [this](const IdentityKey& identity) { parameters_.add_text(identity.tenant.str()); });
  const auto answer = link_.read(kFindIdentities, parameters_);
  if (!answer) return fail(answer.error());
  for (int row = 0; row < answer->rows(); ++row) {
    found[static_cast<std::size_t>(answer->integer(row, 0)) - 1] = RecordKey{answer->integer(row, 1)};
  }
  return found;
}

Result<std::vector<std::optional<Record>>> Queries::load_records(std::span<const RecordAddress> addresses) {
  std::vector<std::optional<Record>> loaded(addresses.size());
  for (std::size_t from = 0; from < addresses.size(); from += kRecordsAtOnceMax) {
    const std::size_t count = std::min(kRecordsAtOnceMax, addresses.size() - from);
    DATASYNC_TRY(load_some(addresses.subspan(from, count), std::span(loaded).subspan(from, count)));
  }
  return loaded;
}

Result<void> Queries::load_some(std::span<const RecordAddress> addresses, std::span<std::optional<Record>> loaded) {
  parameters_.clear();
  parameters_.column(Parameters::Element::kBigint, addresses,
                     [this](const RecordAddress& address) { parameters_.add_integer(address.key.value); });
  parameters_.column(Parameters::Element::kText, addresses,
                     [this](const RecordAddress& address) { parameters_.add_text(address.tenant.str()); });
  const auto answer = link_.read(kLoadRecords, parameters_);
  if (!answer) return fail(answer.error());
  for (int row = 0; row < answer->rows(); ++row) {
    const std::size_t at = static_cast<std::size_t>(answer->integer(row, 6)) - 1;
    auto record = read_record_row(*answer, row, addresses[at].key, addresses[at].tenant);
    if (!record) return fail(std::move(record).error());
    loaded[at] = std::move(*record);
  }
  return {};
}

Result<std::optional<HistoryEntry>> Queries::load_history(Sequence event) {
  parameters_.clear();
  parameters_.integer(event.value);
  const auto answer = link_.read(kLoadHistory, parameters_);
  if (!answer) return fail(answer.error());
  if (answer->rows() == 0) return std::nullopt;
  std::string tenant;
  if (auto read = read_texts(*answer, 0, {{0, &tenant}}); !read) {
    return name_row(std::move(read).error(), "record_history", event.value);
  }
  HistoryEntry entry;
  entry.event = event;
  entry.tenant = TenantId(tenant);
  entry.record = {answer->integer(0, 1)};
  entry.version = {answer->integer(0, 2)};
  auto fields = read_history_body(answer->bytes(0, 3));
  if (!fields) return name_row(std::move(fields).error(), "record_history", event.value);
  entry.overwritten = std::move(*fields);
  return entry;
}

Result<Reader::ConflictPage> Queries::conflicts(const Reader::ConflictFilter& filter) {
  const ConflictQuery query = conflict_query(filter, part_);
  const auto answer = link_.read({"", query.text.c_str()}, query.parameters);
  if (!answer) return fail(answer.error());
  return read_conflicts(*answer, std::clamp<std::int64_t>(filter.limit, 0, kNoLimit - 1));
}

Result<std::vector<LaneState>> Queries::lane_states() {
  static constexpr Sql kLaneStates{"", "SELECT tenant_id, name, value FROM lane_states"};
  const auto answer = link_.read(kLaneStates, {});
  if (!answer) return fail(answer.error());
  std::vector<LaneState> states;
  for (int row = 0; row < answer->rows(); ++row) {
    auto tenant = answer->text(row, 0);
    auto name = answer->text(row, 1);
    auto value = answer->text(row, 2);
    if (!tenant || !name || !value) return fail(ErrorCode::kCorrupt, "a stored state of a lane is damaged");
    states.push_back({TenantId(*tenant), std::move(*name), std::move(*value)});
  }
  const auto by_name = [](const LaneState& a, const LaneState& b) {
    return std::tie(a.tenant, a.name) < std::tie(b.tenant, b.name);
  };
  std::sort(states.begin(), states.end(), by_name);  // as they are, not as they are escaped
  return states;
}

Result<std::vector<LogPosition>> Queries::log_positions() {
  static constexpr Sql kLogPositions{"log_positions",
                                     "SELECT log, shard::bigint, next FROM log_positions ORDER BY log, shard"};
  const auto answer = link_.read(kLogPositions, {});
  if (!answer) return fail(answer.error());
  std::vector<LogPosition> positions;
  for (int row = 0; row < answer->rows(); ++row) {
    auto log = answer->text(row, 0);
    if (!log) return fail(ErrorCode::kCorrupt, "a stored position in the log is damaged");
    positions.push_back({std::move(*log), static_cast<std::size_t>(answer->integer(row, 1)), answer->integer(row, 2)});
  }
  return positions;
}

}  // namespace datasync::storage::postgres
