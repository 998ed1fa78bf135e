//! Who works, among the workers of one store: the one that holds the lease, while it does.
//!
//! A worker that has lost the lease may still believe in it for a moment. Nothing depends on that: what only the leader may
//! do is written under the lease's row and with its epoch, and the rest is the same whoever does it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::Failure;
use store::lease::{LEASE_MS, Lead, Resign};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};

use crate::app::{App, Shared};

/// A leader whose word gets lost four times is still the leader.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A database that takes longer is not heard of at all; the next question must still be in time.
const PATIENCE: Duration = Duration::from_secs(2);
/// Counted from before the question, so that it ends here before it ends in the database.
const LEASE: Duration = Duration::from_millis(LEASE_MS.unsigned_abs());

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Held {
    epoch: i64,
    /// On the monotonic clock; `None`: for this life of the process.
    until: Option<Duration>,
}

/// Whether this process leads.
#[derive(Debug, Default)]
pub struct Leadership {
    held: Mutex<Option<Held>>,
}

impl Leadership {
    /// The epoch to work with, while this process leads.
    pub fn epoch(&self, monotonic: Duration) -> Option<i64> {
        self.lock().filter(|held| held.until.is_none_or(|until| monotonic < until)).map(|held| held.epoch)
    }

    /// Nobody else can open the store.
    pub fn alone(&self, epoch: i64) {
        *self.lock() = Some(Held { epoch, until: None });
    }

    /// What the store said to a question of that time.
    fn answered(&self, epoch: Option<i64>, asked_at: Duration) {
        let now = epoch.map(|epoch| Held { epoch, until: Some(asked_at + LEASE) });
        let before = std::mem::replace(&mut *self.lock(), now).map(|held| held.epoch);
        match (before, epoch) {
            (_, Some(epoch)) if before != Some(epoch) => tracing::info!(epoch, "this worker leads"),
            (Some(epoch), None) => tracing::info!(epoch, "another worker leads now: this one waits"),
            _ => {}
        }
    }

    /// A verb has found another leader. Whoever was made leader since is not meant.
    pub fn lost(&self, epoch: i64) {
        let mut held = self.lock();
        if held.is_some_and(|held| held.epoch == epoch) {
            *held = None;
            tracing::info!(epoch, "another worker leads now: this one waits");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks for the lease, or keeps it. An answer that does not come changes nothing: what is held lapses by itself.
pub async fn tick(app: &App) -> Result<(), Failure> {
    if !app.store.is_shared() {
        return Ok(());
    }
    let asked_at = app.clock.monotonic();
    let lead = app.store.run(Lead { holder: app.instance, alone: false });
    let epoch = timeout(PATIENCE, lead).await.unwrap_or(Err(Failure::Unknown))?;
    app.leadership.answered(epoch, asked_at);
    Ok(())
}

/// Until `shutdown` turns true; then another worker may lead at once.
pub(super) async fn run(app: Shared, mut shutdown: watch::Receiver<bool>) {
    let mut timer = tokio::time::interval(ASK_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = timer.tick() => {}
            _ = shutdown.wait_for(|asked| *asked) => return,
        }
        super::step(&app, "lead", tick(&app)).await;
    }
}

/// Gives the lease back, after the last tick.
pub async fn resign(app: &App) {
    let Some(epoch) = app.leadership.epoch(app.clock.monotonic()).filter(|_| app.store.is_shared()) else { return };
    app.leadership.lost(epoch);
    let resigned = timeout(PATIENCE, app.store.run(Resign { holder: app.instance })).await;
    if !matches!(resigned, Ok(Ok(()))) {
        tracing::warn!("the lease was not given back: it lapses in {} s", LEASE.as_secs());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn sec(sec: u64) -> Duration {
        Duration::from_secs(sec)
    }

    #[test]
    fn a_lease_that_is_not_renewed_lapses_here_first() {
        let leadership = Leadership::default();
        assert_eq!(leadership.epoch(sec(0)), None);
        leadership.answered(Some(3), sec(10));
        assert_eq!(leadership.epoch(LEASE + sec(9)), Some(3));
        assert_eq!(leadership.epoch(LEASE + sec(10)), None);
        leadership.answered(Some(3), sec(20));
        assert_eq!(leadership.epoch(sec(21)), Some(3));
        leadership.answered(None, sec(22));
        assert_eq!(leadership.epoch(sec(22)), None);
    }

    #[test]
    fn the_loss_of_an_earlier_epoch_does_not_end_a_later_one() {
        let leadership = Leadership::default();
        leadership.answered(Some(4), sec(0));
        leadership.lost(3);
        assert_eq!(leadership.epoch(sec(1)), Some(4));
        leadership.lost(4);
        assert_eq!(leadership.epoch(sec(1)), None);
    }

    #[test]
    fn alone_one_leads_for_ever() {
        let leadership = Leadership::default();
        leadership.alone(1);
        assert_eq!(leadership.epoch(sec(1_000_000)), Some(1));
    }
}
