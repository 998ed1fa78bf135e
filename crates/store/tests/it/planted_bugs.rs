//! A check that cannot fail is no check: each bug of these is planted on the test's side of the store and is caught by
//! name, where the product itself passes the very same sequence.

use std::future::Future;
use std::sync::Mutex;
use std::task::{Context, Waker};

use domain::{Refusal, Timestamp};
use store::admissions::{Tick, TickDone};
use store::holds::PlaceHold;
use store::load::Line;
use store::queue::{JoinBatch, Joined};
use store::{Change, DbError, Failure, Lane, Outcome, Read, Row, Stop, Tx, Value, Verb};
use tokio::sync::oneshot;

use crate::crash::every_acknowledged_place_is_there;
use crate::engine::{Disk, offer, plug};
use crate::model::case::{Met, play};
use crate::model::first_to_differ;
use crate::model::product::{Product, Real};
use crate::model::script::{Command, Fan, Script, Terms};
use crate::world::{World, position, sqlite};

/// A verb that is shown something else where it asks a certain question: the rule behind it goes unheeded.
struct Deceived<V> {
    verb: V,
    lie: Lie,
}

#[derive(Clone, Copy)]
struct Lie {
    /// A piece of the statement that asks.
    about: &'static str,
    /// The statement that answers, with the same arguments.
    told: &'static str,
}

impl<V: Verb> Verb for Deceived<V> {
    type Done = V::Done;
    const LANE: Lane = V::LANE;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<V::Done> {
        self.verb.run(&mut Lying { tx, lie: self.lie }).await
    }
}

struct Lying<'a, T> {
    tx: &'a mut T,
    lie: Lie,
}

impl<T> Lying<'_, T> {
    fn instead(&self, sql: &'static str) -> &'static str {
        if sql.contains(self.lie.about) { self.lie.told } else { sql }
    }
}

impl<T: Tx> Read for Lying<'_, T> {
    fn query(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send {
        self.tx.query(self.instead(sql), args)
    }
    fn now(&self) -> Timestamp {
        self.tx.now()
    }
    fn wall(&self) -> Timestamp {
        self.tx.wall()
    }
    fn shown(&self, at: Timestamp) -> Timestamp {
        self.tx.shown(at)
    }
}

impl<T: Tx> Tx for Lying<'_, T> {
    fn execute(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<u64, DbError>> + Send {
        self.tx.execute(sql, args)
    }
    fn lock(&mut self, sql: &'static str, args: &[Value]) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send {
        self.tx.lock(self.instead(sql), args)
    }
    fn locked(
        &mut self,
        lock: &'static str,
        read: &'static str,
        args: &[Value],
    ) -> impl Future<Output = Result<Vec<Row>, DbError>> + Send {
        self.tx.locked(lock, self.instead(read), args)
    }
    fn emit(&mut self, change: Change) {
        self.tx.emit(change);
    }
}

/// A tick that is told a lie.
struct BadTick(Lie);

impl Product for BadTick {
    async fn tick(&self, w: &World, verb: Tick) -> Result<TickDone, Failure> {
        w.store.run(Deceived { verb, lie: self.0 }).await
    }
}

/// A hold that is told a lie.
struct BadHold(Lie);

impl Product for BadHold {
    async fn hold(&self, w: &World, verb: PlaceHold) -> Result<Vec<u8>, Failure> {
        w.store.run(Deceived { verb, lie: self.0 }).await
    }
}

/// The product plays the sequence to its end; with the bug its last step is caught, and `what` is in the report. The
/// usual random cases find the bug too.
async fn caught<P: Product>(bug: P, terms: Terms, commands: Vec<Command>, what: &str) {
    let mut w = World::new(sqlite).await;
    let (last, script) = (commands.len(), Script { terms, commands });
    if let Err(differs) = play(&mut w, &Real, &script, &mut Met::default()).await {
        panic!("the product itself fails: {differs}");
    }
    let differs = play(&mut w, &bug, &script, &mut Met::default()).await.expect_err("the bug goes unseen");
    assert!(differs.step == last && differs.what.contains(what), "caught otherwise: {differs}");
    let (seed, smallest) = first_to_differ(&mut w, &bug).await.expect("no random case finds the bug");
    println!("found by case {seed}, shrunk to {:?}", smallest.commands);
    assert!(smallest.commands.len() <= 10, "a shrunk case says what is wrong: {smallest:?}");
}

fn join(fans: impl IntoIterator<Item = Fan>) -> Command {
    Command::Join(fans.into_iter().collect())
}

fn hold(seats: &[u32]) -> Command {
    Command::Hold { nth: 0, thief: None, seats: seats.to_vec() }
}

/// Joins, is called, and goes inside.
fn visit(fan: Fan) -> [Command; 4] {
    [join([fan]), Command::Pass(200), Command::Tick, Command::Poll(fan)]
}

#[tokio::test]
async fn a_skipped_admission_check_is_caught() {
    // Whoever asks has a claim without end, whatever there is.
    let bug = || {
        BadHold(Lie {
            about: "deadline, ended_as from claims",
            told: "select coalesce(max(id), x'ffffffffffffffffffffffffffffffff'), 1, 0, 9000000000000000, null
                   from claims where sale = ?1 and account = ?2",
        })
    };
    let never_called = vec![join([0]), Command::Hold { nth: 0, thief: Some(0), seats: vec![1] }];
    caught(bug(), Terms::EASY, never_called, r#"the model Err("admission_invalid")"#).await;
    let mut too_late = visit(0).to_vec();
    too_late.extend([Command::Pass(Terms::EASY.shopping_window), hold(&[1])]);
    caught(bug(), Terms::EASY, too_late, r#"the model Err("admission_expired")"#).await;
}

/// Commits what a refused hold had written.
struct KeepsWhatItRefused;

struct Kept<V>(V);

impl<V: Verb> Verb for Kept<V> {
    type Done = Result<V::Done, Refusal>;
    const LANE: Lane = V::LANE;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<Self::Done> {
        match self.0.run(tx).await {
            Ok(done) => Ok(Ok(done)),
            Err(Stop::Refused(no)) => Ok(Err(no)),
            Err(stop) => Err(stop),
        }
    }
}

impl Product for KeepsWhatItRefused {
    async fn hold(&self, w: &World, verb: PlaceHold) -> Result<Vec<u8>, Failure> {
        w.store.run(Kept(verb)).await?.map_err(Failure::Refused)
    }
}

#[tokio::test]
async fn a_savepoint_kept_on_refusal_is_caught() {
    // The second fan wants a seat whose hold has lapsed and one that does not exist.
    let mut lapsed = [visit(0).to_vec(), vec![hold(&[0]), Command::Pass(Terms::EASY.hold_ttl)]].concat();
    lapsed.extend([visit(1).to_vec(), vec![hold(&[0, 99])]].concat());
    caught(KeepsWhatItRefused, Terms::EASY, lapsed, "only the product shows\n    figure available_seats 5").await;
    let mut same_key = visit(0).to_vec();
    same_key.extend([hold(&[99]), Command::Again { nth: 0, other_body: false }]);
    caught(KeepsWhatItRefused, Terms::EASY, same_key, r#"answers Err("idempotency_key_reused")"#).await;
}

#[tokio::test]
async fn a_watermark_past_the_last_entry_is_caught() {
    let bug = BadTick(Lie {
        about: "(select last_position from queue_heads where sale = ?1),",
        told: "select last_position + 3, 0, 0 from queue_heads where sale = ?1",
    });
    let commands = vec![join([0]), Command::Pass(1_000), Command::Tick];
    caught(
        bug,
        Terms::EASY,
        commands,
        r#"answers Ok("rate-bound 2+0 through 2"), the model Ok("line-bound 1+0 through 1")"#,
    )
    .await;
}

#[tokio::test]
async fn a_burst_after_a_pause_is_caught() {
    // Five people's worth of credit has been saved up.
    let bug = BadTick(Lie {
        about: "select through, credit, last_tick_at, bound_by from drips",
        told: "select through, credit + case when bound_by is null then 300000 else 0 end, last_tick_at, bound_by
               from drips where sale = ?1",
    });
    let mut commands = vec![join(0..4), Command::Pause, Command::Tick, Command::Pass(2_000), Command::Tick];
    commands.extend([Command::Resume, Command::Tick]);
    caught(
        bug,
        Terms::EASY,
        commands,
        r#"answers Ok("line-bound 4+0 through 4"), the model Ok("rate-bound 2+0 through 2")"#,
    )
    .await;
}

#[tokio::test]
async fn a_starved_returner_is_caught() {
    let bug = BadTick(Lie {
        about: "(select last_position from queue_heads where sale = ?1),",
        told: "select last_position, 0, (select count(*) from claims where sale = ?1 and ended_at is null)
               from queue_heads where sale = ?1",
    });
    let mut commands = vec![join([0]), Command::Pass(200), Command::Tick, Command::Pass(Terms::EASY.claim_window)];
    commands.extend([Command::Poll(0), join([1, 2]), Command::Pass(200), Command::Tick]);
    caught(
        bug,
        Terms::EASY,
        commands,
        r#"answers Ok("rate-bound 2+0 through 3"), the model Ok("rate-bound 1+1 through 2")"#,
    )
    .await;
}

#[tokio::test]
async fn an_ignored_stock_rule_is_caught() {
    // The hall never fills.
    let bug = BadTick(Lie {
        about: "(select count(*) from hold_seats where sale = ?1 and live = 1),",
        told: "select -1000000, 0 from sales where id = ?1",
    });
    let terms = Terms { seats: 3, rate: 6_000, ..Terms::EASY };
    let commands = vec![join(0..4), Command::Pass(1_000), Command::Tick];
    caught(
        bug,
        terms,
        commands,
        r#"answers Ok("line-bound 4+0 through 4"), the model Ok("stock-bound 3+0 through 3")"#,
    )
    .await;
}

/// Answers a join when it has run, not when it is committed.
struct AnswersEarly;

struct Early<V: Verb> {
    verb: V,
    tell: Mutex<Option<oneshot::Sender<V::Done>>>,
}

impl<V: Verb<Done: Clone>> Verb for Early<V> {
    type Done = V::Done;
    const LANE: Lane = V::LANE;

    async fn run<T: Tx>(&self, tx: &mut T) -> Outcome<V::Done> {
        let done = self.verb.run(tx).await?;
        if let Some(tell) = self.tell.lock().expect("one writer").take() {
            let _ = tell.send(done.clone());
        }
        Ok(done)
    }
}

impl Product for AnswersEarly {
    async fn join(&self, w: &World, verb: JoinBatch) -> Result<Vec<Joined>, Failure> {
        let (tell, told) = oneshot::channel();
        let asked = offer(w, Early { verb, tell: Mutex::new(Some(tell)) });
        match told.await {
            Ok(joined) => Ok(joined),
            Err(_) => asked.await,
        }
    }
}

/// The disk fills up between a join and its commit; afterwards the process starts again. Whoever was told a place must
/// have it.
async fn joins_while_the_disk_fills<P: Product>(product: &P) -> Result<(), String> {
    let mut w = World::new(sqlite).await;
    let sale = w.sale().await;
    w.line(sale, 10).await;
    w.ask(Disk("pragma max_page_count = 1")).await.expect("no page more than there are");
    let (pull, fan) = (plug(&w), w.fan());
    let answer = {
        let mut small = Box::pin(product.join(&w, JoinBatch { sale, accounts: vec![fan] }));
        assert!(small.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it waits for the writer");
        let large = offer(&w, JoinBatch { sale, accounts: w.fans(1_000) });
        drop(pull);
        assert!(matches!(large.await, Err(Failure::StorageFull)), "the batch is lost");
        small.await
    };
    let acknowledged: Vec<_> = answer.into_iter().flatten().map(|joined| (position(joined), fan)).collect();
    w.restart().await;
    every_acknowledged_place_is_there(&w.read(Line { sale, after: 0 }).await, &acknowledged)
}

#[tokio::test]
async fn an_acknowledgement_before_the_commit_is_caught() {
    joins_while_the_disk_fills(&Real).await.expect("the product acknowledges nothing that is not committed");
    let lost = joins_while_the_disk_fills(&AnswersEarly).await.expect_err("the lost place goes unseen");
    assert!(lost.contains("was told 11 and has None"), "{lost}");
}
