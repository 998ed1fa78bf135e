//! A node as Redis sees it: its limits and its hints, without the server around them. The limits' time stands still, so
//! that counts are exact.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::{AccountId, Clock, SaleId, Timestamp};
use server::limits::{Limits, Rates, RouteClass};
use server::redis::{Redis, RedisUrl};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::app::START;

/// A deadline against a hang, not a measure.
const PATIENCE: Duration = Duration::from_secs(30);

struct Still;

impl Clock for Still {
    fn wall(&self) -> Timestamp {
        START
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1_000)
    }
}

pub(super) struct Node {
    pub(super) limits: Arc<Limits>,
    redis: Arc<Redis>,
    started: Instant,
    task: JoinHandle<()>,
}

impl Deref for Node {
    type Target = Redis;

    fn deref(&self) -> &Redis {
        &self.redis
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Node {
    /// Connected.
    #[expect(clippy::disallowed_methods, reason = "other people's servers freeze in real time")]
    pub(super) async fn start(url: &str) -> Self {
        static NODES: AtomicU64 = AtomicU64::new(1);
        let number = NODES.fetch_add(1, Ordering::Relaxed);
        let url = RedisUrl::parse(url).unwrap();
        let redis = Arc::new(Redis::new(Some(url), Uuid::from_u64_pair(0, number)));
        let limits = Arc::new(Limits::new(&Rates::default(), true));
        let running = (Arc::clone(&redis), Arc::clone(&limits));
        let task = tokio::spawn(async move { running.0.run(&running.1, &Still).await });
        let node = Self { limits, redis, started: Instant::now(), task };
        eventually("the first connection", || node.hints.are_flowing()).await;
        node.hints.heard().await;
        node
    }

    /// Since its start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Pays now and then until it is refused; the answer is how often that went well before.
    pub(super) async fn learns_that_it_is_spent(&self, account: AccountId) -> u32 {
        let mut passed = 0;
        // What is let through is told at the latest with the second, and the exchange after that brings the answer.
        while self.limits.check(RouteClass::Checkout, account, Still.monotonic()).is_ok() {
            passed += 1;
            let told = self.figures.exchanges();
            if passed % 2 == 0 {
                eventually("an exchange", || self.figures.exchanges() > told).await;
            }
        }
        passed
    }
}

/// Pays until refused: how often.
pub(super) fn spend(limits: &Limits, account: AccountId) -> u32 {
    let mut passed = 0;
    while limits.check(RouteClass::Checkout, account, Still.monotonic()).is_ok() {
        passed += 1;
    }
    passed
}

pub(super) fn account(number: u128) -> AccountId {
    AccountId(Uuid::from_u128(number))
}

pub(super) fn sale() -> SaleId {
    SaleId(Uuid::from_u128(7))
}

pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

pub(super) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            pause().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited {PATIENCE:?} for {what}");
}
