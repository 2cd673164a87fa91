#!/usr/bin/env bash
# ./dev fuzz [target] [--seconds N]
# Feeds the parsers with inputs that nobody thought of, until one breaks a promise.
#
# A target is a file tests/fuzz/<target>_fuzz.cc; without one, each has its turn. N is how long each runs (60). What a run
# learns stays in build/fuzz/learned/<target>/ and is where the next one begins; what it finds goes to build/fuzz/found/.
# `./dev fuzz TARGET FILE…` plays these inputs and nothing else. Needs clang; see tests/fuzz/README.md.
source scripts/lib.sh

target=
seconds=60
inputs=()
while (($# > 0)); do
  case $1 in
    --seconds)
      [[ ${2:-} =~ ^[0-9]+$ ]] || fail "--seconds takes a number"
      seconds=$2
      shift
      ;;
    -*) fail "fuzz takes a target and --seconds N" ;;
    *) if [[ -z $target ]]; then target=$1; else inputs+=("$1"); fi ;;
  esac
  shift
done

mapfile -t targets < <(fuzz_targets)
if [[ -n $target ]]; then
  [[ " ${targets[*]} " == *" $target "* ]] || fail "there is no target '$target'; there are ${targets[*]}"
  targets=("$target")
fi

bash scripts/dev/setup.sh
build fuzz "${targets[@]/%/_fuzz}"
if ((${#inputs[@]} > 0)); then
  "build/fuzz/${target}_fuzz" "${inputs[@]}"
  exit
fi
status=0
for each in "${targets[@]}"; do
  say "$each, $seconds s"
  fuzz "$each" "$seconds" || status=1
done
exit $status
