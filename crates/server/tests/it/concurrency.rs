//! Many at once, on several threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;

use crate::app::{Answer, TestApp};

/// Sends everything at once; the answers in no order.
pub(crate) async fn all(calls: impl IntoIterator<Item = crate::app::Call>) -> Vec<Answer> {
    let mut tasks = JoinSet::new();
    for call in calls {
        tasks.spawn(call.send());
    }
    tasks.join_all().await
}

pub(crate) fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status.as_u16() == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_joins_at_once_are_positions_1_to_200() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(200).await;
    let path = format!("/v1/sales/{sale}/waiting-room/join");
    let answers = all(fans.iter().map(|fan| app.post(&path).bearer(fan))).await;
    let mut positions: Vec<i64> =
        answers.iter().map(|answer| answer.expect(StatusCode::CREATED)["position"].as_i64().unwrap()).collect();
    positions.sort_unstable();
    assert!(positions.iter().copied().eq(1..=200), "{positions:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_fan_on_fifty_devices_has_one_place() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = app.fans(4).await;
    let path = format!("/v1/sales/{sale}/waiting-room/join");
    // A burst of first joins is within the limit of 20 for each account.
    let answers = all((0..80).map(|n| app.post(&path).bearer(&fans[n % 4]))).await;
    assert_eq!((count(&answers, 201), count(&answers, 200)), (4, 76));
    assert_eq!(app.stats(&sale).await["joined"], 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_polls_of_one_called_fan_make_one_claim() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    app.pass(200).await;
    let path = format!("/v1/sales/{sale}/waiting-room/status");
    let answers = all((0..50).map(|_| app.get(&path).bearer(&fan))).await;
    for answer in &answers {
        assert_eq!(answer.expect(StatusCode::OK)["state"], "inside");
        assert_eq!(answer["deadline"], answers[0]["deadline"]);
        assert_eq!(answer["admission_token"], answers[0]["admission_token"], "one claim, one token");
    }
    assert_eq!(app.stats(&sale).await["inside"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_fans_at_one_seat_and_one_has_it() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let mut calls = Vec::new();
    let path = format!("/v1/sales/{sale}/holds");
    let wish = json!({ "seat_ids": ["GA-1-1"], "idempotency_key": "k" });
    for _ in 0..50 {
        let shopper = app.admitted(&sale).await;
        calls.push(app.post(&path).admission(&shopper).json(&wish));
    }
    let answers = all(calls).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 49));
    assert_eq!(app.stats(&sale).await["held_seats"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_fans_at_the_best_of_twenty_seats_take_exactly_twenty() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let mut calls = Vec::new();
    let path = format!("/v1/sales/{sale}/holds");
    let best = json!({ "best_available": { "quantity": 1 }, "idempotency_key": "k" });
    for _ in 0..50 {
        let shopper = app.admitted(&sale).await;
        calls.push(app.post(&path).admission(&shopper).json(&best));
    }
    let answers = all(calls).await;
    // Who lost three races is told "unavailable"; whoever got seats got seats of their own.
    let mut taken: Vec<String> = Vec::new();
    for answer in answers.iter().filter(|answer| answer.status == StatusCode::OK) {
        taken.push(answer["seat_ids"][0].as_str().unwrap().to_owned());
    }
    let held = taken.len();
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), held, "a seat was given twice");
    assert_eq!(held + count(&answers, 409), 50);
    assert!(held >= 25, "only {held} of 50 found one of 100 seats");
    assert_eq!(app.stats(&sale).await["held_seats"], json!(held));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_hold_paid_with_twenty_keys_at_once_is_one_order() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    let path = format!("/v1/sales/{sale}/checkout");
    let calls = (0..20).map(|n| {
        let body = json!({ "hold_id": hold, "idempotency_key": format!("k{n}") });
        app.post(&path).admission(&shopper).json(&body)
    });
    let answers = all(calls.collect::<Vec<_>>()).await;
    assert_eq!((count(&answers, 200), count(&answers, 403) + count(&answers, 409)), (1, 19));
    let stats = app.stats(&sale).await;
    assert_eq!((&stats["orders"], &stats["captured_total"]), (&json!(1), &json!(5_000)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_sent_twenty_times_at_once_is_one_order_and_the_same_bytes() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    let path = format!("/v1/sales/{sale}/checkout");
    let body = json!({ "hold_id": hold, "idempotency_key": "k" });
    let answers = all((0..20).map(|_| app.post(&path).admission(&shopper).json(&body))).await;
    for answer in &answers {
        answer.expect(StatusCode::OK);
        assert_eq!(answer.body, answers[0].body);
    }
    assert_eq!(app.stats(&sale).await["captured_total"], 5_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_registered_ten_times_at_once_is_one_account() {
    let app = TestApp::start().await;
    let new = json!({ "email": "fan@example.com" });
    let answers = all((0..10).map(|_| app.post("/v1/auth/register").json(&new))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 9));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whole_purchases_beside_a_running_worker_sell_every_seat_once() {
    let app = Arc::new(TestApp::start().await);
    let sale = app.sale_with(json!({ "total_seats": 20 })).await;
    let fans = app.fans(40).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut tasks = JoinSet::new();
    for fan in fans {
        let (app, sale, is_over) = (Arc::clone(&app), sale.clone(), Arc::clone(&is_over));
        tasks.spawn(async move {
            app.join(&sale, &fan).await.expect(StatusCode::CREATED);
            // However slow the worker is beside this, nobody gives up before the last seat is sold.
            for poll in 0_u64.. {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let status = app.status(&sale, &fan).await;
                if let Some(token) = status["admission_token"].as_str() {
                    let shopper = crate::app::Shopper { position: 0, admission: token.to_owned(), fan: fan.clone() };
                    let best = json!({ "best_available": { "quantity": 1 }, "idempotency_key": poll.to_string() });
                    let path = format!("/v1/sales/{sale}/holds");
                    let held = app.post(&path).admission(&shopper).json(&best).send().await;
                    if held.status == StatusCode::OK {
                        let hold = held["hold_id"].as_str().unwrap();
                        app.checkout(&sale, &shopper, hold, "k").await.expect(StatusCode::OK);
                        return true;
                    }
                }
                if status["phase"] == "sold_out" {
                    return false;
                }
                tokio::task::yield_now().await;
            }
            false
        });
    }
    while app.stats(&sale).await["tickets_sold"] != 20 {
        app.pass(200).await;
    }
    is_over.store(true, Ordering::SeqCst);
    let bought = tasks.join_all().await.into_iter().filter(|bought| *bought).count();
    let stats = app.stats(&sale).await;
    assert_eq!((bought, &stats["tickets_sold"], &stats["available_seats"]), (20, &json!(20), &json!(0)));
    assert_eq!((&stats["unique_buyers"], &stats["captured_total"]), (&json!(20), &json!(100_000)));
}
