//! What Traffic remembers. One function per business verb, each one transaction, written once for every engine.
//!
//! A [`Verb`] ends in its `Done` (which commits) or in a [`Stop`] (which rolls back all it wrote). It may run more than
//! once: ids are its fields, time comes from the transaction, and it touches nothing but `tx`. A [`Query`] reads one
//! snapshot. Rules are not here: a verb loads the few rows, asks `domain`, and writes the effect.

pub mod accounts;
pub mod admissions;
pub mod answers;
pub mod audit;
pub mod audit_chain;
pub mod audit_copy;
pub mod cancellations;
pub mod caps;
pub mod catalog;
mod change;
pub mod checkout;
pub mod counts;
mod crowd;
pub mod doors;
mod error;
pub mod exceptions;
pub mod export;
mod figures;
pub mod histogram;
pub mod holds;
pub mod idempotency;
pub mod keys;
pub mod lease;
pub mod load;
pub mod login_codes;
mod migrations;
pub mod order_book;
pub mod orders;
pub mod payment;
mod postgres;
pub mod queue;
pub mod report;
mod rows;
pub mod runs;
pub mod sale_changes;
pub mod settlement;
mod spans;
mod sqlite;
pub mod stats;
pub mod tickets;
pub mod transfer;
mod tx;
mod value;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{Clock, Timestamp};
use tokio::sync::watch;
use tracing::field::Empty;
use tracing::info_span;

use crate::figures::Failures;

pub use change::{Change, NoObserver, Observer, SeatStatus};
pub use error::{DbError, Failure, OpenError, Outcome, Stop};
pub use figures::{Figures, Lined, Pool};
pub use postgres::inspect as inspect_postgres;
pub use spans::SPANS;
pub use sqlite::inspect;
pub use tx::{Lane, Query, Read, Tx, Verb};
pub use value::{Row, Value};

/// Rows that one command may write: longer work is cut up, so that nobody waits behind it.
pub const MOST_ROWS_PER_COMMAND: usize = 1_000;

/// The store of one installation.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    asked: Arc<AtomicU64>,
    failures: Arc<Failures>,
}

/// The only place that knows that there are two.
#[derive(Clone)]
enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
}

/// What a store needs to open.
pub struct Options {
    /// `sqlite://` and a path, or `postgres://`.
    pub url: String,
    pub clock: Arc<dyn Clock>,
    pub observer: Arc<dyn Observer>,
    /// Connections for reading; on a database server, all of them.
    pub connections: usize,
    /// Only in tests, which drive `clock` by hand: what a database server's clock showed when its monotonic time was zero.
    /// Otherwise the server is asked.
    pub hand_driven_from: Option<Timestamp>,
    /// Takes a database server that is set up to lose what it has acknowledged: only to try things out.
    pub may_lose: bool,
}

impl Store {
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let engine = match options.url.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() => {
                let path = PathBuf::from(path);
                let Options { clock, observer, connections, .. } = options;
                Engine::Sqlite(sqlite::Sqlite::open(&path, clock, observer, connections)?)
            }
            Some(("postgres" | "postgresql", _)) => Engine::Postgres(postgres::Postgres::open(options).await?),
            _ => return Err(OpenError::Url),
        };
        Ok(Self { engine, asked: Arc::default(), failures: Arc::default() })
    }

    /// Runs a verb; the answer comes after it is durable.
    pub async fn run<V: Verb>(&self, verb: V) -> Result<V::Done, Failure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let span = info_span!(target: SPANS, "store", op = spans::name::<V>(), system = self.engine(), outcome = Empty);
        // Every request that may write keeps room for this: what a trace needs beside is on the heap, and only while there is one.
        let answer = match (&self.engine, span.is_disabled()) {
            (Engine::Sqlite(engine), true) => engine.run(verb).await,
            (Engine::Postgres(engine), true) => engine.run(verb).await,
            (Engine::Sqlite(engine), false) => spans::within(span, Box::pin(engine.run(verb))).await,
            (Engine::Postgres(engine), false) => spans::within(span, Box::pin(engine.run(verb))).await,
        };
        self.failures.noted(answer)
    }

    /// Reads one snapshot.
    pub async fn read<Q: Query>(&self, query: Q) -> Result<Q::Out, Failure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let span = info_span!(target: SPANS, "store", op = spans::name::<Q>(), system = self.engine(), outcome = Empty);
        let answer = match (&self.engine, span.is_disabled()) {
            (Engine::Sqlite(engine), true) => engine.read(query).await,
            (Engine::Postgres(engine), true) => engine.read(query).await,
            (Engine::Sqlite(engine), false) => spans::within(span, Box::pin(engine.read(query))).await,
            (Engine::Postgres(engine), false) => spans::within(span, Box::pin(engine.read(query))).await,
        };
        self.failures.noted(answer)
    }

    /// Verbs and queries asked of it since it was opened, refused ones too.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    /// Statements sent to a database server for them, its beginnings and ends of transactions too. Where the database is a
    /// part of the process, none.
    pub fn statements(&self) -> u64 {
        match &self.engine {
            Engine::Sqlite(_) => 0,
            Engine::Postgres(engine) => engine.statements(),
        }
    }

    /// Its name.
    pub fn engine(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite(_) => "sqlite",
            Engine::Postgres(_) => "postgresql",
        }
    }

    /// Whether other nodes write into the same store.
    pub fn is_shared(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Returns when the observer has heard of everything that any node had committed before this call. Callers at once
    /// share one look; where nobody else writes there is nothing to look for.
    pub async fn catch_up(&self) -> Result<(), Failure> {
        match &self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(engine) => self.failures.noted(engine.catch_up().await),
        }
    }

    /// For how long the observer may have missed what other nodes did.
    pub fn staleness(&self) -> Duration {
        match &self.engine {
            Engine::Sqlite(_) => Duration::ZERO,
            Engine::Postgres(engine) => engine.staleness(),
        }
    }

    /// By how much this node's clock is ahead of the one that decides, in milliseconds: of a database server's as it was at
    /// the last transaction; in one process, what was skipped of jumps.
    pub fn clock_ahead_ms(&self) -> i64 {
        match &self.engine {
            Engine::Sqlite(engine) => engine.shown(Timestamp(0)).millis(),
            Engine::Postgres(engine) => engine.clock_ahead_ms(),
        }
    }

    /// What it counts about itself.
    pub fn figures(&self) -> Figures {
        let engine = match &self.engine {
            Engine::Sqlite(engine) => engine.figures(),
            Engine::Postgres(engine) => engine.figures(),
        };
        Figures::new(engine, &self.failures)
    }

    /// A deciding time as people's clocks show it.
    pub fn shown(&self, at: Timestamp) -> Timestamp {
        match &self.engine {
            Engine::Sqlite(engine) => engine.shown(at),
            Engine::Postgres(engine) => engine.shown(at),
        }
    }

    /// Becomes true when the store has met an error after which it must not go on: end the process.
    pub fn broken(&self) -> watch::Receiver<bool> {
        match &self.engine {
            Engine::Sqlite(engine) => engine.broken(),
            Engine::Postgres(engine) => engine.broken(),
        }
    }

    /// Refuses new commands, finishes what waits, and returns when that is done.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite(engine) => engine.close().await,
            Engine::Postgres(engine) => engine.close(),
        }
    }
}
