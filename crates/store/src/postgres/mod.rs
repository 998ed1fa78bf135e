//! The engine for many nodes: PostgreSQL, which is the only truth. Any number of processes may use one database.

mod connect;
mod destination;
mod errors;
mod feed;
mod gates;
pub mod inspect;
mod migrate;
mod pool;
mod server;
mod statement;
mod time;
mod tls;
mod transaction;
mod url;
mod values;
mod wire;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::Pool;
use domain::Timestamp;
use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::sleep;

use self::connect::InVain;
pub(crate) use self::destination::Destination;
use self::errors::{db_error, is_definite, may_come};
use self::feed::Feed;
use self::gates::Gates;
use self::pool::{Lease, STATEMENT_MAX, in_time};
use self::time::{Heard, Time};
use self::transaction::PgTx;
use crate::Options;
use crate::change::Change;
use crate::error::{DbError, Failure, OpenError, Stop};
use crate::figures::{Commits, OfEngine};
use crate::tx::{Query, Verb};

/// Connections that an engine needs at least: one for each kind of work.
const CONNECTIONS_MIN: usize = 4;
/// For COMMIT, which the server does not cancel. After this nobody knows.
const COMMIT_MAX: Duration = Duration::from_secs(5);
/// For everything before it. Longer than one statement, shorter than people wait.
const BODY_MAX: Duration = Duration::from_secs(5);
/// For a reading: an export of a million entries is many statements.
const READ_MAX: Duration = Duration::from_secs(600);
/// Runs of a command that loses races or connections before it is refused.
const RUNS_MAX: u32 = 8;
/// Between two runs, growing.
const BACKOFF: Duration = Duration::from_millis(2);
/// Nobody is made to wait for another run after this.
const RUNS_FOR: Duration = Duration::from_secs(3);
/// How long a start waits for a server that is starting too.
const START_MAX: u32 = 60;
const START_PAUSE: Duration = Duration::from_millis(500);

/// A report of a large sale takes longer than a purchase; and whoever reads an export may be slow, and keeps no lock.
const READ_STATEMENT_MAX: Duration = Duration::from_secs(30);
const BEGIN_READING: &str = "begin isolation level repeatable read read only; set local statement_timeout = '30s'; \
    set local idle_in_transaction_session_timeout = '60s'";

const NOW: &str = "select (extract(epoch from clock_timestamp()) * 1000)::bigint";

#[derive(Clone)]
pub(crate) struct Postgres {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    in_vain: InVain,
    gates: Gates,
    time: Time,
    feed: Arc<Feed>,
    /// Sent for verbs and queries.
    statements: AtomicU64,
    commits: Commits,
    /// This node's clock ahead of the server's, in milliseconds.
    ahead_ms: AtomicI64,
    broken: watch::Receiver<bool>,
}

/// How one run of a command ended, if not well.
enum Ended {
    /// Nothing happened; another run may do better.
    Again(DbError),
    For(Failure),
}

impl Postgres {
    pub(crate) async fn open(options: Options) -> Result<Self, OpenError> {
        let target = url::parse(&options.url).map_err(OpenError::BadUrl)?;
        let connections = options.connections.max(CONNECTIONS_MIN);
        let in_vain = InVain::default();
        let pool = pool::open(&target, connections, in_vain.clone()).map_err(OpenError::BadUrl)?;
        let lease = reach(&pool).await.map_err(OpenError::Database)?;
        server::check(&lease, options.may_lose).await?;
        migrate::migrate(&lease).await?;
        // With its connection goes the lock under which it was done.
        drop(lease);
        let (broken_tx, broken) = watch::channel(false);
        let clock = Arc::clone(&options.clock);
        let feed = Feed::begin(pool.clone(), Arc::clone(&clock), options.observer, broken_tx).await;
        let feed = feed.map_err(OpenError::Database)?;
        let time = Time { clock, hand_driven_from: options.hand_driven_from };
        let gates = Gates::new(connections);
        let inner = Inner {
            pool,
            in_vain,
            gates,
            time,
            feed,
            statements: AtomicU64::new(0),
            commits: Commits::default(),
            ahead_ms: AtomicI64::new(0),
            broken,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) async fn run<V: Verb>(&self, verb: V) -> Result<V::Done, Failure> {
        let _turn = self.inner.gates.write(V::LANE).await?;
        let mut constraint = false;
        let mut late = pin!(sleep(RUNS_FOR));
        for run in 1.. {
            let again = match self.once(&verb).await {
                Ok(done) => return Ok(done),
                Err(Ended::For(failure)) => return Err(failure),
                Err(Ended::Again(again)) => again,
            };
            let was_constraint = matches!(again, DbError::Constraint(_));
            if run == RUNS_MAX || (constraint && was_constraint) || late.as_mut().now_or_never().is_some() {
                return Err(Failure::from(Stop::Db(again)));
            }
            constraint |= was_constraint;
            sleep(BACKOFF * run).await;
        }
        unreachable!("the last run returns")
    }

    /// One transaction. The connection is given back only if everything on it has ended.
    async fn once<V: Verb>(&self, verb: &V) -> Result<V::Done, Ended> {
        let inner = &self.inner;
        let mut lease = Lease::take(&inner.pool).await.map_err(Ended::Again)?;
        let body = async {
            let heard = inner.begin(&lease, "begin").await?;
            let mut tx = PgTx::new(&lease, heard, STATEMENT_MAX, &inner.statements);
            let done = verb.run(&mut tx).await?;
            let changes = tx.end().ok_or_else(|| DbError::Bug("a verb went on after an error".to_owned()))?;
            Ok::<_, Stop>((done, changes))
        };
        let late = || Err(DbError::Unreachable("the database has not answered in time".into()).into());
        let body = tokio::time::timeout(BODY_MAX, body).await.unwrap_or_else(|_| late());
        match body {
            Ok((done, changes)) => {
                inner.commit(&lease, changes).await?;
                lease.is_clean();
                Ok(done)
            }
            Err(Stop::Db(error @ (DbError::Conflict(_) | DbError::Constraint(_)))) => {
                inner.roll_back(&mut lease).await;
                Err(Ended::Again(error))
            }
            // The connection is gone, and with it all that was begun.
            Err(Stop::Db(error @ DbError::Unreachable(_))) => Err(Ended::Again(error)),
            Err(stop) => {
                inner.roll_back(&mut lease).await;
                Err(Ended::For(Failure::from(stop)))
            }
        }
    }

    pub(crate) async fn read<Q: Query>(&self, query: Q) -> Result<Q::Out, Failure> {
        let inner = &self.inner;
        let _turn = inner.gates.read().await?;
        for run in 1.. {
            let mut lease = match Lease::take(&inner.pool).await {
                Ok(lease) => lease,
                Err(_) if run == 1 => continue,
                Err(error) => return Err(Failure::from(Stop::Db(error))),
            };
            let reading = async {
                let heard = inner.begin(&lease, BEGIN_READING).await?;
                query.run(&mut PgTx::new(&lease, heard, READ_STATEMENT_MAX, &inner.statements)).await
            };
            let late = || Err(DbError::Unreachable("the database has not answered in time".into()).into());
            let out = tokio::time::timeout(READ_MAX, reading).await.unwrap_or_else(|_| late());
            match out {
                // Once more on another connection: this one may have been dead for long.
                Err(Stop::Db(DbError::Unreachable(_))) if run == 1 => {}
                out => {
                    inner.roll_back(&mut lease).await;
                    return out.map_err(Failure::from);
                }
            }
        }
        unreachable!("the second run returns")
    }

    pub(crate) async fn catch_up(&self) -> Result<(), Failure> {
        self.inner.feed.catch_up().await
    }

    pub(crate) fn staleness(&self) -> Duration {
        self.inner.feed.staleness()
    }

    pub(crate) fn statements(&self) -> u64 {
        self.inner.statements.load(Ordering::Relaxed)
    }

    pub(crate) fn shown(&self, at: Timestamp) -> Timestamp {
        at
    }

    pub(crate) fn clock_ahead_ms(&self) -> i64 {
        self.inner.ahead_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn figures(&self) -> OfEngine {
        let Inner { pool, gates, commits, .. } = self.inner.as_ref();
        OfEngine { commits: commits.took(), commands: None, lanes: gates.lined(), pool: pool::figures(pool) }
    }

    pub(crate) fn broken(&self) -> watch::Receiver<bool> {
        self.inner.broken.clone()
    }

    /// Nothing new is begun; what is under way ends by itself.
    pub(crate) fn close(&self) {
        self.inner.gates.close();
    }
}

impl Inner {
    fn count(&self, statements: u64) {
        self.statements.fetch_add(statements, Ordering::Relaxed);
    }

    /// Both on their way at once.
    async fn begin(&self, lease: &Lease, begin: &'static str) -> Result<Heard, DbError> {
        self.count(begin.split(';').count() as u64 + 1);
        let now = in_time(STATEMENT_MAX, async {
            let now = lease.prepare_cached(NOW).await?;
            let (begun, now) = tokio::join!(biased; lease.batch_execute(begin), lease.query_one(&now, &[]));
            begun?;
            now.map(|row| Timestamp(row.get(0)))
        });
        now.await.map(|now| {
            self.ahead_ms.store(self.time.clock.wall().since_ms(now), Ordering::Relaxed);
            self.time.heard(now)
        })
    }

    async fn roll_back(&self, lease: &mut Lease) {
        self.count(1);
        lease.roll_back().await;
    }

    /// Writes what the other nodes must hear, commits, tells this node.
    async fn commit(&self, lease: &Lease, changes: Vec<Change>) -> Result<(), Ended> {
        let news = if changes.is_empty() {
            None
        } else {
            let insert = in_time(STATEMENT_MAX, feed::prepare(lease)).await.map_err(Ended::Again)?;
            Some((insert, wire::text(&changes)))
        };
        self.count(2 + u64::from(news.is_some()));
        let in_vain = self.in_vain.count();
        // Sent at the first poll, before the COMMIT is.
        let write = async {
            match &news {
                Some((insert, body)) => feed::write(lease, insert, body).await.map(Some),
                None => Ok(None),
            }
        };
        // A row that could not be written turns the COMMIT behind it into a ROLLBACK.
        let both =
            async { tokio::join!(biased; write, lease.batch_execute("set local statement_timeout = 0; commit")) };
        let begun = self.time.clock.monotonic();
        let answer = tokio::time::timeout(COMMIT_MAX, both).await;
        // One that never came back took as long as anybody waited.
        self.commits.note(self.time.clock.monotonic().saturating_sub(begun), 1);
        let Ok((written, committed)) = answer else { return Err(Ended::For(Failure::Unknown)) };
        match (written, committed) {
            // Perhaps another connection's COMMIT; then this one is called unknown for nothing, which harms nobody.
            (Ok(_), Ok(())) if self.in_vain.count() != in_vain => {
                tracing::warn!("a COMMIT has waited for its standby in vain: whether it lasts is not known");
                Err(Ended::For(Failure::Unknown))
            }
            (Ok(written), Ok(())) => {
                if let Some(written) = written {
                    self.feed.committed(&written, changes);
                }
                Ok(())
            }
            (_, Err(error)) if is_definite(&error) => Err(Ended::Again(db_error(error))),
            (Err(error), _) if error.code().is_some() => Err(Ended::Again(db_error(error))),
            (_, Err(error)) | (Err(error), _) => {
                tracing::warn!(%error, "no answer to a COMMIT: whether it happened is not known");
                Err(Ended::For(Failure::Unknown))
            }
        }
    }
}

/// A first connection; the server may be starting too.
async fn reach(pool: &Pool) -> Result<Lease, DbError> {
    let mut tries = 1;
    loop {
        match Lease::take(pool).await {
            Ok(lease) => return Ok(lease),
            Err(error) if tries == START_MAX || !may_come(&error) => return Err(error),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the database cannot be reached yet");
                sleep(START_PAUSE).await;
                tries += 1;
            }
        }
    }
}
