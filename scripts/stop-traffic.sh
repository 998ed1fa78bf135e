#!/usr/bin/env bash
# Ends the server that run-traffic.sh started: exactly that process, politely first. `make stop` calls this.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

DRAIN_SEC=15   # the server answers what it has accepted and closes its connections; longer means that it hangs

if ! pid=$(running_pid); then
    rm -f "$PID_FILE" "$URL_FILE"
    echo "Traffic does not run."
    exit 0
fi

kill -TERM "$pid" 2>/dev/null || true
deadline=$((SECONDS + DRAIN_SEC))
while running_pid >/dev/null; do
    if ((SECONDS >= deadline)); then
        echo "Traffic (pid $pid) did not end within $DRAIN_SEC s: killed. Nothing acknowledged is lost." >&2
        kill -KILL "$pid" 2>/dev/null || true
        break
    fi
    sleep 0.1
done
rm -f "$PID_FILE" "$URL_FILE"
echo "Traffic stopped."
