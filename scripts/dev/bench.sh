#!/usr/bin/env bash
# ./dev bench [--store postgres] [--quick] [--passes N] [--json FILE]
# Measures the service beside the floor of the same run, and prints one table.
#
# Takes some minutes; let nothing else run meanwhile. --quick is one short pass that only shows that all of it works.
# --store postgres: on a PostgreSQL server of its own, with fsync, whose CPU is told apart.
source scripts/lib.sh

bash scripts/dev/setup.sh
build release data-sync bench_load bench_sinks bench_floor >&2
command=(node bench/run.js "$@")
if [[ " $* " =~ \ --store[\ =]postgres\  ]]; then
  # The sizes of a small server that somebody has set up, rather than of one that nobody has.
  export DATASYNC_POSTGRES_OPTIONS='-c fsync=on -c shared_buffers=256MB -c max_wal_size=4GB'
  command=(scripts/with_postgres.sh "${command[@]}")
fi
exec "${command[@]}"
