//! How the changes of all nodes reach this node's observer: its own before the answer, the others' by looking.
//!
//! A transaction writes what it changed into `node_changes`. A node reads what was written since its last look, and knows
//! that nothing older is still to come from the oldest transaction under way then.
//!
//! Invariant: each committed transaction is told once. Of one seat, and of one sale's terms, the later change is told last
//! or the earlier one not at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Pool};
use domain::{Clock, SaleId};
use tokio::sync::{Mutex as Gate, watch};
use tokio::time::sleep;
use tokio_postgres::Statement;

use super::pool::{Lease, STATEMENT_MAX, in_time};
use super::wire;
use crate::change::{Change, Observer};
use crate::error::{DbError, Failure, Stop};

/// Looks are at least so far apart: whoever misses something waits a little, and with him all others who miss something.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// A look at much news takes longer than a statement of a purchase.
const LOOK_MAX: Duration = STATEMENT_MAX.saturating_mul(2);
/// What is older has been read by every node that lives.
const KEPT: Duration = Duration::from_secs(3_600);
/// A node that has heard nothing for so long might miss what is deleted soon: it must start anew.
const DEAF: Duration = Duration::from_secs(1_800);
/// How often old rows are deleted, and how many at a time.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
const SWEPT: i64 = 20_000;

/// Longer than anybody waits for the answer to a COMMIT.
const ANSWERED: Duration = Duration::from_secs(15);

const LOOK: &str = "
    select c.seq, c.xact, c.body, horizon.xact
    from (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xact) horizon
    left join node_changes c on c.xact >= $1 order by c.seq";
const SWEEP: &str = "
    delete from node_changes where seq in
      (select seq from node_changes where at < (extract(epoch from clock_timestamp()) * 1000)::bigint - $1
       order by seq limit $2 for update skip locked)";

pub(super) struct Feed {
    pool: Pool,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    told: Mutex<Told>,
    /// Looks that were begun.
    begun: AtomicU64,
    looker: Gate<Looker>,
    /// When the last look that found all there was began; milliseconds of the monotonic clock.
    heard_at: AtomicI64,
    broken: watch::Sender<bool>,
}

/// What the observer has heard.
#[derive(Default)]
struct Told {
    /// Transactions that the next look may find again, by `seq`, each with its `xact`; and, for a while, those whose own
    /// node may still wait for the answer to its COMMIT.
    known: HashMap<i64, i64>,
    outgoing: HashMap<i64, i64>,
    turned_at: Duration,
    seats: HashMap<SaleId, Vec<i64>>,
    sales: HashMap<SaleId, i64>,
}

struct Looker {
    /// Everything below has been read.
    from: i64,
    /// The number of the last look, and of the last one that ended well.
    tried: u64,
    done: u64,
    began_at: Option<Duration>,
    swept_at: Duration,
}

/// One transaction's changes as they were written.
pub(super) struct Written {
    pub(super) seq: i64,
    pub(super) xact: i64,
}

impl Feed {
    /// Begins before the read model is loaded: what happens meanwhile is found by the first look.
    pub(super) async fn begin(
        pool: Pool,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
        broken: watch::Sender<bool>,
    ) -> Result<Arc<Self>, DbError> {
        let mut lease = Lease::take(&pool).await?;
        let sql = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint";
        let from = in_time(STATEMENT_MAX, lease.query_one(sql, &[])).await?.get(0);
        lease.is_clean();
        drop(lease);
        let now = clock.monotonic();
        Ok(Arc::new(Self {
            pool,
            observer,
            told: Mutex::default(),
            begun: AtomicU64::new(0),
            looker: Gate::new(Looker { from, tried: 0, done: 0, began_at: None, swept_at: now }),
            heard_at: AtomicI64::new(millis(now)),
            clock,
            broken,
        }))
    }

    /// Tells this node's own changes, once they are committed.
    pub(super) fn committed(&self, written: &Written, changes: Vec<Change>) {
        self.observer.others_must_look(&changes);
        self.tell(&mut self.lock(), written, changes);
    }

    pub(super) fn staleness(&self) -> Duration {
        let since = millis(self.clock.monotonic()) - self.heard_at.load(Ordering::Relaxed);
        Duration::from_millis(since.max(0).unsigned_abs())
    }

    /// Returns when a look that began after this call has told all it found.
    pub(super) async fn catch_up(self: &Arc<Self>) -> Result<(), Failure> {
        let wanted = self.begun.load(Ordering::SeqCst) + 1;
        let feed = Arc::clone(self);
        // In a task of its own: whoever goes away must not break off a look that others wait for.
        let look = tokio::spawn(async move {
            let mut looker = feed.looker.lock().await;
            if looker.done >= wanted {
                Ok(())
            } else if looker.tried >= wanted {
                // One look for all who wait, when it fails too: else each would wait for the failures of all before.
                Err(DbError::Unreachable("a look at what other nodes did has failed".into()))
            } else {
                feed.look(&mut looker).await
            }
        });
        match look.await {
            Ok(done) => done.map_err(|error| Failure::from(Stop::Db(error))),
            Err(panic) => Err(Failure::Broken(DbError::Bug(panic.to_string()))),
        }
    }

    async fn look(&self, looker: &mut Looker) -> Result<(), DbError> {
        let since = looker.began_at.map(|at| self.clock.monotonic().saturating_sub(at));
        if let Some(rest) = since.and_then(|since| BETWEEN_LOOKS.checked_sub(since)) {
            sleep(rest).await;
        }
        if self.staleness() > DEAF {
            tracing::error!("this node has not heard of the others for too long: stopping, to load everything anew");
            self.broken.send_replace(true);
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        looker.tried = number;
        let began_at = self.clock.monotonic();
        looker.began_at = Some(began_at);
        let mut lease = Lease::take(&self.pool).await?;
        let horizon = in_time(LOOK_MAX, self.read(&lease, looker.from)).await?;
        lease.is_clean();
        (looker.from, looker.done) = (horizon, number);
        self.lock().turn(began_at, horizon);
        self.heard_at.store(millis(began_at), Ordering::Relaxed);
        if began_at.saturating_sub(looker.swept_at) >= SWEEP_EVERY {
            looker.swept_at = began_at;
            self.sweep(&lease).await;
        }
        Ok(())
    }

    /// Tells everything from this transaction on, and returns the oldest one that is under way.
    async fn read(&self, client: &ClientWrapper, from: i64) -> Result<i64, tokio_postgres::Error> {
        let look = client.prepare_cached(LOOK).await?;
        let rows = client.query(&look, &[&from]).await?;
        for row in &rows {
            // Without news there is one row, with the horizon alone.
            let Some(seq) = row.get::<_, Option<i64>>(0) else { continue };
            let written = Written { seq, xact: row.get(1) };
            if self.lock().knows(seq) {
                continue;
            }
            let changes = wire::read(client, row.get(2)).await?;
            self.tell(&mut self.lock(), &written, changes);
        }
        Ok(rows.first().map_or(from, |row| row.get(3)))
    }

    fn tell(&self, told: &mut Told, written: &Written, mut changes: Vec<Change>) {
        if told.knows(written.seq) {
            return;
        }
        told.known.insert(written.seq, written.xact);
        changes.retain_mut(|change| told.is_news(written.seq, change));
        if !changes.is_empty() {
            self.observer.committed(&changes);
        }
    }

    async fn sweep(&self, client: &ClientWrapper) {
        let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        match in_time(STATEMENT_MAX, client.execute(SWEEP, &[&kept, &SWEPT])).await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "old changes were deleted"),
            Err(error) => tracing::warn!(%error, "old changes were not deleted; the next sweep tries again"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    fn knows(&self, seq: i64) -> bool {
        self.known.contains_key(&seq) || self.outgoing.contains_key(&seq)
    }

    /// Forgets, in two steps, what no look finds any more.
    fn turn(&mut self, now: Duration, horizon: i64) {
        if now.saturating_sub(self.turned_at) >= ANSWERED {
            self.turned_at = now;
            self.outgoing = self.known.extract_if(|_, xact| *xact < horizon).collect();
        }
    }

    /// Whether nothing later of the same is known; takes out the seats of which something is.
    fn is_news(&mut self, seq: i64, change: &mut Change) -> bool {
        match change {
            Change::Sale { sale, .. } => {
                let last = self.sales.entry(sale.id).or_insert(i64::MIN);
                let is_news = seq > *last;
                *last = seq.max(*last);
                is_news
            }
            Change::Seats { sale, seats, .. } => {
                let last = self.seats.entry(*sale).or_default();
                seats.retain(|seat| {
                    let seat = *seat as usize;
                    if last.len() <= seat {
                        last.resize(seat + 1, i64::MIN);
                    }
                    let is_news = seq > last[seat];
                    last[seat] = seq.max(last[seat]);
                    is_news
                });
                !seats.is_empty()
            }
            _ => true,
        }
    }
}

/// To be prepared before anything is sent that must come behind it: on a new connection that takes a round trip.
pub(super) async fn prepare(client: &ClientWrapper) -> Result<Statement, tokio_postgres::Error> {
    client.prepare_cached("insert into node_changes (body) values ($1) returning seq, xact").await
}

pub(super) async fn write(
    client: &ClientWrapper,
    insert: &Statement,
    body: &str,
) -> Result<Written, tokio_postgres::Error> {
    let row = client.query_one(insert, &[&body]).await?;
    Ok(Written { seq: row.get(0), xact: row.get(1) })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
