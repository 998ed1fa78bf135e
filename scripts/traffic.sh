#!/usr/bin/env bash
# Runs one command of the release binary, built if needed: `scripts/traffic.sh sim launch_spike`.
# Settings come from the environment. The target is what `make desktop` started, else what `make cluster` did, unless BASE_URL
# names another.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/cluster-lib.sh
. scripts/cluster-lib.sh

build
if [ -z "${BASE_URL:-}" ] && running_pid >/dev/null && [ -s "$URL_FILE" ]; then
    BASE_URL=$(cat "$URL_FILE")
    export BASE_URL
    export_admin_key
elif [ -z "${BASE_URL:-}" ] && find_cluster && [ -n "$(running nginx)" ]; then
    BASE_URL=$(cat "$CLUSTER_DIR/url")
    ADMIN_API_KEY=${ADMIN_API_KEY:-$(cat "$CLUSTER_DIR/admin.key")}
    METRICS_URL=${METRICS_URL:-$(cat "$CLUSTER_DIR/metrics_url")}
    export BASE_URL ADMIN_API_KEY METRICS_URL
fi
exec "$BIN" "$@"
