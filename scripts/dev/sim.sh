#!/usr/bin/env bash
# ./dev sim [kind] [--seeds N] [--seed S]
# Plays random histories through the real pipeline, on a clock, a network and a store that misbehave by seed.
#
# A kind is one of `calm`, `wild`, `crashes`, `store`, `room`, `reviews`; without one, all have their turn, as many at once
# as there are cores. N is how many seeds each plays (10000), S the first of them (1). One seed tells one story, always the
# same: what breaks a promise is printed with the line that plays it again. DATASYNC_TRACE=1 tells the story itself.
source scripts/lib.sh

kinds=()
seeds=10000
seed=1
while (($# > 0)); do
  case $1 in
    --seeds | --seed)
      [[ ${2:-} =~ ^[0-9]+$ ]] || fail "$1 takes a number"
      [[ $1 == --seeds ]] && seeds=$2 || seed=$2
      shift
      ;;
    *)
      sim_test "$1" >/dev/null || fail "there is no kind '$1'; there are $(sim_kinds)"
      kinds+=("$1")
      ;;
  esac
  shift
done
((${#kinds[@]} > 0)) || read -ra kinds <<<"$(sim_kinds)"

bash scripts/dev/setup.sh
build release pipeline_histories
began=$SECONDS
export -f sim sim_test
failed=$(printf '%s\n' "${kinds[@]}" | xargs -P "$(nproc)" -I '{}' \
  bash -c 'sim "$1" "$2" "$3" >&2 || echo "$1"' _ '{}' "$seed" "$seeds" | wc -l)
took=$((SECONDS - began > 0 ? SECONDS - began : 1))
say "$((${#kinds[@]} * seeds)) histories in $took s, $((${#kinds[@]} * seeds * 60 / took)) a minute; $failed of ${#kinds[@]} kinds failed"
((failed == 0))
