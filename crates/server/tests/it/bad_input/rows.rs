//! Every route of the openapi document: who calls it, what it reads, and what it must not accept.

use serde_json::{Value, json};

/// Who asks.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum As {
    Nobody,
    Fan,
    Shopper,
    Operator,
}

/// One route: who may call it, and where it reads JSON, a right body and the wrong values of its fields.
pub(super) struct Row {
    pub(super) route: &'static str,
    pub(super) caller: As,
    pub(super) body: Option<Value>,
    /// Fields without which there is no answer.
    pub(super) needed: &'static [&'static str],
    /// A field, and a value that it cannot have.
    pub(super) wrong: Vec<(&'static str, Value)>,
}

const fn plain(route: &'static str, caller: As) -> Row {
    Row { route, caller, body: None, needed: &[], wrong: Vec::new() }
}

fn texts() -> [Value; 6] {
    [json!(1), json!(-1.5), json!(true), json!([]), json!({}), json!("\u{0}")]
}

fn wrong_texts(field: &'static str) -> Vec<(&'static str, Value)> {
    texts().into_iter().map(|value| (field, value)).collect()
}

fn wrong_numbers(field: &'static str) -> Vec<(&'static str, Value)> {
    let wrong = [
        json!("1"),
        json!(-1),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(1.5),
        json!([]),
        json!(true),
    ];
    wrong.into_iter().map(|value| (field, value)).collect()
}

fn wrong_lengths(field: &'static str) -> Vec<(&'static str, Value)> {
    let wrong = ["", "s", "-1", "1.5s", "10 s", "601s", "99999999999999999999", "\u{0}"].map(|text| json!(text));
    wrong
        .into_iter()
        .chain([json!(601), json!(-1), json!(1.5), json!([]), json!(true)])
        .map(|one| (field, one))
        .collect()
}

/// Of a run that nobody has.
fn claimed(mut said: Value) -> Value {
    for name in ["run_id", "claim_id"] {
        said[name] = json!("01990000-0000-7000-8000-00000000ffff");
    }
    said
}

/// An act on a whole sale, with a reason or without.
fn acted(route: &'static str) -> Row {
    Row {
        route,
        caller: As::Operator,
        body: Some(json!({ "reason": "why" })),
        needed: &[],
        wrong: [wrong_texts("reason"), vec![("reason", json!("x".repeat(501))), ("reason", json!(null))]].concat(),
    }
}

pub(super) fn rows(event: &str, user: &str) -> Vec<Row> {
    let sale = json!({ "event_id": event, "opens_at": "2026-11-23T12:00:00Z", "ends_at": "2026-11-24T12:00:00Z" });
    let numbers = [
        "total_seats",
        "admit_per_minute",
        "waiting_room_cap",
        "max_tickets_per_user",
        "max_tickets_per_cluster",
        "max_tickets_per_group",
        "max_tickets_per_group_cluster",
        "max_active",
        "hold_ttl_sec",
        "claim_window_sec",
        "shopping_window_sec",
        "seats_per_shopper",
        "price",
    ];
    let changeable = [
        "admit_per_minute",
        "waiting_room_cap",
        "max_tickets_per_user",
        "max_tickets_per_cluster",
        "max_tickets_per_group",
        "max_tickets_per_group_cluster",
        "max_active",
        "hold_ttl_sec",
        "claim_window_sec",
        "shopping_window_sec",
        "seats_per_shopper",
    ];
    let times = |field: &'static str| {
        ["", "tomorrow", "2026-11-23", "2026-13-01T00:00:00Z", "2026-11-23T12:00:00", "\u{0}"]
            .map(|text| (field, json!(text)))
            .into_iter()
            .chain([(field, json!(0)), (field, json!(null)), (field, json!(["2026-11-23T12:00:00Z"]))])
    };
    let event_body = json!({ "name": "n", "venue": "v", "starts_at": "2027-01-01T00:00:00Z" });
    vec![
        Row {
            route: "POST /v1/auth/register/challenge",
            caller: As::Nobody,
            body: Some(json!({ "email": "new@example.com" })),
            needed: &["email"],
            wrong: [wrong_texts("email"), vec![("email", json!("no address"))]].concat(),
        },
        Row {
            route: "POST /v1/auth/register",
            caller: As::Nobody,
            body: Some(json!({ "email": "new@example.com" })),
            needed: &["email"],
            wrong: [
                wrong_texts("email"),
                wrong_texts("password"),
                wrong_texts("phone"),
                vec![
                    ("altcha", json!(1)),
                    ("altcha", json!({})),
                    ("email", json!("")),
                    ("email", json!("no address")),
                    ("email", json!(format!("{}@b.c", "x".repeat(300)))),
                    ("password", json!("short")),
                    ("password", json!("x".repeat(129))),
                    ("phone", json!("call me")),
                ],
            ]
            .concat(),
        },
        Row {
            route: "POST /v1/auth/login",
            caller: As::Nobody,
            body: Some(json!({ "email": "nobody@example.com", "password": "swordfish!" })),
            needed: &["email", "password"],
            wrong: vec![("email", json!(1)), ("password", json!([])), ("password", json!(null))],
        },
        Row {
            route: "POST /v1/auth/code",
            caller: As::Nobody,
            body: Some(json!({ "email": "nobody@example.com" })),
            needed: &["email"],
            wrong: vec![("email", json!(1)), ("email", json!("no address"))],
        },
        Row {
            route: "POST /v1/auth/code/verify",
            caller: As::Nobody,
            body: Some(json!({ "code_id": "01990000-0000-7000-8000-000000000001", "code": "12345678" })),
            needed: &["code_id", "code"],
            wrong: vec![("code_id", json!(1)), ("code", json!(12_345_678)), ("code", json!(null))],
        },
        plain("GET /v1/me", As::Fan),
        plain("GET /v1/sales", As::Nobody),
        plain("GET /v1/sales/{id}", As::Nobody),
        plain("GET /v1/sales/{id}/waiting-room/challenge", As::Fan),
        plain("POST /v1/sales/{id}/waiting-room/join", As::Fan),
        plain("GET /v1/sales/{id}/waiting-room/status", As::Fan),
        plain("POST /v1/sales/{id}/waiting-room/leave", As::Fan),
        // After the leave: the stream of a place that is over ends by itself.
        plain("GET /v1/sales/{id}/waiting-room/stream", As::Fan),
        plain("GET /v1/sales/{id}/seats", As::Shopper),
        Row {
            route: "POST /v1/sales/{id}/holds",
            caller: As::Shopper,
            body: Some(json!({ "seat_ids": ["GA-1-1"], "idempotency_key": "k" })),
            needed: &["seat_ids"],
            wrong: vec![
                ("seat_ids", json!("GA-1-1")),
                ("seat_ids", json!({})),
                ("seat_ids", json!(7)),
                ("seat_ids[0]", json!([7])),
                ("best_available", json!(2)),
                ("best_available", json!("2")),
                ("best_available.quantity", json!({})),
                ("best_available.quantity", json!({ "quantity": "2" })),
                ("best_available.quantity", json!({ "quantity": 1.5 })),
                ("best_available.section", json!({ "quantity": 1, "section": 1 })),
                ("idempotency_key", json!(7)),
                ("idempotency_key", json!([])),
            ],
        },
        plain("GET /v1/sales/{id}/holds", As::Shopper),
        plain("DELETE /v1/sales/{id}/holds/{hold_id}", As::Shopper),
        Row {
            route: "POST /v1/sales/{id}/checkout",
            caller: As::Shopper,
            body: Some(json!({ "hold_id": "fake", "idempotency_key": "k" })),
            needed: &["hold_id"],
            wrong: vec![
                ("hold_id", json!(7)),
                ("hold_id", json!(null)),
                ("hold_id", json!([])),
                ("idempotency_key", json!({})),
                ("attendees", json!("Ann")),
                ("attendees[0]", json!([1])),
                ("payment", json!("sim_ok")),
                ("payment.token", json!({})),
                ("payment.token", json!({ "token": 1 })),
                ("payment.token", json!({ "token": "visa" })),
            ],
        },
        plain("GET /v1/orders", As::Fan),
        plain("GET /v1/orders/{id}", As::Fan),
        plain("GET /v1/tickets", As::Fan),
        plain("GET /v1/tickets/{id}", As::Fan),
        plain("POST /v1/tickets/transfer", As::Nobody),
        Row {
            route: "POST /v1/admin/events",
            caller: As::Operator,
            body: Some(event_body),
            needed: &["name", "venue", "starts_at"],
            wrong: [
                wrong_texts("name"),
                wrong_texts("venue"),
                times("starts_at").collect(),
                vec![
                    ("name", json!("")),
                    ("name", json!(" ")),
                    ("venue", json!("x".repeat(201))),
                    ("idempotency_key", json!(1)),
                    ("group", json!("")),
                    ("group", json!(1)),
                ],
            ]
            .concat(),
        },
        plain("GET /v1/admin/events", As::Operator),
        Row {
            route: "POST /v1/admin/sales",
            caller: As::Operator,
            body: Some(sale),
            needed: &["event_id", "opens_at", "ends_at"],
            wrong: [
                numbers.into_iter().flat_map(wrong_numbers).collect(),
                wrong_texts("event_id"),
                wrong_texts("currency"),
                times("opens_at").collect(),
                times("ends_at").collect(),
                vec![
                    ("event_id", json!("fake")),
                    ("event_id", json!("00000000-0000-0000-0000-000000000000")),
                    ("ends_at", json!("2026-11-23T12:00:00Z")),
                    ("ends_at", json!("2026-11-22T12:00:00Z")),
                    ("currency", json!("usd")),
                    ("total_seats", json!(0)),
                    ("total_seats", json!(200_001)),
                    ("max_tickets_per_user", json!(0)),
                    ("max_tickets_per_user", json!(51)),
                    ("cluster_by", json!([])),
                    ("cluster_by", json!(["email"])),
                    ("cluster_by", json!("phone")),
                    ("hold_ttl_sec", json!(0)),
                    ("claim_window_sec", json!(0)),
                    ("shopping_window_sec", json!(0)),
                    ("seats_per_shopper", json!(0)),
                    ("seating", json!([])),
                    ("seating", json!({})),
                    ("seating", json!("hall")),
                    ("cancelled_seats", json!("all")),
                    ("cancelled_seats", json!(1)),
                    ("idempotency_key", json!(1)),
                ],
            ]
            .concat(),
        },
        plain("GET /v1/admin/sales", As::Operator),
        plain("GET /v1/admin/sales/{id}", As::Operator),
        Row {
            route: "PATCH /v1/admin/sales/{id}",
            caller: As::Operator,
            body: Some(json!({ "admit_per_minute": 60_000 })),
            needed: &[],
            wrong: [
                changeable.into_iter().flat_map(wrong_numbers).collect(),
                changeable.map(|field| (field, json!(null))).to_vec(),
                wrong_texts("reason"),
                times("opens_at").collect(),
                times("ends_at").collect(),
                vec![
                    ("ends_at", json!("2026-11-23T12:00:00Z")),
                    ("hold_ttl_sec", json!(0)),
                    ("total_seats", json!(5)),
                    ("currency", json!("USD")),
                    ("seating", json!([])),
                    ("cancelled_seats", json!("")),
                    ("cancelled_seats", json!(null)),
                    ("unheard_of", json!(1)),
                ],
            ]
            .concat(),
        },
        acted("POST /v1/admin/sales/{id}/pause"),
        acted("POST /v1/admin/sales/{id}/resume"),
        acted("POST /v1/admin/sales/{id}/close"),
        acted("POST /v1/admin/orders/{id}/cancel"),
        acted("POST /v1/admin/tickets/{id}/cancel"),
        Row {
            route: "POST /v1/admin/tickets/{id}/reissue",
            caller: As::Operator,
            body: Some(json!({ "attendee": "Bea", "reason": "why" })),
            needed: &[],
            wrong: [
                wrong_texts("attendee"),
                wrong_texts("reason"),
                vec![
                    ("attendee", json!("")),
                    ("attendee", json!(" ")),
                    ("attendee", json!("x".repeat(201))),
                    ("attendee", json!(null)),
                    ("idempotency_key", json!(1)),
                ],
            ]
            .concat(),
        },
        Row {
            route: "POST /v1/admin/sales/{id}/release-held",
            caller: As::Operator,
            body: Some(json!({ "reason": "why" })),
            needed: &[],
            wrong: [
                wrong_texts("reason"),
                vec![
                    ("seat_ids", json!("GA-1-1")),
                    ("seat_ids", json!(null)),
                    ("seat_ids", json!([])),
                    ("seat_ids", json!(vec!["GA-1-1"; 1_001])),
                    ("seat_ids[0]", json!([7])),
                    ("seat_ids[0]", json!(["GA-0-1"])),
                    ("seat_ids[1]", json!(["GA-1-1", "GA-1-1"])),
                    ("idempotency_key", json!([])),
                ],
            ]
            .concat(),
        },
        Row {
            route: "POST /v1/admin/scan",
            caller: As::Operator,
            body: Some(json!({ "code": "T1.x.y", "gate": "north", "nonce": "1" })),
            needed: &["code", "gate", "nonce"],
            wrong: [
                wrong_texts("gate"),
                wrong_texts("nonce"),
                wrong_texts("sale_id"),
                vec![
                    ("code", json!(1)),
                    ("code", json!(null)),
                    ("code", json!(["T1.x.y"])),
                    ("gate", json!(" ")),
                    ("gate", json!("x".repeat(65))),
                    ("nonce", json!("")),
                    ("nonce", json!("a b")),
                    ("nonce", json!("x".repeat(129))),
                    ("sale_id", json!("fake")),
                    ("sale_id", json!(null)),
                ],
            ]
            .concat(),
        },
        plain("GET /v1/admin/sales/{id}/revoked", As::Operator),
        plain("GET /v1/admin/sales/{id}/stats", As::Operator),
        plain("GET /v1/admin/sales/{id}/queue-entries", As::Operator),
        plain("GET /v1/admin/sales/{id}/export", As::Operator),
        plain("GET /v1/admin/sales/{id}/orders", As::Operator),
        plain("GET /v1/admin/sales/{id}/orders.csv", As::Operator),
        plain("GET /v1/admin/sales/{id}/report", As::Operator),
        plain("GET /v1/admin/sales/{id}/audit", As::Operator),
        plain("GET /v1/admin/sales/{id}/exceptions", As::Operator),
        Row {
            route: "POST /v1/admin/sales/{id}/exceptions",
            caller: As::Operator,
            body: Some(json!({ "user_id": user, "rule": "cap_exceeded", "extra_tickets": 1, "reason": "why" })),
            needed: &["user_id", "rule", "extra_tickets", "reason"],
            wrong: [
                wrong_numbers("extra_tickets"),
                wrong_texts("user_id"),
                wrong_texts("rule"),
                wrong_texts("reason"),
                vec![
                    ("extra_tickets", json!(0)),
                    ("extra_tickets", json!(51)),
                    ("rule", json!("sale_closed")),
                    ("lift", json!(1)),
                    ("lift", json!(true)),
                    ("reason", json!("")),
                    ("reason", json!("x".repeat(501))),
                    ("idempotency_key", json!(1)),
                ],
            ]
            .concat(),
        },
        plain("DELETE /v1/admin/sales/{id}/exceptions/{exception_id}", As::Operator),
        plain("GET /v1/admin/accounts/{id}/signals", As::Operator),
        plain("GET /v1/admin/sales/{id}/signals", As::Operator),
        plain("GET /v1/admin/accounts/{id}/refusals", As::Operator),
        plain("GET /v1/admin/audit", As::Operator),
        plain("GET /v1/admin/audit.ndjson", As::Operator),
        plain("GET /v1/admin/server", As::Operator),
        plain("GET /v1/admin/log", As::Operator),
        Row {
            route: "PUT /v1/admin/log",
            caller: As::Operator,
            body: Some(json!({ "level": "warn,server=debug", "for_sec": 60 })),
            needed: &["level"],
            wrong: [
                wrong_texts("level"),
                vec![("level", json!("degub")), ("level", json!("server=loud")), ("level", json!("x".repeat(5_000)))],
                wrong_numbers("for_sec"),
                vec![("for_sec", json!(0)), ("for_sec", json!(86_401))],
                wrong_texts("reason"),
            ]
            .concat(),
        },
        Row {
            route: "POST /v1/admin/accounts/bulk",
            caller: As::Operator,
            body: Some(json!({ "count": 1, "prefix": "p" })),
            needed: &["count", "prefix"],
            wrong: [
                wrong_numbers("count"),
                wrong_texts("prefix"),
                vec![
                    ("count", json!(0)),
                    ("count", json!(10_001)),
                    ("prefix", json!("")),
                    ("prefix", json!("a b")),
                    ("prefix", json!("é")),
                    ("prefix", json!("a@b")),
                    ("prefix", json!("x".repeat(200))),
                ],
            ]
            .concat(),
        },
        plain("GET /v1/demo/config", As::Nobody),
        Row {
            route: "POST /v1/demo/reset",
            caller: As::Nobody,
            body: Some(json!({ "total_seats": 1 })),
            needed: &[],
            wrong: [
                [
                    "total_seats",
                    "admit_per_minute",
                    "waiting_room_cap",
                    "max_tickets_per_user",
                    "hold_ttl_sec",
                    "opens_in_ms",
                ]
                .into_iter()
                .flat_map(wrong_numbers)
                .collect(),
                wrong_texts("name"),
                vec![("name", json!("")), ("name", json!("x".repeat(201)))],
            ]
            .concat(),
        },
        Row {
            route: "POST /v1/demo/adopt",
            caller: As::Nobody,
            body: Some(json!({ "sale_id": "fake" })),
            needed: &["sale_id"],
            wrong: vec![("sale_id", json!(1)), ("sale_id", json!(null)), ("sale_id", json!([]))],
        },
        plain("GET /v1/demo/dashboard", As::Nobody),
        Row {
            route: "POST /v1/demo/loadtest",
            caller: As::Nobody,
            body: Some(json!({ "scenario": "launch_spike" })),
            needed: &["scenario"],
            wrong: [
                ["vus_max", "admit_per_minute", "waiting_room_cap", "total_seats"]
                    .into_iter()
                    .flat_map(wrong_numbers)
                    .collect(),
                ["ramp_up", "steady", "ramp_down"].into_iter().flat_map(wrong_lengths).collect(),
                vec![
                    ("scenario", json!(1)),
                    ("scenario", json!(null)),
                    ("seed", json!("1")),
                    ("seed", json!([])),
                    ("sale_id", json!(1)),
                ],
            ]
            .concat(),
        },
        plain("GET /v1/demo/loadtests", As::Nobody),
        plain("GET /v1/demo/loadtest/{run_id}", As::Nobody),
        plain("POST /v1/demo/loadtest/{run_id}/stop", As::Nobody),
        plain("GET /v1/demo/loadtest/{run_id}/events", As::Nobody),
        plain("GET /v1/demo/loadtest/{run_id}/report.html", As::Nobody),
        plain("GET /v1/demo/loadtest/{run_id}/report.json", As::Nobody),
        plain("GET /v1/demo/loadtest/{run_id}/history.ndjson.gz", As::Nobody),
        plain("GET /v1/demo/loadtest/{run_id}/export.ndjson.gz", As::Nobody),
        Row {
            route: "POST /v1/demo/runner/claim",
            caller: As::Operator,
            body: Some(json!({ "runner": "r" })),
            needed: &["runner"],
            wrong: wrong_texts("runner"),
        },
        Row {
            route: "POST /v1/demo/runner/register",
            caller: As::Operator,
            body: Some(json!({ "runner": "r", "scenario": "s" })),
            needed: &["runner", "scenario"],
            wrong: [
                wrong_texts("runner"),
                wrong_texts("scenario"),
                wrong_texts("sale_id"),
                vec![("knobs", json!(1)), ("knobs", json!({ "a": 1 })), ("knobs", json!([]))],
            ]
            .concat(),
        },
        Row {
            route: "POST /v1/demo/runner/progress",
            caller: As::Operator,
            body: Some(claimed(json!({ "progress": {} }))),
            needed: &["run_id", "claim_id"],
            wrong: [
                wrong_texts("claim_id"),
                wrong_texts("sale_id"),
                vec![("progress", json!(1)), ("progress", json!([])), ("run_id", json!(1))],
            ]
            .concat(),
        },
        Row {
            route: "POST /v1/demo/runner/part",
            caller: As::Operator,
            body: Some(claimed(json!({ "file": "report.json", "part": 0, "parts": 1, "data": "AA==" }))),
            needed: &["run_id", "claim_id", "file", "part", "parts", "data"],
            wrong: [
                wrong_texts("claim_id"),
                wrong_texts("file"),
                wrong_texts("data"),
                wrong_numbers("part"),
                wrong_numbers("parts"),
            ]
            .concat(),
        },
        Row {
            route: "POST /v1/demo/runner/finish",
            caller: As::Operator,
            body: Some(claimed(json!({ "status": "passed" }))),
            needed: &["run_id", "claim_id", "status"],
            wrong: [
                wrong_texts("claim_id"),
                wrong_texts("status"),
                wrong_texts("sale_id"),
                vec![("outcome", json!(1)), ("outcome", json!([])), ("error", json!(1))],
            ]
            .concat(),
        },
        plain("GET /health/live", As::Nobody),
        plain("GET /health/ready", As::Nobody),
        plain("GET /metrics", As::Nobody),
        plain("GET /.well-known/jwks.json", As::Nobody),
    ]
}
