//! What a store counts about itself, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Failure;
use crate::histogram::{Buckets, Histogram};

const MS: u64 = 1_000_000;
/// Of commits, in nanoseconds: from a disk that syncs nothing to one that is dying.
const COMMIT_BOUNDS: [u64; 14] = [
    MS / 10,
    MS / 4,
    MS / 2,
    MS,
    2 * MS,
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    1_000 * MS,
    5_000 * MS,
];
/// Of commands in one commit: up to as many as there can be.
const COMMANDS_BOUNDS: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Commits that wrote something, counted by whoever makes them.
#[derive(Debug)]
pub(crate) struct Commits {
    took: Histogram<14>,
    commands: Histogram<9>,
}

impl Default for Commits {
    fn default() -> Self {
        Self { took: Histogram::new(&COMMIT_BOUNDS), commands: Histogram::new(&COMMANDS_BOUNDS) }
    }
}

impl Commits {
    pub(crate) fn note(&self, took: Duration, commands: usize) {
        self.took.note(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        self.commands.note(commands as u64);
    }

    /// How long they took, in nanoseconds.
    pub(crate) fn took(&self) -> Buckets {
        self.took.read()
    }

    pub(crate) fn commands(&self) -> Buckets {
        self.commands.read()
    }
}

/// What became of commands and readings that ended neither well nor by a rule's "no".
#[derive(Debug, Default)]
pub(crate) struct Failures([AtomicU64; FAILURES.len()]);

/// In the order of [`place`].
const FAILURES: [&str; 6] = ["overloaded", "storage_full", "unavailable", "unknown", "stopped", "broken"];

const fn place(failure: &Failure) -> Option<usize> {
    match failure {
        Failure::Refused(_) => None,
        Failure::Overloaded => Some(0),
        Failure::StorageFull => Some(1),
        Failure::Unavailable(_) => Some(2),
        Failure::Unknown => Some(3),
        Failure::Stopped => Some(4),
        Failure::Broken(_) => Some(5),
    }
}

impl Failures {
    /// Counts what went wrong, and hands the answer on.
    pub(crate) fn noted<T>(&self, answer: Result<T, Failure>) -> Result<T, Failure> {
        if let Some(place) = answer.as_ref().err().and_then(place) {
            self.0[place].fetch_add(1, Ordering::Relaxed);
        }
        answer
    }

    fn read(&self) -> Vec<(&'static str, u64)> {
        FAILURES.into_iter().zip(&self.0).map(|(kind, count)| (kind, count.load(Ordering::Relaxed))).collect()
    }
}

/// Who waits for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lined {
    /// `reads`, or the lane of the commands.
    pub lane: &'static str,
    pub waiting: usize,
    /// More are refused.
    pub most: usize,
}

/// Connections to the database; on SQLite those that read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    pub most: usize,
    pub open: usize,
    pub in_use: usize,
    /// Who waits for one.
    pub waiting: usize,
}

/// What an engine tells.
#[derive(Clone, Debug)]
pub(crate) struct OfEngine {
    pub(crate) commits: Buckets,
    pub(crate) commands: Option<Buckets>,
    pub(crate) lanes: Vec<Lined>,
    pub(crate) pool: Pool,
}

/// A store at one moment.
#[derive(Clone, Debug)]
pub struct Figures {
    /// How long commits took, in nanoseconds.
    pub commits: Buckets,
    /// Commands in one commit; `None` where each has a commit of its own.
    pub commands: Option<Buckets>,
    pub lanes: Vec<Lined>,
    pub pool: Pool,
    /// Since it was opened, by kind.
    pub failures: Vec<(&'static str, u64)>,
}

impl Figures {
    pub(crate) fn new(engine: OfEngine, failures: &Failures) -> Self {
        let OfEngine { commits, commands, lanes, pool } = engine;
        Self { commits, commands, lanes, pool, failures: failures.read() }
    }
}

#[cfg(test)]
mod tests {
    use domain::Refusal;

    use super::*;
    use crate::error::DbError;

    #[test]
    fn every_failure_is_counted_by_its_kind_and_a_refusal_is_none() {
        let failures = Failures::default();
        let bug = || DbError::Bug(String::new());
        let all = [
            Failure::Overloaded,
            Failure::StorageFull,
            Failure::Unavailable(bug()),
            Failure::Unknown,
            Failure::Stopped,
            Failure::Broken(bug()),
            Failure::Refused(Refusal::RoomFull),
        ];
        for (times, failure) in (1..).zip(all) {
            (0..times).for_each(|_| assert!(failures.noted::<()>(Err(copy(&failure))).is_err()));
        }
        assert!(failures.noted(Ok(())).is_ok());
        let expected: Vec<_> = FAILURES.into_iter().zip(1..).collect();
        assert_eq!(failures.read(), expected);
    }

    fn copy(failure: &Failure) -> Failure {
        match failure {
            Failure::Refused(refusal) => Failure::Refused(*refusal),
            Failure::Overloaded => Failure::Overloaded,
            Failure::StorageFull => Failure::StorageFull,
            Failure::Unavailable(_) => Failure::Unavailable(DbError::Bug(String::new())),
            Failure::Unknown => Failure::Unknown,
            Failure::Stopped => Failure::Stopped,
            Failure::Broken(_) => Failure::Broken(DbError::Bug(String::new())),
        }
    }
}
