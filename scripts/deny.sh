#!/usr/bin/env bash
# Checks every dependency against deny.toml. Builds the checker once, into .tools/, where it is not installed.
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=0.20.2
BUILD_SEC=1500   # five minutes on two cores; five times that is a build that hangs

PATH=$PWD/.tools/bin:$PATH
if ! cargo deny --version >/dev/null 2>&1; then
    echo "building cargo-deny $VERSION into .tools (about five minutes, once)" >&2
    timeout "$BUILD_SEC" cargo install cargo-deny --locked --version "$VERSION" --root .tools --quiet
fi
cargo deny --log-level error check bans licenses sources
