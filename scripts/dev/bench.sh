#!/usr/bin/env bash
# ./dev bench [--store postgres] [--bus kafka] [--quick] [--passes N] [--json FILE]
# Measures the service beside the floor of the same run, and prints one table.
#
# Takes some minutes; let nothing else run meanwhile. --quick is one short pass that only shows that all of it works.
# --store postgres: on a PostgreSQL server of its own, with fsync, whose CPU is told apart. --bus kafka, --bus redis: beside a
# broker or a Redis of its own, with the same. --help tells the rest.
source scripts/lib.sh

[[ " $* " != *' --help '* ]] || exec node bench/run.js --help
bash scripts/dev/setup.sh
build release data-sync bench_load bench_sinks bench_floor >&2
command=(node bench/run.js "$@")
if [[ " $* " =~ \ --store[\ =]postgres\  ]]; then
  # The sizes of a small server that somebody has set up, rather than of one that nobody has.
  export DATASYNC_POSTGRES_OPTIONS='-c fsync=on -c shared_buffers=256MB -c max_wal_size=4GB'
  command=(scripts/with_postgres.sh "${command[@]}")
fi
if [[ " $* " =~ \ --bus[\ =]kafka\  ]]; then
  # The compilers and the memory of a server that runs for long.
  export DATASYNC_KAFKA_JAVA_OPTIONS='-XX:TieredStopAtLevel=4 -Xmx512m'
  command=(scripts/with_kafka.sh "${command[@]}")
elif [[ " $* " =~ \ --bus[\ =]redis\  ]]; then
  command=(scripts/with_redis.sh "${command[@]}")
fi
exec "${command[@]}"
