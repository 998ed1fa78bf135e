#!/usr/bin/env bash
# `traffic bench` with these arguments, beside a PostgreSQL server of its own that syncs every commit, where one is wanted
# and can be: `scripts/bench.sh --only cluster --rounds 3`. Without PostgreSQL the measure `cluster` is left out.
#   TRAFFIC_BIN  the binary; without it the release build
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# Whether `cluster` is among the measures that the arguments name, or all are meant.
wants_cluster() {
    local word named='' next=false
    for word in "$@"; do
        if $next; then named+=,$word; fi
        next=false
        case $word in --only) next=true ;; --only=*) named+=,${word#*=} ;; esac
    done
    [ -z "$named" ] || [[ $named, == *,cluster,* ]]
}
has_postgres() { command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

build
if wants_cluster "$@" && has_postgres; then
    # Not one that is there for tests: it may sync nothing, and others use it.
    unset TRAFFIC_TEST_POSTGRES
    # shellcheck disable=SC2016  # the command's own shell expands it
    exec scripts/with-servers.sh --durable bash -c \
        'exec "$0" bench --postgres "$TRAFFIC_TEST_POSTGRES" --postgres-pid "$TRAFFIC_TEST_POSTGRES_PID" "$@"' "$BIN" "$@"
fi
exec "$BIN" bench "$@"
