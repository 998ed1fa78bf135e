#!/usr/bin/env bash
# Proves the cluster: nginx's settings against nodes played by a script, the files for containers as far as this machine can
# run what they say, and then a whole cluster with a short sale.
# TRAFFIC_BIN: the binary to test; by default the debug build.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/check.sh
. scripts/check.sh

TRAFFIC_BIN=$(realpath "${TRAFFIC_BIN:-${CARGO_TARGET_DIR:-target}/debug/traffic}")
TRAFFIC_DATA=$TMP/data
TMPDIR=$TMP   # the cluster's folder is made in here
export TRAFFIC_BIN TRAFFIC_DATA TMPDIR
unset HOST PORT DATABASE_URL REDIS_URL ADMIN_API_KEY DEMO_API_KEY RUNNER_KEY SALE_ID SEED BASE_URL API_NODES WORKERS KEEP
PATH=$PATH:/usr/sbin
chmod 711 "$TMP"   # PostgreSQL and nginx run as users of their own
children=()

clean_up() {
    scripts/stop-cluster.sh >/dev/null 2>&1 || true
    [ -z "${children[*]-}" ] || kill "${children[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$TMP"
}
trap clean_up EXIT

# A node that notes what reaches it, and answers as the path says.
cat >"$TMP/node.py" <<'PY'
import http.server, json, sys, time
name, port, notes = sys.argv[1], int(sys.argv[2]), sys.argv[3]

class Node(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        with open(notes, "a") as file:
            file.write(f"{name} {self.command} {self.path}\n")
        if self.path.startswith("/hang-up"):
            self.close_connection = True   # after the whole request was read: who knows what came of it
            return
        if self.path.endswith("/stream"):
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            time.sleep(20)
            return
        body = json.dumps({"node": name, "headers": {key.lower(): value for key, value in self.headers.items()}}).encode()
        self.send_response(503 if self.path.startswith("/full") else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def log_message(self, *words):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", port), Node).serve_forever()
PY

until_answered() { # address
    for _ in {1..100}; do
        curl -s -o "$TMP/answer" --max-time 2 "$1" && return
        sleep 0.1
    done
    echo "nobody answers at $1"; return 1
}
# How often the nodes have seen the request $1.
seen() { grep -cxE "[ab] $1" "$TMP/notes" || true; }
# Sends a request to nginx; $OUT is the body and, as its last line, the status.
call() { run curl -sS --max-time 10 -w '\n%{http_code}' "$@"; }

echo "nginx"
mapfile -t ports < <(free_ports 4)
: >"$TMP/notes"
for node in a b; do
    port=${ports[0]}; [ $node = a ] || port=${ports[1]}
    python3 "$TMP/node.py" $node "$port" "$TMP/notes" &
    children+=($!)
    check "node $node is played" until_answered "http://127.0.0.1:$port/"
done
web=$TMP/web
mkdir "$web"
cp deploy/nginx/nginx.conf "$web/"
# The third one is a node that is gone: nobody listens there.
for port in "${ports[@]:0:3}"; do echo "server 127.0.0.1:$port max_fails=3 fail_timeout=2s;"; done >"$web/nodes.conf"
echo "listen 127.0.0.1:${ports[3]};" >"$web/listen.conf"
sed "s#/tmp/#$web/#" deploy/nginx/paths.conf >"$web/paths.conf"
user=''
[ "$(id -u)" != 0 ] || user='user www-data;'
run nginx -t -p "$web" -c "$web/nginx.conf" -e stderr -g "pid $web/pid; error_log stderr; $user"
check "the settings are sound" exits 0
check "and give no warning" test -z "$(grep -E 'warn|emerg' <<<"$OUT")"
nginx -p "$web" -c "$web/nginx.conf" -e stderr -g "daemon off; pid $web/pid; error_log stderr; $user" 2>"$web/log" &
children+=($!)
url=http://127.0.0.1:${ports[3]}
check "nginx answers" until_answered "$url/"

call "$url/x" -H 'X-Forwarded-For: 192.0.2.1' -H 'Host: tickets.example:99'
check "a client's own X-Forwarded-For is replaced" says '"x-forwarded-for": "127.0.0.1"'
check "the host is passed on with its port" says '"host": "tickets.example:99"'
check "connections to the nodes are kept" test -z "$(grep -o '"connection": "close"' <<<"$OUT")"
run curl -sSI "$url/x"
check "no version is shown" test -z "$(grep -iE '^server:.*[0-9]' <<<"$OUT")"

: >"$TMP/notes"
for _ in {1..12}; do call -X POST "$url/passed-over"; done
check "a node that is gone is passed over, for a POST too" same 12 "$(seen 'POST /passed-over')"
check "each node has its share" test "$(grep -c '^a ' "$TMP/notes")" -ge 4 -a "$(grep -c '^b ' "$TMP/notes")" -ge 4

: >"$TMP/notes"
for method in POST PATCH; do
    call -X $method "$url/hang-up"
    check "a $method whose answer was lost is sent once" same 1 "$(seen "$method /hang-up")"
    check "and its outcome is called unknown" says '"code":"outcome_unknown"'
    check "with 503" says '^503$'
done
call "$url/hang-up"
check "a GET is tried on another node" same 2 "$(seen 'GET /hang-up')"
: >"$TMP/notes"
call "$url/full"
check "a node's own refusal is passed on" says '"node": '
check "and not asked for elsewhere" same 1 "$(seen 'GET /full')"
head -c 3000000 /dev/zero >"$TMP/large"
call -X POST --data-binary "@$TMP/large" "$url/v1/admin/sales"
check "a body beyond every limit is refused in the nodes' words" says '"code":"payload_too_large"'
run timeout 3 curl -sSN "$url/v1/sales/0/waiting-room/stream"
check "an event comes at once" says '^data: first$'
call "$url/metrics"
check "the nodes' measures are not for everybody" says '^404$'
kill "${children[@]}"
wait "${children[@]}" 2>/dev/null || true
children=()

echo "containers"
# In a copy: the secrets that are made here are nobody's.
copy=$TMP/copy
mkdir -p "$copy/scripts" "$TMP/bin"
cp -r deploy "$copy/"
rm -f "$copy/deploy/.env"
cp scripts/compose.sh "$copy/scripts/"
# Plays Docker: knows its compose, and notes what it is asked for.
cat >"$TMP/bin/docker" <<STUB
#!/bin/sh
echo "\$@" >>"$TMP/docker"
STUB
chmod +x "$TMP/bin/docker"
docker_path=$TMP/bin:$PATH
: >"$TMP/docker"
run env PATH="$docker_path" "$copy/scripts/compose.sh" down
check "down without an up before says so" says "nothing was started from here"
run env PATH="$docker_path" API_NODES=3 "$copy/scripts/compose.sh" up
check "up succeeds" exits 0
check "it builds, waits and scales" grep -qE 'up --detach --build --wait --scale api=3 --scale worker=2' "$TMP/docker"
check "it makes secrets, and they are private" same 600 "$(stat -c %a "$copy/deploy/.env")"
check "each is random" same "$(grep -c '=$' deploy/.env.example)" "$(grep -oE '=[0-9a-f]{64}$' "$copy/deploy/.env" | sort -u | wc -l)"
before=$(cat "$copy/deploy/.env")
run env PATH="$docker_path" "$copy/scripts/compose.sh" up
check "a second up keeps them" same "$before" "$(cat "$copy/deploy/.env")"
run env PATH="$docker_path" "$copy/scripts/compose.sh" down
check "down ends the containers and keeps the data" grep -qE 'docker-compose.yml down$' "$TMP/docker"
run env PATH="$docker_path" "$copy/scripts/compose.sh" sideways
check "another word is refused" exits 1

# The image is built from what .dockerignore lets through.
context=$TMP/context
mkdir "$context"
sed -n 's/^!//p' .dockerignore | while read -r path; do cp -r "$path" "$context/"; done
check "the image's sources are whole" cargo metadata --quiet --offline --locked --format-version 1 --manifest-path "$context/Cargo.toml"
while IFS=: read -r file _ line; do
    included=$(sed -E 's/.*include_(str|bytes)!\("([^"]*)".*/\2/' <<<"$line")
    check "what $file includes is among them" test -e "$context/$(dirname "$file")/$included"
done < <(grep -rnE 'include_(str|bytes)!\("\.\./\.\./\.\.' crates/*/src)

for secret in $(grep -oE '\$\{[A-Z_]+:\?' deploy/docker-compose.yml | tr -dc 'A-Z_\n' | sort -u); do
    check "$secret is asked for in .env.example, without a default" grep -qx "$secret=" deploy/.env.example
done
if docker compose version >/dev/null 2>&1; then
    check "docker compose reads the file" docker compose --project-directory "$copy/deploy" -f "$copy/deploy/docker-compose.yml" config --quiet
fi
if ! python3 -c 'import yaml' 2>/dev/null; then
    echo "  skip  what docker-compose.yml says (no python3-yaml here)"
else
    python3 - deploy/docker-compose.yml "$TMP" <<'PY'
import json, sys, yaml
document = yaml.safe_load(open(sys.argv[1]))
services = document["services"]
with open(sys.argv[2] + "/compose", "w") as facts:
    for name, service in services.items():
        print("service", name, file=facts)
        # The nodes' own is in the image.
        if "healthcheck" in service or service.get("build"):
            print("health", name, file=facts)
        if "ports" in service:
            print("ports", name, file=facts)
        unknown = set(service["networks"]) - set(document["networks"]) | set(service.get("depends_on", {})) - set(services)
        unknown |= {volume.split(":")[0] for volume in service.get("volumes", []) if volume[0] != "."} - set(document["volumes"])
        if unknown:
            print("unknown", name, *unknown, file=facts)
    for key in services["api"]["environment"]:
        print("setting", key, file=facts)
    for name in ("api", "worker"):
        print("command", name, *services[name]["command"], file=facts)
with open(sys.argv[2] + "/redis-command", "w") as file:
    file.write(services["redis"]["command"][2].replace("$$", "$"))
PY
    for service in postgres redis api worker; do
        check "there is a service $service with a health check" grep -qx "health $service" "$TMP/compose"
    done
    check "every name it uses is there" test -z "$(grep '^unknown' "$TMP/compose")"
    check "only nginx is open to the outside" same "ports web" "$(grep '^ports' "$TMP/compose")"
    while read -r _ name; do
        key=$(sed -E 's/^TRAFFIC_//' <<<"$name" | tr '[:upper:]' '[:lower:]')
        check "$name is a setting" grep -q "^$key = " traffic.default.toml
    done < <(grep '^setting' "$TMP/compose")
    port=$(free_port)
    sed -e "s#/tmp/#$TMP/#g" -e "s#\(exec redis-server .*\)#\1 --port $port --bind 127.0.0.1#" "$TMP/redis-command" >"$TMP/redis-here"
    (cd "$TMP" && REDISCLI_AUTH=of-the-test exec sh "$TMP/redis-here" >"$TMP/redis-log") &
    children+=($!)
    for _ in {1..50}; do REDISCLI_AUTH=of-the-test redis-cli -p "$port" ping >"$TMP/answer" 2>&1 && grep -q PONG "$TMP/answer" && break; sleep 0.1; done
    check "Redis starts as the file says, with its password" grep -qx PONG "$TMP/answer"
    run redis-cli -p "$port" ping
    check "and answers nobody without" says NOAUTH
    check "and keeps nothing on a disk" same "" "$(REDISCLI_AUTH=of-the-test redis-cli -p "$port" config get save | sed -n 2p)"
    kill "${children[@]}"
    wait "${children[@]}" 2>/dev/null || true
    children=()
fi
# The part that needs a newer nginx and Docker's name server aside.
sed -e '/^resolver/d' -e 's/ resolve / /' -e 's/api:/localhost:/' deploy/nginx/nodes.conf >"$web/nodes.conf"
cp deploy/nginx/listen.conf "$web/"
run nginx -t -p "$web" -c "$web/nginx.conf" -e stderr -g "pid $web/pid; error_log stderr; $user"
check "nginx's settings for containers are sound" exits 0

# Programs of a cluster that was started by this test. PostgreSQL changes what its environment shows.
left_over() {
    local folder name
    for folder in /proc/[0-9]*; do
        name=$(cat "$folder/comm" 2>/dev/null) || continue
        case $name in traffic | nginx | redis-server | postgres | initdb | pg_ctl) ;; *) continue ;; esac
        if grep -qsF "$TMP" "$folder/cmdline" || grep -qsF "TRAFFIC_DATA=$TRAFFIC_DATA" "$folder/environ"; then
            [ -z "$(tr -d '\0' 2>/dev/null <"$folder/cmdline")" ] || echo "${folder#/proc/} $name"
        fi
    done
}
nothing_left() {
    local left
    left=$(left_over)
    [ -z "$left" ] || { echo "still running: $left"; return 1; }
    [ -z "$(find "$TMP" -maxdepth 1 -name 'traffic-cluster.*')" ] || { echo "a folder is left"; ls "$TMP"; return 1; }
    [ ! -e "$TRAFFIC_DATA/cluster" ] || { echo "the state is left"; return 1; }
}

echo "a start that fails or is interrupted"
run scripts/stop-cluster.sh
check "stop says that none runs" says "No cluster runs"
run env API_NODES=0 scripts/cluster.sh
check "no nodes are refused" says "API_NODES must be 1 to 16, not '0'"
run env WORKERS=many scripts/cluster.sh
check "a wrong number is refused" says "WORKERS must be 1 to 16, not 'many'"
run env PORT=99999 scripts/cluster.sh
check "a wrong port is refused" says "PORT must be 1 to 65535"
run env TRAFFIC_BIN=/bin/false API_NODES=1 WORKERS=1 scripts/cluster.sh
check "a node that ends at once ends the start" exits 1
check "and is named" says "(api|worker)-1 (did not start|ended while starting)"
check "and nothing is left" nothing_left
for seconds in 0.4 1.2 2.2; do
    run timeout --signal INT "$seconds" scripts/cluster.sh
    check "after Ctrl-C at $seconds s nothing is left" nothing_left
done

echo "a cluster"
# Its runner judges no times, for the same reason as below.
LOADTEST_NO_TIME_LIMITS=true run scripts/cluster.sh
check "it starts" exits 0
started=$OUT
check "it says how to stop" says "make cluster-stop"
for address in "Load Control Center +http://localhost:[0-9]+/" "demo sale +[0-9a-f-]{36}" "api node 3 +http" "worker 2 +http" \
    "database +postgres://" "redis +redis://" "admin key +[0-9a-f]{64}"; do
    check "it prints ${address%% +*}" says "$address"
done
cluster=$(cat "$TRAFFIC_DATA/cluster")
check "nine processes run" same 9 "$(wc -l <"$cluster/processes")"
check "its secrets are private" same "600 600" "$(stat -c %a "$cluster/addresses" "$cluster/admin.key" | xargs)"
run scripts/cluster.sh
check "a second start says that it runs" says "already runs"
check "and starts nothing" same 9 "$(wc -l <"$cluster/processes")"
listed() { sed -n "s/^$1 *//p" "$cluster/addresses" | cut -d ' ' -f 1; }
DATABASE_URL=$(listed database)
export DATABASE_URL
run psql "$DATABASE_URL" --no-psqlrc --tuples-only --no-align --command \
    "select current_setting('fsync') || ' ' || current_setting('full_page_writes') || ' ' || current_setting('is_superuser')"
check "the database keeps what it acknowledges, for a user of few rights" says '^on on off$'
run "$TRAFFIC_BIN" ready --base-url "$(listed 'worker 1')"
check "a worker's health check succeeds" exits 0
run "$TRAFFIC_BIN" ready --base-url "http://127.0.0.1:$(free_port)"
check "where nobody answers it fails" exits 1
run "$TRAFFIC_BIN" doctor --dev --http-addr 127.0.0.1:0 --redis-url "$(listed redis)"
check "doctor finds it healthy" exits 0
check "and looks at the database" says '^ok +schema'

# Small and without time limits: a loaded machine must not fail what is about order and seats.
# It ends as soon as everybody has bought.
launch=(K6_VUS_MAX=100 K6_RAMP_UP=3s K6_STEADY=30s K6_RAMP_DOWN=10s K6_TOTAL_SEATS=100)
run env "${launch[@]}" scripts/traffic.sh sim launch_spike --no-time-limits --out "$TMP/report"
check "a launch through nginx passes" exits 0
check "and says PASS" says "^PASS"
sale=$(curl -sS --max-time 5 "$(cat "$cluster/url")/v1/demo/dashboard" | sed -n 's/.*"sale_id":"\([^"]*\)".*/\1/p')
run scripts/traffic.sh assert-queue --sale "$sale" --database-url
check "assert-queue agrees, from the database" exits 0
check "on all of the line" says "^entries 100 "

# The same asked for over HTTP, of whatever node, and done by the runner apart.
wish='{"scenario":"launch_spike","vus_max":50,"ramp_up":"1s","steady":"20s","ramp_down":"5s","total_seats":50}'
asked=$(curl -sS --max-time 10 -H 'Content-Type: application/json' -d "$wish" "$(cat "$cluster/url")/v1/demo/loadtest" | sed -n 's/.*"run_id":"\([^"]*\)".*/\1/p')
state() { curl -sS --max-time 10 "$(cat "$cluster/url")/v1/demo/loadtest/$asked" | sed -n 's/.*"status":"\([^"]*\)".*/\1/p'; }
for _ in {1..120}; do
    case $(state) in queued | running) sleep 0.5 ;; *) break ;; esac
done
check "a run that is asked for is done by the runner" same passed "$(state)"
check "and its report is kept" test -n "$(curl -sS --fail --max-time 10 "$(cat "$cluster/url")/v1/demo/loadtest/$asked/report.json")"

pid=$(sed -n 's/^api-2 \([0-9]*\) .*/\1/p' "$cluster/processes")
kill -KILL "$pid"
answered=0
for _ in {1..20}; do
    call -X POST "$(cat "$cluster/url")/v1/auth/login" -H 'Content-Type: application/json' -d '{"email":"no@example.com","password":"wrong-one"}'
    [ "${OUT##*$'\n'}" != 401 ] || answered=$((answered + 1))
done
check "with a node killed every request is answered" same 20 "$answered"
run scripts/stop-cluster.sh
check "it stops" says "^The cluster stopped"
check "by itself, nobody has to be killed" test -z "$(grep killed <<<"$OUT")"
check "and nothing is left" nothing_left
check "its address no longer answers" test -z "$(curl -s --max-time 2 "$(sed -n 's/.*Load Control Center *\(http[^ ]*\).*/\1/p' <<<"$started")")"

report
