#!/usr/bin/env bash
# Starts a whole cluster on this machine, in the background, on free ports and in a temporary folder: PostgreSQL, Redis, API
# nodes, workers, nginx in front, and one load runner. `make cluster` calls this.
#   API_NODES    3
#   WORKERS      2
#   PORT         of nginx; by default a free one
#   TRAFFIC_BIN  the binary; by default the release build, made if needed
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=scripts/ports.sh
. scripts/ports.sh
# shellcheck source=scripts/cluster-lib.sh
. scripts/cluster-lib.sh

API_NODES=${API_NODES:-3}
WORKERS=${WORKERS:-2}
PORT=${PORT:-}
NODES_MAX=16        # each takes some 50 MB and 16 connections to PostgreSQL
DB_MAX_CONNS=${DB_MAX_CONNS:-16}

number() { # name, value, most
    if ! [[ $2 =~ ^[1-9][0-9]{0,4}$ ]] || (($2 > $3)); then die "$1 must be 1 to $3, not '$2'"; fi
}
number API_NODES "$API_NODES" "$NODES_MAX"
number WORKERS "$WORKERS" "$NODES_MAX"
number DB_MAX_CONNS "$DB_MAX_CONNS" 1000
number PORT "${PORT:-1}" 65535

secret() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

# Debian keeps the server's programs of each version in a folder of their own, and nginx where only root looks.
PATH=$PATH:/usr/sbin
if ! command -v initdb >/dev/null; then
    newest=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    PATH=$newest:$PATH
fi
for program in initdb pg_ctl psql redis-server nginx; do
    command -v "$program" >/dev/null || die "$program is missing: scripts/setup.sh --cluster installs it"
done

# PostgreSQL refuses to run as root.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

# Starts $1 in a session of its own, so that closing the terminal does not end it, and without the lock of the start.
start() {
    local name=$1; shift
    setsid nohup "$@" >"$CLUSTER_DIR/logs/$name.log" 2>&1 </dev/null 9>&- &
    remember "$name" $! || { show_log "$name"; die "$name did not start"; }
    disown
}

show_log() { tail -n 20 "$CLUSTER_DIR/logs/$1.log" 2>/dev/null | sed "s/^/  | /" >&2; }

# Until the command after $1 succeeds; the cluster's $1 must stay alive meanwhile.
wait_for() {
    local name=$1 deadline=$((SECONDS + READY_SEC)); shift
    until "$@" >/dev/null 2>&1; do
        [ -n "$(running "$name")" ] || { show_log "$name"; die "$name ended while starting"; }
        ((SECONDS < deadline)) || { show_log "$name"; die "$name is not ready after $READY_SEC s"; }
        sleep 0.1
    done
}

start_postgres() {
    local folder=$CLUSTER_DIR/postgres superuser
    superuser=$(secret)
    mkdir "$folder"
    (umask 077 && printf '%s\n' "$superuser" >"$folder/password")
    [ "$(id -u)" != 0 ] || chown -R postgres: "$folder"
    (
        cd "$folder"
        as_postgres initdb --pgdata "$folder/data" --username postgres --pwfile "$folder/password" --auth scram-sha-256 \
            --encoding UTF8 --locale C.UTF-8 >"$CLUSTER_DIR/logs/initdb.log" 2>&1
    ) || { show_log initdb; die "initdb failed"; }
    # Durability as it comes: fsync, full_page_writes and synchronous_commit are on.
    as_postgres tee -a "$folder/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
port = $postgres_port
unix_socket_directories = ''
max_connections = $(((API_NODES + WORKERS) * (DB_MAX_CONNS + 4) + 20))
CONF
    (cd "$folder" && as_postgres pg_ctl start --pgdata "$folder/data" --log "$folder/log" --timeout "$READY_SEC" --silent \
        >"$CLUSTER_DIR/logs/pg_ctl.log" 2>&1 9>&-) || { tail -n 20 "$folder/log" >&2; die "PostgreSQL did not start"; }
    remember postgres "$(head -n 1 "$folder/data/postmaster.pid")"
    PGPASSWORD=$superuser psql --quiet --no-psqlrc --host 127.0.0.1 --port "$postgres_port" --username postgres \
        --set ON_ERROR_STOP=1 --output /dev/null <<SQL
create role traffic login password '$database_password';
create database traffic owner traffic;
SQL
}

start_redis() {
    (umask 077 && cat >"$CLUSTER_DIR/redis.conf" <<CONF
bind 127.0.0.1
port $redis_port
requirepass $redis_password
dir $CLUSTER_DIR
# Only what may be lost is in there.
save ""
appendonly no
maxmemory 128mb
maxmemory-policy allkeys-lru
CONF
    )
    start redis redis-server "$CLUSTER_DIR/redis.conf"
    wait_for redis env REDISCLI_AUTH="$redis_password" redis-cli -p "$redis_port" ping
}

start_nginx() {
    local folder=$CLUSTER_DIR/nginx user='' port
    mkdir "$folder"
    cp deploy/nginx/nginx.conf "$folder/"
    for port in "${api_ports[@]}"; do
        echo "server 127.0.0.1:$port max_fails=3 fail_timeout=2s;"
    done >"$folder/nodes.conf"
    echo "listen 127.0.0.1:$PORT backlog=4096;" >"$folder/listen.conf"
    # `localhost` may mean either family; a machine without IPv6 has no ::1 to listen on.
    if grep -qs '^0\{31\}1 ' /proc/net/if_inet6; then echo "listen [::1]:$PORT backlog=4096;" >>"$folder/listen.conf"; fi
    for kind in client_body proxy fastcgi uwsgi scgi; do
        echo "${kind}_temp_path $folder/$kind;"
    done >"$folder/paths.conf"
    [ "$(id -u)" != 0 ] || user="user www-data;"
    ulimit -Sn "$(ulimit -Hn)"   # two for each fan who streams
    start nginx nginx -p "$folder" -c "$folder/nginx.conf" -e stderr \
        -g "daemon off; pid $folder/nginx.pid; error_log stderr notice; $user"
    wait_for nginx ready "http://127.0.0.1:$PORT"
}

start_node() { # name, role, port
    HTTP_ADDR=127.0.0.1:$3 start "$1" "$BIN" serve --dev --roles "$2"
}

print_addresses() {
    local sale headers=() number
    [ -z "${DEMO_API_KEY:-}" ] || headers=(-H "X-Demo-Key: $DEMO_API_KEY")
    sale=$(curl --silent --max-time 5 ${headers[@]+"${headers[@]}"} "$1/v1/demo/dashboard" | field sale_id) || true
    echo "  Load Control Center  $1/   (nginx)"
    echo "  demo sale            ${sale:-none (see $CLUSTER_DIR/logs)}"
    sed 's/^/  /' "$CLUSTER_DIR/addresses"
    echo "  logs                 $CLUSTER_DIR/logs"
    echo "  try                  make sim SCENARIO=launch_spike"
    echo "  stop                 make cluster-stop"
}

(umask 077 && mkdir -p "$DATA")
exec 9>"$DATA/.cluster.lock"
flock --wait $((READY_SEC * 2)) 9 || die "another start is under way"
if find_cluster; then
    if [ -n "$(running nginx)" ]; then
        echo "The cluster already runs."
        print_addresses "$(cat "$CLUSTER_DIR/url")"
        exit 0
    fi
    die "a cluster was started and is broken: make cluster-stop, then make cluster"
fi
build

CLUSTER_DIR=$(mktemp -d "${TMPDIR:-/tmp}/traffic-cluster.XXXXXX")
chmod 711 "$CLUSTER_DIR"   # PostgreSQL and nginx, as users of their own, must reach their folders in it
mkdir -m 700 "$CLUSTER_DIR/logs"
: >"$CLUSTER_DIR/processes"
# Whatever goes wrong from here, or Ctrl-C: nothing is left. What has just been started and is not noted yet is a job.
undo() {
    local outcome=$?
    trap '' INT TERM HUP
    jobs -p | while read -r pid; do kill "$pid" 2>/dev/null || true; done
    stop_cluster
    exit "$outcome"
}
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
echo "$CLUSTER_DIR" >"$CLUSTER_FILE"

mapfile -t ports < <(free_ports $((API_NODES + WORKERS + 3)))
PORT=${PORT:-${ports[0]}}
redis_port=${ports[1]} postgres_port=${ports[2]}
api_ports=("${ports[@]:3:API_NODES}")
worker_ports=("${ports[@]:3+API_NODES}")

database_password=$(secret) redis_password=$(secret)
ADMIN_API_KEY=${ADMIN_API_KEY:-$(secret)}
JWT_SECRET=$(secret)
RUNNER_KEY=$(secret)
LOADTEST_RUNNER=off            # one for all nodes, which comes through nginx as people do
DATABASE_URL=postgres://traffic:$database_password@127.0.0.1:$postgres_port/traffic
REDIS_URL=redis://default:$redis_password@127.0.0.1:$redis_port
TRUSTED_PROXIES=127.0.0.1/32   # not 127.0.0.0/8: there the lab's fans have their addresses
export ADMIN_API_KEY JWT_SECRET RUNNER_KEY LOADTEST_RUNNER DATABASE_URL REDIS_URL TRUSTED_PROXIES DB_MAX_CONNS
(umask 077 && echo "$ADMIN_API_KEY" >"$CLUSTER_DIR/admin.key")

start_postgres
start_redis
# All at once, as after a power cut: whoever comes first brings the database to this version's schema.
for ((number = 1; number <= API_NODES; number++)); do start_node "api-$number" api "${api_ports[number - 1]}"; done
for ((number = 1; number <= WORKERS; number++)); do start_node "worker-$number" worker "${worker_ports[number - 1]}"; done
for ((number = 1; number <= API_NODES; number++)); do
    wait_for "api-$number" ready "http://127.0.0.1:${api_ports[number - 1]}"
done
for ((number = 1; number <= WORKERS; number++)); do
    wait_for "worker-$number" ready "http://127.0.0.1:${worker_ports[number - 1]}"
done
start_nginx
# Which of the nodes answers behind nginx cannot be known: whoever counts their connections asks each.
METRICS_URL=$(printf ',http://127.0.0.1:%s' "${api_ports[@]}")
export METRICS_URL=${METRICS_URL#,}
echo "$METRICS_URL" >"$CLUSTER_DIR/metrics_url"
start runner "$BIN" lab runner --base-url "http://127.0.0.1:$PORT"

(umask 077 && : >"$CLUSTER_DIR/addresses")
{
    for ((number = 1; number <= API_NODES; number++)); do
        echo "api node $number           http://127.0.0.1:${api_ports[number - 1]}"
    done
    for ((number = 1; number <= WORKERS; number++)); do
        echo "worker $number             http://127.0.0.1:${worker_ports[number - 1]}   (health and metrics)"
    done
    echo "database             $DATABASE_URL"
    echo "redis                $REDIS_URL"
    echo "admin key            $ADMIN_API_KEY"
} >"$CLUSTER_DIR/addresses"
echo "http://localhost:$PORT" >"$CLUSTER_DIR/url"
trap - EXIT INT TERM HUP
echo "The cluster is ready."
print_addresses "http://localhost:$PORT"
