//! What every node does by itself, whatever its role: it keeps its rooms fresh, hears what other nodes did, and writes down
//! what it counted.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, sleep};

use crate::app::{App, Shared};
use crate::{counts, guesses};

/// A new phase is told in parts, one at a time: five in a second.
const REFRESH_EVERY: Duration = Duration::from_millis(200);
const REFRESHES_PER_SEC: u64 = 5;
/// How often a node looks at what others did. Four times within the staleness that is published.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// And where hints tell when to look: they may get lost.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// Goes on until `shutdown` turns true.
pub async fn run(app: Shared, mut shutdown: watch::Receiver<bool>) {
    let tail = app.store.is_shared().then(|| tokio::spawn(tail(Arc::clone(&app), shutdown.clone())));
    let counting = tokio::spawn(counts::run(Arc::clone(&app), shutdown.clone()));
    let guesses = tokio::spawn(guesses::run(Arc::clone(&app), shutdown.clone()));
    let mut timer = tokio::time::interval(REFRESH_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut requests = app.metrics.total();
    for number in 1_u64.. {
        tokio::select! {
            _ = timer.tick() => {}
            _ = shutdown.wait_for(|asked| *asked) => break,
        }
        refresh(&app);
        app.log.tick(app.clock.monotonic());
        if number.is_multiple_of(REFRESHES_PER_SEC) {
            let total = app.metrics.total();
            app.metrics.set_per_sec(i64::try_from(total - requests).unwrap_or(i64::MAX));
            requests = total;
        }
    }
    if let Some(tail) = tail {
        tail.abort();
    }
    if let Err(error) = counting.await {
        tracing::error!(%error, "what writes counts");
    }
    if let Err(died) = guesses.await {
        tracing::error!(%died, "what writes wrong keys into the audit");
    }
}

/// Phases are told to who listens, and the pace of each line follows the clock.
pub fn refresh(app: &App) {
    let wall = app.clock.wall();
    app.rooms.all().iter().for_each(|room| room.refresh(wall));
}

/// A request that needs to be sure looks by itself; this is for everybody else.
async fn tail(app: Shared, mut shutdown: watch::Receiver<bool>) {
    let mut failing = false;
    loop {
        tokio::select! {
            () = turn(&app) => {}
            _ = shutdown.wait_for(|asked| *asked) => return,
        }
        let looked = app.store.catch_up().await;
        // Said once: it is tried again soon, and the staleness is a number that can be watched.
        match &looked {
            Err(error) if !failing => tracing::warn!(%error, "what other nodes did cannot be read"),
            Ok(()) if failing => tracing::info!("what other nodes did is read again"),
            _ => {}
        }
        failing = looked.is_err();
    }
}

/// Waits for the next look.
async fn turn(app: &App) {
    if !app.redis.hints.are_flowing() {
        return sleep(LOOK_EVERY).await;
    }
    tokio::select! {
        () = app.redis.hints.heard() => {}
        () = sleep(LOOK_ANYWAY) => {}
    }
}
