//! How often one account may ask for what, by GCRA. Memory is bounded, and a full table lets people in, never out.
//!
//! GCRA, the generic cell rate algorithm (ITU-T I.371): a key's whole state is its theoretical arrival time.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::AccountId;

/// Accounts remembered for each class: a large sale's active people. At 24 bytes each, 5 MB a class when full.
const ENTRIES_MAX: usize = 200_000;
/// Keys that share a lock and may push each other out: short enough to search on every request.
const ENTRIES_PER_SET: usize = 8;

/// What is limited separately. Who comes by another route has another allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteClass {
    /// Counts wrong passwords only: [`Limits::check`] before, so that many at once do not slip through, and
    /// [`Limits::give_back`] after a right one.
    Login,
    /// A first join, which writes.
    Join,
    /// Status, streams and re-joins, which are answered from memory.
    Poll,
    Seats,
    Hold,
    Checkout,
}

impl RouteClass {
    const ALL: [Self; 6] = [Self::Login, Self::Join, Self::Poll, Self::Seats, Self::Hold, Self::Checkout];

    /// Generous where an answer costs nothing, strict where it costs a write or a payment.
    const fn rate(self) -> Rate {
        match self {
            Self::Login => Rate::per_min(10, 10),
            Self::Join => Rate::per_min(60, 20),
            Self::Poll => Rate::per_sec(20, 200),
            Self::Seats => Rate::per_sec(5, 50),
            Self::Hold => Rate::per_min(120, 60),
            Self::Checkout => Rate::per_min(5, 20),
        }
    }
}

/// So many at once, and then one every `emission_interval`.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub emission_interval: Duration,
    pub burst: u32,
}

impl Rate {
    const fn per_sec(count: u32, burst: u32) -> Self {
        Self { emission_interval: Duration::from_nanos(1_000_000_000 / count as u64), burst }
    }

    const fn per_min(count: u32, burst: u32) -> Self {
        Self { emission_interval: Duration::from_nanos(60_000_000_000 / count as u64), burst }
    }
}

/// When to come back; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfterMs(pub u64);

/// The rule. `tat` is the state kept for a key, zero for a new one; the answer is its new state.
/// A refusal costs nothing: the key's state stays as it was.
pub fn gcra(tat: Duration, now: Duration, emission_interval: Duration, burst: u32) -> Result<Duration, RetryAfterMs> {
    let tolerance = emission_interval * burst.saturating_sub(1);
    let start = tat.max(now);
    let ahead = start - now;
    if ahead <= tolerance {
        return Ok(start + emission_interval);
    }
    let wait_ms = (ahead - tolerance).as_nanos().div_ceil(1_000_000);
    Err(RetryAfterMs(u64::try_from(wait_ms).unwrap_or(u64::MAX)))
}

/// All limits of this node.
pub struct Limits {
    by_account: [Table; RouteClass::ALL.len()],
}

impl Default for Limits {
    fn default() -> Self {
        Self { by_account: RouteClass::ALL.map(|class| Table::new(class.rate(), ENTRIES_MAX)) }
    }
}

impl Limits {
    /// Takes one from the account's allowance. `now` is monotonic time.
    pub fn check(&self, class: RouteClass, account: AccountId, now: Duration) -> Result<(), RetryAfterMs> {
        self.by_account[class as usize].check(key(account), now)
    }

    /// Gives back what one `check` took: it turned out not to count.
    pub fn give_back(&self, class: RouteClass, account: AccountId) {
        self.by_account[class as usize].give_back(key(account));
    }
}

/// What a table counts by. Addresses, when they come, are folded into the same 128 bits in tables of their own.
type Key = u128;

fn key(account: AccountId) -> Key {
    account.0.as_u128()
}

/// Fixed sets of a few keys each, found by hash; a set is searched and changed under its own lock.
/// Invariant: `limit tables are bounded`: a set never holds more than `ENTRIES_PER_SET`.
struct Table {
    rate: Rate,
    /// Seeded, so that nobody can choose accounts that share a set with a victim or with themselves.
    hasher: RandomState,
    sets: Box<[Mutex<Vec<Entry>>]>,
}

struct Entry {
    key: [u64; 2],
    tat_ns: u64,
}

impl Table {
    fn new(rate: Rate, entries_max: usize) -> Self {
        let sets = (0..entries_max.div_ceil(ENTRIES_PER_SET)).map(|_| Mutex::default()).collect();
        Self { rate, hasher: RandomState::new(), sets }
    }

    fn check(&self, key: Key, now: Duration) -> Result<(), RetryAfterMs> {
        let mut set = self.set(key);
        let known = find(&set, key);
        let tat = known.map_or(Duration::ZERO, |at| Duration::from_nanos(set[at].tat_ns));
        let tat_ns = nanos(gcra(tat, now, self.rate.emission_interval, self.rate.burst)?);
        match known {
            Some(at) => set[at].tat_ns = tat_ns,
            None => insert(&mut set, Entry { key: halves(key), tat_ns }),
        }
        Ok(())
    }

    fn give_back(&self, key: Key) {
        let mut set = self.set(key);
        if let Some(at) = find(&set, key) {
            set[at].tat_ns = set[at].tat_ns.saturating_sub(nanos(self.rate.emission_interval));
        }
    }

    fn set(&self, key: Key) -> MutexGuard<'_, Vec<Entry>> {
        let at = self.hasher.hash_one(key) % self.sets.len() as u64;
        let at = usize::try_from(at).expect("an index below the number of sets");
        // A panic cannot leave a set half changed: each change is one assignment or one push.
        self.sets[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find(set: &[Entry], key: Key) -> Option<usize> {
    set.iter().position(|entry| entry.key == halves(key))
}

/// A full set gives up the entry whose arrival time is the oldest: a stale one where there is any,
/// else the account that is nearest to having its whole burst back.
fn insert(set: &mut Vec<Entry>, entry: Entry) {
    if set.len() < ENTRIES_PER_SET {
        return set.push(entry);
    }
    if let Some(oldest) = set.iter_mut().min_by_key(|entry| entry.tat_ns) {
        *oldest = entry;
    }
}

/// Two words need no 16-byte alignment, which would make an entry a third larger.
const fn halves(key: Key) -> [u64; 2] {
    [(key >> 64) as u64, key as u64]
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn account(number: u128) -> AccountId {
        AccountId(uuid::Uuid::from_u128(number))
    }

    proptest! {
        /// Over any window the number let through is at most burst + elapsed / interval (rounded up).
        #[test]
        fn never_more_than_the_burst_and_the_rate(
            steps_ms in prop::collection::vec(0u64..3_000, 1..300),
            interval_ms in 1u64..2_000,
            burst in 1u32..50,
        ) {
            let interval = Duration::from_millis(interval_ms);
            let (mut tat, mut now, mut let_through) = (Duration::ZERO, Duration::from_secs(100), 0u128);
            let start = now;
            for step_ms in steps_ms {
                now += Duration::from_millis(step_ms);
                if let Ok(new_tat) = gcra(tat, now, interval, burst) {
                    tat = new_tat;
                    let_through += 1;
                }
                let earned = (now - start).as_nanos() / interval.as_nanos();
                prop_assert!(let_through <= u128::from(burst) + earned);
            }
        }

        /// Who waits as long as told is let in, and one millisecond less is too early.
        #[test]
        fn the_wait_is_enough_and_not_too_long(tat_ms in 0u64..100_000, now_ms in 0u64..100_000, interval_ms in 1u64..5_000, burst in 1u32..50) {
            let (tat, now) = (Duration::from_millis(tat_ms), Duration::from_millis(now_ms));
            let interval = Duration::from_millis(interval_ms);
            if let Err(RetryAfterMs(wait_ms)) = gcra(tat, now, interval, burst) {
                prop_assert!(wait_ms >= 1);
                prop_assert!(gcra(tat, now + Duration::from_millis(wait_ms), interval, burst).is_ok());
                prop_assert!(gcra(tat, now + Duration::from_millis(wait_ms - 1), interval, burst).is_err());
            }
        }

        /// An honest pace is never refused.
        #[test]
        fn one_per_interval_is_always_let_through(interval_ms in 1u64..2_000, burst in 1u32..50) {
            let interval = Duration::from_millis(interval_ms);
            let mut tat = Duration::ZERO;
            for turn in 0..200u32 {
                tat = gcra(tat, interval * turn, interval, burst).map_err(|wait| TestCaseError::fail(format!("{wait:?}")))?;
            }
        }
    }

    #[test]
    fn a_burst_passes_and_the_next_waits_its_interval() {
        let limits = Limits::default();
        for _ in 0..20 {
            assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND), Ok(()));
        }
        assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND), Err(RetryAfterMs(12_000)));
        assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND * 12), Err(RetryAfterMs(1_000)));
        assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND * 13), Ok(()));
    }

    #[test]
    fn accounts_and_classes_have_allowances_of_their_own() {
        let limits = Limits::default();
        while limits.check(RouteClass::Checkout, account(1), SECOND).is_ok() {}
        assert_eq!(limits.check(RouteClass::Checkout, account(2), SECOND), Ok(()));
        assert_eq!(limits.check(RouteClass::Hold, account(1), SECOND), Ok(()));
    }

    #[test]
    fn what_is_given_back_was_not_taken() {
        let limits = Limits::default();
        for _ in 0..100 {
            assert_eq!(limits.check(RouteClass::Login, account(1), SECOND), Ok(()));
            limits.give_back(RouteClass::Login, account(1));
        }
        for _ in 0..10 {
            assert_eq!(limits.check(RouteClass::Login, account(1), SECOND), Ok(()));
        }
        assert_eq!(limits.check(RouteClass::Login, account(1), SECOND), Err(RetryAfterMs(6_000)));
    }

    #[test]
    fn limit_tables_are_bounded() {
        let table = Table::new(Rate::per_sec(1, 1), 64);
        for number in 0..10_000 {
            assert_eq!(table.check(number, SECOND), Ok(()), "a full table must not refuse a newcomer");
        }
        let kept: usize = table.sets.iter().map(|set| set.lock().unwrap().len()).sum();
        assert_eq!(kept, 64);
    }

    #[test]
    fn a_full_set_gives_up_the_stale_and_keeps_the_busy() {
        let table = Table::new(Rate::per_min(1, 1), ENTRIES_PER_SET);
        for number in 0..ENTRIES_PER_SET as u128 - 1 {
            assert_eq!(table.check(number, Duration::ZERO), Ok(()));
        }
        let later = Duration::from_secs(300);
        assert_eq!(table.check(100, later), Ok(()));
        assert_eq!(table.check(101, later), Ok(()), "takes the place of a stale one");
        assert!(table.check(100, later).is_err() && table.check(101, later).is_err(), "both are still counted");
    }
}
