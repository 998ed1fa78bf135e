#!/usr/bin/env bash
# Drives the pages in the system's Chromium, each file of web/tests against a server of its own. Words go to the runner:
# `scripts/browser.sh tests/smoke.browser.ts`.
#   TRAFFIC_BIN  the binary; without it the debug build, which serves web/dist as it is
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/node.sh
. scripts/node.sh

TRAFFIC_BIN=$(realpath "${TRAFFIC_BIN:-${CARGO_TARGET_DIR:-target}/debug/traffic}")
export TRAFFIC_BIN
use_node
cd web
exec npx playwright test "$@"
