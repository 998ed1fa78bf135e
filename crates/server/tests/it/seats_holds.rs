//! Seeing seats, holding them, giving them back, losing them to time.

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Answer, Shopper, TestApp};

async fn seats(app: &TestApp, sale: &str, shopper: &Shopper, query: &str) -> Answer {
    app.heard().await;
    app.get(format!("/v1/sales/{sale}/seats{query}")).admission(shopper).send().await
}

async fn wish(app: &TestApp, sale: &str, shopper: &Shopper, body: Value) -> Answer {
    app.post(format!("/v1/sales/{sale}/holds")).admission(shopper).json(&body).send().await
}

fn ids(answer: &Answer) -> Vec<String> {
    let seats = answer.expect(StatusCode::OK)["seats"].as_array().unwrap();
    seats.iter().map(|seat| seat["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn seats_show_their_status_place_and_price() {
    let app = TestApp::start().await;
    let seating = json!([
        { "section": "Floor", "rows": 2, "seats_per_row": 3, "price": 9_000 },
        { "section": "Upper Ring", "rows": 1, "seats_per_row": 4, "price": 3_000 },
    ]);
    let sale = app.sale_with(json!({ "seating": seating, "total_seats": 10 })).await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &one, &["Floor-1-1"]).await;
    app.checkout(&sale, &one, &hold, "k").await.expect(StatusCode::OK);
    app.held(&sale, &two, &["Upper Ring-1-4"]).await;
    let all = seats(&app, &sale, &two, "").await;
    let facts = all.expect(StatusCode::OK);
    assert_eq!((facts["seats"].as_array().unwrap().len(), &facts["complete"]), (10, &json!(true)));
    let first = json!({ "id": "Floor-1-1", "section": "Floor", "row": 1, "num": 1, "status": "sold", "price": 9_000 });
    assert_eq!(facts["seats"][0], first);
    assert_eq!((&facts["seats"][1]["status"], &facts["seats"][9]["status"]), (&json!("available"), &json!("held")));
    let public = app.get(format!("/v1/sales/{sale}")).send().await;
    assert_eq!(public["price"], json!({ "min": 3_000, "max": 9_000, "currency": "USD" }));
}

#[tokio::test]
async fn available_gives_a_run_of_free_seats_and_no_more_than_the_limit() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &one, &["GA-1-1", "GA-1-2"]).await;
    let free = ids(&seats(&app, &sale, &two, "?status=available").await);
    assert_eq!(free.len(), 98);
    assert!(!free.contains(&"GA-1-1".to_owned()));
    let some = ids(&seats(&app, &sale, &two, "?status=available&limit=20").await);
    assert_eq!(some.len(), 20);
    assert_eq!(
        some,
        ids(&seats(&app, &sale, &two, "?limit=20&status=available").await),
        "the same for the same account"
    );
    app.release(&sale, &one, &hold).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(ids(&seats(&app, &sale, &two, "?status=available").await).len(), 100);
}

#[tokio::test]
async fn since_tells_only_what_changed_and_forgets_other_lives() {
    let mut app = TestApp::one_node().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let all = seats(&app, &sale, &shopper, "").await;
    let version = all["version"].as_str().unwrap().to_owned();
    let none = seats(&app, &sale, &shopper, &format!("?since={version}")).await;
    assert_eq!((ids(&none).len(), &none["complete"]), (0, &json!(false)));
    app.held(&sale, &shopper, &["GA-1-3"]).await;
    let changed = seats(&app, &sale, &shopper, &format!("?since={version}")).await;
    assert_eq!(ids(&changed), ["GA-1-3"]);
    assert_eq!(changed["seats"][0]["status"], "held");
    let next = changed["version"].as_str().unwrap();
    assert!(ids(&seats(&app, &sale, &shopper, &format!("?since={next}")).await).is_empty());
    for odd in ["nonsense", ":", "x:1", ":99999999999999999999", "%20", ""] {
        let whole = seats(&app, &sale, &shopper, &format!("?since={odd}")).await;
        assert_eq!((ids(&whole).len(), &whole["complete"]), (100, &json!(true)), "{odd}");
    }
    app.restart().await;
    let whole = seats(&app, &sale, &shopper, &format!("?since={version}")).await;
    assert_eq!(ids(&whole).len(), 100);
}

#[tokio::test]
async fn an_unchanged_hall_is_304_and_a_changed_one_is_not() {
    let app = TestApp::one_node().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let path = format!("/v1/sales/{sale}/seats");
    let etag = app.get(&path).admission(&shopper).send().await.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    let same = app.get(&path).admission(&shopper).header("if-none-match", &etag).send().await;
    assert_eq!((same.status, same.body.len(), same.header("etag")), (StatusCode::NOT_MODIFIED, 0, etag.as_str()));
    app.held(&sale, &shopper, &["GA-1-1"]).await;
    let changed = app.get(&path).admission(&shopper).header("if-none-match", &etag).send().await;
    changed.expect(StatusCode::OK);
    assert_ne!(changed.header("etag"), etag);
}

#[tokio::test]
async fn odd_filters_name_their_parameter() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    for limit in ["0", "-1", "1001", "x", "", "1.5", "99999999999999999999", "%00"] {
        seats(&app, &sale, &shopper, &format!("?limit={limit}")).await.wrong("limit");
    }
    for status in ["sold", "", "AVAILABLE", "%00"] {
        seats(&app, &sale, &shopper, &format!("?status={status}")).await.wrong("status");
    }
}

#[tokio::test]
async fn best_available_sits_together() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let best = json!({ "best_available": { "quantity": 3 }, "idempotency_key": "b" });
    let answer = wish(&app, &sale, &shopper, best.clone()).await;
    let held = answer.expect(StatusCode::OK);
    let labels: Vec<&str> = held["seat_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let place = |label: &str| {
        let mut parts = label.split('-').skip(1).map(|part| part.parse::<i64>().unwrap());
        (parts.next().unwrap(), parts.next().unwrap())
    };
    let (row, num) = place(labels[0]);
    assert_eq!((place(labels[1]), place(labels[2])), ((row, num + 1), (row, num + 2)), "{labels:?}");
    assert_eq!(wish(&app, &sale, &shopper, best).await.body, answer.body, "the same key, the same bytes");
}

#[tokio::test]
async fn best_available_keeps_to_its_section_and_says_when_there_is_too_little() {
    let app = TestApp::start().await;
    let seating = json!([
        { "section": "A", "rows": 1, "seats_per_row": 3, "price": 1 },
        { "section": "B", "rows": 1, "seats_per_row": 3, "price": 1 },
    ]);
    let sale = app.sale_with(json!({ "seating": seating, "total_seats": 6 })).await;
    let shopper = app.admitted(&sale).await;
    let ask = |quantity: i64, section: &str, key: &str| json!({ "best_available": { "quantity": quantity, "section": section }, "idempotency_key": key });
    wish(&app, &sale, &shopper, ask(4, "B", "a")).await.refused(409, "unavailable");
    wish(&app, &sale, &shopper, ask(1, "C", "b")).await.refused(409, "unavailable");
    let held = wish(&app, &sale, &shopper, ask(3, "B", "c")).await;
    assert_eq!(held.expect(StatusCode::OK)["seat_ids"], json!(["B-1-1", "B-1-2", "B-1-3"]));
}

#[tokio::test]
async fn a_wish_is_these_seats_or_the_best_and_not_both_or_none() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let both = json!({ "seat_ids": ["GA-1-1"], "best_available": { "quantity": 1 }, "idempotency_key": "k" });
    wish(&app, &sale, &shopper, both).await.wrong("best_available");
    wish(&app, &sale, &shopper, json!({ "idempotency_key": "k" })).await.wrong("seat_ids");
    wish(&app, &sale, &shopper, json!({ "seat_ids": null, "idempotency_key": "k" })).await.wrong("seat_ids");
}

#[tokio::test]
async fn a_count_of_none_or_twice_or_over_fifty_is_bad_and_names_its_field() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "max_tickets_per_user": 50 })).await;
    let shopper = app.admitted(&sale).await;
    let many: Vec<String> = (1..=51).map(|n| format!("GA-1-{n}")).collect();
    for seats in [json!([]), json!(["GA-1-1", "GA-1-1"]), json!(many)] {
        let answer = wish(&app, &sale, &shopper, json!({ "seat_ids": seats, "idempotency_key": "k" })).await;
        answer.refused(422, "bad_count");
        answer.wrong("seat_ids");
    }
    for quantity in [0, -1, 51, i64::MAX, i64::MIN] {
        let body = json!({ "best_available": { "quantity": quantity }, "idempotency_key": "k" });
        let answer = wish(&app, &sale, &shopper, body).await;
        answer.refused(422, "bad_count");
        answer.wrong("best_available.quantity");
    }
    let fifty = json!({ "best_available": { "quantity": 50 }, "idempotency_key": "k" });
    wish(&app, &sale, &shopper, fifty).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_seat_that_does_not_exist_is_not_available() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    for seat in [
        "GA-3-1",
        "GA-0-1",
        "GA-1-51",
        "XX-1-1",
        "GA-1",
        "GA-1-1-1",
        "GA--1-1",
        "GA-01-1",
        "",
        "\u{0}",
        "GA-1-99999999999",
    ] {
        let answer = app.hold(&sale, &shopper, "k", &[seat]).await;
        answer.refused(409, "unavailable");
    }
    app.hold(&sale, &shopper, "k", &["GA-1-1", "GA-9-9"]).await.refused(409, "unavailable");
    assert_eq!(app.seat(&sale, &shopper, "GA-1-1").await, "available", "all or nothing");
}

#[tokio::test]
async fn two_fans_one_seat_and_exactly_one_wins() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let (first, second) = tokio::join!(
        app.hold(&sale, &one, "k", &["GA-1-1", "GA-1-2"]),
        app.hold(&sale, &two, "k", &["GA-1-2", "GA-1-3"]),
    );
    let (winner, loser) = if first.status == StatusCode::OK { (first, second) } else { (second, first) };
    winner.expect(StatusCode::OK);
    loser.refused(409, "unavailable");
    assert_eq!(app.stats(&sale).await["held_seats"], 2);
}

#[tokio::test]
async fn the_cap_counts_tickets_and_holds_together() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "max_tickets_per_user": 2 })).await;
    let shopper = app.admitted(&sale).await;
    app.hold(&sale, &shopper, "three", &["GA-1-1", "GA-1-2", "GA-1-3"]).await.refused(403, "cap_exceeded");
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
    let again = app.admit(&sale, &shopper.fan).await;
    app.hold(&sale, &again, "two", &["GA-1-2", "GA-1-3"]).await.refused(403, "cap_exceeded");
    app.hold(&sale, &again, "one", &["GA-1-2"]).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn one_live_hold_at_a_time() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let first = app.hold(&sale, &shopper, "first", &["GA-1-1"]).await;
    app.hold(&sale, &shopper, "second", &["GA-1-2"]).await.refused(409, "active_hold_exists");
    let path = format!("/v1/sales/{sale}/holds");
    let own = app.get(&path).admission(&shopper).send().await;
    assert_eq!(own.expect(StatusCode::OK), &first.json);
    let again = app.hold(&sale, &shopper, "first", &["GA-1-1"]).await;
    assert_eq!(again.body, first.body);
    app.hold(&sale, &shopper, "first", &["GA-1-2"]).await.refused(422, "idempotency_key_reused");
}

#[tokio::test]
async fn released_seats_are_free_at_once() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &one, &["GA-1-1"]).await;
    app.release(&sale, &two, &hold).await.refused(404, "hold_not_found");
    assert_eq!(app.seat(&sale, &two, "GA-1-1").await, "held");
    let released = app.release(&sale, &one, &hold).await;
    assert_eq!((released.status, released.body.len()), (StatusCode::NO_CONTENT, 0));
    assert_eq!(app.seat(&sale, &two, "GA-1-1").await, "available");
    app.release(&sale, &one, &hold).await.expect(StatusCode::NO_CONTENT);
    app.held(&sale, &two, &["GA-1-1"]).await;
    let own = app.get(format!("/v1/sales/{sale}/holds")).admission(&one).send().await;
    own.refused(404, "hold_not_found");
    for id in ["fake", "00000000-0000-0000-0000-000000000000"] {
        app.release(&sale, &one, id).await.refused(404, "hold_not_found");
    }
}

#[tokio::test]
async fn a_sold_hold_cannot_be_given_back() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
    app.release(&sale, &shopper, &hold).await.refused(403, "admission_used");
    assert_eq!(app.stats(&sale).await["tickets_sold"], 1);
}

#[tokio::test]
async fn an_expired_hold_frees_its_seats() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "hold_ttl_sec": 20 })).await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &one, &["GA-1-1"]).await;
    app.advance(19_999);
    app.tick().await;
    assert_eq!(app.seat(&sale, &two, "GA-1-1").await, "held", "a millisecond before");
    app.advance(1);
    app.tick().await;
    assert_eq!(app.seat(&sale, &two, "GA-1-1").await, "available");
    app.held(&sale, &two, &["GA-1-1"]).await;
    // What was asked for has happened already, and the new holder's seat is not touched.
    app.release(&sale, &one, &hold).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(app.seat(&sale, &two, "GA-1-1").await, "held");
}

#[tokio::test]
async fn who_needs_a_lapsed_seat_need_not_wait_for_the_sweep() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "hold_ttl_sec": 20 })).await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &one, &["GA-1-1"]).await;
    app.advance(20_000);
    app.held(&sale, &two, &["GA-1-1"]).await;
    app.checkout(&sale, &one, &hold, "k").await.refused(410, "hold_expired");
}

#[tokio::test]
async fn a_hold_outlives_the_shopping_window_and_can_still_be_paid() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "shopping_window_sec": 30, "hold_ttl_sec": 60 })).await;
    let shopper = app.admitted(&sale).await;
    app.advance(29_000);
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.pass(10_000).await;
    let status = app.status(&sale, &shopper.fan).await;
    assert_eq!(status["state"], "inside", "nobody is thrown out of payment");
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_ended_sale_takes_no_hold_and_lets_live_ones_be_paid() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "ends_at": app.now().plus_sec(30) })).await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &one, &["GA-1-1"]).await;
    app.advance(30_000);
    app.hold(&sale, &two, "k", &["GA-1-2"]).await.refused(403, "sale_closed");
    app.checkout(&sale, &one, &hold, "k").await.expect(StatusCode::OK);
}
