//! Pausing, resuming, closing and changing a sale that people are in.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

async fn act(app: &TestApp, sale: &str, what: &str) -> Answer {
    app.post(format!("/v1/admin/sales/{sale}/{what}")).admin().send().await
}

async fn patch(app: &TestApp, sale: &str, terms: Value) -> Answer {
    app.call(Method::PATCH, format!("/v1/admin/sales/{sale}")).admin().json(&terms).send().await
}

async fn shown(app: &TestApp, sale: &str) -> Value {
    app.get(format!("/v1/admin/sales/{sale}")).admin().send().await.expect(StatusCode::OK).clone()
}

async fn through(app: &TestApp, sale: &str) -> i64 {
    app.stats(sale).await["through"].as_i64().unwrap()
}

#[tokio::test]
async fn an_act_answers_with_the_sale_and_says_when_it_was_so_already() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    for (what, phase) in [("pause", "paused"), ("resume", "open"), ("close", "ended")] {
        for changed in [true, false] {
            let answer = act(&app, &sale, what).await;
            let mut told = answer.expect(StatusCode::OK).clone();
            assert_eq!((&told["phase"], &told["changed"]), (&json!(phase), &json!(changed)), "{what}");
            told.as_object_mut().unwrap().remove("changed");
            assert_eq!(told, shown(&app, &sale).await);
            let public = app.get(format!("/v1/sales/{sale}")).send().await;
            assert_eq!(public["phase"], phase, "everybody sees it at once");
        }
    }
    assert_eq!(shown(&app, &sale).await["closed_at"], json!(app.now()));
}

#[tokio::test]
async fn a_sale_that_has_ended_is_neither_paused_nor_changed() {
    let app = TestApp::start().await;
    let closed = app.sale().await;
    act(&app, &closed, "close").await.expect(StatusCode::OK);
    let over = app.sale().await;
    app.advance(3_600_000);
    for sale in [&closed, &over] {
        act(&app, sale, "pause").await.refused(409, "sale_ended");
        act(&app, sale, "resume").await.refused(409, "sale_ended");
        patch(&app, sale, json!({ "admit_per_minute": 1 })).await.refused(409, "sale_ended");
        assert_eq!(act(&app, sale, "close").await.expect(StatusCode::OK)["changed"], false);
    }
}

#[tokio::test]
async fn a_pause_calls_nobody_and_stops_nothing_else() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 600 })).await;
    let shopper = app.admitted(&sale).await;
    let called = app.fan().await;
    app.join(&sale, &called).await.expect(StatusCode::CREATED);
    app.pass(1_000).await;
    assert_eq!(through(&app, &sale).await, 2);

    act(&app, &sale, "pause").await.expect(StatusCode::OK);
    let late = app.fan().await;
    app.join(&sale, &late).await.expect(StatusCode::CREATED);
    app.pass(10_000).await;
    assert_eq!(through(&app, &sale).await, 2, "nobody is called");
    assert_eq!(app.status(&sale, &late).await["state"], "waiting");
    assert_eq!(app.status(&sale, &late).await["phase"], "paused");
    assert_eq!(app.status(&sale, &called).await["state"], "inside", "a claim in its window is taken");
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);

    act(&app, &sale, "resume").await.expect(StatusCode::OK);
    app.pass(1_000).await;
    assert_eq!(app.status(&sale, &late).await["state"], "inside");
}

#[tokio::test]
async fn a_pause_saves_no_credit_for_a_burst() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 600 })).await;
    for fan in app.fans(60).await {
        app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    }
    app.pass(1_000).await;
    let before = through(&app, &sale).await;
    act(&app, &sale, "pause").await.expect(StatusCode::OK);
    app.pass(60_000).await;
    act(&app, &sale, "resume").await.expect(StatusCode::OK);
    app.pass(200).await;
    assert_eq!(through(&app, &sale).await - before, 2, "one tick's worth of ten a second, not a minute's");
    app.pass(1_000).await;
    assert_eq!(through(&app, &sale).await - before, 12);
}

#[tokio::test]
async fn a_pause_survives_a_restart() {
    let mut app = TestApp::start().await;
    let sale = app.sale().await;
    act(&app, &sale, "pause").await.expect(StatusCode::OK);
    app.restart().await;
    assert_eq!(shown(&app, &sale).await["phase"], "paused");
    app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED);
    app.pass(2_000).await;
    assert_eq!(through(&app, &sale).await, 0);
}

#[tokio::test]
async fn a_closed_sale_takes_nobody_in_but_lets_live_holds_be_paid() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let (payer, idle) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let called = app.fan().await;
    app.join(&sale, &called).await.expect(StatusCode::CREATED);
    app.pass(1_000).await;
    let hold = app.held(&sale, &payer, &["GA-1-1"]).await;

    act(&app, &sale, "close").await.expect(StatusCode::OK);
    app.join(&sale, &app.fan().await).await.refused(403, "sale_closed");
    assert_eq!(app.status(&sale, &called).await["state"], "called", "no claim any more");
    app.hold(&sale, &idle, "new", &["GA-1-2"]).await.refused(403, "sale_closed");
    app.checkout(&sale, &payer, &hold, "k").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn new_terms_hold_at_once() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 600, "waiting_room_cap": 50 })).await;
    for fan in app.fans(40).await {
        app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    }
    app.pass(1_000).await;
    assert_eq!(through(&app, &sale).await, 10);
    let answer = patch(&app, &sale, json!({ "admit_per_minute": 60, "waiting_room_cap": 30 })).await;
    assert_eq!((&answer["admit_per_minute"], &answer["changed"]), (&json!(60), &json!(true)), "{answer:?}");
    app.pass(2_000).await;
    assert_eq!(through(&app, &sale).await, 12, "one a second; nobody is called back");
    app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED);
    for expected in [StatusCode::CREATED, StatusCode::SERVICE_UNAVAILABLE] {
        assert_eq!(app.join(&sale, &app.fan().await).await.status, expected);
    }
    assert_eq!(patch(&app, &sale, json!({ "admit_per_minute": 60 })).await["changed"], false);
    app.call(Method::PATCH, format!("/v1/admin/sales/{sale}")).admin().send().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn who_has_a_place_keeps_it_when_the_room_shrinks() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(5).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    patch(&app, &sale, json!({ "waiting_room_cap": 2 })).await.expect(StatusCode::OK);
    for (at, fan) in fans.iter().enumerate() {
        assert_eq!(app.join(&sale, fan).await.expect(StatusCode::OK)["position"], at as i64 + 1);
        assert_eq!(app.status(&sale, fan).await["position"], at as i64 + 1);
    }
    app.join(&sale, &app.fan().await).await.refused(503, "room_full");
}

#[tokio::test]
async fn shorter_windows_take_nothing_from_those_inside() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "shopping_window_sec": 600, "hold_ttl_sec": 300 })).await;
    let shopper = app.admitted(&sale).await;
    let deadline = app.status(&sale, &shopper.fan).await["deadline"].clone();
    let hold = app.held(&sale, &shopper, &["GA-1-1", "GA-1-2", "GA-1-3"]).await;
    let less = json!({ "shopping_window_sec": 10, "hold_ttl_sec": 10, "max_tickets_per_user": 1, "max_active": 1 });
    patch(&app, &sale, less).await.expect(StatusCode::OK);
    assert_eq!(app.status(&sale, &shopper.fan).await["deadline"], deadline);
    app.pass(60_000).await;
    let paid = app.checkout(&sale, &shopper, &hold, "k").await;
    assert_eq!(paid.expect(StatusCode::OK)["ticket_ids"].as_array().unwrap().len(), 3, "held under the cap of then");

    let next = app.admitted(&sale).await;
    app.hold(&sale, &next, "two", &["GA-2-1", "GA-2-2"]).await.refused(403, "cap_exceeded");
    app.held(&sale, &next, &["GA-2-1"]).await;
    app.pass(11_000).await;
    assert_eq!(app.status(&sale, &next.fan).await["state"], "expired", "the new windows are the new ones'");
}

#[tokio::test]
async fn what_was_announced_is_fixed_when_the_doors_open() {
    let app = TestApp::start().await;
    let opens = app.now().plus_sec(10);
    let sale = app.sale_with(json!({ "opens_at": opens })).await;
    let later = app.now().plus_sec(20);
    let terms = json!({ "opens_at": later, "claim_window_sec": 30 });
    assert_eq!(patch(&app, &sale, terms).await.expect(StatusCode::OK)["opens_at"], json!(later));
    app.advance(19_999);
    app.join(&sale, &app.fan().await).await.refused(403, "sale_closed");
    app.advance(1);
    app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED);
    for (field, value) in [("opens_at", json!(opens)), ("claim_window_sec", json!(60))] {
        let answer = patch(&app, &sale, json!({ field: value })).await;
        answer.refused(409, "too_late");
        assert_eq!(answer["field"], field);
    }
}

#[tokio::test]
async fn a_term_that_cannot_change_is_named_and_nothing_else_changes() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let before = shown(&app, &sale).await;
    for (field, value) in [
        ("total_seats", json!(5)),
        ("seating", json!([])),
        ("price", json!(1)),
        ("currency", json!("EUR")),
        ("event_id", json!("x")),
        ("sale_id", json!(sale)),
        ("admit_per_min", json!(1)),
        ("paused", json!(true)),
    ] {
        patch(&app, &sale, json!({ "admit_per_minute": 7, field: value })).await.wrong(field);
    }
    patch(&app, &sale, json!({ "admit_per_minute": 7, "max_active": -1 })).await.wrong("max_active");
    patch(&app, &sale, json!({ "admit_per_minute": 7, "ends_at": app.now() })).await.wrong("ends_at");
    patch(&app, &sale, json!({ "admit_per_minute": 7, "reason": "x".repeat(501) })).await.wrong("reason");
    assert_eq!(shown(&app, &sale).await, before);
}

#[tokio::test]
async fn the_end_moves_both_ways() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    patch(&app, &sale, json!({ "ends_at": app.now().plus_sec(10) })).await.expect(StatusCode::OK);
    app.advance(9_999);
    app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED);
    patch(&app, &sale, json!({ "ends_at": app.now().plus_sec(10) })).await.expect(StatusCode::OK);
    app.advance(9_999);
    app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED);
    app.advance(1);
    app.join(&sale, &app.fan().await).await.refused(403, "sale_closed");
}
