#!/usr/bin/env bash
# ./dev lint [format|headers|shell|tidy|all]
# Checks the format, that each header stands alone, the shell scripts, and runs clang-tidy on what changed.
#
# `format`, `headers`, `shell` and `tidy` run one of the four; `all` runs clang-tidy on every file, not only on those that
# differ from the last commit. `./dev test` runs format, headers and shell.
source scripts/lib.sh

check_format() {
  say "format"
  cpp_files | xargs -r clang-format --dry-run --Werror || fail "./dev format mends this"
}

# A header that needs another one before it breaks whoever includes it first. Where `x.cc` includes `x.h` first of all, the
# release build has proved it already: that one compiles every file by itself.
check_headers() {
  say "headers"
  local flags
  flags=$(pkg-config --cflags-only-I libpq)
  unproved_headers | xargs -r -P "$(jobs_max)" -I '{}' bash -c \
    'g++ -std=c++20 -Isrc $2 -fsyntax-only -include "$1" -x c++ /dev/null || { echo "$1 does not stand alone" >&2; exit 255; }' \
    _ '{}' "$flags"
}

unproved_headers() {
  local header source
  for header in $(cpp_files | grep -E '^src/.*\.h$'); do
    source=${header%.h}.cc
    [[ -f $source && $(grep -m 1 '^#include' "$source") == "#include \"${header#src/}\"" ]] || echo "$header"
  done
}

# SC2016, SC2317: commands in single quotes for another shell, and functions that only `trap` or `xargs` call, are meant.
check_shell() {
  say "shell"
  shell_files | xargs -r shellcheck --external-sources --exclude=SC2016,SC2317
}

shell_files() {
  git ls-files --cached --others --exclude-standard | while read -r file; do
    [[ ! -f $file ]] || ! head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh$|^# shellcheck shell=' || echo "$file"
  done
}

changed_files() {
  git diff --name-only --diff-filter=d HEAD
  git ls-files --others --exclude-standard
}

# Without uncommitted changes the last commit is what changed.
files_to_tidy() {
  local of=$1
  if [[ $of == all ]]; then
    cpp_files
  elif [[ -n $(changed_files) ]]; then
    changed_files
  else
    git diff --name-only --diff-filter=d HEAD~1
  fi | grep -E '^(src|tests)/.*\.cc$' || true
}

# The flags are g++'s, so clang is told to overlook those that it does not know. They are those of a file by itself, which
# the dev preset compiles together with its neighbours.
check_tidy() {
  say "clang-tidy"
  cmake --preset dev -B build/tidy -D CMAKE_UNITY_BUILD=OFF >/dev/null
  files_to_tidy "${1:-changed}" | xargs -r -n 1 -P "$(jobs_max)" clang-tidy --quiet -p build/tidy \
    --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-error
}

bash scripts/dev/setup.sh
case ${1:-} in
  '') check_format && check_headers && check_shell && check_tidy ;;
  all) check_format && check_headers && check_shell && check_tidy all ;;
  format | headers | shell | tidy) "check_$1" ;;
  *) fail "lint takes format, headers, shell, tidy or all" ;;
esac
