//! What the operator did, as the operator reads it.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::TestApp;

async fn audit(app: &TestApp, path: &str) -> Value {
    app.get(path).admin().send().await.expect(StatusCode::OK).clone()
}

fn acts(log: &Value) -> Vec<&str> {
    log["entries"].as_array().unwrap().iter().map(|entry| entry["act"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_act_is_told_once_with_who_when_and_what() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    app.fans(3).await;
    app.post("/v1/demo/adopt").json(&json!({ "sale_id": sale })).send().await.expect(StatusCode::OK);
    app.advance(1_000);
    let path = format!("/v1/admin/sales/{sale}");
    let why = json!({ "reason": "fire alarm" });
    app.post(format!("{path}/pause")).admin().json(&why).send().await.expect(StatusCode::OK);
    app.post(format!("{path}/pause")).admin().send().await.expect(StatusCode::OK);
    app.post(format!("{path}/resume")).admin().send().await.expect(StatusCode::OK);
    let rate = json!({ "admit_per_minute": 60, "reason": "slowly" });
    app.call(Method::PATCH, &path).admin().json(&rate).send().await.expect(StatusCode::OK);
    let bad = json!({ "admit_per_minute": -1 });
    app.call(Method::PATCH, &path).admin().json(&bad).send().await.wrong("admit_per_minute");
    app.post(format!("{path}/close")).admin().send().await.expect(StatusCode::OK);

    let log = audit(&app, &format!("{path}/audit")).await;
    let of_sale =
        ["create_sale", "adopt_demo_sale", "pause_sale", "pause_sale", "resume_sale", "change_sale", "close_sale"];
    assert_eq!(acts(&log), of_sale);
    let pause = &log["entries"][2];
    assert_eq!(
        (&pause["actor"], &pause["at"], &pause["subject"]),
        (&json!("operator"), &json!(app.now()), &json!(sale))
    );
    let details = json!({ "reason": "fire alarm", "changed": { "paused": { "from": false, "to": true } } });
    assert_eq!(pause["details"], details);
    let changed = json!({ "admit_per_minute": { "from": 60_000, "to": 60 } });
    assert_eq!(log["entries"][5]["details"], json!({ "reason": "slowly", "changed": changed }));
    assert_eq!(log["entries"][1]["actor"], "demo");

    let all = audit(&app, "/v1/admin/audit").await;
    assert_eq!(acts(&all)[..3], ["create_event", "create_sale", "bulk_accounts"]);
    assert_eq!(acts(&all).len(), 9);
}

#[tokio::test]
async fn the_tick_seals_what_was_done_and_the_chain_holds() {
    let mut app = TestApp::start().await;
    let sale = app.sale().await;
    let path = format!("/v1/admin/sales/{sale}/audit");
    let log = audit(&app, &path).await;
    assert_eq!((&log["entries"][0]["sealed"], &log["chain"]["unsealed_entries"]), (&Value::Null, &json!(2)));
    app.tick().await;
    let log = audit(&app, &path).await;
    let chain = &log["chain"];
    assert_eq!((&chain["state"], &chain["seals"], &chain["unsealed_entries"]), (&json!("ok"), &json!(1), &json!(0)));
    let sealed = &log["entries"][0]["sealed"];
    assert_eq!((&sealed["seq"], &sealed["digest"]), (&json!(1), &chain["digest"]));
    assert_eq!(chain["digest"].as_str().unwrap().len(), 64);
    app.restart().await;
    assert_eq!(audit(&app, &path).await, log);
}

#[tokio::test]
async fn the_log_is_read_by_pages() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    for _ in 0..4 {
        app.post(format!("/v1/admin/sales/{sale}/pause")).admin().send().await.expect(StatusCode::OK);
    }
    let path = format!("/v1/admin/sales/{sale}/audit");
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = audit(&app, &format!("{path}?limit=2{next}")).await;
        seen.extend(page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()));
        let Some(after) = page["next_after"].as_str() else { break };
        next = format!("&after={after}");
    }
    assert_eq!(seen.len(), 5);
    let whole = audit(&app, &path).await;
    assert_eq!(whole["entries"].as_array().unwrap().iter().map(|entry| entry["id"].clone()).collect::<Vec<_>>(), seen);
    for (query, field) in [("after=x", "after"), ("limit=0", "limit"), ("limit=1001", "limit")] {
        app.get(format!("{path}?{query}")).admin().send().await.wrong(field);
    }
    app.get("/v1/admin/sales/fake/audit").admin().send().await.refused(404, "sale_not_found");
}

#[tokio::test]
async fn wrong_keys_are_counted_and_told_once_for_each_address_and_minute() {
    let app = TestApp::one_node().await;
    let wrong = |key, address| app.post("/v1/admin/events").header("x-admin-key", key).from(address).send();
    wrong("", "192.0.2.9").await.refused(401, "admin_key_invalid");
    for _ in 0..10 {
        wrong("dev-admin-kez", "192.0.2.1").await.refused(401, "admin_key_invalid");
    }
    for _ in 0..5 {
        wrong("dev-admin-kez", "192.0.2.1").await.refused(429, "rate_limited");
    }
    wrong("dev-admin-kez", "2001:db8::7").await.refused(401, "admin_key_invalid");
    app.get("/v1/demo/dashboard").header("x-demo-key", "guess").from("2001:db8::8").send().await;
    let metrics = app.get("/metrics").send().await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(text.contains("traffic_operator_keys_refused_total 17"), "{text}");
    assert!(text.contains("traffic_limit_refusals_total{class=\"admin\",by=\"address\"} 5"), "{text}");
    app.tick().await;
    assert!(acts(&audit(&app, "/v1/admin/audit").await).is_empty(), "the minute is not over");
    app.advance(60_000);
    app.tick().await;
    app.tick().await;
    let log = audit(&app, "/v1/admin/audit").await;
    let mut told: Vec<_> = log["entries"].as_array().unwrap().iter().collect();
    told.sort_by_key(|entry| entry["subject"].to_string());
    let [v4, v6] = told[..] else { panic!("{log}") };
    assert_eq!((&v4["act"], &v4["actor"]), (&json!("wrong_operator_key"), &json!("unknown")));
    assert_eq!((&v4["subject"], &v6["subject"]), (&json!("192.0.2.1"), &json!("2001:db8::/64")));
    let minute = domain::Timestamp(app.now().0 - 60_000);
    let details = |wrong, flood| {
        let node = app.shared().instance;
        json!({ "minute": minute, "wrong": wrong, "refused_as_flood": flood, "node": node })
    };
    assert_eq!((&v4["details"], &v6["details"]), (&details(15, 5), &details(1, 0)));
}
