#!/usr/bin/env bash
# shellcheck disable=SC2317  # clean_up is called by a trap
# Proves what nodes measure, and what is made of it: the page, the alerts, the dashboard, their description. Nodes on both
# engines live through a small sale, and a Prometheus of its own looks at them.
#   TRAFFIC_BIN            the binary to test; by default the debug build
#   TRAFFIC_TEST_POSTGRES  the server for the nodes on PostgreSQL; without it one is started (scripts/with-servers.sh)
set -euo pipefail
cd "$(dirname "$0")/.."
[ -n "${TRAFFIC_TEST_POSTGRES:-}" ] || exec scripts/with-servers.sh "$0" "$@"
# shellcheck source=scripts/check.sh
. scripts/check.sh
# shellcheck source=scripts/lib.sh
. scripts/lib.sh

BIN=$(realpath "${TRAFFIC_BIN:-${CARGO_TARGET_DIR:-target}/debug/traffic}")
RULES=deploy/prometheus/alerts.yml
BOARD=deploy/grafana/traffic.json
DOC=docs/metrics.md
children=()
database=metrics_$$

clean_up() {
    [ -z "${children[*]-}" ] || kill "${children[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    psql "$TRAFFIC_TEST_POSTGRES" --no-psqlrc --quiet --command "drop database if exists $database with (force)" >/dev/null 2>&1 || true
    rm -rf "$TMP"
}
trap clean_up EXIT

python() { python3 scripts/test-metrics.py "$@"; }
fails() { if "$@"; then echo "it succeeds"; return 1; fi; }

echo "files"
check "promtool takes the scrape configuration" promtool check config deploy/prometheus/prometheus.yml
check "and the rules" promtool check rules "$RULES"
check "each rule fires when it should and at no other time" promtool test rules deploy/prometheus/alerts_test.yml
runbook=()
[ ! -e docs/operate-a-sale.md ] || runbook=(docs/operate-a-sale.md)
check "each alert is tested and says what to do, each panel what is healthy" \
    python files "$RULES" deploy/prometheus/alerts_test.yml "$BOARD" ${runbook[@]+"${runbook[@]}"}
sed '0,/- alert: TrafficNodeGone/s//- alert: TrafficUntested/' "$RULES" >"$TMP/alerts.yml"
check "an alert that no case tests is found" fails python files "$TMP/alerts.yml" deploy/prometheus/alerts_test.yml "$BOARD"

echo "a page"
mapfile -t ports < <(free_ports 5)
node() { # name, port, database, settings..
    local name=$1 port=$2 url=$3; shift 3
    env -i PATH="$PATH" HOME="$HOME" LOADTEST_RUNNER=off TRAFFIC_LAB=off "$@" "$BIN" serve --dev --log warn \
        --http-addr "127.0.0.1:$port" --database-url "$url" >"$TMP/$name.log" 2>&1 &
    children+=($!)
    check "node $name is ready" wait_ready $! "http://127.0.0.1:$port"
}
scrape() { curl --silent --fail --max-time 10 "http://127.0.0.1:$1/metrics"; }

psql "$TRAFFIC_TEST_POSTGRES" --no-psqlrc --quiet --command "create database $database encoding 'UTF8' template template0"
redis-server --port "${ports[4]}" --bind 127.0.0.1 --save '' --dir "$TMP" >"$TMP/redis.log" 2>&1 &
children+=($!)
cluster=${TRAFFIC_TEST_POSTGRES%/*}/$database
redis=REDIS_URL=redis://127.0.0.1:${ports[4]}
node alone "${ports[0]}" "sqlite://$TMP/traffic.db"
node api "${ports[1]}" "$cluster" "$redis" TRAFFIC_ROLES=api
node worker "${ports[2]}" "$cluster" "$redis" TRAFFIC_ROLES=worker

# Everything is looked at while it happens: a rate wants to see it begin.
cat >"$TMP/prometheus.yml" <<YML
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: ["$PWD/$RULES"]
scrape_configs:
  - job_name: traffic
    static_configs: [{targets: ["127.0.0.1:${ports[0]}", "127.0.0.1:${ports[1]}", "127.0.0.1:${ports[2]}"]}]
YML
prometheus --config.file="$TMP/prometheus.yml" --storage.tsdb.path="$TMP/prometheus" --log.level=warn \
    --web.listen-address="127.0.0.1:${ports[3]}" >"$TMP/prometheus.log" 2>&1 &
children+=($!)

python drive "http://127.0.0.1:${ports[1]}" >"$TMP/cluster-sale" 2>&1 &
driving=$!
check "a sale goes on, on one machine" python drive "http://127.0.0.1:${ports[0]}"
check "and on many" wait "$driving"

# What happened on one node is told by the others a moment later, and holds are freed at the next sweep.
all_is_told() {
    local at
    for _ in {1..150}; do
        for at in 0 1 2; do scrape "${ports[$at]}" >"$TMP/page-$at"; done
        [ "$(cat "$TMP"/page-{0,1,2} | grep -cE '^traffic_(seats\{.*state="sold"\} 1|holds_expired_total 1)$')" != 5 ] || return 0
        sleep 0.2
    done
    return 1
}
check "soon all nodes tell of it" all_is_told
for at in 0 1 2; do
    check "promtool has nothing to say about page $at" promtool check metrics <"$TMP/page-$at"
done
for what in 'joins_total{result="new"} 5' 'joins_total{result="known"} 1' 'holds_total{result="placed"} 3' \
    'holds_total{result="active_hold_exists"} 1' 'holds_total{result="admission_invalid"} 1' \
    'checkouts_total{result="payment_declined"} 1' 'checkouts_total{result="confirmed"} 1'; do
    for at in 0 1; do check "page $at: $what" grep -qxF "traffic_$what" "$TMP/page-$at"; done
done
# Whoever is asked tells the same of a sale; what happened to it happened on another node.
for what in 'no_shows_total{sale="[^"]*"} 2' 'claims_ended_total{sale="[^"]*",result="bought"} 1' \
    'claims_ended_total{sale="[^"]*",result="left"} 1' 'seats{sale="[^"]*",state="sold"} 1' 'seats{sale="[^"]*",state="free"} 18'; do
    for at in 0 1 2; do check "page $at: $what" grep -qE "^traffic_$what\$" "$TMP/page-$at"; done
done
check "a hold expired, on one machine" grep -qx 'traffic_holds_expired_total 1' "$TMP/page-0"
check "and by the worker" grep -qx 'traffic_holds_expired_total 1' "$TMP/page-2"
check "Redis is shared by both" grep -qhx 'traffic_redis_up 1' "$TMP/page-1" "$TMP/page-2"
check "the worker leads" grep -qx 'traffic_leader 1' "$TMP/page-2"

echo "what is made of it"
check "every name in the rules and the dashboard is on a page, and every family is described" \
    python names "$DOC" "$TMP"/page-{0,1,2} -- "$RULES" "$BOARD" ${runbook[@]+"${runbook[@]}"}
sed 's/traffic_waiting\b/traffic_wating/' "$BOARD" >"$TMP/board.json"
check "a name that nobody tells is found" fails python names "$DOC" "$TMP"/page-{0,1,2} -- "$TMP/board.json"
# shellcheck disable=SC2016  # the quotes of a name
sed '/^| `traffic_leader`/d' "$DOC" >"$TMP/doc.md"
check "a family that is not described is found" fails python names "$TMP/doc.md" "$TMP"/page-{0,1,2} -- "$RULES"
check "a running Prometheus evaluates every rule, and every panel has its series" \
    python ask "http://127.0.0.1:${ports[3]}" "$BOARD" "$RULES"

report
