#!/usr/bin/env bash
# Starts, stops and uses Traffic the way a person does, in a temporary folder and on free ports.
# TRAFFIC_BIN: the binary to test; by default the debug build.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/check.sh
. scripts/check.sh

TRAFFIC_BIN=$(realpath "${TRAFFIC_BIN:-${CARGO_TARGET_DIR:-target}/debug/traffic}")
TRAFFIC_DATA=$TMP/data
PORT=$(free_port)
export TRAFFIC_BIN TRAFFIC_DATA PORT
unset HOST DATABASE_URL ADMIN_API_KEY DEMO_API_KEY SALE_ID SEED BASE_URL
url=http://localhost:$PORT
squatter=

clean_up() {
    scripts/stop-traffic.sh >/dev/null 2>&1 || true
    [ -z "$squatter" ] || kill "$squatter" 2>/dev/null || true
    rm -rf "$TMP"
}
trap clean_up EXIT

demo_sale() { curl -sS --max-time 5 "$url/v1/demo/dashboard" | sed -n 's/.*"sale_id":"\([^"]*\)".*/\1/p'; }
pid_now() { cat "$TRAFFIC_DATA/traffic.pid"; }

echo "start and stop"
run scripts/stop-traffic.sh
check "stop says that none runs" says "does not run"
run scripts/run-traffic.sh
check "start succeeds" exits 0
check "start prints the address" says "$url/"
check "start prints how to stop" says "make stop"
first_sale=$(demo_sale)
check "there is a demo sale" [ -n "$first_sale" ]
check "start prints the demo sale" says "demo sale +$first_sale"
first_pid=$(pid_now)
run scripts/run-traffic.sh
check "a second start says that it runs" says "already runs"
check "a second start exits 0" exits 0
check "a second start leaves the process alone" same "$first_pid" "$(pid_now)"

echo "one server per data folder"
run timeout 20 "$TRAFFIC_BIN" serve --dev --http-addr "127.0.0.1:$(free_port)" \
    --database-url "sqlite://$TRAFFIC_DATA/traffic.db"
check "a second server on the same data is refused" test "$CODE" != 0 -a "$CODE" != 124
check "and says why" says "already|another|in use|locked"
check "the first one still answers" curl -sSf "$url/health/ready"

echo "commands against the running server"
export BASE_URL=$url
run "$TRAFFIC_BIN" seed
check "seed prints one line SALE_ID=<id>" grep -qxE 'SALE_ID=[0-9a-f-]{36}' <<<"$("$TRAFFIC_BIN" seed 2>/dev/null)"
check "seed exits 0" exits 0
run "$TRAFFIC_BIN" sim
check "sim without a scenario exits 2" exits 2
for scenario in launch_spike backdoor_race queue_fairness late_surge second_sale_regression bot_checkout \
    scalper_network refresh_storm reconnect_churn mixed_realistic; do
    check "sim lists $scenario" says "$scenario"
done
run "$TRAFFIC_BIN" serve --no-such-flag
check "a wrong flag exits 2" exits 2
check "a wrong flag is named" says "no-such-flag"
run "$TRAFFIC_BIN" no-such-command
check "a wrong command exits 2" exits 2
check "a wrong command is named" says "no-such-command"
run "$TRAFFIC_BIN" assert-queue
check "assert-queue without a sale exits 2" exits 2

echo "a short launch"
# Small and without time limits: a loaded machine must not fail what is about order and seats.
launch=(K6_VUS_MAX=40 K6_RAMP_UP=2s K6_STEADY=8s K6_RAMP_DOWN=2s K6_TOTAL_SEATS=40)
before=$(demo_sale)
run env "${launch[@]}" "$TRAFFIC_BIN" sim launch_spike --no-time-limits --out "$TMP/report"
check "launch_spike exits 0" exits 0
check "launch_spike says PASS" says "PASS"
sale=$(demo_sale)
check "the run's sale became the demo sale" test "$sale" != "$before"
run "$TRAFFIC_BIN" assert-queue --sale "$sale"
check "assert-queue agrees" exits 0
check "assert-queue says PASS" says "PASS"

echo "restart"
run scripts/stop-traffic.sh
check "stop says so" says "stopped"
check "the process is gone" test -z "$(tr -d "\\0" 2>/dev/null <"/proc/$first_pid/cmdline" || true)"
run scripts/stop-traffic.sh
check "a second stop says that none runs" says "does not run"
echo "$$" >"$TRAFFIC_DATA/traffic.pid"
run scripts/stop-traffic.sh
check "stop never ends a process that is not Traffic" says "does not run"
echo 999999999 >"$TRAFFIC_DATA/traffic.pid"
run scripts/run-traffic.sh
check "a stale pid file is replaced" exits 0
check "a restart keeps the data" same "$sale" "$(demo_sale)"
run scripts/stop-traffic.sh

echo "without a server"
run env "${launch[@]}" BASE_URL="http://localhost:$(free_port)" \
    "$TRAFFIC_BIN" sim launch_spike --no-time-limits --out "$TMP/private"
check "with nothing at BASE_URL the run starts a server of its own" exits 0

echo "every scenario"
run env "${launch[@]}" SHORT=1 SCENARIOS=launch_spike NO_TIME_LIMITS=1 OUT="$TMP/all" BASE_URL= scripts/sim-all.sh
check "sim-all exits 0" exits 0
check "sim-all prints a table" says "launch_spike +PASS"
check "sim-all counts its runs" says "1 of 1 scenarios"
run env SCENARIOS=launch_spke OUT="$TMP/all" BASE_URL= scripts/sim-all.sh
check "sim-all fails with what cannot be run" exits 104
check "and says why" says "did you mean launch_spike"

echo "a busy port"
python3 - "$PORT" <<'PY' &
import socket, sys, time
taken = socket.socket()
taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
taken.bind(("127.0.0.1", int(sys.argv[1])))
taken.listen()
time.sleep(60)
PY
squatter=$!
for _ in {1..50}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null && break
    sleep 0.1
done
run scripts/run-traffic.sh
check "a busy port exits 1" exits 1
check "a busy port is named" says "port $PORT is in use"
check "and no pid is left" test ! -e "$TRAFFIC_DATA/traffic.pid"
kill "$squatter" 2>/dev/null || true
squatter=

echo "open to the network"
PORT=$(free_port)
run env HOST=0.0.0.0 PORT="$PORT" scripts/run-traffic.sh
check "HOST=0.0.0.0 starts" exits 0
check "an admin key is printed" says "admin key +[0-9a-f]{64}"
check "the key file is private" same 600 "$(stat -c %a "$TRAFFIC_DATA/admin.key")"
code=$(curl -sS -o "$TMP/answer" -w '%{http_code}' -H 'X-Admin-Key: dev-admin-key' \
    "http://localhost:$PORT/v1/admin/sales/$sale/stats") || true
check "the well-known key is refused" same 401 "$code"
code=$(curl -sS -o "$TMP/answer" -w '%{http_code}' -H "X-Admin-Key: $(cat "$TRAFFIC_DATA/admin.key")" \
    "http://localhost:$PORT/v1/admin/sales/$sale/stats") || true
check "the printed key is taken" same 200 "$code"

report
