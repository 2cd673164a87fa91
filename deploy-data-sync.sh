#!/usr/bin/env bash
# ./deploy-data-sync.sh [--build-only | --deploy-only | --test-only]
# Builds the service's image, starts it with its PostgreSQL and its Redis by Docker Compose, and asks whether it works.
#
#   --build-only   only build the image
#   --deploy-only  only start what was built, and wait until it is healthy
#   --test-only    only ask the service that runs; changes nothing, and needs no Docker
#   --help         show this
#
# Settings are in `.env`. Where there is none, it is made from .env.example with random secrets; one that is there is never
# changed. After an edit, --deploy-only brings it into force.
#
# The database is migrated before the service is replaced, so that what stands in the way leaves the former one running.
#
# From the environment: DEPLOY_SECONDS is how long a start may take (180), DATA_SYNC_URL is whom --test-only asks
# (http://localhost:8025, with the PORT of `.env`).
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"

readonly image=bizosaas/data-sync:latest
readonly container=bizosaas-data-sync
readonly network=bizosaas-platform-network
readonly compose_file=docker-compose.bizosaas-platform.yml
readonly log_lines=30
readonly away=69  # how data-sync ends when its database does not answer
readonly seconds_max=${DEPLOY_SECONDS:-180}

main() {
  case $#:${1:-} in
    0:)
      build
      deploy
      test_service
      ;;
    1:--build-only) build ;;
    1:--deploy-only) deploy ;;
    1:--test-only) test_service ;;
    1:--help | 1:-h) show_help ;;
    *)
      printf 'deploy-data-sync: it takes --build-only, --deploy-only, --test-only or nothing; --help tells more\n' >&2
      exit 2
      ;;
  esac
}

build() {
  expect_docker
  say "building $image"
  # The Dockerfile keeps the compiler's cache in a mount, which the builder of before BuildKit does not know.
  DOCKER_BUILDKIT=1 docker build --tag "$image" . ||
    fail "the image could not be built" "what stopped it stands above"
}

deploy() {
  expect_docker
  find_compose
  docker image inspect "$image" >/dev/null 2>&1 ||
    fail "there is no image $image on this machine" "./deploy-data-sync.sh --build-only builds it"
  make_env
  check_env
  expect_free_port
  docker network inspect "$network" >/dev/null 2>&1 || {
    say "making the network $network"
    docker network create "$network" >/dev/null
  }
  choose_database
  choose_redis
  choose_kafka
  check_settings
  migrate_database
  say "starting"
  compose up --detach --no-build "${own_database[@]}" "${own_redis[@]}" "${own_kafka[@]}" "$container" || fail "Compose could not start it" "what stopped it stands above"
  wait_until_healthy
}

# The service itself knows best what is wrong with its settings, and says so before anything that runs is replaced.
check_settings() {
  local told
  told=$(compose run --rm --no-deps -T "$container" config check 2>&1) || {
    printf '%s\n' "$told" >&2
    fail "the service refuses its settings" "correct them in .env, then ./deploy-data-sync.sh --deploy-only"
  }
  grep '^warning: ' <<<"$told" >&2 || true
}

# A file is migrated by the service at its start: until then the former one has it.
migrate_database() {
  local told code deadline=$((SECONDS + seconds_max))
  [[ $(database_url) != sqlite:* ]] || return 0
  say "migrating the database"
  while true; do
    code=0
    told=$(compose run --rm "${own_database[@]}" -T "$container" migrate 2>&1) || code=$?
    ((code != 0)) || break
    if ((code != away || SECONDS >= deadline)); then
      printf '%s\n' "$told" >&2
      fail "the database could not be migrated" "what stands above; the service of before, if any, still runs"
    fi
    sleep 1
  done
}

wait_until_healthy() {
  local deadline=$((SECONDS + seconds_max)) state=
  say "waiting until it is healthy, at most $seconds_max s"
  while ((SECONDS <= deadline)); do
    state=$(docker inspect --format '{{.State.Status}}{{if .State.Health}} {{.State.Health.Status}}{{end}}' "$container" 2>/dev/null) ||
      state=gone
    case $state in
      'running healthy')
        say "it is healthy"
        return
        ;;
      *unhealthy | exited* | dead* | gone) break ;;
    esac
    sleep 1
  done
  printf 'The last it wrote:\n' >&2
  docker logs --tail "$log_lines" "$container" >&2 2>&1 || true
  fail "the service is not healthy (${state:-unknown}) after $((SECONDS - deadline + seconds_max)) s" \
    "its log above tells why; docker logs $container shows all of it"
}

test_service() {
  local url
  url=${DATA_SYNC_URL:-http://localhost:$(port)}
  url=${url%/}
  type -P curl >/dev/null || fail "there is no curl, which the test asks with" "sudo apt-get install curl"
  say "asking $url"
  expect_answer 200 "$url/livez" "it runs"
  expect_answer 200 "$url/readyz" "it takes events"
  expect_answer 200 "$url/health" "it is healthy"
  expect_answer 200 "$url/metrics" "it tells its metrics"
  expect_answer 401 "$url/sync/status" "who has no token is refused"
  say "it works"
}

# expect_answer STATUS URL MEANING
expect_answer() {
  local status
  status=$(curl --silent --output /dev/null --max-time 10 --write-out '%{http_code}' "$2") || status=none
  if [[ $status == "$1" ]]; then
    printf '   %-32s %s %s\n' "$3" "${2#*://}" "$status"
    return
  fi
  case $1:$status in
    *:none) fail "nothing answers at $2" "./deploy-data-sync.sh --deploy-only starts it; docker logs $container tells why it does not run" ;;
    401:200) fail "it lets everybody in at $2, since its ENVIRONMENT is development" "set ENVIRONMENT=production in .env, then ./deploy-data-sync.sh --deploy-only" ;;
    *:503) fail "it does not take events now: $2 answers 503" "docker logs $container tells why; mostly its database is away" ;;
    *) fail "$2 answers $status instead of $1" "is it another program that answers there? DATA_SYNC_URL names another place" ;;
  esac
}

expect_docker() {
  type -P docker >/dev/null ||
    fail "there is no docker on this machine" "install it: https://docs.docker.com/engine/install/debian/"
  local why
  why=$(docker info 2>&1 >/dev/null) && return
  if [[ $why == *'permission denied'* ]]; then
    fail "$(id -un) may not talk to the Docker daemon" "run this with sudo, or: sudo usermod -aG docker $(id -un), and log in again"
  fi
  fail "the Docker daemon does not answer: ${why##*$'\n'}" "sudo systemctl start docker"
}

find_compose() {
  if docker compose version >/dev/null 2>&1; then
    compose_command=(docker compose)
  elif type -P docker-compose >/dev/null; then
    compose_command=(docker-compose)
  else
    fail "Docker has no Compose here" "sudo apt-get install docker-compose-plugin, or docker-compose where that is not known"
  fi
}

compose() { "${compose_command[@]}" --file "$compose_file" "$@"; }

# Complete and by its own name at once, or not at all; what came to be there meanwhile stays.
make_env() {
  [[ ! -e .env ]] || return 0
  fresh=$(umask 077 && mktemp .env.XXXXXX)
  trap 'rm -f "$fresh"' EXIT
  jwt=$(random 48 | base64 -w 0) postgres=$(random 24 | od -An -v -tx1 | tr -d ' \n') awk '
    $0 == "JWT_SECRET=" { $0 = $0 ENVIRON["jwt"] }
    $0 == "POSTGRES_PASSWORD=" { $0 = $0 ENVIRON["postgres"] }
    { print }' .env.example >"$fresh"
  mv --no-clobber "$fresh" .env
  say "made .env with random secrets; JWT_SECRET must be that of the service that issues the tokens"
}

random() { head -c "$1" /dev/urandom; }

check_env() {
  local environment=${ENVIRONMENT:-$(value_of ENVIRONMENT)}
  if [[ -n $(find .env -perm /077) ]]; then
    printf 'warning: others on this machine may read .env, which holds secrets; chmod 600 .env\n' >&2
  fi
  [[ -n $(value_of JWT_SECRET)$(value_of JWT_SECRET_FILE) ]] ||
    fail ".env lacks JWT_SECRET" "set it to the key of the service that issues the tokens; openssl rand -base64 48 makes a new one"
  [[ -n ${POSTGRES_PASSWORD:-$(value_of POSTGRES_PASSWORD)} ]] ||
    fail ".env lacks POSTGRES_PASSWORD" "set it to that of the database beside the service; openssl rand -hex 24 makes one for a new database"
  [[ ${environment,,} != development ]] ||
    fail "ENVIRONMENT is development, where no call needs a token" "set ENVIRONMENT=production in .env; without a container, data-sync serve is for development"
}

# value_of NAME: what .env says; the last line of that name counts, as for Compose.
value_of() {
  [[ -f .env ]] || return 0
  sed -n -E "s/^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*//p" .env | tail -n 1 |
    sed -E "s/[[:space:]]+#.*$//; s/[[:space:]]+$//; s/^\"(.*)\"$/\1/; s/^'(.*)'$/\1/"
}

port() {
  local value=${PORT:-$(value_of PORT)}
  echo "${value:-8025}"
}

database_url() { echo "${DATABASE_URL:-$(value_of DATABASE_URL)}"; }

# With another database than the one beside it, that one is not started.
choose_database() {
  local url
  url=$(database_url)
  own_database=()
  if [[ -n $url && $url != *@bizosaas-data-sync-postgres* ]]; then own_database=(--no-deps); fi
}

# Nothing depends on it, so Compose does not start it for the service.
choose_redis() {
  local url
  url=${REDIS_URL:-$(value_of REDIS_URL)}
  own_redis=(bizosaas-data-sync-redis)
  if [[ -n $url && $url != *bizosaas-data-sync-redis* ]]; then own_redis=(); fi
}

# It is started only where it is named: by its own name, so that Compose does not ask for its profile.
choose_kafka() {
  local brokers
  brokers=${KAFKA_BROKERS:-$(value_of KAFKA_BROKERS)}
  own_kafka=()
  if [[ $brokers == *bizosaas-data-sync-kafka* ]]; then own_kafka=(bizosaas-data-sync-kafka); fi
}

# Who is already there may be the service itself, which is about to be replaced.
expect_free_port() {
  local port holder
  port=$(port)
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || return 0
  holder=$(docker ps --filter "publish=$port" --format '{{.Names}}' | head -n 1)
  [[ $holder != "$container" ]] || return 0
  fail "port $port is taken${holder:+ by the container $holder}" "stop what listens there (ss -ltnp shows it), or set another PORT in .env"
}

show_help() { sed -n '2,/^[^#]/ s/^# \{0,1\}//p' deploy-data-sync.sh; }

say() { printf '== %s\n' "$*"; }

# fail CAUSE REMEDY
fail() {
  printf 'deploy-data-sync: %s\n' "$1" >&2
  printf '  what helps: %s\n' "$2" >&2
  exit 1
}

main "$@"
