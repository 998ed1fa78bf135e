#!/usr/bin/env bash
# Takes the pictures of the README from the running product, into docs/pictures/. Each server is started and ended here.
#   TRAFFIC_BIN  the binary; without it the release build
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# The binary has the pages inside: they are built first.
(cd web && npm run --silent build >&2)
build
TRAFFIC_BIN=$(realpath "$BIN") PICTURES=$PWD/docs/pictures
export TRAFFIC_BIN PICTURES
(cd web && npx playwright test --config pictures.config.ts "$@")
