//! Places, calls, claims, and what the status says on the way.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Answer, Fan, Shopper, TestApp};

/// The claim that an admission names.
fn claim_of(admission: &str) -> String {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(admission.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<Value>(&claims).unwrap()["jti"].as_str().unwrap().to_owned()
}

/// Joins these, in order, before anybody is called.
async fn line(app: &TestApp, sale: &str, count: usize) -> Vec<Fan> {
    let fans = app.fans(count).await;
    for fan in &fans {
        app.join(sale, fan).await.expect(StatusCode::CREATED);
    }
    fans
}

#[tokio::test]
async fn the_first_join_is_201_and_every_other_200_with_the_same_place() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    line(&app, &sale, 2).await;
    let fan = app.fan().await;
    let first = app.join(&sale, &fan).await;
    let first = first.expect(StatusCode::CREATED);
    assert_eq!((&first["position"], &first["state"], &first["phase"]), (&json!(3), &json!("waiting"), &json!("open")));
    assert_eq!((&first["ahead_count"], &first["sale_id"]), (&json!(2), &json!(sale)));
    assert_eq!(first["joined_at"], json!(app.now()));
    assert!(first["message"].is_string());
    app.advance(5_000);
    for _ in 0..3 {
        let again = app.join(&sale, &fan).await;
        let again = again.expect(StatusCode::OK);
        assert_eq!((&again["position"], &again["joined_at"]), (&first["position"], &first["joined_at"]));
    }
    assert_eq!(app.stats(&sale).await["joined"], 3);
}

#[tokio::test]
async fn people_are_called_in_the_order_they_joined_at_the_rate_of_the_sale() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fans = line(&app, &sale, 5).await;
    for called in 0..5 {
        for (at, fan) in fans.iter().enumerate() {
            let status = app.status(&sale, fan).await;
            let status = status.expect(StatusCode::OK);
            assert_eq!(status["position"], json!(at + 1));
            assert_eq!(status["state"] == "inside", at < called, "{called} are called: {status}");
            assert_eq!(status["admitted"], json!(at < called));
        }
        app.pass(1_000).await;
    }
}

#[tokio::test]
async fn nobody_is_called_a_tick_before_one_whole_persons_credit() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fan = line(&app, &sale, 1).await.remove(0);
    app.pass(800).await;
    assert_eq!(app.status(&sale, &fan).await["state"], "waiting");
    app.pass(200).await;
    assert_eq!(app.status(&sale, &fan).await["state"], "inside");
}

#[tokio::test]
async fn the_doors_open_at_the_millisecond() {
    let app = TestApp::start().await;
    let opens_at = app.now().plus_ms(1_000);
    let sale = app.sale_with(json!({ "opens_at": opens_at })).await;
    let fan = app.fan().await;
    app.advance(999);
    let early = app.join(&sale, &fan).await;
    early.refused(403, "sale_closed");
    assert!(early["detail"].as_str().unwrap().contains(&opens_at.to_string()), "{early:?}");
    app.status(&sale, &fan).await.refused(404, "not_in_queue");
    app.advance(1);
    assert_eq!(app.join(&sale, &fan).await.expect(StatusCode::CREATED)["position"], 1);
}

#[tokio::test]
async fn after_the_end_nobody_joins_and_who_has_a_place_still_gets_it() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "ends_at": app.now().plus_sec(60), "admit_per_minute": 0 })).await;
    let fans = app.fans(2).await;
    app.advance(59_999);
    app.join(&sale, &fans[0]).await.expect(StatusCode::CREATED);
    app.advance(1);
    app.join(&sale, &fans[1]).await.refused(403, "sale_closed");
    let again = app.join(&sale, &fans[0]).await;
    let again = again.expect(StatusCode::OK);
    assert_eq!((&again["position"], &again["phase"]), (&json!(1), &json!("ended")));
    let status = app.status(&sale, &fans[0]).await;
    assert_eq!(status.expect(StatusCode::OK)["phase"], "ended");
}

#[tokio::test]
async fn a_called_fan_who_comes_after_the_end_is_not_let_in() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "ends_at": app.now().plus_sec(10) })).await;
    let fan = line(&app, &sale, 1).await.remove(0);
    app.pass(400).await;
    app.advance(10_000);
    let status = app.status(&sale, &fan).await;
    let status = status.expect(StatusCode::OK);
    assert_eq!(
        (&status["state"], &status["admitted"], &status["phase"]),
        (&json!("called"), &json!(false), &json!("ended"))
    );
    assert_eq!(status["admission_token"], Value::Null);
}

#[tokio::test]
async fn a_full_room_turns_newcomers_away_and_keeps_every_place() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "waiting_room_cap": 2, "admit_per_minute": 60 })).await;
    let fans = line(&app, &sale, 2).await;
    let late = app.fan().await;
    let full = app.join(&sale, &late).await;
    full.refused(503, "room_full");
    assert!(full.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(app.join(&sale, &fans[1]).await.expect(StatusCode::OK)["position"], 2);
    app.leave(&sale, &fans[1]).await.expect(StatusCode::OK);
    assert_eq!(app.join(&sale, &late).await.expect(StatusCode::CREATED)["position"], 3);
    app.join(&sale, &fans[1]).await.refused(503, "room_full");
    app.pass(1_000).await;
    assert_eq!(app.join(&sale, &fans[1]).await.expect(StatusCode::CREATED)["position"], 4);
}

#[tokio::test]
async fn status_and_leave_without_a_place_are_404() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    app.status(&sale, &fan).await.refused(404, "not_in_queue");
    app.leave(&sale, &fan).await.refused(404, "not_in_queue");
    app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    app.leave(&sale, &fan).await.expect(StatusCode::OK);
    app.leave(&sale, &fan).await.refused(404, "not_in_queue");
    for id in ["fake", "00000000-0000-0000-0000-000000000000"] {
        app.join(id, &fan).await.refused(404, "sale_not_found");
        app.status(id, &fan).await.refused(404, "sale_not_found");
        app.leave(id, &fan).await.refused(404, "sale_not_found");
    }
}

#[tokio::test]
async fn looking_does_not_go_in_and_the_first_poll_does() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = line(&app, &sale, 1).await.remove(0);
    app.pass(200).await;
    let path = format!("/v1/sales/{sale}/waiting-room/status");
    let head = app.call(Method::HEAD, &path).bearer(&fan).send().await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    for (name, value) in [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")] {
        let prefetch = app.get(&path).bearer(&fan).header(name, value).send().await;
        assert_eq!(prefetch.expect(StatusCode::OK)["state"], "called");
        assert_eq!((&prefetch["admitted"], &prefetch["admission_token"]), (&json!(false), &Value::Null));
    }
    app.join(&sale, &fan).await.expect(StatusCode::OK);
    let stats = app.stats(&sale).await;
    assert_eq!((&stats["called"], &stats["inside"]), (&json!(1), &json!(0)));
    let status = app.status(&sale, &fan).await;
    assert_eq!((&status["state"], &status["admitted"]), (&json!("inside"), &json!(true)));
    assert_eq!(status["deadline"], json!(app.now().plus_sec(600)));
    assert_eq!(app.stats(&sale).await["inside"], 1);
}

#[tokio::test]
async fn every_poll_inside_names_the_same_claim_and_deadline() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let first = app.status(&sale, &shopper.fan).await;
    app.advance(30_000);
    let later = app.status(&sale, &shopper.fan).await;
    let token = later["admission_token"].as_str().unwrap();
    assert_eq!(claim_of(token), claim_of(&shopper.admission));
    assert_eq!(later["deadline"], first["deadline"]);
}

#[tokio::test]
async fn the_token_is_signed_anew_at_half_its_life_for_the_same_claim() {
    let app = TestApp::one_node().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    app.advance(44_000);
    let before = app.status(&sale, &shopper.fan).await;
    assert_eq!(before["admission_token"], json!(shopper.admission));
    app.advance(2_000);
    let after = app.status(&sale, &shopper.fan).await;
    let token = after["admission_token"].as_str().unwrap();
    assert_ne!(token, shopper.admission);
    assert_eq!(claim_of(token), claim_of(&shopper.admission));
    let renewed = Shopper { admission: token.to_owned(), ..shopper.clone() };
    app.advance(60_000);
    app.hold(&sale, &shopper, "old", &["GA-1-1"]).await.refused(403, "admission_expired");
    app.hold(&sale, &renewed, "new", &["GA-1-1"]).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn who_comes_too_late_returns_and_is_called_before_those_behind() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60, "claim_window_sec": 2 })).await;
    let fans = line(&app, &sale, 1).await;
    app.pass(1_000).await;
    app.pass(2_000).await;
    let behind = line(&app, &sale, 2).await;
    let late = app.status(&sale, &fans[0]).await;
    let late = late.expect(StatusCode::OK);
    assert_eq!((&late["state"], &late["position"], &late["admitted"]), (&json!("returning"), &json!(1), &json!(false)));
    assert_eq!(app.join(&sale, &fans[0]).await.expect(StatusCode::OK)["state"], "returning");
    assert_eq!(app.stats(&sale).await["returning"], 1);
    app.pass(1_000).await;
    assert_eq!(app.status(&sale, &behind[0]).await["state"], "waiting");
    assert_eq!(app.status(&sale, &fans[0]).await["state"], "inside");
    app.pass(1_000).await;
    assert_eq!(app.status(&sale, &behind[0]).await["state"], "inside");
    assert_eq!(app.status(&sale, &behind[1]).await["state"], "waiting");
}

#[tokio::test]
async fn the_claim_window_ends_at_its_second() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "claim_window_sec": 60 })).await;
    let fans = line(&app, &sale, 2).await;
    app.pass(200).await;
    app.advance(59_999);
    assert_eq!(app.status(&sale, &fans[0]).await["state"], "inside");
    app.advance(1);
    assert_eq!(app.status(&sale, &fans[1]).await["state"], "returning");
}

#[tokio::test]
async fn time_inside_ends_at_the_deadline_and_a_new_place_is_at_the_end() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "shopping_window_sec": 30 })).await;
    let shopper = app.admitted(&sale).await;
    app.pass(30_000).await;
    let status = app.status(&sale, &shopper.fan).await;
    assert_eq!((&status["state"], &status["admitted"]), (&json!("expired"), &json!(false)));
    assert_eq!(status["admission_token"], Value::Null);
    app.hold(&sale, &shopper, "k", &["GA-1-1"]).await.refused(403, "admission_expired");
    line(&app, &sale, 1).await;
    assert_eq!(app.join(&sale, &shopper.fan).await.expect(StatusCode::CREATED)["position"], 3);
}

#[tokio::test]
async fn ahead_count_leaves_out_who_has_gone_and_falls_with_the_calls() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fans = line(&app, &sale, 6).await;
    let ahead = async |fan: &Fan| app.status(&sale, fan).await["ahead_count"].as_i64().unwrap();
    assert_eq!(ahead(&fans[5]).await, 5);
    app.leave(&sale, &fans[2]).await.expect(StatusCode::OK);
    app.heard().await;
    assert_eq!((ahead(&fans[5]).await, ahead(&fans[1]).await), (4, 1));
    app.pass(1_000).await;
    assert_eq!((ahead(&fans[5]).await, ahead(&fans[0]).await), (3, 0));
}

#[tokio::test]
async fn the_next_poll_is_a_second_away_near_the_call_and_never_over_twenty() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fans = line(&app, &sale, 200).await;
    let retry = async |fan: &Fan| app.status(&sale, fan).await["retry_after_ms"].as_i64().unwrap();
    assert_eq!(retry(&fans[199]).await, 1_000, "the first rush of a short line");
    app.pass(10_000).await;
    assert_eq!(retry(&fans[15]).await, 1_000, "five ahead");
    for fan in &fans[25..] {
        let ms = retry(fan).await;
        assert!((800..=20_000).contains(&ms), "{ms}");
    }
    let last = retry(&fans[199]).await;
    assert!((12_000..=18_000).contains(&last), "189 s to go: {last}");
}

#[tokio::test]
async fn waiting_fans_are_answered_without_the_store() {
    let app = TestApp::embedded().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = line(&app, &sale, 3).await;
    let stranger = app.fan().await;
    app.close_store().await;
    for (at, fan) in fans.iter().enumerate() {
        assert_eq!(app.status(&sale, fan).await.expect(StatusCode::OK)["position"], json!(at + 1));
        assert_eq!(app.join(&sale, fan).await.expect(StatusCode::OK)["position"], json!(at + 1));
    }
    app.status(&sale, &stranger).await.refused(404, "not_in_queue");
    app.join(&sale, &stranger).await.refused(503, "overloaded");
}

/// Nor does it ask for anything to be written; and a store that is gone changes nothing in its answer.
#[tokio::test]
async fn a_status_poll_reads_no_store() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60, "total_seats": 1 })).await;
    let fans = line(&app, &sale, 3).await;
    let newcomer = app.fan().await;
    app.pass(2_000).await;
    assert_eq!(app.status(&sale, &fans[0]).await["state"], "inside", "the one poll that writes");
    app.heard().await;
    let before = app.asked();
    let mut answers = Vec::new();
    for fan in &fans {
        answers.push(app.status(&sale, fan).await.expect(StatusCode::OK).clone());
    }
    assert_eq!(app.asked(), before, "a poll asked the store");
    assert_eq!((&answers[0]["state"], &answers[2]["state"]), (&json!("inside"), &json!("waiting")));
    app.close_store().await;
    for (fan, answer) in fans.iter().zip(&answers) {
        assert_eq!(app.status(&sale, fan).await.expect(StatusCode::OK), answer);
    }
    // The counter does count: the first join of a newcomer is a write.
    app.join(&sale, &newcomer).await.refused(503, "overloaded");
    assert!(app.asked() > before);
}

#[tokio::test]
async fn leaving_gives_the_place_up_for_good() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = line(&app, &sale, 3).await;
    let left = app.leave(&sale, &fans[0]).await;
    let left = left.expect(StatusCode::OK);
    assert_eq!((&left["position"], &left["state"]), (&json!(1), &json!("left")));
    app.heard().await;
    assert_eq!(app.status(&sale, &fans[0]).await.expect(StatusCode::OK)["state"], "left");
    let again = app.join(&sale, &fans[0]).await;
    let again = again.expect(StatusCode::CREATED);
    assert_eq!((&again["position"], &again["state"], &again["ahead_count"]), (&json!(4), &json!("waiting"), &json!(2)));
}

#[tokio::test]
async fn leaving_from_inside_frees_the_seats_and_ends_the_admission() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.leave(&sale, &shopper.fan).await.expect(StatusCode::OK);
    app.hold(&sale, &shopper, "k", &["GA-1-2"]).await.refused(403, "admission_used");
    app.checkout(&sale, &shopper, &hold, "pay").await.refused(410, "hold_expired");
    let stats = app.stats(&sale).await;
    assert_eq!((&stats["available_seats"], &stats["left"], &stats["inside"]), (&json!(100), &json!(1), &json!(0)));
}

#[tokio::test]
async fn the_answers_say_what_leaving_costs_before_it_happens() {
    let app = TestApp::start().await;
    let still = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fan = app.fan().await;
    let says = |answer: Answer| answer["message"].as_str().unwrap().contains("new place at the end");
    assert!(says(app.join(&still, &fan).await), "waiting");
    assert!(says(app.status(&still, &fan).await), "waiting");
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    assert!(says(app.status(&sale, &shopper.fan).await), "inside");
    assert!(says(app.leave(&sale, &shopper.fan).await), "and when it has happened");
    let again = app.join(&sale, &shopper.fan).await;
    assert_eq!(again.expect(StatusCode::CREATED)["position"], 2);
    app.pass(200).await;
    assert_eq!(app.status(&sale, &shopper.fan).await["state"], "inside", "a claim of the new place");
    app.hold(&sale, &shopper, "old", &["GA-1-1"]).await.refused(403, "admission_expired");
}

#[tokio::test]
async fn who_has_no_place_or_has_left_already_cannot_leave() {
    let app = TestApp::start().await;
    let (sale, fan) = (app.sale().await, app.fan().await);
    app.leave(&sale, &fan).await.refused(404, "not_in_queue");
    line(&app, &sale, 1).await;
    app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    let left = app.leave(&sale, &fan).await;
    assert_eq!(left.expect(StatusCode::OK)["position"], 2);
    app.leave(&sale, &fan).await.refused(404, "not_in_queue");
    assert_eq!(app.stats(&sale).await["left"], 1);
}

#[tokio::test]
async fn a_returner_who_leaves_is_not_called_again() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60, "claim_window_sec": 2 })).await;
    let fans = line(&app, &sale, 1).await;
    app.pass(3_000).await;
    assert_eq!(app.status(&sale, &fans[0]).await["state"], "returning");
    app.leave(&sale, &fans[0]).await.expect(StatusCode::OK);
    app.pass(3_000).await;
    assert_eq!(app.status(&sale, &fans[0]).await["state"], "left");
    assert_eq!(app.stats(&sale).await["returning"], 0);
}

#[tokio::test]
async fn a_sold_out_sale_says_so_and_a_line_stays_open() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "total_seats": 1 })).await;
    let buyer = app.admitted(&sale).await;
    let waiting = line(&app, &sale, 1).await.remove(0);
    let left = app.status(&sale, &waiting).await;
    assert_eq!((&left["phase"], &left["seats_left"]), (&json!("open"), &json!({ "band": "plenty", "at_least": 1 })));
    let hold = app.held(&sale, &buyer, &["GA-1-1"]).await;
    assert_eq!(app.status(&sale, &waiting).await["phase"], "open", "a held seat may come back");
    app.checkout(&sale, &buyer, &hold, "k").await.expect(StatusCode::OK);
    app.pass(1_000).await;
    let status = app.status(&sale, &waiting).await;
    assert_eq!((&status["phase"], &status["state"]), (&json!("sold_out"), &json!("waiting")));
    assert_eq!(status["seats_left"], json!({ "band": "none", "at_least": 0 }));
    let public = app.get(format!("/v1/sales/{sale}")).send().await;
    assert_eq!(public.expect(StatusCode::OK)["phase"], "sold_out");
    app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn a_restart_keeps_places_states_seats_and_every_token() {
    let mut app = TestApp::start().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60, "claim_window_sec": 2 })).await;
    let inside = app.admitted(&sale).await;
    let buyer = app.admitted(&sale).await;
    let hold = app.held(&sale, &buyer, &["GA-1-1"]).await;
    let paid = app.checkout(&sale, &buyer, &hold, "pay").await;
    let held = app.held(&sale, &inside, &["GA-1-2"]).await;
    let fans = line(&app, &sale, 5).await;
    app.leave(&sale, &fans[4]).await.expect(StatusCode::OK);
    app.pass(1_000).await;
    app.advance(2_000);
    assert_eq!(app.status(&sale, &fans[0]).await["state"], "returning");

    let mut before = Vec::new();
    for fan in fans.iter().chain([&inside.fan, &buyer.fan]) {
        let status = app.status(&sale, fan).await;
        before.push((status["position"].clone(), status["state"].clone(), status["ahead_count"].clone()));
    }
    app.restart().await;
    // A poll would ask the store; a join answer tells what the node knows by itself.
    assert_eq!(app.join(&sale, &fans[0]).await.expect(StatusCode::OK)["state"], "returning");
    for (fan, before) in fans.iter().chain([&inside.fan, &buyer.fan]).zip(before) {
        let status = app.status(&sale, fan).await;
        status.expect(StatusCode::OK);
        assert_eq!((status["position"].clone(), status["state"].clone(), status["ahead_count"].clone()), before);
    }
    assert_eq!(app.seat(&sale, &inside, "GA-1-1").await, "sold");
    assert_eq!(app.seat(&sale, &inside, "GA-1-2").await, "held");
    assert_eq!(app.seat(&sale, &inside, "GA-1-3").await, "available");
    let status = app.status(&sale, &inside.fan).await;
    assert_eq!(claim_of(status["admission_token"].as_str().unwrap()), claim_of(&inside.admission));
    assert_eq!(app.checkout(&sale, &buyer, &hold, "pay").await.body, paid.body);
    app.checkout(&sale, &inside, &held, "pay").await.expect(StatusCode::OK);
    assert_eq!(app.join(&sale, &app.fan().await).await.expect(StatusCode::CREATED)["position"], 8);
}

#[tokio::test]
async fn the_public_facts_need_no_session_and_no_store_of_secrets() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "opens_at": app.now().plus_sec(5), "price": 4_200 })).await;
    let answer = app.get(format!("/v1/sales/{sale}")).send().await;
    let facts = answer.expect(StatusCode::OK);
    assert_eq!((&facts["phase"], &facts["sale_id"]), (&json!("scheduled"), &json!(sale)));
    assert_eq!(facts["price"], json!({ "min": 4_200, "max": 4_200, "currency": "USD" }));
    assert_eq!((&facts["event"]["name"], &facts["event"]["venue"]), (&json!("Night"), &json!("Hall")));
    assert_eq!(facts["seats_left"], json!({ "band": "plenty", "at_least": 100 }));
    assert_eq!(facts["server_time"], json!(app.now()));
    let list = app.get("/v1/sales").send().await;
    assert_eq!(list.expect(StatusCode::OK)["sales"][0]["sale_id"], json!(sale));
}

#[tokio::test]
async fn a_restart_keeps_who_was_called_who_was_recalled_and_whose_time_was_over() {
    let mut app = TestApp::start().await;
    let terms = json!({ "admit_per_minute": 60, "claim_window_sec": 5, "shopping_window_sec": 3, "max_active": 2 });
    let sale = app.sale_with(terms).await;
    let fans = line(&app, &sale, 4).await;
    app.pass(1_000).await;
    app.status(&sale, &fans[0]).await.expect(StatusCode::OK);
    app.pass(1_000).await;
    app.advance(5_000);
    assert_eq!(app.status(&sale, &fans[1]).await["state"], "returning");
    app.pass(2_000).await;
    app.restart().await;
    // Looking without going in: a join answer only tells.
    let state = async |fan: &Fan| app.join(&sale, fan).await["state"].clone();
    let status = app.status(&sale, &fans[0]).await;
    assert_eq!((&status["state"], &status["position"]), (&json!("expired"), &json!(1)));
    assert_eq!(state(&fans[1]).await, "called", "a second time");
    assert_eq!(state(&fans[2]).await, "called");
    assert_eq!(state(&fans[3]).await, "waiting");
    assert_eq!(app.status(&sale, &fans[1]).await["state"], "inside");
    assert_eq!(app.status(&sale, &fans[2]).await["state"], "inside");
    assert_eq!(app.status(&sale, &fans[3]).await["ahead_count"], 0);
}

#[tokio::test]
async fn sales_are_apart() {
    let app = TestApp::start().await;
    let (one, two) = (app.sale().await, app.sale_with(json!({ "admit_per_minute": 0 })).await);
    let fan = app.fan().await;
    line(&app, &two, 3).await;
    let shopper = app.admit(&one, &fan).await;
    assert_eq!(shopper.position, 1);
    assert_eq!(app.join(&two, &fan).await.expect(StatusCode::CREATED)["position"], 4);
    app.leave(&one, &fan).await.expect(StatusCode::OK);
    assert_eq!(app.status(&two, &fan).await["state"], "waiting");
}

#[tokio::test]
async fn a_call_counts_seats_so_that_nobody_is_called_to_an_empty_shop() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "total_seats": 2 })).await;
    let fans = line(&app, &sale, 5).await;
    app.pass(1_000).await;
    let stats = app.stats(&sale).await;
    assert_eq!((&stats["through"], &stats["waiting"]), (&json!(2), &json!(3)));
    app.leave(&sale, &fans[0]).await.expect(StatusCode::OK);
    app.pass(1_000).await;
    assert_eq!(app.stats(&sale).await["through"], 3, "the room of one who left goes to the next");
}
