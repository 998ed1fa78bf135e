//! The fans of a fault test, and the hands that send their requests: a stream of newcomers, who go to the other node with
//! the same key whenever a node does not serve them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::Cluster;
use super::tap::{Ledger, Tap, Trail, lines};
use crate::journey::book::Book;
use crate::journey::dice::Dice;
use crate::journey::fan::{Fan, Seen, Trouble};
use crate::process::{Line, PATIENCE, now, wait_for};

/// Requests under way at once. All may hang on a node that hears nothing; the others then find the other node.
const HANDS: usize = 24;
/// On their way at any moment, as long as there are newcomers.
const BUSY: usize = 40;
/// The same while a long fault is waited for: the newcomers must last.
const BUSY_MEANWHILE: usize = 4;
/// Newcomers for one round, and the most that are made at once.
const FANS_PER_ROUND: u64 = 800;
const FANS_MAX: u64 = 10_000;
/// Enough for everybody, so that nobody's journey ends for want of a seat.
const SEATS_PER_FAN: u64 = 2;
/// Between two requests of one fan.
const THINKS_MS: u64 = 200;
/// After a request that brought nothing, growing.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// An order whose answer does not come is settled later: nobody's hands wait for it again and again.
const DOUBTS_MAX: u32 = 2;
const WATCH_EVERY: Duration = Duration::from_millis(20);
const WATCH_MAX: Duration = Duration::from_secs(5);

pub(super) struct Crowd {
    pub(super) sale: String,
    accounts: Vec<String>,
    newcomers: Mutex<VecDeque<Visitor>>,
    here: Mutex<VecDeque<Visitor>>,
    busy: AtomicU64,
    busy_max: AtomicUsize,
    done: Mutex<Vec<Visitor>>,
    dice: Mutex<Dice>,
    pub(super) seen: Seen,
    pub(super) ledger: Ledger,
    round: AtomicU64,
    /// No further request is sent.
    halt: AtomicBool,
    /// The oldest number that a node has shown.
    staleness_ms: AtomicU64,
}

struct Visitor {
    fan: Fan,
    number: u32,
    node: usize,
    trail: Trail,
    not_before: Instant,
    backoff: Duration,
    /// Answers that left a payment open.
    doubts: u32,
    comes_twice: bool,
}

impl Crowd {
    /// Accounts and an open sale, made at the first node.
    pub(super) fn new(cluster: &Cluster, admit_per_minute: u32, rounds: u64, seed: u64) -> Self {
        let server = cluster.nodes[0].server();
        let fans = (rounds * FANS_PER_ROUND).min(FANS_MAX);
        let sale = server.open_slow_sale(u32::try_from(fans * SEATS_PER_FAN).expect("small"), admit_per_minute);
        let accounts = server.accounts(usize::try_from(fans).expect("small"), &sale);
        let names = accounts.iter().map(|(account, _)| account.clone()).collect();
        // The provider answers everybody at once: what stays unknown here is the fault's doing.
        let kinds = (0..).filter(|number| !matches!(number % 8, 1 | 5));
        let fans = kinds.zip(accounts).map(|(kind, account)| Fan::new(kind, &sale, account));
        let visitors = (0..).zip(fans).map(|(number, fan)| Visitor::new(number, fan)).collect();
        Self {
            sale,
            accounts: names,
            newcomers: Mutex::new(visitors),
            here: Mutex::default(),
            busy: AtomicU64::new(0),
            busy_max: AtomicUsize::new(BUSY),
            done: Mutex::default(),
            dice: Mutex::new(Dice(seed)),
            seen: Seen::default(),
            ledger: Ledger::new(),
            round: AtomicU64::new(0),
            halt: AtomicBool::new(false),
            staleness_ms: AtomicU64::new(0),
        }
    }

    /// Keeps the fans going while `break_something` runs; then they finish the request that is under way.
    pub(super) fn while_busy(&self, addresses: [SocketAddr; 2], break_something: impl FnOnce()) {
        self.halt.store(false, Relaxed);
        thread::scope(|scope| {
            let _end = Halt(&self.halt);
            let mut hands: Vec<_> = (0..HANDS).map(|_| scope.spawn(|| self.serve(addresses))).collect();
            hands.extend(addresses.map(|address| scope.spawn(move || self.watch(address))));
            break_something();
            self.halt.store(true, Relaxed);
            for hand in hands {
                hand.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
            }
        });
    }

    /// Returns when so many more writes were acknowledged.
    pub(super) fn goes_on(&self, writes: u64) {
        let before = self.seen.acknowledged();
        wait_for("the fans to go on", || self.halt.load(Relaxed) || self.seen.acknowledged() >= before + writes);
    }

    pub(super) fn below(&self, bound: u64) -> u64 {
        self.dice.lock().unwrap().below(bound)
    }

    /// A while in which the fans go on against whatever is broken.
    pub(super) fn for_a_while(&self, most_ms: u64) {
        thread::sleep(Duration::from_millis(most_ms / 4 + self.below(most_ms * 3 / 4)));
    }

    /// So long with only a few newcomers.
    pub(super) fn with_few(&self, time: Duration) {
        self.busy_max.store(BUSY_MEANWHILE, Relaxed);
        thread::sleep(time);
        self.busy_max.store(BUSY, Relaxed);
    }

    /// What was left open is settled, everybody who came goes on to his order, and nobody else comes.
    pub(super) fn finish(&self, cluster: &Cluster) {
        cluster.settle();
        self.newcomers.lock().unwrap().clear();
        self.round.store(2, Relaxed);
        for visitor in self.here.lock().unwrap().iter_mut() {
            visitor.not_before = now();
        }
        self.while_busy(cluster.addresses(), || {
            let asked = now();
            while !self.halt.load(Relaxed) && (self.busy.load(Relaxed) > 0 || !self.here.lock().unwrap().is_empty()) {
                assert!(asked.elapsed() < PATIENCE, "not everybody gets on");
                thread::sleep(Duration::from_millis(5));
            }
        });
    }

    /// Holds everything that anybody was told against what is there, also by the lab's checkers, which share no code with
    /// the product.
    pub(super) fn judge(&self, cluster: &Cluster) {
        let export = cluster.nodes[1].server().export(&self.sale);
        let book = Book::read(&export);
        book.is_sound();
        self.done.lock().unwrap().iter().for_each(|visitor| book.keeps_its_word_to(&visitor.fan));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, &self.ledger.history(&self.accounts)).unwrap();
        let history = packed.finish().unwrap();
        let judged = lab::assert_run(export.as_bytes(), history.as_slice(), self.staleness_ms.load(Relaxed)).unwrap();
        assert!(judged.passed(), "{}", judged.render());
    }

    fn serve(&self, addresses: [SocketAddr; 2]) {
        let _end = Halt(&self.halt);
        let mut lines = lines(addresses);
        while !self.halt.load(Relaxed) {
            let Some(mut visitor) = self.next() else {
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            visitor.go_on(&mut lines, self);
            if visitor.fan.order.is_some() {
                self.done.lock().unwrap().push(visitor);
            } else {
                self.here.lock().unwrap().push_back(visitor);
            }
            self.busy.fetch_sub(1, Relaxed);
        }
    }

    /// A fan who has something to do; who waits stays in the queue.
    fn next(&self) -> Option<Visitor> {
        let mut here = self.here.lock().unwrap();
        let round = self.round.load(Relaxed);
        let at = (0..here.len()).find(|at| here[*at].is_due(round));
        let visitor = match at {
            Some(at) => here.remove(at),
            None if here.iter().filter(|visitor| visitor.doubts < DOUBTS_MAX).count() < self.busy_max.load(Relaxed) => {
                self.newcomers.lock().unwrap().pop_front()
            }
            None => None,
        };
        self.busy.fetch_add(u64::from(visitor.is_some()), Relaxed);
        visitor
    }

    /// How old the numbers of a node may be, as it says itself; they grow older until the next look.
    fn watch(&self, address: SocketAddr) {
        let mut line = Line::with_deadline(address, WATCH_MAX);
        let (mut shown, mut looked) = (Duration::ZERO, now());
        while !self.halt.load(Relaxed) {
            let most = shown + looked.elapsed();
            self.staleness_ms.fetch_max(u64::try_from(most.as_millis()).expect("small"), Relaxed);
            looked = now();
            let live = line.send("GET", "/health/live", &[], None).map(|answer| answer.json());
            shown = Duration::from_millis(live.and_then(|live| live["staleness_ms"].as_u64()).unwrap_or_default());
            thread::sleep(WATCH_EVERY);
        }
    }
}

impl Visitor {
    fn new(number: u32, fan: Fan) -> Self {
        let node = usize::try_from(number % 2).expect("small");
        let (trail, comes_twice) = (Trail::default(), number.is_multiple_of(4));
        Self { fan, number, node, trail, not_before: now(), backoff: BACKOFF, doubts: 0, comes_twice }
    }

    fn is_due(&self, round: u64) -> bool {
        let waits = round == 0 && self.doubts >= DOUBTS_MAX;
        !waits && now() >= self.not_before && !self.fan.rests(round)
    }

    /// The next request; whoever is not served goes to the other node.
    fn go_on(&mut self, lines: &mut [Line; 2], crowd: &Crowd) {
        let round = crowd.round.load(Relaxed);
        let rejoins = self.comes_twice && self.fan.position.is_some() && self.fan.order.is_none();
        let tap = &mut Tap { lines, node: self.node, fan: self.number, ledger: &crowd.ledger, trail: &mut self.trail };
        let was_open = self.fan.is_in_doubt();
        let trouble = if rejoins { self.fan.join_again(tap) } else { self.fan.step(tap, round, &crowd.seen) };
        self.comes_twice &= !(rejoins && trouble.is_ok());
        match trouble {
            Ok(()) => {
                (self.backoff, self.doubts) = (BACKOFF, 0);
                // Nobody promises a fan that the next request reaches the same node.
                self.node = usize::try_from(crowd.below(2)).expect("small");
                self.not_before = now() + Duration::from_millis(THINKS_MS / 2 + crowd.below(THINKS_MS));
            }
            Err(Trouble::Refused(answer)) if !matches!(answer.status, 429 | 503) => {
                let heard = crowd.ledger.of(self.number);
                panic!("fan {}, {}: {answer:?}{heard}", self.number, self.fan.account)
            }
            Err(trouble) => {
                let pays = self.fan.hold.is_some() && matches!(trouble, Trouble::Refused(_)) && was_open;
                self.doubts += u32::from(pays && self.fan.is_in_doubt());
                self.node = 1 - self.node;
                self.not_before = now() + self.backoff;
                self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
            }
        }
    }
}

/// Also in a panic: nobody goes on alone.
struct Halt<'a>(&'a AtomicBool);

impl Drop for Halt<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
