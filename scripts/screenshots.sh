#!/usr/bin/env bash
# Takes the pictures of the README from the running product, into docs/pictures/. Each server is started and ended here.
#   TRAFFIC_BIN  the binary; without it the release build
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# The binary has the pages inside: they are built first.
scripts/web.sh --if-newer
build
PICTURES=$PWD/docs/pictures TRAFFIC_BIN=$BIN scripts/browser.sh --config pictures.config.ts "$@"
