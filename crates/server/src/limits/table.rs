//! The keys of one limit in bounded memory, each with its arrival time and with what other nodes have not heard of it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Rate, RetryAfterMs, gcra};

/// Keys that share a lock and may push each other out: short enough to search on every request.
const ENTRIES_PER_SET: usize = 8;
/// Keys of one limit that wait to be told of: as many as eight exchanges take, so that looking for the busiest stays
/// quick. A key beyond is told of after its next request.
const DUE_MAX: usize = 8_192;

/// What a table counts by: an account, or an address, which is folded into the same 128 bits.
pub(super) type Key = u128;

/// Fixed sets of a few keys each, found by hash; a set is searched and changed under its own lock.
/// Invariant: `limit tables are bounded`: a set never holds more than `ENTRIES_PER_SET`.
pub(super) struct Table {
    rate: Rate,
    /// A key is due to be told of when it has used so many since the last time. `None`: there is nobody to tell.
    tell_at: Option<u32>,
    /// Seeded, so that nobody can choose accounts that share a set with a victim or with themselves.
    hasher: RandomState,
    sets: Box<[Mutex<Vec<Entry>>]>,
    /// Keys to be told of, each once. Locked after a set, never before one.
    due: Mutex<Vec<Key>>,
}

struct Entry {
    key: [u64; 2],
    tat_ns: u64,
    /// Let through since the others were told.
    untold: u32,
    /// Taken, and not yet known whether they count.
    open: u16,
    /// It is in the list of those to be told of.
    due: bool,
}

impl Table {
    pub(super) fn new(rate: Rate, entries_max: usize, tell_at: Option<u32>) -> Self {
        let sets = (0..entries_max.div_ceil(ENTRIES_PER_SET)).map(|_| Mutex::default()).collect();
        Self { rate, tell_at, hasher: RandomState::new(), sets, due: Mutex::default() }
    }

    pub(super) fn check(&self, key: Key, now: Duration) -> Result<(), RetryAfterMs> {
        let mut set = self.set(key);
        let entry = self.pass(&mut set, key, now)?;
        self.count(entry, key);
        Ok(())
    }

    /// As `check`, but the others hear of it only when it is settled.
    pub(super) fn take(&self, key: Key, now: Duration) -> Result<(), RetryAfterMs> {
        let mut set = self.set(key);
        let entry = self.pass(&mut set, key, now)?;
        entry.open = entry.open.saturating_add(1);
        Ok(())
    }

    pub(super) fn settle(&self, key: Key, counts: bool) {
        let mut set = self.set(key);
        let Some(entry) = find(&mut set, key) else { return };
        entry.open = entry.open.saturating_sub(1);
        if counts {
            self.count(entry, key);
        } else {
            entry.tat_ns = entry.tat_ns.saturating_sub(self.interval_ns());
        }
    }

    /// Takes the list of those to be told of.
    pub(super) fn due(&self) -> impl Iterator<Item = Key> + use<> {
        mem::take(&mut *self.due.lock().unwrap_or_else(PoisonError::into_inner)).into_iter()
    }

    /// Back on the list.
    pub(super) fn put_off(&self, key: Key) {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }

    pub(super) fn untold(&self, key: Key) -> u32 {
        find(&mut self.set(key), key).map_or(0, |entry| entry.untold)
    }

    /// What was not told yet, which is told with this, and how long from now the allowance is used up by what counts.
    pub(super) fn tell(&self, key: Key, now: Duration) -> Option<(u32, Duration)> {
        let mut set = self.set(key);
        let entry = find(&mut set, key)?;
        entry.due = false;
        let count = mem::take(&mut entry.untold);
        let open_ns = u64::from(entry.open).saturating_mul(self.interval_ns());
        let debt_ns = entry.tat_ns.saturating_sub(open_ns).saturating_sub(nanos(now));
        (count > 0).then_some((count, Duration::from_nanos(debt_ns)))
    }

    /// What was told has led to this arrival time, to which comes what was let through since. Never an earlier one
    /// than is known here: what others have forgotten is not forgiven.
    pub(super) fn learn(&self, key: Key, tat: Duration) {
        let mut set = self.set(key);
        let Some(entry) = find(&mut set, key) else { return };
        let since = u64::from(entry.untold) + u64::from(entry.open);
        let tat_ns = nanos(tat).saturating_add(since.saturating_mul(self.interval_ns()));
        entry.tat_ns = entry.tat_ns.max(tat_ns);
    }

    /// The rule, for a key that may be new.
    fn pass<'set>(&self, set: &'set mut Vec<Entry>, key: Key, now: Duration) -> Result<&'set mut Entry, RetryAfterMs> {
        let known = set.iter().position(|entry| entry.key == halves(key));
        let tat = known.map_or(Duration::ZERO, |at| Duration::from_nanos(set[at].tat_ns));
        let tat_ns = nanos(gcra(tat, now, self.rate.emission_interval, self.rate.burst)?);
        let at = known.unwrap_or_else(|| make_room(set, Entry::new(key)));
        set[at].tat_ns = tat_ns;
        Ok(&mut set[at])
    }

    fn count(&self, entry: &mut Entry, key: Key) {
        let Some(tell_at) = self.tell_at else { return };
        entry.untold = entry.untold.saturating_add(1);
        if entry.due || entry.untold < tell_at {
            return;
        }
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.len() < DUE_MAX {
            due.push(key);
            entry.due = true;
        }
    }

    fn interval_ns(&self) -> u64 {
        nanos(self.rate.emission_interval)
    }

    fn set(&self, key: Key) -> MutexGuard<'_, Vec<Entry>> {
        let at = self.hasher.hash_one(key) % self.sets.len() as u64;
        let at = usize::try_from(at).expect("an index below the number of sets");
        // A panic cannot leave a set half changed: each change is one assignment or one push.
        self.sets[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    const fn new(key: Key) -> Self {
        Self { key: halves(key), tat_ns: 0, untold: 0, open: 0, due: false }
    }
}

fn find(set: &mut [Entry], key: Key) -> Option<&mut Entry> {
    set.iter_mut().find(|entry| entry.key == halves(key))
}

/// A full set gives up the entry whose arrival time is the oldest: a stale one where there is any,
/// else the account that is nearest to having its whole burst back. The answer is where the new one is.
fn make_room(set: &mut Vec<Entry>, entry: Entry) -> usize {
    if set.len() < ENTRIES_PER_SET {
        set.push(entry);
        return set.len() - 1;
    }
    let oldest = (0..set.len()).min_by_key(|at| set[*at].tat_ns).unwrap_or_default();
    set[oldest] = entry;
    oldest
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
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn limit_tables_are_bounded() {
        let table = Table::new(Rate::per_sec(1, 1), 64, Some(1));
        for number in 0..10_000 {
            assert_eq!(table.check(number, SECOND), Ok(()), "a full table must not refuse a newcomer");
        }
        let kept: usize = table.sets.iter().map(|set| set.lock().unwrap().len()).sum();
        assert_eq!(kept, 64);
    }

    #[test]
    fn a_full_set_gives_up_the_stale_and_keeps_the_busy() {
        let table = Table::new(Rate::per_min(1, 1), ENTRIES_PER_SET, None);
        for number in 0..ENTRIES_PER_SET as u128 - 1 {
            assert_eq!(table.check(number, Duration::ZERO), Ok(()));
        }
        let later = Duration::from_secs(300);
        assert_eq!(table.check(100, later), Ok(()));
        assert_eq!(table.check(101, later), Ok(()), "takes the place of a stale one");
        assert!(table.check(100, later).is_err() && table.check(101, later).is_err(), "both are still counted");
    }
}
