#!/usr/bin/env bash
# scripts/with_postgres.sh COMMAND…
# Runs a command beside a PostgreSQL server of its own, which DATASYNC_POSTGRES_URL names: a fresh cluster in a temporary
# folder, on a free port of 127.0.0.1, gone when the command ends. DATASYNC_POSTGRES_RESTART is a command that crashes it
# and starts it again, DATASYNC_POSTGRES_PID its first process.
#
# What it acknowledges outlives every process, but not the machine: fsync is off, since nothing here cuts the power.
# DATASYNC_POSTGRES_OPTIONS, such as "-c fsync=on", has the last word. The server refuses to be run by root; then the user `postgres` of its package runs it.
set -euo pipefail

fail() {
  printf 'with_postgres: %s\n' "$*" >&2
  exit 1
}

bin=$(find /usr/lib/postgresql/*/bin -maxdepth 0 2>/dev/null | sort -V | tail -n 1)
[[ -n $bin ]] || bin=$(dirname "$(command -v initdb || true)")
[[ -x $bin/initdb ]] || fail 'there is no PostgreSQL server; ./dev setup installs it'

as_server=()
if ((EUID == 0)); then
  id postgres >/dev/null 2>&1 || fail 'root can not run the server, and there is no user postgres'
  as_server=(setpriv --reuid postgres --regid postgres --init-groups)
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/postgres-XXXXXX")
stop() {
  [[ ! -f $folder/data/postmaster.pid ]] ||
    "${as_server[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

printf 'secret' >"$folder/password"
chmod 755 "$folder"
if ((EUID == 0)); then chown -R postgres "$folder"; fi
cd "$folder"
"${as_server[@]}" "$bin/initdb" -D "$folder/data" -U datasync --pwfile="$folder/password" --auth-local=trust \
  --auth-host=scram-sha-256 -E UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1 ||
  fail "initdb: $(cat "$folder/initdb.log")"

# The server can't take "any free port", so it is asked until it gets one.
port=
for _ in $(seq 20); do
  port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
  if "${as_server[@]}" "$bin/pg_ctl" -D "$folder/data" -w -t 60 -l "$folder/server.log" \
    -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=50 -c shared_buffers=64MB -c fsync=off ${DATASYNC_POSTGRES_OPTIONS:-}" \
    start >/dev/null 2>&1; then
    break
  fi
  grep -q 'Address already in use' "$folder/server.log" || fail "it does not start: $(cat "$folder/server.log")"
  port=
done
[[ -n $port ]] || fail 'no free port was found'

cd "$OLDPWD"
export DATASYNC_POSTGRES_URL="postgresql://datasync:secret@127.0.0.1:$port/postgres"
DATASYNC_POSTGRES_PID=$(head -n 1 "$folder/data/postmaster.pid")
export DATASYNC_POSTGRES_PID
export DATASYNC_POSTGRES_RESTART=$folder/restart
printf '#!/bin/sh\nexec %s\n' "${as_server[*]} $bin/pg_ctl -D $folder/data -m immediate -w -t 60 -l $folder/server.log restart" >"$folder/restart"
chmod 755 "$folder/restart"
status=0
"$@" || status=$?
exit $status
