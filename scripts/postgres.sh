# What the scripts that start PostgreSQL servers share. Sourced: it sets `bin`, where the server's programs are, and `as_server`,
# the words before a command that make the server's user run it. The server refuses to be run by root; then the user `postgres`
# of its package runs it.

fail() {
  printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
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

# start_server FOLDER OPTIONS starts the cluster FOLDER/data and sets `port`. The server can't take "any free port", so it is
# asked until it gets one.
start_server() {
  port=
  local attempt
  for attempt in $(seq 20); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if "${as_server[@]}" "$bin/pg_ctl" -D "$1/data" -w -t 60 -l "$1/server.log" \
      -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=50 -c shared_buffers=64MB -c fsync=off $2" \
      start >/dev/null 2>&1; then
      return
    fi
    grep -q 'Address already in use' "$1/server.log" || fail "it does not start: $(cat "$1/server.log")"
  done
  fail "no free port was found in $attempt attempts"
}

# stop_server FOLDER ends it at once, if it runs.
stop_server() {
  [[ ! -f $1/data/postmaster.pid ]] ||
    "${as_server[@]}" "$bin/pg_ctl" -D "$1/data" -m immediate stop >/dev/null 2>&1 || true
}

# write_command FILE COMMAND… makes a program of it, which anybody may call without an argument.
write_command() {
  local file=$1
  shift
  printf '#!/bin/sh\nset -e\n' >"$file"
  printf '%s\n' "$@" >>"$file"
  chmod 755 "$file"
}
