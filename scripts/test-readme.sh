#!/usr/bin/env bash
# Runs the curl tour of README.md as it is written, against a server of its own, and checks every answer.
# TRAFFIC_BIN: the binary to test; by default the debug build.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/check.sh
. scripts/check.sh

TRAFFIC_BIN=$(realpath "${TRAFFIC_BIN:-${CARGO_TARGET_DIR:-target}/debug/traffic}")
TRAFFIC_DATA=$TMP/data
PORT=$(free_port)
export TRAFFIC_BIN TRAFFIC_DATA PORT
unset HOST DATABASE_URL ADMIN_API_KEY DEMO_API_KEY
TOUR_SEC=60   # eleven calls and a wait for admission: seconds

trap 'scripts/stop-traffic.sh >/dev/null 2>&1 || true; rm -rf "$TMP"' EXIT

# shellcheck disable=SC2016  # the backticks are a Markdown fence
sed -n '/^```sh curl-tour$/,/^```$/{/^```/d;p}' README.md >"$TMP/tour.sh"
check "the README has a curl tour" [ -s "$TMP/tour.sh" ]

run scripts/run-traffic.sh
check "the server starts" exits 0

run env BASE="http://localhost:$PORT" TMPDIR="$TMP" timeout "$TOUR_SEC" bash "$TMP/tour.sh"
check "the tour runs to its end" exits 0
echo "$OUT" >"$TMP/answers"
line() { sed -n "$1p" "$TMP/answers"; }
position() { line "$1" | sed -n 's/.*"position":\([0-9]*\).*/\1/p'; }

# One line an answer: "STATUS BODY".
step=0
for expected in "200 demo sale" "201 register" "201 join" "200 join again" "200 status" "200 hold" "200 checkout" \
    "200 checkout again" "200 order" "200 ticket" "403 transfer"; do
    step=$((step + 1))
    check "${expected#* } answers ${expected%% *}" same "${expected%% *}" "$(line "$step" | cut -d ' ' -f 1)"
done
check "nothing more is printed" same "$step" "$(wc -l <"$TMP/answers")"
check "joining twice gives a place" [ -n "$(position 3)" ]
check "joining twice gives the same place" same "$(position 3)" "$(position 4)"
check "the fan is admitted" grep -q '"admitted":true' <<<"$(line 5)"
check "the same checkout gives the same bytes" same "$(line 7)" "$(line 8)"
check "the ticket has a code for the door" grep -q '"code":"T1\.' <<<"$(line 10)"
check "the transfer is refused by name" grep -q '"code":"transfer_blocked"' <<<"$(line 11)"

report
