#!/usr/bin/env bash
# ./dev build [preset]
# Builds: release (the default), dev (with address and undefined sanitizers), tsan, fuzz or image.
#
# Everything goes to build/<preset>/; the service is build/release/data-sync. Further arguments are targets. DEV_JOBS=N
# sets how many compilers run. `image` is the release as the Dockerfile has it: the service alone, and only what that needs.
source scripts/lib.sh

preset=${1:-release}
[[ $# -eq 0 ]] || shift
grep -q "\"name\": \"$preset\", \"configurePreset\"" CMakePresets.json || fail "there is no preset '$preset'"
if [[ $preset == image ]]; then part=build; else part=all; fi
bash scripts/dev/setup.sh "$part"
build "$preset" "$@"
