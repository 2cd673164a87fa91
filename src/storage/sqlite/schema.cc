#include "storage/sqlite/schema.h"

#include <array>
#include <string>

#include "base/log.h"
#include "storage/sqlite/file_guard.h"
#include "storage/sqlite/sqlite_store.h"

namespace datasync::storage::sqlite {
namespace {

/// Marks the file as ours (`PRAGMA application_id`): "dsyn".
constexpr std::int64_t kApplicationId = 0x6473796e;

/// Tables. Times are microseconds since 1970; 16-byte hashes are big-endian; `body` and the data columns are envelopes
/// (codec byte, then the text). An event without a row in `event_state` is pending: most never need that row before
/// they are reconciled. `event_tenants` is filled in sorted batches behind `event_log` (meta `event_tenants_until`),
/// because an index kept up with every event costs one page per tenant and transaction. For the same reason new
/// identities stand in one of two logs first (meta `identity_log_filling`), and the full one is merged into
/// `identities`.
constexpr const char* kTables = R"sql(
CREATE TABLE meta(
  name TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;

CREATE TABLE event_log(
  seq INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  event_id TEXT NOT NULL,
  event_type TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  source_platform TEXT NOT NULL,
  priority INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  body BLOB NOT NULL
);

CREATE TABLE event_tenants(
  tenant_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY(tenant_id, seq)
) WITHOUT ROWID;

CREATE TABLE event_keys(
  key BLOB NOT NULL,
  tenant_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  content_hash BLOB NOT NULL,
  PRIMARY KEY(key, tenant_id)
) WITHOUT ROWID;

CREATE TABLE event_state(
  seq INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  status INTEGER NOT NULL,  -- 0 pending 1 processing 2 completed 3 failed 4 retry 5 review 6 expired; 7, 8: see views
  record_key INTEGER,
  processed_at INTEGER,
  message TEXT,
  results TEXT              -- [[target, status, attempts, processed_at, …], …], times in microseconds
);
CREATE INDEX event_state_rare ON event_state(status, seq) WHERE status > 2;

CREATE TABLE records(
  record_key INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  body BLOB NOT NULL,       -- {"fields":{name:value,…},"ids":{platform:[[role,id],…],…}}
  marks BLOB NOT NULL       -- who wrote what when, and who holds what: packed, for this program only
);

CREATE TABLE identities(
  hash BLOB NOT NULL PRIMARY KEY,
  kind INTEGER NOT NULL,
  record_key INTEGER NOT NULL,
  tenant_id TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE identity_log_0(
  row INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  body BLOB NOT NULL        -- packed, for this program only
);
CREATE TABLE identity_log_1(
  row INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  body BLOB NOT NULL        -- packed, for this program only
);

CREATE TABLE record_history(
  seq INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  record_key INTEGER NOT NULL,
  version INTEGER NOT NULL,
  body BLOB NOT NULL
);

CREATE TABLE sync_conflicts(
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  tenant_id TEXT NOT NULL,
  conflict_type TEXT NOT NULL,
  entity_type TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  record_key INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  event_id TEXT NOT NULL,
  source_platform TEXT NOT NULL,
  target_platform TEXT NOT NULL,
  fields TEXT NOT NULL,     -- [[field, strategy, source won], …]
  source_data BLOB NOT NULL,
  target_data BLOB NOT NULL,
  resolution_strategy TEXT NOT NULL,
  status TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  resolved_at INTEGER
);
CREATE INDEX sync_conflicts_tenant ON sync_conflicts(tenant_id, row);
CREATE INDEX sync_conflicts_open ON sync_conflicts(row) WHERE status = 'open';

CREATE TABLE sync_conflict_resolutions(
  id INTEGER PRIMARY KEY,
  conflict_id TEXT NOT NULL UNIQUE,
  tenant_id TEXT NOT NULL,
  resolution_strategy TEXT NOT NULL,
  resolved_data BLOB NOT NULL,
  version INTEGER NOT NULL,
  resolved_at INTEGER NOT NULL
);

CREATE TABLE sync_metrics(
  id INTEGER PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  metric_name TEXT NOT NULL,
  metric_type TEXT NOT NULL,
  value REAL NOT NULL,
  labels TEXT NOT NULL,
  timestamp INTEGER NOT NULL
);
CREATE INDEX sync_metrics_name ON sync_metrics(metric_name, timestamp);

CREATE TABLE sync_alerts(
  id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL,
  level TEXT NOT NULL,
  title TEXT NOT NULL,
  message TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  resolved_at INTEGER
);

CREATE TABLE lane_states(
  tenant_id TEXT NOT NULL,  -- empty: of an origin, which all tenants share
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY(tenant_id, name)
) WITHOUT ROWID;

CREATE TABLE shard_leases(
  shard INTEGER PRIMARY KEY,
  instance TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  expires_at INTEGER
);
)sql";

/// What operators and other programs read. Status 7 and 8 are pending and processing again below the low-water mark: a
/// number of their own brings them into the partial index, where a restart finds them.
constexpr const char* kViews = R"sql(
CREATE VIEW sync_events AS
SELECT e.event_id AS id, e.seq, e.event_type, e.entity_type, e.source_platform,
       json_extract(b.json, '$.target_platforms') AS target_platforms,
       json_extract(b.json, '$.data') AS data,
       e.tenant_id,
       CASE ifnull(s.status, 0) WHEN 0 THEN 'pending' WHEN 1 THEN 'processing' WHEN 2 THEN 'completed' WHEN 3 THEN 'failed'
         WHEN 4 THEN 'retry' WHEN 5 THEN 'review' WHEN 6 THEN 'expired' WHEN 7 THEN 'pending' WHEN 8 THEN 'processing'
       END AS status,
       e.priority, s.message,
       strftime('%Y-%m-%dT%H:%M:%S', e.created_at / 1000000, 'unixepoch')
         || printf('.%06dZ', e.created_at % 1000000) AS created_at,
       strftime('%Y-%m-%dT%H:%M:%S', s.processed_at / 1000000, 'unixepoch')
         || printf('.%06dZ', s.processed_at % 1000000) AS processed_at
  FROM event_log e
  JOIN (SELECT seq, CASE WHEN substr(body, 1, 1) = x'00' THEN CAST(substr(body, 2) AS TEXT) END AS json FROM event_log) b
    ON b.seq = e.seq
  LEFT JOIN event_state s ON s.seq = e.seq;

CREATE VIEW sync_results AS
SELECT e.event_id || ':' || json_extract(r.value, '$[0]') AS id, e.event_id, e.tenant_id,
       json_extract(r.value, '$[0]') AS target_platform,
       CASE json_extract(r.value, '$[1]') WHEN 0 THEN 'pending' WHEN 1 THEN 'completed' WHEN 2 THEN 'failed'
         WHEN 3 THEN 'retry' WHEN 4 THEN 'review' WHEN 5 THEN 'skipped' END AS status,
       json_extract(r.value, '$[1]') = 1 AS success,
       nullif(json_extract(r.value, '$[7]'), '') AS error_message,
       ifnull(json_extract(r.value, '$[2]'), 0) AS attempts,
       strftime('%Y-%m-%dT%H:%M:%S', json_extract(r.value, '$[3]') / 1000000, 'unixepoch')
         || printf('.%06dZ', json_extract(r.value, '$[3]') % 1000000) AS processed_at,
       (json_extract(r.value, '$[3]') - e.created_at) / 1000.0 AS processing_time_ms
  FROM event_state s
  JOIN event_log e ON e.seq = s.seq
  JOIN json_each(s.results) r;

CREATE VIEW cross_platform_users AS
SELECT record_key AS id, entity_id AS user_id,
       json_extract(b.json, '$.fields.email') AS email,
       json_extract(b.json, '$.fields.name') AS name,
       tenant_id, version,
       (SELECT json_group_object(p.key, json_object('id',
                 (SELECT json_extract(i.value, '$[1]') FROM json_each(p.value) i
                   WHERE json_extract(i.value, '$[0]') = '' ORDER BY i.key DESC LIMIT 1)))
          FROM json_each(b.json, '$.ids') p) AS platform_data,
       strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch')
         || printf('.%06dZ', updated_at % 1000000) AS updated_at
  FROM (SELECT *, CASE WHEN substr(body, 1, 1) = x'00' THEN CAST(substr(body, 2) AS TEXT) END AS json
          FROM records WHERE entity_type = 'user') b;
)sql";

/// What a review needs: values that a merge was made from and came to, why a person must decide, who is to and until
/// when, and who did and why.
constexpr const char* kReviews = R"sql(
ALTER TABLE sync_conflicts ADD COLUMN details BLOB;
ALTER TABLE sync_conflicts ADD COLUMN reason TEXT;
ALTER TABLE sync_conflicts ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sync_conflicts ADD COLUMN assignee TEXT;
ALTER TABLE sync_conflicts ADD COLUMN expires_at INTEGER;
ALTER TABLE sync_conflicts ADD COLUMN expires_to INTEGER;
ALTER TABLE sync_conflict_resolutions ADD COLUMN resolved_by TEXT;
ALTER TABLE sync_conflict_resolutions ADD COLUMN reason TEXT;
ALTER TABLE sync_conflict_resolutions ADD COLUMN event_id TEXT;
)sql";

/// A user who was merged into another is no user of its own. And reviews that expire are looked up by their time; some
/// files have that index already.
constexpr const char* kMerges = R"sql(
CREATE INDEX IF NOT EXISTS sync_conflicts_expiry ON sync_conflicts(expires_at)
 WHERE status = 'open' AND expires_at IS NOT NULL;
DROP VIEW cross_platform_users;
CREATE VIEW cross_platform_users AS
SELECT record_key AS id, entity_id AS user_id,
       json_extract(b.json, '$.fields.email') AS email,
       json_extract(b.json, '$.fields.name') AS name,
       tenant_id, version,
       (SELECT json_group_object(p.key, json_object('id',
                 (SELECT json_extract(i.value, '$[1]') FROM json_each(p.value) i
                   WHERE json_extract(i.value, '$[0]') = '' ORDER BY i.key DESC LIMIT 1)))
          FROM json_each(b.json, '$.ids') p) AS platform_data,
       strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch')
         || printf('.%06dZ', updated_at % 1000000) AS updated_at
  FROM (SELECT *, CASE WHEN substr(body, 1, 1) = x'00' THEN CAST(substr(body, 2) AS TEXT) END AS json
          FROM records WHERE entity_type = 'user') b
 WHERE json_extract(b.json, '$.merged_into') IS NULL;
)sql";

/// How far each shard's events were taken from the log that they are accepted into (`LogPosition`).
constexpr const char* kLogPositions = R"sql(
CREATE TABLE log_positions(
  log TEXT NOT NULL,
  shard INTEGER NOT NULL,
  next INTEGER NOT NULL,
  PRIMARY KEY(log, shard)
) WITHOUT ROWID;
)sql";

struct Migration {
  std::int64_t version;  ///< rises; never changes once released
  std::array<const char*, 2> sql;
};

constexpr std::array kMigrations{
    Migration{1, {kTables, kViews}},
    Migration{2, {kReviews, ""}},
    Migration{3, {kMerges, ""}},
    Migration{4, {kLogPositions, ""}},
};

Result<void> apply(Connection& connection, const Migration& migration) {
  DATASYNC_TRY(connection.run("BEGIN IMMEDIATE"));
  for (const char* sql : migration.sql) DATASYNC_TRY(connection.run(sql));
  DATASYNC_TRY(connection.run(("PRAGMA user_version = " + std::to_string(migration.version)).c_str()));
  return connection.run("COMMIT");
}

/// Errors: as `migrate`.
Result<SchemaVersions> read_versions(Connection& connection) {
  const auto application = connection.query_integer("PRAGMA application_id");
  if (!application) return fail(application.error());
  const auto version = connection.query_integer("PRAGMA user_version");
  if (!version) return fail(version.error());
  const auto tables = connection.query_integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return fail(tables.error());
  const SchemaVersions state{*version, kMigrations.back().version};
  const bool fresh = *application == 0 && *tables == 0;
  if (*application != kApplicationId && !fresh) {
    return fail(ErrorCode::kInvalid, "the database file belongs to another program");
  }
  if (state.found > state.newest) {
    return fail(ErrorCode::kInvalid, "the database has schema " + std::to_string(state.found) +
                                         ", this program knows " + std::to_string(state.newest) +
                                         ": it was written by a newer version, which must be used");
  }
  return state;
}

}  // namespace

Result<SchemaVersions> look_at_schema(const std::string& path) {
  auto connection = Connection::open({path, false, {}});
  if (!connection) return fail(std::move(connection).error());
  return read_versions(*connection);
}

Result<void> expect_newest_schema(const std::string& path) {
  const auto schema = look_at_schema(path);
  if (!schema) return fail(schema.error());
  if (schema->found == schema->newest) return {};
  return fail(ErrorCode::kInvalid, path + " has schema " + std::to_string(schema->found) + ", and this program reads " +
                                       std::to_string(schema->newest) + "; run the service's own version of it");
}

Result<void> migrate(Connection& connection, std::optional<std::int64_t> to) {
  const auto state = read_versions(connection);
  if (!state) return fail(state.error());
  const auto target = schema_to_reach(*state, to);
  if (!target) return fail(target.error());
  const bool fresh = state->found == 0;
  if (fresh) DATASYNC_TRY(connection.run(("PRAGMA application_id = " + std::to_string(kApplicationId)).c_str()));
  for (const Migration& migration : kMigrations) {
    if (migration.version <= state->found || migration.version > *target) continue;
    if (auto applied = apply(connection, migration); !applied) {
      connection.roll_back();
      return applied;
    }
    if (!fresh) log::info("the database is now at schema {}", migration.version);
  }
  return {};
}

Result<void> migrate_file(const std::string& path, std::optional<std::int64_t> to) {
  // Before anything is opened: what is refused leaves no empty file behind.
  if (const auto known = schema_to_reach({0, kMigrations.back().version}, to); !known) return fail(known.error());
  const auto guard = FileGuard::take(path, "data-sync migrate");
  if (!guard) return fail(guard.error());
  auto connection = Connection::open({path, true, {}});
  if (!connection) return fail(std::move(connection).error());
  for (const char* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"}) {
    DATASYNC_TRY(connection->run(pragma));
  }
  connection->settle_old_log();
  return migrate(*connection, to);
}

}  // namespace datasync::storage::sqlite
