//! Wrong keys of the operator and the demo, for the audit: one entry for each address and minute, written by a task of
//! its own. A guesser can neither fill the disk nor make anybody wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;
use serde_json::json;
use store::Failure;
use store::audit::{Act, Note};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::app::{App, Shared};
use crate::source::Source;

/// Told by name in one minute. Guesses from more addresses than this come from one guesser, and are summed up.
const ADDRESSES_MAX: usize = 32;
/// Minutes that wait while the store cannot be written; older ones are given up.
const MINUTES_MAX: usize = 10;
const MINUTE_MS: i64 = 60_000;
const WRITE_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    wrong: u64,
    /// Of these, refused as a flood.
    refused: u64,
}

impl Count {
    fn add(&mut self, is_flood: bool) {
        self.wrong += 1;
        self.refused += u64::from(is_flood);
    }
}

/// Invariant: `guesses are bounded`.
#[derive(Debug)]
struct Minute {
    begins_at: Timestamp,
    by_address: HashMap<Source, Count>,
    elsewhere: Count,
}

/// What is not in the audit yet.
#[derive(Debug, Default)]
pub struct Guesses {
    minutes: Mutex<VecDeque<Minute>>,
    /// Made of minutes that are over. Written again with the same ids until that went well.
    due: Mutex<VecDeque<Act>>,
}

impl Guesses {
    /// Somebody showed a wrong key.
    pub fn count(&self, source: Source, is_flood: bool, wall: Timestamp) {
        let begins_at = minute(wall);
        let mut minutes = lock(&self.minutes);
        if minutes.back().is_none_or(|last| last.begins_at != begins_at) {
            if minutes.len() == MINUTES_MAX {
                minutes.pop_front();
            }
            minutes.push_back(Minute { begins_at, by_address: HashMap::new(), elsewhere: Count::default() });
        }
        let Some(minute) = minutes.back_mut() else { return };
        let is_full = minute.by_address.len() == ADDRESSES_MAX;
        let count = match minute.by_address.get_mut(&source) {
            Some(known) => known,
            None if is_full => &mut minute.elsewhere,
            None => minute.by_address.entry(source).or_default(),
        };
        count.add(is_flood);
    }

    /// Entries of the minutes before this time.
    fn close(&self, before: Timestamp, app: &App) {
        let mut minutes = lock(&self.minutes);
        let mut due = lock(&self.due);
        while minutes.front().is_some_and(|minute| minute.begins_at < before) {
            let Some(minute) = minutes.pop_front() else { break };
            let elsewhere = (minute.elsewhere.wrong > 0).then(|| ("elsewhere".to_owned(), minute.elsewhere));
            let named = minute.by_address.iter().map(|(source, count)| (source.to_string(), *count));
            for (address, count) in named.chain(elsewhere) {
                if due.len() == MINUTES_MAX * (ADDRESSES_MAX + 1) {
                    due.pop_front();
                }
                due.push_back(entry(app, minute.begins_at, address, count));
            }
        }
    }
}

fn entry(app: &App, minute: Timestamp, address: String, count: Count) -> Act {
    let details = json!({
        "minute": minute, "wrong": count.wrong, "refused_as_flood": count.refused, "node": app.instance,
    });
    Act {
        id: app.ids.next(),
        actor: "unknown".to_owned(),
        act: "wrong_operator_key",
        subject: address,
        details: details.to_string(),
    }
}

/// Writes until `shutdown` turns true, and then what is left.
pub async fn run(app: Shared, mut shutdown: watch::Receiver<bool>) {
    let mut timer = interval(WRITE_EVERY);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_over = tokio::select! {
            _ = timer.tick() => false,
            _ = shutdown.wait_for(|asked| *asked) => true,
        };
        let wall = app.clock.wall();
        let before = if is_over { wall.plus_ms(MINUTE_MS) } else { wall };
        if let Err(error) = write(&app, before).await {
            tracing::warn!(%error, "wrong keys are not in the audit yet");
        }
        if is_over {
            return;
        }
    }
}

/// Writes the minutes that are over.
pub async fn tick(app: &App) -> Result<(), Failure> {
    write(app, app.clock.wall()).await
}

async fn write(app: &App, before: Timestamp) -> Result<(), Failure> {
    app.guesses.close(minute(before), app);
    let acts: Vec<Act> = lock(&app.guesses.due).iter().cloned().collect();
    if acts.is_empty() {
        return Ok(());
    }
    let written = acts.len();
    app.store.run(Note { acts }).await?;
    lock(&app.guesses.due).drain(..written);
    Ok(())
}

const fn minute(at: Timestamp) -> Timestamp {
    Timestamp(at.0.div_euclid(MINUTE_MS) * MINUTE_MS)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked left counts, which are whole at any moment.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::listener::PeerAddr;

    fn source(number: u32) -> Source {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.extensions.insert(PeerAddr(SocketAddr::new(std::net::Ipv4Addr::from(number).into(), 1)));
        Source::of(&parts, &[])
    }

    #[test]
    fn guesses_are_bounded() {
        let guesses = Guesses::default();
        for number in 0..10_000_u32 {
            let wall = Timestamp(i64::from(number / 100) * MINUTE_MS);
            guesses.count(source(number % 100), false, wall);
        }
        let minutes = guesses.minutes.lock().unwrap();
        assert_eq!(minutes.len(), MINUTES_MAX);
        for minute in minutes.iter() {
            assert_eq!((minute.by_address.len(), minute.elsewhere.wrong), (ADDRESSES_MAX, 100 - 32));
        }
        assert_eq!(minutes.back().map(|minute| minute.begins_at), Some(Timestamp(99 * MINUTE_MS)));
    }
}
