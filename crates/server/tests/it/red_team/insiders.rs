//! Somebody who has the operator's key: no call moves a place in line, and what a call did is in the log.

use http::StatusCode;
use serde_json::{Value, json};

use super::operations;
use crate::app::{Fan, TestApp};

async fn line(app: &TestApp, sale: &str) -> Vec<(Value, Value)> {
    let answer = app.get(format!("/v1/admin/sales/{sale}/queue-entries")).admin().send().await;
    let entries = answer.expect(StatusCode::OK)["entries"].as_array().unwrap();
    entries.iter().map(|entry| (entry["position"].clone(), entry["user_id"].clone())).collect()
}

async fn logged(app: &TestApp) -> usize {
    let log = app.get("/v1/admin/audit").admin().send().await;
    log.expect(StatusCode::OK)["entries"].as_array().unwrap().len()
}

#[tokio::test]
async fn no_operators_call_moves_a_place_in_line() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans: Vec<Fan> = app.fans(5).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    let before = line(&app, &sale).await;
    let expected: Vec<(Value, Value)> = (1..).zip(&fans).map(|(at, fan)| (json!(at), json!(fan.id))).collect();
    assert_eq!(before, expected);

    let favour = &fans[4].id;
    // Everything that a call might understand as "let this one in first".
    let body = json!({
        "reason": "a friend", "user_id": favour, "account": favour, "account_id": favour, "position": 1, "through": 5,
        "last_position": 0, "joined_at": "2020-01-01T00:00:00Z", "entries": [{ "user_id": favour, "position": 1 }],
        "count": 1, "prefix": "friend", "name": "n", "venue": "v", "starts_at": "2027-01-01T00:00:00Z",
    });
    let mut acted = 0;
    for operation in operations().into_iter().filter(|one| one.credential.as_deref() == Some("admin")) {
        // A closed sale has no line to look at.
        if operation.path.ends_with("/close") {
            continue;
        }
        let logged_before = logged(&app).await;
        let query = format!("?user_id={favour}&position=1&after=0");
        let call = app.call(operation.method.clone(), format!("{}{query}", operation.filled(&sale))).admin();
        let answer = call.json(&body).send().await;
        assert!(!answer.status.is_server_error(), "{answer:?}");
        assert_eq!(line(&app, &sale).await, expected, "{} {}", operation.method, operation.path);
        if answer.status.is_success() && !operation.method.is_safe() {
            assert_eq!(logged(&app).await, logged_before + 1, "in the log: {} {}", operation.method, operation.path);
            acted += 1;
        }
    }
    assert!(acted >= 4, "{acted} calls did something");
    for (at, fan) in fans.iter().enumerate() {
        assert_eq!(app.status(&sale, fan).await["position"], json!(at + 1));
    }
    // The control: what an operator may do is let all of them in sooner, in their order.
    let faster = app.call(http::Method::PATCH, format!("/v1/admin/sales/{sale}")).admin();
    faster.json(&json!({ "admit_per_minute": 60_000 })).send().await.expect(StatusCode::OK);
    app.post(format!("/v1/admin/sales/{sale}/resume")).admin().send().await.expect(StatusCode::OK);
    app.pass(1_000).await;
    assert_eq!(app.status(&sale, &fans[0]).await["state"], "inside");
}
