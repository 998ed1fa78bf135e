//! What all virtual fans of one run share: clock, recorder, target, sale, and the word that it is over.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::net::Target;
use crate::record::Recorder;

/// A checkout waits up to 10 s for its provider (design D7); twice that is an answer that will not come.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) target: Arc<Target>,
    pub(crate) sale_id: Arc<str>,
    pub(crate) seed: u64,
    /// Makes the idempotency keys of this run different from those of any other on the same sale.
    pub(crate) run_tag: Arc<str>,
    pub(crate) cap: u64,
    /// When the doors open, on the run's clock.
    pub(crate) doors_us: u64,
    over: watch::Receiver<bool>,
}

/// What a run knows when it sets the stage.
pub(crate) struct Setting {
    pub(crate) clock: Clock,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) target: Arc<Target>,
    pub(crate) sale_id: Arc<str>,
    pub(crate) seed: u64,
    pub(crate) run_tag: Arc<str>,
    pub(crate) cap: u64,
    pub(crate) doors_us: u64,
}

impl Stage {
    pub(crate) fn new(setting: Setting) -> (Self, watch::Sender<bool>) {
        let (curtain, over) = watch::channel(false);
        let Setting { clock, recorder, target, sale_id, seed, run_tag, cap, doors_us } = setting;
        (Stage { clock, recorder, target, sale_id, seed, run_tag, cap, doors_us, over }, curtain)
    }

    /// Runs `work` unless the run ends first: then `None`.
    pub(crate) async fn unless_over<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut over = self.over.clone();
        tokio::select! {
            biased;
            // A closed channel means the run is gone, which is an end too.
            _ = over.wait_for(|over| *over) => None,
            done = work => Some(done),
        }
    }
}
