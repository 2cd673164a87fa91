#!/usr/bin/env bash
# scripts/with_postgres.sh COMMAND…
# Runs a command beside a PostgreSQL server of its own, which DATASYNC_POSTGRES_URL names: a fresh cluster in a temporary
# folder, on a free port of 127.0.0.1, gone when the command ends. DATASYNC_POSTGRES_RESTART is a command that crashes it
# and starts it again, DATASYNC_POSTGRES_PID its first process.
#
# What it acknowledges outlives every process, but not the machine: fsync is off, since nothing here cuts the power.
# DATASYNC_POSTGRES_OPTIONS, such as "-c fsync=on", has the last word. DATASYNC_POSTGRES_TLS=1 gives it a certificate of its own.
set -euo pipefail
# shellcheck source=scripts/postgres.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/postgres.sh"

folder=$(mktemp -d "${TMPDIR:-/tmp}/postgres-XXXXXX")
stop() {
  stop_server "$folder"
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

printf 'secret' >"$folder/password"
options=${DATASYNC_POSTGRES_OPTIONS:-}
if [[ -n ${DATASYNC_POSTGRES_TLS:-} ]]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1 \
    -keyout "$folder/server.key" -out "$folder/server.crt" 2>/dev/null || fail 'openssl makes no certificate'
  chmod 600 "$folder/server.key"
  options="-c ssl=on -c ssl_key_file=$folder/server.key -c ssl_cert_file=$folder/server.crt $options"
fi
chmod 755 "$folder"
if ((EUID == 0)); then chown -R postgres "$folder"; fi
cd "$folder"
"${as_server[@]}" "$bin/initdb" -D "$folder/data" -U datasync --pwfile="$folder/password" --auth-local=trust \
  --auth-host=scram-sha-256 -E UTF8 --locale=C --no-sync >"$folder/initdb.log" 2>&1 ||
  fail "initdb: $(cat "$folder/initdb.log")"
start_server "$folder" "$options"

cd "$OLDPWD"
export DATASYNC_POSTGRES_URL="postgresql://datasync:secret@127.0.0.1:$port/postgres"
DATASYNC_POSTGRES_PID=$(head -n 1 "$folder/data/postmaster.pid")
export DATASYNC_POSTGRES_PID
export DATASYNC_POSTGRES_RESTART=$folder/restart
write_command "$folder/restart" \
  "exec ${as_server[*]} $bin/pg_ctl -D $folder/data -m immediate -w -t 60 -l $folder/server.log restart"
status=0
"$@" || status=$?
exit $status
