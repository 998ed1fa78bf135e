//! Five bounded queues in front of the writer. A full lane refuses at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::writer::Job;
use crate::error::Failure;
use crate::figures::Lined;
use crate::tx::Lane;

/// Ticks and operator acts are few; more than this means that something loops.
const OPERATOR: usize = 64;
/// About ten milliseconds of work at the measured rate, so a shed client waits less than a served one.
const PURCHASES: usize = 1_024;
/// Each of those who began may come back at once.
const SETTLEMENTS: usize = PURCHASES;
/// Each is a whole batch of one sale: as many as there can be sales with open doors at once.
const JOINS: usize = 256;
/// As many as there are purchases: a launch registers hundreds of people at once.
const ACCOUNTS: usize = 1_024;
/// Commands in one commit: enough to share its cost, few enough that the first does not wait for the last.
const BATCH: usize = 256;

pub(super) struct Lanes {
    queues: Mutex<Queues>,
    bell: Condvar,
}

struct Queues {
    operator: VecDeque<Box<dyn Job>>,
    settlements: VecDeque<Box<dyn Job>>,
    purchases: VecDeque<Box<dyn Job>>,
    joins: VecDeque<Box<dyn Job>>,
    accounts: VecDeque<Box<dyn Job>>,
    open: bool,
    /// The writer waits for the bell. Otherwise it looks by itself, and ringing would be a system call for nothing.
    idle: bool,
}

/// What the writer finds.
pub(super) enum Taken {
    Batch(Vec<Box<dyn Job>>),
    /// Nothing came for a while.
    Idle,
    Closed,
}

impl Lanes {
    pub(super) fn new() -> Self {
        let queues = Queues {
            operator: VecDeque::with_capacity(OPERATOR),
            settlements: VecDeque::with_capacity(SETTLEMENTS),
            purchases: VecDeque::with_capacity(PURCHASES),
            joins: VecDeque::with_capacity(JOINS),
            accounts: VecDeque::with_capacity(ACCOUNTS),
            open: true,
            idle: false,
        };
        Self { queues: Mutex::new(queues), bell: Condvar::new() }
    }

    pub(super) fn offer(&self, lane: Lane, job: Box<dyn Job>) -> Result<(), Failure> {
        let mut queues = self.lock();
        if !queues.open {
            return Err(Failure::Stopped);
        }
        let (queue, most) = match lane {
            Lane::Operator => (&mut queues.operator, OPERATOR),
            Lane::Settlements => (&mut queues.settlements, SETTLEMENTS),
            Lane::Purchases => (&mut queues.purchases, PURCHASES),
            Lane::Joins => (&mut queues.joins, JOINS),
            Lane::Accounts => (&mut queues.accounts, ACCOUNTS),
        };
        if queue.len() >= most {
            return Err(Failure::Overloaded);
        }
        queue.push_back(job);
        let idle = queues.idle;
        drop(queues);
        if idle {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Everything that waits, up to a batch; no timer, so an idle system commits a single command at once.
    pub(super) fn take(&self, patience: Duration) -> Taken {
        let mut queues = self.lock();
        if queues.is_empty() && queues.open {
            queues.idle = true;
            queues = self.bell.wait_timeout(queues, patience).unwrap_or_else(PoisonError::into_inner).0;
            queues.idle = false;
        }
        if queues.is_empty() {
            return if queues.open { Taken::Idle } else { Taken::Closed };
        }
        let mut batch = Vec::new();
        let Queues { operator, settlements, purchases, joins, accounts, .. } = &mut *queues;
        for queue in [operator, settlements, purchases, joins, accounts] {
            let most = queue.len().min(BATCH - batch.len());
            batch.extend(queue.drain(..most));
        }
        Taken::Batch(batch)
    }

    /// Who waits where.
    pub(super) fn lined(&self) -> Vec<Lined> {
        let queues = self.lock();
        [
            (Lane::Operator, &queues.operator, OPERATOR),
            (Lane::Settlements, &queues.settlements, SETTLEMENTS),
            (Lane::Purchases, &queues.purchases, PURCHASES),
            (Lane::Joins, &queues.joins, JOINS),
            (Lane::Accounts, &queues.accounts, ACCOUNTS),
        ]
        .map(|(lane, queue, most)| Lined { lane: lane.name(), waiting: queue.len(), most })
        .into()
    }

    /// No new commands; what waits is still taken.
    pub(super) fn close(&self) {
        self.lock().open = false;
        self.bell.notify_all();
    }

    /// After a failure: no new commands, and what waits is handed back unanswered.
    pub(super) fn abandon(&self) -> Vec<Box<dyn Job>> {
        let mut queues = self.lock();
        queues.open = false;
        let Queues { operator, settlements, purchases, joins, accounts, .. } = &mut *queues;
        [operator, settlements, purchases, joins, accounts].into_iter().flat_map(|queue| queue.drain(..)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn is_empty(&self) -> bool {
        [&self.operator, &self.settlements, &self.purchases, &self.joins, &self.accounts]
            .into_iter()
            .all(VecDeque::is_empty)
    }
}
