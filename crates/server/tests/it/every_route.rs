//! Every operation of the openapi document says yes here once, in the story of one evening: a route that no test has seen to
//! work is not done. What each of them refuses is in `bad_input` and in the file of its subject.

use std::cell::RefCell;
use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Call, Fan, Shopper, TestApp};
use crate::login_code::Office;

/// Is always refused: that is its whole use.
const NEVER: &str = "POST /v1/tickets/transfer";

const EMAIL: &str = "ann@example.com";
const PASSWORD: &str = "correct horse battery";

struct Evening {
    office: Office,
    heard: RefCell<BTreeSet<String>>,
}

/// The operations that the document describes, as `METHOD /path`.
pub(crate) fn described() -> BTreeSet<String> {
    let api = serde_json::to_value(server::router::openapi()).unwrap();
    let paths = api["paths"].as_object().unwrap();
    let methods = |path: &String, item: &Value| {
        let methods = item.as_object().unwrap().keys().filter(|name| *name != "parameters");
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
    };
    paths.iter().flat_map(|(path, item)| methods(path, item)).collect()
}

impl Evening {
    fn app(&self) -> &TestApp {
        &self.office.app
    }

    /// A request to a route, with ids for what stands in braces, in their order.
    fn to(&self, route: &str, ids: &[&str]) -> Call {
        let (method, template) = route.split_once(' ').unwrap();
        let mut parts = template.split(['{', '}']);
        let mut path = parts.next().unwrap().to_owned();
        for id in ids {
            parts.next().expect("a name in braces for each id");
            path += id;
            path += parts.next().unwrap_or_default();
        }
        assert!(parts.next().is_none(), "{route}: an id is missing");
        self.app().call(Method::from_bytes(method.as_bytes()).unwrap(), path)
    }

    fn note(&self, route: &str, status: StatusCode, answer: &dyn std::fmt::Debug) {
        assert!(status.is_success(), "{route}: {answer:?}");
        self.heard.borrow_mut().insert(route.to_owned());
    }

    async fn yes(&self, route: &str, ids: &[&str], with: impl FnOnce(Call) -> Call) -> Value {
        self.app().heard().await;
        let answer = with(self.to(route, ids)).send().await;
        self.note(route, answer.status, &answer);
        answer.json.clone()
    }

    async fn plain(&self, route: &str, ids: &[&str]) -> Value {
        self.yes(route, ids, |call| call).await
    }

    async fn operator(&self, route: &str, ids: &[&str], body: Option<Value>) -> Value {
        self.yes(route, ids, |call| match body {
            Some(body) => call.admin().json(&body),
            None => call.admin(),
        })
        .await
    }

    async fn fan(&self, route: &str, ids: &[&str], fan: &Fan) -> Value {
        self.yes(route, ids, |call| call.bearer(fan)).await
    }

    /// What does not end by itself: its first words are enough.
    async fn begins(&self, route: &str, call: Call) {
        self.app().heard().await;
        let response = call.open().await;
        self.note(route, response.status(), &response);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}"))
}

async fn people_sign_in(evening: &Evening) {
    let email = json!({ "email": EMAIL });
    evening.yes("POST /v1/auth/register/challenge", &[], |call| call.json(&email)).await;
    let whole = json!({ "email": EMAIL, "password": PASSWORD });
    evening.yes("POST /v1/auth/register", &[], |call| call.json(&whole)).await;
    let session = evening.yes("POST /v1/auth/login", &[], |call| call.json(&whole)).await;
    let fan = Fan { id: text(&session["user_id"]).to_owned(), token: text(&session["token"]).to_owned() };
    assert_eq!(evening.fan("GET /v1/me", &[], &fan).await["email"], EMAIL);
    let sent = evening.yes("POST /v1/auth/code", &[], |call| call.json(&email)).await;
    let code = evening.office.codes(1).await.remove(0);
    let tried = json!({ "code_id": sent["code_id"], "code": code });
    evening.yes("POST /v1/auth/code/verify", &[], |call| call.json(&tried)).await;
}

async fn the_operator_makes_a_sale(evening: &Evening) -> String {
    let event = json!({ "name": "Night", "venue": "Hall", "starts_at": "2027-01-01T20:00:00Z" });
    let event = evening.operator("POST /v1/admin/events", &[], Some(event)).await;
    evening.operator("GET /v1/admin/events", &[], None).await;
    let now = evening.app().now();
    let terms = json!({
        "event_id": event["event_id"], "opens_at": now, "ends_at": now.plus_sec(3_600), "total_seats": 100,
        "admit_per_minute": 60_000, "cancelled_seats": "held",
    });
    let sale = evening.operator("POST /v1/admin/sales", &[], Some(terms)).await;
    let sale = text(&sale["sale_id"]).to_owned();
    evening.operator("GET /v1/admin/sales", &[], None).await;
    let changed = json!({ "admit_per_minute": 30_000, "reason": "less" });
    evening.operator("PATCH /v1/admin/sales/{id}", &[&sale], Some(changed)).await;
    assert_eq!(evening.operator("GET /v1/admin/sales/{id}", &[&sale], None).await["admit_per_minute"], 30_000);
    evening.operator("POST /v1/admin/sales/{id}/pause", &[&sale], Some(json!({}))).await;
    evening.operator("POST /v1/admin/sales/{id}/resume", &[&sale], Some(json!({}))).await;
    sale
}

async fn fans_wait(evening: &Evening, sale: &str) {
    let app = evening.app();
    evening.plain("GET /v1/sales", &[]).await;
    evening.plain("GET /v1/sales/{id}", &[sale]).await;
    let fan = app.fan().await;
    evening.fan("GET /v1/sales/{id}/waiting-room/challenge", &[sale], &fan).await;
    evening.fan("POST /v1/sales/{id}/waiting-room/join", &[sale], &fan).await;
    evening.fan("GET /v1/sales/{id}/waiting-room/status", &[sale], &fan).await;
    evening.begins("GET /v1/sales/{id}/waiting-room/stream", app.streaming(sale, &fan)).await;
    evening.fan("POST /v1/sales/{id}/waiting-room/leave", &[sale], &fan).await;
}

/// A fan who buys two seats: the shopper, the order, the tickets.
async fn somebody_buys(evening: &Evening, sale: &str) -> (Shopper, Value) {
    let shopper = evening.app().admitted(sale).await;
    let inside = |call: Call| call.admission(&shopper);
    evening.yes("GET /v1/sales/{id}/seats", &[sale], inside).await;
    let wish = |key: &str| json!({ "best_available": { "quantity": 2 }, "idempotency_key": key });
    let first = evening.yes("POST /v1/sales/{id}/holds", &[sale], |call| inside(call).json(&wish("1"))).await;
    evening.yes("GET /v1/sales/{id}/holds", &[sale], inside).await;
    evening.yes("DELETE /v1/sales/{id}/holds/{hold_id}", &[sale, text(&first["hold_id"])], inside).await;
    let hold = evening.yes("POST /v1/sales/{id}/holds", &[sale], |call| inside(call).json(&wish("2"))).await;
    let pay = json!({ "hold_id": hold["hold_id"], "idempotency_key": "3" });
    let order = evening.yes("POST /v1/sales/{id}/checkout", &[sale], |call| inside(call).json(&pay)).await;
    (shopper, order)
}

async fn tickets_are_seen_scanned_and_taken_back(evening: &Evening, sale: &str) {
    let ((keeper, kept), (_, returned)) = (somebody_buys(evening, sale).await, somebody_buys(evening, sale).await);
    let owner = &keeper.fan;
    evening.fan("GET /v1/orders", &[], owner).await;
    evening.fan("GET /v1/orders/{id}", &[text(&kept["order_id"])], owner).await;
    evening.fan("GET /v1/tickets", &[], owner).await;
    let ticket = evening.fan("GET /v1/tickets/{id}", &[text(&kept["ticket_ids"][0])], owner).await;
    let scan = json!({ "code": ticket["code"], "gate": "north", "nonce": "1" });
    assert_eq!(evening.operator("POST /v1/admin/scan", &[], Some(scan)).await["result"], "admitted");

    let ticket = text(&returned["ticket_ids"][0]);
    evening.operator("POST /v1/admin/tickets/{id}/reissue", &[ticket], Some(json!({ "attendee": "Bea" }))).await;
    evening.operator("POST /v1/admin/tickets/{id}/cancel", &[ticket], Some(json!({}))).await;
    evening.operator("GET /v1/admin/sales/{id}/revoked", &[sale], None).await;
    evening.operator("POST /v1/admin/sales/{id}/release-held", &[sale], Some(json!({}))).await;
    let order = text(&returned["order_id"]);
    evening.operator("POST /v1/admin/orders/{id}/cancel", &[order], Some(json!({}))).await;
    let refused = evening.to(NEVER, &[]).bearer(owner).send().await;
    refused.refused(403, "transfer_blocked");
}

async fn the_operator_reads(evening: &Evening, sale: &str) {
    for route in [
        "GET /v1/admin/sales/{id}/stats",
        "GET /v1/admin/sales/{id}/queue-entries",
        "GET /v1/admin/sales/{id}/export",
        "GET /v1/admin/sales/{id}/orders",
        "GET /v1/admin/sales/{id}/orders.csv",
        "GET /v1/admin/sales/{id}/report",
        "GET /v1/admin/sales/{id}/audit",
        "GET /v1/admin/sales/{id}/signals",
        "GET /v1/admin/sales/{id}/exceptions",
    ] {
        evening.operator(route, &[sale], None).await;
    }
    for route in ["GET /v1/admin/audit", "GET /v1/admin/audit.ndjson", "GET /v1/admin/server", "GET /v1/admin/log"] {
        evening.operator(route, &[], None).await;
    }
    let louder = json!({ "level": "debug", "for_sec": 60 });
    evening.operator("PUT /v1/admin/log", &[], Some(louder)).await;
    let accounts = json!({ "count": 1, "prefix": "rehearsal" });
    let accounts = evening.operator("POST /v1/admin/accounts/bulk", &[], Some(accounts)).await;
    let user = text(&accounts["accounts"][0]["user_id"]);
    evening.operator("GET /v1/admin/accounts/{id}/refusals", &[user], None).await;
    evening.operator("GET /v1/admin/accounts/{id}/signals", &[user], None).await;
    let exception = json!({ "user_id": user, "rule": "cap_exceeded", "extra_tickets": 2, "reason": "a wheelchair" });
    let exception = evening.operator("POST /v1/admin/sales/{id}/exceptions", &[sale], Some(exception)).await;
    let exception = [sale, text(&exception["exception_id"])];
    evening.operator("DELETE /v1/admin/sales/{id}/exceptions/{exception_id}", &exception, None).await;
    evening.operator("POST /v1/admin/sales/{id}/close", &[sale], Some(json!({}))).await;
}

async fn a_rehearsal_is_played(evening: &Evening) {
    evening.plain("GET /v1/demo/config", &[]).await;
    let sale = evening.yes("POST /v1/demo/reset", &[], |call| call.json(&json!({ "total_seats": 10 }))).await;
    let adopted = json!({ "sale_id": sale["sale_id"] });
    evening.yes("POST /v1/demo/adopt", &[], |call| call.json(&adopted)).await;
    evening.plain("GET /v1/demo/dashboard", &[]).await;

    let wish = json!({ "scenario": "launch_spike" });
    let run = evening.yes("POST /v1/demo/loadtest", &[], |call| call.json(&wish)).await;
    let run = text(&run["run_id"]);
    let claim = evening.operator("POST /v1/demo/runner/claim", &[], Some(json!({ "runner": "r" }))).await;
    let says = |mut said: Value| {
        said["run_id"] = json!(run);
        said["claim_id"] = claim["run"]["claim_id"].clone();
        Some(said)
    };
    evening.operator("POST /v1/demo/runner/progress", &[], says(json!({ "progress": {} }))).await;
    for file in ["report.html", "report.json", "history.ndjson.gz", "export.ndjson.gz"] {
        let part = json!({ "file": file, "part": 0, "parts": 1, "data": "AA==" });
        evening.operator("POST /v1/demo/runner/part", &[], says(part)).await;
        evening.plain(&format!("GET /v1/demo/loadtest/{{run_id}}/{file}"), &[run]).await;
    }
    evening.operator("POST /v1/demo/runner/finish", &[], says(json!({ "status": "passed" }))).await;
    evening.plain("GET /v1/demo/loadtest/{run_id}", &[run]).await;
    evening.plain("GET /v1/demo/loadtests", &[]).await;
    let events = "GET /v1/demo/loadtest/{run_id}/events";
    evening.begins(events, evening.to(events, &[run])).await;
    let next = evening.yes("POST /v1/demo/loadtest", &[], |call| call.json(&wish)).await;
    evening.plain("POST /v1/demo/loadtest/{run_id}/stop", &[text(&next["run_id"])]).await;
    let entered = json!({ "runner": "shell", "scenario": "launch_spike" });
    evening.operator("POST /v1/demo/runner/register", &[], Some(entered)).await;
}

async fn monitoring_looks(evening: &Evening) {
    for route in ["GET /health/live", "GET /health/ready", "GET /metrics", "GET /.well-known/jwks.json"] {
        evening.plain(route, &[]).await;
    }
}

#[tokio::test]
async fn every_operation_has_said_yes() {
    let evening = Evening { office: Office::open().await, heard: RefCell::default() };
    people_sign_in(&evening).await;
    let sale = the_operator_makes_a_sale(&evening).await;
    fans_wait(&evening, &sale).await;
    tickets_are_seen_scanned_and_taken_back(&evening, &sale).await;
    the_operator_reads(&evening, &sale).await;
    a_rehearsal_is_played(&evening).await;
    monitoring_looks(&evening).await;
    let heard = evening.heard.borrow();
    let silent: Vec<String> =
        described().into_iter().filter(|route| route != NEVER && !heard.contains(route)).collect();
    assert!(silent.is_empty(), "add these to the evening, with a request that they answer with 2xx: {silent:?}");
}
