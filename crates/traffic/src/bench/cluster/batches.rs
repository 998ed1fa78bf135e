//! Why joins are written in batches, and why the line is not in Redis: the same join in batches of every size straight on
//! the store, and one by one in a script that Redis has synced before it answers.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use domain::{AccountId, Clock as _, SaleId, Timestamp};
use store::queue::{JoinBatch, Joined};
use store::{NoObserver, Options, Store};
use uuid::Uuid;

use super::super::Bench;
use super::super::join::{self, terms};
use super::super::organiser::{Organiser, Sale};
use super::super::postgres::Postgres;
use super::super::program::own_cpu;
use super::super::redis::{DURABLE, Redis};
use super::super::report::Report;
use super::super::shuffle::Dice;
use super::{start, us_each};
use crate::real;

/// Each with the name of its row.
const SIZES: [(usize, &str); 7] = [
    (1, "joins on PostgreSQL, batches of 1"),
    (10, "joins on PostgreSQL, batches of 10"),
    (50, "joins on PostgreSQL, batches of 50"),
    (100, "joins on PostgreSQL, batches of 100"),
    (250, "joins on PostgreSQL, batches of 250"),
    (500, "joins on PostgreSQL, batches of 500"),
    (1_000, "joins on PostgreSQL, batches of 1,000"),
];
/// More than one size's time is enough for.
const ROOM: usize = 10_000_000;
/// Batches come one after the other; the feed takes a connection too.
const CONNECTIONS: usize = 8;

pub(super) fn measure(bench: &Bench, postgres: &Postgres, report: &mut Report) -> anyhow::Result<()> {
    let database = postgres.database("batches")?;
    let server = start(bench, "cluster-batches", &database.url, None)?;
    let organiser = Organiser::of(&server);
    let sales: Vec<Sale> = SIZES.iter().map(|_| organiser.sale(&terms(ROOM))).collect::<Result<_, _>>()?;
    // A second node would follow the first: what it does for that is not measured here.
    server.stop(&bench.clock)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut dice = Dice::new(bench.seed);
    runtime.block_on(async {
        let store = Store::open(Options {
            url: database.url.clone(),
            clock: Arc::new(real::SystemClock::start()),
            observer: Arc::new(NoObserver),
            connections: CONNECTIONS,
            hand_driven_from: None::<Timestamp>,
            may_lose: true,
        });
        let store = store.await?;
        for ((size, name), sale) in SIZES.into_iter().zip(&sales) {
            let sale = sale.0.parse().ok().context("a sale has an id")?;
            let work = Work { bench, postgres, store: &store, sale, size };
            report.fact(name, work.measure(&mut dice).await?);
        }
        store.close().await;
        anyhow::Ok(())
    })?;
    redis(bench, report)
}

/// Batches of one size into a sale of their own, one after the other.
struct Work<'a> {
    bench: &'a Bench,
    postgres: &'a Postgres,
    store: &'a Store,
    sale: SaleId,
    size: usize,
}

impl Work<'_> {
    async fn measure(&self, dice: &mut Dice) -> anyhow::Result<String> {
        // The first batch prepares its statements.
        self.batch(dice).await?;
        let clock = &self.bench.clock;
        let (own, engine, sent) = (own_cpu()?, self.postgres.cpu()?, self.store.statements());
        let (started, mut batches) = (clock.monotonic(), 0_usize);
        let mut took = Duration::ZERO;
        while took < self.bench.sizes.batches {
            self.batch(dice).await?;
            batches += 1;
            took = clock.monotonic().saturating_sub(started);
        }
        let (own, engine) = (own_cpu()?.saturating_sub(own), self.postgres.cpu()?.saturating_sub(engine));
        let (joins, seconds) = (batches * self.size, took.as_secs_f64());
        Ok(format!(
            "{:.0}/s, a batch takes {:.2} ms and {:.1} statements; CPU of a join {:.1} us here, {:.1} us in PostgreSQL",
            joins as f64 / seconds,
            seconds * 1e3 / batches as f64,
            (self.store.statements() - sent) as f64 / batches as f64,
            us_each(own, joins),
            us_each(engine, joins),
        ))
    }

    async fn batch(&self, dice: &mut Dice) -> anyhow::Result<()> {
        self.bench.go_on()?;
        let accounts: Vec<AccountId> = (0..self.size).map(|_| random_account(dice)).collect();
        let answers = self.store.run(JoinBatch { sale: self.sale, accounts }).await?;
        let joined = answers.iter().all(|answer| matches!(answer, Joined::New { .. }));
        ensure!(joined, "a random account had a place already, or none was left");
        Ok(())
    }
}

fn random_account(dice: &mut Dice) -> AccountId {
    AccountId(Uuid::from_u64_pair(dice.next(), dice.next()))
}

/// One join for each round trip, synced before the answer: what a line in Redis would have to do.
fn redis(bench: &Bench, report: &mut Report) -> anyhow::Result<()> {
    let name = "joins in a Redis script, one by one, synced";
    let Some(redis) = Redis::start(bench.folder("redis-durable")?, &DURABLE, &bench.clock)? else {
        report.fact(name, "not measured: redis-server is not installed".to_owned());
        return Ok(());
    };
    let joins = bench.sizes.redis_joins;
    let before = redis.cpu()?;
    let text = match redis.joins_per_sec(join::CONNECTIONS, joins)? {
        Some(rate) => {
            let each = us_each(redis.cpu()?.saturating_sub(before), joins);
            format!("{rate:.0}/s on {} connections; {each:.1} us of CPU in redis-server", join::CONNECTIONS)
        }
        None => "not measured: redis-benchmark is not installed".to_owned(),
    };
    report.fact(name, text);
    Ok(())
}
