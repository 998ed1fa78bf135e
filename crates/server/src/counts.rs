//! What happens often with an account, its refusals and its signals: counted in memory by account, sale, code and minute,
//! and handed to the store in bulk every few seconds. A row for each would let a flood fill the disk.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{AccountId, SaleId, Timestamp};
use store::Failure;
use store::counts::{AddCounts, Book, Counted, minute_of};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::app::{App, Shared};
use crate::problem::Problem;

/// A node that is killed loses what it counted since.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// Of a store that does not answer, at the end.
const PATIENCE: Duration = Duration::from_secs(2);
/// Different counts until they are written: about 10 MB. What comes on top is only numbered.
const KEPT_MAX: usize = 50_000;

type Key = (AccountId, SaleId, &'static str, i64);

/// What is not written yet.
pub struct Counts {
    book: Book,
    counts: Mutex<HashMap<Key, i64>>,
    dropped: AtomicU64,
}

impl Counts {
    pub fn of(book: Book) -> Self {
        Self { book, counts: Mutex::default(), dropped: AtomicU64::new(0) }
    }

    /// One more.
    pub fn count(&self, account: AccountId, sale: SaleId, code: &'static str, wall: Timestamp) {
        self.add([((account, sale, code, minute_of(wall)), 1)]);
    }

    /// Counts the "no" of an answer, and hands the answer on.
    pub fn noted<T>(
        &self,
        account: AccountId,
        sale: SaleId,
        wall: Timestamp,
        answer: Result<T, Problem>,
    ) -> Result<T, Problem> {
        if let Err(problem) = &answer
            && problem.status.is_client_error()
        {
            self.count(account, sale, problem.code, wall);
        }
        answer
    }

    fn add(&self, counts: impl IntoIterator<Item = (Key, i64)>) {
        let mut kept = self.lock();
        for (key, times) in counts {
            if kept.len() < KEPT_MAX || kept.contains_key(&key) {
                *kept.entry(key).or_default() += times;
            } else {
                self.dropped.fetch_add(times.unsigned_abs(), Ordering::Relaxed);
            }
        }
    }

    /// As often as they were counted.
    #[cfg(test)]
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        let counted = |(key, times): (&Key, &i64)| std::iter::repeat_n(key.2, usize::try_from(*times).unwrap_or(0));
        self.lock().iter().flat_map(counted).collect()
    }

    fn take(&self) -> Vec<(Key, i64)> {
        std::mem::take(&mut *self.lock()).into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, i64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what was counted. What certainly was not written is kept for the next time.
pub async fn tick(app: &App) -> Result<(), Failure> {
    write(app, &app.refusals).await?;
    write(app, app.signals.counts()).await
}

async fn write(app: &App, of: &Counts) -> Result<(), Failure> {
    let dropped = of.dropped.swap(0, Ordering::Relaxed);
    if dropped > 0 {
        tracing::warn!(dropped, "more different counts than are kept: these were left out");
    }
    let counts = of.take();
    let mut parts = counts.chunks(store::MOST_ROWS_PER_COMMAND);
    while let Some(part) = parts.next() {
        let counted = |((account, sale, code, minute), times): &(Key, i64)| Counted {
            account: *account,
            sale: *sale,
            code: (*code).to_owned(),
            minute: *minute,
            times: *times,
        };
        if let Err(failure) =
            app.store.run(AddCounts { book: of.book, counts: part.iter().map(counted).collect() }).await
        {
            if !matches!(failure, Failure::Unknown) {
                of.add(part.iter().copied());
            }
            parts.for_each(|part| of.add(part.iter().copied()));
            return Err(failure);
        }
    }
    Ok(())
}

/// Until `shutdown` turns true, and once more then.
pub(crate) async fn run(app: Shared, mut shutdown: watch::Receiver<bool>) {
    let mut timer = tokio::time::interval(FLUSH_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            _ = shutdown.wait_for(|asked| *asked) => break,
        }
        report(tick(&app).await);
    }
    match tokio::time::timeout(PATIENCE, tick(&app)).await {
        Ok(done) => report(done),
        Err(_) => tracing::warn!("the last counts were not written"),
    }
}

fn report(done: Result<(), Failure>) {
    if let Err(error) = done {
        tracing::warn!(%error, "counts could not be written; the next time tries again");
    }
}

#[cfg(test)]
mod tests {
    use domain::Refusal;
    use uuid::Uuid;

    use super::*;

    fn refused(refusals: &Counts, account: u128, ms: i64) {
        let no: Result<(), Problem> = Err(Refusal::CapExceeded { cap: 4, already: 4 }.into());
        let account = AccountId(Uuid::from_u128(account));
        assert!(refusals.noted(account, SaleId(Uuid::nil()), Timestamp(ms), no).is_err());
    }

    #[test]
    fn one_minute_of_one_account_is_one_count() {
        let refusals = Counts::of(Book::Refusals);
        [0, 59_999, 60_000].into_iter().for_each(|ms| refused(&refusals, 1, ms));
        let busy: Result<(), Problem> = Err(Problem::overloaded());
        let nobody = (AccountId(Uuid::nil()), SaleId(Uuid::nil()));
        assert!(refusals.noted(nobody.0, nobody.1, Timestamp(0), busy).is_err(), "no refusal, and not counted");
        let mut counts: Vec<_> = refusals.take().into_iter().map(|((_, _, code, at), n)| (code, at, n)).collect();
        counts.sort_unstable();
        assert_eq!(counts, [("cap_exceeded", 0, 2), ("cap_exceeded", 1, 1)]);
        assert_eq!(refusals.take(), []);
    }

    #[test]
    fn a_flood_from_ever_new_accounts_takes_no_more_memory() {
        let refusals = Counts::of(Book::Refusals);
        (0..KEPT_MAX as u128 + 10).for_each(|account| refused(&refusals, account, 0));
        refused(&refusals, 0, 1);
        assert_eq!(refusals.dropped.load(Ordering::Relaxed), 10);
        assert_eq!(refusals.take().len(), KEPT_MAX);
    }
}
