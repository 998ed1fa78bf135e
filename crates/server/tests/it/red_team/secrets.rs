//! What everybody can read holds nothing that only some may know.

use http::{Method, StatusCode};
use serde_json::json;

use super::operations;
use crate::app::{Answer, TestApp};

const JWT_SECRET: &str = "c29tZSBieXRlcyBvZiBhIHNlY3JldCBvZiB0aGlzIHRlc3Q5Mg";
const PREVIOUS: &str = "YW5vdGhlciBzZWNyZXQgb2YgdGhpcyB0ZXN0LCBmb3JtZXJseQ";
const ADMIN: &str = "a-key-of-this-installation-alone-0123456789";
const DEMO: &str = "demo-key-of-this-installation-9876543210";
const REDIS_PASSWORD: &str = "the-password-of-the-cache";

fn holds_one_of(answer: &Answer, secrets: &[String]) -> Option<String> {
    let headers =
        answer.headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    let text = format!("{}{}", headers.collect::<String>(), String::from_utf8_lossy(&answer.body));
    secrets.iter().find(|secret| text.contains(secret.as_str())).cloned()
}

#[tokio::test]
async fn no_page_document_or_answer_shows_a_secret() {
    let redis = "redis://:the-password-of-the-cache@127.0.0.1:9";
    let app = TestApp::with(&[
        ("JWT_SECRET", JWT_SECRET),
        ("JWT_SECRET_PREVIOUS", PREVIOUS),
        ("ADMIN_API_KEY", ADMIN),
        ("DEMO_API_KEY", DEMO),
        ("REDIS_URL", redis),
    ])
    .await;
    let operator = |method: Method, path: &str| app.call(method, path).header("x-admin-key", ADMIN);
    let event = json!({ "name": "Night", "venue": "Hall", "starts_at": "2027-01-01T20:00:00Z" });
    let event = operator(Method::POST, "/v1/admin/events").json(&event).send().await;
    let sale = json!({
        "event_id": event.expect(StatusCode::CREATED)["event_id"], "opens_at": app.now(),
        "ends_at": app.now().plus_sec(3_600), "total_seats": 100, "admit_per_minute": 60_000,
    });
    let sale = operator(Method::POST, "/v1/admin/sales").json(&sale).send().await;
    let sale = sale.expect(StatusCode::CREATED)["sale_id"].as_str().unwrap().to_owned();
    let account = json!({ "email": "somebody@example.com", "password": "a password of somebody" });
    let registered = app.post("/v1/auth/register").json(&account).send().await;
    let text = |name: &str| registered.expect(StatusCode::CREATED)[name].as_str().unwrap().to_owned();
    let fan = crate::app::Fan { id: text("user_id"), token: text("token") };
    let shopper = app.admit(&sale, &fan).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    let order = app.checkout(&sale, &shopper, &hold, "k").await;
    let ticket = order.expect(StatusCode::OK)["ticket_ids"][0].as_str().unwrap();
    let ticket = app.get(format!("/v1/tickets/{ticket}")).bearer(&fan).send().await;
    let code = ticket.expect(StatusCode::OK)["code"].as_str().unwrap().to_owned();

    let of_server =
        [JWT_SECRET, PREVIOUS, ADMIN, DEMO, REDIS_PASSWORD, "a password of somebody", "$argon2"].map(str::to_owned);
    let of_fan =
        [fan.token.clone(), shopper.admission.clone(), code.clone(), "somebody@example.com".to_owned(), fan.id.clone()];
    let all = [&of_server[..], &of_fan].concat();
    assert_eq!(holds_one_of(&registered, &all), Some(fan.token.clone()), "the control: what is there is found");
    assert_eq!(holds_one_of(&ticket, &all), Some(code));

    let described = operations();
    // Everything that anybody may read, and what everybody is told who may not.
    let public = server::router::templates().map(|path| (Method::GET, super::fill(&path, &sale)));
    let refused = described.iter().map(|one| (one.method.clone(), one.filled(&sale)));
    let mut read = 0;
    for (method, path) in public.chain(refused) {
        let answer = app.call(method, &path).send().await;
        assert_eq!(holds_one_of(&answer, &all), None, "{answer:?}");
        let body = String::from_utf8_lossy(&answer.body);
        assert!(!body.contains(&format!("/sales/{sale}/")), "a way into this sale's line stands nowhere: {answer:?}");
        read += usize::from(answer.status.is_success());
    }
    assert!(read >= 10, "{read} public answers");
    // Nor does the operator read what belongs to the server or opens somebody's account.
    for one in described.iter().filter(|one| one.method == Method::GET && one.credential.as_deref() == Some("admin")) {
        let answer = operator(Method::GET, &one.filled(&sale)).send().await;
        let tokens = [&of_server[..], &of_fan[..3]].concat();
        assert_eq!(holds_one_of(&answer, &tokens), None, "{answer:?}");
    }
}
