#!/usr/bin/env bash
# Asks a server of its own everything that openapi.json describes, and much that it does not: no answer may be a 5xx, and
# every answer must be one that the document names, of the kind and form that it gives. The tool is fetched once, by pip,
# from the versions and digests in scripts/schemathesis.txt, into .tools/schemathesis.
#   EXAMPLES  cases for each operation at most (10; --long: 100)
#   SEED      the same seed asks the same (1)
#   TRAFFIC_BIN  the binary; without it the debug build
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib.sh
. scripts/lib.sh
# shellcheck source=scripts/ports.sh
. scripts/ports.sh

LONG=
case ${1:-} in
    '') ;;
    --long) LONG=yes ;;
    *) echo "schemathesis.sh: '$1' is not known; --long is" >&2; exit 2 ;;
esac
EXAMPLES=${EXAMPLES:-$([ -n "$LONG" ] && echo 100 || echo 10)}
SEED=${SEED:-1}
BIN=$(realpath "${TRAFFIC_BIN:-${CARGO_TARGET_DIR:-target}/debug/traffic}")
TOOL=$PWD/.tools/schemathesis

# Made anew when the list of versions changes.
if ! cmp -s scripts/schemathesis.txt "$TOOL/installed.txt"; then
    rm -rf "$TOOL"
    python3 -m venv "$TOOL"
    "$TOOL/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r scripts/schemathesis.txt
    cp scripts/schemathesis.txt "$TOOL/installed.txt"
fi

TMP=$(mktemp -d "${TMPDIR:-/tmp}/traffic-schemathesis.XXXXXX")
SERVER=
# shellcheck disable=SC2317  # called by the trap
clean_up() {
    [ -z "$SERVER" ] || { kill "$SERVER" 2>/dev/null; wait "$SERVER" 2>/dev/null; } || true
    rm -rf "$TMP"
}
trap clean_up EXIT

PORT=$(free_port)
URL=http://127.0.0.1:$PORT
# Runs that are asked for stay asked for: load beside this would only make it slow.
env -i PATH="$PATH" HOME="$HOME" LOADTEST_RUNNER=off "$BIN" serve --dev --log warn --http-addr "127.0.0.1:$PORT" \
    --database-url "sqlite://$TMP/traffic.db" >"$TMP/server.log" 2>&1 &
SERVER=$!
wait_ready "$SERVER" "$URL" || { cat "$TMP/server.log" >&2; exit 1; }

# Somebody inside a sale that lasts, with an order, and a sale for the operator to change.
python3 scripts/schemathesis.py prepare "$URL" >"$TMP/schemathesis.toml"
curl --silent --fail --output "$TMP/before" "$URL/metrics"

# One worker: what is asked, and in which order, is the seed's doing. The streams do not end by themselves. The limits are a
# part of what is asked: 429 is an answer like others.
set +e
# It keeps notes in the folder where it runs.
(cd "$TMP" && "$TOOL/bin/schemathesis" --config-file "$TMP/schemathesis.toml" run "$URL/openapi.json" \
    --url "$URL" --seed "$SEED" --max-examples "$EXAMPLES" --no-shrink --workers 1 --request-timeout 20 \
    --phases examples,coverage,fuzzing --suppress-health-check all --warnings off --no-color \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance \
    --exclude-path-regex '(/stream|[}]/events)$' --continue-on-failure)
outcome=$?
set -e
if ! kill -0 "$SERVER" 2>/dev/null; then
    echo "the server has ended" >&2
    outcome=1
elif [ "$outcome" = 0 ]; then
    curl --silent --fail --output "$TMP/after" "$URL/metrics" &&
        python3 scripts/schemathesis.py judge "$TMP/before" "$TMP/after" || outcome=1
fi
[ "$outcome" = 0 ] || { echo "-- the server's log:" >&2; tail -n 20 "$TMP/server.log" >&2; }
exit "$outcome"
