//! Paying: the yes, every no, and the answer that was lost on the way.

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Shopper, TestApp};

async fn ready(terms: Value) -> (TestApp, String, Shopper, String) {
    ready_in(TestApp::start().await, terms).await
}

async fn ready_in(app: TestApp, terms: Value) -> (TestApp, String, Shopper, String) {
    let sale = app.sale_with(terms).await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1", "GA-1-2"]).await;
    (app, sale, shopper, hold)
}

fn paying_with(hold: &str, key: &str, token: &str) -> Value {
    json!({ "hold_id": hold, "idempotency_key": key, "payment": { "token": token } })
}

#[tokio::test]
async fn a_declined_payment_leaves_the_hold_alive_for_another_try_with_the_same_key() {
    let (app, sale, shopper, hold) = ready(json!({})).await;
    for _ in 0..2 {
        app.pay(&sale, &shopper, paying_with(&hold, "k", "sim_decline")).await.refused(402, "payment_declined");
    }
    assert_eq!(app.seat(&sale, &shopper, "GA-1-1").await, "held");
    let paid = app.pay(&sale, &shopper, paying_with(&hold, "k", "sim_ok:card-1")).await;
    paid.expect(StatusCode::OK);
    let stats = app.stats(&sale).await;
    assert_eq!((&stats["orders"], &stats["captured_total"]), (&json!(1), &json!(10_000)));
}

#[tokio::test]
async fn a_lost_answer_is_unknown_until_it_is_settled_and_then_the_same_key_has_the_order() {
    let (app, sale, shopper, hold) = ready(json!({})).await;
    let lost = app.pay(&sale, &shopper, paying_with(&hold, "k", "sim_timeout")).await;
    lost.refused(503, "outcome_unknown");
    app.checkout(&sale, &shopper, &hold, "other").await.refused(409, "checkout_in_progress");
    app.release(&sale, &shopper, &hold).await.refused(409, "checkout_in_progress");
    app.leave(&sale, &shopper.fan).await.refused(409, "checkout_in_progress");
    app.advance(29_999);
    app.settle().await;
    assert_eq!(app.stats(&sale).await["paying"], 1, "a millisecond too early");
    app.advance(1);
    app.settle().await;
    let stats = app.stats(&sale).await;
    assert_eq!((&stats["paying"], &stats["orders"]), (&json!(0), &json!(1)));
    let found = app.pay(&sale, &shopper, paying_with(&hold, "k", "sim_timeout")).await;
    assert_eq!(found.expect(StatusCode::OK)["status"], "confirmed");
    assert_eq!(app.pay(&sale, &shopper, paying_with(&hold, "k", "sim_timeout")).await.body, found.body);
    assert_eq!(app.stats(&sale).await["captured_total"], 10_000, "paid once");
}

/// Paused time runs by itself while everybody waits: the ten seconds pass at once.
#[tokio::test(start_paused = true)]
async fn a_repeat_while_the_first_is_paying_waits_and_then_says_unknown() {
    let (app, sale, shopper, hold) = ready_in(TestApp::embedded().await, json!({})).await;
    app.pay(&sale, &shopper, paying_with(&hold, "k", "sim_timeout")).await.refused(503, "outcome_unknown");
    app.pay(&sale, &shopper, paying_with(&hold, "k", "sim_timeout")).await.refused(503, "outcome_unknown");
    assert_eq!(app.stats(&sale).await["paying"], 1);
}

#[tokio::test]
async fn a_hold_past_its_time_is_gone() {
    let (app, sale, shopper, hold) = ready(json!({ "hold_ttl_sec": 20 })).await;
    app.advance(20_000);
    app.checkout(&sale, &shopper, &hold, "k").await.refused(410, "hold_expired");
    app.tick().await;
    app.checkout(&sale, &shopper, &hold, "k").await.refused(410, "hold_expired");
}

#[tokio::test]
async fn a_released_hold_is_gone() {
    let (app, sale, shopper, hold) = ready(json!({})).await;
    app.release(&sale, &shopper, &hold).await.expect(StatusCode::NO_CONTENT);
    app.checkout(&sale, &shopper, &hold, "k").await.refused(410, "hold_expired");
}

#[tokio::test]
async fn anothers_hold_and_one_that_never_was_are_not_found() {
    let (app, sale, _, hold) = ready(json!({})).await;
    let other = app.admitted(&sale).await;
    app.checkout(&sale, &other, &hold, "k").await.refused(404, "hold_not_found");
    for id in ["fake", "", "\u{0}", "00000000-0000-0000-0000-000000000000"] {
        app.checkout(&sale, &other, id, "k").await.refused(404, "hold_not_found");
    }
}

#[tokio::test]
async fn a_hold_is_paid_once_whatever_the_key() {
    let (app, sale, shopper, hold) = ready(json!({})).await;
    app.checkout(&sale, &shopper, &hold, "one").await.expect(StatusCode::OK);
    app.checkout(&sale, &shopper, &hold, "two").await.refused(403, "admission_used");
    let again = app.admit(&sale, &shopper.fan).await;
    let second = app.held(&sale, &again, &["GA-1-3"]).await;
    app.checkout(&sale, &shopper, &hold, "three").await.refused(409, "hold_used");
    app.checkout(&sale, &again, &hold, "four").await.refused(404, "hold_not_found");
    app.checkout(&sale, &again, &second, "one").await.refused(422, "idempotency_key_reused");
    app.checkout(&sale, &again, &second, "five").await.expect(StatusCode::OK);
    assert_eq!(app.stats(&sale).await["tickets_sold"], 3);
}

#[tokio::test]
async fn the_key_comes_in_the_body_or_the_header_and_they_agree() {
    let (app, sale, shopper, hold) = ready(json!({})).await;
    let path = format!("/v1/sales/{sale}/checkout");
    let pay = |header: Option<&str>, body: Value| {
        let call = app.post(&path).admission(&shopper).json(&body);
        match header {
            Some(key) => call.header("idempotency-key", key),
            None => call,
        }
        .send()
    };
    let bare = json!({ "hold_id": hold });
    pay(None, bare.clone()).await.refused(400, "idempotency_key_required");
    pay(None, json!({ "hold_id": hold, "idempotency_key": null })).await.refused(400, "idempotency_key_required");
    for odd in ["", "a b", "é", "\u{0}", &"k".repeat(129)] {
        let body = json!({ "hold_id": hold, "idempotency_key": odd });
        pay(None, body).await.refused(400, "idempotency_key_required");
    }
    pay(Some(""), bare.clone()).await.refused(400, "idempotency_key_required");
    pay(Some("é"), bare.clone()).await.refused(400, "idempotency_key_required");
    pay(Some("a"), json!({ "hold_id": hold, "idempotency_key": "b" })).await.wrong("idempotency_key");
    let by_header = pay(Some("a"), bare).await;
    by_header.expect(StatusCode::OK);
    let by_both = pay(Some("a"), json!({ "hold_id": hold, "idempotency_key": "a" })).await;
    assert_eq!(by_both.body, by_header.body);
    assert_eq!(app.checkout(&sale, &shopper, &hold, "a").await.body, by_header.body);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_charges_nothing() {
    let (app, sale, shopper, hold) = ready(json!({})).await;
    let body = json!({ "hold_id": hold, "idempotency_key": "k", "attendees": ["Ann", "Bob"] });
    let paid = app.pay(&sale, &shopper, body.clone()).await;
    paid.expect(StatusCode::OK);
    for (field, value) in [
        ("attendees", json!(["Ann", "Eve"])),
        ("hold_id", json!("00000000-0000-0000-0000-000000000000")),
        ("payment", json!({ "token": "sim_ok:other" })),
    ] {
        let mut other = body.clone();
        other[field] = value;
        let answer = app.pay(&sale, &shopper, other).await;
        answer.refused(422, "idempotency_key_reused");
        answer.wrong("idempotency_key");
    }
    assert_eq!(app.stats(&sale).await["orders"], 1);
}

#[tokio::test]
async fn the_same_key_of_another_fan_is_another_key() {
    let (app, sale, shopper, hold) = ready(json!({})).await;
    let other = app.admitted(&sale).await;
    let theirs = app.held(&sale, &other, &["GA-1-3"]).await;
    let one = app.checkout(&sale, &shopper, &hold, "k").await;
    let two = app.checkout(&sale, &other, &theirs, "k").await;
    assert_ne!(one.expect(StatusCode::OK)["order_id"], two.expect(StatusCode::OK)["order_id"]);
}

#[tokio::test]
async fn odd_names_and_payment_tokens_name_their_field() {
    let (app, sale, shopper, hold) = ready(json!({})).await;
    let long = "x".repeat(201);
    for token in ["", "sim", "sim_okay", "visa", "sim_ok:a b", "sim_ok:\u{0}", &format!("sim_ok:{long}")] {
        app.pay(&sale, &shopper, paying_with(&hold, "k", token)).await.wrong("payment.token");
    }
    let attendees = |names: Value| json!({ "hold_id": hold, "idempotency_key": "k", "attendees": names });
    for name in ["", "  ", "\u{0}", "a\nb", &"x".repeat(101)] {
        app.pay(&sale, &shopper, attendees(json!(["Ann", name]))).await.wrong("attendees[1]");
    }
    app.advance(60_000);
    let shopper = Shopper {
        admission: app.status(&sale, &shopper.fan).await["admission_token"].as_str().unwrap().to_owned(),
        ..shopper
    };
    let names: Vec<String> = (0..51).map(|n| n.to_string()).collect();
    app.pay(&sale, &shopper, attendees(json!(names))).await.wrong("attendees");
    app.pay(&sale, &shopper, attendees(json!("Ann"))).await.wrong("attendees");
    app.pay(&sale, &shopper, attendees(json!([1]))).await.wrong("attendees[0]");
}

#[tokio::test]
async fn a_payment_that_cannot_be_written_is_not_called_refused() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    let pay = json!({ "hold_id": hold, "idempotency_key": "k", "payment": { "token": "sim_timeout" } });
    app.pay(&sale, &shopper, pay).await.refused(503, "outcome_unknown");
    let unsettled = store::settlement::Unsettled { older_than_ms: 0 };
    let paying = app.shared().store.read(unsettled).await.expect("orders").remove(0);

    app.close_store().await;
    let answer = server::routes::checkout::settle(app.shared(), &paying.charge, true).await;
    assert_eq!(answer.expect_err("the store is closed").code, "outcome_unknown");
}
