#!/usr/bin/env bash
# Builds the pages of web/ into web/dist, which the server's binary carries. `make web` calls this.
#   --if-newer  only where something was written since the last build
#   --check     first everything that must hold of the sources: generated types, types, style, logic
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/node.sh
. scripts/node.sh

MODULES=web/node_modules
LOCK=$MODULES/.installed-lock.json   # the lock file that the modules were installed from
BUILT=$MODULES/.built                # as old as the last build

# Whether a page's source, or what the build is made with, is newer than the last build. A folder is newer when a file went.
is_built() {
    [ -e "$BUILT" ] && [ -e web/dist/fan/index.html ] || return 1
    [ -z "$(find web -mindepth 1 \( -path "$MODULES" -o -path web/dist -o -path web/tests -o -path web/test-results \
        -o -path web/lighthouse \) -prune -o -newer "$BUILT" -print -quit)" ]
}

install_modules() {
    cmp -s web/package-lock.json "$LOCK" && return
    rm -f "$LOCK" "$BUILT"
    (cd web && npm ci --loglevel=error)
    cp web/package-lock.json "$LOCK"
}

# A build that is under way, or broke off, is none.
build_pages() {
    local began
    rm -f "$BUILT"
    began=$(mktemp "$MODULES/.build.XXXXXX")
    (cd web && npm run --silent build -- --logLevel warn) || { rm -f "$began"; return 1; }
    mv "$began" "$BUILT"
}

check_sources() {
    (
        cd web
        npm run --silent types -- --check >/dev/null ||
            { echo "web/shared/api-types.d.ts is not what openapi.json says: run npm run types in web/" >&2; exit 1; }
        npm run --silent check
        npm run --silent lint
        npm run --silent test
    )
}

case ${1:-} in
    '') use_node; install_modules; build_pages ;;
    --if-newer) is_built || { use_node; install_modules; echo "building the pages" >&2; build_pages; } ;;
    --check) use_node; install_modules; check_sources; is_built || build_pages ;;
    *) echo "web.sh: '$1' is not known; --if-newer and --check are" >&2; exit 2 ;;
esac
