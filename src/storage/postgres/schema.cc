#include "storage/postgres/schema.h"

#include <array>
#include <string>
#include <string_view>
#include <thread>

#include "base/log.h"
#include "storage/postgres/schema_instances.h"
#include "storage/postgres/schema_parts.h"
#include "storage/schema_versions.h"

namespace datasync::storage::postgres {
namespace {

/// Tables. Times are microseconds since 1970; 16-byte hashes are of the type uuid, which keeps them as 16 bytes; texts
/// that come from outside are escaped (`text.h`); `body` and the data columns are envelopes (codec byte, then the
/// text).
///
/// What the server does for an event is what it writes to its log, so:
/// - `event_state` has a row for each event and no index but its key, and room in its pages: a change of status stays
/// within its page and
///   touches no index. The rare statuses (3 and above) are listed in `event_waiting` besides;
/// - `event_keys` is the only unique index over events, so that the others can be parted by time (`schema_parts.h`).
constexpr const char* kTables = R"sql(
CREATE TABLE meta(
  name text COLLATE "C" PRIMARY KEY,
  number bigint,
  bytes bytea
);

CREATE TABLE event_log(
  seq bigint PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  entity_type text COLLATE "C" NOT NULL,
  source_platform text COLLATE "C" NOT NULL,
  entity_id text COLLATE "C",  -- as it was sent; null: without
  priority smallint NOT NULL,
  created_at bigint NOT NULL,
  body bytea NOT NULL
);
ALTER TABLE event_log ALTER COLUMN body SET STORAGE EXTERNAL;  -- long ones are compressed already
CREATE INDEX event_log_tenant ON event_log(tenant_id, seq);

CREATE TABLE event_keys(
  key uuid NOT NULL,
  tenant_id text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  created_at bigint NOT NULL,
  content_hash uuid NOT NULL,
  PRIMARY KEY(key, tenant_id)
) PARTITION BY HASH (key);
CREATE TABLE event_keys_0 PARTITION OF event_keys FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE event_keys_1 PARTITION OF event_keys FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE event_keys_2 PARTITION OF event_keys FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE event_keys_3 PARTITION OF event_keys FOR VALUES WITH (MODULUS 4, REMAINDER 3);

CREATE TABLE event_state(
  seq bigint PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL,
  status smallint NOT NULL,  -- 0 pending 1 processing 2 completed 3 failed 4 retry 5 review 6 expired; 7, 8: see views
  record_key bigint,
  processed_at bigint,
  message text,
  results bytea              -- JSON: [[target, status, attempts, processed_at, …], …], times in microseconds
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE event_waiting(
  seq bigint PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL,
  status smallint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX event_waiting_status ON event_waiting(status, seq);

CREATE TABLE records(
  record_key bigint PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL,
  entity_type text COLLATE "C" NOT NULL,
  entity_id text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  updated_at bigint NOT NULL,
  body bytea NOT NULL,       -- {"fields":{name:value,…},"ids":{platform:[[role,id],…],…}}
  marks bytea NOT NULL       -- who wrote what when, and who holds what: packed, for this program only
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE records ALTER COLUMN body SET STORAGE EXTERNAL, ALTER COLUMN marks SET STORAGE EXTERNAL;

CREATE TABLE identities(
  hash uuid PRIMARY KEY,
  kind smallint NOT NULL,
  record_key bigint NOT NULL,
  tenant_id text COLLATE "C" NOT NULL
);

CREATE TABLE record_history(
  seq bigint PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL,
  record_key bigint NOT NULL,
  version bigint NOT NULL,
  body bytea NOT NULL
);
ALTER TABLE record_history ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE sync_conflicts(
  row_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  tenant_id text COLLATE "C" NOT NULL,
  conflict_type text COLLATE "C" NOT NULL,
  entity_type text COLLATE "C" NOT NULL,
  entity_id text COLLATE "C" NOT NULL,
  record_key bigint NOT NULL,
  seq bigint NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  source_platform text COLLATE "C" NOT NULL,
  target_platform text COLLATE "C" NOT NULL,
  fields bytea NOT NULL,     -- JSON: [[field, strategy, outcome, platform, event], …]
  source_data bytea NOT NULL,
  target_data bytea NOT NULL,
  details bytea NOT NULL,
  resolution_strategy text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  created_at bigint NOT NULL,
  resolved_at bigint,
  reason text COLLATE "C" NOT NULL,
  revision bigint NOT NULL,
  assignee text COLLATE "C" NOT NULL,
  expires_at bigint,
  expires_to smallint
);
CREATE INDEX sync_conflicts_tenant ON sync_conflicts(tenant_id, row_number);
CREATE INDEX sync_conflicts_open ON sync_conflicts(row_number) WHERE status = 'open';
CREATE INDEX sync_conflicts_expiry ON sync_conflicts(expires_at) WHERE status = 'open' AND expires_at IS NOT NULL;

CREATE TABLE sync_conflict_resolutions(
  conflict_id text COLLATE "C" PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL,
  resolution_strategy text COLLATE "C" NOT NULL,
  resolved_data bytea NOT NULL,
  version bigint NOT NULL,
  resolved_at bigint NOT NULL,
  resolved_by text COLLATE "C" NOT NULL,
  reason text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL
);

CREATE TABLE lane_states(
  tenant_id text COLLATE "C" NOT NULL,  -- empty: of an origin, which all tenants share
  name text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL,
  PRIMARY KEY(tenant_id, name)
);

CREATE TABLE shard_leases(
  shard int PRIMARY KEY,
  holder uuid NOT NULL,         -- one opening of the store; instance is its name, for people
  instance text COLLATE "C" NOT NULL,
  epoch bigint NOT NULL,
  last_commit bigint NOT NULL,  -- the number of its holder's last transaction
  expires_at bigint
) WITH (fillfactor = 10);
)sql";

/// What every transaction begins with, and what ends it where it must not go on. Raised as errors, since a pipeline
/// goes on after anything else.
constexpr const char* kFunctions = R"sql(
CREATE FUNCTION datasync_claim(wanted_epoch bigint, commit_number bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE shard_leases SET last_commit = commit_number WHERE shard = 0 AND epoch = wanted_epoch;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'DS001',
      MESSAGE = coalesce((SELECT instance FROM shard_leases WHERE shard = 0), 'nobody');
  END IF;
END $$;

-- A holder that lost its connection: its former transactions end, or find that their epoch has passed.
CREATE FUNCTION datasync_claim_again(wanted_holder uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE shard_leases SET epoch = epoch + 1 WHERE holder = wanted_holder;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'DS001',
      MESSAGE = coalesce((SELECT instance FROM shard_leases WHERE shard = 0), 'nobody');
  END IF;
END $$;

CREATE FUNCTION datasync_expect(actual bigint, wanted bigint, state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF actual <> wanted THEN
    RAISE EXCEPTION USING ERRCODE = state, MESSAGE = 'not as expected';
  END IF;
END $$;

-- Identities that were not inserted are there already; they must be of the same records.
CREATE FUNCTION datasync_expect_identities(inserted bigint, hashes uuid[], records bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF inserted < cardinality(hashes) AND EXISTS (
    SELECT FROM unnest(hashes, records) w(hash, record_key) JOIN identities i ON i.hash = w.hash
     WHERE i.record_key <> w.record_key) THEN
    RAISE EXCEPTION USING ERRCODE = 'DS003', MESSAGE = 'not as expected';
  END IF;
END $$;
)sql";

/// What operators and other programs read. Status 7 and 8 are pending and processing again below the low-water mark.
constexpr const char* kViews = R"sql(
-- The text in an envelope, where it is plain and JSON.
CREATE FUNCTION datasync_json(envelope bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  IF get_byte(envelope, 0) <> 0 THEN RETURN NULL; END IF;
  RETURN convert_from(substr(envelope, 2), 'UTF8')::jsonb;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;

CREATE FUNCTION datasync_time(microseconds bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS $$
  SELECT timestamptz 'epoch' + microseconds * interval '1 microsecond'
$$;

CREATE VIEW sync_events AS
SELECT e.event_id AS id, e.seq, e.event_type, e.entity_type, e.source_platform,
       datasync_json(e.body) -> 'target_platforms' AS target_platforms,
       datasync_json(e.body) -> 'data' AS data,
       e.tenant_id,
       (ARRAY['pending', 'processing', 'completed', 'failed', 'retry', 'review', 'expired', 'pending', 'processing'])
         [coalesce(s.status, 0) + 1] AS status,
       e.priority, s.message, datasync_time(e.created_at) AS created_at, datasync_time(s.processed_at) AS processed_at
  FROM event_log e LEFT JOIN event_state s ON s.seq = e.seq;

CREATE VIEW sync_results AS
SELECT e.event_id || ':' || (r.value ->> 0) AS id, e.event_id, e.tenant_id, r.value ->> 0 AS target_platform,
       (ARRAY['pending', 'completed', 'failed', 'retry', 'review', 'skipped'])[(r.value ->> 1)::int + 1] AS status,
       (r.value ->> 1)::int = 1 AS success, nullif(r.value ->> 7, '') AS error_message,
       coalesce((r.value ->> 2)::int, 0) AS attempts, datasync_time((r.value ->> 3)::bigint) AS processed_at,
       ((r.value ->> 3)::bigint - e.created_at) / 1000.0 AS processing_time_ms
  FROM event_state s JOIN event_log e ON e.seq = s.seq
  CROSS JOIN LATERAL jsonb_array_elements(datasync_json('\x00' || s.results)) r;

CREATE VIEW cross_platform_users AS
SELECT b.record_key AS id, b.entity_id AS user_id, b.json -> 'fields' ->> 'email' AS email,
       b.json -> 'fields' ->> 'name' AS name, b.tenant_id, b.version,
       (SELECT jsonb_object_agg(p.key, jsonb_build_object('id',
                 (SELECT i.value ->> 1 FROM jsonb_array_elements(p.value) WITH ORDINALITY i(value, at)
                   WHERE i.value ->> 0 = '' ORDER BY i.at DESC LIMIT 1)))
          FROM jsonb_each(b.json -> 'ids') p) AS platform_data,
       datasync_time(b.updated_at) AS updated_at
  FROM (SELECT *, datasync_json(body) AS json FROM records WHERE entity_type = 'user') b
 WHERE b.json ->> 'merged_into' IS NULL;
)sql";

/// How far each shard's events were taken from the log that they are accepted into (`LogPosition`).
constexpr const char* kLogPositions = R"sql(
CREATE TABLE log_positions(
  log text COLLATE "C" NOT NULL,
  shard int NOT NULL,
  next bigint NOT NULL,
  PRIMARY KEY(log, shard)
) WITH (fillfactor = 10);
)sql";

constexpr std::int64_t kPartsVersion = 4;

struct Migration {
  std::int64_t version;            ///< rises; never changes once released
  std::array<const char*, 3> sql;  ///< null: none
};

/// The instances of the version before may still run: a migration adds, and takes away only what they don't use.
constexpr std::array kMigrations{
    Migration{1, {kTables, kFunctions, kViews}},
    Migration{2, {kInstanceTables, kInstanceFunctions, nullptr}},
    Migration{3, {kLogPositions, nullptr, nullptr}},
    Migration{kPartsVersion, {kPartTables, kPartFunctions, nullptr}},
};

constexpr std::chrono::seconds kMigrationMax{3600};
constexpr std::string_view kLockNotAvailable = "55P03";
constexpr std::string_view kDeadlockDetected = "40P01";

/// Of one schema, since several may share a database: the lock has the number of its name.
constexpr const char* kBegin = R"sql(
BEGIN;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = '60s';
SELECT pg_advisory_xact_lock(hashtext('data-sync'), hashtext(current_schema()));
SET LOCAL lock_timeout = '60s';
CREATE TABLE IF NOT EXISTS datasync_schema(version bigint PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
)sql";

/// What takes long, and need not stop those who work meanwhile.
Outcome<void> prepare(Connection& connection, std::int64_t found, std::int64_t target) {
  if (found == 0 || found >= kPartsVersion || target < kPartsVersion) return {};
  return connection.run_script(kPrepareParts, kMigrationMax);
}

Outcome<void> apply_all(Connection& connection, std::optional<std::int64_t> to) {
  if (auto begun = connection.run_script(kBegin, kMigrationMax); !begun) return begun;
  const auto versions = read_versions(connection);
  if (!versions) return tl::unexpected(versions.error());
  const auto target = schema_to_reach({versions->found, versions->newest}, to);
  if (!target) return tl::unexpected(Failure{target.error()});
  // Reading may have set the usual limits for this transaction.
  if (auto done = connection.run_script("SET LOCAL statement_timeout = 0", kMigrationMax); !done) return done;
  for (const Migration& migration : kMigrations) {
    if (migration.version <= versions->found || migration.version > *target) continue;
    for (const char* sql : migration.sql) {
      if (sql == nullptr) continue;
      if (auto done = connection.run_script(sql, kMigrationMax); !done) return done;
    }
    const std::string note = "INSERT INTO datasync_schema VALUES(" + std::to_string(migration.version) + ")";
    if (auto done = connection.run_script(note.c_str(), kMigrationMax); !done) return done;
    if (versions->found > 0) log::info("the database is now at schema {}", migration.version);
  }
  return connection.run_script("COMMIT", kMigrationMax);
}

Outcome<void> try_to_migrate(Connection& connection, std::optional<std::int64_t> to) {
  const auto versions = read_versions(connection);
  if (!versions) return tl::unexpected(versions.error());
  const auto target = schema_to_reach({versions->found, versions->newest}, to);
  if (!target) return tl::unexpected(Failure{target.error()});
  if (versions->found == *target) return {};
  auto applied = prepare(connection, versions->found, *target);
  if (applied) applied = apply_all(connection, to);
  if (!applied && !connection.lost()) {
    if (auto undone = connection.run_script("ROLLBACK", kMigrationMax); !undone) return undone;
  }
  return applied;
}

/// Others have the tables that it needs: it may be tried again.
bool is_held_up(const Failure& failure) {
  return !failure.lost && (failure.state == kLockNotAvailable || failure.state == kDeadlockDetected);
}

Failure given_up(Failure last, int tries) {
  last.error.code = ErrorCode::kUnavailable;
  last.error.message =
      "the database can't be migrated, since other transactions keep its tables locked: it was tried " +
      std::to_string(tries) +
      " times. pg_stat_activity shows who has been in a transaction for long; end that, or stop the "
      "other instances, and start again";
  return last;
}

}  // namespace

Outcome<Versions> read_versions(Connection& connection) {
  Versions versions;
  versions.newest = kMigrations.back().version;
  const Sql exists{"", "SELECT to_regclass('datasync_schema') IS NOT NULL AND current_schema() IS NOT NULL"};
  const Sql highest{"", "SELECT coalesce(max(version), 0) FROM datasync_schema"};
  const Step look{&exists};
  auto there = connection.run({&look, 1});
  if (!there) return tl::unexpected(std::move(there).error());
  if (there->front().integer(0, 0) == 0) return versions;
  const Step ask{&highest};
  auto found = connection.run({&ask, 1});
  if (!found) return tl::unexpected(std::move(found).error());
  versions.found = found->front().integer(0, 0);
  if (versions.found > versions.newest) {
    return tl::unexpected(
        Failure{{ErrorCode::kInvalid,
                 "the database has schema " + std::to_string(versions.found) + ", this program knows " +
                     std::to_string(versions.newest) + ": it was written by a newer version, which must be used",
                 {}}});
  }
  return versions;
}

Outcome<void> migrate(Connection& connection, std::optional<std::int64_t> to, Patience patience) {
  auto pause = patience.first_pause;
  for (int left = patience.tries_max - 1;; --left, pause *= 2) {
    auto done = try_to_migrate(connection, to);
    if (done || !is_held_up(done.error())) return done;
    if (left <= 0) return tl::unexpected(given_up(std::move(done).error(), patience.tries_max));
    log::warning("the database is not migrated yet: {} ({}); it is tried again in {} ms, and {} times more at most",
                 done.error().error.message, done.error().error.detail, pause.count(), left - 1);
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace datasync::storage::postgres
