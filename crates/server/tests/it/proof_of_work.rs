//! Work that a browser does before it may register or join: once, in time, for its own request.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Answer, Call, Fan, TestApp};

async fn started() -> TestApp {
    TestApp::with(&[("PROOF_OF_WORK", "1000..2000")]).await
}

/// What ALTCHA's widget does, from its description alone.
fn solve(challenge: &Value) -> String {
    assert_eq!(challenge["algorithm"], "SHA-256");
    let text = |name: &str| challenge[name].as_str().expect(name);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let fits = |n: &u64| hex(digest(&SHA256, format!("{}{n}", text("salt")).as_bytes()).as_ref()) == text("challenge");
    let number = (0..=challenge["maxnumber"].as_u64().unwrap()).find(fits).expect("a number that fits");
    let proof = json!({
        "algorithm": "SHA-256", "challenge": text("challenge"), "number": number, "salt": text("salt"),
        "signature": text("signature"), "took": 5,
    });
    BASE64_STANDARD.encode(proof.to_string())
}

async fn challenged(app: &TestApp, sale: &str, fan: &Fan) -> String {
    let asked = app.get(format!("/v1/sales/{sale}/waiting-room/challenge")).bearer(fan).send().await;
    solve(asked.expect(StatusCode::OK))
}

fn joining(app: &TestApp, sale: &str, fan: &Fan) -> Call {
    app.post(format!("/v1/sales/{sale}/waiting-room/join")).bearer(fan)
}

async fn join_with(app: &TestApp, sale: &str, fan: &Fan, proof: &str) -> Answer {
    joining(app, sale, fan).header("x-proof-of-work", proof).send().await
}

#[tokio::test]
async fn a_first_join_needs_a_proof_of_its_own_account_and_a_place_needs_none() {
    let app = started().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(3).await;
    app.join(&sale, &fans[0]).await.refused(403, "proof_of_work_required");
    let proof = challenged(&app, &sale, &fans[0]).await;
    join_with(&app, &sale, &fans[1], &proof).await.refused(403, "proof_of_work_invalid");
    let place = join_with(&app, &sale, &fans[0], &proof).await;
    assert_eq!(place.expect(StatusCode::CREATED)["position"], 1);
    assert_eq!(app.join(&sale, &fans[0]).await.expect(StatusCode::OK)["position"], 1, "who has a place always gets it");
    let other = challenged(&app, &sale, &fans[1]).await;
    assert_eq!(join_with(&app, &sale, &fans[1], &other).await.expect(StatusCode::CREATED)["position"], 2);
    assert_eq!(app.stats(&sale).await["joined"], 2);
}

/// Each node remembers what it has accepted.
#[tokio::test]
async fn a_proof_is_good_for_one_place() {
    let app = started().await;
    let (sale, fan) = (app.sale_with(json!({ "admit_per_minute": 0 })).await, app.fan().await);
    let proof = challenged(app.on(0), &sale, &fan).await;
    join_with(app.on(0), &sale, &fan, &proof).await.expect(StatusCode::CREATED);
    app.on(0).leave(&sale, &fan).await.expect(StatusCode::OK);
    join_with(app.on(0), &sale, &fan, &proof).await.refused(403, "proof_of_work_used");
    // These tests' dice fall one way: another second is another challenge.
    app.advance(1_000);
    let again = challenged(app.on(0), &sale, &fan).await;
    assert_eq!(join_with(app.on(0), &sale, &fan, &again).await.expect(StatusCode::CREATED)["position"], 2);
}

#[tokio::test]
async fn a_proof_is_not_used_up_by_a_refusal_and_ends_after_five_minutes() {
    let app = started().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0, "waiting_room_cap": 1 })).await;
    let fans = app.fans(2).await;
    let proofs = [challenged(&app, &sale, &fans[0]).await, challenged(&app, &sale, &fans[1]).await];
    join_with(&app, &sale, &fans[0], &proofs[0]).await.expect(StatusCode::CREATED);
    join_with(&app, &sale, &fans[1], &proofs[1]).await.refused(503, "room_full");
    app.leave(&sale, &fans[0]).await.expect(StatusCode::OK);
    join_with(&app, &sale, &fans[1], &proofs[1]).await.expect(StatusCode::CREATED);
    app.leave(&sale, &fans[1]).await.expect(StatusCode::OK);
    let late = challenged(&app, &sale, &fans[0]).await;
    app.advance(300_000);
    join_with(&app, &sale, &fans[0], &late).await.refused(403, "proof_of_work_expired");
}

#[tokio::test]
async fn registering_needs_a_proof_of_its_own_address() {
    let app = started().await;
    let register = |body: Value| app.post("/v1/auth/register").json(&body).send();
    register(json!({ "email": "ann@example.com" })).await.refused(403, "proof_of_work_required");
    let asked = app.post("/v1/auth/register/challenge").json(&json!({ "email": " Ann@Example.com" })).send().await;
    let proof = solve(asked.expect(StatusCode::OK));
    let taken = register(json!({ "email": "bob@example.com", "altcha": proof })).await;
    taken.refused(403, "proof_of_work_invalid");
    register(json!({ "email": "ann@example.com", "altcha": proof })).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn challenges_are_limited_by_account_and_address_and_asking_without_a_proof_costs_the_address_no_join() {
    let limits = ("LIMITS", "challenge.account=60/min:2, challenge.address=60/min:3, join.address=60/min:1");
    let app = TestApp::one_node_with(&[("PROOF_OF_WORK", "1000..2000"), limits]).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(3).await;
    let ask = |fan, address: &str| {
        app.get(format!("/v1/sales/{sale}/waiting-room/challenge")).bearer(fan).from(address).send()
    };
    let (here, elsewhere) = ("198.51.100.7", "198.51.100.8");
    for _ in 0..2 {
        ask(&fans[0], here).await.expect(StatusCode::OK);
    }
    ask(&fans[0], here).await.refused(429, "rate_limited");
    let proof = solve(ask(&fans[1], here).await.expect(StatusCode::OK));
    ask(&fans[2], here).await.refused(429, "rate_limited");
    let registering = |address: &str| {
        app.post("/v1/auth/register/challenge").from(address).json(&json!({ "email": "ann@example.com" })).send()
    };
    registering(here).await.refused(429, "rate_limited");
    registering(elsewhere).await.expect(StatusCode::OK);
    for fan in &fans {
        joining(&app, &sale, fan).from(here).send().await.refused(403, "proof_of_work_required");
    }
    let join = |fan, proof: &str| joining(&app, &sale, fan).from(here).header("x-proof-of-work", proof).send();
    join(&fans[1], &proof).await.expect(StatusCode::CREATED);
    join(&fans[2], "anything").await.refused(429, "rate_limited");
}

#[tokio::test]
async fn without_the_setting_no_proof_is_asked_for() {
    let app = TestApp::start().await;
    let (sale, fan) = (app.sale().await, app.fan().await);
    let asked = app.get(format!("/v1/sales/{sale}/waiting-room/challenge")).bearer(&fan).send().await;
    asked.expect(StatusCode::NO_CONTENT);
    let asked = app.post("/v1/auth/register/challenge").json(&json!({ "email": "ann@example.com" })).send().await;
    asked.expect(StatusCode::NO_CONTENT);
    join_with(&app, &sale, &fan, "anything").await.expect(StatusCode::CREATED);
}
