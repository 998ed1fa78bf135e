#!/usr/bin/env bash
# Seeded tests for as long as you like; `make test` runs a short form of each.
#   N            rounds of the crash loop (100)
#   SEED         the seed of its first run: a failing round prints the one that replays it
#   MODEL_CASES  random histories of the store's model test, (5000), from case number SEED
#   FORGED       admissions that must hold nothing, (1000000), with SEED
#   FAULT_RUNS   runs of every fault test of the cluster, (20), with seeds from SEED on
#   FAULT_ROUNDS faults in each of them, (5)
# Then how fast and accessible the fan pages are (scripts/lighthouse.sh).
set -euo pipefail
cd "$(dirname "$0")/.."

number() { [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || { echo "$1: '$2' is not a whole number from 1" >&2; exit 2; }; }

N=${N:-100}
SEED=${SEED:-1}
MODEL_CASES=${MODEL_CASES:-5000}
FORGED=${FORGED:-1000000}
FAULT_RUNS=${FAULT_RUNS:-20}
FAULT_ROUNDS=${FAULT_ROUNDS:-5}
for name in N SEED MODEL_CASES FORGED FAULT_RUNS FAULT_ROUNDS; do number "$name" "${!name}"; done

echo "== crash loop: $N rounds, seed $SEED"
# The machine is ours here, so the time of a recovery is judged too.
TRAFFIC_CRASH_ROUNDS=$N TRAFFIC_CRASH_SEED=$SEED TRAFFIC_CRASH_RECOVERY_MAX_MS=2000 \
    cargo test --quiet --package traffic --test it -- \
    --exact --nocapture crash::what_was_acknowledged_survives_kill_9

echo "== model: $MODEL_CASES histories"
TRAFFIC_MODEL_CASES=$MODEL_CASES TRAFFIC_MODEL_SEED=$SEED \
    cargo test --quiet --package store --test it -- --nocapture model::the_store_is_the_model_after_every_step

echo "== forged admissions: $FORGED, seed $SEED"
TRAFFIC_FORGED_ADMISSIONS=$FORGED TRAFFIC_FORGED_SEED=$SEED \
    cargo test --quiet --package server --test it -- --exact --nocapture \
    red_team::flood::forged_expired_replayed_and_foreign_admissions_hold_nothing

# Each run is a cluster of its own. One test at a time: each is a database, three or four processes and their fans.
for ((seed = SEED; seed < SEED + FAULT_RUNS; seed++)); do
    echo "== faults of the cluster, seed $seed"
    TRAFFIC_FAULT_ROUNDS=$FAULT_ROUNDS TRAFFIC_FAULT_SEED=$seed TRAFFIC_FAULT_FROZEN_MS=20000 \
        cargo test --quiet --package traffic --test it -- --nocapture --test-threads 1 faults::
done

echo "== fan pages"
scripts/lighthouse.sh
