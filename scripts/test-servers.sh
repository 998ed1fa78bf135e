#!/usr/bin/env bash
# Proves with-servers.sh: the command gets a server, its exit code comes out, and nothing is left behind however it ends.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/check.sh
. scripts/check.sh
trap 'rm -rf "$TMP"' EXIT

unset TRAFFIC_TEST_POSTGRES
port_of() { sed -n 's,^postgres://[^/]*:\([0-9]*\)/.*,\1,p' "$1"; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# Tries the command up to 30 s, until it succeeds.
soon() { local try; for try in {1..300}; do ! "$@" || return 0; sleep 0.1; done; echo "not within 30 s: $* ($try tries)"; return 1; }
silent() { ! listens "$1"; }

# Runs until it is told to end, as a long test does; says so by its exit code.
cat >"$TMP/long" <<'END'
trap 'exit 9' TERM
trap 'exit 8' INT
echo "$TRAFFIC_TEST_POSTGRES" >"$1"
for ((i = 0; i < 300; i++)); do sleep 0.1; done
END
# Starts that beside a server; sets SCRIPT and PORT.
start() {
    rm -f "$TMP/url"
    env --default-signal=INT scripts/with-servers.sh bash "$TMP/long" "$TMP/url" &
    SCRIPT=$!
    soon test -s "$TMP/url"
    PORT=$(port_of "$TMP/url")
}

echo "a command that ends by itself"
# shellcheck disable=SC2016  # the command's own shell expands it
run scripts/with-servers.sh bash -c 'cat; echo "$TRAFFIC_TEST_POSTGRES"; exit 5' <<<"its input"
check "its exit code comes out" exits 5
check "it gets the input" says '^its input$'
check "it is told of a server" says '^postgres://'
check "which is gone afterwards" silent "$(port_of <(echo "$OUT"))"

# The words with which the server was started, from the process that the command is told of.
# shellcheck disable=SC2016  # the command's own shell expands it
words='tr "\0" " " <"/proc/$TRAFFIC_TEST_POSTGRES_PID/cmdline"'
run scripts/with-servers.sh bash -c "$words"
check "it is told of the server's process, which syncs nothing" says 'postgres .*fsync=off'
run scripts/with-servers.sh --durable bash -c "$words"
check "unless that is asked for" says 'postgres .*fsync=on'

for signal in TERM:9 INT:8; do
    echo "a command that is ended by ${signal%:*}"
    start
    check "the server is there meanwhile" listens "$PORT"
    kill -s "${signal%:*}" "$SCRIPT"
    CODE=0; wait "$SCRIPT" || CODE=$?
    check "the command hears it and its exit code comes out" exits "${signal#*:}"
    check "the server is gone" silent "$PORT"
done

echo "a script that is killed"
start
kill -s KILL "$SCRIPT"
wait "$SCRIPT" 2>/dev/null || true
check "takes its server along" soon silent "$PORT"

echo "a server that is there already"
run env TRAFFIC_TEST_POSTGRES=postgres://given@host/db scripts/with-servers.sh printenv TRAFFIC_TEST_POSTGRES
check "is used" same postgres://given@host/db "$OUT"

echo "no command"
run scripts/with-servers.sh
check "is an error" exits 2

report
