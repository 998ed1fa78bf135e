//! The clock that decides. It follows the wall clock, but not its jumps: an expiry never comes early because somebody
//! set the time. What was skipped is stored, so that a restart does not make up for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Clock, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use super::transaction::db_error;
use crate::error::DbError;

/// A wall clock that moves this much further than the monotonic one has been set, not slewed.
const JUMP_MS: i64 = 2_000;
/// How often the last time is stored while nothing else changes it.
const SAVE_EVERY_MS: i64 = 1_000;

pub(super) struct DecidingClock {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    wall: Timestamp,
    monotonic: Duration,
    /// Wall time minus deciding time.
    skipped_ms: i64,
    last: Timestamp,
    saved: Option<(Timestamp, i64)>,
}

/// One reading of all clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(super) now: Timestamp,
    pub(super) wall: Timestamp,
    pub(super) skipped_ms: i64,
}

impl Reading {
    /// What must be added to a time of this clock for one that shows `elsewhere` now: by so much the time that is shown
    /// to people differs from the one that is kept. As after a restart here, what jumps between the two clocks is skipped,
    /// and what slews is followed.
    pub(crate) fn moved_to(self, elsewhere: Timestamp) -> i64 {
        let jump = elsewhere.since_ms(self.wall);
        self.skipped_ms + if jump.abs() > JUMP_MS { jump } else { 0 }
    }
}

impl DecidingClock {
    pub(super) fn load(connection: &Connection, clock: Arc<dyn Clock>) -> Result<Self, DbError> {
        let stored = connection
            .query_row("select last_ms, skipped_ms from clock where id = 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(db_error)?;
        let (last_ms, skipped_ms) = stored.unwrap_or((i64::MIN, 0));
        let (wall, monotonic) = (clock.wall(), clock.monotonic());
        // Set back while nobody ran: time goes on from the last that was stored, and does not stand still until the
        // wall clock has caught up.
        let skipped_ms = wall.since_ms(Timestamp(last_ms)).min(skipped_ms);
        let last = Timestamp(last_ms).max(wall.plus_ms(-skipped_ms));
        let state = State {
            wall,
            monotonic,
            skipped_ms,
            last,
            saved: stored.map(|(at, skipped_ms)| (Timestamp(at), skipped_ms)),
        };
        Ok(Self { clock, state: Mutex::new(state) })
    }

    pub(super) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(super) fn read(&self) -> Reading {
        let (wall, monotonic) = (self.clock.wall(), self.clock.monotonic());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = monotonic.saturating_sub(state.monotonic).as_millis();
        let jump = wall.since_ms(state.wall) - i64::try_from(passed).unwrap_or(i64::MAX);
        if jump.abs() > JUMP_MS {
            state.skipped_ms += jump;
            tracing::warn!(jump_ms = jump, skipped_ms = state.skipped_ms, "the wall clock jumped; expiries ignore it");
        }
        (state.wall, state.monotonic) = (wall, monotonic);
        state.last = state.last.max(wall.plus_ms(-state.skipped_ms));
        Reading { now: state.last, wall, skipped_ms: state.skipped_ms }
    }

    /// What was skipped is not what is stored.
    pub(super) fn was_set(&self, reading: Reading) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.saved.map_or(0, |(_, skipped_ms)| skipped_ms) != reading.skipped_ms
    }

    /// Stores the time inside the open transaction, when there is news; tells whether there was. After the commit,
    /// [`Self::saved`].
    pub(super) fn save(&self, connection: &Connection, reading: Reading) -> Result<bool, DbError> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let stale = state.saved.is_none_or(|(at, skipped_ms)| {
            skipped_ms != reading.skipped_ms || reading.now.since_ms(at) >= SAVE_EVERY_MS
        });
        if stale {
            connection
                .prepare_cached(
                    "insert into clock (id, last_ms, skipped_ms) values (1, ?1, ?2)
                     on conflict (id) do update set last_ms = ?1, skipped_ms = ?2",
                )
                .and_then(|mut statement| statement.execute((reading.now.millis(), reading.skipped_ms)))
                .map_err(db_error)?;
        }
        Ok(stale)
    }

    /// The commit of this reading has come back.
    pub(super) fn saved(&self, reading: Reading) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.saved = Some((reading.now, reading.skipped_ms));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

    use super::*;

    #[derive(Default)]
    struct Hands {
        wall: AtomicI64,
        monotonic: AtomicI64,
    }

    impl Hands {
        fn pass(&self, wall_ms: i64, monotonic_ms: i64) {
            self.wall.fetch_add(wall_ms, Relaxed);
            self.monotonic.fetch_add(monotonic_ms, Relaxed);
        }
    }

    impl Clock for Hands {
        fn wall(&self) -> Timestamp {
            Timestamp(self.wall.load(Relaxed))
        }
        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.monotonic.load(Relaxed).unsigned_abs())
        }
    }

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().expect("memory");
        super::super::migrate::migrate(&mut connection).expect("migrations");
        connection
    }

    fn clock(connection: &Connection, hands: &Arc<Hands>) -> DecidingClock {
        DecidingClock::load(connection, Arc::clone(hands) as Arc<dyn Clock>).expect("clock")
    }

    #[test]
    fn a_clock_set_forward_expires_nothing_early() {
        let (connection, hands) = (database(), Arc::new(Hands::default()));
        let clock = clock(&connection, &hands);
        hands.pass(3_600_500, 500);
        let reading = clock.read();
        assert_eq!((reading.now, reading.wall, reading.skipped_ms), (Timestamp(500), Timestamp(3_600_500), 3_600_000));
    }

    #[test]
    fn a_clock_set_back_does_not_stop_time() {
        let (connection, hands) = (database(), Arc::new(Hands::default()));
        hands.pass(10_000_000, 0);
        let clock = clock(&connection, &hands);
        hands.pass(-3_600_000, 0);
        hands.pass(700, 700);
        assert_eq!(clock.read().now, Timestamp(10_000_700));
    }

    #[test]
    fn times_move_to_another_clock_by_what_was_skipped_and_by_what_jumps() {
        let reading = Reading { now: Timestamp(10_000), wall: Timestamp(70_000), skipped_ms: 60_000 };
        assert_eq!(reading.moved_to(Timestamp(70_000)), 60_000);
        assert_eq!([reading.moved_to(Timestamp(72_000)), reading.moved_to(Timestamp(68_000))], [60_000; 2]);
        assert_eq!(reading.moved_to(Timestamp(72_001)), 62_001);
        assert_eq!(reading.moved_to(Timestamp(67_999)), 57_999);
    }

    #[test]
    fn a_slewed_clock_is_followed() {
        let (connection, hands) = (database(), Arc::new(Hands::default()));
        let clock = clock(&connection, &hands);
        hands.pass(11_900, 10_000);
        assert_eq!(clock.read().now, Timestamp(11_900));
    }

    #[test]
    fn what_was_skipped_survives_a_restart_and_time_never_goes_back() {
        let (connection, hands) = (database(), Arc::new(Hands::default()));
        let before = clock(&connection, &hands);
        hands.pass(3_600_000, 0);
        let reading = before.read();
        before.save(&connection, reading).expect("saved");
        hands.pass(1_000, 1_000);
        assert_eq!(clock(&connection, &hands).read().now, Timestamp(1_000));
        hands.pass(-9_000, 0);
        assert_eq!(clock(&connection, &hands).read().now, Timestamp(0), "not before the last time that was stored");
    }
}
