# shellcheck shell=bash
# A few lines to test with: named checks, a temporary folder, servers ended by pid. Sourced by the test-*.sh scripts.
# shellcheck source=scripts/ports.sh
. scripts/ports.sh

passed=0 failed=0
TMP=$(mktemp -d "${TMPDIR:-/tmp}/traffic-test.XXXXXX")

# The check $1 holds if the command after it succeeds; what it printed is shown only if not.
check() {
    local name=$1; shift
    if "$@" >"$TMP/check.out" 2>&1; then
        passed=$((passed + 1)); echo "  ok    $name"
    else
        failed=$((failed + 1)); echo "  FAIL  $name"; sed 's/^/        /' "$TMP/check.out"
    fi
}

# Runs a command, keeps what it printed in $OUT and its exit code in $CODE, and never fails itself.
run() {
    CODE=0
    OUT=$("$@" 2>&1) || CODE=$?
}

exits() { [ "$CODE" = "$1" ] || { echo "exit code $CODE, expected $1"; echo "$OUT"; return 1; }; }
says() { grep -qE -- "$1" <<<"$OUT" || { echo "expected /$1/ in:"; echo "$OUT"; return 1; }; }
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }

# Closing line of a test script. With TALLY set, its numbers are added up there.
report() {
    [ -z "${TALLY:-}" ] || echo "$passed $failed" >>"$TALLY"
    echo "$passed passed, $failed failed"
    ((failed == 0 && passed > 0))
}
