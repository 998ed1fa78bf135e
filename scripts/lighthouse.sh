#!/usr/bin/env bash
# How fast and how accessible the fan pages are: Lighthouse against a server that it starts for itself. Fails below 95. Times
# are judged, so the machine should be quiet; not part of `make test`. `make lighthouse` and `make soak` call this.
#   TRAFFIC_BIN  the binary; without it the release build with its pages, made if needed
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/ports.sh
. scripts/ports.sh
# shellcheck source=scripts/node.sh
. scripts/node.sh

TOOL=web/lighthouse
build
BIN=$(realpath "$BIN")
use_node
if ! cmp -s "$TOOL/package-lock.json" "$TOOL/node_modules/.installed-lock.json"; then
    (cd "$TOOL" && npm ci --ignore-scripts --loglevel=error)
    cp "$TOOL/package-lock.json" "$TOOL/node_modules/.installed-lock.json"
fi

TMP=$(mktemp -d "${TMPDIR:-/tmp}/traffic-lighthouse.XXXXXX")
SERVER=
# shellcheck disable=SC2317  # called by the trap
clean_up() {
    [ -z "$SERVER" ] || { kill "$SERVER" 2>/dev/null; wait "$SERVER" 2>/dev/null; } || true
    rm -rf "$TMP"
}
trap clean_up EXIT

PORT=$(free_port)
env -i PATH="$PATH" HOME="$TMP" LOADTEST_RUNNER=off "$BIN" serve --dev --log warn --http-addr "127.0.0.1:$PORT" \
    --database-url "sqlite://$TMP/traffic.db" >"$TMP/server.log" 2>&1 &
SERVER=$!
wait_ready "$SERVER" "http://127.0.0.1:$PORT" || { cat "$TMP/server.log" >&2; die "the server did not start"; }
# What is measured must be the pages, not the page that says that they are missing.
! curl --silent "http://127.0.0.1:$PORT/fan" | grep -q 'pages-not-built' || die "this binary was built without its pages"
URL=http://localhost:$PORT ADMIN_KEY=dev-admin-key node "$TOOL/run.mjs"
