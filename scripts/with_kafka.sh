#!/usr/bin/env bash
# scripts/with_kafka.sh COMMAND…
# Runs a command beside a Kafka broker of its own, which DATASYNC_KAFKA_BROKERS names: one node without topics, on a free
# port of 127.0.0.1, gone when the command ends. It makes no topic by itself.
#
# DATASYNC_KAFKA_SERVER is a program: `start` starts the broker where it was and with its data, and returns when it serves
# clients; `signal NAME` sends it a signal, such as STOP and CONT, and after KILL or TERM returns when it is gone.
# DATASYNC_KAFKA_PID is its first process. DATASYNC_KAFKA_JAVA_OPTIONS, such as "-Xmx1g", has the last word.
set -euo pipefail
# shellcheck source=scripts/kafka.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/kafka.sh"

is_there || fail 'there is no Kafka; ./dev setup fetches it'
type -P java >/dev/null || fail 'there is no Java; ./dev setup installs it'
folder=$(mktemp -d "${TMPDIR:-/tmp}/kafka-XXXXXX")
stop() {
  signal_server "$folder" KILL
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

cp -R "$kafka/formatted" "$folder/data"
read -ra options <<<"${DATASYNC_KAFKA_JAVA_OPTIONS:-}"
options=("-XX:SharedArchiveFile=$kafka/classes.jsa" "${options[@]}")
start_somewhere "$folder" "${options[@]}"

cat >"$folder/server" <<SERVER
#!/usr/bin/env bash
set -euo pipefail
source '$root/scripts/kafka.sh'
case \${1:-} in
  start)
    start_server '$folder' ${options[*]@Q} ||
      fail "it does not start: \$(cat '$folder/log')"
    ;;
  signal) signal_server '$folder' "\$2" ;;
  *) fail 'it takes start, or signal NAME' ;;
esac
SERVER
chmod 755 "$folder/server"
export DATASYNC_KAFKA_BROKERS=127.0.0.1:$port
export DATASYNC_KAFKA_SERVER=$folder/server
DATASYNC_KAFKA_PID=$(<"$folder/pid")
export DATASYNC_KAFKA_PID
status=0
"$@" || status=$?
exit $status
