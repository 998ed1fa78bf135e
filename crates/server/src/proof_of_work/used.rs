//! Which proofs were used: remembered for as long as they would be good, in bounded memory.

use std::collections::HashSet;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Proofs of one lifetime, twice: 64 MB at the most. Beyond that a proof may be used again, which gives an account nothing
/// that it has not got already: a second join is the first one's place.
const KEYS_MAX: usize = 1_000_000;

/// Half of a signature: nobody but us makes one.
pub(super) type Key = [u8; 16];

pub(super) fn key(signature: &[u8]) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&signature[..size_of::<Key>()]);
    key
}

/// Two generations: a key lives in one of them for at least a proof's lifetime.
pub(super) struct Used {
    life: Duration,
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashSet<Key>,
    old: HashSet<Key>,
    turned_at: Duration,
}

impl Used {
    pub(super) fn new(life: Duration) -> Self {
        Self { life, generations: Mutex::default() }
    }

    pub(super) fn first_time(&self, key: Key, now: Duration) -> bool {
        let mut both = self.lock();
        let age = now.saturating_sub(both.turned_at);
        if age >= self.life {
            let young = mem::take(&mut both.young);
            both.old = if age < self.life * 2 { young } else { HashSet::new() };
            both.turned_at = now;
        }
        if both.old.contains(&key) {
            return false;
        }
        if both.young.len() >= KEYS_MAX {
            return !both.young.contains(&key);
        }
        both.young.insert(key)
    }

    pub(super) fn forget(&self, key: Key) {
        let mut both = self.lock();
        both.young.remove(&key);
        both.old.remove(&key);
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        // A panic cannot leave it half changed in a way that matters: each change is one insertion or one swap.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(300);

    #[test]
    fn a_key_is_new_once_for_at_least_its_lifetime_and_then_forgotten() {
        let used = Used::new(LIFE);
        let start = Duration::from_secs(1_000);
        for used_at in [0, 100, 299] {
            let (key, at) = ([used_at as u8; 16], start + Duration::from_secs(used_at));
            assert!(used.first_time(key, at));
            assert!(!used.first_time(key, at));
        }
        for used_at in [0, 100, 299] {
            assert!(!used.first_time([used_at as u8; 16], start + Duration::from_secs(used_at) + LIFE), "{used_at}");
        }
        assert!(used.first_time([0; 16], start + LIFE * 4));
    }

    #[test]
    fn what_was_given_back_is_new_again() {
        let used = Used::new(LIFE);
        assert!(used.first_time([1; 16], LIFE));
        used.forget([1; 16]);
        assert!(used.first_time([1; 16], LIFE));
    }

    #[test]
    fn the_used_proofs_are_bounded() {
        let used = Used::new(LIFE);
        for number in 0..KEYS_MAX as u128 + 10 {
            assert!(used.first_time(number.to_be_bytes(), LIFE));
        }
        assert_eq!(used.lock().young.len(), KEYS_MAX);
        assert!(!used.first_time(7u128.to_be_bytes(), LIFE), "those that are remembered are refused");
    }
}
