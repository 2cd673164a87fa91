# shellcheck shell=bash
# What the commands in scripts/dev/ share. Sourced, from the project's root.
set -euo pipefail

say() { printf '== %s\n' "$*"; }

fail() {
  printf './dev: %s\n' "$*" >&2
  exit 1
}

# How many compilers may run at once: one a core, as long as each has the 1.5 GB that Boost and the sanitizers take.
jobs_max() {
  local by_memory
  by_memory=$(awk '/^MemAvailable:/ { print int($2 / 1500000) }' /proc/meminfo)
  local jobs=${DEV_JOBS:-$(nproc)}
  ((by_memory >= jobs)) || jobs=$by_memory
  ((jobs >= 1)) || jobs=1
  echo "$jobs"
}

# build PRESET [TARGET…] configures if that was not done, and builds the targets, or all of the preset.
build() {
  local preset=$1
  shift
  [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset"
  cmake --build "build/$preset" --parallel "$(jobs_max)" ${1:+--target "$@"}
}

# All C++ files that we wrote, those that git does not know yet among them.
cpp_files() {
  git ls-files --cached --others --exclude-standard -- '*.cc' '*.h' | while read -r file; do
    [[ ! -f $file ]] || echo "$file"
  done
}

# The names of all fuzz targets.
fuzz_targets() {
  local file
  for file in tests/fuzz/*_fuzz.cc; do
    file=${file##*/}
    echo "${file%_fuzz.cc}"
  done
}

# fuzz TARGET SECONDS plays all known inputs of a built target, and then new ones for the rest of the time. On a find it
# says where the input is and how to play it again, and fails.
fuzz() {
  local target=$1 seconds=$2 status=0
  local learned=build/fuzz/learned/$target found=build/fuzz/found
  local log=$found/$target.log
  mkdir -p "$learned" "$found"
  "build/fuzz/${target}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="$found/$target-" "$learned" "tests/fuzz/corpus/$target" >"$log" 2>&1 || status=$?
  if ((status == 0)); then
    printf '%s: %s inputs, %s a second\n' "$target" "$(fuzz_figure number_of_executed_units "$log")" \
      "$(fuzz_figure average_exec_per_sec "$log")"
    return
  fi
  local input
  input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
  # What it complained of; `-a`, since an input may stand in it as it is.
  grep -a -E -A 30 'broken promise|runtime error|ERROR: ' "$log" | head -n 40
  printf '%s: FAILED; the whole log is %s\n' "$target" "$log"
  [[ -z $input ]] || printf '%s: to play the input again: ./dev fuzz %s %s\n' "$target" "$target" "$input"
  return 1
}

fuzz_figure() { sed -n "s/^stat::$1: *//p" "$2"; }

# The kinds of random histories, and the test that plays one.
sim_kinds() { echo calm wild crashes store room reviews; }
sim_test() {
  case $1 in
    calm) echo CalmOnesEndAsASimpleModelSays ;;
    wild) echo WildOnesConverge ;;
    crashes) echo CrashesLoseNothing ;;
    store) echo AStoreThatFailsLosesNothing ;;
    room) echo LittleRoomAndOutagesLoseNothing ;;
    reviews) echo ReviewsAreDecidedOnceAndForAll ;;
    *) return 1 ;;
  esac
}

# sim KIND SEED COUNT plays COUNT histories from SEED on with the built program. Of those that break a promise it says which,
# and how to play them again.
sim() {
  local kind=$1 seed=$2 count=$3 status=0 out broken
  out=$(DATASYNC_SEED=$seed DATASYNC_HISTORIES=$count build/release/pipeline_histories \
    --gtest_filter="Histories.$(sim_test "$kind")" 2>&1) || status=$?
  printf '%s: %s\n' "$kind" "$(grep -a -E '^[0-9]+ histories: ' <<<"$out" || echo 'did not come to an end')"
  ((status != 0)) || return 0
  sed -n '/Failure$/,/^[0-9]* histories: /p' <<<"$out" | head -n 60
  sed -n 's/^DATASYNC_SEED=//p' <<<"$out" | while read -r broken; do
    printf '%s: to play it again: ./dev sim %s --seed %s --seeds 1\n' "$kind" "$kind" "$broken"
  done
  return 1
}
