//! How many statements a verb is: each is work for the server that all nodes share, and most are a round trip.

use crate::world::{World, postgres};

/// What beginning, asking the time, telling the other nodes and committing come to.
const AROUND: u64 = 5;

#[tokio::test]
async fn a_batch_of_joins_is_as_many_statements_as_a_single_join() {
    let w = World::new(postgres).await;
    let sale = w.sale().await;
    let mut counts = Vec::new();
    for people in [1, 500] {
        let before = w.store.statements();
        w.join_all(sale, &w.fans(people)).await;
        counts.push(w.store.statements() - before);
    }
    // The head and the sale, who has a place, the room, the entries, the head again.
    assert_eq!(counts, [AROUND + 6, AROUND + 6]);
}

#[tokio::test]
async fn what_is_refused_is_counted_too_and_commits_nothing() {
    let w = World::new(postgres).await;
    let sale = w.sale().await;
    let fan = w.fan();
    let before = w.store.statements();
    assert!(w.ask(store::queue::Leave { sale, account: fan }).await.is_err());
    let sent = w.store.statements() - before;
    assert!((3..=AROUND + 3).contains(&sent), "{sent}");
}
