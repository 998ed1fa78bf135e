//! Many accounts of one person: caps over clusters and tours, why somebody was refused, and lifting that for him.

use std::net::SocketAddr;

use axum::{Extension, Router};
use http::StatusCode;
use serde_json::{Value, json};
use server::listener::PeerAddr;

use crate::app::{Answer, Fan, Shopper, TestApp};

const PHONE: &str = "+91 (22) 555-0100";

async fn registered(app: &TestApp, email: &str, phone: &str) -> Fan {
    let answer = app.post("/v1/auth/register").json(&json!({ "email": email, "phone": phone })).send().await;
    let text = |name: &str| answer.expect(StatusCode::CREATED)[name].as_str().unwrap().to_owned();
    Fan { id: text("user_id"), token: text("token") }
}

/// Shoppers who all gave this phone.
async fn farm(app: &TestApp, sale: &str, count: usize, phone: &str) -> Vec<Shopper> {
    let mut shoppers = Vec::new();
    for number in 0..count {
        let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
        let fan = registered(app, &format!("f{number}-{digits}-{}@example.org", &sale[30..]), phone).await;
        shoppers.push(app.admit(sale, &fan).await);
    }
    shoppers
}

async fn pay(app: &TestApp, sale: &str, shopper: &Shopper, hold: &str, key: &str, card: &str) -> Answer {
    let payment = json!({ "token": format!("sim_ok:{card}") });
    app.pay(sale, shopper, json!({ "hold_id": hold, "idempotency_key": key, "payment": payment })).await
}

async fn refusals(app: &TestApp, sale: &str, fan: &Fan) -> Value {
    app.tick().await;
    let answer = app.get(format!("/v1/admin/accounts/{}/refusals?sale_id={sale}", fan.id)).admin().send().await;
    answer.expect(StatusCode::OK).clone()
}

async fn allow(app: &TestApp, sale: &str, body: Value) -> Answer {
    app.post(format!("/v1/admin/sales/{sale}/exceptions")).admin().json(&body).send().await
}

#[tokio::test]
async fn an_account_farm_of_one_phone_holds_exactly_the_cap() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "max_tickets_per_cluster": 5 })).await;
    let farm = farm(&app, &sale, 16, PHONE).await;
    let honest = app.admitted(&sale).await;
    let tries = farm[..12].iter().chain([&honest]).enumerate().map(|(at, shopper)| {
        let wish = json!({ "seat_ids": [format!("GA-1-{}", at + 1)], "idempotency_key": "k" });
        let call = app.post(format!("/v1/sales/{sale}/holds")).admission(shopper).json(&wish);
        tokio::spawn(call.send())
    });
    let (mut held, mut refused) = (0, 0);
    let tries: Vec<_> = tries.collect();
    for (at, answer) in tries.into_iter().enumerate() {
        let answer = answer.await.unwrap();
        if answer.status == StatusCode::OK {
            held += 1;
            continue;
        }
        assert!(at < 12, "who shares nothing is not concerned: {answer:?}");
        answer.refused(403, "cluster_cap_exceeded");
        refused += 1;
    }
    assert_eq!((held, refused), (5 + 1, 7));
    assert_eq!(app.stats(&sale).await["held_seats"], 6);
}

#[tokio::test]
async fn a_refusal_by_a_shared_card_says_which_rule_and_names_nobody() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "max_tickets_per_cluster": 4 })).await;
    let (first, second) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &first, &["GA-1-1", "GA-1-2", "GA-1-3"]).await;
    pay(&app, &sale, &first, &hold, "k", "4711").await.expect(StatusCode::OK);
    let hold = app.held(&sale, &second, &["GA-2-1", "GA-2-2"]).await;
    let answer = pay(&app, &sale, &second, &hold, "k", "4711").await;
    answer.refused(403, "cluster_cap_exceeded");
    let detail = "Accounts with the same card may have 4 tickets together in this sale; they have or hold 3.";
    assert_eq!(answer["detail"], detail);
    assert!(!answer.json.to_string().contains(&first.fan.id) && !answer.json.to_string().contains("4711"));
    pay(&app, &sale, &second, &hold, "k", "0815").await.expect(StatusCode::OK);
}

/// A node as somebody at this address reaches it.
fn from(app: &TestApp, address: &str) -> Router {
    let peer = PeerAddr(SocketAddr::new(address.parse().unwrap(), 1));
    app.router().layer(Extension(peer))
}

#[tokio::test]
async fn one_network_shares_a_cap_where_the_sale_says_so() {
    let app = TestApp::start().await;
    for (cluster_by, status) in [(json!(["phone"]), StatusCode::OK), (json!(["address"]), StatusCode::FORBIDDEN)] {
        let sale = app.sale_with(json!({ "max_tickets_per_cluster": 4, "cluster_by": cluster_by })).await;
        let hold = async |address: &str, first: u32| {
            let shopper = app.admitted(&sale).await;
            let seats = [0, 1, 2].map(|seat| format!("GA-1-{}", first + seat));
            let wish = json!({ "seat_ids": seats, "idempotency_key": "k" });
            let call = app.post(format!("/v1/sales/{sale}/holds")).admission(&shopper).json(&wish);
            call.through(from(&app, address)).send().await
        };
        hold("192.0.2.1", 1).await.expect(StatusCode::OK);
        let answer = hold("192.0.2.200", 4).await;
        assert_eq!(answer.status, status, "{cluster_by}: {answer:?}");
        hold("192.0.3.1", 7).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn the_operator_sees_which_rule_refused_and_lifts_it() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "max_tickets_per_cluster": 4, "cluster_by": ["phone"] })).await;
    let family = farm(&app, &sale, 2, PHONE).await;
    app.held(&sale, &family[0], &["GA-1-1", "GA-1-2", "GA-1-3"]).await;
    let wanted = ["GA-2-1", "GA-2-2"];
    for _ in 0..2 {
        app.hold(&sale, &family[1], "k", &wanted).await.refused(403, "cluster_cap_exceeded");
    }
    let fan = &family[1].fan;
    let told = refusals(&app, &sale, fan).await;
    let minute = "2026-11-23T12:00:00.000Z";
    let expected = json!([{ "sale_id": sale, "code": "cluster_cap_exceeded", "minute": minute, "times": 2 }]);
    assert_eq!((&told["refusals"], &told["exceptions"]), (&expected, &json!([])));
    let report = app.get(format!("/v1/admin/sales/{sale}/report")).admin().send().await;
    assert_eq!(report["refusals"], json!([{ "code": "cluster_cap_exceeded", "times": 2, "accounts": 1 }]));

    let wrong_rule = json!({ "user_id": fan.id, "rule": "cap_exceeded", "extra_tickets": 1, "reason": "two boys" });
    allow(&app, &sale, wrong_rule).await.expect(StatusCode::CREATED);
    app.hold(&sale, &family[1], "k", &wanted).await.refused(403, "cluster_cap_exceeded");
    let right = json!({ "user_id": fan.id, "rule": "cluster_cap_exceeded", "extra_tickets": 1, "reason": "two boys",
        "idempotency_key": "once" });
    let granted = allow(&app, &sale, right.clone()).await;
    let id = granted.expect(StatusCode::CREATED)["exception_id"].as_str().unwrap().to_owned();
    assert_eq!(allow(&app, &sale, right).await["exception_id"], id.as_str(), "the same key is the same exception");
    let hold = app.held(&sale, &family[1], &wanted).await;

    let path = format!("/v1/admin/sales/{sale}/exceptions/{id}");
    let revoke = || app.call(http::Method::DELETE, &path).admin();
    app.advance(1);
    revoke().send().await.expect(StatusCode::NO_CONTENT);
    revoke().send().await.expect(StatusCode::NO_CONTENT);
    app.checkout(&sale, &family[1], &hold, "pay").await.expect(StatusCode::OK);
    let again = app.admit(&sale, fan).await;
    app.hold(&sale, &again, "again", &["GA-3-1"]).await.refused(403, "cluster_cap_exceeded");

    let list = app.get(format!("/v1/admin/sales/{sale}/exceptions")).admin().send().await;
    let list = list.expect(StatusCode::OK)["exceptions"].as_array().unwrap().clone();
    assert_eq!((list.len(), &list[0]["exception_id"]), (2, &json!(id)));
    assert!(list[0]["revoked_at"].is_string() && list[1]["revoked_at"].is_null());
    let audit = app.get(format!("/v1/admin/sales/{sale}/audit")).admin().send().await;
    let acts = audit["entries"].as_array().unwrap().iter().map(|entry| (entry["act"].clone(), &entry["details"]));
    let of_it: Vec<Value> =
        acts.filter(|(_, details)| details["exception_id"] == id.as_str()).map(|(act, _)| act).collect();
    assert_eq!(of_it, ["grant_exception", "revoke_exception", "revoke_exception"]);
}

#[tokio::test]
async fn a_tour_sells_one_fan_its_cap_over_all_its_shows() {
    let app = TestApp::start().await;
    let mut sales = Vec::new();
    for _ in 0..2 {
        let event = json!({ "name": "Night", "venue": "Hall", "starts_at": "2027-01-01T20:00:00Z", "group": "Tour" });
        let event = app.post("/v1/admin/events").admin().json(&event).send().await;
        let event = event.expect(StatusCode::CREATED)["event_id"].clone();
        sales.push(app.sale_with(json!({ "event_id": event, "max_tickets_per_group": 5 })).await);
    }
    let fan = app.fan().await;
    let first = app.admit(&sales[0], &fan).await;
    app.held(&sales[0], &first, &["GA-1-1", "GA-1-2", "GA-1-3", "GA-1-4"]).await;
    let second = app.admit(&sales[1], &fan).await;
    let answer = app.hold(&sales[1], &second, "k", &["GA-1-1", "GA-1-2"]).await;
    answer.refused(403, "group_cap_exceeded");
    let detail = "One person may have 5 tickets in all sales of this tour; you have or hold 4.";
    assert_eq!(answer["detail"], detail);
    app.hold(&sales[1], &second, "k", &["GA-1-1"]).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn caps_are_terms_that_are_shown_changed_and_switched_off() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shown = |answer: &Answer| {
        let names = ["max_tickets_per_cluster", "max_tickets_per_group", "max_tickets_per_group_cluster", "cluster_by"];
        json!(names.map(|name| answer[name].clone()))
    };
    let path = format!("/v1/admin/sales/{sale}");
    let off = app.get(&path).admin().send().await;
    assert_eq!(shown(&off), json!([null, null, null, ["payment", "phone"]]));
    let change = json!({ "max_tickets_per_cluster": 8, "cluster_by": ["address", "payment"] });
    let changed = app.call(http::Method::PATCH, &path).admin().json(&change).send().await;
    assert_eq!(shown(&changed), json!([8, null, null, ["payment", "address"]]));
    let change = json!({ "max_tickets_per_cluster": 0 });
    let changed = app.call(http::Method::PATCH, &path).admin().json(&change).send().await;
    assert_eq!(shown(&changed), json!([null, null, null, ["payment", "address"]]));
    for wrong in [json!(["email"]), json!([]), json!(["phone", "phone"])] {
        let change = json!({ "cluster_by": wrong });
        app.call(http::Method::PATCH, &path).admin().json(&change).send().await.wrong("cluster_by");
    }
}

#[tokio::test]
async fn refusals_and_exceptions_of_nobody_are_not_found() {
    let app = TestApp::start().await;
    let (sale, fan) = (app.sale().await, app.fan().await);
    let nobody = "00000000-0000-7000-8000-000000000000";
    for id in [nobody, "fake"] {
        app.get(format!("/v1/admin/accounts/{id}/refusals")).admin().send().await.refused(404, "account_not_found");
    }
    for id in [nobody, "fake"] {
        let path = format!("/v1/admin/accounts/{}/refusals?sale_id={id}", fan.id);
        app.get(path).admin().send().await.wrong("sale_id");
        let path = format!("/v1/admin/sales/{sale}/exceptions/{id}");
        app.call(http::Method::DELETE, path).admin().send().await.refused(404, "exception_not_found");
    }
    let both = json!({ "user_id": fan.id, "rule": "cap_exceeded", "extra_tickets": 1, "lift": true, "reason": "r" });
    allow(&app, &sale, both).await.wrong("lift");
    let neither = json!({ "user_id": fan.id, "rule": "cap_exceeded", "reason": "r" });
    allow(&app, &sale, neither).await.wrong("extra_tickets");
    let nobodys = json!({ "user_id": nobody, "rule": "cap_exceeded", "lift": true, "reason": "r" });
    allow(&app, &sale, nobodys).await.wrong("user_id");
}
