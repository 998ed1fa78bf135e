//! What the operator's machines look at.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::profile::{Profile, profile};

const SNAPSHOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");

/// The interface changes only on purpose. To accept a change:
/// `UPDATE_OPENAPI=1 cargo test -p server --test it openapi`, or `cargo run -p traffic -- openapi > openapi.json`.
#[tokio::test]
async fn the_openapi_document_is_the_snapshot() {
    let document = server::router::openapi().to_pretty_json().unwrap();
    #[expect(clippy::disallowed_methods, reason = "how a snapshot is accepted")]
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(SNAPSHOT, format!("{document}\n")).unwrap();
    }
    let snapshot = std::fs::read_to_string(SNAPSHOT).unwrap();
    assert!(snapshot.trim_end() == document, "openapi.json is not what the server speaks: see this test's comment");

    let app = TestApp::start().await;
    let served = app.get("/openapi.json").send().await;
    assert_eq!(served.expect(StatusCode::OK), &serde_json::from_str::<Value>(&snapshot).unwrap());
}

#[tokio::test]
async fn every_operation_says_what_its_path_means_and_what_it_answers() {
    let api = serde_json::to_value(server::router::openapi()).unwrap();
    let mut ids = BTreeSet::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        let parameters = item["parameters"].as_array().cloned().unwrap_or_default();
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let name = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.contains_key("default"), "{name} does not say that it may refuse");
            assert!(answers.len() > 1, "{name} does not say what else it answers");
            for (status, answer) in answers.iter().filter(|(status, _)| status.starts_with(['4', '5', 'd'])) {
                let schema = &answer["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{name} {status}");
            }
            let named: Vec<&str> =
                path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{name} has the id of another operation");
            for part in named {
                let known = parameters.iter().any(|one| one["in"] == "path" && one["name"] == part);
                assert!(known, "{name} does not describe {part}");
            }
        }
    }
}

#[tokio::test]
async fn a_node_tells_that_it_lives_and_since_when() {
    let mut app = TestApp::start().await;
    let started = app.now();
    app.advance(5_000);
    app.heard().await;
    let live = app.get("/health/live").send().await;
    let facts = live.expect(StatusCode::OK).clone();
    // Among others not what this node lags behind by now, but what all of them keep within.
    let staleness_ms = if app.shared().store.is_shared() { 1_000 } else { 0 };
    assert_eq!((&facts["status"], &facts["staleness_ms"]), (&json!("live"), &json!(staleness_ms)));
    assert_eq!(facts["started_at"], json!(started));
    assert!(facts["version"].is_string());
    app.restart().await;
    let again = app.get("/health/live").send().await;
    assert_ne!(again["instance"], facts["instance"], "each life has its own name");
    app.get("/health/ready").send().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_node_tells_an_operator_how_it_is_set_up_and_no_secret() {
    let app = TestApp::start().await;
    app.get("/v1/admin/server").send().await.expect(StatusCode::UNAUTHORIZED);
    let answer = app.get("/v1/admin/server").admin().send().await;
    let setup = answer.expect(StatusCode::OK);
    let (engine, durability) = match profile() {
        Profile::Embedded => ("sqlite", "synchronous=full"),
        Profile::Cluster => ("postgresql", "synchronous_commit=on"),
    };
    assert_eq!(setup["engine"], engine);
    assert!(setup["durability"].as_str().unwrap().contains(durability), "{setup}");
    assert_eq!(setup["limits"], "default");
    assert_eq!(setup["proof_of_work"], "off");
    let text = setup.to_string();
    assert!(!text.contains("://") && !text.contains("key") && !text.contains("secret"), "{text}");
}

#[tokio::test]
async fn metrics_name_routes_by_template_and_never_a_person() {
    let app = TestApp::one_node().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.release(&sale, &shopper, &hold).await.expect(StatusCode::NO_CONTENT);
    app.get(format!("/v1/orders/{}", shopper.fan.id)).bearer(&shopper.fan).send().await.refused(404, "order_not_found");
    app.get(format!("/nowhere/{}", shopper.fan.id)).send().await.refused(404, "not_found");
    let metrics = app.get("/metrics").send().await;
    metrics.expect(StatusCode::OK);
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    assert!(
        text.contains(r#"traffic_http_requests_total{route="/v1/sales/{id}/waiting-room/join",status="201"} 1"#),
        "{text}"
    );
    assert!(text.contains(r#"route="none",status="404""#), "{text}");
    assert!(text.contains(&format!(r#"traffic_joined{{sale="{sale}"}} 1"#)), "{text}");
    for secret in [&shopper.fan.id, &shopper.fan.token, &shopper.admission, &hold] {
        assert!(!text.contains(secret.as_str()), "{secret} is in the metrics");
    }
}

#[tokio::test]
async fn the_published_key_verifies_the_admissions() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let keys = app.get("/.well-known/jwks.json").send().await;
    let key = &keys.expect(StatusCode::OK)["keys"][0];
    let header = jsonwebtoken::decode_header(&shopper.admission).unwrap();
    assert_eq!(header.kid.as_deref(), key["kid"].as_str());
    assert_eq!((&key["kty"], &key["crv"], &key["d"]), (&json!("OKP"), &json!("Ed25519"), &Value::Null));
    let decoding = jsonwebtoken::DecodingKey::from_ed_components(key["x"].as_str().unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::EdDSA);
    rules.set_audience(&[&sale]);
    rules.set_issuer(&["traffic"]);
    rules.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(&shopper.admission, &decoding, &rules).unwrap().claims;
    assert_eq!(claims["sub"], json!(shopper.fan.id));
    assert!((60..=120).contains(&(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap())));
}

#[tokio::test]
async fn the_demo_sale_is_made_adopted_and_shown() {
    let app = TestApp::start().await;
    app.get("/v1/demo/dashboard").send().await.refused(404, "sale_not_found");
    let terms = json!({ "total_seats": 7, "admit_per_minute": 60_000, "name": "Rehearsal" });
    let reset = app.post("/v1/demo/reset").json(&terms).send().await;
    let demo = reset.expect(StatusCode::OK)["sale_id"].as_str().unwrap().to_owned();
    let dashboard = app.get("/v1/demo/dashboard").send().await;
    let figures = dashboard.expect(StatusCode::OK);
    assert_eq!((&figures["sale_id"], &figures["available_seats"]), (&json!(demo), &json!(7)));
    for member in [
        "timestamp",
        "queue_depth",
        "next_admit_position",
        "admitted_count",
        "tickets_sold",
        "unique_buyers",
        "active_holds",
        "health",
        "error_rate_pct",
        "requests_per_sec_approx",
        "last_latency_ms",
        "simulation",
    ] {
        assert!(!figures[member].is_null(), "{member} is missing: {figures}");
    }
    let facts = app.get(format!("/v1/sales/{demo}")).send().await;
    assert_eq!(facts["event"]["name"], "Rehearsal");
    let mine = app.sale().await;
    app.post("/v1/demo/adopt").json(&json!({ "sale_id": mine })).send().await.expect(StatusCode::OK);
    assert_eq!(app.get("/v1/demo/dashboard").send().await["sale_id"], json!(mine));
    assert_eq!(app.get(format!("/v1/demo/dashboard?sale_id={demo}")).send().await["sale_id"], json!(demo));
    for id in ["fake", "", "00000000-0000-0000-0000-000000000000"] {
        app.get(format!("/v1/demo/dashboard?sale_id={id}")).send().await.refused(404, "sale_not_found");
        app.post("/v1/demo/adopt").json(&json!({ "sale_id": id })).send().await.refused(404, "sale_not_found");
    }
}

#[tokio::test]
async fn the_demo_counts_people_waiting_now() {
    let app = TestApp::start().await;
    let reset = app.post("/v1/demo/reset").json(&json!({ "admit_per_minute": 60 })).send().await;
    let sale = reset.expect(StatusCode::OK)["sale_id"].as_str().unwrap().to_owned();
    let fans = app.fans(5).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    app.leave(&sale, &fans[4]).await.expect(StatusCode::OK);
    app.pass(1_000).await;
    let figures = app.get("/v1/demo/dashboard").send().await;
    assert_eq!(
        (&figures["queue_depth"], &figures["admitted_count"], &figures["next_admit_position"]),
        (&json!(3), &json!(1), &json!(2))
    );
}

#[tokio::test]
async fn every_answer_forbids_sniffing_and_personal_ones_forbid_storing() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let status = app.status(&sale, &shopper.fan).await;
    let nowhere = app.call(Method::GET, "/nowhere").send().await;
    for answer in [&status, &nowhere] {
        assert_eq!((answer.header("x-content-type-options"), answer.header("cache-control")), ("nosniff", "no-store"));
    }
}
