#!/usr/bin/env bash
# scripts/with_postgres.sh scripts/with_standby.sh COMMAND…
# Runs a command beside a PostgreSQL server and a standby of it, which has all that a commit acknowledges (synchronous_standby_names).
# DATASYNC_POSTGRES_URL names both from then on. DATASYNC_POSTGRES_PROMOTE is a command that ends the server for good, without
# a chance to say anything, and makes the standby take its place.
set -euo pipefail
# shellcheck source=scripts/postgres.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/postgres.sh"

: "${DATASYNC_POSTGRES_URL:?scripts/with_postgres.sh sets it}"
primary_port=${DATASYNC_POSTGRES_URL##*:}
primary_port=${primary_port%%/*}
ask() { psql --no-psqlrc -qAt -c "$1" "$DATASYNC_POSTGRES_URL"; }
primary_data=$(ask 'SHOW data_directory')

folder=$(mktemp -d "${TMPDIR:-/tmp}/postgres-standby-XXXXXX")
stop() {
  stop_server "$folder"
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

chmod 755 "$folder"
if ((EUID == 0)); then chown postgres "$folder"; fi
cd "$folder"
"${as_server[@]}" "$bin/pg_basebackup" -D "$folder/data" -R -X stream --checkpoint=fast --no-sync \
  -d "$DATASYNC_POSTGRES_URL?application_name=standby" >"$folder/backup.log" 2>&1 ||
  fail "pg_basebackup: $(cat "$folder/backup.log")"
start_server "$folder" '-c wal_retrieve_retry_interval=100ms'
cd "$OLDPWD"

# Only the first of the two: the standby has none of its own once it stands alone.
ask "ALTER SYSTEM SET synchronous_standby_names = 'standby'"
ask 'SELECT pg_reload_conf()' >/dev/null
for attempt in $(seq 100); do
  [[ $(ask "SELECT sync_state FROM pg_stat_replication WHERE application_name = 'standby'") != sync ]] || break
  ((attempt < 100)) || fail "the standby does not follow: $(cat "$folder/server.log")"
  sleep 0.1
done

export DATASYNC_POSTGRES_URL="postgresql://datasync:secret@127.0.0.1:$primary_port,127.0.0.1:$port/postgres"
export DATASYNC_POSTGRES_PROMOTE=$folder/promote
write_command "$folder/promote" \
  "${as_server[*]} $bin/pg_ctl -D $primary_data -m immediate -w -t 60 stop" \
  "exec ${as_server[*]} $bin/pg_ctl -D $folder/data -w -t 60 promote"
status=0
"$@" || status=$?
exit $status
