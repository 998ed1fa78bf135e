#!/usr/bin/env bash
# Does the comparison of `make crosscheck` see a difference? With figures made up here; neither k6 nor a server is needed.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/check.sh
. scripts/check.sh
trap 'rm -rf "$TMP"' EXIT

# A run of the lab ($1.json) and one of k6 ($1.k6.json) with $2 times the requests and $3 times the milliseconds.
made_up() {
    python3 - "$TMP/$1" "$2" "$3" <<'PY'
import json, sys
path, more, slower = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
ops = ("join", "status", "seats", "hold", "checkout", "transfer")
count, ms = int(1000 * more), 40 * slower
lab = [{"op": op, "ok": count, "refused_as_expected": 100, "failed": 0, "service_p50_ms": ms, "service_p95_ms": 2 * ms,
        "service_p99_ms": 3 * ms} for op in ops]
k6 = [{"op": op, "ok": count, "expected": 100, "failed": 0, "p50_ms": ms, "p95_ms": 2 * ms, "p99_ms": 3 * ms} for op in ops]
with open(f"{path}.json", "w") as file:
    json.dump({"verdict": "PASS", "reason": "", "metrics": {"tickets_sold": count}, "steps": lab}, file)
with open(f"{path}.k6.json", "w") as file:
    json.dump({"fans": count, "bought": count, "steps": k6}, file)
PY
}
judge() { run python3 scripts/crosscheck.py judge "$TMP/$1" -- "${@:2}"; }

made_up usual 1 1
made_up busier 1.2 1
made_up busy 1.5 1
made_up slow 1 1.6
made_up none 0 1

echo "the comparison of crosscheck"
judge usual.json "$TMP/usual.k6.json"
check "the same figures agree" exits 0
check "and it says so" says "^AGREE$"
judge usual.json "$TMP/busier.k6.json"
check "a fifth more is within bounds" exits 0
judge usual.json "$TMP/busy.k6.json"
check "half as many again is not" exits 1
check "and the row says which" says "join ok .*OUT OF BOUNDS"
judge usual.json "$TMP/slow.k6.json"
check "times of another size are out of bounds" says "checkout p99 ms .*OUT OF BOUNDS"
check "and the exit code says so" exits 1
judge usual.json "$TMP/slow.k6.json" "$TMP/usual.k6.json"
check "times that differ from run to run say nothing" says "join p50 ms .*too noisy"
check "and that is no agreement" exits 3
judge usual.json "$TMP/slow.k6.json" "$TMP/slow.k6.json"
check "times that are slow each time do" exits 1
sed -i 's/"failed": 0/"failed": 40/' "$TMP/usual.k6.json"
judge usual.json "$TMP/usual.k6.json"
check "failures that only one of them saw are out of bounds" says "join failed .*OUT OF BOUNDS"
judge none.json "$TMP/none.k6.json"
check "runs that sold nothing compare nothing" exits 1
sed -i 's/"transfer"/"other"/' "$TMP/busier.k6.json"
judge usual.json "$TMP/busier.k6.json"
check "a step that one of them lacks is told" says "transfer: k6 has none"
sed -i 's/"PASS"/"INVALID"/' "$TMP/usual.json"
judge usual.json "$TMP/usual.k6.json"
check "an invalid run is not compared" says "the run is INVALID"

report
