#!/usr/bin/env bash
# Runs every fuzz target for some seconds from the kept corpus: what it finds fails the run, and its input is in
# fuzz/artifacts. New inputs go to a temporary folder, so that a run leaves no trace; KEEP=1 adds those that reach new
# code to fuzz/corpus.
#   SECONDS_EACH  for each target (5)
#   TARGETS       these only, with spaces between
#   SANITIZER     address or none (none): no code here is unsafe, and checks of overflow and of claims are on anyway
set -euo pipefail
cd "$(dirname "$0")/.."

SECONDS_EACH=${SECONDS_EACH:-5}
SANITIZER=${SANITIZER:-none}
[[ $SECONDS_EACH =~ ^[1-9][0-9]{0,5}$ ]] || { echo "SECONDS_EACH: '$SECONDS_EACH' is not a whole number from 1" >&2; exit 2; }

VERSION=0.13.2
export PATH=$PWD/.tools/bin:$PATH
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "installing cargo-fuzz $VERSION into .tools; this takes some minutes" >&2
    cargo install --quiet --locked --root .tools --version "$VERSION" cargo-fuzz
fi
# Instrumentation is a compiler option that stable toolchains hide.
export RUSTC_BOOTSTRAP=1
[ -z "${CARGO_TARGET_DIR:-}" ] || export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/fuzz
read -ra targets <<<"${TARGETS:-$(cargo fuzz list | tr '\n' ' ')}"

found=$(mktemp -d "${TMPDIR:-/tmp}/traffic-fuzz.XXXXXX")
trap 'rm -rf "$found"' EXIT
# All at once: one build instead of one for each target.
cargo fuzz build -s "$SANITIZER"
for target in "${targets[@]}"; do
    echo "== fuzz $target, $SECONDS_EACH s"
    mkdir -p "$found/$target"
    # Where both are given, new inputs go to the first.
    folders=("$found/$target" "fuzz/corpus/$target")
    [ -z "${KEEP:-}" ] || folders=("fuzz/corpus/$target")
    cargo fuzz run -s "$SANITIZER" "$target" "${folders[@]}" -- -max_total_time="$SECONDS_EACH" -max_len=4096 -verbosity=0 \
        -print_final_stats=1 2>&1 | grep -vE '^stat::(peak|slowest|new_units)' || { echo "fuzz: $target failed" >&2; exit 1; }
done
