#!/usr/bin/env bash
# ./dev setup [build]
# Installs what is missing of compilers, libraries, Node packages and the Kafka of the tests (Debian 12).
#
# The list is scripts/dev/apt-packages.txt. What is there already is left alone, so it may run as often as you like;
# `run`, `build` and `test` begin with it. Only a missing package needs root or sudo. `build`: only what a build of the
# service itself needs, as in the Dockerfile.
source scripts/lib.sh

part=${1:-all}
[[ $part == all || $part == build ]] || fail "setup takes build, or nothing"

# Whether a section of the list is wanted; its name is the comment above it.
wanted() { [[ $part == all || $1 == building || $1 == libraries ]]; }

# Prints the packages of the list that are neither installed nor replaced by the command beside them.
missing_packages() {
  local installed package command section=
  installed=" $(dpkg-query -W -f='${Package}=${db:Status-Status} ' 2>/dev/null) "
  while read -r package command; do
    [[ $package != \# ]] || section=$command
    [[ -n $package && $package != \#* ]] || continue
    wanted "$section" || continue
    [[ $installed == *" $package=installed "* ]] && continue
    [[ -n $command ]] && type -P "$command" >/dev/null && continue
    echo "$package"
  done <scripts/dev/apt-packages.txt
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif type -P sudo >/dev/null; then
    sudo "$@"
  else
    fail "neither root nor sudo; as root, run: $*"
  fi
}

install_packages() {
  local packages
  mapfile -t packages < <(missing_packages)
  ((${#packages[@]} > 0)) || return 0
  say "installing ${#packages[@]} packages: ${packages[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

check_node() {
  local major
  major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
  ((major >= 18)) || fail "Node 18 or newer is needed, $(command -v node) is $(node --version)"
}

# npm writes its own copy of the lock file last of all, so a copy that is newer than ours means a finished installation.
install_node_packages() {
  local folder
  for folder in simulators ui tests/e2e tests/deploy; do
    [[ -f $folder/package-lock.json ]] || continue
    [[ $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]] && continue
    say "installing the Node packages of $folder/"
    (cd "$folder" && npm ci --no-progress --loglevel=error)
  done
}

if type -P dpkg-query >/dev/null; then
  install_packages
else
  say "this is no Debian: install the likes of scripts/dev/apt-packages.txt yourself"
fi
if [[ $part == all ]]; then
  check_node
  install_node_packages
  scripts/get_kafka.sh
fi
