#!/usr/bin/env bash
# ./dev run
# Builds and starts the service and three simulated platforms, and plays a story.
#
# Goes on until Ctrl-C; then all of it ends, and the data with it. PORT=8025 is the service's port; the platforms take
# free ones. LOG_LEVEL=debug tells more, in the file that is named at the start.
source scripts/lib.sh

root=$PWD
port=${PORT:-8025}
service=http://127.0.0.1:$port
stop_seconds_max=15

# Starts a command in the background and notes it. It gets a SIGTERM should this script be killed without a chance to
# clean up, so that nothing is ever left running.
declare -A names=()
start() {
  local name=$1 output=$2
  shift 2
  setpriv --pdeathsig TERM "$@" >>"$output" 2>&1 &
  names[$!]=$name
  newest=$!
}

# Stops in the given order, so that the service can deliver to platforms that still answer.
cleanup() {
  trap - EXIT INT TERM HUP
  local pid
  for pid in ${story:-} ${data_sync:-} ${simulators:-}; do stop "$pid"; done
  rm -rf "$folder"
}

stop() {
  local pid=$1 deadline=$((SECONDS + stop_seconds_max))
  kill -TERM "$pid" 2>/dev/null || return 0
  while kill -0 "$pid" 2>/dev/null; do
    ((SECONDS < deadline)) || kill -KILL "$pid" 2>/dev/null || true
    sleep 0.05
  done
  wait "$pid" 2>/dev/null || true
}

# until_true SECONDS PID COMMAND… asks again and again; gives up when the process ends or the time is over.
until_true() {
  local deadline=$((SECONDS + $1)) pid=$2
  shift 2
  until "$@"; do
    kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

url_of() { sed -n "s/.*\"platform\":\"$1\",\"url\":\"\([^\"]*\)\".*/\1/p" "$folder/simulators.log" 2>/dev/null; }
simulators_are_up() { [[ -n $(url_of bizoholic) && -n $(url_of bizosaas) && -n $(url_of coreldove) ]]; }
service_is_up() { curl --silent --fail --output /dev/null --max-time 2 "$service/readyz"; }
port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }

give_up() {
  tail -n 20 "$1" >&2
  fail "$2"
}

start_simulators() {
  start "simulators" "$folder/simulators.log" node simulators/main.js --service "$service" \
    --bizoholic-port 0 --bizosaas-port 0 --coreldove-port 0
  simulators=$newest
  until_true 20 "$simulators" simulators_are_up || give_up "$folder/simulators.log" "the simulators did not start"
}

start_service() {
  : >"$folder/data-sync.log"
  cd "$folder"
  PORT=$port BIZOHOLIC_FRONTEND_URL=$(url_of bizoholic) BIZOSAAS_BRAIN_URL=$(url_of bizosaas) \
    SALEOR_API_URL=$(url_of coreldove)/graphql/ \
    start "data-sync" "$folder/data-sync.log" "$root/build/release/data-sync" serve
  cd "$root"
  data_sync=$newest
  until_true 30 "$data_sync" service_is_up || give_up "$folder/data-sync.log" "the service did not start"
}

start_story() {
  start "story" /dev/stdout node simulators/scenario.js --repeat --service "$service" \
    --bizoholic "$(url_of bizoholic)" --bizosaas "$(url_of bizosaas)" --coreldove "$(url_of coreldove)"
  story=$newest
}

show_where() {
  cat <<END

  live page    $service/ui/
  API          $service/docs
  bizoholic    $(url_of bizoholic)/_control/state
  bizosaas     $(url_of bizosaas)/_control/state
  coreldove    $(url_of coreldove)/_control/state
  log          $folder/data-sync.log

  Ctrl-C ends it all.

END
}

bash scripts/dev/setup.sh
build release data-sync
! port_is_taken || fail "port $port is taken; try PORT=8026 ./dev run"

folder=$(mktemp -d "${TMPDIR:-/tmp}/data-sync.XXXXXX")
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
start_simulators
start_service
show_where
start_story

ended=
wait -n -p ended "$simulators" "$data_sync" "$story" || true
[[ ${names[$ended]} == data-sync ]] && tail -n 20 "$folder/data-sync.log" >&2
fail "${names[$ended]} ended; stopping the others"
