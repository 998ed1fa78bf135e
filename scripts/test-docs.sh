#!/usr/bin/env bash
# shellcheck disable=SC2016  # planted documents hold backticks and variables of their own
# Tries the documents as a person who follows them: every command that they name is there and has its options (scripts/docs.py),
# and every block marked `sh test` runs, from top to bottom, in a copy of this repository as a clone would be, with the
# program as `traffic`, free ports and nothing set. `sh test serve`: beside a server of its own, with BASE_URL, SALE_ID and
# ADMIN_API_KEY. First it is shown that each kind of mistake is found.
#   TRAFFIC_BIN  the binary; by default the debug build
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/check.sh
. scripts/check.sh

TRAFFIC_BIN=$(realpath "${TRAFFIC_BIN:-${CARGO_TARGET_DIR:-target}/debug/traffic}")
BLOCK_SEC=120   # each takes seconds; against one that hangs

# A server may have been started below a substitution, which tells us nothing but this file.
stop_server() {
    [ ! -s "$TMP/server.pid" ] || kill "$(cat "$TMP/server.pid")" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -f "$TMP/server.pid"
}
# shellcheck disable=SC2317  # called by the trap
clean_up() {
    stop_server
    rm -rf "$TMP"
}
trap clean_up EXIT
mkdir "$TMP/bin"
ln -s "$TRAFFIC_BIN" "$TMP/bin/traffic"

mapfile -t documents < <(git ls-files --cached --others --exclude-standard '*.md' | grep -vE '^(web|crates)/' | sort)

# What a person has after `git clone`, and may write to.
clone() { # into
    mkdir "$1"
    git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- | tar --extract --directory "$1"
}

# Becomes a command in the folder $1, of a person who has set nothing. Called in a subshell of its own.
alone() { # folder command..
    cd "$1"; shift
    exec env -i PATH="$TMP/bin:$PATH" HOME="$TMP" TMPDIR="$TMP" LANG=C.UTF-8 TRAFFIC_BIN="$TRAFFIC_BIN" PORT="$port" \
        "${settings[@]}" "$@" </dev/null
}

# A server beside the blocks of a document, in the folder where they run.
serve() { # folder
    local url=http://127.0.0.1:$port pid
    (alone "$1" LOADTEST_RUNNER=off traffic serve --dev --log warn --http-addr "127.0.0.1:$port") >"$TMP/server.log" 2>&1 &
    pid=$!
    echo "$pid" >"$TMP/server.pid"
    for _ in {1..300}; do
        ! curl --silent --fail --max-time 2 --output "$TMP/ready" "$url/health/ready" || break
        kill -0 "$pid" 2>/dev/null || { cat "$TMP/server.log"; return 1; }
        sleep 0.1
    done
    settings+=(BASE_URL="$url" BASE="$url" ADMIN_API_KEY=dev-admin-key)
    settings+=("$(alone "$1" traffic seed)")   # SALE_ID=..
}

# Runs the tested blocks of one document.
blocks_run() { # document name
    local folder=$TMP/clone.$2 outcome=0
    port=$(free_port) settings=()
    clone "$folder"
    python3 scripts/docs.py script "$1" >"$TMP/script"
    if grep -qw serve <<<"$(python3 scripts/docs.py words "$1")"; then serve "$folder" || outcome=1; fi
    [ "$outcome" = 1 ] || (alone "$folder" timeout "$BLOCK_SEC" bash "$TMP/script") || outcome=$?
    stop_server
    (alone "$folder" scripts/stop-traffic.sh) >/dev/null || outcome=1   # where a block has started one
    rm -rf "$folder"
    return "$outcome"
}

echo "mistakes are found"
# A document of one planted mistake, and what must be said of it. They are looked at together.
mkdir "$TMP/planted"
names=() expected=()
found() { # what says document
    printf '# A document\n\n%s\n' "$3" >"$TMP/planted/${#names[@]}.md"
    names+=("$1") expected+=("$2")
}
block() { printf '```%s\n%s\n```' "$1" "$2"; }
found "a recipe that is not there" '`make tset`: no such recipe' "$(block sh 'make tset')"
found "a recipe between backticks" '`make tset`: no such recipe' 'Run `make tset N=5`.'
found "a variable that nothing reads" '`make`: nothing reads SCENARO' "$(block sh 'make sim SCENARO=launch_spike')"
found "a variable before a command" 'nothing reads the variable DATABASE_ULR' "$(block sh 'DATABASE_ULR=x traffic serve')"
found "a script that is not there" 'there is no scripts/nonsense.sh' "$(block sh 'scripts/nonsense.sh --now')"
found "a file that is not there" 'there is no examples/none.json' "$(block sh 'traffic lab replay examples/none.json')"
found "a script that cannot be executed" 'scripts/check.sh cannot be executed' "$(block sh 'scripts/check.sh')"
found "a command that is not there" '`traffic nonsense`: no such command' "$(block sh 'traffic nonsense')"
found "a command below a command" '`traffic lab nonsense`: no such command' "$(block sh 'echo; traffic lab nonsense | cat')"
found "an option that is not there" '`traffic lab plan` has no option --vus' "$(block sh 'traffic lab plan launch_spike --vus 5')"
found "an option of another command" '`traffic ready` has no option --total-seats' "$(block sh 'traffic ready --total-seats 5')"
found "what bash cannot read" 'bash cannot parse this' "$(block sh 'if true; then')"
found "a block of no kind" 'say what the block is' "$(block '' 'make test')"
found "a word behind sh that means nothing" '`sh` may be' "$(block 'sh tset' 'true')"
found "a server without a test" '`sh` may be' "$(block 'sh serve' 'true')"
found "words behind another kind" 'only `sh` has more words' "$(block 'json test' '{}')"
found "a fence without an end" 'this fence has no end' '```sh'
run python3 scripts/docs.py check "$TRAFFIC_BIN" "$TMP"/planted/*.md
for at in "${!names[@]}"; do check "${names[at]}" says "planted/$at.md:[0-9]+: ${expected[at]}"; done
check "and each is told once" same "${#names[@]}" "$(wc -l <<<"$OUT")"
printf '# A document\n\n%s\n\n%s\n' "$(block text 'make tset')" "$(block sh $'make sim SCENARIO=launch_spike # like this\nJWT_SECRET=$(openssl rand -hex 32) traffic serve --dev\ncat >x <<END\nmake tset\nEND')" >"$TMP/planted.md"
run python3 scripts/docs.py check "$TRAFFIC_BIN" "$TMP/planted.md"
check "and nothing is found where nothing is wrong" same "0 " "$CODE $OUT"

planted() { printf '# A document\n\n%s\n\n%s\n' "$@" >"$TMP/planted.md"; run blocks_run "$TMP/planted.md" planted; }
planted "$(block 'sh test' 'false')" ''
check "a block that fails is a failure" test "$CODE" != 0
check "and its place is told" says 'planted.md:3: the block that begins here ended with 1'
planted "$(block 'sh test' 'A=1')" "$(block 'sh test' '[ "$A" = 2 ]')"
check "a block goes on where the one before ended" says 'planted.md:7: the block that begins here ended with 1'
planted "$(block 'sh test' '[ -x scripts/setup.sh ]; [ -z "${BASE_URL:-}" ]; traffic --version')" "$(block sh 'false')"
check "only marked blocks run, in a clone with the program and nothing set" exits 0
planted "$(block 'sh test serve' 'curl -sSf "$BASE_URL/v1/sales/$SALE_ID" && traffic ready')" ''
check "a server is there where one is asked for" exits 0
check "and it has an open sale" says '"phase":"open"'

echo "arithmetic"
run scripts/capacity.py --check
check "the results of docs/capacity.md are what their formulas give" exits 0
interval=$(sed -n 's/^const LONGEST_INTERVAL_MS: i64 = \([0-9_]*\);/\1/p' crates/domain/src/waiting_room.rs)
run scripts/capacity.py --list
check "it polls as often as the server asks people to" says "^poll_every_sec +$((${interval//_/} / 1000))$"
table='| `a` | 2,000 | given |

| `b` | `ceil(a * 1.0004) / 3` |'
printf '%s 667 | |\n' "$table" >"$TMP/sum.md"
run scripts/capacity.py --check --document "$TMP/sum.md"
check "a right result is right" says '^1 of 1 results'
printf '%s 668 | |\n' "$table" >"$TMP/sum.md"
run scripts/capacity.py --check --document "$TMP/sum.md"
check "a wrong result is told" says 'sum.md:3: b is 667 \(ceil\(a \* 1.0004\) / 3\), not .668.'
check "and is a failure" exits 1
run scripts/capacity.py --write --document "$TMP/sum.md"
check "it can be written" grep -qF '| 667 | |' "$TMP/sum.md"
run scripts/capacity.py --document "$TMP/sum.md" a=6000
check "a number of one's own is used" says '^b +2,000$'
for given in c=1 b=1 a=many a; do
    run scripts/capacity.py --document "$TMP/sum.md" "$given"
    check "$given is refused" exits 2
done
printf '%s | |\n' '| `b` | `a * __import__("os")` |' >"$TMP/sum.md"
run scripts/capacity.py --check --document "$TMP/sum.md"
check "a formula is arithmetic and nothing else" exits 2

echo "the documents"
run python3 scripts/docs.py check "$TRAFFIC_BIN" "${documents[@]}"
check "every command in ${#documents[@]} documents is there, with its options" exits 0
run=0
for document in "${documents[@]}"; do
    [ -n "$(python3 scripts/docs.py script "$document")" ] || continue
    start=$SECONDS run=$((run + 1))
    run blocks_run "$document" "$run"
    check "the blocks of $document run ($((SECONDS - start)) s)" exits 0
done
check "documents have blocks that run" test "$run" -ge 5

report
