//! What no client should send: every route of the openapi document, with everything that can be wrong about a request.
//! The answer is always a complete problem (which `app.rs` checks) and never a 5xx.

mod rows;

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Call, Fan, Shopper, TestApp};
use rows::{As, Row, rows};

/// A running sale, and a caller of each kind. Fans and shoppers are new whenever their allowance may be used up.
struct World {
    app: TestApp,
    sale: String,
    /// One to pause and close, so that shoppers can still be let into the other.
    spare: String,
    event: String,
    user: String,
    callers: std::cell::RefCell<(usize, Fan, Shopper)>,
}

/// Less than the smallest burst of any limit.
const CALLS_PER_CALLER: usize = 15;

impl World {
    async fn new() -> Self {
        let app = TestApp::start().await;
        let sale = app.sale_with(json!({ "total_seats": 5_000 })).await;
        let spare = app.sale().await;
        let event = app.event().await;
        let callers = (0, app.fan().await, app.admitted(&sale).await);
        let user = callers.1.id.clone();
        Self { app, sale, spare, event, user, callers: std::cell::RefCell::new(callers) }
    }

    async fn call(&self, row: &Row) -> Call {
        self.call_at(row, self.sale_of(row)).await
    }

    fn sale_of(&self, row: &Row) -> &str {
        let acted = ["/pause", "/resume", "/close"].iter().any(|act| row.route.ends_with(act));
        if acted { &self.spare } else { &self.sale }
    }

    async fn call_at(&self, row: &Row, id: &str) -> Call {
        self.call_with(row, id, "").await
    }

    async fn call_with(&self, row: &Row, id: &str, query: &str) -> Call {
        let used = self.callers.borrow().0;
        if used >= CALLS_PER_CALLER {
            let fresh = (0, self.app.fan().await, self.app.admitted(&self.sale).await);
            self.callers.replace(fresh);
        }
        self.callers.borrow_mut().0 += 1;
        let (method, path) = row.route.split_once(' ').unwrap();
        let path = path
            .replace("{id}", id)
            .replace("{hold_id}", "fake")
            .replace("{exception_id}", "fake")
            .replace("{run_id}", "fake");
        let call = self.app.call(Method::from_bytes(method.as_bytes()).unwrap(), format!("{path}{query}"));
        let callers = self.callers.borrow();
        match row.caller {
            As::Nobody => call,
            As::Fan => call.bearer(&callers.1),
            As::Shopper => call.admission(&callers.2),
            As::Operator => call.admin(),
        }
    }

    fn rows(&self) -> Vec<Row> {
        rows(&self.event, &self.user)
    }

    fn rows_with_body(&self) -> impl Iterator<Item = (Row, Value)> {
        self.rows().into_iter().filter_map(|row| row.body.clone().map(|body| (row, body)))
    }
}

#[test]
fn every_route_of_the_document_has_a_row_here() {
    let here: BTreeSet<String> = rows("", "").into_iter().map(|row| row.route.to_owned()).collect();
    assert_eq!(here, crate::every_route::described());
}

#[tokio::test]
async fn every_right_body_is_understood() {
    let world = World::new().await;
    for (row, body) in world.rows_with_body() {
        let answer = world.call(&row).await.json(&body).send().await;
        assert!(!matches!(answer.status.as_u16(), 400 | 413 | 415 | 422), "{answer:?}");
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_415() {
    let world = World::new().await;
    for (row, body) in world.rows_with_body() {
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonx",
            "multipart/form-data; boundary=x",
            "",
        ] {
            let call = world.call(&row).await.header("content-type", kind).body(body.to_string());
            call.send().await.refused(415, "unsupported_media_type");
        }
        world.call(&row).await.body(body.to_string()).send().await.refused(415, "unsupported_media_type");
        let parameter = world.call(&row).await.header("content-type", "Application/JSON; charset=utf-8");
        let answer = parameter.body(body.to_string()).send().await;
        assert_ne!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_400() {
    let world = World::new().await;
    let bodies: [&[u8]; 9] = [
        b"{",
        b"}",
        b"nonsense",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{'a':1}",
        b"\xff\xfe",
        b"{\"a\":\"\xff\"}",
        b"\xef\xbb\xbf{}",
    ];
    for (row, right) in world.rows_with_body() {
        for after in ["x", "{}", "\u{0}"] {
            world.call(&row).await.json_text(format!("{right} {after}")).send().await.refused(400, "bad_json");
        }
        for body in bodies {
            let answer = world.call(&row).await.json_text(body.to_vec()).send().await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{:?}: {answer:?}", String::from_utf8_lossy(body));
            answer.refused(400, "bad_json");
        }
    }
}

/// A request without a body needs no Content-Type; where a body is needed, nothing is not JSON.

#[tokio::test]
async fn deep_nesting_is_not_followed() {
    let world = World::new().await;
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for (row, body) in world.rows_with_body() {
        let fields = body.as_object().unwrap().keys().map(String::as_str);
        for field in fields.chain(["idempotency_key", "payment", "unknown"]) {
            let answer = world.call(&row).await.json_text(format!("{{\"{field}\":{}}}", deep(3_000))).send().await;
            assert!(!answer.status.is_server_error(), "{field}: {answer:?}");
        }
        let open = format!("{{\"unknown\":{}", "[{\"a\":".repeat(1_000));
        world.call(&row).await.json_text(open).send().await.refused(400, "bad_json");
    }
}

#[tokio::test]
async fn no_body_where_one_is_needed_is_400() {
    let world = World::new().await;
    for (row, _) in world.rows_with_body() {
        if row.needed.is_empty() {
            // Where an order or a ticket is named, the world names a sale: that is judged after the body.
            let found = !row.route.contains("/orders/") && !row.route.contains("/tickets/");
            let expected = if found { StatusCode::OK } else { StatusCode::NOT_FOUND };
            world.call(&row).await.send().await.expect(expected);
            continue;
        }
        world.call(&row).await.send().await.refused(400, "bad_json");
        world.call(&row).await.json_text("").send().await.refused(400, "bad_json");
        world.call(&row).await.json_text(" \n").send().await.refused(400, "bad_json");
    }
}

#[tokio::test]
async fn a_body_that_is_no_object_is_422() {
    let world = World::new().await;
    for (row, body) in world.rows_with_body() {
        let as_list = Value::Array(body.as_object().unwrap().values().cloned().collect());
        for other in [json!("text"), json!(1), json!(null), json!(true), json!([]), as_list] {
            let answer = world.call(&row).await.json(&other).send().await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{other}: {answer:?}");
            answer.wrong("body");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_413() {
    let world = World::new().await;
    for (row, mut body) in world.rows_with_body() {
        let most = if row.caller == As::Operator { 1024 * 1024 } else { 8 * 1024 };
        body["padding"] = json!("x".repeat(most - body.to_string().len() - r#","padding":"""#.len()));
        assert_eq!(body.to_string().len(), most);
        let fits = world.call(&row).await.json(&body).send().await;
        assert_ne!(fits.status, StatusCode::PAYLOAD_TOO_LARGE, "{fits:?}");
        let over = format!("{body} ");
        world.call(&row).await.json_text(over).send().await.refused(413, "payload_too_large");
    }
}

#[tokio::test]
async fn a_missing_field_is_422_and_named() {
    let world = World::new().await;
    for (row, body) in world.rows_with_body() {
        for field in row.needed {
            let mut without = body.clone();
            without.as_object_mut().unwrap().remove(*field);
            world.call(&row).await.json(&without).send().await.wrong(field);
        }
    }
}

#[tokio::test]
async fn a_wrong_field_is_422_and_named() {
    let world = World::new().await;
    for (row, body) in world.rows_with_body() {
        for (field, value) in &row.wrong {
            let name = field.split(['.', '[']).next().unwrap();
            let mut body = body.clone();
            if name == "best_available" {
                body.as_object_mut().unwrap().remove("seat_ids");
            }
            body[name] = value.clone();
            let answer = world.call(&row).await.json(&body).send().await;
            assert_eq!((answer.status.as_u16(), answer["field"].as_str()), (422, Some(*field)), "{body}: {answer:?}");
            assert!(answer["detail"].as_str().unwrap().starts_with(field), "the text names it too: {answer:?}");
        }
    }
}

/// A value that is just over what the document says of a field, and one just under.
fn beyond(schema: &Value) -> Vec<Value> {
    let number = |name: &str, step: i64| schema[name].as_i64().map(|limit| json!(limit + step));
    let text = |name: &str, step: i64| {
        let length = usize::try_from(schema[name].as_i64()? + step).expect("a length");
        Some(json!("x".repeat(length)))
    };
    [number("minimum", -1), number("maximum", 1), text("minLength", -1), text("maxLength", 1)]
        .into_iter()
        .flatten()
        .collect()
}

/// Fields of the body that a route reads, as the document describes them.
fn described_fields(api: &Value, route: &str) -> Vec<(String, Value)> {
    let (method, path) = route.split_once(' ').unwrap();
    let body = &api["paths"][path][method.to_lowercase()]["requestBody"]["content"]["application/json"]["schema"];
    let parts = body["oneOf"].as_array().into_iter().flatten().chain([body]);
    let shape = parts.filter_map(|part| part["$ref"].as_str()?.rsplit('/').next()).next().expect("a named shape");
    let fields = api["components"]["schemas"][shape]["properties"].as_object().expect("fields");
    fields.iter().map(|(name, field)| (name.clone(), field.clone())).collect()
}

#[tokio::test]
async fn limits_that_the_document_tells_are_the_limits() {
    let world = World::new().await;
    let api = serde_json::to_value(server::router::openapi()).unwrap();
    let mut tried = 0;
    for (row, right) in world.rows_with_body() {
        for (field, schema) in described_fields(&api, row.route) {
            for value in beyond(&schema) {
                let mut body = right.clone();
                body[&field] = value;
                let answer = world.call(&row).await.json(&body).send().await;
                assert!(matches!(answer.status.as_u16(), 400 | 422) && answer["field"] == field, "{body}: {answer:?}");
                tried += 1;
            }
        }
    }
    assert!(tried > 80, "{tried} limits were tried");
}

#[tokio::test]
async fn a_field_given_twice_is_422_and_named() {
    let world = World::new().await;
    for (row, body) in world.rows_with_body() {
        let text = body.to_string();
        for (field, value) in body.as_object().unwrap() {
            let twice = format!("{},\"{field}\":{value}}}", &text[..text.len() - 1]);
            world.call(&row).await.json_text(twice).send().await.wrong(field);
        }
    }
}

#[tokio::test]
async fn numbers_beyond_every_type_are_refused() {
    let world = World::new().await;
    for (row, body) in world.rows_with_body() {
        let numbers =
            row.wrong.iter().filter(|(_, value)| value.is_number()).map(|(field, _)| *field).collect::<BTreeSet<_>>();
        for field in numbers.into_iter().filter(|field| !field.contains(['.', '['])) {
            for number in ["1e999", "-1e999", "99999999999999999999999999", "-0.1", "9223372036854775808"] {
                let text = body
                    .as_object()
                    .unwrap()
                    .iter()
                    .filter(|(name, _)| *name != field)
                    .map(|(name, value)| format!("\"{name}\":{value}"))
                    .collect::<Vec<_>>()
                    .join(",");
                let text = format!("{{\"{field}\":{number}{}{text}}}", if text.is_empty() { "" } else { "," });
                let answer = world.call(&row).await.json_text(text).send().await;
                assert!(matches!(answer.status.as_u16(), 400 | 422), "{field}: {number}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn unknown_and_malformed_ids_are_404_or_no_admission() {
    let world = World::new().await;
    let long = "x".repeat(3_000);
    let ids = [
        "fake",
        "0",
        "-1",
        "%00",
        "%FF",
        "%20",
        "..",
        "%2e%2e%2f",
        "null",
        "00000000-0000-0000-0000-000000000000",
        "01990000-0000-7000-8000-00000000000g",
        "é",
        "%F0%9F%8E%9F",
        "1%3B%20drop%20table%20sales",
        &long,
    ];
    for row in world.rows().into_iter().filter(|row| row.route.contains("{id}")) {
        for id in ids {
            let id: String = if id.is_ascii() { id.to_owned() } else { "%C3%A9".to_owned() };
            let mut call = world.call_at(&row, &id).await;
            if let Some(body) = &row.body {
                call = call.json(body);
            }
            let answer = call.send().await;
            let expected = if row.caller == As::Shopper { StatusCode::FORBIDDEN } else { StatusCode::NOT_FOUND };
            assert_eq!(answer.status, expected, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn the_id_is_judged_before_the_body() {
    let world = World::new().await;
    for row in world.rows().into_iter().filter(|row| row.route.contains("{id}") && row.body.is_some()) {
        let answer = world.call_at(&row, "fake").await.json_text("{").send().await;
        match row.caller {
            As::Operator if row.route.contains("/orders/") => answer.refused(404, "order_not_found"),
            As::Operator if row.route.contains("/tickets/") => answer.refused(404, "ticket_not_found"),
            As::Operator => answer.refused(404, "sale_not_found"),
            _ => answer.refused(403, "admission_foreign"),
        }
    }
}

#[tokio::test]
async fn malformed_hold_ids_are_404() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    for id in ["fake", "%00", "%2e%2e", "00000000-0000-0000-0000-000000000000", &"x".repeat(3_000)] {
        app.release(&sale, &shopper, id).await.refused(404, "hold_not_found");
    }
}

#[tokio::test]
async fn odd_queries_are_no_more_than_bad_requests() {
    let world = World::new().await;
    let queries = [
        "?",
        "?&&&",
        "?=",
        "?limit",
        "?limit=%FF",
        "?after=-1",
        "?limit=1&limit=2",
        "?x=%00",
        "?since=%FF%FE",
        "?limit=1e3",
        "?demo_key=%FF",
        "?sale_id=%00",
        "?status[]=available",
        "?after=99999999999999999999",
        &format!("?x={}", "y".repeat(8_000)),
    ];
    for row in world.rows() {
        for query in queries {
            let mut call = world.call_with(&row, world.sale_of(&row), query).await;
            if let Some(body) = &row.body {
                call = call.json(body);
            }
            let answer = call.send().await;
            assert!(answer.status.as_u16() < 500, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn odd_pages_of_the_line_name_their_parameter() {
    let world = World::new().await;
    let path = format!("/v1/admin/sales/{}/queue-entries", world.sale);
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=", "limit"),
        ("?limit=ten", "limit"),
        ("?limit=-5", "limit"),
        ("?after=-1", "after"),
        ("?after=x", "after"),
        ("?after=9223372036854775808", "after"),
        ("?after=%00", "after"),
    ] {
        world.app.get(format!("{path}{query}")).admin().send().await.wrong(field);
    }
    world.app.get(format!("{path}?after=9223372036854775807")).admin().send().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn bodies_that_nobody_asked_for_change_nothing() {
    let world = World::new().await;
    for row in world.rows().into_iter().filter(|row| row.body.is_none()) {
        for body in [&b"{"[..], b"\xff", &[b'x'; 20_000]] {
            let answer = world.call(&row).await.json_text(body.to_vec()).send().await;
            assert!(answer.status.as_u16() < 500, "{answer:?}");
            assert!(!matches!(answer.status.as_u16(), 400 | 415 | 422), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn the_frameworks_own_refusals_are_problems_too() {
    let world = World::new().await;
    for path in [
        "/nowhere",
        "/v1",
        "/v1/",
        "/v1/sales/",
        "//v1/sales",
        "/v1//sales",
        "/V1/sales",
        "/v1/sales/x/y",
        "/%2e%2e/etc/passwd",
        "/%00",
        "/%FF",
    ] {
        world.app.get(path).send().await.refused(404, "not_found");
    }
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"];
    let routes: BTreeSet<&str> = rows("", "").iter().map(|row| row.route).collect();
    for path in routes.iter().map(|route| route.split_once(' ').unwrap().1).collect::<BTreeSet<_>>() {
        for method in methods.iter().filter(|method| !routes.contains(format!("{method} {path}").as_str())) {
            let filled = path
                .replace("{id}", &world.sale)
                .replace("{hold_id}", "fake")
                .replace("{exception_id}", "fake")
                .replace("{run_id}", "fake");
            let call = world.app.call(Method::from_bytes(method.as_bytes()).unwrap(), filled);
            let answer = call.admin().send().await;
            answer.refused(405, "method_not_allowed");
            assert!(!answer.header("allow").is_empty(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_head_request_has_the_status_of_its_get_and_no_body() {
    let world = World::new().await;
    for row in world.rows().into_iter().filter(|row| row.route.starts_with("GET ") && !row.route.ends_with("/status")) {
        let get = world.call(&row).await.send().await;
        let path = row.route.split_once(' ').unwrap().1;
        let head = Row { route: Box::leak(format!("HEAD {path}").into_boxed_str()), ..row };
        let head = world.call(&head).await.send().await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{head:?}");
    }
}
