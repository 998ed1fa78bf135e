//! Who may do what: every route with every wrong credential, taken from the openapi document.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::json;

use crate::app::{ADMIN_KEY, Call, Fan, Shopper, TestApp};

/// Method and path of every operation that asks for this credential.
fn routes(credential: &str) -> Vec<(Method, String)> {
    let api = serde_json::to_value(server::router::openapi()).unwrap();
    let mut found = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let asks =
                operation["security"].as_array().is_some_and(|all| all.iter().any(|one| !one[credential].is_null()));
            if asks {
                found.push((Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), path.clone()));
            }
        }
    }
    assert!(found.len() >= 4, "{credential}: {found:?}");
    found
}

fn fill(path: &str, sale: &str) -> String {
    path.replace("{id}", sale).replace("{hold_id}", "00000000-0000-0000-0000-000000000000")
}

/// The body that existing probes send, which suits every route here.
fn probe(call: Call) -> Call {
    call.json(&json!({ "seat_ids": [], "hold_id": "fake", "idempotency_key": "k" }))
}

/// Another account's token under the first one's signature.
fn forged(fan: &Fan, other: &Fan) -> String {
    let bytes = |fan: &Fan| BASE64_URL_SAFE_NO_PAD.decode(&fan.token).unwrap();
    let (mut mine, theirs) = (bytes(fan), bytes(other));
    mine[1..17].copy_from_slice(&theirs[1..17]);
    BASE64_URL_SAFE_NO_PAD.encode(mine)
}

#[tokio::test]
async fn every_session_route_refuses_what_is_no_session() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let fan = app.fan().await;
    let forged = forged(&fan, &shopper.fan);
    let values = [
        String::new(),
        "nonsense".to_owned(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Bearer x".to_owned(),
        format!("Bearer {forged}"),
        format!("Bearer {}x", fan.token),
        format!("Bearer {} {}", fan.token, fan.token),
        format!("Basic {}", fan.token),
        format!("Admission {}", shopper.admission),
        format!("Bearer {}", shopper.admission),
        format!("Bearer {}", "x".repeat(5_000)),
        "Bearer \u{e9}".to_owned(),
    ];
    for (method, path) in routes("session") {
        let call = || probe(app.call(method.clone(), fill(&path, &sale)));
        call().send().await.refused(401, "session_invalid");
        for value in &values {
            call().header("authorization", value).send().await.refused(401, "session_invalid");
        }
    }
    app.advance(30 * 86_400_000);
    for (method, path) in routes("session") {
        app.call(method, fill(&path, &sale)).bearer(&fan).send().await.refused(401, "session_invalid");
    }
}

#[tokio::test]
async fn a_session_lasts_to_its_last_second() {
    let app = TestApp::start().await;
    let fan = app.fan().await;
    app.advance(30 * 86_400_000 - 1_000);
    app.get("/v1/me").bearer(&fan).send().await.expect(StatusCode::OK);
    app.advance(1_000);
    app.get("/v1/me").bearer(&fan).send().await.refused(401, "session_invalid");
}

#[tokio::test]
async fn every_admission_route_refuses_what_is_no_admission_for_this_sale() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let other_sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let elsewhere = app.admitted(&other_sale).await;
    let mut parts: Vec<String> = shopper.admission.split('.').map(str::to_owned).collect();
    let stranger = app.admitted(&sale).await;
    parts[1] = stranger.admission.split('.').nth(1).unwrap().to_owned();
    let unsigned = {
        let head = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        format!("{head}.{}.", parts[1])
    };
    for (method, path) in routes("admission") {
        let call = |sale: &str| probe(app.call(method.clone(), fill(&path, sale)));
        call(&sale).send().await.refused(403, "admission_required");
        call(&sale).bearer(&shopper.fan).send().await.refused(403, "admission_required");
        call(&sale).admin().send().await.refused(403, "admission_required");
        call(&sale).header("authorization", "Admission").send().await.refused(403, "admission_required");
        for token in ["", "x", "a.b.c", &parts.join("."), &unsigned, &"x".repeat(5_000), &shopper.fan.token] {
            let call = call(&sale).header("authorization", format!("Admission {token}"));
            call.send().await.refused(403, "admission_invalid");
        }
        call(&sale).admission(&elsewhere).send().await.refused(403, "admission_foreign");
        for odd in ["fake", "%00", "00000000-0000-0000-0000-000000000000"] {
            call(odd).send().await.refused(403, "admission_required");
            call(odd).admission(&shopper).send().await.refused(403, "admission_foreign");
        }
    }
    // To the second: a token's times have no fractions. Nodes' clocks may differ by five.
    app.advance(94_000);
    let path = format!("/v1/sales/{sale}/seats");
    app.get(&path).admission(&stranger).send().await.expect(StatusCode::OK);
    app.advance(1_000);
    for (method, path) in routes("admission") {
        let call = probe(app.call(method, fill(&path, &sale)));
        call.admission(&stranger).send().await.refused(403, "admission_expired");
    }
}

#[tokio::test]
async fn the_credential_is_judged_before_everything_else() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    for query in ["?limit=1&limit=2", "?limit=%FF", "?status=x"] {
        app.get(format!("/v1/sales/{sale}/seats{query}")).send().await.refused(403, "admission_required");
    }
    for credential in ["session", "admission", "admin"] {
        for (method, path) in routes(credential) {
            let (status, code) = match credential {
                "session" => (401, "session_invalid"),
                "admission" => (403, "admission_required"),
                _ => (401, "admin_key_invalid"),
            };
            for id in ["%FF", "fake", "..%2F", "%00"] {
                let call = app.call(method.clone(), fill(&path, id)).body("{");
                call.send().await.refused(status, code);
            }
        }
    }
}

#[tokio::test]
async fn an_admission_that_bought_buys_nothing_more() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
    app.hold(&sale, &shopper, "new", &["GA-1-2"]).await.refused(403, "admission_used");
    app.checkout(&sale, &shopper, &hold, "new").await.refused(403, "admission_used");
    app.checkout(&sale, &shopper, "00000000-0000-0000-0000-000000000000", "new").await.refused(403, "admission_used");
}

#[tokio::test]
async fn a_stolen_admission_acts_only_as_its_own_account() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let (owner, thief) = (app.admitted(&sale).await, app.fan().await);
    let body = json!({ "seat_ids": ["GA-1-1"], "idempotency_key": "k" });
    let path = format!("/v1/sales/{sale}/holds");
    let cookie = format!("traffic_session={}", thief.token);
    let stolen = app.post(&path).admission(&owner).header("cookie", &cookie).json(&body).send().await;
    stolen.refused(403, "admission_foreign");
    let own = format!("traffic_session={}", owner.fan.token);
    app.post(&path).admission(&owner).header("cookie", own).json(&body).send().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_cookie_is_a_session_for_this_sites_own_pages() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    let cookie = format!("theme=dark; traffic_session={}", fan.token);
    let me = app.get("/v1/me").header("cookie", &cookie).send().await;
    assert_eq!(me.expect(StatusCode::OK)["user_id"], json!(fan.id));
    let join = || {
        app.post(format!("/v1/sales/{sale}/waiting-room/join"))
            .header("cookie", &cookie)
            .header("host", "tickets.example")
    };
    join().send().await.refused(403, "cross_site");
    for site in ["cross-site", "same-site", ""] {
        join().header("sec-fetch-site", site).send().await.refused(403, "cross_site");
    }
    for origin in ["https://evil.example", "null", "https://tickets.example.evil.example", "tickets.example", ""] {
        join().header("origin", origin).send().await.refused(403, "cross_site");
    }
    join()
        .header("sec-fetch-site", "cross-site")
        .header("origin", "https://tickets.example")
        .send()
        .await
        .refused(403, "cross_site");
    join().header("origin", "https://tickets.example").send().await.expect(StatusCode::CREATED);
    join().header("sec-fetch-site", "same-origin").send().await.expect(StatusCode::OK);
    app.get("/v1/me").header("cookie", "traffic_session=x").send().await.refused(401, "session_invalid");
    app.get("/v1/me")
        .header("cookie", format!("__Host-traffic={}", fan.token))
        .send()
        .await
        .refused(401, "session_invalid");
}

#[tokio::test]
async fn the_bearer_wins_over_the_cookie() {
    let app = TestApp::start().await;
    let (one, two) = (app.fan().await, app.fan().await);
    let cookie = format!("traffic_session={}", two.token);
    let me = app.get("/v1/me").bearer(&one).header("cookie", &cookie).send().await;
    assert_eq!(me.expect(StatusCode::OK)["user_id"], json!(one.id));
    let wrong = app.get("/v1/me").header("authorization", "Bearer x").header("cookie", &cookie).send().await;
    wrong.refused(401, "session_invalid");
}

#[tokio::test]
async fn every_admin_route_needs_the_operators_key() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    for (method, path) in routes("admin") {
        let call = || probe(app.call(method.clone(), fill(&path, &sale)));
        call().send().await.refused(401, "admin_key_invalid");
        call().bearer(&fan).send().await.refused(401, "admin_key_invalid");
        for key in ["", "x", "dev-admin-kez", "dev-admin-key ", "DEV-ADMIN-KEY", "dev-admin-key\u{e9}"] {
            let key = if key.ends_with(' ') { format!("{key}x") } else { key.to_owned() };
            call().header("x-admin-key", key).send().await.refused(401, "admin_key_invalid");
        }
        // Wrong keys are limited: see `limits_by_address`.
        app.advance(60_000);
        app.call(method.clone(), format!("{}?admin_key={ADMIN_KEY}", fill(&path, &sale)))
            .send()
            .await
            .refused(401, "admin_key_invalid");
    }
}

#[tokio::test]
async fn the_known_key_opens_nothing_under_a_foreign_name() {
    let app = TestApp::start().await;
    for (host, is_own) in [
        ("localhost:8080", true),
        ("127.0.0.1:8080", true),
        ("[::1]:8080", true),
        ("demo.LOCALHOST", true),
        ("evil.example:8080", false),
        ("localhost.evil.example", false),
        ("127.0.0.1.evil.example:8080", false),
        ("", false),
    ] {
        for path in ["/v1/admin/events", "/v1/demo/dashboard"] {
            let answer = app.get(path).admin().header("host", host).send().await;
            assert_eq!(answer.status != StatusCode::FORBIDDEN, is_own, "{host} {path}: {answer:?}");
        }
    }
    let app = TestApp::with(&[("ADMIN_API_KEY", "a-key-of-this-installation-alone-0123456789")]).await;
    let key = "a-key-of-this-installation-alone-0123456789";
    let events = app.get("/v1/admin/events").header("x-admin-key", key).header("host", "shop.example");
    events.send().await.expect(StatusCode::OK);
    // The demo without a key of its own is for this machine.
    app.get("/v1/demo/dashboard").header("host", "shop.example").send().await.refused(401, "demo_key_invalid");
    let demo = app.get("/v1/demo/dashboard").header("x-admin-key", key).header("host", "shop.example").send().await;
    assert_ne!(demo.status, StatusCode::UNAUTHORIZED, "{demo:?}");
}

/// Not in the document's securities: the key of the demo is a setting.
const DEMO: [(Method, &str); 3] =
    [(Method::POST, "/v1/demo/reset"), (Method::POST, "/v1/demo/adopt"), (Method::GET, "/v1/demo/dashboard")];

#[tokio::test]
async fn demo_routes_need_the_demo_key_where_one_is_set() {
    let app = TestApp::with(&[("DEMO_API_KEY", "demo-key-for-tests")]).await;
    let config = app.get("/v1/demo/config").send().await;
    assert_eq!(config.expect(StatusCode::OK)["demo_key_required"], true);
    for (method, path) in DEMO {
        let call = |query: &str| probe(app.call(method.clone(), format!("{path}{query}")));
        call("").send().await.refused(401, "demo_key_invalid");
        call("").header("x-demo-key", "wrong").send().await.refused(401, "demo_key_invalid");
        call("?demo_key=wrong").send().await.refused(401, "demo_key_invalid");
        call("?demo_key=demo-key-for-tests")
            .header("x-demo-key", "wrong")
            .send()
            .await
            .refused(401, "demo_key_invalid");
        for allowed in [
            call("").header("x-demo-key", "demo-key-for-tests"),
            call("?demo_key=demo-key-for-tests"),
            call("").admin(),
        ] {
            let answer = allowed.send().await;
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn without_a_demo_key_the_demo_is_the_operators_where_others_can_connect() {
    let key = "a-key-of-this-installation-alone-0123456789";
    let open = TestApp::with(&[("HTTP_ADDR", "0.0.0.0:8080"), ("ADMIN_API_KEY", key)]).await;
    let here = TestApp::with(&[("ADMIN_API_KEY", key)]).await;
    for (method, path) in DEMO {
        let call = |app: &TestApp| probe(app.call(method.clone(), path));
        call(&open).send().await.refused(401, "demo_key_invalid");
        let by_the_operator = call(&open).header("x-admin-key", key).send().await;
        assert_ne!(by_the_operator.status, StatusCode::UNAUTHORIZED, "{by_the_operator:?}");
        let on_this_machine = call(&here).send().await;
        assert_ne!(on_this_machine.status, StatusCode::UNAUTHORIZED, "{on_this_machine:?}");
        // Another site's page in the browser of somebody who may.
        if method == Method::POST {
            let origin = |app| call(app).header("host", "localhost:8080").header("origin", "https://evil.example");
            origin(&here).send().await.refused(403, "cross_site");
        }
    }
}

#[tokio::test]
async fn there_is_no_demo_where_the_lab_is_off() {
    let app = TestApp::with(&[("TRAFFIC_LAB", "off")]).await;
    for (method, path) in DEMO {
        probe(app.call(method.clone(), path)).send().await.refused(404, "not_found");
        probe(app.call(method, path)).admin().send().await.refused(404, "not_found");
    }
    app.get("/v1/demo/config").send().await.refused(404, "not_found");
    app.get("/").send().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn an_admission_is_no_key_to_another_sale_and_no_session() {
    let app = TestApp::start().await;
    let (here, there) = (app.sale().await, app.sale().await);
    let shopper = app.admitted(&here).await;
    app.hold(&there, &shopper, "k", &["GA-1-1"]).await.refused(403, "admission_foreign");
    let as_session = Fan { id: String::new(), token: shopper.admission.clone() };
    app.get("/v1/me").bearer(&as_session).send().await.refused(401, "session_invalid");
    let upper = Shopper { admission: shopper.admission.clone(), ..shopper };
    let lower =
        app.get(format!("/v1/sales/{here}/seats")).header("authorization", format!("admission {}", upper.admission));
    assert_eq!(lower.send().await.status, StatusCode::OK, "schemes are compared without regard to case");
}
