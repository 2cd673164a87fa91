#!/usr/bin/env bash
# ./dev bench [--quick] [--passes N] [--json FILE]
# Measures the service beside the floor of the same run, and prints one table.
#
# Takes some minutes; let nothing else run meanwhile. --quick is one short pass that only shows that all of it works.
source scripts/lib.sh

bash scripts/dev/setup.sh
build release data-sync bench_load bench_sinks bench_floor >&2
exec node bench/run.js "$@"
