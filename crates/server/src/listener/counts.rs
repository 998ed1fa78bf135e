//! How many connections there are: in all for metrics and the cap, by source for its own cap.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counters for metrics. `by_source` holds an entry for each source that is connected now, so it is bounded too.
#[derive(Debug, Default)]
pub struct ConnectionCounts {
    open: AtomicUsize,
    accepted: AtomicU64,
    refused: AtomicU64,
    by_source: Mutex<HashMap<IpAddr, usize>>,
}

impl ConnectionCounts {
    /// Open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Taken since the start.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Closed at once since the start, because a cap was reached.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Counts a connection in, unless there are `total_max` already, or `per_source_max` from this source.
    pub fn enter(self: &Arc<Self>, source: IpAddr, total_max: usize, per_source_max: usize) -> Option<Counted> {
        let mut by_source = self.by_source();
        let from_source = by_source.entry(source).or_default();
        // Both counts change under this lock only, so neither cap can be overrun.
        if *from_source >= per_source_max || self.open() >= total_max {
            if *from_source == 0 {
                by_source.remove(&source);
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        *from_source += 1;
        self.open.fetch_add(1, Ordering::Relaxed);
        self.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Counted { counts: Arc::clone(self), source })
    }

    fn leave(&self, source: IpAddr) {
        let mut by_source = self.by_source();
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(left) = by_source.get_mut(&source) {
            *left -= 1;
            if *left == 0 {
                by_source.remove(&source);
            }
        }
    }

    fn by_source(&self) -> std::sync::MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_source.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection's place in the counts, given back on drop.
#[derive(Debug)]
pub struct Counted {
    counts: Arc<ConnectionCounts>,
    source: IpAddr,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.leave(self.source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn each_cap_refuses_and_a_leaver_makes_room() {
        let counts = Arc::new(ConnectionCounts::default());
        let enter = |last| counts.enter(from(last), 3, 2);
        let (first, _second) = (enter(1).unwrap(), enter(1).unwrap());
        assert!(enter(1).is_none(), "two from one source");
        let _third = enter(2).unwrap();
        assert!(enter(3).is_none(), "three in all");
        drop(first);
        let _fourth = enter(3).unwrap();
        assert_eq!((counts.open(), counts.accepted(), counts.refused()), (3, 4, 2));
    }

    #[test]
    fn sources_that_left_or_were_refused_are_forgotten() {
        let counts = Arc::new(ConnectionCounts::default());
        drop(counts.enter(from(1), 1, 1));
        let _one = counts.enter(from(2), 1, 1);
        assert!(counts.enter(from(3), 1, 1).is_none());
        assert_eq!(counts.by_source().keys().copied().collect::<Vec<_>>(), [from(2)]);
    }
}
