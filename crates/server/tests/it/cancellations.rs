//! Tickets that are taken back: money, seats, the cap and every list tell the truth afterwards, on every node.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::doors::{code, scan};
use crate::tickets::{buy, ticket};

async fn cancel(app: &TestApp, what: &str, id: &str, body: Value) -> Answer {
    app.post(format!("/v1/admin/{what}/{id}/cancel")).admin().json(&body).send().await
}

/// Sold, held, held back and free seats; cancelled tickets, and the refunds that the provider has not confirmed.
async fn counts(app: &TestApp, sale: &str) -> [i64; 6] {
    let stats = app.stats(sale).await;
    let names = ["tickets_sold", "held_seats", "held_back_seats", "available_seats", "cancelled_tickets", "refund_due"];
    names.map(|name| stats[name].as_i64().unwrap_or_else(|| panic!("{name} is missing: {stats:?}")))
}

#[tokio::test]
async fn a_cancelled_ticket_is_dead_paid_back_and_its_seat_on_sale_again() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    let (order, tickets) = buy(&app, &sale, &fan, &["GA-1-1", "GA-1-2"], &["Ann", "Bob"]).await;
    let dead = code(&app, &fan, &tickets[0]).await;
    let other = app.admitted(&sale).await;
    assert_eq!(app.seat(&sale, &other, "GA-1-1").await, "sold");

    let answer = cancel(&app, "tickets", &tickets[0], json!({ "reason": "ill" })).await;
    assert_eq!(
        answer.expect(StatusCode::OK),
        &json!({ "order_id": order, "sale_id": sale, "user_id": fan.id, "seats": "public",
            "tickets": [{ "ticket_id": tickets[0], "seat_id": "GA-1-1" }],
            "refund": { "amount": 5_000, "currency": "USD" } })
    );
    assert_eq!(counts(&app, &sale).await, [1, 0, 0, 99, 1, 1]);
    for _ in 0..2 {
        assert_eq!(app.seat(&sale, &other, "GA-1-1").await, "available", "on either node");
    }
    app.settle().await;
    assert_eq!(counts(&app, &sale).await, [1, 0, 0, 99, 1, 0], "the money is on its way");
    assert_eq!(app.stats(&sale).await["refunded_total"], 5_000);

    let shown = ticket(&app, &fan, &tickets[0]).await;
    assert_eq!((&shown["status"], &shown["code"], &shown["qr"]), (&json!("cancelled"), &Value::Null, &Value::Null));
    let refused = scan(&app, &dead, "north", "1").await;
    assert_eq!((&refused["result"], &refused["reason"]), (&json!("refused"), &json!("revoked")));
    let told = app.get(format!("/v1/orders/{order}")).bearer(&fan).send().await;
    assert_eq!(
        (&told["status"], &told["total"], &told["refunded"]),
        (&json!("partly_cancelled"), &json!(10_000), &json!(5_000))
    );
    let statuses: Vec<&Value> = told["tickets"].as_array().unwrap().iter().map(|ticket| &ticket["status"]).collect();
    assert_eq!(statuses, ["cancelled", "valid"]);
    let good = code(&app, &fan, &tickets[1]).await;
    assert_eq!(scan(&app, &good, "north", "2").await["result"], "admitted", "the other one is good");

    let hold = app.held(&sale, &other, &["GA-1-1"]).await;
    app.checkout(&sale, &other, &hold, "k").await.expect(StatusCode::OK);
    assert_eq!(counts(&app, &sale).await, [2, 0, 0, 98, 1, 0]);
}

#[tokio::test]
async fn the_operators_lists_tell_of_what_was_cancelled_and_why() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    let (order, tickets) = buy(&app, &sale, &fan, &["GA-1-1", "GA-1-2"], &[]).await;
    cancel(&app, "tickets", &tickets[1], json!({ "reason": "ill" })).await.expect(StatusCode::OK);
    let orders = app.get(format!("/v1/admin/sales/{sale}/orders")).admin().send().await;
    let row = &orders.expect(StatusCode::OK)["orders"][0];
    assert_eq!(
        (&row["status"], &row["cancelled"], &row["refunded"]),
        (&json!("partly_cancelled"), &json!(["GA-1-2"]), &json!(5_000))
    );
    let csv = app.get(format!("/v1/admin/sales/{sale}/orders.csv")).admin().send().await;
    let csv = String::from_utf8(csv.body.to_vec()).unwrap();
    assert!(csv.lines().next().unwrap().ends_with(",cancelled,refunded"), "{csv}");
    assert!(csv.lines().nth(1).unwrap().ends_with(",GA-1-2,5000"), "{csv}");
    let report = app.get(format!("/v1/admin/sales/{sale}/report")).admin().send().await;
    report.expect(StatusCode::OK);
    let audit = app.get(format!("/v1/admin/sales/{sale}/audit")).admin().send().await;
    let entries = audit.expect(StatusCode::OK)["entries"].as_array().unwrap().clone();
    let entry = entries.iter().find(|entry| entry["act"] == "cancel_ticket").expect("it is on record");
    assert_eq!(
        (&entry["details"]["reason"], &entry["details"]["order"], &entry["details"]["refund"]),
        (&json!("ill"), &json!(order), &json!(5_000))
    );
}

#[tokio::test]
async fn a_seat_that_is_held_back_is_nobodys_until_it_is_released() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "cancelled_seats": "held" })).await;
    let fan = app.fan().await;
    let (order, _) = buy(&app, &sale, &fan, &["GA-1-1", "GA-1-2"], &[]).await;
    let other = app.admitted(&sale).await;
    let answer = cancel(&app, "orders", &order, json!({})).await;
    assert_eq!(answer.expect(StatusCode::OK)["seats"], "held");
    assert_eq!(counts(&app, &sale).await, [0, 2, 2, 98, 2, 2], "sold and held and free are all there are");
    assert_ne!(app.seat(&sale, &other, "GA-1-1").await, "available");
    app.hold(&sale, &other, "k", &["GA-1-1"]).await.refused(409, "unavailable");

    let release =
        async |body: Value| app.post(format!("/v1/admin/sales/{sale}/release-held")).admin().json(&body).send().await;
    release(json!({ "seat_ids": ["GA-1-1", "GA-1-3"] })).await.refused(409, "unavailable");
    let one = release(json!({ "seat_ids": ["GA-1-2"], "idempotency_key": "r" })).await;
    let told = json!({ "sale_id": sale, "released": 1, "seat_ids": ["GA-1-2"], "left": 1 });
    assert_eq!(one.expect(StatusCode::OK), &told);
    let again = release(json!({ "seat_ids": ["GA-1-2"], "idempotency_key": "r" })).await;
    assert_eq!(again.expect(StatusCode::OK), &told);
    assert_eq!(counts(&app, &sale).await, [0, 1, 1, 99, 2, 2]);
    assert_eq!(app.seat(&sale, &other, "GA-1-2").await, "available");
    assert_ne!(app.seat(&sale, &other, "GA-1-1").await, "available");
    assert_eq!(release(json!({})).await["left"], 0);
    app.heard().await;
    let hold = app.held(&sale, &other, &["GA-1-1", "GA-1-2"]).await;
    app.checkout(&sale, &other, &hold, "k").await.expect(StatusCode::OK);
    assert_eq!(counts(&app, &sale).await, [2, 0, 0, 98, 2, 2]);
}

#[tokio::test]
async fn what_is_held_back_is_still_held_back_after_a_restart() {
    let mut app = TestApp::start().await;
    let sale = app.sale_with(json!({ "cancelled_seats": "held" })).await;
    let fan = app.fan().await;
    let (order, _) = buy(&app, &sale, &fan, &["GA-1-1"], &[]).await;
    cancel(&app, "orders", &order, json!({})).await.expect(StatusCode::OK);
    app.restart().await;
    let other = app.admitted(&sale).await;
    assert_ne!(app.seat(&sale, &other, "GA-1-1").await, "available");
    app.hold(&sale, &other, "k", &["GA-1-1"]).await.refused(409, "unavailable");
    assert_eq!(counts(&app, &sale).await, [0, 1, 1, 99, 1, 1]);
}

#[tokio::test]
async fn a_sold_out_sale_opens_again_for_those_who_wait() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "total_seats": 1 })).await;
    let fan = app.fan().await;
    let (order, _) = buy(&app, &sale, &fan, &["GA-1-1"], &[]).await;
    let waiting = app.fan().await;
    app.join(&sale, &waiting).await.expect(StatusCode::CREATED);
    app.pass(2_000).await;
    assert_eq!(app.status(&sale, &waiting).await["state"], "waiting", "there is nothing to come in for");
    cancel(&app, "orders", &order, json!({})).await.expect(StatusCode::OK);
    let shopper = app.admit(&sale, &waiting).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
    assert_eq!(counts(&app, &sale).await, [1, 0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn a_cancelled_ticket_makes_room_under_the_cap() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "max_tickets_per_user": 2 })).await;
    let fan = app.fan().await;
    let (_, tickets) = buy(&app, &sale, &fan, &["GA-1-1", "GA-1-2"], &[]).await;
    let shopper = app.admit(&sale, &fan).await;
    app.hold(&sale, &shopper, "a", &["GA-1-3"]).await.refused(403, "cap_exceeded");
    cancel(&app, "tickets", &tickets[0], json!({})).await.expect(StatusCode::OK);
    app.hold(&sale, &shopper, "b", &["GA-1-3", "GA-1-4"]).await.refused(403, "cap_exceeded");
    app.hold(&sale, &shopper, "c", &["GA-1-3"]).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_order_is_cancelled_once_and_whole_or_not_at_all() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    let (order, tickets) = buy(&app, &sale, &fan, &["GA-1-1", "GA-1-2"], &[]).await;
    scan(&app, &code(&app, &fan, &tickets[1]).await, "north", "1").await;
    cancel(&app, "orders", &order, json!({})).await.refused(409, "ticket_used");
    cancel(&app, "tickets", &tickets[1], json!({})).await.refused(409, "ticket_used");
    assert_eq!(counts(&app, &sale).await, [2, 0, 0, 98, 0, 0], "one is in use, so nothing is taken back");

    let other = app.fan().await;
    let (order, tickets) = buy(&app, &sale, &other, &["GA-2-1", "GA-2-2"], &[]).await;
    let first = cancel(&app, "orders", &order, json!({ "idempotency_key": "c" })).await;
    assert_eq!(first.expect(StatusCode::OK)["refund"]["amount"], 10_000);
    let again = cancel(&app, "orders", &order, json!({ "idempotency_key": "c" })).await;
    assert_eq!(again.body, first.body);
    cancel(&app, "orders", &order, json!({})).await.refused(409, "ticket_cancelled");
    cancel(&app, "tickets", &tickets[0], json!({})).await.refused(409, "ticket_cancelled");
    cancel(&app, "tickets", &tickets[0], json!({ "idempotency_key": "c" })).await.refused(409, "ticket_cancelled");
    let reissued = app.post(format!("/v1/admin/tickets/{}/reissue", tickets[0])).admin().send().await;
    reissued.refused(409, "ticket_cancelled");
    assert_eq!(counts(&app, &sale).await, [2, 0, 0, 98, 2, 2], "one refund for each ticket");
    cancel(&app, "orders", "nonsense", json!({})).await.refused(404, "order_not_found");
    cancel(&app, "tickets", &order, json!({})).await.refused(404, "ticket_not_found");
}

#[tokio::test]
async fn where_seats_of_cancelled_tickets_go_can_be_changed() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shown = async || app.get(format!("/v1/admin/sales/{sale}")).admin().send().await;
    assert_eq!(shown().await["cancelled_seats"], "public");
    let terms = json!({ "cancelled_seats": "held", "reason": "guests" });
    let changed = app.call(Method::PATCH, format!("/v1/admin/sales/{sale}")).admin().json(&terms).send().await;
    assert_eq!(changed.expect(StatusCode::OK)["changed"], true);
    assert_eq!(shown().await["cancelled_seats"], "held");
    let fan = app.fan().await;
    let (_, tickets) = buy(&app, &sale, &fan, &["GA-1-1"], &[]).await;
    assert_eq!(cancel(&app, "tickets", &tickets[0], json!({})).await["seats"], "held");
}

#[tokio::test]
async fn there_are_no_more_names_than_seats_and_each_fits_on_a_ticket() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    let pay = async |names: Value| {
        app.pay(&sale, &shopper, json!({ "hold_id": hold, "idempotency_key": "k", "attendees": names })).await
    };
    let many = pay(json!(["Ann", "Bob"])).await;
    many.refused(422, "too_many_names");
    many.wrong("attendees");
    pay(json!(["x".repeat(101)])).await.wrong("attendees[0]");
    pay(json!(["\n"])).await.wrong("attendees[0]");
    let longest = "é".repeat(100);
    let paid = pay(json!([format!(" {longest} ")])).await;
    let id = paid.expect(StatusCode::OK)["ticket_ids"][0].as_str().unwrap().to_owned();
    assert_eq!(ticket(&app, &shopper.fan, &id).await["holder"]["name"], json!(longest));
}
