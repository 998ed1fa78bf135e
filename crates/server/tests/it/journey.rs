//! One fan from the account to the ticket.

use http::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{Fan, TestApp};

async fn register(app: &TestApp, email: &str) -> Fan {
    let new = json!({ "email": email, "password": "swordfish!" });
    let answer = app.post("/v1/auth/register").json(&new).send().await;
    let session = answer.expect(StatusCode::CREATED);
    assert!(answer.header("set-cookie").starts_with("traffic_session="), "{answer:?}");
    let text = |name: &str| session[name].as_str().unwrap().to_owned();
    Fan { id: text("user_id"), token: text("token") }
}

#[tokio::test]
async fn a_fan_registers_waits_holds_pays_and_has_the_tickets() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = register(&app, "fan@example.com").await;
    let me = app.get("/v1/me").bearer(&fan).send().await;
    assert_eq!(*me.expect(StatusCode::OK), json!({ "user_id": fan.id, "email": "fan@example.com" }));

    let joined = app.join(&sale, &fan).await;
    let place = joined.expect(StatusCode::CREATED);
    assert_eq!((&place["position"], &place["state"]), (&json!(1), &json!("waiting")));
    let shopper = app.admit(&sale, &fan).await;
    assert_eq!(shopper.position, 1);

    let held = app.hold(&sale, &shopper, "h", &["GA-1-1", "GA-1-2"]).await;
    let hold = held.expect(StatusCode::OK);
    assert_eq!(hold["seat_ids"], json!(["GA-1-1", "GA-1-2"]));
    assert_eq!((&hold["total"], &hold["currency"]), (&json!(10_000), &json!("USD")));
    assert_eq!(hold["expires_at"], json!(app.now().plus_sec(720)));

    let hold_id = hold["hold_id"].as_str().unwrap();
    let body = json!({ "hold_id": hold_id, "idempotency_key": "pay", "attendees": ["Ann", "Bob"] });
    let paid = app.pay(&sale, &shopper, body.clone()).await;
    let order = paid.expect(StatusCode::OK);
    assert_eq!((&order["status"], &order["total"]), (&json!("confirmed"), &json!(10_000)));
    assert_eq!(order["ticket_ids"].as_array().unwrap().len(), 2);

    let again = app.pay(&sale, &shopper, body).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &paid.body), "the same key returns the same bytes");

    let order_id = order["order_id"].as_str().unwrap();
    let shown = app.get(format!("/v1/orders/{order_id}")).bearer(&fan).send().await;
    let shown = shown.expect(StatusCode::OK);
    assert_eq!((&shown["sale_id"], &shown["status"]), (&json!(sale), &json!("confirmed")));
    let ticket = &shown["tickets"][1];
    assert_eq!((&ticket["seat_id"], &ticket["attendee"]), (&json!("GA-1-2"), &json!("Bob")));
    assert_eq!((&ticket["section"], &ticket["row"], &ticket["num"]), (&json!("GA"), &json!(1), &json!(2)));

    let stats = app.stats(&sale).await;
    assert_eq!((&stats["tickets_sold"], &stats["orders"], &stats["unique_buyers"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!((&stats["captured_total"], &stats["available_seats"]), (&json!(10_000), &json!(98)));
}

#[tokio::test]
async fn one_admission_is_one_order() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    let first = app.checkout(&sale, &shopper, &hold, "k").await;
    first.expect(StatusCode::OK);

    app.hold(&sale, &shopper, "again", &["GA-1-2"]).await.refused(403, "admission_used");
    app.checkout(&sale, &shopper, &hold, "another-key").await.refused(403, "admission_used");
    let best = json!({ "best_available": { "quantity": 1 }, "idempotency_key": "best" });
    let path = format!("/v1/sales/{sale}/holds");
    app.post(&path).admission(&shopper).json(&best).send().await.refused(403, "admission_used");
    assert_eq!(app.checkout(&sale, &shopper, &hold, "k").await.body, first.body);
    assert_eq!(app.status(&sale, &shopper.fan).await["state"], "bought");
}

#[tokio::test]
async fn joining_again_after_buying_is_a_new_place_at_the_end() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let buyer = app.admitted(&sale).await;
    let hold = app.held(&sale, &buyer, &["GA-1-1"]).await;
    app.checkout(&sale, &buyer, &hold, "k").await.expect(StatusCode::OK);
    app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED);

    let again = app.join(&sale, &buyer.fan).await;
    assert_eq!(again.expect(StatusCode::CREATED)["position"], 3);
    let second = app.admit(&sale, &buyer.fan).await;
    assert_eq!(second.position, 3);
    app.hold(&sale, &buyer, "old", &["GA-1-2"]).await.refused(403, "admission_expired");
    let hold = app.held(&sale, &second, &["GA-1-2"]).await;
    app.checkout(&sale, &second, &hold, "k2").await.expect(StatusCode::OK);
    assert_eq!(app.stats(&sale).await["tickets_sold"], 2);
}

#[tokio::test]
async fn anothers_order_is_not_found() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let buyer = app.admitted(&sale).await;
    let hold = app.held(&sale, &buyer, &["GA-1-1"]).await;
    let order = app.checkout(&sale, &buyer, &hold, "k").await;
    let path = format!("/v1/orders/{}", order["order_id"].as_str().unwrap());
    app.get(&path).bearer(&buyer.fan).send().await.expect(StatusCode::OK);
    app.get(&path).bearer(&app.fan().await).send().await.refused(404, "order_not_found");
}

#[tokio::test]
async fn transfer_is_blocked_with_and_without_credentials() {
    let app = TestApp::start().await;
    let fan = app.fan().await;
    let path = "/v1/tickets/transfer";
    app.post(path).send().await.refused(403, "transfer_blocked");
    app.post(path).bearer(&fan).json(&json!({ "ticket_id": "x" })).send().await.refused(403, "transfer_blocked");
    app.post(path).json_text("{").send().await.refused(403, "transfer_blocked");
    app.call(Method::POST, path).header("authorization", "nonsense").send().await.refused(403, "transfer_blocked");
}

#[tokio::test]
async fn a_fan_signs_in_with_the_password_and_with_no_other() {
    let app = TestApp::start().await;
    let fan = register(&app, "Fan@Example.com").await;
    let login = |password: &str| {
        app.post("/v1/auth/login").json(&json!({ "email": " fan@example.COM", "password": password })).send()
    };
    let right = login("swordfish!").await;
    assert_eq!(right.expect(StatusCode::OK)["user_id"], json!(fan.id));
    login("swordfish?").await.refused(401, "login_failed");
    login("short").await.refused(401, "login_failed");
    let nobody = json!({ "email": "nobody@example.com", "password": "swordfish!" });
    app.post("/v1/auth/login").json(&nobody).send().await.refused(401, "login_failed");
    let taken = json!({ "email": "fan@example.com", "password": "swordfish!" });
    app.post("/v1/auth/register").json(&taken).send().await.refused(409, "email_taken");
}

#[tokio::test]
async fn wrong_passwords_are_limited_and_right_ones_are_not() {
    let app = TestApp::one_node().await;
    register(&app, "fan@example.com").await;
    let login = |password: &str| {
        app.post("/v1/auth/login").json(&json!({ "email": "fan@example.com", "password": password })).send()
    };
    for _ in 0..12 {
        login("swordfish!").await.expect(StatusCode::OK);
    }
    for _ in 0..10 {
        login("wrong password").await.refused(401, "login_failed");
    }
    login("wrong password").await.refused(429, "rate_limited");
    app.advance(6_001);
    login("swordfish!").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn guesses_sent_at_once_are_limited_like_guesses_in_a_row() {
    let app = TestApp::one_node().await;
    register(&app, "fan@example.com").await;
    let body = json!({ "email": "fan@example.com", "password": "wrong password" });
    let guesses: JoinSet<_> = (0..30).map(|_| app.post("/v1/auth/login").json(&body).send()).collect();
    let answers = guesses.join_all().await;
    let judged = answers.iter().filter(|answer| answer.status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(judged, 10, "the rest is refused before the password is looked at");
}
