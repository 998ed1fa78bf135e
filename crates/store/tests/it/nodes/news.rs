//! What one node commits, the others hear of: once, and of one seat in order.

use std::sync::Arc;

use domain::SaleId;
use store::holds::ReleaseHold;
use store::queue::JoinBatch;
use store::{NoObserver, Observer, SeatStatus};

use super::locks::Keeper;
use super::{Ear, two_nodes};
use crate::world::{World, open, postgres};

#[tokio::test]
async fn a_join_on_one_node_is_told_to_another_that_looks() {
    let (w, other, ear) = two_nodes().await;
    let sale = w.sale().await;
    w.line(sale, 3).await;
    assert!(ear.positions().is_empty(), "it has not looked yet");
    other.catch_up().await.expect("a look");
    assert_eq!(ear.positions(), [1, 2, 3]);
    other.catch_up().await.expect("a look");
    assert_eq!(ear.positions(), [1, 2, 3], "told once");
}

#[tokio::test]
async fn ones_own_changes_are_told_once_before_the_answer_and_no_more_by_looking() {
    let (w, other, ear) = two_nodes().await;
    let sale = w.sale().await;
    for round in 1..=3 {
        other.run(JoinBatch { sale, accounts: w.fans(2) }).await.expect("joined");
        assert_eq!(ear.positions().len(), 2 * round);
        other.catch_up().await.expect("a look");
        assert_eq!(ear.positions().len(), 2 * round);
    }
}

/// Whoever asks while a look is under way gets one that began after he asked.
#[tokio::test]
async fn after_a_join_is_acknowledged_every_catch_up_tells_it() {
    let (w, other, ear) = two_nodes().await;
    let sale = w.sale().await;
    let lookers: Vec<_> = (0..50)
        .map(|_| {
            let (w_store, other, ear) = (w.store.clone(), other.clone(), Arc::clone(&ear));
            let fan = w.fan();
            tokio::spawn(async move {
                let joined = w_store.run(JoinBatch { sale, accounts: vec![fan] }).await.expect("joined")[0];
                other.catch_up().await.expect("a look");
                assert!(ear.positions().contains(&crate::world::position(joined)), "{joined:?}");
            })
        })
        .collect();
    for looker in lookers {
        looker.await.expect("it was told");
    }
    let mut positions = ear.positions();
    positions.sort_unstable();
    assert!(positions.into_iter().eq(1..=50), "each once");
}

/// A transaction with a low number that commits late must not be passed over.
#[tokio::test]
async fn a_slow_transaction_is_told_although_later_ones_were_told_before() {
    let (w, other, ear) = two_nodes().await;
    let (slow, quick) = (w.sale().await, w.sale().await);
    // A batch that has begun stands still at the head of its line.
    let keeper = Keeper::at("select 1 from queue_heads where sale = ?1", slow.into());
    let kept = keeper.keep(&other).await;
    let third = open(w.url.clone(), &w.hands, Arc::new(NoObserver)).await.expect("a third node");
    let batch = {
        let accounts = w.fans(1);
        tokio::spawn(async move { third.run(JoinBatch { sale: slow, accounts }).await })
    };
    w.until_somebody_waits_for_a_lock().await;
    for _ in 0..3 {
        w.line(quick, 1).await;
        other.catch_up().await.expect("a look");
    }
    assert_eq!(ear.positions(), [1, 2, 3]);
    kept.let_go().await;
    batch.await.expect("it ends").expect("joined");
    other.catch_up().await.expect("a look");
    assert_eq!(ear.positions(), [1, 2, 3, 1]);
}

#[tokio::test]
async fn the_watermark_and_the_seats_reach_the_other_node_in_order() {
    let (w, other, ear) = two_nodes().await;
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    for _ in 0..5 {
        let hold = w.hold(&visit, &[7]).await.expect("held");
        other.run(ReleaseHold { sale, account: visit.fan, hold }).await.expect("released");
    }
    assert_eq!(ear.seat(7), Some(SeatStatus::Available), "its own change");
    other.catch_up().await.expect("a look");
    assert_eq!(ear.seat(7), Some(SeatStatus::Available), "what came before it is not told after it");
    assert_eq!(ear.calls(), [1]);
    w.hold(&visit, &[7]).await.expect("held");
    other.catch_up().await.expect("a look");
    assert_eq!(ear.seat(7), Some(SeatStatus::Held));
}

#[tokio::test]
async fn a_node_that_opens_while_others_write_hears_of_all_that_it_could_not_load() {
    let w = World::new(postgres).await;
    let sale = w.sale().await;
    let writer = {
        let (store, fans) = (w.store.clone(), w.fans(300));
        tokio::spawn(async move {
            for fan in fans {
                store.run(JoinBatch { sale, accounts: vec![fan] }).await.expect("joined");
            }
        })
    };
    let ear = Arc::new(Ear::default());
    let other = open(w.url.clone(), &w.hands, Arc::clone(&ear) as Arc<dyn Observer>).await.expect("a node");
    let loaded = w.last_position(sale).await;
    writer.await.expect("it ends");
    other.catch_up().await.expect("a look");
    let told = ear.positions();
    assert!((loaded + 1..=300).all(|position| told.contains(&position)), "loaded to {loaded}, told {told:?}");
    ear.clear();
}

impl World {
    async fn last_position(&self, sale: SaleId) -> i64 {
        self.shop(sale).await.last_position
    }
}

/// Keeps what others are to look for.
#[derive(Default)]
struct Teller(std::sync::Mutex<Vec<SaleId>>);

impl Observer for Teller {
    fn committed(&self, _: &[store::Change]) {}

    fn others_must_look(&self, changes: &[store::Change]) {
        self.0.lock().expect("told one by one").extend(changes.iter().map(store::Change::sale));
    }
}

#[tokio::test]
async fn others_must_look_for_what_this_node_commits_and_not_for_what_it_hears() {
    let w = World::new(postgres).await;
    let teller = Arc::new(Teller::default());
    let other = open(w.url.clone(), &w.hands, Arc::clone(&teller) as Arc<dyn Observer>).await.expect("a second node");
    let told = || std::mem::take(&mut *teller.0.lock().expect("told one by one"));
    let sale = w.sale().await;
    w.line(sale, 2).await;
    other.catch_up().await.expect("a look");
    assert_eq!(told(), [], "these are the other node's");
    other.run(JoinBatch { sale, accounts: w.fans(2) }).await.expect("joined");
    assert_eq!(told(), [sale; 2]);
    other.run(JoinBatch { sale, accounts: Vec::new() }).await.expect("nothing");
    assert_eq!(told(), []);
}

/// Also by the first command on a new connection, on which every statement must be prepared first.
#[tokio::test]
async fn news_are_written_in_the_transaction_that_they_tell_of() {
    let w = World::new(postgres).await;
    let sale = w.sale().await;
    for _ in 0..3 {
        let new = open(w.url.clone(), &w.hands, Arc::new(NoObserver)).await.expect("a node");
        new.run(JoinBatch { sale, accounts: w.fans(2) }).await.expect("joined");
    }
    let untold = "select count(*) from entries e
        where not exists (select 1 from node_changes c where c.xact = e.xmin::text::bigint)";
    assert_eq!(w.psql().run(untold).expect("a count"), "0");
}
