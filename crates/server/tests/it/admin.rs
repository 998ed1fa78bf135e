//! The operator: events, sales, accounts, figures, the line and the export.

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Answer, Fan, TestApp};

async fn new_sale(app: &TestApp, changes: Value) -> Answer {
    let mut sale = json!({
        "event_id": app.event().await, "opens_at": "2026-11-23T12:00:00Z", "ends_at": "2026-11-24T12:00:00Z",
    });
    for (name, value) in changes.as_object().unwrap() {
        sale[name] = value.clone();
    }
    app.post("/v1/admin/sales").admin().json(&sale).send().await
}

async fn terms(app: &TestApp, sale: &str) -> Value {
    let answer = app.get(format!("/v1/admin/sales/{sale}")).admin().send().await;
    answer.expect(StatusCode::OK).clone()
}

#[tokio::test]
async fn a_sale_that_says_nothing_has_the_documented_terms() {
    let app = TestApp::start().await;
    let made = new_sale(&app, json!({})).await;
    let sale = made.expect(StatusCode::CREATED)["sale_id"].as_str().unwrap();
    let shown = terms(&app, sale).await;
    for (name, value) in [
        ("total_seats", json!(2_000)),
        ("admit_per_minute", json!(5_000)),
        ("waiting_room_cap", json!(100_000)),
        ("max_tickets_per_user", json!(4)),
        ("max_active", json!(0)),
        ("hold_ttl_sec", json!(720)),
        ("claim_window_sec", json!(60)),
        ("shopping_window_sec", json!(600)),
        ("seats_per_shopper", json!(1)),
        ("price", json!(5_000)),
        ("currency", json!("USD")),
        ("phase", json!("open")),
        ("paused", json!(false)),
        ("opens_at", json!("2026-11-23T12:00:00.000Z")),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    assert_eq!(app.stats(sale).await["available_seats"], 2_000, "its seats are there");
    let list = app.get("/v1/admin/sales").admin().send().await;
    assert_eq!(list.expect(StatusCode::OK)["sales"][0], shown);
}

#[tokio::test]
async fn an_event_is_listed_as_it_was_made() {
    let app = TestApp::start().await;
    let event = json!({ "name": " Ünïcode 夜 ", "venue": "Hall", "starts_at": "2027-01-01T20:00:00+05:30" });
    let made = app.post("/v1/admin/events").admin().json(&event).send().await;
    let id = made.expect(StatusCode::CREATED)["event_id"].clone();
    let list = app.get("/v1/admin/events").admin().send().await;
    let shown = json!({ "event_id": id, "name": "Ünïcode 夜", "venue": "Hall",
        "starts_at": "2027-01-01T14:30:00.000Z", "group": null });
    assert_eq!(list.expect(StatusCode::OK)["events"], json!([shown]));
}

#[tokio::test]
async fn odd_but_allowed_terms_are_taken() {
    let app = TestApp::start().await;
    for changes in [
        json!({ "opens_at": "1971-01-01T00:00:00Z" }),
        json!({ "ends_at": "2100-01-01T00:00:00Z" }),
        json!({ "ends_at": "9999-12-30T22:00:00Z" }),
        json!({ "opens_at": "-009999-01-02T02:00:00Z" }),
        json!({ "total_seats": 1, "admit_per_minute": 0, "waiting_room_cap": 0, "price": 0 }),
        json!({ "total_seats": 1, "admit_per_minute": 1_000_000, "waiting_room_cap": 20_000_000, "max_active": 20_000_000 }),
        json!({ "total_seats": 1, "currency": "JPY", "unknown_field": { "is": "ignored" } }),
    ] {
        let made = new_sale(&app, changes.clone()).await;
        let sale = made.expect(StatusCode::CREATED)["sale_id"].as_str().unwrap().to_owned();
        app.tick().await;
        app.get(format!("/v1/sales/{sale}")).send().await.expect(StatusCode::OK);
        app.stats(&sale).await;
    }
    app.get("/v1/sales").send().await.expect(StatusCode::OK);
}

/// It is made by more commands than a full lane is tried for.
#[tokio::test]
async fn the_largest_hall_is_made_in_one_request() {
    let app = TestApp::start().await;
    let sale = new_sale(&app, json!({ "total_seats": 200_000 })).await;
    let sale = sale.expect(StatusCode::CREATED)["sale_id"].as_str().unwrap().to_owned();
    assert_eq!(app.stats(&sale).await["available_seats"], 200_000);
}

#[tokio::test]
async fn a_wrong_section_is_named_by_its_number_and_field() {
    let app = TestApp::start().await;
    let good = json!({ "section": "A", "rows": 2, "seats_per_row": 2, "price": 1 });
    let cases = [
        ("section", json!("A-B")),
        ("section", json!("")),
        ("section", json!("A")),
        ("section", json!("x".repeat(41))),
        ("section", json!("a\u{0}")),
        ("section", json!("a\u{202e}b")),
        ("section", json!(1)),
        ("rows", json!(0)),
        ("rows", json!(-1)),
        ("rows", json!(10_001)),
        ("rows", json!(4_294_967_297_i64)),
        ("rows", json!("2")),
        ("seats_per_row", json!(0)),
        ("seats_per_row", json!(i64::MAX)),
        ("price", json!(-1)),
        ("price", json!(i64::MAX)),
        ("price", json!(1.5)),
    ];
    for (field, value) in cases {
        let mut bad = json!({ "section": "B", "rows": 2, "seats_per_row": 2, "price": 1 });
        bad[field] = value;
        let answer = new_sale(&app, json!({ "seating": [good, bad.clone()] })).await;
        assert_eq!(answer["field"], json!(format!("seating[1].{field}")), "{bad}: {answer:?}");
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let huge = json!({ "section": "B", "rows": 10_000, "seats_per_row": 10_000, "price": 1 });
    new_sale(&app, json!({ "seating": [huge] })).await.wrong("seating");
    new_sale(&app, json!({ "seating": [good], "total_seats": 5 })).await.wrong("total_seats");
    new_sale(&app, json!({ "seating": [good], "total_seats": 4 })).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn a_create_with_a_key_happens_once() {
    let app = TestApp::start().await;
    let event =
        json!({ "name": "Night", "venue": "Hall", "starts_at": "2027-01-01T20:00:00Z", "idempotency_key": "e" });
    let make = |body: &Value| app.post("/v1/admin/events").admin().json(body).send();
    let first = make(&event).await;
    assert_eq!(make(&event).await.body, first.expect(StatusCode::CREATED).to_string().as_bytes());
    let mut other = event.clone();
    other["name"] = json!("Day");
    make(&other).await.refused(422, "idempotency_key_reused");
    let list = app.get("/v1/admin/events").admin().send().await;
    assert_eq!(list["events"].as_array().unwrap().len(), 1);

    let sale = json!({
        "event_id": first["event_id"], "opens_at": "2026-11-23T12:00:00Z", "ends_at": "2026-11-24T12:00:00Z", "total_seats": 5,
    });
    let make = |body: &Value| app.post("/v1/admin/sales").admin().json(body).header("idempotency-key", "s").send();
    let one = make(&sale).await;
    assert_eq!(make(&sale).await.expect(StatusCode::CREATED), one.expect(StatusCode::CREATED));
    let list = app.get("/v1/admin/sales").admin().send().await;
    assert_eq!(list["sales"].as_array().unwrap().len(), 1);
    let odd = app.post("/v1/admin/sales").admin().json(&sale).header("idempotency-key", "a b").send().await;
    odd.refused(400, "idempotency_key_required");
}

#[tokio::test]
async fn the_figures_add_up_at_every_stage() {
    let app = TestApp::start().await;
    let sale = app
        .sale_with(
            json!({ "admit_per_minute": 600, "claim_window_sec": 2, "shopping_window_sec": 20, "hold_ttl_sec": 5 }),
        )
        .await;
    let check = async |when: &str| {
        let stats = app.stats(&sale).await;
        let number = |name: &str| stats[name].as_i64().unwrap_or_else(|| panic!("{name} {when}: {stats:?}"));
        let people = ["waiting", "called", "returning", "inside", "bought", "expired", "left"].map(number);
        assert_eq!(people.iter().sum::<i64>(), number("joined"), "people {when}: {stats:?}");
        let seats = number("available_seats") + number("held_seats") + number("tickets_sold");
        assert_eq!(seats, number("total_seats"), "seats {when}: {stats:?}");
        assert!(number("called_in_window") <= number("called"), "{when}: {stats:?}");
        assert!(people.iter().all(|count| *count >= 0), "{when}: {stats:?}");
        for name in [
            "orders",
            "unique_buyers",
            "holds",
            "through",
            "last_position",
            "captured_total",
            "refund_due",
            "paying",
            "staleness_ms",
        ] {
            number(name);
        }
        stats.json.clone()
    };
    check("empty").await;
    let one = app.admitted(&sale).await;
    let two = app.admitted(&sale).await;
    let fans = app.fans(6).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    check("joined").await;
    app.leave(&sale, &fans[5]).await.expect(StatusCode::OK);
    check("one left the line").await;
    let hold = app.held(&sale, &one, &["GA-1-1", "GA-1-2"]).await;
    app.held(&sale, &two, &["GA-1-3"]).await;
    check("held").await;
    app.checkout(&sale, &one, &hold, "k").await.expect(StatusCode::OK);
    check("bought").await;
    app.pass(400).await;
    app.status(&sale, &fans[0]).await.expect(StatusCode::OK);
    check("called").await;
    app.advance(2_500);
    app.status(&sale, &fans[1]).await.expect(StatusCode::OK);
    let late = check("one came late").await;
    assert_eq!(late["returning"], 1, "{late}");
    app.pass(3_000).await;
    check("a hold expired").await;
    app.status(&sale, &fans[1]).await.expect(StatusCode::OK);
    app.pass(30_000).await;
    let end = check("claims expired").await;
    assert_eq!((&end["bought"], &end["left"], &end["inside"]), (&json!(1), &json!(1), &json!(0)), "{end}");
    assert!(end["expired"].as_i64().unwrap() >= 2, "{end}");
}

#[tokio::test]
async fn the_line_comes_a_page_at_a_time() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let path = format!("/v1/admin/sales/{sale}/queue-entries");
    let empty = app.get(&path).admin().send().await;
    assert_eq!(*empty.expect(StatusCode::OK), json!({ "entries": [], "next_after": null }));
    let fans = app.fans(5).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
        app.advance(1);
    }
    app.pass(1_000).await;
    app.status(&sale, &fans[0]).await.expect(StatusCode::OK);
    let claimed = app.now();
    app.leave(&sale, &fans[4]).await.expect(StatusCode::OK);

    let page = app.get(format!("{path}?limit=2")).admin().send().await;
    let first = &page.expect(StatusCode::OK)["entries"][0];
    assert_eq!(
        (&first["user_id"], &first["position"], &first["state"]),
        (&json!(fans[0].id), &json!(1), &json!("inside"))
    );
    assert_eq!((&first["admitted_at"], &first["claimed_at"]), (&json!(claimed), &json!(claimed)));
    assert!(first["called_at"].is_string() && first["joined_at"].is_string(), "{first}");
    assert_eq!(page["next_after"], 2);
    let mut seen = Vec::new();
    let mut after = json!(0);
    while !after.is_null() {
        let page = app.get(format!("{path}?limit=2&after={after}")).admin().send().await;
        let page = page.expect(StatusCode::OK);
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["position"].as_i64().unwrap()));
        after = page["next_after"].clone();
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    let last = app.get(format!("{path}?after=4")).admin().send().await;
    let left = &last["entries"][0];
    assert_eq!((&left["state"], &left["ended_as"], &left["called_at"]), (&json!("left"), &json!("left"), &Value::Null));
    for id in ["fake", "00000000-0000-0000-0000-000000000000"] {
        app.get(format!("/v1/admin/sales/{id}/queue-entries")).admin().send().await.refused(404, "sale_not_found");
    }
}

#[tokio::test]
async fn one_account_is_found_in_the_line_by_its_id_and_its_address() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let asked = json!({ "email": "Ann@example.com" });
    let ann = app.post("/v1/auth/register").json(&asked).send().await.expect(StatusCode::CREATED).clone();
    let ann = Fan { id: ann["user_id"].as_str().unwrap().to_owned(), token: ann["token"].as_str().unwrap().to_owned() };
    let other = app.fan().await;
    for fan in [&other, &ann] {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    app.leave(&sale, &ann).await.expect(StatusCode::OK);
    app.join(&sale, &ann).await.expect(StatusCode::CREATED);
    let found = async |who: &str| {
        let path = format!("/v1/admin/sales/{sale}/queue-entries?who={who}");
        let answer = app.get(path).admin().send().await.expect(StatusCode::OK).clone();
        assert_eq!(answer["next_after"], json!(null));
        let entries = answer["entries"].as_array().unwrap().iter();
        entries.map(|entry| format!("{} {}", entry["position"], entry["state"].as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(found(&ann.id).await, ["2 left", "3 waiting"]);
    assert_eq!(found("aNN@example.com").await, ["2 left", "3 waiting"]);
    assert_eq!(found(&other.id).await, ["1 waiting"]);
    for nobody in ["nobody@example.com", "nobody", &sale[..], ""] {
        assert_eq!(found(nobody).await, Vec::<String>::new(), "{nobody}");
    }
    let path = format!("/v1/admin/sales/{}/queue-entries?who={}", ann.id, ann.id);
    app.get(path).admin().send().await.refused(404, "sale_not_found");
    app.get("/v1/admin/sales/fake/queue-entries?who=x").admin().send().await.refused(404, "sale_not_found");
}

#[tokio::test]
async fn the_export_is_whole_in_order_and_says_where_it_ends() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1", "GA-1-2"]).await;
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
    app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED);
    let answer = app.get(format!("/v1/admin/sales/{sale}/export")).admin().send().await;
    answer.expect(StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut kinds: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    let counts = ["sale", "entry", "claim", "seat", "hold", "order", "ticket", "payment", "end"].map(count);
    assert_eq!(counts, [1, 2, 1, 100, 1, 1, 2, 1, 1]);
    assert!(count("call") >= 1);
    assert_eq!(lines.last().unwrap(), &json!({ "type": "end", "lines": lines.len() - 1 }));
    kinds.dedup();
    assert_eq!(kinds, ["sale", "entry", "call", "claim", "seat", "hold", "order", "ticket", "payment", "end"]);
    assert_eq!(
        (&lines[0]["sale_id"], &lines[0]["total_seats"], &lines[0]["last_position"]),
        (&json!(sale), &json!(100), &json!(2))
    );
    for secret in [&shopper.fan.token, &shopper.admission] {
        assert!(!text.contains(secret.as_str()), "an export holds no credential");
    }
}

#[tokio::test]
async fn rehearsal_accounts_are_the_same_for_the_same_prefix_and_their_tokens_work() {
    let app = TestApp::start().await;
    let bulk = |count: i64, prefix: &str| {
        app.post("/v1/admin/accounts/bulk").admin().json(&json!({ "count": count, "prefix": prefix })).send()
    };
    let first = bulk(1_500, "Load").await;
    let accounts = first.expect(StatusCode::OK)["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 1_500);
    assert_eq!(accounts[1_499]["email"], "load-1500@rehearsal.invalid");
    let again = bulk(1_501, "load").await;
    let same = again["accounts"].as_array().unwrap();
    for (at, account) in accounts.iter().enumerate() {
        assert_eq!((&account["user_id"], &account["email"]), (&same[at]["user_id"], &same[at]["email"]));
    }
    let last = &same[1_500];
    let me =
        app.get("/v1/me").header("authorization", format!("Bearer {}", last["token"].as_str().unwrap())).send().await;
    assert_eq!(me.expect(StatusCode::OK)["user_id"], last["user_id"]);
    let login = json!({ "email": "load-1@rehearsal.invalid", "password": "swordfish!" });
    app.post("/v1/auth/login").json(&login).send().await.refused(401, "login_failed");
    bulk(10_001, "more").await.wrong("count");
    assert_eq!(bulk(10_000, "most").await.expect(StatusCode::OK)["accounts"].as_array().unwrap().len(), 10_000);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let app = TestApp::embedded().await;
    let refused = app.start_second().await;
    assert!(refused.contains("in use by another Traffic server"), "{refused}");
    app.get("/health/live").send().await.expect(StatusCode::OK);
}
