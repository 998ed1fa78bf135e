"""For schemathesis.sh.

prepare URL          fills a server and prints a configuration that names what is there and who asks: without it nearly every
                     case would be an unknown sale asked for by nobody
judge BEFORE AFTER   two texts of /metrics: fails where too few routes were answered with a "yes" in between"""

import json
import re
import sys
import time
import urllib.request

# The others want an offer of their own: a password that is right, a hold that is open.
ROUTES_MIN = 30
YES = re.compile(r'^traffic_http_requests_total\{route="([^"]+)",status="2\d\d"\} (\d+)$', re.MULTILINE)
ADMIN = {"X-Admin-Key": "dev-admin-key"}


def ask(method, path, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(URL + path, data, {**kind, **(headers or {})}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def sale(event):
    terms = {
        "event_id": event, "opens_at": "2020-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z",
        "total_seats": 500, "admit_per_minute": 60_000, "shopping_window_sec": 86_400,
    }
    return ask("POST", "/v1/admin/sales", terms, ADMIN)["sale_id"]


def inside(sale_id, prefix):
    """Somebody's session and admission."""
    account = ask("POST", "/v1/admin/accounts/bulk", {"count": 1, "prefix": prefix}, ADMIN)["accounts"][0]
    session = {"Authorization": "Bearer " + account["token"]}
    ask("POST", f"/v1/sales/{sale_id}/waiting-room/join", None, session)
    for _ in range(100):
        status = ask("GET", f"/v1/sales/{sale_id}/waiting-room/status", None, session)
        if status["admitted"]:
            return session, {"Authorization": "Admission " + status["admission_token"]}
        time.sleep(0.2)
    sys.exit("nobody was called within 20 s")


def operations(paths, headers, **parameters):
    lines = ["[[operations]]", f"include-path-regex = {json.dumps(paths)}"]
    if headers:
        pairs = ", ".join(f"{json.dumps(name)} = {json.dumps(value)}" for name, value in headers.items())
        lines.append(f"headers = {{ {pairs} }}")
    if parameters:
        pairs = ", ".join(f"{json.dumps('path.' + name)} = {json.dumps(value)}" for name, value in parameters.items())
        lines.append(f"parameters = {{ {pairs} }}")
    print("\n".join(lines) + "\n")


def prepare():
    print("auth.auto-signup = false\n")
    event = ask("POST", "/v1/admin/events", {"name": "n", "venue": "v", "starts_at": "2099-01-01T00:00:00Z"}, ADMIN)
    event = event["event_id"]
    open_sale, spare = sale(event), sale(event)
    buyer, admission = inside(open_sale, "buyer")
    hold = ask("POST", f"/v1/sales/{open_sale}/holds",
               {"best_available": {"quantity": 1}, "idempotency_key": "h"}, admission)["hold_id"]
    order = ask("POST", f"/v1/sales/{open_sale}/checkout", {"hold_id": hold, "idempotency_key": "c"}, admission)
    _, shopping = inside(open_sale, "shopper")

    run = ask("POST", "/v1/demo/loadtest", {"scenario": "launch_spike"})["run_id"]

    operations(r"^/v1/(me|orders$|tickets$|tickets/transfer)", buyer)
    operations(r"^/v1/orders/", buyer, id=order["order_id"])
    operations(r"^/v1/tickets/\{", buyer, id=order["ticket_ids"][0])
    operations(r"^/v1/sales/\{id\}$", None, id=open_sale)
    operations(r"^/v1/sales/.*waiting-room/", buyer, id=open_sale)
    operations(r"^/v1/sales/.*(seats|holds|checkout)", shopping, id=open_sale)
    operations(r"^/v1/admin/(events|sales|audit|accounts/bulk)$", ADMIN)
    operations(r"^/v1/admin/sales/\{id\}", ADMIN, id=spare)
    operations(r"^/v1/demo/loadtest/", None, run_id=run)
    operations(r"^/v1/demo/runner/", ADMIN)


def yeses(path):
    """How often each route was answered with 2xx."""
    counts = {}
    with open(path, encoding="utf-8") as text:
        for route, count in YES.findall(text.read()):
            counts[route] = counts.get(route, 0) + int(count)
    return counts


def judge(before, after):
    before, after = yeses(before), yeses(after)
    said_yes = sorted(route for route in after if after[route] > before.get(route, 0))
    print(f"a yes was heard on {len(said_yes)} routes")
    if len(said_yes) < ROUTES_MIN:
        sys.exit(f"{ROUTES_MIN} are wanted; there was one on: {', '.join(said_yes)}")


if sys.argv[1] == "prepare":
    URL = sys.argv[2]
    prepare()
else:
    judge(sys.argv[2], sys.argv[3])
