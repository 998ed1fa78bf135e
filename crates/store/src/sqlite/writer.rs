//! The writer thread: takes what waits, runs each command in one transaction, commits, then answers all.
//!
//! A refused command leaves nothing behind. For that each has a savepoint, which costs a copy of every page that it
//! changes; so a batch is first tried without, and only where a refused command has written something it is rolled back
//! as a whole and run again with savepoints.
//!
//! Invariant: nothing is acknowledged before its commit has come back.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use domain::Timestamp;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::lanes::{Lanes, Taken};
use super::time::DecidingClock;
use super::transaction::{SqliteTx, db_error};
use crate::change::{Change, Observer};
use crate::error::{DbError, Failure, Outcome, Stop};
use crate::figures::Commits;
use crate::tx::Verb;

/// After this long without a change the log is written back, so that a restart has little to read.
const IDLE: Duration = Duration::from_secs(1);
/// And after so many changed rows, some 64 MiB of log: fewer, longer checkpoints cost a busy writer less than many short
/// ones, and they run between batches, when everybody has been answered.
const ROWS_PER_CHECKPOINT: u64 = 16_000;

/// Batches with savepoints after one that needed them: where one command is refused, others will be.
const GUARDED_BATCHES: u32 = 64;

pub(super) struct Writer {
    connection: Connection,
    lanes: Arc<Lanes>,
    clock: Arc<DecidingClock>,
    observer: Arc<dyn Observer>,
    commits: Arc<Commits>,
    broken: watch::Sender<bool>,
    changes: Vec<Change>,
    /// What is only in the log.
    unwritten: Unwritten,
    /// So many batches run with savepoints from the start.
    guarded: u32,
}

/// How the commands of a batch ended, if the batch is not lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tried {
    Whole,
    /// A refused command has written something, and there is no savepoint to go back to.
    Dirty,
}

#[derive(Default)]
struct Unwritten {
    /// Rows changed, as the connection counts them, at the last checkpoint and at the last change.
    checkpointed: u64,
    changed: u64,
    changed_at: Timestamp,
}

/// A command with the caller who waits for it.
pub(super) trait Job: Send {
    fn run(&mut self, tx: &mut SqliteTx<'_>) -> Ran;
    fn answer(self: Box<Self>, end: End);
}

/// How one run of a command ended.
pub(super) enum Ran {
    Done,
    RolledBack,
    /// A constraint that the command did not settle: run it once more.
    Again,
    /// The disk is full.
    Full,
    /// The storage failed.
    Failed,
}

/// What became of the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Committed,
    Full,
    Unknown,
    /// Somebody else has the database locked; nothing was begun.
    Busy,
    Stopped,
}

pub(super) struct Pending<V: Verb> {
    verb: V,
    outcome: Option<Outcome<V::Done>>,
    reply: oneshot::Sender<Result<V::Done, Failure>>,
}

impl<V: Verb> Pending<V> {
    pub(super) fn new(verb: V, reply: oneshot::Sender<Result<V::Done, Failure>>) -> Self {
        Self { verb, outcome: None, reply }
    }
}

impl<V: Verb> Job for Pending<V> {
    fn run(&mut self, tx: &mut SqliteTx<'_>) -> Ran {
        let outcome = catch_unwind(AssertUnwindSafe(|| ready(self.verb.run(tx))))
            .unwrap_or_else(|_| Err(DbError::Bug("a verb panicked".to_owned()).into()));
        let ran = match &outcome {
            Ok(_) => Ran::Done,
            Err(Stop::Refused(_)) => Ran::RolledBack,
            Err(Stop::Db(DbError::Constraint(_))) => Ran::Again,
            Err(Stop::Db(DbError::Full(_))) => Ran::Full,
            Err(Stop::Db(DbError::Io(_))) => Ran::Failed,
            Err(Stop::Db(_)) => Ran::RolledBack,
        };
        self.outcome = Some(outcome);
        ran
    }

    fn answer(self: Box<Self>, end: End) {
        let answer = match end {
            End::Committed => self.outcome.map_or(Err(Failure::Stopped), |outcome| outcome.map_err(Failure::from)),
            End::Full => Err(Failure::StorageFull),
            End::Unknown => Err(Failure::Unknown),
            End::Busy => Err(Failure::Overloaded),
            End::Stopped => Err(Failure::Stopped),
        };
        // A caller who has gone away needs no answer.
        drop(self.reply.send(answer));
    }
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        lanes: Arc<Lanes>,
        clock: Arc<DecidingClock>,
        observer: Arc<dyn Observer>,
        commits: Arc<Commits>,
        broken: watch::Sender<bool>,
    ) -> Self {
        Self {
            connection,
            lanes,
            clock,
            observer,
            commits,
            broken,
            changes: Vec::new(),
            unwritten: Unwritten::default(),
            guarded: 0,
        }
    }

    pub(super) fn run(mut self) {
        loop {
            match self.lanes.take(IDLE) {
                Taken::Closed => break,
                Taken::Idle => {}
                Taken::Batch(mut jobs) => {
                    let end = self.batch(&mut jobs);
                    if end == End::Committed {
                        self.observer.committed(&self.changes);
                    }
                    for job in jobs {
                        job.answer(end);
                    }
                    if end == End::Unknown {
                        return self.fail();
                    }
                }
            }
            if self.is_checkpoint_due() && self.checkpoint().is_err() {
                return self.fail();
            }
        }
        if self.checkpoint().is_err() {
            self.fail();
        }
    }

    /// One transaction for everybody in the batch.
    fn batch(&mut self, jobs: &mut [Box<dyn Job>]) -> End {
        self.changes.clear();
        if let Err(error) = self.execute("begin immediate") {
            tracing::error!(error = &error as &dyn std::error::Error, "no transaction can begin");
            return if matches!(error, DbError::Io(_)) { End::Unknown } else { End::Busy };
        }
        match self.try_batch(jobs) {
            Ok(end) => end,
            Err(DbError::Full(error)) if self.roll_back() => {
                tracing::error!(%error, "the disk is full: writes are refused");
                End::Full
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the storage failed: stopping");
                End::Unknown
            }
        }
    }

    fn try_batch(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<End, DbError> {
        let before = self.connection.total_changes();
        let guarded = self.guarded > 0;
        self.guarded = self.guarded.saturating_sub(1);
        if self.run_all(jobs, guarded)? == Tried::Dirty {
            self.execute("rollback")?;
            self.changes.clear();
            self.guarded = GUARDED_BATCHES;
            match self.execute("begin immediate") {
                Err(error @ DbError::Io(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "no transaction can begin again");
                    // Somebody else took the database: nothing is open, and nothing was written.
                    return Ok(End::Busy);
                }
                Ok(()) => {}
            }
            self.run_all(jobs, true)?;
        }
        // A batch that wrote nothing has no sync to pay for, and no reason to make one, unless the clock was set: a
        // restart that had not heard of it would expire what lives.
        let reading = self.clock.read();
        let wrote = self.connection.total_changes() != before;
        let saved =
            if wrote || self.clock.was_set(reading) { self.clock.save(&self.connection, reading)? } else { false };
        let begun = self.clock.monotonic();
        self.execute("commit")?;
        if wrote || saved {
            self.commits.note(self.clock.monotonic().saturating_sub(begun), jobs.len());
        }
        if saved {
            self.clock.saved(reading);
        }
        Ok(End::Committed)
    }

    fn run_all(&mut self, jobs: &mut [Box<dyn Job>], guarded: bool) -> Result<Tried, DbError> {
        for job in jobs {
            if self.one(job.as_mut(), guarded)? == Tried::Dirty {
                return Ok(Tried::Dirty);
            }
        }
        Ok(Tried::Whole)
    }

    /// One command, `guarded` by a savepoint. `Err`: the whole batch is lost.
    fn one(&mut self, job: &mut dyn Job, guarded: bool) -> Result<Tried, DbError> {
        for last in [false, true] {
            let (before, written) = (self.changes.len(), self.connection.total_changes());
            if guarded {
                self.execute("savepoint command")?;
            }
            let reading = self.clock.read();
            let ran = job.run(&mut SqliteTx::new(&mut self.connection, reading, &mut self.changes));
            if let Ran::Done = ran {
                if guarded {
                    self.execute("release command")?;
                }
                return Ok(Tried::Whole);
            }
            self.changes.truncate(before);
            match ran {
                Ran::Failed => return Err(DbError::Io("a statement met an I/O error".into())),
                Ran::Full => return Err(DbError::Full("a statement found no room".into())),
                _ if self.connection.is_autocommit() => {
                    return Err(DbError::Full("the database rolled the batch back by itself".into()));
                }
                _ => {}
            }
            if guarded {
                self.execute("rollback to command")?;
                self.execute("release command")?;
            } else if self.connection.total_changes() != written {
                return Ok(Tried::Dirty);
            }
            if last || !matches!(ran, Ran::Again) {
                break;
            }
        }
        Ok(Tried::Whole)
    }

    /// True when no transaction is open any more, so that nothing of the batch can become durable.
    fn roll_back(&mut self) -> bool {
        if !self.connection.is_autocommit() {
            drop(self.execute("rollback"));
        }
        self.connection.is_autocommit()
    }

    fn is_checkpoint_due(&mut self) -> bool {
        let (changed, now) = (self.connection.total_changes(), self.clock.read().now);
        let unwritten = &mut self.unwritten;
        if changed != unwritten.changed {
            (unwritten.changed, unwritten.changed_at) = (changed, now);
        }
        let rows = changed - unwritten.checkpointed;
        let idle = now.since_ms(unwritten.changed_at) >= i64::try_from(IDLE.as_millis()).unwrap_or(i64::MAX);
        rows >= ROWS_PER_CHECKPOINT || (rows > 0 && idle)
    }

    /// Writes the log back as far as no reader needs it. `Err`: the storage failed.
    fn checkpoint(&mut self) -> Result<(), DbError> {
        self.unwritten.checkpointed = self.connection.total_changes();
        let done = self.connection.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(())).map_err(db_error);
        match done {
            Err(error @ DbError::Io(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a checkpoint failed: stopping");
                Err(error)
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; the next one will try again");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// After an I/O error nothing may be written any more: whoever waits is told, and the process ends.
    fn fail(self) {
        self.broken.send_replace(true);
    }

    fn execute(&self, sql: &str) -> Result<(), DbError> {
        self.connection.prepare_cached(sql).and_then(|mut s| s.execute([])).map(drop).map_err(db_error)
    }
}

/// However the writer ends, also by a panic outside a verb, nobody waits for it any more.
impl Drop for Writer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.broken.send_replace(true);
        }
        for job in self.lanes.abandon() {
            job.answer(End::Stopped);
        }
    }
}

/// Runs a future that never waits.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(out) => out,
        Poll::Pending => unreachable!("a verb awaits nothing but its transaction, which is always ready here"),
    }
}
