//! How much is asked for, from calm to a rush: a bucket that fills with each challenge and drains by itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Challenges a second of one node that are no load: a tenth of the joins that it can write.
const CALM_PER_SEC: u64 = 1_000;
/// Seconds of calm that a full bucket holds; after a rush it takes as long to be empty.
pub(super) const FULL: f64 = 10.0;

/// When the bucket will be empty, in nanoseconds of monotonic time.
#[derive(Default)]
pub(super) struct Demand(AtomicU64);

impl Demand {
    /// One more is asked for. The answer is how full the bucket was: 0 to [`FULL`].
    pub(super) fn more(&self, now: Duration) -> f64 {
        let one = Duration::from_secs(1) / CALM_PER_SEC as u32;
        let full = now + Duration::from_secs_f64(FULL);
        let more = |empty_at: u64| {
            let filled = Duration::from_nanos(empty_at).max(now) + one;
            Some(nanos(filled.min(full)))
        };
        let before = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).unwrap_or_default();
        Duration::from_nanos(before).saturating_sub(now).as_secs_f64().min(FULL)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_in_a_rush_to_a_bound_and_falls_by_itself() {
        let (demand, start) = (Demand::default(), Duration::from_secs(100));
        assert_eq!(demand.more(start), 0.0);
        let rush: Vec<f64> = (0..20_000).map(|_| demand.more(start)).collect();
        assert!(rush.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!(rush[4_999].round(), 5.0);
        assert_eq!(rush.last(), Some(&FULL));
        assert_eq!(demand.more(start + Duration::from_secs(4)).round(), 6.0);
        assert_eq!(demand.more(start + Duration::from_secs(11)), 0.0);
    }

    #[test]
    fn a_calm_pace_is_no_load() {
        let demand = Demand::default();
        for turn in 1..5_000u32 {
            assert!(demand.more(Duration::from_millis(turn.into())) < 0.01);
        }
    }
}
