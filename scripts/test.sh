#!/usr/bin/env bash
# shellcheck disable=SC2317  # the steps are called by name
# Everything that must hold, from a clean clone: build, tests, then the commands and the README as a person uses them.
# Times are not judged here: that needs a quiet machine. Whether the benchmark runs is.
set -euo pipefail
cd "$(dirname "$0")/.."

TALLY=$(mktemp "${TMPDIR:-/tmp}/traffic-tally.XXXXXX")
export TALLY
trap 'rm -f "$TALLY"' EXIT

step() {
    local name=$1 start=$SECONDS outcome=0; shift
    echo "== $name"
    "$@" || outcome=$?
    echo "== $name: $([ "$outcome" = 0 ] && echo ok || echo "failed ($outcome)"), $((SECONDS - start)) s"
    return "$outcome"
}

tests() {
    if cargo nextest --version >/dev/null 2>&1; then
        scripts/with-servers.sh cargo nextest run --workspace --profile ci
    else
        scripts/with-servers.sh cargo test --workspace --lib --bins --tests
    fi
}

# The end-to-end suite once more: two nodes on one database (crates/server/tests/it/profile.rs).
cluster_tests() {
    local suite=(cargo test --package server --test it)
    if cargo nextest --version >/dev/null 2>&1; then
        # The whole workspace, or its crates would be built anew with other features.
        suite=(cargo nextest run --workspace --profile ci -E 'package(server) & binary(it)')
    fi
    TRAFFIC_TEST_PROFILE=cluster scripts/with-servers.sh "${suite[@]}"
}

# nextest runs no documentation examples. Without one there is nothing to compile.
examples() {
    if grep -rqE '^\s*//[/!] ```(rust)?$' crates/*/src; then
        scripts/with-servers.sh cargo test --workspace --doc
    else
        echo "no documentation examples"
    fi
}

step "setup" scripts/setup.sh --cluster --browser
step "web" scripts/web.sh --check
step "build" cargo build --workspace --all-targets
step "tests" tests
step "tests, cluster profile" cluster_tests
step "documentation examples" examples
outcome=0
step "browser" scripts/browser.sh || outcome=1
step "setup script" scripts/test-setup.sh || outcome=1
step "pages script" scripts/test-web.sh || outcome=1
step "servers for tests" scripts/test-servers.sh || outcome=1
step "commands" scripts/test-desktop.sh || outcome=1
step "cluster" scripts/test-cluster.sh || outcome=1
step "comparison of crosscheck" scripts/test-crosscheck.sh || outcome=1
step "metrics" scripts/test-metrics.sh || outcome=1
step "README" scripts/test-readme.sh || outcome=1
step "documents" scripts/test-docs.sh || outcome=1
step "benchmark, short" env TRAFFIC_BIN="${CARGO_TARGET_DIR:-target}/debug/traffic" scripts/bench.sh --short || outcome=1
echo "shell checks:"
awk '{ passed += $1; failed += $2 } END { print passed + 0 " passed, " failed + 0 " failed" }' "$TALLY"
exit "$outcome"
