#!/usr/bin/env bash
# scripts/with_redis.sh COMMAND…
# Runs a command beside a Redis server of its own, which DATASYNC_REDIS_URL names: empty, in memory only, on a free port of
# 127.0.0.1, gone when the command ends. DATASYNC_REDIS_PID is its process.
set -euo pipefail

fail() {
  printf 'with_redis: %s\n' "$*" >&2
  exit 1
}

type -P redis-server >/dev/null || fail 'there is no Redis server; ./dev setup installs it'
folder=$(mktemp -d "${TMPDIR:-/tmp}/redis-XXXXXX")
server=
stop() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# The server can't take "any free port", so it is asked until it gets one.
for _ in $(seq 20); do
  port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
  redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no --dir "$folder" --logfile "$folder/log" &
  server=$!
  until grep -q 'Ready to accept connections' "$folder/log" 2>/dev/null; do
    kill -0 "$server" 2>/dev/null || break
    sleep 0.02
  done
  kill -0 "$server" 2>/dev/null && break
  grep -q 'Address already in use' "$folder/log" || fail "it does not start: $(cat "$folder/log")"
  server=
done
[[ -n $server ]] || fail 'no free port was found'

export DATASYNC_REDIS_URL="redis://127.0.0.1:$port/0"
export DATASYNC_REDIS_PID=$server
status=0
"$@" || status=$?
exit $status
