//! Who waits for whom. A lock is kept by a command that does not end until it is told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Refusal;
use store::admissions::PollCalled;
use store::queue::{JoinBatch, Leave};
use store::{Failure, Lane, Outcome, Store, Tx, Value, Verb};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::world::{World, postgres};

/// Against a hang only.
const DEADLINE: Duration = Duration::from_secs(30);

/// Locks one row and keeps it.
pub(super) struct Keeper {
    sql: &'static str,
    row: Value,
    taken: mpsc::UnboundedSender<()>,
    is_taken: Mutex<Option<mpsc::UnboundedReceiver<()>>>,
    go_on: Arc<Notify>,
}

pub(super) struct Kept {
    go_on: Arc<Notify>,
    keeper: JoinHandle<Result<(), Failure>>,
}

impl Keeper {
    pub(super) fn at(sql: &'static str, row: Value) -> Self {
        let (taken, is_taken) = mpsc::unbounded_channel();
        Self { sql, row, taken, is_taken: Mutex::new(Some(is_taken)), go_on: Arc::default() }
    }

    /// Returns when the row is locked.
    pub(super) async fn keep(self, store: &Store) -> Kept {
        let (store, go_on) = (store.clone(), Arc::clone(&self.go_on));
        let mut is_taken = self.is_taken.lock().expect("one test").take().expect("kept once");
        let keeper = tokio::spawn(async move { store.run(self).await });
        timeout(DEADLINE, is_taken.recv()).await.expect("in time").expect("the row is locked");
        Kept { go_on, keeper }
    }
}

impl Kept {
    pub(super) async fn let_go(self) {
        self.go_on.notify_one();
        self.keeper.await.expect("it ends").expect("it commits");
    }
}

impl Verb for Keeper {
    type Done = ();
    const LANE: Lane = Lane::Accounts;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.lock(self.sql, std::slice::from_ref(&self.row)).await?;
        let _ = self.taken.send(());
        self.go_on.notified().await;
        Ok(())
    }
}

impl World {
    pub(super) fn psql(&self) -> testbed::Psql {
        testbed::Psql::new(self.url.as_str())
    }

    pub(super) async fn until_somebody_waits_for_a_lock(&self) {
        let url = self.url.clone();
        let looking = tokio::task::spawn_blocking(move || {
            let sql =
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
            while testbed::Psql::new(url.as_str()).run(sql).expect("a count") == "0" {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        timeout(DEADLINE, looking).await.expect("somebody waits in time").expect("a look");
    }

    /// Deadlocks that this database has ever broken.
    async fn deadlocks(&self) -> i64 {
        let (psql, sql) = (self.psql(), "select deadlocks from pg_stat_database where datname = current_database()");
        tokio::task::spawn_blocking(move || psql.run(sql))
            .await
            .expect("it ends")
            .expect("a count")
            .parse()
            .expect("number")
    }
}

#[tokio::test]
async fn a_batch_of_joins_in_progress_stops_no_hold_and_no_checkout_of_that_sale() {
    let w = World::new(postgres).await;
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let kept = Keeper::at("select 1 from queue_heads where sale = ?1", sale.into()).keep(&w.store).await;
    let batch = {
        let (store, accounts) = (w.store.clone(), w.fans(100));
        tokio::spawn(async move { store.run(JoinBatch { sale, accounts }).await })
    };
    w.until_somebody_waits_for_a_lock().await;
    let bought = timeout(DEADLINE, w.buy(&visit, &[1, 2])).await;
    assert!(bought.is_ok() && !batch.is_finished(), "the batch is still under way");
    kept.let_go().await;
    assert_eq!(batch.await.expect("it ends").expect("joined").len(), 100);
}

#[tokio::test]
async fn a_hold_under_way_stops_no_join_and_no_tick_of_that_sale() {
    let w = World::new(postgres).await;
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let kept = Keeper::at("select 1 from claims where id = ?1", visit.claim.id.into()).keep(&w.store).await;
    timeout(DEADLINE, w.line(sale, 10)).await.expect("they join");
    w.advance(10);
    assert_eq!(timeout(DEADLINE, w.calls(sale)).await.expect("a tick"), 10);
    kept.let_go().await;
}

/// Sixteen clients, twelve seats: each takes some of them in an order of its own and gives them back, again and again.
#[tokio::test]
async fn sixteen_clients_on_twelve_contended_seats_never_deadlock() {
    let w = Arc::new(World::new(postgres).await);
    let sale = w.sale().await;
    let visits = w.visits(sale, 16).await;
    let clients = visits.into_iter().enumerate().map(|(number, visit)| {
        let w = Arc::clone(&w);
        tokio::spawn(async move {
            let (mut held, mut refused) = (0, 0);
            for round in 0..25 {
                let first = (number * 5 + round * 7) as u32;
                let seats: Vec<u32> = (0..4).map(|step| (first + step * (1 + 2 * (number as u32 % 2))) % 12).collect();
                match w.hold(&visit, &seats).await {
                    Ok(hold) => {
                        held += 1;
                        w.release(&visit, hold).await.expect("its own hold");
                    }
                    Err(Refusal::Unavailable) => refused += 1,
                    Err(other) => panic!("{other:?}"),
                }
            }
            (held, refused)
        })
    });
    let clients: Vec<_> = clients.collect();
    let (mut held, mut refused) = (0, 0);
    for client in clients {
        let (ok, no) = client.await.expect("no client fails");
        (held, refused) = (held + ok, refused + no);
    }
    println!("{held} holds, {refused} refused");
    assert!(held > 0 && refused > 0, "{held} holds, {refused} refused: they must meet");
    assert_eq!(w.deadlocks().await, 0);
    assert_eq!(w.stats(sale).await.available_seats, 100);
}

/// Two sales of a tour, two phones and two cards: every purchase locks several circles, and they cross.
#[tokio::test]
async fn circles_that_cross_over_two_sales_never_deadlock() {
    let w = Arc::new(World::new(postgres).await);
    let sales = w
        .tour(|t| {
            (t.caps.per_cluster, t.caps.per_group, t.caps.per_group_cluster) = (1_000, 1_000, 1_000);
        })
        .await;
    let mut visits = Vec::new();
    for sale in sales {
        for phone in ["+9101", "+9102"] {
            visits.extend(w.with_phone(sale, 4, phone).await);
        }
    }
    let clients = visits.into_iter().zip(0_u32..).map(|(visit, number)| {
        let w = Arc::clone(&w);
        tokio::spawn(async move {
            for round in 0..10 {
                let hold = w.hold(&visit, &[number]).await.expect("its own seat");
                let token = format!("sim_ok:card {}", (number + round) % 2).replace(' ', "-");
                let begin = store::checkout::BeginCheckout { payment_token: token, ..w.beginning(&visit, hold) };
                match w.ask(begin).await.expect("far below the cap") {
                    store::checkout::Begun::Charge(charge) => w.finish(charge.order, false).await,
                    other => panic!("{other:?}"),
                };
                w.release(&visit, hold).await.expect("its own hold");
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("no client fails");
    }
    assert_eq!(w.deadlocks().await, 0);
}

/// Before the first claim there is no row of the account but its place: who comes in and who leaves meet there.
#[tokio::test]
async fn who_comes_in_and_leaves_at_once_is_either_gone_or_inside() {
    let w = World::new(postgres).await;
    let sale = w.sale_with(|t| t.total_seats = 1_000).await;
    for _ in 0..20 {
        let fan = w.fan();
        w.join(sale, fan).await;
        w.advance(1);
        assert_eq!(w.calls(sale).await, 1);
        let poll = w.store.run(PollCalled { sale, account: fan, claim: w.id() });
        let leave = w.store.run(Leave { sale, account: fan });
        let (polled, left) = tokio::join!(poll, leave);
        left.expect("who has a place can leave it");
        drop(polled);
        let s = w.stats(sale).await;
        assert_eq!((s.inside, s.called), (0, 0), "nobody is inside without a place: {s:?}");
    }
}

/// A command that was let go of half-way leaves nothing, and its connection is not used again as it is.
#[tokio::test]
async fn a_command_whose_caller_goes_away_is_rolled_back() {
    let w = World::new(postgres).await;
    let sale = w.sale().await;
    let kept = Keeper::at("select 1 from queue_heads where sale = ?1", sale.into()).keep(&w.store).await;
    let (started, has_started) = oneshot::channel::<()>();
    let batch = {
        let (store, accounts) = (w.store.clone(), w.fans(5));
        tokio::spawn(async move {
            let _ = started.send(());
            store.run(JoinBatch { sale, accounts }).await
        })
    };
    has_started.await.expect("it starts");
    w.until_somebody_waits_for_a_lock().await;
    batch.abort();
    assert!(batch.await.expect_err("it was aborted").is_cancelled());
    kept.let_go().await;
    w.line(sale, 2).await;
    assert_eq!(w.stats(sale).await.joined, 2);
}
