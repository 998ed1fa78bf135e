#!/usr/bin/env bash
# Runs one command of the release binary, built if needed: `scripts/traffic.sh sim launch_spike`.
# Settings come from the environment. The server that `make desktop` started is the target unless BASE_URL names another.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

build
if [ -z "${BASE_URL:-}" ] && running_pid >/dev/null && [ -s "$URL_FILE" ]; then
    BASE_URL=$(cat "$URL_FILE")
    export BASE_URL
    export_admin_key
fi
exec "$BIN" "$@"
