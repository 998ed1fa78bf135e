//! What a contract test is written in: a store on a hand-driven clock, and the words of the domain.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use domain::admission::Claim;
use domain::money::Currency;
use domain::sale::Terms;
use domain::seat_map::Seating;
use domain::{AccountId, ClaimId, Clock, EventId, HoldId, Money, OrderId, Refusal, SaleId, TicketId, Timestamp};
use serde_json::Value as Json;
use store::admissions::{PollCalled, Polled, Tick, TickDone};
use store::audit::Act;
use store::catalog::{BuildSeats, CreateEvent, CreateSale, Event};
use store::checkout::{BeginCheckout, Begun, CHECKOUT};
use store::export::Export;
use store::holds::{PlaceHold, ReleaseHold};
use store::idempotency::Key;
use store::lease::Lead;
use store::load::{Shop, ShopState};
use store::queue::{JoinBatch, Joined, Leave};
use store::settlement::{FinishCheckout, Finished};
use store::stats::{SaleStats, Stats};
use store::{Failure, NoObserver, Observer, Options, Query, Store, Verb};
use tempfile::TempDir;
use uuid::Uuid;

/// When every test begins: noon.
pub(crate) const START: Timestamp = Timestamp(1_795_435_200_000);
pub(crate) const SEC: i64 = 1_000;
/// Verbs that [`World::in_groups`] runs at once.
const GROUP: usize = 50;

/// Where a world keeps its store.
pub(crate) enum Home {
    Folder(TempDir),
    Database(testbed::Database),
}

impl Home {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Folder(folder) => sqlite_url(folder),
            Self::Database(database) => database.url().to_owned(),
        }
    }
}

/// A new engine is a new function like these two.
pub(crate) fn sqlite() -> Home {
    Home::Folder(tempfile::tempdir().expect("a temporary folder"))
}

/// A copy of a database that has its tables already.
pub(crate) fn postgres() -> Home {
    Home::Database(testbed::database_from("traffic", |url| {
        let url = url.to_owned();
        let make = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let opened = runtime.block_on(open(url, &Hands::new(), Arc::new(NoObserver)));
            opened.map(drop).expect("the tables are made");
        });
        make.join().expect("the template is made");
    }))
}

pub(crate) fn sqlite_url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("traffic.db").display())
}

/// A clock that moves only when told to.
pub(crate) struct Hands {
    wall: AtomicI64,
    monotonic: AtomicI64,
}

impl Hands {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { wall: AtomicI64::new(START.millis()), monotonic: AtomicI64::new(0) })
    }
}

impl Clock for Hands {
    fn wall(&self) -> Timestamp {
        Timestamp(self.wall.load(SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic.load(SeqCst).unsigned_abs())
    }
}

pub(crate) async fn open(
    url: String,
    hands: &Arc<Hands>,
    observer: Arc<dyn Observer>,
) -> Result<Store, store::OpenError> {
    let clock = Arc::clone(hands) as Arc<dyn Clock>;
    Store::open(Options { url, clock, observer, connections: 2, hand_driven_from: Some(START), may_lose: true }).await
}

/// One installation.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) hands: Arc<Hands>,
    pub(crate) epoch: i64,
    pub(crate) url: String,
    ids: AtomicU64,
    /// `None` where it outlives this process.
    _home: Option<Home>,
}

/// A fan who is inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    pub(crate) sale: SaleId,
    pub(crate) fan: AccountId,
    pub(crate) claim: Claim,
}

/// The digest of a request whose body does not matter.
const SAME_BODY: [u8; 32] = [7; 32];

impl World {
    pub(crate) async fn new(home: fn() -> Home) -> Self {
        let home = home();
        let mut world = Self::at(home.url(), Arc::new(NoObserver)).await;
        world._home = Some(home);
        world
    }

    /// In a folder of the caller's.
    pub(crate) async fn at(url: String, observer: Arc<dyn Observer>) -> Self {
        let hands = Hands::new();
        let store = open(url.clone(), &hands, observer).await.expect("the store opens");
        let mut world = Self { store, hands, epoch: 0, url, ids: AtomicU64::new(1), _home: None };
        world.lead().await;
        world
    }

    /// Becomes the leader, with a new epoch.
    pub(crate) async fn lead(&mut self) {
        let lead = Lead { holder: self.id(), alone: true };
        self.epoch = self.ask(lead).await.expect("an answer").expect("a lease");
    }

    /// Ends the process and starts it again on the same data; the new one leads.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.store = open(self.url.clone(), &self.hands, Arc::new(NoObserver)).await.expect("the store opens again");
        self.lead().await;
    }

    /// Ends the process: its data are left alone.
    pub(crate) async fn stop(&mut self) {
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        let nothing =
            open(sqlite_url(&elsewhere), &self.hands, Arc::new(NoObserver)).await.expect("a store to put in between");
        let before = std::mem::replace(&mut self.store, nothing);
        before.close().await;
        drop(before);
    }

    /// After [`World::stop`]: goes on with other data, on a server whose clock is right. Nobody leads yet.
    pub(crate) async fn go_on_at(&mut self, home: Home) {
        self.url = home.url();
        let clock = self.clock();
        let (url, observer) = (self.url.clone(), Arc::new(NoObserver));
        let hand_driven_from = Some(self.server_clock_from());
        let options = Options { url, clock, observer, connections: 2, hand_driven_from, may_lose: true };
        self.store = Store::open(options).await.expect("the other store opens");
        self._home = Some(home);
    }

    /// What a server whose clock is right showed when the monotonic clock here was at zero.
    pub(crate) fn server_clock_from(&self) -> Timestamp {
        self.now().plus_ms(-i64::try_from(self.hands.monotonic().as_millis()).expect("a short test"))
    }

    // Time.

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.hands) as Arc<dyn Clock>
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.hands.wall()
    }

    pub(crate) fn advance(&self, ms: i64) {
        self.hands.wall.fetch_add(ms, SeqCst);
        self.hands.monotonic.fetch_add(ms, SeqCst);
    }

    /// Somebody sets the clock of the machine.
    pub(crate) fn set_wall(&self, wall: Timestamp) {
        self.hands.wall.store(wall.millis(), SeqCst);
    }

    // Asking.

    /// The answer or the refusal; anything else fails the test.
    pub(crate) async fn ask<V: Verb>(&self, verb: V) -> Result<V::Done, Refusal> {
        definite(self.store.run(verb).await)
    }

    pub(crate) async fn read<Q: Query>(&self, query: Q) -> Q::Out {
        self.store.read(query).await.expect("a reading")
    }

    /// All at once; the answers in the order of the questions.
    pub(crate) async fn at_once<V: Verb>(&self, verbs: impl IntoIterator<Item = V>) -> Vec<Result<V::Done, Refusal>> {
        let ask = |verb| {
            let store = self.store.clone();
            tokio::spawn(async move { store.run(verb).await })
        };
        let asked: Vec<_> = verbs.into_iter().map(ask).collect();
        let mut answers = Vec::with_capacity(asked.len());
        for answer in asked {
            answers.push(definite(answer.await.expect("the task ends")));
        }
        answers
    }

    /// Many, in groups that any machine serves soon: on PostgreSQL who waits for his turn for long is refused.
    pub(crate) async fn in_groups<V: Verb>(&self, verbs: impl IntoIterator<Item = V>) -> Vec<Result<V::Done, Refusal>> {
        let (mut verbs, mut answers) = (verbs.into_iter(), Vec::new());
        loop {
            let group: Vec<V> = verbs.by_ref().take(GROUP).collect();
            if group.is_empty() {
                return answers;
            }
            answers.extend(self.at_once(group).await);
        }
    }

    // Ids.

    pub(crate) fn id<I: From<Uuid>>(&self) -> I {
        Uuid::from_u128(u128::from(self.ids.fetch_add(1, SeqCst))).into()
    }

    pub(crate) fn fan(&self) -> AccountId {
        self.id()
    }

    pub(crate) fn fans(&self, count: usize) -> Vec<AccountId> {
        (0..count).map(|_| self.fan()).collect()
    }

    pub(crate) fn act(&self) -> Act {
        Act {
            id: self.id(),
            actor: "operator".to_owned(),
            act: "test",
            subject: "the world".to_owned(),
            details: "{}".to_owned(),
        }
    }

    // The catalog.

    pub(crate) async fn event(&self) -> EventId {
        let event =
            Event { id: self.id(), name: "Night".to_owned(), venue: "Hall".to_owned(), starts_at: START.plus_sec(1) };
        let id = event.id;
        self.ask(CreateEvent { event, key: None, act: self.act() }).await.expect("an event");
        id
    }

    /// A hundred seats, open for ten seconds already and for a day to come, and one person a millisecond.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            opens_at: self.now().plus_sec(-10),
            ends_at: self.now().plus_sec(86_400),
            total_seats: 100,
            admit_per_minute: 60_000,
            waiting_room_cap: 10_000,
            max_tickets_per_user: 4,
            max_active: 0,
            hold_ttl_sec: 720,
            claim_window_sec: 60,
            shopping_window_sec: 600,
            seats_per_shopper: 1,
            price: Money(5_000),
            currency: Currency::parse("USD").expect("three letters"),
        }
    }

    /// Made, its seats not yet.
    pub(crate) async fn building(&self, change: impl FnOnce(&mut Terms)) -> SaleId {
        let mut terms = self.terms();
        change(&mut terms);
        let seating = Seating::general(terms.total_seats, terms.price).expect("a hall");
        let (id, event) = (self.id(), self.event().await);
        self.ask(CreateSale { id, event, terms, seating, key: None, act: self.act() }).await.expect("a sale");
        id
    }

    /// The first tick is made, so that credit counts from now.
    pub(crate) async fn sale_with(&self, change: impl FnOnce(&mut Terms)) -> SaleId {
        let sale = self.building(change).await;
        while !self.ask(BuildSeats { sale }).await.expect("seats") {}
        self.tick(sale).await;
        sale
    }

    pub(crate) async fn sale(&self) -> SaleId {
        self.sale_with(|_| ()).await
    }

    // The line.

    pub(crate) async fn join_all(&self, sale: SaleId, fans: &[AccountId]) -> Vec<Joined> {
        self.ask(JoinBatch { sale, accounts: fans.to_vec() }).await.expect("a batch is never refused as a whole")
    }

    pub(crate) async fn join(&self, sale: SaleId, fan: AccountId) -> Joined {
        self.join_all(sale, &[fan]).await[0]
    }

    /// So many new fans, in line behind each other.
    pub(crate) async fn line(&self, sale: SaleId, count: usize) -> Vec<AccountId> {
        let fans = self.fans(count);
        for batch in fans.chunks(store::MOST_ROWS_PER_COMMAND) {
            for joined in self.join_all(sale, batch).await {
                assert!(matches!(joined, Joined::New { .. }), "{joined:?}");
            }
        }
        fans
    }

    pub(crate) async fn leave(&self, sale: SaleId, account: AccountId) -> Result<i64, Refusal> {
        self.ask(Leave { sale, account }).await
    }

    pub(crate) async fn tick(&self, sale: SaleId) -> TickDone {
        self.ask(Tick { sale, epoch: self.epoch }).await.expect("a tick")
    }

    /// People called by a tick, returners included.
    pub(crate) async fn calls(&self, sale: SaleId) -> i64 {
        match self.tick(sale).await {
            TickDone::Called { called, recalled, .. } => called + recalled,
            TickDone::Idle | TickDone::NotLeader => 0,
        }
    }

    pub(crate) async fn poll(&self, sale: SaleId, account: AccountId) -> Result<Polled, Refusal> {
        self.ask(PollCalled { sale, account, claim: self.id() }).await
    }

    /// The poll of a fan who must be let in.
    pub(crate) async fn enter(&self, sale: SaleId, fan: AccountId) -> Visit {
        match self.poll(sale, fan).await {
            Ok(Polled::Inside(claim)) => Visit { sale, fan, claim },
            other => panic!("{fan} should be inside: {other:?}"),
        }
    }

    /// Joins as the only one in line, is called after a millisecond, goes inside.
    pub(crate) async fn visit(&self, sale: SaleId) -> Visit {
        let fan = self.fan();
        self.visit_of(sale, fan).await
    }

    pub(crate) async fn visit_of(&self, sale: SaleId, fan: AccountId) -> Visit {
        self.join(sale, fan).await;
        self.advance(1);
        assert_eq!(self.calls(sale).await, 1);
        self.enter(sale, fan).await
    }

    /// So many fans inside at once.
    pub(crate) async fn visits(&self, sale: SaleId, count: usize) -> Vec<Visit> {
        let fans = self.line(sale, count).await;
        self.tick(sale).await;
        self.advance(i64::try_from(count).expect("a small crowd"));
        self.tick(sale).await;
        let polls = fans.iter().map(|fan| PollCalled { sale, account: *fan, claim: self.id() });
        let inside = self.in_groups(polls).await;
        let visit = |(fan, polled)| match polled {
            Ok(Polled::Inside(claim)) => Visit { sale, fan, claim },
            other => panic!("{fan} should be inside: {other:?}"),
        };
        fans.into_iter().zip(inside).map(visit).collect()
    }

    // The shop.

    /// A key of this fan that was never used.
    pub(crate) fn fresh_key(&self, visit: &Visit, verb: &'static str) -> Key {
        key(visit, verb, &self.id::<Uuid>().to_string())
    }

    pub(crate) fn placing(&self, visit: &Visit, seats: &[u32]) -> PlaceHold {
        PlaceHold {
            id: self.id(),
            sale: visit.sale,
            account: visit.fan,
            claim: visit.claim.id,
            seats: seats.to_vec(),
            key: self.fresh_key(visit, "hold"),
        }
    }

    pub(crate) async fn hold(&self, visit: &Visit, seats: &[u32]) -> Result<HoldId, Refusal> {
        let verb = self.placing(visit, seats);
        let id = verb.id;
        self.ask(verb).await.map(|_| id)
    }

    pub(crate) async fn release(&self, visit: &Visit, hold: HoldId) -> Result<(), Refusal> {
        self.ask(ReleaseHold { sale: visit.sale, account: visit.fan, hold }).await
    }

    pub(crate) fn beginning(&self, visit: &Visit, hold: HoldId) -> BeginCheckout {
        BeginCheckout {
            order: self.id(),
            sale: visit.sale,
            account: visit.fan,
            claim: visit.claim.id,
            hold,
            payment_token: "sim_ok".to_owned(),
            attendees: Vec::new(),
            key: self.fresh_key(visit, CHECKOUT),
        }
    }

    /// The order, charged but not finished.
    pub(crate) async fn begin(&self, visit: &Visit, hold: HoldId) -> Result<OrderId, Refusal> {
        self.ask(self.beginning(visit, hold)).await.map(|begun| match begun {
            Begun::Charge(charge) => charge.order,
            other => panic!("a fresh key is charged: {other:?}"),
        })
    }

    pub(crate) fn finishing(&self, order: OrderId, captured: bool) -> FinishCheckout {
        FinishCheckout { order, captured, tickets: (0..50).map(|_| self.id::<TicketId>()).collect() }
    }

    pub(crate) async fn finish(&self, order: OrderId, captured: bool) -> Finished {
        self.ask(self.finishing(order, captured)).await.expect("an order that exists is settled")
    }

    /// Holds and pays.
    pub(crate) async fn buy(&self, visit: &Visit, seats: &[u32]) -> OrderId {
        let hold = self.hold(visit, seats).await.expect("a hold");
        let order = self.begin(visit, hold).await.expect("a payment");
        let finished = self.finish(order, true).await;
        assert!(matches!(finished, Finished::Confirmed(_)), "{finished:?}");
        order
    }

    // Looking.

    pub(crate) async fn shop(&self, sale: SaleId) -> ShopState {
        self.read(Shop { sale, calls_after: Timestamp(0) }).await
    }

    /// The figures, which must add up at every moment.
    pub(crate) async fn stats(&self, sale: SaleId) -> Stats {
        let s = self.read(SaleStats(sale)).await;
        let places = s.waiting + s.called + s.returning + s.inside + s.bought + s.expired + s.left;
        assert_eq!(s.joined, places, "everybody is in one state: {s:?}");
        assert_eq!(s.joined, s.last_position, "positions have no gap: {s:?}");
        assert_eq!(
            s.total_seats,
            s.available_seats + s.held_seats + s.tickets_sold,
            "every seat is in one state: {s:?}"
        );
        s
    }

    /// Every line of the export, parsed.
    pub(crate) async fn export(&self, sale: SaleId) -> Vec<Json> {
        let (sink, mut lines) = tokio::sync::mpsc::channel::<Vec<u8>>(8);
        let collect = async {
            let mut all = Vec::new();
            while let Some(line) = lines.recv().await {
                assert_eq!(line.last(), Some(&b'\n'));
                all.push(serde_json::from_slice(&line).expect("a line of JSON"));
            }
            all
        };
        let (count, all) = tokio::join!(self.store.read(Export { sale, sink }), collect);
        assert_eq!(count.expect("an export"), all.len() as i64 - 1);
        all
    }

    /// The lines of one type.
    pub(crate) async fn exported(&self, sale: SaleId, kind: &str) -> Vec<Json> {
        self.export(sale).await.into_iter().filter(|line| line["type"] == kind).collect()
    }
}

fn definite<T>(result: Result<T, Failure>) -> Result<T, Refusal> {
    match result {
        Ok(done) => Ok(done),
        Err(Failure::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("neither done nor refused: {other:?}"),
    }
}

pub(crate) fn key(visit: &Visit, verb: &'static str, text: &str) -> Key {
    Key { account: visit.fan, sale: visit.sale, verb, key: text.to_owned(), digest: SAME_BODY }
}

/// The key of the operator.
pub(crate) fn operator_key(verb: &'static str, text: &str) -> Key {
    Key { account: AccountId(Uuid::nil()), sale: SaleId(Uuid::nil()), verb, key: text.to_owned(), digest: SAME_BODY }
}

/// A claim that nobody has.
pub(crate) fn no_claim() -> ClaimId {
    ClaimId(Uuid::max())
}

pub(crate) fn position(joined: Joined) -> i64 {
    match joined {
        Joined::New { position, .. } | Joined::Known { position, .. } => position,
        Joined::Refused(refusal) => panic!("{refusal:?}"),
    }
}

pub(crate) fn joined_at(joined: Joined) -> Timestamp {
    match joined {
        Joined::New { joined_at, .. } | Joined::Known { joined_at, .. } => joined_at,
        Joined::Refused(refusal) => panic!("{refusal:?}"),
    }
}
