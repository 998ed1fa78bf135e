//! The network and the server at their worst: what is definite, what is unknown, and that another try goes well.

use std::sync::Arc;
use std::time::Duration;

use store::queue::{JoinBatch, Joined};
use store::{Failure, NoObserver};
use testbed::{Flow, Postgres, Proxy, Way};
use tokio::time::timeout;

use crate::world::{World, position};

/// Longer than any command may take.
const DEADLINE: Duration = Duration::from_secs(30);

async fn behind_a_proxy() -> (Postgres, Proxy, World) {
    let server = Postgres::start();
    let proxy = Proxy::to(server.port());
    let url = format!("postgres://traffic@127.0.0.1:{}/postgres", proxy.port());
    let w = World::at(url, Arc::new(NoObserver)).await;
    (server, proxy, w)
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_unknown_and_had_happened() {
    let (_server, proxy, w) = behind_a_proxy().await;
    let sale = w.sale().await;
    let fan = w.fan();
    proxy.cut_reply(b"", b"COMMIT\0");
    let answer = timeout(DEADLINE, w.store.run(JoinBatch { sale, accounts: vec![fan] })).await.expect("an answer");
    assert!(matches!(answer, Err(Failure::Unknown)), "{answer:?}");
    assert_eq!(proxy.replies_cut(), 1);
    let again = w.join(sale, fan).await;
    assert!(matches!(again, Joined::Known { position: 1, .. }), "{again:?}");
    w.store.catch_up().await.expect("a look");
}

#[tokio::test]
async fn a_connection_that_is_cut_before_the_commit_is_no_answer_anybody_hears() {
    let (_server, proxy, w) = behind_a_proxy().await;
    let sale = w.sale().await;
    for round in 1..=10 {
        proxy.cut();
        let joined = timeout(DEADLINE, w.join(sale, w.fan())).await.expect("an answer");
        assert_eq!(position(joined), round);
    }
}

#[tokio::test]
async fn answers_that_vanish_end_in_a_definite_no_or_an_honest_unknown() {
    let (_server, proxy, w) = behind_a_proxy().await;
    let sale = w.sale().await;
    proxy.set(Way::ToClient, Flow::Lose);
    let fan = w.fan();
    let answer = timeout(DEADLINE, w.store.run(JoinBatch { sale, accounts: vec![fan] })).await.expect("an answer");
    assert!(matches!(answer, Err(Failure::Unavailable(_) | Failure::Unknown)), "{answer:?}");
    proxy.set(Way::ToClient, Flow::Pass);
    proxy.cut();
    assert_eq!(position(timeout(DEADLINE, w.join(sale, fan)).await.expect("an answer")), 1);
}

#[tokio::test]
async fn a_server_that_is_gone_is_a_definite_no_and_is_used_again_when_it_is_back() {
    let (server, _proxy, w) = behind_a_proxy().await;
    let sale = w.sale().await;
    w.line(sale, 1).await;
    server.stop_immediately();
    let fan = w.fan();
    let answer = timeout(DEADLINE, w.store.run(JoinBatch { sale, accounts: vec![fan] })).await.expect("an answer");
    assert!(matches!(answer, Err(Failure::Unavailable(_))), "{answer:?}");
    server.start_again();
    let again = async {
        loop {
            match w.store.run(JoinBatch { sale, accounts: vec![fan] }).await {
                Ok(joined) => break joined[0],
                Err(Failure::Unavailable(_) | Failure::Overloaded) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(position(timeout(DEADLINE, again).await.expect("it answers again")), 2);
}
