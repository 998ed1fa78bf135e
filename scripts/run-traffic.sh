#!/usr/bin/env bash
# Starts Traffic in the background and returns when it answers. `make desktop` calls this.
#   PORT          8080
#   HOST          empty: this machine only. Anything else is open to the network and gets an admin key of its own
#   TRAFFIC_DATA  data: database, log and pid; kept from one start to the next
#   TRAFFIC_BIN   the binary; by default the release build, made if needed
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

PORT=${PORT:-8080}
HOST=${HOST:-}

if ! [[ $PORT =~ ^[1-9][0-9]{0,4}$ ]] || ((PORT > 65535)); then
    die "PORT must be 1 to 65535, not '$PORT'"
fi

case $HOST in
    '' | localhost) addr=127.0.0.1:$PORT reach=localhost public= ;;
    127.*)          addr=$HOST:$PORT reach=$HOST public= ;;
    ::1 | '[::1]')  addr="[::1]:$PORT" reach='[::1]' public= ;;
    0.0.0.0)        addr=$HOST:$PORT reach=localhost public=yes ;;
    :: | '[::]')    addr="[::]:$PORT" reach=localhost public=yes ;;
    *:*)            reach="[${HOST//[\[\]]/}]" addr=$reach:$PORT public=yes ;;
    *)              addr=$HOST:$PORT reach=$HOST public=yes ;;
esac
# `localhost` may mean either family; a machine without IPv6 has no ::1 to listen on.
if [ "$reach$public" = localhost ] && grep -qs '^0\{31\}1 ' /proc/net/if_inet6; then addr+=",[::1]:$PORT"; fi
url=http://$reach:$PORT

print_addresses() {
    local sale headers=()
    [ -z "${DEMO_API_KEY:-}" ] || headers=(-H "X-Demo-Key: $DEMO_API_KEY")
    sale=$(curl --silent --max-time 5 ${headers[@]+"${headers[@]}"} "$1/v1/demo/dashboard" | field sale_id) || true
    echo "  Load Control Center  $1/"
    echo "  demo sale            ${sale:-none (see $LOG_FILE)}"
    echo "  log                  $LOG_FILE"
    [ ! -s "$KEY_FILE" ] || echo "  admin key            $(cat "$KEY_FILE")  (kept in $KEY_FILE)"
    echo "  stop                 make stop"
}

# Prints who listens on PORT, or fails. `ss` knows the name; without it a connection shows only that somebody is there.
port_owner() {
    local line host
    line=$(ss -ltnpH "sport = :$PORT" 2>/dev/null | head -n 1) || true
    if [[ $line =~ \(\(\"([^\"]+)\",pid=([0-9]+) ]]; then
        echo "${BASH_REMATCH[1]} (pid ${BASH_REMATCH[2]})"
        return
    fi
    for host in 127.0.0.1 ::1; do
        if (exec 3<>"/dev/tcp/$host/$PORT") 2>/dev/null; then
            echo "another program"
            return
        fi
    done
    [ -n "$line" ] && echo "another program"
}

show_log() { [ ! -s "$LOG_FILE" ] || tail -n 20 "$LOG_FILE" | sed 's/^/  | /' >&2; }

(umask 077 && mkdir -p "$DATA")   # signing keys and accounts are in there
# Two starts at once would both find the port free, and the loser would overwrite the winner's pid.
exec 9>"$DATA/.start.lock"
flock --wait $((READY_SEC * 2)) 9 || die "another start is under way"

if pid=$(running_pid); then
    url=$(cat "$URL_FILE" 2>/dev/null || echo "$url")
    wait_ready "$pid" "$url" || die "Traffic runs (pid $pid) but does not answer at $url; make stop, then make desktop"
    echo "Traffic already runs (pid $pid)."
    print_addresses "$url"
    exit 0
fi
rm -f "$PID_FILE" "$URL_FILE"

if owner=$(port_owner); then
    die "port $PORT is in use by $owner; stop it, or choose another: make desktop PORT=8081"
fi
build

if [ -n "$public" ] && [ -z "${ADMIN_API_KEY:-}" ] && [ ! -s "$KEY_FILE" ]; then
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$KEY_FILE")
fi
export_admin_key

export HTTP_ADDR=$addr
export DATABASE_URL=${DATABASE_URL:-sqlite://$DATA/traffic.db}

# One earlier log is kept: it tells why the last server ended.
[ ! -e "$LOG_FILE" ] || mv -f "$LOG_FILE" "$LOG_FILE.1"
# A session of its own, so that closing the terminal does not end it; without the lock, which it would hold for ever.
setsid nohup "$BIN" serve --dev >"$LOG_FILE" 2>&1 </dev/null 9>&- &
pid=$!
disown
echo "$pid" >"$PID_FILE"
echo "$url" >"$URL_FILE"

outcome=0
wait_ready "$pid" "$url" || outcome=$?
case $outcome in
    0) echo "Traffic is ready (pid $pid)."; print_addresses "$url" ;;
    1) rm -f "$PID_FILE" "$URL_FILE"
       echo "Traffic stopped while starting; the end of $LOG_FILE:" >&2; show_log; exit 1 ;;
    *) echo "Traffic is not ready after $READY_SEC s and goes on trying (pid $pid); the end of $LOG_FILE:" >&2
       show_log; exit 1 ;;
esac
