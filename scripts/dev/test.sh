#!/usr/bin/env bash
# ./dev test [filter]
# Builds and runs all tests; the last line says how many passed and failed.
#
# A filter is a suite, or a suite and a part of a test file's name: house, lint, unit, unit.net, bench, simulators, ui,
# deploy, e2e, e2e.users, sim, sim.wild, kill, chaos, chaos.short, fuzz, fuzz.url. C++ tests run under the address and
# undefined sanitizers; bench, deploy, e2e, sim, kill and chaos use the release build, fuzz its own. SEEDS=N sets how many
# histories of each kind sim plays (4000), KILLS=N how often the kill loop kills (50), FUZZ_SECONDS=N how long each fuzz
# target looks for new inputs (3).
source scripts/lib.sh

filter=${1:-}
suite=${filter%%.*}
name=
[[ $filter != *.* ]] || name=${filter#*.}

passed=0
failed=0
failed_suites=()
reports=build/test-reports

selected() { [[ -z $suite || $suite == "$1" ]]; }

# run_suite NAME COMMAND… runs a suite that leaves "passed failed" in its report. One that fails without a failed test,
# or runs none at all, counts as one failure: silence is not success.
run_suite() {
  local suite_name=$1 suite_passed=0 suite_failed=0 status=0 began=$SECONDS
  shift
  say "$suite_name"
  rm -f "$reports/$suite_name.count"
  # Not `|| status=$?`: that would switch `set -e` off inside.
  set +e
  (set -e; "$@" "$suite_name") 2>&1 | tee "$reports/$suite_name.log"
  status=${PIPESTATUS[0]}
  set -e
  [[ ! -f $reports/$suite_name.count ]] || read -r suite_passed suite_failed <"$reports/$suite_name.count"
  ((suite_passed + suite_failed > 0 && status == 0 || suite_failed > 0)) || suite_failed=1
  ((suite_failed == 0)) || failed_suites+=("$suite_name")
  passed=$((passed + suite_passed))
  failed=$((failed + suite_failed))
  say "$suite_name: $suite_passed passed, $suite_failed failed, $((SECONDS - began)) s"
  echo
}

# Adds "passed failed" to a suite's report.
count() {
  local so_far_passed=0 so_far_failed=0
  [[ ! -f $reports/$1.count ]] || read -r so_far_passed so_far_failed <"$reports/$1.count"
  echo "$((so_far_passed + $2)) $((so_far_failed + $3))" >"$reports/$1.count"
}

# Tests of a preset by CTest, counted by the cases in them, not by their programs.
run_ctest() {
  local preset=$1 tests=$2 suite_name=$3 status=0 counts
  local report=$PWD/$reports/$suite_name.xml
  ctest --test-dir "build/$preset" --tests-regex "$tests" --parallel "$(nproc)" --output-on-failure --no-tests=error \
    --test-output-size-passed 16777216 --test-output-size-failed 16777216 --output-junit "$report" || status=$?
  read -ra counts < <(awk -f scripts/count_cases.awk "$report")
  count "$suite_name" "${counts[@]}"
  return $status
}

# run_node FOLDER SUITE [AT_ONCE]: the test files of a folder, or those with the wanted part in their name; one after the
# other, unless AT_ONCE says how many run beside each other.
run_node() {
  local folder=$1 suite_name=$2 at_once=${3:-1} status=0 files
  mapfile -t files < <(find "$folder" -name '*.test.js' -not -path '*/node_modules/*' | grep -F -- "$name" | sort)
  ((${#files[@]} > 0)) || fail "no test file in $folder/ has '$name' in its name"
  local report=$reports/$suite_name.tap
  node --test --test-concurrency="$at_once" --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$report" "${files[@]}" || status=$?
  count "$suite_name" "$(sed -n 's/^# pass //p' "$report")" \
    "$(awk '/^# (fail|cancelled) / { failed += $3 } END { print failed + 0 }' "$report")"
  return $status
}

run_lint() {
  local suite_name=$1 check
  for check in format headers shell; do
    [[ $check == *"$name"* ]] || continue
    if bash scripts/dev/lint.sh "$check"; then count "$suite_name" 1 0; else count "$suite_name" 0 1; fi
  done
}

run_cpp() {
  build dev
  run_ctest dev "${filter:-.}" "$1"
}

run_bench() {
  build release bench_tests
  run_ctest release '^bench\.' "$1"
  run_node bench "$1"
}

run_e2e() {
  build release data-sync
  run_node tests/e2e "$1" 2  # they mostly wait
}

run_deploy() {
  build release data-sync
  run_node tests/deploy "$1"
}

run_kill() {
  build release data-sync
  node tests/e2e/kill_loop.js --kills "${KILLS:-50}"
  count "$1" 1 0
}

# What judges the scenarios is tested first; then they are played, in their short form.
run_chaos() {
  if [[ $name != short ]]; then run_node tests/chaos "$1"; fi
  [[ -z $name || $name == short ]] || return 0
  build release data-sync
  node tests/chaos/run.js --short
  count "$1" 1 0
}

# Random histories of each kind, as many kinds at once as there are cores.
run_sim() {
  local suite_name=$1 kinds failed_kinds
  mapfile -t kinds < <(sim_kinds | tr ' ' '\n' | grep -F -- "$name")
  ((${#kinds[@]} > 0)) || fail "no kind of history has '$name' in its name"
  build release pipeline_histories
  export -f sim sim_test
  failed_kinds=$(printf '%s\n' "${kinds[@]}" | xargs -P "$(nproc)" -I '{}' \
    bash -c 'sim "$1" 1 "$2" >&2 || echo "$1"' _ '{}' "${SEEDS:-4000}" | wc -l)
  count "$suite_name" $((${#kinds[@]} - failed_kinds)) "$failed_kinds"
}

# Each target plays its known inputs and looks for new ones, as many targets at once as there are cores.
run_fuzz() {
  local suite_name=$1 target targets failed_targets
  mapfile -t targets < <(fuzz_targets | grep -F -- "$name")
  ((${#targets[@]} > 0)) || fail "no fuzz target has '$name' in its name"
  build fuzz "${targets[@]/%/_fuzz}"
  export -f fuzz fuzz_figure
  failed_targets=$(printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I '{}' \
    bash -c 'fuzz "$1" "$2" >&2 || echo "$1"' _ '{}' "${FUZZ_SECONDS:-3}" | wc -l)
  count "$suite_name" $((${#targets[@]} - failed_targets)) "$failed_targets"
}

bash scripts/dev/setup.sh
mkdir -p "$reports"
case $suite in
  '' | house | lint | bench | simulators | ui | deploy | e2e | sim | kill | chaos | fuzz) ;;
  *) run_suite cpp run_cpp ;;
esac
if selected house; then run_suite house run_node tests/house; fi
if selected lint; then run_suite lint run_lint; fi
if selected simulators; then run_suite simulators run_node simulators; fi
if selected ui && [[ -n $(find ui -name '*.test.js' -not -path '*/node_modules/*') ]]; then run_suite ui run_node ui; fi
if [[ -z $suite ]]; then run_suite cpp run_cpp; fi
if selected bench; then run_suite bench run_bench; fi
if selected deploy; then run_suite deploy run_deploy; fi
if selected e2e; then run_suite e2e run_e2e; fi
if selected sim; then run_suite sim run_sim; fi
if selected kill; then run_suite kill run_kill; fi
if selected chaos; then run_suite chaos run_chaos; fi
if selected fuzz; then run_suite fuzz run_fuzz; fi

# Where only the end of a long output is kept, it must tell why.
for failed_suite in ${failed_suites[@]+"${failed_suites[@]}"}; do
  say "the end of $failed_suite, which failed"
  tail -n 40 "$reports/$failed_suite.log"
done
((failed == 0)) || say "failed: ${failed_suites[*]}"
echo "$passed passed, $failed failed"
((failed == 0))
