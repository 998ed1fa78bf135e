//! The lab's only clock: microseconds since the run began, on one monotonic source, with a wall anchor for the doors.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Copies of one `Clock` agree with each other; the wall time is read once, so a step of the wall clock moves nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    wall_start_ms: i64,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the one place of the lab that reads the clocks")]
    pub(crate) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { start: Instant::now(), wall_start_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX) }
    }

    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Wall time, in epoch milliseconds, of a moment of the run.
    pub(crate) fn wall_ms(&self, at_us: u64) -> i64 {
        self.wall_start_ms.saturating_add(i64::try_from(at_us / 1_000).unwrap_or(i64::MAX))
    }

    /// The moment of the run at which the wall shows `wall_ms`; zero for times before the run.
    pub(crate) fn at_wall_ms(&self, wall_ms: i64) -> u64 {
        u64::try_from(wall_ms.saturating_sub(self.wall_start_ms)).unwrap_or(0).saturating_mul(1_000)
    }

    /// Returns at `at_us` or up to 2 ms later, never before; at once if that has passed. Tokio's timer has
    /// ticks of 1 ms; the loop makes "never before" ours: `sent >= intended` is what every latency is counted from.
    pub(crate) async fn sleep_until(&self, at_us: u64) {
        if at_us > self.now_us() {
            let at = self.start + Duration::from_micros(at_us);
            tokio::time::sleep_until(tokio::time::Instant::from_std(at)).await;
        }
        while at_us > self.now_us() {
            tokio::time::sleep(Duration::from_micros(at_us - self.now_us())).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_woken_too_early() {
        let clock = Clock::start();
        for step in 1..60 {
            let at_us = clock.now_us() + step * 37;
            clock.sleep_until(at_us).await;
            assert!(clock.now_us() >= at_us);
        }
    }
}
