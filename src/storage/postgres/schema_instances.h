#pragma once

namespace datasync::storage::postgres {

/// Migration 2: several instances share the shards.
///
/// - `instances` has a row for each process that takes part, with the time until which it counts as alive. The server's
///   clock is the only one.
/// - `instance_commits` is what every transaction checks and changes (`datasync_commit`): the row is there under our
///   epoch, or another instance has buried us. Apart from `instances`, so that a heartbeat waits for no transaction.
/// - `shard_leases.holder` is null while nobody has the shard; its `epoch` rises whenever it changes hands. Whoever
///   takes shards from another first changes that one's row in `instance_commits`: so it waits for a transaction that
///   is under way, and every later one finds the row gone.
/// - `low_water` stands with the instance for all that it holds, and with a shard while nobody holds it.
inline constexpr const char* kInstanceTables = R"sql(
CREATE TABLE instances(
  holder uuid PRIMARY KEY,
  name text COLLATE "C" NOT NULL,
  address text COLLATE "C" NOT NULL,  -- empty: it takes part in nothing, whoever comes takes over
  started_at bigint NOT NULL,
  expires_at timestamptz NOT NULL,
  leaving boolean NOT NULL DEFAULT false,
  wants_notices boolean NOT NULL DEFAULT false
) WITH (fillfactor = 10);

CREATE TABLE instance_commits(
  holder uuid PRIMARY KEY,
  epoch bigint NOT NULL,
  last_commit bigint NOT NULL,  -- the number of its last transaction
  low_water bigint NOT NULL
) WITH (fillfactor = 10);

ALTER TABLE shard_leases ALTER COLUMN holder DROP NOT NULL, ADD COLUMN low_water bigint NOT NULL DEFAULT 0;
UPDATE shard_leases SET low_water = coalesce((SELECT number FROM meta WHERE name = 'low_water'), 0);
INSERT INTO shard_leases(shard, holder, instance, epoch, last_commit)
SELECT shard, NULL, '', 0, 0 FROM generate_series(0, 255) shard ON CONFLICT(shard) DO NOTHING;

-- Each number is a block of 65536 sequences and record keys.
CREATE SEQUENCE number_blocks;
)sql";

inline constexpr const char* kInstanceFunctions = R"sql(
-- The first byte of a hash of the tenant, as it is stored. The cast reads backslashes, so they are doubled.
CREATE FUNCTION datasync_shard(tenant text) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT get_byte(sha256(replace(tenant, '\', '\\')::bytea), 0)
$$;

-- Below it nothing is open but what event_waiting lists.
CREATE FUNCTION datasync_low_water() RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT coalesce(least((SELECT min(low_water) FROM instance_commits),
                        (SELECT min(low_water) FROM shard_leases WHERE holder IS NULL)), 0)
$$;

CREATE FUNCTION datasync_fenced() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'DS001',
    MESSAGE = coalesce((SELECT nullif(instance, '') FROM shard_leases WHERE shard = 0), 'nobody');
END $$;

CREATE FUNCTION datasync_commit(me uuid, wanted_epoch bigint, commit_number bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE instance_commits SET last_commit = commit_number WHERE holder = me AND epoch = wanted_epoch;
  IF NOT FOUND THEN PERFORM datasync_fenced(); END IF;
END $$;

-- An instance that lost its connection: its former transactions end, or find that their epoch has passed.
CREATE FUNCTION datasync_reconnect(me uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE instance_commits SET epoch = epoch + 1 WHERE holder = me;
  IF NOT FOUND THEN PERFORM datasync_fenced(); END IF;
END $$;

-- Its shards are nobody's from now on, and it can't commit any more.
CREATE FUNCTION datasync_bury(gone uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE instance_commits SET epoch = epoch + 1 WHERE holder = gone;  -- waits for its transaction, if one is under way
  UPDATE shard_leases s SET holder = NULL, epoch = s.epoch + 1, low_water = c.low_water
    FROM instance_commits c WHERE c.holder = gone AND s.holder = gone;
  DELETE FROM instance_commits WHERE holder = gone;
  DELETE FROM instances WHERE holder = gone;
END $$;

-- Those that are not heard of any more, those that had this address, and the ones of a former version of this schema.
CREATE FUNCTION datasync_bury_dead(me uuid, my_address text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM datasync_bury(c.holder) FROM instance_commits c LEFT JOIN instances i ON i.holder = c.holder
    WHERE c.holder <> me AND (i.holder IS NULL OR i.expires_at < clock_timestamp()
                          OR (i.address = my_address AND my_address <> ''));
  UPDATE shard_leases s SET holder = NULL, epoch = s.epoch + 1
    WHERE s.holder IS NOT NULL AND NOT EXISTS (SELECT FROM instance_commits c WHERE c.holder = s.holder);
END $$;

CREATE FUNCTION datasync_enter(me uuid, my_name text, my_address text, lease interval, my_low_water bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO instance_commits(holder, epoch, last_commit, low_water)
    SELECT me, coalesce(max(epoch), 0) + 1, 0, my_low_water FROM shard_leases;
  INSERT INTO instances(holder, name, address, started_at, expires_at)
    SELECT me, my_name, my_address, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, clock_timestamp() + lease;
END $$;

-- One that takes all and shares with nobody: whoever comes next takes over.
CREATE FUNCTION datasync_take_all(me uuid, my_name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM datasync_bury(c.holder) FROM instance_commits c;
  PERFORM datasync_enter(me, my_name, '', interval '0', datasync_low_water());
  UPDATE shard_leases s SET holder = me, instance = my_name, epoch = c.epoch FROM instance_commits c WHERE c.holder = me;
END $$;

-- What this instance should have of the shards: those that nobody has are taken, what is too much becomes nobody's. The
-- first time its process may take the place of one that had its address, which can't be there any more.
CREATE FUNCTION datasync_take_part(me uuid, my_name text, my_address text, lease interval, is_leaving boolean,
                                   is_first boolean)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  others bigint;  -- that take part besides
  older bigint;   -- of them
  share bigint := 0;
  mine bigint;
  first_block bigint;
BEGIN
  -- What a connection of before has under way is over now, or finds that its epoch has passed.
  UPDATE instance_commits SET epoch = epoch + 1 WHERE holder = me;
  IF NOT FOUND THEN
    PERFORM datasync_enter(me, my_name, my_address, lease, 4611686018427387904);
  END IF;
  PERFORM datasync_bury_dead(me, CASE WHEN is_first THEN my_address ELSE '' END);
  UPDATE instances SET leaving = is_leaving WHERE holder = me AND leaving <> is_leaving;
  SELECT count(*), count(*) FILTER (WHERE (i.started_at, i.holder) < (m.started_at, m.holder)) INTO others, older
    FROM instances i, instances m WHERE m.holder = me AND i.holder <> me AND NOT i.leaving;
  IF NOT is_leaving THEN
    share := 256 / (others + 1) + CASE WHEN older < 256 % (others + 1) THEN 1 ELSE 0 END;
  END IF;
  SELECT count(*) INTO mine FROM shard_leases WHERE holder = me;
  IF mine > share THEN
    UPDATE shard_leases s SET holder = NULL, epoch = s.epoch + 1, low_water = c.low_water FROM instance_commits c
      WHERE c.holder = me AND s.shard IN (SELECT shard FROM shard_leases WHERE holder = me ORDER BY shard DESC
                                          LIMIT mine - share);
  ELSIF mine < share THEN
    WITH taken AS (
      UPDATE shard_leases s SET holder = me, instance = my_name, epoch = s.epoch + 1
        WHERE s.shard IN (SELECT shard FROM shard_leases WHERE holder IS NULL ORDER BY shard LIMIT share - mine)
        RETURNING s.low_water)
    UPDATE instance_commits c SET low_water = least(c.low_water, (SELECT min(low_water) FROM taken)) WHERE c.holder = me;
  END IF;
  IF NOT EXISTS (SELECT FROM shard_leases WHERE holder = me) THEN
    UPDATE instance_commits SET low_water = 4611686018427387904 WHERE holder = me;
  END IF;
  IF others = 0 THEN  -- what was numbered without blocks lies below them
    SELECT greatest((SELECT max(seq) FROM event_log), (SELECT number FROM meta WHERE name = 'last_sequence'),
                    (SELECT max(record_key) FROM records), 0) / 65536 + 1 INTO first_block;
    IF first_block > nextval('number_blocks') THEN PERFORM setval('number_blocks', first_block); END IF;
  END IF;
END $$;
)sql";

}  // namespace datasync::storage::postgres
