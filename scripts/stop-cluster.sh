#!/usr/bin/env bash
# Ends the cluster that cluster.sh started: exactly its processes, politely first. `make cluster-stop` calls this.
#   KEEP   1: leave its folder, with the logs and the data
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/cluster-lib.sh
. scripts/cluster-lib.sh

if ! find_cluster; then
    rm -f "$CLUSTER_FILE"
    echo "No cluster runs."
    exit 0
fi
stop_cluster
echo "The cluster stopped."
