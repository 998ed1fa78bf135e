"""For test-metrics.sh.

files ALERTS TESTS DASHBOARD [RUNBOOK]  every alert is tested, says what to do and where that is written; every panel has a
                                        unit and says what is healthy
drive URL                               a small sale in which everything happens that has a figure of its own
names DOCUMENT SCRAPE.. -- FILE..       every family of the scrapes is described in the document and the other way round;
                                        every name in the files is a sample of a scrape
ask URL DASHBOARD ALERTS                a running Prometheus evaluates each rule without an error, and has a series for each
                                        query of the dashboard"""

import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

ADMIN = {"X-Admin-Key": "dev-admin-key"}
NAME = re.compile(r"\btraffic_[a-z_]+")
ALERT = re.compile(r"^ +- alert: (\w+)$", re.MULTILINE)
DEADLINE_SEC = 60


def text(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def judge(problems):
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


def ask(method, url, body=None, headers=None):
    """Status and body."""
    data = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, {**kind, **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


# -- files

def panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def slug(heading):
    return re.sub(r"[^a-z0-9 -]", "", heading.strip().lower()).replace(" ", "-")


def files(alerts, tests, dashboard, runbook=None):
    problems = []
    rules = text(alerts)
    fired = set(re.findall(r'labels: \'\{alertname="(\w+)"', text(tests)))
    names = ALERT.findall(rules)
    problems += [f"{name} is an alert twice" for name in {one for one in names if names.count(one) > 1}]
    problems += [f"{name} fires in no case of {tests}" for name in names if name not in fired]
    headings = {slug(line.lstrip("#")) for line in text(runbook).splitlines() if line.startswith("#")} if runbook else None
    for rule in re.split(r"^ +- alert: ", rules, flags=re.MULTILINE)[1:]:
        name = rule.split("\n", 1)[0]
        problems += [f"{name} has no {word}" for word in ("severity", "summary", "description", "action", "runbook")
                     if not re.search(rf"^ +{word}: \S", rule, re.MULTILINE)]
        anchor = re.search(r"runbook: docs/operate-a-sale\.md#([a-z-]+)$", rule, re.MULTILINE)
        if not anchor:
            problems.append(f"{name} names no section of docs/operate-a-sale.md")
        elif headings is not None and anchor[1] not in headings:
            problems.append(f"{name}: docs/operate-a-sale.md has no section #{anchor[1]}")
    board = json.loads(text(dashboard))
    titles = [panel["title"] for panel in panels(board)]
    problems += [f"two panels are called {title}" for title in {one for one in titles if titles.count(one) > 1}]
    for panel in panels(board):
        if not panel["fieldConfig"]["defaults"].get("unit"):
            problems.append(f"panel {panel['title']}: no unit")
        if len(panel.get("description", "")) < 20:
            problems.append(f"panel {panel['title']}: says not what is healthy")
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    if rows != ["At the doors", "The line", "The shop", "The machine"]:
        problems.append(f"the rows are {rows}")
    variables = {variable["name"] for variable in board["templating"]["list"]}
    if variables != {"datasource", "sale", "node"}:
        problems.append(f"the variables are {variables}")
    judge(problems)


# -- drive

class Fan:
    def __init__(self, url, sale, account):
        self.url, self.sale = url, sale
        self.session = {"Authorization": "Bearer " + account["token"]}

    def send(self, method, path, body=None, admitted=True, wants=(200, 201)):
        headers = self.admission if admitted else self.session
        status, answer = ask(method, f"{self.url}/v1/sales/{self.sale}/{path}", body, headers)
        if status not in wants:
            sys.exit(f"{method} {path}: {status} {answer}")
        return answer

    def join(self, wants=(200, 201)):
        return self.send("POST", "waiting-room/join", admitted=False, wants=wants)

    def status(self):
        return self.send("GET", "waiting-room/status", admitted=False)

    def come_in(self):
        until = time.monotonic() + DEADLINE_SEC
        while time.monotonic() < until:
            status = self.status()
            if status["admitted"]:
                self.admission = {"Authorization": "Admission " + status["admission_token"]}
                return
            time.sleep(0.1)
        sys.exit(f"not called: {status}")

    def hold(self, key, wants=(200,)):
        wish = {"best_available": {"quantity": 1}, "idempotency_key": key}
        return self.send("POST", "holds", wish, wants=wants)

    def pay(self, hold, token, wants):
        body = {"hold_id": hold["hold_id"], "idempotency_key": token, "payment": {"token": token}}
        return self.send("POST", "checkout", body, wants=wants)


def operator(url, path, body):
    status, answer = ask("POST", f"{url}/v1/admin/{path}", body, ADMIN)
    if status not in (200, 201):
        sys.exit(f"POST {path}: {status} {answer}")
    return answer


def wait_for(url, sample):
    until = time.monotonic() + DEADLINE_SEC
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{url}/metrics", timeout=20) as page:
            if sample in page.read().decode().splitlines():
                return
        time.sleep(0.2)
    sys.exit(f"the page does not come to tell {sample}")


def drive(url):
    event = operator(url, "events", {"name": "n", "venue": "v", "starts_at": "2099-01-01T00:00:00Z"})["event_id"]
    terms = {"event_id": event, "opens_at": "2020-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z", "total_seats": 20,
             "admit_per_minute": 6_000, "claim_window_sec": 2, "hold_ttl_sec": 2, "waiting_room_cap": 1_000}
    sale = operator(url, "sales", terms)["sale_id"]
    accounts = operator(url, "accounts/bulk", {"count": 5, "prefix": f"metrics-{sale[-12:]}"})["accounts"]
    buyer, loser, absent, leaver, late = (Fan(url, sale, account) for account in accounts)
    for fan in (buyer, loser, leaver):
        fan.join(wants=(201,))
        fan.come_in()
    buyer.join(wants=(200,))
    buyer.pay(buyer.hold("h"), "sim_decline", wants=(402,))
    loser.hold("h")
    loser.hold("other", wants=(409,))
    leaver.send("POST", "waiting-room/leave", admitted=False)
    ask("POST", f"{url}/v1/sales/{sale}/holds", {"seat_ids": ["GA-1-1"]}, {"Authorization": "Admission forged"})
    for fan in (absent, late):
        fan.join(wants=(201,))
    wait_for(url, f'traffic_no_shows_total{{sale="{sale}"}} 2')
    late.come_in()
    late.pay(late.hold("h"), "sim_ok:card", wants=(200,))
    print(sale)


# -- names

def described(document):
    return set(re.findall(r"^\| `(traffic_[a-z_]+)` \|", text(document), re.MULTILINE))


def names(document, rest):
    scrapes, others = rest[:rest.index("--")], rest[rest.index("--") + 1:]
    families, samples = set(), set()
    for scrape in map(text, scrapes):
        families |= set(re.findall(r"^# TYPE (\S+) ", scrape, re.MULTILINE))
        samples |= set(re.findall(r"^(traffic_[a-z_]+)", scrape, re.MULTILINE))
    known = described(document)
    problems = [f"{name} is not described in {document}" for name in sorted(families - known)]
    problems += [f"{name} is described in {document}, and no node tells it" for name in sorted(known - families)]
    for other in others:
        used = set(NAME.findall(text(other)))
        if not used:
            problems.append(f"{other} uses no figure")
        problems += [f"{other} uses {name}, which no node tells" for name in sorted(used - samples)]
    judge(problems)


# -- ask

def prometheus(url, path, **parameters):
    status, answer = ask("GET", f"{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
    return answer["data"] if status == 200 and answer["status"] == "success" else {"error": answer.get("error", status)}


def rules_of(url):
    return [rule for group in prometheus(url, "rules").get("groups", []) for rule in group["rules"]]


def query(expression):
    """As the dashboard asks with everything chosen."""
    for name, value in (("$sale", ".*"), ("$node", ".*"), ("$__rate_interval", "20s")):
        expression = expression.replace(name, value)
    return expression


def ask_prometheus(url, dashboard, alerts):
    until = time.monotonic() + DEADLINE_SEC
    while time.monotonic() < until:
        rules = rules_of(url)
        targets = prometheus(url, "targets").get("activeTargets", [])
        if rules and targets and all(rule["health"] != "unknown" for rule in rules) and all(
                target["health"] != "unknown" for target in targets):
            break
        time.sleep(0.2)
    problems = [f"{target['scrapeUrl']}: {target['lastError']}" for target in targets if target["health"] != "up"]
    wanted = set(ALERT.findall(text(alerts)))
    if {rule["name"] for rule in rules} != wanted:
        problems.append(f"Prometheus knows the rules {sorted(rule['name'] for rule in rules)}")
    problems += [f"{rule['name']}: {rule['health']} {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    queries = [(panel["title"], target["expr"]) for panel in panels(json.loads(text(dashboard))) for target in panel["targets"]]
    # A rate needs two scrapes.
    missing = queries
    while missing and time.monotonic() < until:
        missing = [(title, expr) for title, expr in missing if not prometheus(url, "query", query=query(expr)).get("result")]
        time.sleep(0.5 if missing else 0)
    for title, expr in missing:
        problems.append(f"panel {title}: {prometheus(url, 'query', query=query(expr)).get('error', 'no series')} for {expr}")
    for name, label in (("traffic_joined", "sale"), ("traffic_build_info", "instance")):
        if not prometheus(url, f"label/{label}/values", **{"match[]": name}):
            problems.append(f"no choice of {label}")
    print(f"{len(targets)} nodes, {len(rules)} rules, {len(queries)} queries")
    judge(problems)


def main(command, *arguments):
    match command:
        case "files":
            files(*arguments)
        case "drive":
            drive(*arguments)
        case "names":
            names(arguments[0], arguments[1:])
        case "ask":
            ask_prometheus(*arguments)
        case _:
            sys.exit(__doc__)


main(*sys.argv[1:])
