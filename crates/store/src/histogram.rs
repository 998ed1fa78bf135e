//! Counts in buckets, for metrics: noting a value is three additions, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

/// Values by size. `N` bounds make `N + 1` buckets; the last one is for what is larger than all bounds.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    within: [AtomicU64; N],
    beyond: AtomicU64,
    sum: AtomicU64,
}

/// A histogram as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets {
    pub bounds: &'static [u64],
    /// How many values lie in each bucket, those in no other bucket last.
    pub counts: Vec<u64>,
    pub sum: u64,
}

impl<const N: usize> Histogram<N> {
    /// With these upper bounds, each of which belongs to its bucket. They ascend.
    pub const fn new(bounds: &'static [u64; N]) -> Self {
        Self { bounds, within: [const { AtomicU64::new(0) }; N], beyond: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    pub fn note(&self, value: u64) {
        // Few bounds, and most values are small: looking from below beats halving.
        let place = self.bounds.iter().position(|bound| value <= *bound);
        place.map_or(&self.beyond, |place| &self.within[place]).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// How many values were noted.
    pub fn count(&self) -> u64 {
        self.counts().sum()
    }

    pub fn read(&self) -> Buckets {
        Buckets { bounds: self.bounds, counts: self.counts().collect(), sum: self.sum.load(Ordering::Relaxed) }
    }

    fn counts(&self) -> impl Iterator<Item = u64> {
        self.within.iter().chain([&self.beyond]).map(|count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_at_a_bound_is_within_it_and_one_above_is_not() {
        let histogram = Histogram::new(&[10, 20]);
        for value in [0, 10, 11, 20, 21, 1_000] {
            histogram.note(value);
        }
        let read = histogram.read();
        assert_eq!((read.counts, read.sum), (vec![2, 2, 2], 1_062));
        assert_eq!(histogram.count(), 6);
    }
}
