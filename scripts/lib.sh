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
