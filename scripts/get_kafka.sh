#!/usr/bin/env bash
# scripts/get_kafka.sh
# Puts the Kafka broker of tests/kafka/pom.xml into build/kafka: its jars, from Maven's repository, a data folder that is
# formatted, and an archive of its classes as Java has them in memory. With the last two a server starts in half of the
# time. Where all of that is there already, it does nothing.
set -euo pipefail
# shellcheck source=scripts/kafka.sh
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/kafka.sh"

! is_there || exit 0

for command in java mvn; do
  type -P $command >/dev/null || fail "there is no $command; ./dev setup installs it"
done
folder=$(mktemp -d "${TMPDIR:-/tmp}/kafka-XXXXXX")
stop() {
  signal_server "$folder" KILL
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

echo "== fetching Kafka into build/kafka/: 46 MB, which Maven keeps"
rm -rf "$kafka"
mkdir -p "$kafka"
mvn --batch-mode --quiet --file "$pom" dependency:copy-dependencies "-Djars=$kafka/jars" >"$folder/mvn.log" 2>&1 ||
  fail "Maven does not get it: $(cat "$folder/mvn.log")"

# The storage of each test's server is a copy of this one, which knows no address.
write_properties "$folder" 1 2
java -cp "$(class_path)" kafka.tools.StorageTool format --config "$folder/server.properties" \
  --cluster-id dGhlLXRlc3RzLWthZmthLQ >"$folder/format.log" 2>&1 ||
  fail "it can't be formatted: $(cat "$folder/format.log")"
cp -R "$folder/data" "$kafka/formatted"

# Where this Java can't make the archive, its servers start without.
start_somewhere "$folder" "-XX:ArchiveClassesAtExit=$kafka/classes.jsa"
signal_server "$folder" TERM

# Last of all, so that it means a finished installation.
cp "$pom" "$kafka/pom.xml"
