//! What held the drip of one sale back, tick by tick, as the worker that leads sees it. For metrics alone.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use domain::admission::Bound;

/// The order in which they are counted.
pub const BOUNDS: [Bound; 4] = [Bound::Rate, Bound::Cap, Bound::Stock, Bound::Line];

/// No tick yet, or the sale called nobody.
const NOTHING: u8 = u8::MAX;

pub struct Ticks {
    counts: [AtomicU64; BOUNDS.len()],
    last: AtomicU8,
}

impl Default for Ticks {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BOUNDS.len()], last: AtomicU8::new(NOTHING) }
    }
}

impl Ticks {
    /// A tick; `None`: of a sale that calls nobody now.
    pub fn note(&self, bound: Option<Bound>) {
        let place = bound.and_then(|bound| BOUNDS.iter().position(|known| *known == bound));
        self.last.store(place.and_then(|place| u8::try_from(place).ok()).unwrap_or(NOTHING), Ordering::Relaxed);
        if let Some(place) = place {
            self.counts[place].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What bound the last tick.
    pub fn last(&self) -> Option<Bound> {
        BOUNDS.get(usize::from(self.last.load(Ordering::Relaxed))).copied()
    }

    /// Ticks since the node's start that were bound by it.
    pub fn counted(&self) -> impl Iterator<Item = (Bound, u64)> {
        BOUNDS.into_iter().zip(&self.counts).map(|(bound, count)| (bound, count.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_counted_by_their_bound_and_a_pause_is_none() {
        let ticks = Ticks::default();
        assert_eq!(ticks.last(), None);
        [Bound::Rate, Bound::Line, Bound::Rate, Bound::Stock].into_iter().for_each(|bound| ticks.note(Some(bound)));
        assert_eq!(ticks.last(), Some(Bound::Stock));
        ticks.note(None);
        assert_eq!(ticks.last(), None);
        let counts: Vec<u64> = ticks.counted().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 0, 1, 1]);
    }
}
