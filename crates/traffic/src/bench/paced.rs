//! Requests by a timetable: each one's time counts from where it stood there, so that a server that falls behind cannot
//! hide it. Windows with a trouble and without it take turns.

use std::time::Duration;

use anyhow::Context as _;
use domain::Clock as _;

use super::Bench;
use super::generator::Connections;
use super::organiser::WARM_PATH;
use super::program::Program;
use super::requests::{Requests, Shown};
use super::sample::Spread;

/// Requests that go out together, and how often: 3,200 a second, of polls about a third of what one core answers.
const TOGETHER: usize = 16;
const EVERY: Duration = Duration::from_millis(5);

/// So many that go out together, of each fan one.
pub(super) fn bursts(method: &str, path: &str, fans: &[String]) -> Vec<Requests> {
    let burst = |fans: &[String]| {
        let mut requests = Requests::default();
        fans.iter().for_each(|fan| requests.push(method, path, Shown::Session(fan), ""));
        requests
    };
    fans.chunks_exact(TOGETHER).map(burst).collect()
}

/// Milliseconds that all but one in a hundred requests of a window stay within.
pub(super) fn p99_ms<'a>(
    bench: &Bench,
    server: &Program,
    bursts: impl Iterator<Item = &'a Requests>,
    window: Duration,
) -> anyhow::Result<f64> {
    let mut open = Connections::open(&server.target, TOGETHER, WARM_PATH)?;
    let started = bench.clock.monotonic();
    let mut took = Vec::new();
    for (slot, burst) in (0_u32..).zip(bursts) {
        let due = EVERY * slot;
        if due >= window {
            break;
        }
        let since_start = || bench.clock.monotonic().saturating_sub(started);
        bench.rest(due.saturating_sub(since_start()));
        open.send_all(burst, TOGETHER, |_, _| {
            took.push(since_start().saturating_sub(due));
            Ok(())
        })?;
    }
    percentile_99(&mut took).map(|time| time.as_secs_f64() * 1e3).context("a window without a request")
}

/// Two windows of one round, the first of them calm in every other round: whoever comes second finds a warmer or a more
/// tired machine. What they measured, the calm one first.
pub(super) fn in_turn<T>(
    round: usize,
    mut calm: impl FnMut() -> anyhow::Result<T>,
    troubled: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, T)> {
    if round.is_multiple_of(2) {
        let calm = calm()?;
        Ok((calm, troubled()?))
    } else {
        let troubled = troubled()?;
        Ok((calm()?, troubled))
    }
}

/// Milliseconds without a trouble and with it, round by round.
pub(super) struct Beside {
    pub(super) ratio: Spread,
    calm: Spread,
    troubled: Spread,
}

impl Beside {
    pub(super) fn of(rounds: &[(f64, f64)]) -> Self {
        Self {
            ratio: Spread::of(rounds.iter().map(|(calm, troubled)| troubled / calm)),
            calm: Spread::of(rounds.iter().map(|(calm, _)| *calm)),
            troubled: Spread::of(rounds.iter().map(|(_, troubled)| *troubled)),
        }
    }

    pub(super) fn text(&self) -> String {
        let Self { ratio, calm, troubled } = self;
        format!(
            "{:.2} ms without, {:.2} ms with; of each pair {:.2} x ({:.2} - {:.2})",
            calm.median, troubled.median, ratio.median, ratio.min, ratio.max
        )
    }
}

/// The least time that 99 of 100 stay within.
fn percentile_99(times: &mut [Duration]) -> Option<Duration> {
    times.sort_unstable();
    times.get((times.len() * 99).div_ceil(100).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_a_hundred_may_take_longer() {
        let times = |ms: std::ops::RangeInclusive<u64>| ms.rev().map(Duration::from_millis).collect::<Vec<_>>();
        assert_eq!(percentile_99(&mut times(1..=100)), Some(Duration::from_millis(99)));
        assert_eq!(percentile_99(&mut times(1..=200)), Some(Duration::from_millis(198)));
        assert_eq!(percentile_99(&mut times(7..=7)), Some(Duration::from_millis(7)));
        assert_eq!(percentile_99(&mut []), None);
    }

    #[test]
    fn who_is_first_changes_and_who_is_told_first_does_not() {
        for (round, calm_first) in [(0, true), (1, false), (2, true)] {
            let order = std::cell::RefCell::new(Vec::new());
            let noted = |name: &'static str| {
                order.borrow_mut().push(name);
                Ok(name)
            };
            assert_eq!(in_turn(round, || noted("calm"), || noted("troubled")).unwrap(), ("calm", "troubled"));
            assert_eq!(order.borrow()[0] == "calm", calm_first);
        }
    }

    #[test]
    fn a_pair_is_compared_with_itself() {
        let beside = Beside::of(&[(1.0, 2.0), (2.0, 2.0), (4.0, 12.0)]);
        assert_eq!(beside.ratio, Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(beside.text(), "2.00 ms without, 2.00 ms with; of each pair 2.00 x (1.00 - 3.00)");
    }
}
