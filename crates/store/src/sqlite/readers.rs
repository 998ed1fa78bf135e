//! A pool of read-only connections. Each read sees one snapshot, and runs where blocking is allowed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::pragmas;
use super::time::DecidingClock;
use super::transaction::{SqliteTx, db_error};
use crate::error::{DbError, Failure, Outcome};
use crate::figures::{Lined, Pool};
use crate::tx::{Query, READS};

/// Reads that wait for a connection: what a few connections do in some seconds. More are refused at once.
const WAITING_MAX: usize = 1_024;
/// A read that waits longer is refused: whoever asked for it has other things to do.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    count: usize,
    /// Places to wait in.
    waiting: Semaphore,
    clock: Arc<DecidingClock>,
}

impl Readers {
    pub(super) fn open(path: &Path, count: usize, clock: Arc<DecidingClock>) -> Result<Self, DbError> {
        let count = count.max(1);
        let connections = (0..count).map(|_| pragmas::open_reader(path)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(connections)),
            permits: Arc::new(Semaphore::new(count)),
            count,
            waiting: Semaphore::new(WAITING_MAX),
            clock,
        })
    }

    pub(super) fn shown(&self, at: Timestamp) -> Timestamp {
        at.plus_ms(self.clock.read().skipped_ms)
    }

    /// How busy the connections are, and who waits for one.
    pub(super) fn figures(&self) -> (Pool, Lined) {
        let in_use = self.count.saturating_sub(self.permits.available_permits());
        let waiting = WAITING_MAX.saturating_sub(self.waiting.available_permits());
        let pool = Pool { most: self.count, open: self.count, in_use, waiting };
        (pool, Lined { lane: READS, waiting, most: WAITING_MAX })
    }

    pub(super) async fn read<Q: Query>(&self, query: Q) -> Result<Q::Out, Failure> {
        let waiting = self.waiting.try_acquire().map_err(|_| Failure::Overloaded)?;
        let permit = timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| Failure::Overloaded)?.map_err(|_| Failure::Stopped)?;
        drop(waiting);
        let (idle, clock, handle) = (Arc::clone(&self.idle), Arc::clone(&self.clock), Handle::current());
        let read = tokio::task::spawn_blocking(move || {
            let _permit: OwnedSemaphorePermit = permit;
            let mut connection = pop(&idle);
            let out = snapshot(&mut connection, &clock, &handle, &query);
            idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            out
        });
        match read.await {
            Ok(out) => out.map_err(Failure::from),
            Err(panic) => Err(Failure::Broken(DbError::Bug(panic.to_string()))),
        }
    }
}

fn pop(idle: &Mutex<Vec<Connection>>) -> Connection {
    idle.lock().unwrap_or_else(PoisonError::into_inner).pop().expect("a permit is a connection")
}

fn snapshot<Q: Query>(
    connection: &mut Connection,
    clock: &DecidingClock,
    handle: &Handle,
    query: &Q,
) -> Outcome<Q::Out> {
    connection.execute_batch("begin").map_err(db_error)?;
    let mut changes = Vec::new();
    // A panic must not keep the connection: its transaction is closed and the connection goes back first.
    let out = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        handle.block_on(query.run(&mut SqliteTx::new(connection, clock.read(), &mut changes)))
    }));
    connection.execute_batch("rollback").map_err(db_error)?;
    out.unwrap_or_else(|_| Err(DbError::Bug("a query panicked".to_owned()).into()))
}
