#!/usr/bin/env bash
# `make up` and `make down`: the cluster of deploy/docker-compose.yml. Words after up or down are passed on.
#   PORT       8080
#   BIND       127.0.0.1: this machine only
#   API_NODES  2
#   WORKERS    2
set -euo pipefail
cd "$(dirname "$0")/.."

die() { echo "$*" >&2; exit 1; }

SECRETS=deploy/.env
what=${1:-}
[ "$what" = up ] || [ "$what" = down ] || die "usage: $0 up|down [options of docker compose]"
shift
docker compose version >/dev/null 2>&1 ||
    die "docker compose is missing: install Docker with its compose plugin, or use make cluster, which needs neither"

# Fills every empty line of the example. The file stays: another password would not open the database that is there.
make_secrets() {
    local line
    (
        umask 077
        while IFS= read -r line; do
            [[ $line != *= ]] || line+=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
            echo "$line"
        done <deploy/.env.example >"$SECRETS.new"
    )
    mv "$SECRETS.new" "$SECRETS"
    echo "made secrets: $SECRETS" >&2
}

compose=(docker compose --project-directory deploy --file deploy/docker-compose.yml)
if [ "$what" = down ]; then
    [ -e "$SECRETS" ] || die "there is no $SECRETS: nothing was started from here"
    # The data stays, unless `--volumes` is among the words.
    exec "${compose[@]}" down "$@"
fi
[ -e "$SECRETS" ] || make_secrets
"${compose[@]}" up --detach --build --wait --scale "api=${API_NODES:-2}" --scale "worker=${WORKERS:-2}" "$@"
echo "Traffic is ready: http://${BIND:-localhost}:${PORT:-8080}/"
echo "  admin key   in $SECRETS"
echo "  stop        make down   (keeps the data; scripts/compose.sh down --volumes does not)"
