#include "storage/postgres/conflict_rows.h"

#include <algorithm>
#include <limits>

#include "storage/codec/record_codec.h"

namespace datasync::storage::postgres {
namespace {

std::int64_t micros(Timestamp time) {
  return time.time_since_epoch().count();
}

/// FROM and WHERE of a conflict query.
struct Where {
  std::string text = "true";
  Parameters& parameters;

  void add(std::string_view column, const std::string& value) {
    if (value.empty()) return;
    parameters.text(value);
    text += " AND " + std::string(column) + " = $" + std::to_string(parameters.size()) + "::text";
  }
};

Where where_of(const Reader::ConflictFilter& filter, Parameters& parameters) {
  Where where{.parameters = parameters};
  if (!filter.tenants.empty()) {
    parameters.column(Parameters::Element::kText, filter.tenants,
                      [&](const TenantId& tenant) { parameters.add_text(tenant.str()); });
    where.text += " AND tenant_id = ANY($" + std::to_string(parameters.size()) + "::text[])";
  }
  // Spelled out, so that the partial index on open conflicts can serve.
  if (filter.status == "open") {
    where.text += " AND status = 'open'";
  } else {
    where.add("status", filter.status);
  }
  where.add("id", filter.id);
  where.add("assignee", filter.assignee);
  if (filter.expires_until) {
    parameters.integer(micros(*filter.expires_until));
    where.text += " AND expires_at <= $" + std::to_string(parameters.size()) + "::bigint";
  }
  where.add("entity_type", filter.entity);
  where.add("conflict_type", filter.type);
  where.add("entity_id", filter.entity_id.str());
  return where;
}

constexpr int kFirstColumn = 1;  // behind the total

/// Reads a row's texts one after the other; the first that is damaged is remembered.
class RowReader {
 public:
  RowReader(const Answer& answer, int row) : answer_(answer), row_(row) {}
  std::string text() {
    auto read = answer_.text(row_, at_++);
    if (read) return std::move(*read);
    if (damage_) damage_ = fail(std::move(read).error());
    return {};
  }
  std::string_view bytes() { return answer_.bytes(row_, at_++); }
  std::int64_t integer() { return answer_.integer(row_, at_++); }
  [[nodiscard]] bool is_null() const { return answer_.is_null(row_, at_); }
  [[nodiscard]] const Result<void>& damage() const { return damage_; }

 private:
  const Answer& answer_;
  int row_;
  int at_ = kFirstColumn;
  Result<void> damage_;
};

std::optional<Timestamp> read_time(RowReader& row) {
  const bool none = row.is_null();
  const std::int64_t value = row.integer();
  if (none) return std::nullopt;
  return Timestamp{microseconds{value}};
}

Result<Conflict> read_conflict(RowReader row) {
  Conflict conflict;
  const std::int64_t number = row.integer();
  conflict.id = row.text();
  conflict.tenant = TenantId(row.text());
  conflict.type = row.text();
  conflict.entity = row.text();
  conflict.entity_id = EntityId(row.text());
  conflict.record = {row.integer()};
  conflict.event = {row.integer()};
  conflict.event_id = EventId(row.text());
  conflict.source = PlatformId(row.text());
  conflict.target = PlatformId(row.text());
  const std::string_view names = row.bytes();
  const std::string_view source_data = row.bytes();
  const std::string_view target_data = row.bytes();
  const std::string_view details = row.bytes();
  auto fields = read_conflict_fields(names, source_data, target_data, details);
  if (!fields) {
    Error error = std::move(fields).error();
    error.detail = "sync_conflicts row " + std::to_string(number) + ": " + error.detail;
    return fail(std::move(error));
  }
  conflict.fields = std::move(*fields);
  conflict.status = row.text();
  conflict.version = {row.integer()};
  conflict.created_at = Timestamp{microseconds{row.integer()}};
  conflict.resolved_at = read_time(row);
  conflict.reason = row.text();
  conflict.revision = row.integer();
  conflict.assignee = row.text();
  conflict.expires_at = read_time(row);
  const bool to_source = row.integer() == static_cast<std::int64_t>(Conflict::Outcome::kSource);
  if (conflict.expires_at) conflict.expires_to = to_source ? Conflict::Outcome::kSource : Conflict::Outcome::kTarget;
  conflict.resolved_by = row.text();
  conflict.resolved_why = row.text();
  conflict.resolved_event = EventId(row.text());
  if (!row.damage()) return fail(row.damage().error());
  return conflict;
}

}  // namespace

constinit const Sql kPutConflict{
    "put_conflict",
    "INSERT INTO sync_conflicts(id, tenant_id, conflict_type, entity_type, entity_id, record_key, seq, event_id, "
    "source_platform, target_platform, fields, source_data, target_data, details, resolution_strategy, status, "
    "version, created_at, resolved_at, reason, revision, assignee, expires_at, expires_to) "
    "VALUES($1::text, $2::text, $3::text, $4::text, $5::text, $6::bigint, $7::bigint, $8::text, $9::text, $10::text, "
    "$11::bytea, $12::bytea, $13::bytea, $14::bytea, $15::text, $16::text, $17::bigint, $18::bigint, $19::bigint, "
    "$20::text, $21::bigint, $22::text, $23::bigint, $24::bigint) "
    "ON CONFLICT(id) DO UPDATE SET tenant_id = excluded.tenant_id, conflict_type = excluded.conflict_type, "
    "entity_type = excluded.entity_type, entity_id = excluded.entity_id, record_key = excluded.record_key, "
    "seq = excluded.seq, event_id = excluded.event_id, source_platform = excluded.source_platform, "
    "target_platform = excluded.target_platform, fields = excluded.fields, source_data = excluded.source_data, "
    "target_data = excluded.target_data, details = excluded.details, "
    "resolution_strategy = excluded.resolution_strategy, status = excluded.status, version = excluded.version, "
    "created_at = excluded.created_at, resolved_at = excluded.resolved_at, reason = excluded.reason, "
    "revision = excluded.revision, assignee = excluded.assignee, expires_at = excluded.expires_at, "
    "expires_to = excluded.expires_to"};

constinit const Sql kPutResolution{
    "put_resolution",
    "INSERT INTO sync_conflict_resolutions(conflict_id, tenant_id, resolution_strategy, resolved_data, version, "
    "resolved_at, resolved_by, reason, event_id) VALUES($1::text, $2::text, $3::text, $4::bytea, $5::bigint, "
    "$6::bigint, $7::text, $8::text, $9::text) ON CONFLICT(conflict_id) "
    "DO UPDATE SET resolution_strategy = excluded.resolution_strategy, resolved_data = excluded.resolved_data, "
    "version = excluded.version, resolved_at = excluded.resolved_at, resolved_by = excluded.resolved_by, "
    "reason = excluded.reason, event_id = excluded.event_id"};

void write_conflict(Parameters& out, const Conflict& conflict) {
  const ConflictColumns columns = conflict_columns(conflict);
  out.text(conflict.id).text(conflict.tenant.str()).text(conflict.type).text(conflict.entity);
  out.text(conflict.entity_id.str()).integer(conflict.record.value).integer(conflict.event.value);
  out.text(conflict.event_id.str()).text(conflict.source.str()).text(conflict.target.str());
  out.bytes(columns.fields).bytes(columns.source_data).bytes(columns.target_data).bytes(columns.details);
  out.text(columns.resolution_strategy).text(conflict.status).integer(conflict.version.value);
  out.integer(micros(conflict.created_at));
  conflict.resolved_at ? out.integer(micros(*conflict.resolved_at)) : out.null();
  out.text(conflict.reason).integer(conflict.revision).text(conflict.assignee);
  if (conflict.expires_at) {
    out.integer(micros(*conflict.expires_at)).integer(static_cast<std::int64_t>(conflict.expires_to));
  } else {
    out.null().null();
  }
}

void write_resolution(Parameters& out, const Conflict& conflict) {
  const ConflictColumns columns = conflict_columns(conflict);
  out.text(conflict.id).text(conflict.tenant.str()).text(columns.resolution_strategy);
  out.bytes(conflict_outcome(conflict)).integer(conflict.version.value).integer(micros(*conflict.resolved_at));
  out.text(conflict.resolved_by).text(conflict.resolved_why).text(conflict.resolved_event.str());
}

ConflictQuery conflict_query(const Reader::ConflictFilter& filter, std::string_view part) {
  ConflictQuery query;
  std::string where = where_of(filter, query.parameters).text;
  if (!part.empty()) {
    query.parameters.bytes(part);
    where += " AND get_bit($" + std::to_string(query.parameters.size()) + "::bytea, datasync_shard(tenant_id)) = 1";
  }
  constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();
  query.parameters.integer(filter.before > 0 ? filter.before : kNewest);
  const std::string before = std::to_string(query.parameters.size());
  query.parameters.integer(std::clamp<std::int64_t>(filter.limit, 0, kNewest - 1) + 1);
  const std::string limit = std::to_string(query.parameters.size());
  query.text =
      "SELECT t.total, p.* FROM (SELECT count(*) AS total FROM sync_conflicts WHERE " + where +
      ") t LEFT JOIN (SELECT c.row_number, c.id, c.tenant_id, c.conflict_type, c.entity_type, c.entity_id, "
      "c.record_key, c.seq, c.event_id, c.source_platform, c.target_platform, c.fields, c.source_data, c.target_data, "
      "c.details, c.status, c.version, c.created_at, c.resolved_at, c.reason, c.revision, c.assignee, c.expires_at, "
      "c.expires_to, r.resolved_by, r.reason AS why, r.event_id AS by_event FROM "
      "(SELECT * FROM sync_conflicts WHERE " +
      where + " AND row_number < $" + before + "::bigint ORDER BY " +
      // The few that expire come by their time, so that the next ones to expire are on the first page.
      (filter.expires_until ? "expires_at" : "row_number DESC") + " LIMIT $" + limit +
      "::bigint) c LEFT JOIN sync_conflict_resolutions r ON r.conflict_id = c.id) p ON true ORDER BY " +
      (filter.expires_until ? "p.expires_at" : "p.row_number DESC");
  return query;
}

Result<Reader::ConflictPage> read_conflicts(const Answer& answer, std::int64_t limit) {
  Reader::ConflictPage page;
  page.total = answer.integer(0, 0);
  for (int row = 0; row < answer.rows() && !answer.is_null(row, kFirstColumn); ++row) {
    if (row >= limit) {
      page.next = row > 0 ? answer.integer(row - 1, kFirstColumn) : 0;
      break;
    }
    auto conflict = read_conflict(RowReader(answer, row));
    if (!conflict) return fail(std::move(conflict).error());
    page.conflicts.push_back(std::move(*conflict));
  }
  return page;
}

}  // namespace datasync::storage::postgres
