//! Races that ticket sales elsewhere have lost, over the real router. `docs/trust.md` lists them by these names; those
//! that are best seen without HTTP are in the store's `races`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use store::payment::{Charge, Provider, Refund, Verdict};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::app::{Answer, Fan, Shopper, TestApp};
use crate::concurrency::{all, count};

type Soon<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Two fans inside a shop of two seats, and the first holds both for 20 s.
async fn last_two_seats(app: &TestApp) -> (String, Shopper, String, Shopper) {
    let sale = app.sale_with(json!({ "total_seats": 2, "hold_ttl_sec": 20 })).await;
    let (first, second) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let hold = app.held(&sale, &first, &["GA-1-1", "GA-1-2"]).await;
    (sale, first, hold, second)
}

async fn hold_and_pay(app: &TestApp, sale: &str, shopper: &Shopper, seats: &[&str], key: &str) -> bool {
    let held = app.hold(sale, shopper, key, seats).await;
    let Some(hold) = held["hold_id"].as_str() else { return false };
    app.checkout(sale, shopper, hold, key).await.status == StatusCode::OK
}

async fn token_anew(app: &TestApp, sale: &str, fan: &Fan) -> Shopper {
    let status = app.status(sale, fan).await;
    let admission = status["admission_token"].as_str().expect("still inside").to_owned();
    Shopper { fan: fan.clone(), position: 0, admission }
}

fn lost_answer(hold: &str, key: &str) -> Value {
    json!({ "hold_id": hold, "idempotency_key": key, "payment": { "token": "sim_timeout" } })
}

/// The holder pays in the last millisecond of the hold while another wants the same last seats and the clock goes on:
/// first with the payment's answer at once, then with an answer that comes when the seats are no longer kept for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_last_ticket_checkouts_near_hold_expiry_make_one_order() {
    let app = Arc::new(TestApp::start().await);
    for round in 0..12 {
        let (sale, first, hold, second) = last_two_seats(&app).await;
        let late = round % 2 == 1;
        app.advance(19_999);
        if late {
            app.pay(&sale, &first, lost_answer(&hold, "k")).await.refused(503, "outcome_unknown");
            app.advance(119_999);
        }
        let second = token_anew(&app, &sale, &second.fan).await;
        let settles = async {
            if late {
                app.settle().await;
                return true;
            }
            app.checkout(&sale, &first, &hold, "k").await.status == StatusCode::OK
        };
        let rival = {
            let (app, sale, second) = (Arc::clone(&app), sale.clone(), second.clone());
            tokio::spawn(async move { hold_and_pay(&app, &sale, &second, &["GA-1-2", "GA-1-1"], "k").await })
        };
        let clock = {
            let app = Arc::clone(&app);
            tokio::spawn(async move { app.advance(1) })
        };
        let (_, rival, clock) = tokio::join!(settles, rival, clock);
        clock.unwrap();
        // Who came a moment too early tries again: somebody must get the seats.
        if !rival.unwrap() {
            hold_and_pay(&app, &sale, &second, &["GA-1-2", "GA-1-1"], "again").await;
        }
        app.settle().await;
        app.settle().await;
        let stats = app.stats(&sale).await;
        assert_eq!(
            (&stats["orders"], &stats["tickets_sold"], &stats["captured_total"], &stats["available_seats"]),
            (&json!(1), &json!(2), &json!(10_000), &json!(0)),
            "round {round}: {stats:?}"
        );
        assert_eq!((&stats["paying"], &stats["refund_due"]), (&json!(0), &json!(0)), "round {round}");
    }
}

/// Codes with a number of uses do not exist here. What is counted: ten seats, wanted by fifty fans; three tickets a
/// person, wanted with fifty requests at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_at_once_take_a_thing_with_n_uses_n_times() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "max_tickets_per_user": 3 })).await;
    let path = format!("/v1/sales/{sale}/holds");
    let mut calls = Vec::new();
    for n in 0..50 {
        let shopper = app.admitted(&sale).await;
        let wish = json!({ "seat_ids": [format!("GA-1-{}", n % 10 + 1)], "idempotency_key": "k" });
        calls.push(app.post(&path).admission(&shopper).json(&wish));
    }
    let answers = all(calls).await;
    assert_eq!((count(&answers, 200), count(&answers, 409)), (10, 40));
    assert_eq!(app.stats(&sale).await["held_seats"], 10);

    let fan = app.fan().await;
    for visit in 0..4 {
        app.advance(60_000);
        let shopper = app.admit(&sale, &fan).await;
        let calls = (0..50).map(|n| {
            let wish = json!({ "seat_ids": [format!("GA-2-{}", n + 1)], "idempotency_key": format!("{visit}:{n}") });
            app.post(&path).admission(&shopper).json(&wish)
        });
        let answers = all(calls.collect::<Vec<_>>()).await;
        let held: Vec<&Answer> = answers.iter().filter(|answer| answer.status == StatusCode::OK).collect();
        if visit == 3 {
            assert!(answers.iter().all(|answer| answer["code"] == "cap_exceeded"), "{answers:?}");
            break;
        }
        assert_eq!((held.len(), count(&answers, 409)), (1, 49), "one live hold at a time");
        app.checkout(&sale, &shopper, held[0]["hold_id"].as_str().unwrap(), &format!("k{visit}"))
            .await
            .expect(StatusCode::OK);
    }
    assert_eq!(app.stats(&sale).await["tickets_sold"], 3);
}

/// Sends the request and never reads the answer, which is there when `done` says so.
async fn answer_is_lost(call: crate::app::Call, done: impl AsyncFn() -> bool) {
    let mut lost = Box::pin(call.send());
    let first = lost.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending(), "the writer takes its time");
    let come = async {
        while !done().await {
            tokio::task::yield_now().await;
        }
    };
    // Against a hang: how often one looks meanwhile depends on what else the machine does.
    assert!(timeout(Duration::from_secs(30), come).await.is_ok(), "the write died with its reader");
}

/// The client hangs up after it has asked: what was asked for happens once, and the same key says what it was.
#[tokio::test]
async fn an_answer_lost_after_the_commit_is_given_again_for_the_same_key() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let holding = || {
        let wish = json!({ "seat_ids": ["GA-1-1"], "idempotency_key": "h" });
        app.post(format!("/v1/sales/{sale}/holds")).admission(&shopper).json(&wish)
    };
    answer_is_lost(holding(), async || app.stats(&sale).await["holds"] == 1).await;
    let held = holding().send().await;
    let hold = held.expect(StatusCode::OK)["hold_id"].as_str().unwrap().to_owned();
    assert_eq!(holding().send().await.body, held.body);

    let paying = || {
        let body = json!({ "hold_id": hold, "idempotency_key": "k" });
        app.post(format!("/v1/sales/{sale}/checkout")).admission(&shopper).json(&body)
    };
    answer_is_lost(paying(), async || app.stats(&sale).await["orders"] == 1).await;
    let paid = paying().send().await;
    let order = paid.expect(StatusCode::OK)["order_id"].as_str().unwrap();
    assert_eq!(paying().send().await.body, paid.body);
    let own = app.get(format!("/v1/orders/{order}")).bearer(&shopper.fan).send().await;
    assert_eq!(own.expect(StatusCode::OK)["status"], "confirmed");
    let stats = app.stats(&sale).await;
    assert_eq!(
        (&stats["orders"], &stats["tickets_sold"], &stats["captured_total"]),
        (&json!(1), &json!(1), &json!(5_000))
    );
}

/// Never answers a first charge; asked later, it has the first order's money or has never heard of it.
struct Crashing {
    charged: AtomicUsize,
    truth: Verdict,
}

impl Provider for Crashing {
    fn charge(&self, _: Charge) -> Soon<Verdict> {
        let first = self.charged.fetch_add(1, SeqCst) == 0;
        Box::pin(std::future::ready(if first { Verdict::Unknown } else { Verdict::Captured }))
    }

    fn look_up(&self, _: Charge) -> Soon<Verdict> {
        Box::pin(std::future::ready(self.truth))
    }

    fn refund(&self, _: Refund) -> Soon<bool> {
        Box::pin(std::future::ready(true))
    }
}

/// The key is on disk, its answer is not: half a minute after the restart the same key has its order, whether the
/// charge had reached the provider or not.
#[tokio::test(start_paused = true)]
async fn a_crash_after_the_key_was_written_leaves_no_retry_in_progress() {
    for (truth, charges) in [(Verdict::Captured, 1), (Verdict::Declined, 2)] {
        let provider = Arc::new(Crashing { charged: AtomicUsize::new(0), truth });
        let mut app = TestApp::embedded_paid_by(Arc::clone(&provider) as Arc<dyn Provider>).await;
        let sale = app.sale().await;
        let shopper = app.admitted(&sale).await;
        let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
        app.checkout(&sale, &shopper, &hold, "k").await.refused(503, "outcome_unknown");
        app.restart().await;
        app.checkout(&sale, &shopper, &hold, "k").await.refused(503, "outcome_unknown");
        app.advance(30_000);
        app.settle().await;
        let found = app.checkout(&sale, &shopper, &hold, "k").await;
        assert_eq!(found.expect(StatusCode::OK)["status"], "confirmed", "{truth:?}");
        assert_eq!(app.checkout(&sale, &shopper, &hold, "k").await.body, found.body);
        let stats = app.stats(&sale).await;
        assert_eq!((&stats["orders"], &stats["captured_total"]), (&json!(1), &json!(5_000)), "{truth:?}");
        assert_eq!(provider.charged.load(SeqCst), charges);
    }
}

#[tokio::test]
async fn a_quantity_tampered_with_in_the_page_meets_the_servers_cap() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let path = format!("/v1/sales/{sale}/holds");
    let ask = |wish: Value| app.post(&path).admission(&shopper).json(&wish).send();
    let best = |quantity: Value| json!({ "best_available": { "quantity": quantity }, "idempotency_key": "k" });
    let named = |count: usize| {
        let seats: Vec<String> = (1..=count).map(|n| format!("GA-1-{n}")).collect();
        json!({ "seat_ids": seats, "idempotency_key": "k", "quantity": 1, "max_tickets_per_user": 50 })
    };
    for over in [5, 50] {
        ask(best(json!(over))).await.refused(403, "cap_exceeded");
        ask(named(over)).await.refused(403, "cap_exceeded");
    }
    for odd in [json!(0), json!(51), json!(-1), json!(4.5), json!(1e9), json!("4"), json!([4]), Value::Null] {
        let answer = ask(best(odd.clone())).await;
        assert_eq!(answer.status, 422, "{odd}: {answer:?}");
    }
    ask(named(51)).await.refused(422, "bad_count");
    let mut doubled = named(4);
    doubled["seat_ids"][3] = json!("GA-1-1");
    ask(doubled).await.refused(422, "bad_count");
    assert_eq!(app.stats(&sale).await["held_seats"], 0, "nothing of it was taken");

    let held = ask(named(4)).await;
    let hold = held.expect(StatusCode::OK)["hold_id"].as_str().unwrap();
    let greedy = json!({ "hold_id": hold, "idempotency_key": "k", "quantity": 50, "total": 1, "price": 1 });
    let paid = app.pay(&sale, &shopper, greedy).await;
    assert_eq!(paid.expect(StatusCode::OK)["ticket_ids"].as_array().map(Vec::len), Some(4));
    let again = app.admit(&sale, &shopper.fan).await;
    app.hold(&sale, &again, "next", &["GA-2-1"]).await.refused(403, "cap_exceeded");
    let stats = app.stats(&sale).await;
    assert_eq!((&stats["tickets_sold"], &stats["captured_total"]), (&json!(4), &json!(20_000)), "at the sale's price");
}

/// Begun in time, a payment keeps its seats two minutes, once. Later it is honoured while nobody else has them, and
/// given back otherwise.
#[tokio::test]
async fn a_hold_that_expires_while_paying_is_kept_once_and_never_sold_twice() {
    let app = TestApp::start().await;
    for (late_ms, taken, ends) in
        [(119_999, false, "confirmed"), (120_000, false, "confirmed"), (120_000, true, "hold_expired")]
    {
        let (sale, first, hold, second) = last_two_seats(&app).await;
        app.advance(19_999);
        app.pay(&sale, &first, lost_answer(&hold, "k")).await.refused(503, "outcome_unknown");
        app.advance(late_ms);
        app.tick().await;
        let (first, second) = (token_anew(&app, &sale, &first.fan).await, token_anew(&app, &sale, &second.fan).await);
        if late_ms < 120_000 {
            app.hold(&sale, &second, "k", &["GA-1-1"]).await.refused(409, "unavailable");
        }
        if taken {
            assert!(hold_and_pay(&app, &sale, &second, &["GA-1-1"], "k").await);
        }
        app.settle().await;
        let end = app.pay(&sale, &first, lost_answer(&hold, "k")).await;
        let said = end["status"].as_str().or(end["code"].as_str());
        assert_eq!(said, Some(ends), "{late_ms} ms late: {end:?}");
        app.settle().await;
        let stats = app.stats(&sale).await;
        let tickets = if taken { 1 } else { 2 };
        assert_eq!(
            (&stats["orders"], &stats["tickets_sold"], &stats["captured_total"], &stats["refund_due"]),
            (&json!(1), &json!(tickets), &json!(tickets * 5_000), &json!(0)),
            "{late_ms} ms late"
        );
    }

    let (sale, first, hold, second) = last_two_seats(&app).await;
    app.advance(19_999);
    let declined = json!({ "hold_id": hold, "idempotency_key": "k", "payment": { "token": "sim_decline" } });
    app.pay(&sale, &first, declined).await.refused(402, "payment_declined");
    app.advance(100_000);
    let first = token_anew(&app, &sale, &first.fan).await;
    app.pay(&sale, &first, lost_answer(&hold, "again")).await.refused(503, "outcome_unknown");
    app.advance(20_000);
    let second = token_anew(&app, &sale, &second.fan).await;
    app.hold(&sale, &second, "k", &["GA-1-1"]).await.expect(StatusCode::OK);
}

/// Thinks until the test lets it go on, if the token asks for it.
struct Slow {
    thinking: Arc<Semaphore>,
    go_on: Arc<Semaphore>,
}

impl Provider for Slow {
    fn charge(&self, charge: Charge) -> Soon<Verdict> {
        let (thinking, go_on) = (Arc::clone(&self.thinking), Arc::clone(&self.go_on));
        Box::pin(async move {
            if charge.token == "sim_ok:slow" {
                thinking.add_permits(1);
                go_on.acquire().await.unwrap().forget();
            }
            Verdict::Captured
        })
    }

    fn look_up(&self, _: Charge) -> Soon<Verdict> {
        Box::pin(std::future::ready(Verdict::Unknown))
    }

    fn refund(&self, _: Refund) -> Soon<bool> {
        Box::pin(std::future::ready(true))
    }
}

/// No lock and no transaction is held across the call: others hold, give back, pay and join meanwhile. Were one held,
/// they would wait for ever: the provider answers only after them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_provider_ten_seconds_slow_stops_no_hold_of_others() {
    let (thinking, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let provider = Slow { thinking: Arc::clone(&thinking), go_on: Arc::clone(&go_on) };
    let app = TestApp::paid_by(Arc::new(provider)).await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let others = [app.admitted(&sale).await, app.admitted(&sale).await];
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    let pay = json!({ "hold_id": hold, "idempotency_key": "k", "payment": { "token": "sim_ok:slow" } });
    let slow = tokio::spawn(app.post(format!("/v1/sales/{sale}/checkout")).admission(&shopper).json(&pay).send());
    thinking.acquire().await.unwrap().forget();

    let meanwhile = async {
        app.pass(10_000).await;
        let theirs = app.held(&sale, &others[0], &["GA-1-2"]).await;
        app.release(&sale, &others[0], &theirs).await.expect(StatusCode::NO_CONTENT);
        app.hold(&sale, &others[1], "k", &["GA-1-1"]).await.refused(409, "unavailable");
        assert!(hold_and_pay(&app, &sale, &others[1], &["GA-1-2"], "2").await);
        app.admitted(&sale).await;
        app.status(&sale, &shopper.fan).await.expect(StatusCode::OK);
    };
    // A bound against a hang, not a measure.
    tokio::time::timeout(Duration::from_secs(60), meanwhile).await.expect("others wait for somebody's payment");
    assert!(!slow.is_finished());
    go_on.add_permits(1);
    slow.await.unwrap().expect(StatusCode::OK);
    assert_eq!(app.stats(&sale).await["orders"], 2);
}

#[tokio::test]
async fn a_rate_of_zero_has_no_wait_estimate() {
    let app = TestApp::start().await;
    let still = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fan = app.fan().await;
    app.join(&still, &fan).await.expect(StatusCode::CREATED);
    app.pass(5_000).await;
    let status = app.status(&still, &fan).await;
    let status = status.expect(StatusCode::OK);
    for field in ["estimated_wait_sec", "estimated_wait_range_sec"] {
        assert!(status.get(field).is_some_and(Value::is_null), "{field} is there and null: {status}");
    }

    let moving = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fans = app.fans(30).await;
    for fan in &fans {
        app.join(&moving, fan).await.expect(StatusCode::CREATED);
    }
    app.pass(10_000).await;
    let status = app.status(&moving, &fans[29]).await;
    let estimate = status["estimated_wait_sec"].as_i64().unwrap();
    assert!((15..=25).contains(&estimate), "20 people at one a second: {status:?}");
    let range = &status["estimated_wait_range_sec"];
    assert!(range[0].as_i64().unwrap() <= estimate && estimate <= range[1].as_i64().unwrap(), "{status:?}");
}

/// A new demo sale begins at nothing: no count, place, hall or admission of the one before is shown for it.
#[tokio::test]
async fn numbers_kept_beyond_a_reset_belong_to_their_sale() {
    let app = TestApp::start().await;
    let reset = async || {
        let terms = json!({ "total_seats": 100, "admit_per_minute": 60_000 });
        let answer = app.post("/v1/demo/reset").json(&terms).send().await;
        answer.expect(StatusCode::OK)["sale_id"].as_str().unwrap().to_owned()
    };
    let old = reset().await;
    let shopper = app.admitted(&old).await;
    let hall = |sale: &str, shopper: &Shopper, query: &str| {
        app.get(format!("/v1/sales/{sale}/seats{query}")).admission(shopper)
    };
    let whole = hall(&old, &shopper, "").send().await;
    let (version, etag) = (whole["version"].as_str().unwrap().to_owned(), whole.header("etag").to_owned());
    assert!(hold_and_pay(&app, &old, &shopper, &["GA-1-1"], "k").await);

    let new = reset().await;
    let dashboard = app.get("/v1/demo/dashboard").send().await;
    assert_eq!(dashboard.expect(StatusCode::OK)["sale_id"], json!(new));
    for (figure, zero) in
        [("joined", 0), ("admitted_count", 0), ("tickets_sold", 0), ("active_holds", 0), ("available_seats", 100)]
    {
        assert_eq!(dashboard[figure], zero, "{figure}");
    }
    let before = app.get(format!("/v1/demo/dashboard?sale_id={old}")).send().await;
    assert_eq!((&before["tickets_sold"], &before["joined"]), (&json!(1), &json!(1)));
    app.status(&new, &shopper.fan).await.refused(404, "not_in_queue");
    hall(&new, &shopper, "").send().await.refused(403, "admission_foreign");

    let again = app.admit(&new, &shopper.fan).await;
    assert_eq!(again.position, 1);
    // A page that kept the old hall's version must not be told that this is still the hall.
    let unchanged = hall(&new, &again, "").header("if-none-match", &etag).send().await;
    assert_eq!(unchanged.expect(StatusCode::OK)["seats"][0]["status"], "available");
    let since = hall(&new, &again, &format!("?since={version}")).send().await;
    assert_eq!((&since["complete"], since["seats"].as_array().map(Vec::len)), (&json!(true), Some(100)));
    assert!(hold_and_pay(&app, &new, &again, &["GA-1-1"], "k").await, "the same key in another sale is another key");
}
