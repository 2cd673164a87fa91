#pragma once

namespace datasync::storage::postgres {

/// Migration 4: events are parted by time, so that retention drops what it would delete row by row.
///
/// - `event_log`, `event_state` and `histories` are partitioned alike by ranges of `seq`, which all look-ups have: part
///   number n holds the sequences from n · 2^36. A part is begun by moving the numbers there (`datasync_begin_part`),
///   eight times while an event is kept; so its bounds are known ahead, and attaching it blocks nobody. Two lie ready.
/// - The lowest part is what is *kept*: it reaches up to the next one, and its rows go one by one as they become old:
///   at first all that was stored before this migration, later only what outlived its own part.
/// - The part above it goes when all that ended in its time is old (`datasync_drop_part`): what is still open, or ended
///   late, stands in `event_waiting` and moves into the kept part. That takes all locks for a moment; who can't have
///   them at once tries again later.
/// - Keys have one index over all parts, since an id is known as long as its event is stored. Those of dropped events
///   are swept in small steps afterwards; one that comes again before that is freed by who needs it.
///
/// `record_history` keeps its name as the first part of `histories`: the version before looks for it in errors.
inline constexpr const char* kPartTables = R"sql(
SET LOCAL lock_timeout = '5s';  -- who waits for these locks makes everybody wait

CREATE TABLE event_parts(
  number bigint PRIMARY KEY,
  begun_at timestamptz  -- null: it lies ready
);
LOCK TABLE event_log, event_state, record_history IN ACCESS EXCLUSIVE MODE;

-- What is there is the first part. `kPrepareParts` has proved that its rows fit, so none is looked at.
DO $$
DECLARE
  bound CONSTANT bigint := coalesce((SELECT substring(pg_get_constraintdef(oid) FROM '\d{11,}')::bigint
                                       FROM pg_constraint WHERE conrelid = 'event_log'::regclass
                                        AND conname = 'first_part'), 68719476736);
  part CONSTANT bigint := (bound >> 36) - 1;
BEGIN
  INSERT INTO event_parts VALUES(part, clock_timestamp());
  EXECUTE format($sql$
    ALTER TABLE event_log RENAME TO event_log_%1$s;
    ALTER TABLE event_log_%1$s RENAME CONSTRAINT event_log_pkey TO event_log_%1$s_pkey;
    ALTER INDEX event_log_tenant RENAME TO event_log_%1$s_tenant;
    ALTER TABLE event_state RENAME TO event_state_%1$s;
    ALTER TABLE event_state_%1$s RENAME CONSTRAINT event_state_pkey TO event_state_%1$s_pkey;

    CREATE TABLE event_log(LIKE event_log_%1$s INCLUDING STORAGE) PARTITION BY RANGE (seq);
    ALTER TABLE event_log ADD PRIMARY KEY(seq);
    CREATE INDEX event_log_tenant ON event_log(tenant_id, seq);
    CREATE TABLE event_state(LIKE event_state_%1$s INCLUDING STORAGE) PARTITION BY RANGE (seq);
    ALTER TABLE event_state ADD PRIMARY KEY(seq);
    CREATE TABLE histories(LIKE record_history INCLUDING STORAGE) PARTITION BY RANGE (seq);
    ALTER TABLE histories ADD PRIMARY KEY(seq);

    ALTER TABLE event_log ATTACH PARTITION event_log_%1$s FOR VALUES FROM (MINVALUE) TO (%2$s);
    ALTER TABLE event_state ATTACH PARTITION event_state_%1$s FOR VALUES FROM (MINVALUE) TO (%2$s);
    ALTER TABLE histories ATTACH PARTITION record_history FOR VALUES FROM (MINVALUE) TO (%2$s);
    ALTER TABLE event_log_%1$s DROP CONSTRAINT IF EXISTS first_part;
    ALTER TABLE event_state_%1$s DROP CONSTRAINT IF EXISTS first_part;
    ALTER TABLE record_history DROP CONSTRAINT IF EXISTS first_part;
  $sql$, part, bound);
END $$;

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['sync_events', 'sync_results'] LOOP
    EXECUTE format('CREATE OR REPLACE VIEW %I AS %s', name,
                   regexp_replace(pg_get_viewdef(name::regclass), 'event_(log|state)_\d+', 'event_\1', 'g'));
  END LOOP;
END $$;
)sql";

inline constexpr const char* kPartFunctions = R"sql(
CREATE FUNCTION datasync_parent(which int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT (ARRAY['event_log', 'event_state', 'histories'])[which]
$$;

CREATE FUNCTION datasync_part_of(which int, part bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN which = 3 AND to_regclass('record_history') IS NOT NULL
               AND part = (SELECT min(number) FROM event_parts) THEN 'record_history'
         ELSE datasync_parent(which) || '_' || part END
$$;

CREATE FUNCTION datasync_make_table(which int, name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE TABLE %I(LIKE %I INCLUDING STORAGE) WITH (%s)', name, datasync_parent(which),
                 CASE which WHEN 2 THEN 'fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05'
                 ELSE 'fillfactor = 100' END);
END $$;

CREATE FUNCTION datasync_attach(which int, name text, first text, part bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', datasync_parent(which), name, first,
                 (part + 1) << 36);
END $$;

CREATE FUNCTION datasync_make_parts(last bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  part bigint;
BEGIN
  FOR part IN SELECT generate_series((SELECT max(number) + 1 FROM event_parts), last) LOOP
    FOR which IN 1..3 LOOP
      PERFORM datasync_make_table(which, datasync_part_of(which, part));
      PERFORM datasync_attach(which, datasync_part_of(which, part), (part << 36)::text, part);
    END LOOP;
    INSERT INTO event_parts(number) VALUES(part);
  END LOOP;
END $$;

CREATE FUNCTION datasync_tends_parts() RETURNS boolean LANGUAGE sql AS $$
  SELECT pg_try_advisory_xact_lock(hashtext('data-sync parts'), hashtext(current_schema()))
$$;

-- Begins the next part where it is time, and returns the number of the newest that was begun. One that nothing was
-- written to goes on: its end is what counts.
CREATE FUNCTION datasync_begin_part(before bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  newest event_parts;
  used bigint;  -- where the numbers are by now
  wanted bigint;
BEGIN
  SELECT * INTO newest FROM event_parts WHERE begun_at IS NOT NULL ORDER BY number DESC LIMIT 1;
  IF NOT datasync_tends_parts() THEN RETURN newest.number; END IF;
  PERFORM set_config('lock_timeout', '1000', true);
  used := greatest((SELECT max(seq) FROM event_log) >> 36, (SELECT last_value FROM number_blocks) >> 20,
                   newest.number);
  wanted := used;
  IF clock_timestamp() >= newest.begun_at + greatest((clock_timestamp() - datasync_time(before)) / 8, interval '1 hour')
     AND EXISTS (SELECT FROM event_log WHERE seq >= newest.number << 36) THEN
    wanted := used + 1;
    PERFORM setval('number_blocks', wanted << 20);
    INSERT INTO meta(name, number) VALUES('last_sequence', (wanted << 36) - 1)
      ON CONFLICT(name) DO UPDATE SET number = greatest(meta.number, excluded.number);
  END IF;
  PERFORM datasync_make_parts(wanted + 2);
  UPDATE event_parts SET begun_at = clock_timestamp() WHERE number <= wanted AND begun_at IS NULL;
  RETURN wanted;
END $$;

-- Drops the oldest part above what is kept, where that is time. 0: it is not; 1: done; 2: perhaps later; 3: too many of
-- its rows must stay, so the old ones go one by one.
CREATE FUNCTION datasync_drop_part(before bigint) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  rows_max CONSTANT bigint := 10000;
  kept bigint;
  gone bigint;
  ended timestamptz;
  moved bigint;
  stay bigint[];
BEGIN
  SELECT min(number) INTO kept FROM event_parts;
  gone := kept + 1;
  SELECT begun_at INTO ended FROM event_parts WHERE number = gone + 1;
  -- What ended up to half an hour later may not be listed as late.
  IF ended IS NULL OR ended + interval '30 minutes' > datasync_time(before) THEN RETURN 0; END IF;
  IF NOT datasync_tends_parts() THEN RETURN 2; END IF;
  -- From the mark on, what is open is not listed; most often the mark is behind the part.
  SELECT count(*) INTO moved FROM (
    SELECT FROM event_state WHERE seq >= greatest(datasync_low_water(), gone << 36) AND seq < (gone + 1) << 36
     LIMIT rows_max + 1) o;
  IF moved > rows_max THEN RETURN 2; END IF;
  SELECT count(*) INTO moved FROM (SELECT FROM event_log WHERE seq < gone << 36 LIMIT rows_max + 1) k;
  moved := moved + (SELECT count(*) FROM event_waiting WHERE seq >= gone << 36 AND seq < (gone + 1) << 36);
  IF moved > rows_max THEN RETURN 3; END IF;

  PERFORM set_config('lock_timeout', '100', true);
  LOCK TABLE ONLY event_log, ONLY event_state, ONLY histories IN ACCESS EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM event_state WHERE seq >= greatest(datasync_low_water(), gone << 36)
                AND seq < (gone + 1) << 36 AND status IN (0, 1)) THEN
    RETURN 2;
  END IF;
  SELECT coalesce(array_agg(w.seq), '{}') INTO stay
    FROM event_waiting w JOIN event_log e ON e.seq = w.seq LEFT JOIN event_state s ON s.seq = w.seq
   WHERE w.seq >= gone << 36 AND w.seq < (gone + 1) << 36
     AND (coalesce(s.status, 0) NOT IN (2, 3, 6) OR greatest(e.created_at, s.processed_at) >= before);
  FOR which IN 1..3 LOOP
    PERFORM datasync_make_table(which, datasync_parent(which) || '_kept');
    EXECUTE format('INSERT INTO %1$I SELECT * FROM %2$I; INSERT INTO %1$I SELECT * FROM %3$I WHERE seq = ANY(%4$L)',
                   datasync_parent(which) || '_kept', datasync_part_of(which, kept), datasync_part_of(which, gone),
                   stay);
    EXECUTE format('ALTER TABLE %1$I DETACH PARTITION %2$I; ALTER TABLE %1$I DETACH PARTITION %3$I; DROP TABLE %2$I, '
                   '%3$I; ALTER TABLE %4$I RENAME TO %3$I', datasync_parent(which), datasync_part_of(which, kept),
                   datasync_part_of(which, gone), datasync_parent(which) || '_kept');
    PERFORM datasync_attach(which, datasync_part_of(which, gone), 'MINVALUE', gone);
  END LOOP;
  DELETE FROM event_waiting WHERE seq >= gone << 36 AND seq < (gone + 1) << 36
                              AND (status = 2 OR NOT seq = ANY(stay));
  DELETE FROM event_parts WHERE number = kept;
  INSERT INTO meta(name, number) VALUES('keys_swept', 0) ON CONFLICT(name) DO UPDATE SET number = 0;
  RETURN 1;
EXCEPTION WHEN lock_not_available THEN
  RETURN 2;
END $$;

-- Deletes the keys of dropped events, so many pages a step; whether there is more.
CREATE FUNCTION datasync_sweep_keys(pages bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  swept bigint;  -- page and, in the lowest two bits, the table
  page bigint;
  keys text;
BEGIN
  SELECT number INTO swept FROM meta WHERE name = 'keys_swept' FOR UPDATE SKIP LOCKED;
  IF swept IS NULL THEN RETURN false; END IF;
  page := swept >> 2;
  keys := 'event_keys_' || (swept & 3);
  EXECUTE format('DELETE FROM %I k WHERE k.ctid >= %L AND k.ctid < %L AND k.seq < $1 AND NOT EXISTS (SELECT FROM '
                 'event_log e WHERE e.seq = k.seq)', keys, format('(%s,0)', page), format('(%s,0)', page + pages))
    USING (SELECT min(number) + 1 FROM event_parts) << 36;
  IF (page + pages) * current_setting('block_size')::bigint < pg_relation_size(keys::regclass) THEN
    swept := ((page + pages) << 2) | (swept & 3);
  ELSIF swept & 3 = 3 THEN
    DELETE FROM meta WHERE name = 'keys_swept';
    RETURN false;
  ELSE
    swept := (swept & 3) + 1;
  END IF;
  UPDATE meta SET number = swept WHERE name = 'keys_swept';
  RETURN true;
END $$;

-- Of an empty database: what comes is kept up to `last`, since its ends are of any time.
CREATE FUNCTION datasync_keep_up_to(last bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  kept CONSTANT bigint := last >> 36;
BEGIN
  FOR which IN 1..3 LOOP
    EXECUTE (SELECT string_agg(format('DROP TABLE %I', datasync_part_of(which, number)), ';') FROM event_parts);
    PERFORM datasync_make_table(which, datasync_part_of(which, kept));
    PERFORM datasync_attach(which, datasync_part_of(which, kept), 'MINVALUE', kept);
  END LOOP;
  DELETE FROM event_parts;
  INSERT INTO event_parts VALUES(kept, clock_timestamp());
  PERFORM datasync_make_parts(kept + 2);
END $$;

SELECT datasync_make_parts(max(number) + 2) FROM event_parts;
)sql";

/// Before the migration, in transactions of its own: that all rows are within the first part is proved while others
/// read and write. It reaches half a part beyond the numbers, which is more than they can go on meanwhile.
/// Another instance that migrates is waited for as long as it takes: only who holds the tables is given a time.
inline constexpr const char* kPrepareParts = R"sql(
BEGIN;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = 0;
SELECT pg_advisory_xact_lock(hashtext('data-sync'), hashtext(current_schema()));
SET LOCAL lock_timeout = '5s';
DO $$
DECLARE
  name text;
  used bigint;
  bound bigint;
  present bigint;
BEGIN
  IF to_regclass('event_parts') IS NOT NULL THEN RETURN; END IF;
  SELECT coalesce(max(seq), 0) INTO used FROM event_log;
  IF to_regclass('number_blocks') IS NOT NULL THEN
    EXECUTE 'SELECT greatest($1, last_value << 16) FROM number_blocks' INTO used USING used;
  END IF;
  bound := (((used + (1::bigint << 35)) >> 36) + 1) << 36;
  FOREACH name IN ARRAY ARRAY['event_log', 'event_state', 'record_history'] LOOP
    SELECT substring(pg_get_constraintdef(oid) FROM '\d{11,}')::bigint INTO present
      FROM pg_constraint WHERE conrelid = name::regclass AND conname = 'first_part';
    CONTINUE WHEN present = bound;
    IF present IS NOT NULL THEN EXECUTE format('ALTER TABLE %I DROP CONSTRAINT first_part', name); END IF;
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT first_part CHECK (seq < %s) NOT VALID', name, bound);
  END LOOP;
END $$;
COMMIT;
BEGIN;
SET LOCAL statement_timeout = 0;
SET LOCAL lock_timeout = '60s';
SELECT pg_advisory_xact_lock(hashtext('data-sync'), hashtext(current_schema()));
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['event_log', 'event_state', 'record_history'] LOOP
    CONTINUE WHEN to_regclass('event_parts') IS NOT NULL;
    EXECUTE format('ALTER TABLE %I VALIDATE CONSTRAINT first_part', name);
  END LOOP;
END $$;
COMMIT;
)sql";

}  // namespace datasync::storage::postgres
