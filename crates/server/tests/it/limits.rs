//! Floods: refused with the time to come back, and nobody's place moves. Each node counts for itself.

use http::StatusCode;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn a_flood_of_checkouts_is_refused_and_goes_on_later() {
    let app = TestApp::one_node().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let (other, hold) = (app.admitted(&sale).await, app.held(&sale, &shopper, &["GA-1-1"]).await);
    let decline = json!({ "hold_id": hold, "idempotency_key": "k", "payment": { "token": "sim_decline" } });
    for _ in 0..20 {
        app.pay(&sale, &shopper, decline.clone()).await.refused(402, "payment_declined");
    }
    let flood = app.pay(&sale, &shopper, decline).await;
    flood.refused(429, "rate_limited");
    assert_eq!(flood.header("retry-after"), "12", "five a minute");
    let theirs = app.held(&sale, &other, &["GA-1-2"]).await;
    app.checkout(&sale, &other, &theirs, "k").await.expect(StatusCode::OK);
    app.advance(11_999);
    app.checkout(&sale, &shopper, &hold, "k").await.refused(429, "rate_limited");
    app.advance(1);
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_flood_of_polls_is_refused_without_the_store_and_gains_nothing() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fans = app.fans(2).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    for _ in 0..200 {
        app.status(&sale, &fans[1]).await.expect(StatusCode::OK);
    }
    let flood = app.status(&sale, &fans[1]).await;
    flood.refused(429, "rate_limited");
    assert_eq!(flood.header("retry-after"), "1");
    app.status(&sale, &fans[0]).await.expect(StatusCode::OK);
    app.pass(1_000).await;
    assert_eq!(app.status(&sale, &fans[0]).await["state"], "inside");
    assert_eq!(app.status(&sale, &fans[1]).await["state"], "waiting");
}

#[tokio::test]
async fn a_flood_of_joins_moves_nobody() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(3).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    let mut refused = 0;
    for _ in 0..300 {
        let answer = app.join(&sale, &fans[1]).await;
        match answer.status {
            StatusCode::OK => assert_eq!(answer["position"], 2),
            _ => {
                answer.refused(429, "rate_limited");
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 100);
    app.advance(60_000);
    for (at, fan) in fans.iter().enumerate() {
        assert_eq!(app.status(&sale, fan).await["position"], json!(at + 1));
    }
    assert_eq!(app.stats(&sale).await["joined"], 3);
}

#[tokio::test]
async fn leaving_and_joining_again_without_end_is_limited() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fan = app.fan().await;
    for position in 1..=10 {
        assert_eq!(app.join(&sale, &fan).await.expect(StatusCode::CREATED)["position"], position);
        app.leave(&sale, &fan).await.expect(StatusCode::OK);
    }
    app.join(&sale, &fan).await.refused(429, "rate_limited");
}

#[tokio::test]
async fn knocking_at_closed_doors_costs_only_ones_own_allowance() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "opens_at": app.now().plus_sec(60) })).await;
    let (eager, calm) = (app.fan().await, app.fan().await);
    for _ in 0..20 {
        app.join(&sale, &eager).await.refused(403, "sale_closed");
    }
    app.join(&sale, &eager).await.refused(429, "rate_limited");
    app.advance(60_000);
    app.join(&sale, &calm).await.expect(StatusCode::CREATED);
    app.join(&sale, &eager).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn holding_and_giving_back_without_end_is_limited() {
    let app = TestApp::one_node().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    for round in 0..30 {
        let hold = app.hold(&sale, &shopper, &round.to_string(), &["GA-1-1"]).await;
        let hold = hold.expect(StatusCode::OK)["hold_id"].as_str().unwrap().to_owned();
        app.release(&sale, &shopper, &hold).await.expect(StatusCode::NO_CONTENT);
    }
    app.hold(&sale, &shopper, "more", &["GA-1-1"]).await.refused(429, "rate_limited");
}
