#!/usr/bin/env bash
# Stands in for `docker` and `docker-compose`, to observe what deploy-data-sync.sh asks of them: every call becomes a line of
# $FAKE_DOCKER/calls. Files in $FAKE_DOCKER tell how it answers; without any, all is well and nothing was deployed before.
set -euo pipefail
name=$(basename "$0")
printf '%s%s %s\n' "${DOCKER_BUILDKIT:+DOCKER_BUILDKIT=$DOCKER_BUILDKIT }" "$name" "$*" >>"$FAKE_DOCKER/calls"

answers() { [[ -e $FAKE_DOCKER/$1 ]]; }

words=" $* "
case "$name$words" in
  'docker info '*)
    if answers daemon; then
      cat "$FAKE_DOCKER/daemon" >&2
      exit 1
    fi
    ;;
  'docker compose version '*) if answers no_plugin; then exit 1; fi ;;
  'docker build '*) if answers build_fails; then exit 1; fi ;;
  'docker image inspect '*) if answers no_image; then exit 1; fi ;;
  'docker network inspect '*) if ! answers network; then exit 1; fi ;;
  'docker ps '*) if answers publisher; then cat "$FAKE_DOCKER/publisher"; fi ;;
  *' run '*' config check '*)
    if answers refused; then
      cat "$FAKE_DOCKER/refused" >&2
      exit 78
    fi
    ;;
  # One exit code a call in `migrations`, then all is well.
  *' run '*' migrate '*)
    if [[ -s $FAKE_DOCKER/migrations ]]; then
      code=$(head -n 1 "$FAKE_DOCKER/migrations")
      sed -i 1d "$FAKE_DOCKER/migrations"
      echo "data-sync: it ended with $code" >&2
      exit "$code"
    fi
    ;;
  *' up '*) if answers up_fails; then exit 1; fi ;;
  # One line of `states` a call, the last one again and again.
  'docker inspect '*)
    if ! answers states; then
      echo 'running healthy'
    else
      head -n 1 "$FAKE_DOCKER/states"
      [[ $(wc -l <"$FAKE_DOCKER/states") -le 1 ]] || sed -i 1d "$FAKE_DOCKER/states"
    fi
    ;;
  'docker logs '*) if answers log; then cat "$FAKE_DOCKER/log"; fi ;;
esac
