//! The exchange of limits, with Redis's arithmetic under time by hand: one account has one allowance on all nodes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::AccountId;
use proptest::prelude::*;
use server::limits::{Limits, Rates, RouteClass};
use server::redis::{Commands, RedisUrl, exchange};
use tokio::runtime::Runtime;

use super::node::account;

/// Two a second, sixty at once.
const CLASS: RouteClass = RouteClass::Hold;
const BURST: u64 = 60;
const INTERVAL_MS: u64 = 500;
/// What a node keeps to itself.
const UNTOLD: u64 = BURST / 8;
const NODES: usize = 3;
/// Requests of one node between two exchanges, at most.
const BETWEEN: u64 = 4;

/// Nodes on one Redis, and the time that they and Redis live by.
struct Cluster {
    runtime: Runtime,
    commands: Commands,
    nodes: Vec<Limits>,
    now_ms: u64,
    account: AccountId,
}

impl Cluster {
    fn new(nodes: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = RedisUrl::parse(&testbed::redis().url()).unwrap();
        let commands = runtime.block_on(Commands::open(&url, 0)).unwrap();
        Self {
            runtime,
            commands,
            nodes: (0..nodes).map(|_| Limits::new(&Rates::default(), true)).collect(),
            now_ms: 0,
            account: new(),
        }
    }

    fn now(&self) -> Duration {
        Duration::from_secs(1_000_000) + Duration::from_millis(self.now_ms)
    }

    fn passes(&self, node: usize) -> bool {
        self.nodes[node].check(CLASS, self.account, self.now()).is_ok()
    }

    /// Each node's monotonic time began at another moment, and is no other's.
    fn exchange(&self) {
        for node in &self.nodes {
            let done = self.runtime.block_on(exchange(&self.commands, node, self.now(), Some(self.now())));
            done.unwrap();
        }
    }

    /// Asks node after node until all refuse, with an exchange after each round: how many passed.
    fn spend(&self) -> u64 {
        let mut passed = 0;
        loop {
            let round = (0..self.nodes.len()).filter(|node| self.passes(*node)).count() as u64;
            if round == 0 {
                return passed;
            }
            passed += round;
            self.exchange();
        }
    }
}

/// An account that no other test has used.
fn new() -> AccountId {
    static ACCOUNTS: AtomicU64 = AtomicU64::new(1);
    account(u128::from(ACCOUNTS.fetch_add(1, Ordering::Relaxed)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Over any time from a fresh start, all nodes together let through a burst, what was earned, and what they had not
    /// told each other.
    #[test]
    fn an_account_that_spreads_over_nodes_has_one_allowance(
        steps in prop::collection::vec((0..NODES, 1..=BETWEEN, 0_u64..200), 100..300)
    ) {
        let mut cluster = Cluster::new(NODES);
        let mut let_through = 0;
        for (node, tries, wait_ms) in steps {
            let_through += (0..tries).filter(|_| cluster.passes(node)).count() as u64;
            cluster.exchange();
            let most = BURST + cluster.now_ms / INTERVAL_MS + NODES as u64 * (UNTOLD + BETWEEN);
            prop_assert!(let_through <= most, "{let_through} of {most} after {} ms", cluster.now_ms);
            cluster.now_ms += wait_ms;
        }
    }

    /// Nobody is refused who keeps the pace, however the requests fall on the nodes.
    #[test]
    fn an_honest_pace_is_never_refused(nodes in prop::collection::vec(0_usize..4, 200)) {
        let mut cluster = Cluster::new(4);
        for node in nodes {
            prop_assert!(cluster.passes(node), "after {} ms", cluster.now_ms);
            cluster.exchange();
            cluster.now_ms += INTERVAL_MS;
        }
    }
}

#[test]
fn three_nodes_give_one_burst_and_little_more_and_without_redis_three() {
    let cluster = Cluster::new(NODES);
    let passed = cluster.spend();
    assert!((BURST..=BURST + NODES as u64 * (UNTOLD + 1)).contains(&passed), "{passed}");
    let apart = Cluster::new(NODES);
    let alone: usize = (0..NODES).map(|node| (0..1_000).filter(|_| apart.passes(node)).count()).sum();
    assert_eq!(alone as u64, BURST * NODES as u64);
}

#[test]
fn who_is_refused_is_let_in_again_at_the_pace_of_one_allowance() {
    let mut cluster = Cluster::new(NODES);
    cluster.spend();
    let mut passed = 0;
    for _ in 0..400 {
        cluster.now_ms += INTERVAL_MS;
        passed += (0..NODES).filter(|node| cluster.passes(*node)).count() as u64;
        cluster.exchange();
    }
    let most = 400 + NODES as u64 * (UNTOLD + 1);
    assert!((350..=most).contains(&passed), "{passed} in the time of 400");
}

/// An emptied Redis makes a burst come back at most once, and nobody is punished.
#[test]
fn a_redis_that_forgets_gives_no_more_than_one_burst_back() {
    let cluster = Cluster::new(NODES);
    cluster.spend();
    testbed::redis().flush();
    assert_eq!(cluster.spend(), 0, "each node still knows");
    let mut fresh = Cluster::new(NODES);
    fresh.account = cluster.account;
    let again = fresh.spend();
    assert!(again <= BURST + NODES as u64 * (UNTOLD + 1), "{again} on nodes that never heard of it");
    fresh.account = new();
    assert!(fresh.spend() >= BURST, "somebody else has a whole burst");
}

/// What one node knows of a busy account is told again to a Redis that forgot it.
#[test]
fn what_was_forgotten_is_told_again_with_the_next_request() {
    let cluster = Cluster::new(2);
    (0..40).for_each(|_| assert!(cluster.passes(0)));
    cluster.exchange();
    testbed::redis().flush();
    (0..UNTOLD).for_each(|_| assert!(cluster.passes(0)));
    cluster.exchange();
    (0..UNTOLD).for_each(|_| assert!(cluster.passes(1)));
    cluster.exchange();
    let left = (0..100).filter(|_| cluster.passes(1)).count() as u64;
    assert_eq!(left, BURST - 40 - 2 * UNTOLD, "all of it is known again");
}

/// Redis's clock jumps: back punishes nobody, on forgives what Redis kept and not what a node knows.
#[test]
fn a_clock_that_jumps_punishes_nobody() {
    let mut cluster = Cluster::new(2);
    (0..30).for_each(|_| assert!(cluster.passes(0)));
    cluster.exchange();
    let day = Duration::from_secs(86_400);
    for time in [cluster.now() - day, cluster.now() + day] {
        (0..UNTOLD).for_each(|_| assert!(cluster.passes(1)));
        let node = &cluster.nodes[1];
        cluster.runtime.block_on(exchange(&cluster.commands, node, cluster.now(), Some(time))).unwrap();
    }
    let left = (0..100).filter(|_| cluster.passes(1)).count() as u64;
    assert_eq!(
        left,
        BURST - 30 - 2 * UNTOLD,
        "the first thirty were learned before the jump on, and nothing was added"
    );
    cluster.now_ms += BURST * INTERVAL_MS;
    assert_eq!((0..100).filter(|_| cluster.passes(1)).count() as u64, BURST, "all of it is earned back in its time");
}
