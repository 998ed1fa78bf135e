//! What is true of the embedded engine only: the writer's batches, its lanes and its file.

use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::Duration;

use domain::{AccountId, Refusal, SaleId};
use store::accounts::{ById, Register};
use store::holds::OwnHoldQuery;
use store::queue::JoinBatch;
use store::settlement::Finished;
use store::{Change, DbError, Failure, Lane, NoObserver, Observer, OpenError, Outcome, Query, Read, Stop, Tx, Verb};
use tempfile::TempDir;
use uuid::Uuid;

use crate::world::{Hands, World, open, position, sqlite, sqlite_url};

/// Keeps the writer busy until told to go on, so that what comes meanwhile is one batch.
struct Plug {
    started: mpsc::Sender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Verb for Plug {
    type Done = ();
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, _: &mut T) -> Outcome<()> {
        self.started.send(()).expect("the test waits");
        // A test that has failed has dropped its end, which lets the writer go on too.
        let _ = self.go_on.lock().expect("one writer").recv();
        Ok(())
    }
}

pub(crate) type Asked<D> = Pin<Box<dyn Future<Output = Result<D, Failure>>>>;

/// Hands the command to the writer now; the answer comes later.
pub(crate) fn offer<V: Verb>(w: &World, verb: V) -> Asked<V::Done> {
    let store = w.store.clone();
    let mut asked: Asked<V::Done> = Box::pin(async move { store.run(verb).await });
    let poll = asked.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending(), "it waits for the writer");
    asked
}

/// Stops the writer in a command of its own; it goes on when the answer is dropped or sent to.
pub(crate) fn plug(w: &World) -> mpsc::Sender<()> {
    let ((started, has_started), (pull, go_on)) = (mpsc::channel(), mpsc::channel());
    drop(offer(w, Plug { started, go_on: Mutex::new(go_on) }));
    has_started.recv().expect("the writer takes the plug");
    pull
}

fn registering(w: &World) -> Register {
    let id: AccountId = w.id();
    Register { id, email: id.to_string(), password_hash: None, phone: None }
}

async fn world() -> World {
    World::new(sqlite).await
}

/// Writes a row and then ends as told.
struct Marking {
    name: &'static str,
    end: fn(usize) -> Outcome<()>,
    runs: Arc<AtomicUsize>,
}

impl Marking {
    fn new(name: &'static str, end: fn(usize) -> Outcome<()>) -> Self {
        Self { name, end, runs: Arc::new(AtomicUsize::new(0)) }
    }
}

impl Verb for Marking {
    type Done = ();
    const LANE: Lane = Lane::Purchases;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        let run = self.runs.fetch_add(1, SeqCst) + 1;
        let sql = "insert into settings (name, value) values (?1, 'here')";
        tx.execute(sql, &[self.name.into()]).await?;
        let (sale, account) = (SaleId(Uuid::nil()), AccountId(Uuid::nil()));
        tx.emit(Change::Joined { sale, account, position: 99, joined_at: tx.now() });
        (self.end)(run)
    }
}

/// Which marks are there.
struct Marks;

impl Query for Marks {
    type Out = Vec<String>;

    async fn run<R: Read>(&self, read: &mut R) -> Outcome<Vec<String>> {
        let rows = read.query("select name from settings order by name", &[]).await?;
        Ok(rows.iter().map(|row| row.text(0).to_owned()).collect())
    }
}

/// Counts commits, and keeps what they told.
#[derive(Default)]
struct Ear {
    commits: AtomicUsize,
    positions: Mutex<Vec<i64>>,
}

impl Observer for Ear {
    fn committed(&self, changes: &[Change]) {
        self.commits.fetch_add(1, SeqCst);
        let joined = changes.iter().filter_map(|change| match change {
            Change::Joined { position, .. } => Some(*position),
            _ => None,
        });
        self.positions.lock().expect("one writer").extend(joined);
    }
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let (folder, ear) = (TempDir::new().expect("a folder"), Arc::new(Ear::default()));
    let w = World::at(sqlite_url(&folder), Arc::clone(&ear) as Arc<dyn Observer>).await;
    let sale = w.sale().await;
    let pull = plug(&w);
    let before = ear.commits.load(SeqCst);
    let asked: Vec<_> = (0..200).map(|_| offer(&w, JoinBatch { sale, accounts: w.fans(1) })).collect();
    drop(pull);
    for (expected, asked) in (1..).zip(asked) {
        assert_eq!(position(asked.await.expect("joined")[0]), expected);
    }
    assert_eq!(ear.commits.load(SeqCst) - before, 2, "the plug, and everybody else");
    assert!(ear.positions.lock().expect("one writer").iter().copied().eq(1..=200), "told in the order of the commit");
}

#[tokio::test]
async fn what_is_rolled_back_is_told_to_nobody() {
    let (folder, ear) = (TempDir::new().expect("a folder"), Arc::new(Ear::default()));
    let w = World::at(sqlite_url(&folder), Arc::clone(&ear) as Arc<dyn Observer>).await;
    let sale = w.sale().await;
    let fan = w.fan();
    // The same account twice breaks the promise of a batch: the whole batch is refused.
    let broken = w.store.run(JoinBatch { sale, accounts: vec![fan, fan] }).await;
    assert!(matches!(broken, Err(Failure::Broken(DbError::Constraint(_)))), "{broken:?}");
    assert_eq!(w.stats(sale).await.joined, 0);
    assert_eq!(w.ask(Marking::new("no", |_| Err(Refusal::RoomFull.into()))).await, Err(Refusal::RoomFull));
    w.line(sale, 1).await;
    assert_eq!(*ear.positions.lock().expect("one writer"), [1]);
}

/// A batch runs without savepoints until one of its commands is refused after it has written.
#[tokio::test]
async fn a_batch_that_is_run_again_is_written_and_told_once() {
    let (folder, ear) = (TempDir::new().expect("a folder"), Arc::new(Ear::default()));
    let w = World::at(sqlite_url(&folder), Arc::clone(&ear) as Arc<dyn Observer>).await;
    for (round, names) in [(1, ["a", "b", "c"]), (2, ["d", "e", "f"])] {
        let pull = plug(&w);
        let before = ear.commits.load(SeqCst);
        let first = Marking::new(names[0], |_| Ok(()));
        let runs = Arc::clone(&first.runs);
        let first = offer(&w, first);
        let refused = offer(&w, Marking::new(names[1], |_| Err(Refusal::RoomFull.into())));
        let last = offer(&w, Marking::new(names[2], |_| Ok(())));
        drop(pull);
        first.await.expect("marked");
        assert!(matches!(refused.await, Err(Failure::Refused(Refusal::RoomFull))));
        last.await.expect("marked");
        assert_eq!(ear.commits.load(SeqCst) - before, 2, "the plug, and the three");
        let expected = if round == 1 { 2 } else { 1 };
        assert_eq!(runs.load(SeqCst), expected, "after a refusal the next batch has savepoints from its start");
    }
    assert_eq!(w.read(Marks).await, ["a", "c", "d", "f"]);
    assert_eq!(*ear.positions.lock().expect("one writer"), [99; 4]);
}

#[tokio::test]
async fn a_full_lane_refuses_at_once_and_the_others_go_on() {
    let w = world().await;
    let sale = w.sale().await;
    let pull = plug(&w);
    let purchases: Vec<_> = (0..1_024).map(|_| offer(&w, registering(&w))).collect();
    assert!(matches!(w.store.run(registering(&w)).await, Err(Failure::Overloaded)));
    let joins: Vec<_> = (0..256).map(|_| offer(&w, JoinBatch { sale, accounts: w.fans(1) })).collect();
    let one_more = w.store.run(JoinBatch { sale, accounts: w.fans(1) }).await;
    assert!(matches!(one_more, Err(Failure::Overloaded)));
    drop(pull);
    for asked in purchases {
        asked.await.expect("registered");
    }
    for (expected, asked) in (1..).zip(joins) {
        assert_eq!(position(asked.await.expect("joined")[0]), expected);
    }
    w.store.run(registering(&w)).await.expect("there is room again");
}

#[tokio::test]
async fn ticks_come_before_purchases_and_purchases_before_joins() {
    let w = world().await;
    let sale = w.sale().await;
    let visit = w.visit(sale).await;
    let pull = plug(&w);
    let join = offer(&w, JoinBatch { sale, accounts: vec![visit.fan] });
    let leave = offer(&w, store::queue::Leave { sale, account: visit.fan });
    drop(pull);
    assert_eq!(leave.await.expect("left"), 1);
    assert_eq!(position(join.await.expect("joined")[0]), 2, "the later leave was written before the earlier join");
}

/// The money is taken: who began is served before those who begin.
#[tokio::test]
async fn a_payment_that_comes_back_passes_a_full_lane_of_purchases() {
    let w = world().await;
    let visit = w.visit(w.sale().await).await;
    let hold = w.hold(&visit, &[0]).await.expect("held");
    let order = w.begin(&visit, hold).await.expect("begun");
    let pull = plug(&w);
    let leave = || store::queue::Leave { sale: visit.sale, account: w.fan() };
    let waiting: Vec<_> = (0..1_024).map(|_| offer(&w, leave())).collect();
    assert!(matches!(w.store.run(leave()).await, Err(Failure::Overloaded)));
    let finish = offer(&w, w.finishing(order, true));
    drop(pull);
    assert!(matches!(finish.await, Ok(Finished::Confirmed(_))));
    for left in waiting {
        assert!(matches!(left.await, Err(Failure::Refused(Refusal::NotInQueue))), "nobody had a place");
    }
}

#[tokio::test]
async fn a_panicking_verb_is_caught_and_the_rest_of_its_batch_commits() {
    let w = world().await;
    let pull = plug(&w);
    let (first, last) = (registering(&w), registering(&w));
    let ids = [first.id, last.id];
    let first = offer(&w, first);
    let panics = offer(&w, Marking::new("panics", |_| panic!("a bug, on purpose")));
    let last = offer(&w, last);
    drop(pull);
    let broken = panics.await;
    assert!(matches!(broken, Err(Failure::Broken(DbError::Bug(_)))), "{broken:?}");
    first.await.expect("registered");
    last.await.expect("registered");
    for id in ids {
        assert!(w.read(ById(id)).await.is_some());
    }
    assert!(w.read(Marks).await.is_empty());
    assert!(!*w.store.broken().borrow(), "a bug in one verb stops nobody");
}

#[tokio::test]
async fn a_refused_verb_leaves_nothing() {
    let w = world().await;
    assert_eq!(w.ask(Marking::new("refused", |_| Err(Refusal::RoomFull.into()))).await, Err(Refusal::RoomFull));
    assert!(w.read(Marks).await.is_empty());
    w.ask(Marking::new("done", |_| Ok(()))).await.expect("done");
    assert_eq!(w.read(Marks).await, ["done"]);
}

#[tokio::test]
async fn a_lost_race_is_run_once_more_and_then_it_is_a_bug() {
    fn lost() -> Stop {
        DbError::Constraint("lost a race".into()).into()
    }
    let w = world().await;
    let lucky = Marking::new("lucky", |run| if run == 1 { Err(lost()) } else { Ok(()) });
    w.store.run(lucky).await.expect("the second run went well");
    let never = Marking::new("never", |_| Err(lost()));
    let runs = Arc::clone(&never.runs);
    let broken = w.store.run(never).await;
    assert!(matches!(broken, Err(Failure::Broken(DbError::Constraint(_)))), "{broken:?}");
    assert_eq!(runs.load(SeqCst), 2);
    assert_eq!(w.read(Marks).await, ["lucky"]);
}

/// How many pages the file may have.
pub(crate) struct Disk(pub(crate) &'static str);

impl Verb for Disk {
    type Done = ();
    const LANE: Lane = Lane::Operator;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<()> {
        tx.query(self.0, &[]).await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_while_reads_go_on() {
    let w = world().await;
    let sale = w.sale().await;
    w.line(sale, 10).await;
    w.ask(Disk("pragma max_page_count = 1")).await.expect("no page more than there are");
    let pull = plug(&w);
    let small = offer(&w, Marking::new("small", |_| Ok(())));
    let large = offer(&w, JoinBatch { sale, accounts: w.fans(1_000) });
    drop(pull);
    assert!(matches!(large.await, Err(Failure::StorageFull)));
    assert!(matches!(small.await, Err(Failure::StorageFull)), "nobody of that batch is acknowledged");
    assert!(w.read(Marks).await.is_empty());
    assert_eq!(w.stats(sale).await.joined, 10);
    assert!(!*w.store.broken().borrow());
    w.ask(Disk("pragma max_page_count = 1000000")).await.expect("room again");
    assert_eq!(position(w.join(sale, w.fan()).await), 11);
}

#[tokio::test]
async fn a_query_that_panics_takes_no_reader_with_it() {
    struct Panics;
    impl Query for Panics {
        type Out = ();
        async fn run<R: Read>(&self, _: &mut R) -> Outcome<()> {
            panic!("a bug, on purpose")
        }
    }
    let w = world().await;
    for _ in 0..5 {
        assert!(matches!(w.store.read(Panics).await, Err(Failure::Broken(DbError::Bug(_)))));
    }
    assert!(w.read(Marks).await.is_empty());
}

#[tokio::test]
async fn a_writer_that_dies_leaves_nobody_waiting() {
    struct Dies;
    impl Observer for Dies {
        fn committed(&self, changes: &[Change]) {
            assert!(changes.is_empty(), "a bug, on purpose");
        }
    }
    let folder = TempDir::new().expect("a folder");
    let w = World::at(sqlite_url(&folder), Arc::new(Dies)).await;
    let event = w.event().await;
    let (terms, seating) = (w.terms(), domain::seat_map::Seating::general(100, domain::Money(1)).expect("a hall"));
    let verb = store::catalog::CreateSale { id: w.id(), event, terms, seating, key: None, act: w.act() };
    let mut broken = w.store.broken();
    assert!(matches!(w.store.run(verb).await, Err(Failure::Unknown)), "it was committed, and nobody may say so");
    let patience = Duration::from_secs(10);
    let later = tokio::time::timeout(patience, w.store.run(registering(&w))).await.expect("an answer");
    assert!(matches!(later, Err(Failure::Stopped)), "{later:?}");
    assert!(broken.wait_for(|broken| *broken).await.is_ok(), "the process is told to end");
}

#[tokio::test]
async fn closing_finishes_what_waits_and_refuses_the_rest() {
    let w = world().await;
    let pull = plug(&w);
    let waits = registering(&w);
    let id = waits.id;
    let waits = offer(&w, waits);
    let mut closing = Box::pin(w.store.close());
    assert!(closing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(matches!(w.store.run(registering(&w)).await, Err(Failure::Stopped)));
    drop(pull);
    closing.await;
    waits.await.expect("what waited is written");
    assert!(w.read(ById(id)).await.is_some(), "reading goes on");
}

#[tokio::test]
async fn a_database_has_one_server() {
    let folder = TempDir::new().expect("a folder");
    let w = World::at(sqlite_url(&folder), Arc::new(NoObserver)).await;
    let hands = Hands::new();
    let second = || open(sqlite_url(&folder), &hands, Arc::new(NoObserver));
    assert!(matches!(second().await.err(), Some(OpenError::InUse { .. })));
    w.store.close().await;
    assert!(matches!(second().await.err(), Some(OpenError::InUse { .. })), "closed, and reading still");
    drop(w);
    second().await.expect("the data is free");
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    for url in ["", "sqlite://", "mysql://x", "traffic.db"] {
        let refused = open(url.to_owned(), &Hands::new(), Arc::new(NoObserver)).await.err();
        assert!(matches!(refused, Some(OpenError::Url)), "{url}: {refused:?}");
    }
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let mut w = world().await;
    let sale = w.sale().await;
    let visits = w.visits(sale, 3).await;
    w.buy(&visits[0], &[0]).await;
    w.hold(&visits[1], &[1, 2]).await.expect("held");
    w.line(sale, 4).await;
    let (mut before, mut after) = (w.export(sale).await, Vec::new());
    for _ in 0..3 {
        w.restart().await;
        after = w.export(sale).await;
    }
    for lines in [&mut before, &mut after] {
        lines[0]["exported_at"].take();
    }
    assert_eq!(after, before);
}

/// Signing keys and password hashes are in there.
#[tokio::test]
async fn the_data_is_readable_by_its_owner_alone() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let w = World::at(format!("sqlite://{}", data.join("traffic.db").display()), Arc::new(NoObserver)).await;
    w.sale().await;
    let mode = |path: &std::path::Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = data.read_dir().expect("a folder").map(|file| file.expect("a file").path()).collect();
    assert!(files.len() >= 3, "the database, its log and its lock: {files:?}");
    for file in files {
        assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
    }
}

#[tokio::test]
async fn after_a_jump_of_the_clock_an_expiry_is_shown_as_peoples_clocks_run_now() {
    let w = world().await;
    let sale = w.sale_with(|t| t.hold_ttl_sec = 60).await;
    let visit = w.visit(sale).await;
    w.hold(&visit, &[1]).await.expect("held");
    let own = || w.read(OwnHoldQuery { sale, account: visit.fan });
    let shown = own().await.expect("a hold").expires_at;
    w.set_wall(w.now().plus_sec(3_600));
    assert_eq!(own().await.expect("a hold").expires_at, shown.plus_sec(3_600));
    assert_eq!(w.store.clock_ahead_ms(), 3_600_000);
}
