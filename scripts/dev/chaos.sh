#!/usr/bin/env bash
# ./dev chaos [scenario…] [--short]
# Runs the service while processes, disks, clocks and networks fail around it, and prints one table.
#
# Real processes, a real PostgreSQL server and simulated platforms; --list names the scenarios, --seconds N says how long each
# makes faults (20), --seed N repeats the choices of an earlier run, --short takes a few seconds for each. Ends with 0 only if
# nothing was lost, applied twice or out of order. Some figures are of speed: let nothing else run meanwhile.
source scripts/lib.sh

case " $* " in
  *' --help '* | *' --list '*) exec node tests/chaos/run.js "$@" ;;
esac
bash scripts/dev/setup.sh
[[ -n ${DATA_SYNC_BINARY:-} ]] || build release data-sync >&2
exec node tests/chaos/run.js "$@"
