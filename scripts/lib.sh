# shellcheck shell=bash disable=SC2034  # names set here are used by the scripts that source it
# What the other scripts share: where things are, which binary runs, whether a server is ours. Sourced, never run.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

DATA=${TRAFFIC_DATA:-data}          # database, log, pid and key of the server on this machine
PID_FILE=$DATA/traffic.pid
URL_FILE=$DATA/traffic.url          # where that server answers; there only while it runs
LOG_FILE=$DATA/traffic.log
KEY_FILE=$DATA/admin.key            # where it exists, it is the admin key

# For this folder's server only: another target brings its own key (ADMIN_API_KEY), and never learns this one.
export_admin_key() {
    if [ -z "${ADMIN_API_KEY:-}" ] && [ -s "$KEY_FILE" ]; then
        ADMIN_API_KEY=$(cat "$KEY_FILE")
        export ADMIN_API_KEY
    fi
}

die() { echo "$*" >&2; exit 1; }

# What the binary says that it was built from: the commit, with a mark where files differ from it.
commit() { git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unknown; }

# Sets BIN: the binary named by TRAFFIC_BIN as it is, else the release build with its pages, made now if it is not up to date.
build() {
    BIN=${TRAFFIC_BIN:-${CARGO_TARGET_DIR:-target}/release/traffic}
    [ -z "${TRAFFIC_BIN:-}" ] || return 0
    local quiet=--quiet
    if [ ! -x "$BIN" ]; then
        quiet=
        echo "building Traffic; the first time takes some minutes" >&2
    fi
    TRAFFIC_COMMIT=$(commit)
    export TRAFFIC_COMMIT
    scripts/web.sh --if-newer >&2 || die "the pages could not be built; cargo build --release makes a binary without them"
    cargo build --release --package traffic --bin traffic ${quiet:+"$quiet"} >&2
}

# The pid of the server started from this folder, if it runs. A pid file can outlive its process and the number can be
# given to another, so the name, the subcommand and the working directory must fit before anyone sends it a signal.
running_pid() {
    local pid words
    pid=$(cat "$PID_FILE" 2>/dev/null) && [[ $pid =~ ^[0-9]+$ ]] || return 1
    words=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline") || return 1
    grep -qE '(^|/)traffic$' <<<"$words" && grep -qx serve <<<"$words" || return 1
    [ "$(readlink "/proc/$pid/cwd")" = "$PWD" ] || return 1
    echo "$pid"
}

# Whether the server at $1 is ready to take requests.
ready() { curl --silent --fail --max-time 2 --output /dev/null "$1/health/ready"; }

READY_SEC=60   # a start takes a second; making the demo sale's seats on a slow disk takes longer
# Waits until $2 answers; the process $1 must stay alive meanwhile.
wait_ready() {
    local deadline=$((SECONDS + READY_SEC))
    until ready "$2"; do
        kill -0 "$1" 2>/dev/null || return 1
        ((SECONDS < deadline)) || return 2
        sleep 0.2
    done
}

# One text field of a JSON answer on standard input.
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
