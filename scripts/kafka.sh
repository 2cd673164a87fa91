# shellcheck shell=bash
# What the scripts around the Kafka broker for tests share. Sourced: it sets `pom`, which names what a broker consists of, and
# `kafka`, the folder where scripts/get_kafka.sh puts that.

fail() {
  printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
  exit 1
}

root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
kafka=$root/build/kafka
pom=$root/tests/kafka/pom.xml
seconds_max=60  # for a start, or an end

# Whether the folder has what `pom` names.
is_there() { cmp -s "$pom" "$kafka/pom.xml"; }

# Quick to start and small, rather than fast under load. Native libraries are unpacked into the server's own folder. The log
# has warnings, and the line that tells that the server is ready.
java_options() {
  printf '%s\n' -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData "-Djava.io.tmpdir=$1" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    -Dorg.slf4j.simpleLogger.showDateTime=true '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS'
}

# The jars in an order that is the same each time, without which Java does not take its archive of their classes.
class_path() {
  local jars=("$kafka"/jars/*.jar)
  local IFS=:
  echo "${jars[*]}"
}

# write_properties FOLDER PORT CONTROLLER_PORT makes the settings of one node that is the broker and the controller.
write_properties() {
  cat >"$1/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$3
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENTS
listeners=CLIENTS://127.0.0.1:$2,CONTROLLER://127.0.0.1:$3
advertised.listeners=CLIENTS://127.0.0.1:$2
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$1/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
num.network.threads=1
num.io.threads=2
num.replica.fetchers=1
background.threads=1
log.cleaner.enable=false
# Until the session of one that was killed is over, by default nine seconds, its successor is not let in.
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1000
PROPERTIES
}

# start_somewhere FOLDER [JAVA_OPTION…] starts it with the data that are in FOLDER/data, and sets `port`. The server can't
# take "any free port", since its settings must name it, so it is asked until it gets two.
start_somewhere() {
  local attempt
  for attempt in $(seq 20); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 6000))
    write_properties "$1" "$port" $((port + 6000))
    ! start_server "$@" || return 0
    grep -q 'Address already in use' "$1/log" || fail "it does not start: $(cat "$1/log")"
  done
  fail "no free port was found in $attempt attempts"
}

# start_server FOLDER [JAVA_OPTION…] starts what FOLDER/server.properties describes, and returns when it serves clients. It
# fails if the process ends before, or takes too long.
start_server() {
  local folder=$1 options deadline=$((SECONDS + seconds_max))
  shift
  mapfile -t options < <(java_options "$folder")
  : >"$folder/log"  # here and now, lest what the former process has said is taken for its successor's
  # In a session of its own, so that Ctrl-C ends what uses it first. Nothing of the caller's stays open in it.
  setsid java "${options[@]}" "$@" -cp "$(class_path)" kafka.Kafka "$folder/server.properties" \
    </dev/null >>"$folder/log" 2>&1 &
  echo $! >"$folder/pid"
  disown
  until grep -q 'Kafka Server started' "$folder/log"; do
    runs "$folder" && ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# runs FOLDER: whether its process is there. One that is dead and only not waited for is not, as soon as its last thread has
# ended: until then its port is taken.
runs() {
  [[ -f $1/pid ]] || return 1
  awk '/^State:/ { state = $2 } /^Threads:/ { threads = $2 } END { exit state ~ /[ZX]/ ? threads <= 1 : state == "" }' \
    "/proc/$(<"$1/pid")/status" 2>/dev/null
}

# signal_server FOLDER NAME; returns when the process is gone, if the signal ends it.
signal_server() {
  local deadline=$((SECONDS + seconds_max))
  runs "$1" || return 0
  kill -s "$2" "$(<"$1/pid")" 2>/dev/null || ! runs "$1" || fail "there is no signal $2"
  [[ $2 == KILL || $2 == TERM ]] || return 0
  while runs "$1"; do
    ((SECONDS < deadline)) || fail "it does not end by $2: $(cat "$1/log")"
    sleep 0.02
  done
}
