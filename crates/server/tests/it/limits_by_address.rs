//! Floods from one address, whoever asks: refused with the time to come back. Honest thousands behind one address are not,
//! and no header gives anybody another address.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Answer, Fan, TestApp};

/// A mobile carrier's.
const CARRIER: &str = "198.51.100.7";
const ELSEWHERE: &str = "198.51.100.8";

/// Tight limits by address, so that a flood is short.
const TIGHT: (&str, &str) = (
    "LIMITS",
    "register.address=60/min:3, login.address=60/min:3, join.address=60/min:3, hold.address=60/min:3, \
     checkout.address=60/min:3",
);

async fn join_from(app: &TestApp, sale: &str, fan: &Fan, address: &str, forwarded: &str) -> Answer {
    let call = app.post(format!("/v1/sales/{sale}/waiting-room/join")).bearer(fan).from(address);
    let call = if forwarded.is_empty() { call } else { call.header("x-forwarded-for", forwarded) };
    call.send().await
}

async fn join(app: &TestApp, sale: &str, fan: &Fan, address: &str) -> Answer {
    join_from(app, sale, fan, address, "").await
}

/// One node: each counts for itself, and what nodes tell each other is `redis`'s matter.
async fn tight() -> TestApp {
    TestApp::one_node_with(&[TIGHT]).await
}

fn refused(answer: &Answer) {
    answer.refused(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), "1");
    assert!(answer["detail"].as_str().unwrap().contains("network"), "{answer:?}");
}

#[tokio::test]
async fn ten_thousand_fans_behind_one_address_join_at_the_doors() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0, "opens_at": app.now().plus_sec(60) })).await;
    let fans = app.fans(10_000).await;
    // Some knock too early, three times: that costs what the address may do at the doors nothing.
    for fan in fans.iter().take(100) {
        for _ in 0..3 {
            join(&app, &sale, fan, CARRIER).await.refused(403, "sale_closed");
        }
    }
    app.advance(60_000);
    for some in fans.chunks(500) {
        let path = format!("/v1/sales/{sale}/waiting-room/join");
        let joins: JoinSet<_> = some.iter().map(|fan| app.post(&path).bearer(fan).from(CARRIER).send()).collect();
        for answer in joins.join_all().await {
            answer.expect(StatusCode::CREATED);
        }
    }
    for fan in fans.iter().take(100) {
        join(&app, &sale, fan, CARRIER).await.expect(StatusCode::OK);
    }
    assert_eq!(app.stats(&sale).await["joined"], 10_000);
}

#[tokio::test]
async fn a_flood_of_first_joins_from_one_address_is_refused_and_writes_nothing() {
    let app = tight().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(6).await;
    for fan in &fans[..3] {
        join(&app, &sale, fan, CARRIER).await.expect(StatusCode::CREATED);
    }
    let asked = app.asked();
    for _ in 0..50 {
        refused(&join(&app, &sale, &fans[3], CARRIER).await);
    }
    assert_eq!(app.asked(), asked, "the store is not touched");
    join(&app, &sale, &fans[4], ELSEWHERE).await.expect(StatusCode::CREATED);
    join(&app, &sale, &fans[0], CARRIER).await.expect(StatusCode::OK);
    app.advance(999);
    refused(&join(&app, &sale, &fans[3], CARRIER).await);
    app.advance(1);
    assert_eq!(join(&app, &sale, &fans[3], CARRIER).await.expect(StatusCode::CREATED)["position"], 5);
    let metrics = app.get("/metrics").send().await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.contains("traffic_limit_refusals_total{class=\"join\",by=\"address\"} 51"), "{text}");
    assert!(!text.contains(CARRIER));
}

#[tokio::test]
async fn knocking_early_costs_the_address_nothing() {
    let app = tight().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0, "opens_at": app.now().plus_sec(1) })).await;
    let fans = app.fans(4).await;
    for fan in &fans {
        for _ in 0..5 {
            join(&app, &sale, fan, CARRIER).await.refused(403, "sale_closed");
        }
    }
    app.advance(1_000);
    for fan in &fans[..3] {
        join(&app, &sale, fan, CARRIER).await.expect(StatusCode::CREATED);
    }
    refused(&join(&app, &sale, &fans[3], CARRIER).await);
}

#[tokio::test]
async fn a_made_up_forwarded_for_gives_nobody_another_address() {
    for (proxies, peer, appended) in [("", CARRIER, ""), ("203.0.113.0/24", "203.0.113.1", ", 198.51.100.7")] {
        let app = TestApp::one_node_with(&[TIGHT, ("TRUSTED_PROXIES", proxies)]).await;
        let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
        let fans = app.fans(8).await;
        for (at, fan) in fans.iter().enumerate() {
            let answer = join_from(&app, &sale, fan, peer, &format!("192.0.2.{at}{appended}")).await;
            match at {
                0..3 => drop(answer.expect(StatusCode::CREATED)),
                _ => refused(&answer),
            }
        }
        // The control: somebody else, as the proxy or the socket says.
        let (peer, forwarded) =
            if proxies.is_empty() { (ELSEWHERE, "192.0.2.7") } else { (peer, "192.0.2.7, 198.51.100.8") };
        join_from(&app, &sale, &fans[7], peer, forwarded).await.expect(StatusCode::CREATED);
    }
}

#[tokio::test]
async fn one_customers_ipv6_addresses_are_one() {
    let app = tight().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(5).await;
    for (at, fan) in fans[..3].iter().enumerate() {
        join(&app, &sale, fan, &format!("2001:db8:1:2::{at}")).await.expect(StatusCode::CREATED);
    }
    refused(&join(&app, &sale, &fans[3], "2001:db8:1:2:ffff::1").await);
    join(&app, &sale, &fans[4], "2001:db8:1:3::1").await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn registering_and_signing_in_are_limited_by_address_before_the_body_is_read() {
    let app = tight().await;
    let account = |at: usize| json!({ "email": format!("fan{at}@example.com") });
    let call = |path: &str, address: &str, body: &Value| app.post(path).from(address).json(body).send();
    for at in 0..3 {
        call("/v1/auth/register", CARRIER, &account(at)).await.expect(StatusCode::CREATED);
    }
    let asked = app.asked();
    refused(&call("/v1/auth/register", CARRIER, &account(3)).await);
    refused(&app.post("/v1/auth/register").from(CARRIER).body("{").send().await);
    assert_eq!(app.asked(), asked, "the store is not touched");
    call("/v1/auth/register", ELSEWHERE, &account(3)).await.expect(StatusCode::CREATED);
    let wrong = json!({ "email": "nobody@example.com", "password": "a wrong one" });
    for _ in 0..3 {
        call("/v1/auth/login", CARRIER, &wrong).await.refused(401, "login_failed");
    }
    refused(&call("/v1/auth/login", CARRIER, &wrong).await);
    call("/v1/auth/login", ELSEWHERE, &wrong).await.refused(401, "login_failed");
}

#[tokio::test]
async fn holds_and_checkouts_are_limited_by_address_and_the_admission_is_judged_first() {
    let app = tight().await;
    let sale = app.sale().await;
    let (one, other) = (app.admitted(&sale).await, app.admitted(&sale).await);
    for (path, over) in [("holds", json!({ "seat_ids": ["GA-9-9"] })), ("checkout", json!({ "hold_id": "fake" }))] {
        let call = |shopper, address: &str| {
            let call = app.post(format!("/v1/sales/{sale}/{path}")).admission(shopper).from(address);
            call.json(&over).send()
        };
        for _ in 0..3 {
            assert_ne!(call(&one, CARRIER).await.status, StatusCode::TOO_MANY_REQUESTS);
        }
        refused(&call(&other, CARRIER).await);
        assert_ne!(call(&other, ELSEWHERE).await.status, StatusCode::TOO_MANY_REQUESTS);
        let nobody = app.post(format!("/v1/sales/{sale}/{path}")).from(CARRIER).json(&over).send().await;
        nobody.refused(403, "admission_required");
    }
}

#[tokio::test]
async fn polls_and_seats_are_not_limited_by_address() {
    let app = tight().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    for _ in 0..40 {
        let status = app.get(format!("/v1/sales/{sale}/waiting-room/status")).bearer(&shopper.fan).from(CARRIER);
        status.send().await.expect(StatusCode::OK);
        let seats = app.get(format!("/v1/sales/{sale}/seats")).admission(&shopper).from(CARRIER);
        seats.send().await.expect(StatusCode::OK);
    }
}

/// Guessing is refused as a flood, elsewhere and for the right key nothing changes, and a minute later there are ten more.
#[tokio::test]
async fn guessing_the_operators_key_is_limited_and_locks_no_operator_out() {
    let app = TestApp::one_node().await;
    let events = |address| app.call(Method::GET, "/v1/admin/events").from(address);
    let guess = |at: usize, address| events(address).header("x-admin-key", format!("guess-{at}")).send();
    for at in 0..10 {
        guess(at, CARRIER).await.refused(401, "admin_key_invalid");
    }
    for at in 10..100 {
        let flood = guess(at, CARRIER).await;
        flood.refused(429, "rate_limited");
        assert_eq!(flood.header("retry-after"), "6", "ten a minute");
    }
    events(CARRIER).admin().send().await.expect(StatusCode::OK);
    events(CARRIER).send().await.refused(401, "admin_key_invalid");
    guess(0, ELSEWHERE).await.refused(401, "admin_key_invalid");
    app.advance(60_000);
    for at in 0..10 {
        guess(at, CARRIER).await.refused(401, "admin_key_invalid");
    }
    guess(10, CARRIER).await.refused(429, "rate_limited");
}
