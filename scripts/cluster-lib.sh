# shellcheck shell=bash disable=SC2034,SC2153  # names set here are used by the scripts that source it, and set by lib.sh
# What starting and stopping a local cluster share: its folder, and its processes. Sourced after lib.sh, never run.

CLUSTER_FILE=$DATA/cluster   # names the folder of the cluster; there only while there is one
STOP_SEC=20                  # nodes drain for 10 s and streams end before that; longer means that something hangs

# Fields 3 and 22 of a process in /proc: its state, and when it started. Its name may hold spaces and brackets.
facts_of() {
    local stat words
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -ra words <<<"${stat##*) }"
    echo "${words[0]} ${words[19]}"
}

# Notes that the process $2 is the cluster's $1. A pid can be given to another later, a pid with its start cannot.
remember() {
    local facts
    facts=$(facts_of "$2") || return 1
    echo "$1 $2 ${facts#* }" >>"$CLUSTER_DIR/processes"
}

# "name pid" of each process that still runs and whose name fits $1. A dead one that nobody has waited for does not run.
running() {
    local name pid start facts
    [ -e "$CLUSTER_DIR/processes" ] || return 0
    while read -r name pid start; do
        # shellcheck disable=SC2053  # a pattern is meant
        [[ $name == $1 ]] || continue
        facts=$(facts_of "$pid") || continue
        if [ "${facts#* }" = "$start" ] && [[ $facts != [ZX]* ]]; then echo "$name $pid"; fi
    done <"$CLUSTER_DIR/processes"
}

send() { # signal, pattern
    local pid
    while read -r _ pid; do kill "-$1" "$pid" 2>/dev/null || true; done < <(running "$2")
}

wait_gone() { # pattern
    local deadline=$((SECONDS + STOP_SEC))
    while [ -n "$(running "$1")" ]; do
        if ((SECONDS >= deadline)); then
            echo "did not end within $STOP_SEC s, killed: $(running "$1" | tr '\n' ' ')" >&2
            send KILL "$1"
            return
        fi
        sleep 0.1
    done
}

# Notes a PostgreSQL that was started and not noted yet. The file with its pid may have outlived it.
find_postgres() {
    local data=$CLUSTER_DIR/postgres/data pid
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 0
    if [[ $pid =~ ^[0-9]+$ ]] && [ "$(readlink "/proc/$pid/cwd")" = "$data" ] && [ -z "$(running postgres)" ]; then
        remember postgres "$pid" || true
    fi
}

# Ends everything: first who speaks to people, last what the others need. Removes the folder unless KEEP is set.
stop_cluster() {
    find_postgres
    # What it is doing is delivered while there is somebody to take it.
    send TERM runner
    wait_gone runner
    send QUIT nginx
    send TERM 'api-*'
    send TERM 'worker-*'
    wait_gone 'api-*'
    wait_gone 'worker-*'
    wait_gone nginx
    send TERM redis
    send INT postgres   # "fast": ends the sessions, writes everything back
    wait_gone redis
    wait_gone postgres
    rm -f "$CLUSTER_FILE"
    if [ -n "${KEEP:-}" ]; then
        echo "kept: $CLUSTER_DIR" >&2
    else
        rm -rf "$CLUSTER_DIR"
    fi
}

# Sets CLUSTER_DIR, or fails where no cluster was started from here. A file that somebody wrote by hand names no folder.
find_cluster() {
    CLUSTER_DIR=$(cat "$CLUSTER_FILE" 2>/dev/null) && [ -d "$CLUSTER_DIR" ] && [ -e "$CLUSTER_DIR/processes" ]
}
