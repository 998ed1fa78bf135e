//! What a node logs, changed while it runs: checked, told in the audit, over by itself.

use std::sync::{Arc, Mutex};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use server::log_levels::LogLevels;

use crate::app::{Answer, TestApp};

/// Levels that hold nowhere, and are noted.
pub(crate) fn noted_in(logged: &Arc<Mutex<Vec<String>>>) -> LogLevels {
    let logged = Arc::clone(logged);
    let set = move |level: &str| {
        logged.lock().unwrap().push(level.to_owned());
        Ok(())
    };
    LogLevels::new("info", Box::new(set))
}

async fn put(app: &TestApp, body: &Value) -> Answer {
    app.on(0).call(Method::PUT, "/v1/admin/log").admin().json(body).send().await
}

async fn levels(app: &TestApp) -> Value {
    app.on(0).get("/v1/admin/log").admin().send().await.expect(StatusCode::OK).clone()
}

fn set_so_far(app: &TestApp) -> Vec<String> {
    app.logged.lock().unwrap().clone()
}

#[tokio::test]
async fn a_raised_level_holds_for_a_while_and_falls_back_by_itself() {
    let app = TestApp::start().await;
    let before = levels(&app).await;
    assert_eq!(
        (&before["level"], &before["configured"], &before["until"]),
        (&json!("info"), &json!("info"), &Value::Null)
    );

    let raised =
        put(&app, &json!({ "level": "warn, server=debug", "for_sec": 30 })).await.expect(StatusCode::OK).clone();
    assert_eq!((&raised["level"], &raised["configured"]), (&json!("warn,server=debug"), &json!("info")));
    assert_eq!(raised["until"], json!(app.now().plus_sec(30)));
    assert_eq!(raised["node"], app.on(0).get("/health/live").send().await["instance"], "it says which node");
    assert_eq!(levels(&app).await, raised);

    let now = || app.shared().clock.monotonic();
    app.advance(29_999);
    app.shared().log.tick(now());
    assert_eq!(set_so_far(&app), ["warn,server=debug"]);
    app.advance(1);
    app.shared().log.tick(now());
    assert_eq!(set_so_far(&app), ["warn,server=debug", "info"]);
    assert_eq!(levels(&app).await, before);
    app.advance(30_000);
    app.shared().log.tick(now());
    assert_eq!(set_so_far(&app).len(), 2, "it falls back once");
}

#[tokio::test]
async fn without_a_time_it_is_ten_minutes_and_the_configured_level_ends_it() {
    let app = TestApp::start().await;
    let raised = put(&app, &json!({ "level": "debug" })).await;
    assert_eq!(raised["until"], json!(app.now().plus_sec(600)));
    let ended = put(&app, &json!({ "level": "info" })).await;
    assert_eq!((&ended["level"], &ended["until"]), (&json!("info"), &Value::Null));
    assert_eq!(set_so_far(&app), ["debug", "info"]);
}

#[tokio::test]
async fn what_is_no_level_changes_nothing() {
    let app = TestApp::start().await;
    for level in ["degub", "", "server", "server=loud", "[request]=debug", "info,,debug"] {
        let refused = put(&app, &json!({ "level": level })).await;
        refused.wrong("level");
        assert!(refused["detail"].as_str().unwrap().contains("such as server=debug"), "{refused:?}");
    }
    for for_sec in [0, -1, 86_401] {
        put(&app, &json!({ "level": "debug", "for_sec": for_sec })).await.wrong("for_sec");
    }
    app.call(Method::PUT, "/v1/admin/log")
        .json(&json!({ "level": "debug" }))
        .send()
        .await
        .refused(401, "admin_key_invalid");
    app.get("/v1/admin/log").send().await.refused(401, "admin_key_invalid");
    assert!(set_so_far(&app).is_empty());
}

#[tokio::test]
async fn it_is_in_the_audit_before_it_holds() {
    let app = TestApp::one_node().await;
    put(&app, &json!({ "level": "debug", "reason": "joins are slow" })).await.expect(StatusCode::OK);
    let audit = app.get("/v1/admin/audit").admin().send().await;
    let entries = audit.expect(StatusCode::OK)["entries"].as_array().unwrap().clone();
    let entry = entries.iter().find(|entry| entry["act"] == "set_log_level").expect("an entry");
    assert_eq!((&entry["details"]["level"], &entry["details"]["reason"]), (&json!("debug"), &json!("joins are slow")));
    assert!(entry["subject"].as_str().unwrap().ends_with(&app.shared().instance.to_string()), "{entry}");

    app.close_store().await;
    put(&app, &json!({ "level": "trace" })).await.refused(503, "overloaded");
    assert_eq!(set_so_far(&app), ["debug"], "what is not in the audit does not happen");
}

#[tokio::test]
async fn every_node_has_levels_of_its_own_and_a_worker_alone_too() {
    let app = TestApp::cluster(2).await;
    put(&app, &json!({ "level": "debug" })).await.expect(StatusCode::OK);
    let other = app.on(1).get("/v1/admin/log").admin().send().await;
    assert_eq!(other.expect(StatusCode::OK)["level"], "info");

    let worker = server::router::worker(Arc::clone(app.shared()));
    let answer = app.on(0).get("/v1/admin/log").admin().through(worker).send().await;
    assert_eq!(answer.expect(StatusCode::OK)["level"], "debug");
}
