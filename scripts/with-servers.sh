#!/usr/bin/env bash
# shellcheck disable=SC2317  # stop is called by a trap
# Runs a command beside a PostgreSQL server of its own, which every test shares: `scripts/with-servers.sh cargo nextest run`.
# The server syncs nothing unless --durable stands first, listens on a free port of the loopback address, and goes with
# the command.
#   TRAFFIC_TEST_POSTGRES      set for the command; where it is set already, that server is used and none is started
#   TRAFFIC_TEST_POSTGRES_PID  set beside it: the first of the server's processes
set -euo pipefail

durable=
[ "${1:-}" != --durable ] || { durable=--durable; shift; }
(($# > 0)) || { echo "usage: with-servers.sh [--durable] COMMAND [ARGUMENT..]" >&2; exit 2; }
[ -z "${TRAFFIC_TEST_POSTGRES:-}" ] || exec "$@"

# Told apart from the folder that the command runs in, which stays the caller's.
manifest=$(dirname "${BASH_SOURCE[0]}")/../Cargo.toml
target=$(cd "$(dirname "$manifest")" && realpath -m -- "${CARGO_TARGET_DIR:-target}")
cargo build --quiet --manifest-path "$manifest" --package testbed --bin testbed >&2

# It lives as long as we hold the other end of its input: if we are killed, it is gone too.
coproc SERVER { exec "$target/debug/testbed" postgres ${durable:+"$durable"}; }
read -r url pid <&"${SERVER[0]}" || { echo "PostgreSQL did not start; see above" >&2; exit 1; }
server=$SERVER_PID hold=${SERVER[1]}

stop() {
    exec {hold}>&-
    wait "$server" || true
}
trap stop EXIT

# In the background, because a shell that waits in the foreground hears a signal only afterwards. A background command
# would get no input and be deaf to Ctrl-C; this one is not.
TRAFFIC_TEST_POSTGRES=$url TRAFFIC_TEST_POSTGRES_PID=$pid env --default-signal=INT,QUIT "$@" <&0 &
command=$!
trap 'kill -INT "$command" 2>/dev/null || true' INT
trap 'kill -TERM "$command" 2>/dev/null || true' TERM

outcome=0
while true; do
    outcome=0
    wait "$command" || outcome=$?
    # A signal to us ends the wait, not the command.
    kill -0 "$command" 2>/dev/null || break
done
exit "$outcome"
