//! What happens without being asked: calls, expiries, settlements, unfinished halls, seals of the audit log. Of all workers on
//! a store only the leader does it. One `tick(app)` per file.

pub mod admit;
pub mod build;
pub mod expire;
pub mod forget;
pub mod lapse;
pub mod lead;
pub mod seal;
pub mod settle;

use std::sync::Arc;
use std::time::Duration;

use store::Failure;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tracing::{Instrument as _, Span};

use crate::app::{App, Shared};

/// People are called five times a second.
pub const TICK: Duration = Duration::from_millis(200);
/// Other work is done at every so many ticks.
const EXPIRE_EVERY: u64 = 2;
const SETTLE_EVERY: u64 = 25;
const BUILD_EVERY: u64 = 25;
/// Once an hour, counted in settlements.
const FORGET_EVERY: u64 = 720;
const SEAL_EVERY: u64 = 25;
const LAPSE_EVERY: u64 = 5;

/// Ticks until `shutdown` turns true.
pub async fn run(app: Shared, mut shutdown: watch::Receiver<bool>) {
    let mut timer = tokio::time::interval(TICK);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let apart = tokio::spawn(work_apart(Arc::clone(&app), shutdown.clone()));
    let leading = tokio::spawn(lead::run(Arc::clone(&app), shutdown.clone()));
    for number in 1_u64.. {
        tokio::select! {
            _ = timer.tick() => {}
            _ = shutdown.wait_for(|asked| *asked) => break,
        }
        tick(&app, number).await;
    }
    apart.abort();
    leading.abort();
    lead::resign(&app).await;
}

/// One tick of everything that is due, where this process leads. Also the way tests move time on.
pub async fn tick(app: &App, number: u64) {
    let Some(epoch) = app.leads() else { return };
    if number.is_multiple_of(EXPIRE_EVERY) {
        step(app, "expire", expire::tick(app)).await;
    }
    if number.is_multiple_of(BUILD_EVERY) {
        step(app, "build", build::tick(app)).await;
    }
    if number.is_multiple_of(SEAL_EVERY) {
        step(app, "seal", seal::tick(app, epoch)).await;
    }
    if number.is_multiple_of(LAPSE_EVERY) {
        step(app, "lapse", lapse::tick(app)).await;
    }
    step(app, "admit", admit::tick(app, epoch)).await;
}

/// Apart from the calls, which must wait neither for a slow provider nor for long readings.
async fn work_apart(app: Shared, mut shutdown: watch::Receiver<bool>) {
    let mut timer = tokio::time::interval(TICK * u32::try_from(SETTLE_EVERY).unwrap_or(1));
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1_u64.. {
        tokio::select! {
            _ = timer.tick() => {}
            _ = shutdown.wait_for(|asked| *asked) => return,
        }
        if app.leads().is_none() {
            continue;
        }
        step(&app, "settle", settle::tick(&app)).await;
        if number.is_multiple_of(FORGET_EVERY) {
            step(&app, "forget", forget::tick(&app)).await;
        }
    }
}

/// One tick, as a trace of its own where ticks are traced.
async fn step(app: &App, what: &'static str, work: impl Future<Output = Result<(), Failure>>) {
    let span = app.spans.as_ref().map_or_else(Span::none, |spans| spans.tick(what));
    let done = async {
        if let Err(error) = work.await {
            app.metrics.tick_failed();
            tracing::warn!(%error, what, "a tick failed; the next one tries again");
        }
    };
    done.instrument(span).await;
}
