#!/usr/bin/env bash
# ./dev build [preset]
# Builds: release (the default), dev (with address and undefined sanitizers), tsan or fuzz.
#
# Everything goes to build/<preset>/; the service is build/release/data-sync. Further arguments are targets. DEV_JOBS=N
# sets how many compilers run.
source scripts/lib.sh

preset=${1:-release}
[[ $# -eq 0 ]] || shift
grep -q "\"name\": \"$preset\", \"configurePreset\"" CMakePresets.json || fail "there is no preset '$preset'"
bash scripts/dev/setup.sh
build "$preset" "$@"
