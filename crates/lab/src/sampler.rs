//! Once a second: the server's own counts and its instance, over a connection of its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::operator::{Live, Operator, SAMPLE_LIMIT, Stats};

const INTERVAL_US: u64 = 1_000_000;

#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When it was asked for.
    pub(crate) at_us: u64,
    /// When it had come.
    pub(crate) until_us: u64,
    pub(crate) stats: Option<Stats>,
    pub(crate) live: Option<Live>,
}

/// The samples so far.
#[derive(Clone, Default)]
pub(crate) struct Samples(Arc<Mutex<Vec<Sample>>>);

impl Samples {
    pub(crate) fn push(&self, sample: Sample) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
    }

    pub(crate) fn all(&self) -> Vec<Sample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) async fn take(operator: &mut Operator, clock: Clock, sale_id: &str, limit: Duration) -> Sample {
    let at_us = clock.now_us();
    let stats = operator.stats(sale_id, limit).await.ok();
    let until_us = clock.now_us();
    Sample { at_us, until_us, stats, live: operator.live().await.ok() }
}

/// Samples until it is dropped.
pub(crate) async fn run(mut operator: Operator, clock: Clock, sale_id: Arc<str>, samples: Samples) {
    let mut due = clock.now_us();
    loop {
        clock.sleep_until(due).await;
        samples.push(take(&mut operator, clock, &sale_id, SAMPLE_LIMIT).await);
        // A slow answer skips beats rather than bunching them.
        due = (due + INTERVAL_US).max(clock.now_us());
    }
}
