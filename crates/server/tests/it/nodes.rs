//! Several nodes on one database: what one acknowledged, the others know; one worker leads.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::app::{Fan, TestApp};

async fn phase(app: &TestApp, node: usize, sale: &str, fan: &Fan) -> Value {
    app.on(node).status(sale, fan).await.expect(StatusCode::OK)["phase"].clone()
}

#[tokio::test]
async fn a_join_on_one_node_is_seen_by_a_poll_on_another_at_once() {
    let app = TestApp::cluster(3).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    for (at, fan) in app.fans(6).await.iter().enumerate() {
        let joined = app.on(at % 3).join(&sale, fan).await;
        assert_eq!(joined.expect(StatusCode::CREATED)["position"], json!(at + 1));
        for other in [at + 1, at + 2] {
            let seen = app.on(other % 3).status(&sale, fan).await;
            assert_eq!(seen.expect(StatusCode::OK)["position"], json!(at + 1));
        }
        let again = app.on((at + 1) % 3).join(&sale, fan).await;
        assert_eq!(again.expect(StatusCode::OK)["position"], json!(at + 1));
    }
}

/// Invariant: no 404 follows an acknowledged join. Before it there is one, which must not be remembered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_told_not_in_queue_after_an_acknowledged_join() {
    let app = Arc::new(TestApp::cluster(2).await);
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let (join, status) =
        (format!("/v1/sales/{sale}/waiting-room/join"), format!("/v1/sales/{sale}/waiting-room/status"));
    let mut tasks = JoinSet::new();
    for (at, fan) in app.fans(60).await.into_iter().enumerate() {
        let (app, join, status) = (Arc::clone(&app), join.clone(), status.clone());
        tasks.spawn(async move {
            let (one, other) = (at % 2, (at + 1) % 2);
            let poll = async |node| app.get(&status).bearer(&fan).through(app.router_of(node)).send().await;
            if at % 3 != 0 {
                for node in [one, other] {
                    poll(node).await.refused(404, "not_in_queue");
                }
            }
            let joined = app.post(&join).bearer(&fan).through(app.router_of(one)).send().await;
            let position = joined.expect(StatusCode::CREATED)["position"].clone();
            for node in [other, one, other] {
                assert_eq!(poll(node).await.expect(StatusCode::OK)["position"], position);
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(app.stats(&sale).await["joined"], 60);
}

#[tokio::test]
async fn who_left_or_bought_on_one_node_gets_a_new_place_on_another() {
    let app = TestApp::cluster(2).await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    app.on(0).join(&sale, &fan).await.expect(StatusCode::CREATED);
    app.on(1).status(&sale, &fan).await.expect(StatusCode::OK);
    app.on(0).leave(&sale, &fan).await.expect(StatusCode::OK);
    let again = app.on(1).join(&sale, &fan).await;
    assert_eq!(again.expect(StatusCode::CREATED)["position"], 2);
    app.on(0).leave(&sale, &fan).await.expect(StatusCode::OK);
    app.on(1).leave(&sale, &fan).await.refused(404, "not_in_queue");
    app.heard().await;
    assert_eq!(app.on(1).status(&sale, &fan).await["state"], "left");

    let shopper = app.admit(&sale, &fan).await;
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    app.on(0).checkout(&sale, &shopper, &hold, "k").await.expect(StatusCode::OK);
    let after = app.on(1).join(&sale, &fan).await;
    assert_eq!(after.expect(StatusCode::CREATED)["position"], 4);
    assert_eq!(app.on(0).status(&sale, &fan).await["position"], 4, "an end that memory knows is asked again");
}

#[tokio::test]
async fn a_new_sale_is_known_everywhere_at_once_and_an_unknown_one_nowhere() {
    let app = TestApp::cluster(2).await;
    let fan = app.fan().await;
    for round in 0..4 {
        let sale = app.on(round % 2).sale_with(json!({ "admit_per_minute": 0 })).await;
        let joined = app.on((round + 1) % 2).join(&sale, &fan).await;
        assert_eq!(joined.expect(StatusCode::CREATED)["position"], 1);
        let facts = app.on(round % 2).get(format!("/v1/sales/{sale}")).send().await;
        assert_eq!(facts.expect(StatusCode::OK)["seats_left"]["band"], "plenty");
    }
    let sale = app.on(0).sale_with(json!({})).await;
    let facts = app.on(1).get(format!("/v1/sales/{sale}")).send().await;
    assert_eq!(facts.expect(StatusCode::OK)["seats_left"]["band"], "plenty");
    for unknown in ["00000000-0000-0000-0000-000000000000", "nonsense"] {
        app.on(1).join(unknown, &fan).await.refused(404, "sale_not_found");
        app.on(0).status(unknown, &fan).await.refused(404, "sale_not_found");
    }
}

#[tokio::test]
async fn the_watermark_of_one_node_is_every_nodes_after_one_look() {
    let app = TestApp::cluster(2).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fans = app.fans(3).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    app.tick().await;
    app.advance(1_000);
    app.work(0).await;
    assert_eq!(app.on(1).status(&sale, &fans[0]).await["state"], "waiting", "an old number gives nothing");
    app.hear(1).await;
    let called = app.on(1).status(&sale, &fans[0]).await;
    assert_eq!((&called["state"], &called["admitted"]), (&json!("inside"), &json!(true)));
    let next = app.on(1).status(&sale, &fans[1]).await;
    assert_eq!((&next["state"], &next["ahead_count"]), (&json!("waiting"), &json!(0)));
}

#[tokio::test]
async fn an_admission_of_one_node_is_good_on_another_at_once() {
    let app = TestApp::cluster(2).await;
    let sale = app.sale().await;
    let fan = app.fan().await;
    app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    app.pass(200).await;
    let inside = app.on(0).status(&sale, &fan).await;
    let admission = inside["admission_token"].as_str().expect("called").to_owned();
    let shopper = crate::app::Shopper { fan, position: 1, admission };
    let seats = app.on(1).get(format!("/v1/sales/{sale}/seats")).admission(&shopper).send().await;
    assert_eq!(seats.expect(StatusCode::OK)["seats"].as_array().map(Vec::len), Some(100));
    let hold = app.held(&sale, &shopper, &["GA-1-1"]).await;
    let own = app.on(1).get(format!("/v1/sales/{sale}/holds")).admission(&shopper).send().await;
    assert_eq!(own.expect(StatusCode::OK)["hold_id"], json!(hold));
    app.on(0).leave(&sale, &shopper.fan).await.expect(StatusCode::OK);
    app.on(1).hold(&sale, &shopper, "next", &["GA-1-2"]).await.refused(403, "admission_used");
}

#[tokio::test]
async fn what_an_operator_changes_on_one_node_holds_on_the_others_after_one_look() {
    let app = TestApp::cluster(2).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fan = app.fan().await;
    app.join(&sale, &fan).await.expect(StatusCode::CREATED);
    app.heard().await;
    let act = async |what: &str| {
        let answer = app.on(0).post(format!("/v1/admin/sales/{sale}/{what}")).admin().send().await;
        answer.expect(StatusCode::OK);
        // A listing reads the store.
        let listed = app.on(1).get(format!("/v1/admin/sales/{sale}")).admin().send().await;
        assert_eq!(listed["phase"], answer["phase"]);
        app.hear(1).await;
    };
    act("pause").await;
    assert_eq!(phase(&app, 1, &sale, &fan).await, "paused");
    act("resume").await;
    assert_eq!(phase(&app, 1, &sale, &fan).await, "open");
    let faster = json!({ "admit_per_minute": 600 });
    let patched =
        app.on(0).call(http::Method::PATCH, format!("/v1/admin/sales/{sale}")).admin().json(&faster).send().await;
    patched.expect(StatusCode::OK);
    app.hear(1).await;
    let room = app.at(1).rooms.get(sale.parse().unwrap()).expect("its room");
    assert_eq!(room.sale().terms.admit_per_minute, 600);
    act("close").await;
    assert_eq!(phase(&app, 1, &sale, &fan).await, "ended");
    app.on(1).join(&sale, &app.fan().await).await.refused(403, "sale_closed");
}

/// The doors by this node's memory are closed; another node has opened them.
#[tokio::test]
async fn doors_that_another_node_opened_are_open_at_once() {
    let app = TestApp::cluster(2).await;
    let later = app.now().plus_sec(60);
    let sale = app.sale_with(json!({ "opens_at": later, "admit_per_minute": 0 })).await;
    app.heard().await;
    let (one, two) = (app.fan().await, app.fan().await);
    app.on(1).join(&sale, &one).await.refused(403, "sale_closed");
    let sooner = json!({ "opens_at": app.now() });
    let path = format!("/v1/admin/sales/{sale}");
    app.on(0).call(http::Method::PATCH, &path).admin().json(&sooner).send().await.expect(StatusCode::OK);
    assert_eq!(app.on(1).join(&sale, &one).await.expect(StatusCode::CREATED)["position"], 1);
    app.on(0).post(format!("{path}/close")).admin().send().await.expect(StatusCode::OK);
    app.on(1).join(&sale, &two).await.refused(403, "sale_closed");
}

#[tokio::test]
async fn seats_taken_and_given_back_on_one_node_are_so_on_the_others() {
    let app = TestApp::cluster(2).await;
    let sale = app.sale_with(json!({ "total_seats": 2 })).await;
    let (one, two) = (app.admitted(&sale).await, app.admitted(&sale).await);
    let best = |key: &str| json!({ "best_available": { "quantity": 2 }, "idempotency_key": key });
    let holds = format!("/v1/sales/{sale}/holds");
    let held = app.on(0).post(&holds).admission(&one).json(&best("k")).send().await;
    let hold = held.expect(StatusCode::OK)["hold_id"].as_str().unwrap().to_owned();
    // Node 1 has not heard: its choice loses the race, and then it knows.
    app.on(1).post(&holds).admission(&two).json(&best("k")).send().await.refused(409, "unavailable");
    let room = app.at(1).rooms.get(sale.parse().unwrap()).expect("its room");
    assert_eq!((room.stock.free(), room.stock.held()), (0, 2));
    app.on(0).release(&sale, &one, &hold).await.expect(StatusCode::NO_CONTENT);
    // It sees no free seat, and looks before it says so.
    let got = app.on(1).post(&holds).admission(&two).json(&best("again")).send().await;
    let hold = got.expect(StatusCode::OK)["hold_id"].as_str().unwrap().to_owned();
    app.on(1).checkout(&sale, &two, &hold, "k").await.expect(StatusCode::OK);
    app.hear(0).await;
    assert_eq!(app.on(0).status(&sale, &one.fan).await["phase"], "sold_out");
}

/// A node that loads while others write: what it read and what it heard meanwhile are one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_node_that_starts_while_others_write_misses_nothing() {
    let mut app = TestApp::cluster(1).await;
    let sale = app.sale_with(json!({ "total_seats": 200, "admit_per_minute": 60_000 })).await;
    let fans = app.fans(120).await;
    let (join, status) =
        (format!("/v1/sales/{sale}/waiting-room/join"), format!("/v1/sales/{sale}/waiting-room/status"));
    let leave = format!("/v1/sales/{sale}/waiting-room/leave");
    for fan in &fans[..40] {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    app.pass(200).await;
    let mut writers = JoinSet::new();
    for part in fans.chunks(10) {
        let calls: Vec<_> = part
            .iter()
            .flat_map(|fan| {
                let leaves = fan.id.as_bytes()[fan.id.len() - 1] % 2 == 0;
                let leave = leaves.then(|| app.post(&leave).bearer(fan));
                [app.post(&join).bearer(fan), app.get(&status).bearer(fan)].into_iter().chain(leave)
            })
            .collect();
        writers.spawn(async move {
            for call in calls {
                let answer = call.send().await;
                assert!(answer.status.is_success(), "{answer:?}");
            }
        });
    }
    for _ in 0..4 {
        app.boot().await;
    }
    writers.join_all().await;
    app.heard().await;
    let seen = async |node: usize| {
        let mut lines = Vec::new();
        for fan in &fans {
            let status = app.on(node).status(&sale, fan).await;
            lines.push((status["position"].clone(), status["state"].clone(), status["ahead_count"].clone()));
        }
        let room = app.at(node).rooms.get(sale.parse().unwrap()).expect("its room");
        (lines, room.joined(), room.through(), room.waiting(), room.stock.free())
    };
    let first = seen(0).await;
    assert_eq!(first.1, 120);
    for node in 1..5 {
        assert_eq!(seen(node).await, first, "node {node}");
    }
}

#[tokio::test]
async fn of_two_workers_one_leads_and_the_other_takes_over_when_it_is_gone() {
    let app = TestApp::cluster(2).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 60 })).await;
    let fans = app.fans(20).await;
    for fan in &fans {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    app.heard().await;
    let leads = || [0, 1].map(|node| app.at(node).leads());
    let through = async || {
        app.heard().await;
        app.at(0).rooms.get(sale.parse().unwrap()).expect("its room").through()
    };
    assert_eq!(leads(), [None, None]);
    // A new leader begins without credit.
    for _ in 0..2 {
        app.work(0).await;
        app.work(1).await;
        app.advance(1_000);
    }
    app.work(0).await;
    assert_eq!((leads(), through().await), ([Some(1), None], 2));
    let live = app.on(0).get("/health/live").send().await;
    assert_eq!((&live["leads"], &live["roles"]), (&json!(true), &json!(["api", "worker"])));
    assert_eq!(app.on(1).get("/health/live").send().await["leads"], false);
    let metrics = app.on(1).get("/metrics").send().await;
    assert!(String::from_utf8_lossy(&metrics.body).contains("\ntraffic_leader 0\n"));

    // The first one is not heard of: it works no more before the other one may.
    app.advance(4_999);
    app.work(1).await;
    assert_eq!((leads(), through().await), ([Some(1), None], 2));
    app.advance(1);
    assert_eq!(leads(), [None, None]);
    app.work(1).await;
    assert_eq!(leads(), [None, Some(2)]);
    let after_takeover = through().await;

    // It comes back, and is told that it leads no more.
    app.advance(1_000);
    app.work(0).await;
    assert_eq!((leads(), through().await), ([None, Some(2)], after_takeover));
    app.work(1).await;
    assert!(through().await > after_takeover);
    // Who gives the lease back need not be waited for.
    server::worker::lead::resign(app.at(1)).await;
    app.work(0).await;
    assert_eq!(leads(), [Some(3), None]);
}

/// Whatever a fenced leader still believes, it calls nobody.
#[tokio::test]
async fn a_leader_that_was_fenced_in_the_middle_of_its_work_changes_nothing() {
    let app = TestApp::cluster(2).await;
    let sale = app.sale_with(json!({ "admit_per_minute": 6_000 })).await;
    for fan in &app.fans(20).await {
        app.join(&sale, fan).await.expect(StatusCode::CREATED);
    }
    app.heard().await;
    app.work(0).await;
    let epoch = app.at(0).leads().expect("it leads");
    app.advance(5_000);
    server::worker::lead::tick(app.at(1)).await.expect("the database answers");
    assert!(app.at(1).leads().is_some_and(|now| now > epoch));
    let before = app.stats(&sale).await.json;
    server::worker::admit::tick(app.at(0), epoch).await.expect("calm");
    server::worker::seal::tick(app.at(0), epoch).await.expect("calm");
    assert_eq!(app.stats(&sale).await.json["through"], before["through"]);
    assert_eq!(app.at(0).leads(), None);
    let audit = app.get("/v1/admin/audit?limit=1").admin().send().await;
    audit.expect(StatusCode::OK);
    server::worker::admit::tick(app.at(1), app.at(1).leads().expect("it leads")).await.expect("calls");
    assert!(app.stats(&sale).await["through"].as_i64() > before["through"].as_i64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_together_make_one_demo_sale() {
    let app = TestApp::cluster(4).await;
    let mut starts = JoinSet::new();
    for node in 0..4 {
        let node = Arc::clone(app.at(node));
        starts.spawn(async move { server::routes::demo::ensure_demo_sale(&node).await.expect("a demo sale") });
    }
    let mut made = starts.join_all().await;
    made.dedup();
    assert_eq!(made.len(), 1, "{made:?}");
    let sales = app.get("/v1/sales").send().await;
    assert_eq!(sales.expect(StatusCode::OK)["sales"].as_array().map(Vec::len), Some(1));
    let later = server::routes::demo::ensure_demo_sale(app.at(3)).await.expect("a demo sale");
    assert_eq!(later, made[0]);
    app.advance(31 * 86_400_000);
    let anew = server::routes::demo::ensure_demo_sale(app.at(0)).await.expect("a demo sale");
    assert_ne!(anew, made[0], "one that has ended is replaced");
}

#[tokio::test]
async fn a_node_that_only_works_answers_nothing_but_how_it_goes() {
    let app = TestApp::cluster(1).await;
    let fan = app.fan().await;
    let router = || server::router::worker(Arc::clone(app.at(0)));
    for path in ["/health/live", "/health/ready", "/metrics"] {
        app.get(path).through(router()).send().await.expect(StatusCode::OK);
    }
    for path in ["/", "/v1/me", "/v1/sales", "/openapi.json"] {
        app.get(path).bearer(&fan).through(router()).send().await.refused(404, "not_found");
    }
}
