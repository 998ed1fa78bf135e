#!/usr/bin/env bash
# shellcheck disable=SC2016  # the stubs expand their own arguments
# Proves setup.sh on machines that lack something, played by stubs: nothing is installed here.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/check.sh
. scripts/check.sh
trap 'rm -rf "$TMP"' EXIT

bin=$TMP/bin
policy=$TMP/policy-rc.d
printf '#!/bin/bash\n' >"$TMP/nothing"
chmod +x "$TMP/nothing"

# A stub is a one-line program. What stood there goes first: writing through a link would change the real program.
stub() {
    rm -f "$bin/$1"
    printf '#!/bin/bash\n%s\n' "$2" >"$bin/$1"
    chmod +x "$bin/$1"
}

# A machine without curl, on which apt "installs" it and notes what it saw of the policy meanwhile.
machine() {
    rm -rf "$bin" "$policy"* "$TMP/apt" "$TMP/machine"
    mkdir -p "$bin" "$TMP/machine"
    local tool
    for tool in bash cat chmod cp dirname env grep head mv rm sed sort tail tee true; do
        ln -s "$(type -P "$tool")" "$bin/$tool"
    done
    stub gcc 'exit 0'
    stub make 'exit 0'
    stub openssl 'exit 0'
    stub strace 'exit 0'
    stub cargo 'exit 0'
    stub rustc 'echo "rustc 1.99.0 (0000000 2026-01-01)"'
    stub python3 'exit 0'
    stub id 'echo 0'
    stub apt-get "echo \"\$* policy=\$(tail -n 1 $policy 2>/dev/null)\" >>$TMP/apt
case \"\$*\" in *install*) cp $TMP/nothing $bin/curl ;; esac"
}
# Arguments: settings as NAME=value, then options of setup.sh.
setup() {
    local settings=()
    while [[ ${1:-} == *=* ]]; do settings+=("$1"); shift; done
    run env -i PATH="$bin" TRAFFIC_POLICY_RC_D="$policy" TRAFFIC_SETUP_ROOT="$TMP/machine" "${settings[@]}" \
        "$(command -v bash)" scripts/setup.sh "$@" </dev/null
}
apt_said() { cat "$TMP/apt" 2>/dev/null; }

echo "root, no terminal"
machine
setup
check "it installs without asking" exits 0
check "it names what is missing" says "missing: curl"
check "it updates the lists first" grep -q '^update' <<<"$(apt_said | head -n 1)"
check "it installs that and nothing else" grep -qE '^install .* curl policy' <<<"$(apt_said | tail -n 1)"
check "nothing may start meanwhile" grep -q 'policy=exit 101' <<<"$(apt_said | tail -n 1)"
check "the policy is removed afterwards" test ! -e "$policy"
setup
check "a second run finds everything" says "everything needed is here"

echo "a policy of the machine's own"
machine
echo "theirs" >"$policy"
setup
check "ours is in force meanwhile" grep -q 'policy=exit 101' <<<"$(apt_said | tail -n 1)"
check "theirs is put back" same theirs "$(cat "$policy")"

echo "an install that fails"
machine
echo "theirs" >"$policy"
stub apt-get 'exit 100'
setup
check "it fails" exits 100
check "theirs is put back all the same" same theirs "$(cat "$policy")"

echo "an install that was killed"
machine
printf '#!/bin/sh\n# put here by Traffic setup while apt runs\nexit 101\n' >"$policy"
echo "theirs" >"$policy.before-traffic"
setup
check "the next one puts theirs back" same theirs "$(cat "$policy")"

echo "an install that is interrupted"
machine
echo "theirs" >"$policy"
stub apt-get 'kill -TERM $PPID; exit 0'
setup
check "it does not go on" exits 143
check "theirs is put back" same theirs "$(cat "$policy")"

echo "not root"
machine
stub id 'echo 1000'
setup CI=true
check "without sudo it stops" exits 1
check "and prints the one command" says "^  sudo apt-get update && sudo apt-get install -y curl$"
check "and installs nothing" test ! -e "$TMP/apt"
machine
stub id 'echo 1000'
stub sudo '[ "$1" != -n ] || shift; exec "$@"'
setup CI=true
check "with a sudo that asks nothing it installs" exits 0

echo "for tests and clusters"
# apt that "installs" all that it is told to.
apt_brings_servers() {
    stub curl 'exit 0'
    stub apt-get "echo \"\$* policy=\$(tail -n 1 $policy 2>/dev/null)\" >>$TMP/apt
case \"\$*\" in *install*) for it in postgres redis-server nginx prometheus promtool; do cp $TMP/nothing $bin/\$it; done ;; esac"
}
machine
apt_brings_servers
setup
check "who does not ask for servers needs none" exits 0
check "and gets none" test ! -e "$TMP/apt"
setup --cluster
check "who asks gets them" exits 0
check "all four" grep -qE '^install .* postgresql redis-server nginx prometheus policy' <<<"$(apt_said | tail -n 1)"
check "and none may start meanwhile" grep -q 'policy=exit 101' <<<"$(apt_said | tail -n 1)"
machine
apt_brings_servers
mkdir -p "$TMP/machine/usr/lib/postgresql/15/bin" "$TMP/machine/usr/sbin"
cp "$TMP/nothing" "$TMP/machine/usr/lib/postgresql/15/bin/postgres"
cp "$TMP/nothing" "$TMP/machine/usr/sbin/nginx"
setup --cluster
check "what lies outside the path is found" grep -qE '^install .* redis-server prometheus policy' <<<"$(apt_said | tail -n 1)"
check "and nothing else is installed" bash -c '! grep -qE "postgresql|nginx" "$1"' - "$TMP/apt"
stub curl 'exit 0'
setup --browser
check "who asks for a browser gets it, with letters" says "still missing after the install: chromium fonts-noto-core"
mkdir -p "$TMP/machine/usr/share/fonts/truetype/noto"
cp "$TMP/nothing" "$TMP/machine/usr/share/fonts/truetype/noto/NotoSansDevanagari-Regular.ttf"
stub chromium 'exit 0'
setup --cluster --browser
check "and both options may be given" says "everything needed is here"
setup --clutter
check "an unknown option is an error" exits 2
check "and is named" says "'--clutter'"

echo "Rust"
machine
stub curl 'exit 0'
rm "$bin/cargo"
setup
check "a missing toolchain stops it" exits 1
check "and it says how to get one" says "rustup"
stub cargo 'exit 0'
stub rustc 'echo "rustc 1.63.0 (4b91a6ea7 2022-08-08)"'
setup
check "an old toolchain stops it" exits 1
check "and is named" says "too old: Rust 1.63.0"
stub rustc 'echo "rustc 1.89.0 (29483883e 2025-08-04)"'
setup
check "the oldest that is enough is taken" exits 0

report
