#!/usr/bin/env bash
# Runs every scenario that is ready, one after the other, and prints one table. The exit code is that of the worst: 1 no run at
# all, 99 FAIL, 98 INVALID, 105 ABORTED, 0 all PASS. `make sim-all` calls this.
#   BASE_URL        the server; without it what `make desktop` or `make cluster` started, else one for the time of the runs
#   SHORT=1         the short shape: 100 fans, 2 s + 8 s + 2 s; each K6_* variable that is set wins
#   SCENARIOS       only these, separated by spaces
#   NO_TIME_LIMITS=1  judges order, seats and money only
#   OUT             folder for reports and tables (data/runs)
#   TRAFFIC_BIN     the binary; without it the release build
# All variables of `make sim` count here too, REPEAT and SEED among them.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/cluster-lib.sh
. scripts/cluster-lib.sh
# shellcheck source=scripts/ports.sh
. scripts/ports.sh

OUT=${OUT:-$DATA/runs}
SERVER='' TMP=''

# shellcheck disable=SC2317  # called by the trap
clean_up() {
    [ -z "$SERVER" ] || { kill "$SERVER" 2>/dev/null; wait "$SERVER" 2>/dev/null; } || true
    [ -z "$TMP" ] || rm -rf "$TMP"
}
trap clean_up EXIT

# A server of our own for all runs, where nobody else's is there.
start_server() {
    TMP=$(mktemp -d "${TMPDIR:-/tmp}/traffic-sim-all.XXXXXX")
    BASE_URL=http://127.0.0.1:$(free_port)
    export BASE_URL
    unset ADMIN_API_KEY DEMO_API_KEY
    # Ctrl-C is for the run, which still needs its server.
    LOADTEST_RUNNER=off setsid "$BIN" serve --dev --log warn --http-addr "${BASE_URL#http://}" --database-url "sqlite://$TMP/traffic.db" \
        >"$TMP/server.log" 2>&1 &
    SERVER=$!
    wait_ready "$SERVER" "$BASE_URL" || { cat "$TMP/server.log" >&2; die "the server for the runs did not start"; }
}

verdict() {
    case $1 in
        0) echo PASS ;;
        99) echo FAIL ;;
        98) echo INVALID ;;
        105) echo ABORTED ;;
        104) echo "NO PLAN" ;;
        *) echo "ERROR $1" ;;
    esac
}

# How bad an exit code is.
rank() {
    case $1 in 0) echo 0 ;; 105) echo 1 ;; 98) echo 2 ;; 99) echo 3 ;; *) echo 4 ;; esac
}

build
export TRAFFIC_BIN=$BIN
if [ -n "${SHORT:-}" ]; then
    export K6_VUS_MAX=${K6_VUS_MAX:-100} K6_TOTAL_SEATS=${K6_TOTAL_SEATS:-100} K6_RAMP_UP=${K6_RAMP_UP:-2s} \
        K6_STEADY=${K6_STEADY:-8s} K6_RAMP_DOWN=${K6_RAMP_DOWN:-2s}
fi
read -ra scenarios <<<"${SCENARIOS:-$("$BIN" lab scenarios | cut -f 1 | tr '\n' ' ')}"
((${#scenarios[@]} > 0)) || die "there is no scenario"
if [ -z "${BASE_URL:-}" ] && ! running_pid >/dev/null && ! { find_cluster && [ -n "$(running nginx)" ]; }; then
    start_server
fi
mkdir -p "$OUT"
options=(--out "$OUT" ${NO_TIME_LIMITS:+--no-time-limits})

worst=0 rows=() began=$SECONDS
for scenario in "${scenarios[@]}"; do
    echo "== $scenario" >&2
    from=$SECONDS code=0 text=$OUT/last-$scenario.txt
    scripts/traffic.sh sim "$scenario" "${options[@]}" >"$text" || code=$?
    [ "$code" = 0 ] || cat "$text"
    # The sentence of a single run, or how many of several passed.
    said=$(sed -nE 's/^(PASS|FAIL|INVALID|ABORTED): //p; /^[0-9]+ of [0-9]+ passed$/p' "$text" | tail -n 1)
    rows+=("$(printf '%-24s %-9s %5s s  %s' "$scenario" "$(verdict "$code")" $((SECONDS - from)) "${said:0:100}")")
    (($(rank "$code") <= $(rank "$worst"))) || worst=$code
    # Stopped by hand: the others are not wanted either.
    [ "$code" != 105 ] || break
done

printf '\n%-24s %-9s %7s  %s\n' SCENARIO VERDICT TIME REASON
printf '%s\n' "${rows[@]}"
echo
echo "${#rows[@]} of ${#scenarios[@]} scenarios in $((SECONDS - began)) s; reports and tables in $OUT: $(verdict "$worst")"
exit "$worst"
