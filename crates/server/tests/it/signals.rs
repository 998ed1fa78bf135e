//! Signals: what is odd is counted and told to the operator, and refuses nobody unless he wants it to.

use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Fan, TestApp};

/// More than six pages send in a minute, however short the time that they are asked to wait.
const FLOOD: usize = 400;

/// Many times as often as asked, within one minute, always of one node.
async fn polls_fast(app: &TestApp, sale: &str, fan: &Fan, times: usize) -> u16 {
    let mut last = StatusCode::OK;
    for _ in 0..times {
        last = app.on(0).status(sale, fan).await.status;
    }
    last.as_u16()
}

async fn of_sale(app: &TestApp, sale: &str) -> Vec<Value> {
    let answer = app.get(format!("/v1/admin/sales/{sale}/signals")).admin().send().await;
    answer.expect(StatusCode::OK)["signals"].as_array().expect("a list").clone()
}

/// What nodes have counted is written.
async fn written(app: &TestApp) {
    app.tick().await;
}

#[tokio::test]
async fn who_polls_many_times_as_often_as_asked_is_a_signal_and_keeps_his_place() {
    let app = TestApp::with(&[("LIMITS", "poll.account=off")]).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(2).await;
    for fan in &fans {
        app.on(0).join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    assert_eq!(polls_fast(&app, &sale, &fans[1], FLOOD).await, 200);
    assert_eq!(polls_fast(&app, &sale, &fans[0], 3).await, 200);
    written(&app).await;
    let signals = of_sale(&app, &sale).await;
    assert_eq!(signals.len(), 1, "{signals:?}");
    assert_eq!((&signals[0]["user_id"], &signals[0]["signal"]), (&json!(fans[1].id), &json!("fast_polls")));
    let path = format!("/v1/admin/accounts/{}/signals", fans[1].id);
    let told = app.get(path).admin().send().await;
    assert_eq!(told.expect(StatusCode::OK)["signals"][0]["sale_id"], sale.as_str());
    let report = app.get(format!("/v1/admin/sales/{sale}/report")).admin().send().await;
    assert_eq!(report.expect(StatusCode::OK)["signals"], json!([{ "code": "fast_polls", "times": 1, "accounts": 1 }]));
    assert_eq!(app.status(&sale, &fans[1]).await.expect(StatusCode::OK)["position"], 2, "it moves nobody");
}

#[tokio::test]
async fn only_where_the_operator_limits_odd_accounts_is_one_refused_and_openly() {
    let app = TestApp::with(&[("LIMITS", "odd.account=1/min:2, poll.account=off")]).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(2).await;
    for fan in &fans {
        app.on(0).join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    assert_eq!(polls_fast(&app, &sale, &fans[0], FLOOD).await, 429);
    app.on(0).status(&sale, &fans[0]).await.refused(429, "rate_limited");
    assert_eq!(polls_fast(&app, &sale, &fans[1], 5).await, 200, "nobody else is limited by it");
    app.advance(60_000);
    assert_eq!(app.on(0).status(&sale, &fans[0]).await.expect(StatusCode::OK)["position"], 1, "and his place waits");
}

#[tokio::test]
async fn one_session_from_five_addresses_is_a_signal() {
    let app = TestApp::with(&[("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fan = app.fan().await;
    for last in 1..=5 {
        let path = format!("/v1/sales/{sale}/waiting-room/join");
        let call = app.on(0).post(path).bearer(&fan).header("x-forwarded-for", format!("192.0.2.{last}"));
        assert!(call.send().await.status.is_success());
    }
    written(&app).await;
    let signals = of_sale(&app, &sale).await;
    assert_eq!(signals.iter().map(|one| &one["signal"]).collect::<Vec<_>>(), ["many_addresses"]);
}
