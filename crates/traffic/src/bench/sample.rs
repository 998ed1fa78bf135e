//! One window of load, and two of them side by side.

use std::time::Duration;

use domain::Clock;

use super::answer::Answer;
use super::generator::Connections;
use super::program::{Program, own_cpu};
use super::requests::Requests;

/// What one window saw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) requests: usize,
    pub(super) took: Duration,
    pub(super) server_cpu: Duration,
    pub(super) own_cpu: Duration,
}

impl Sample {
    /// Sends `total` requests and measures the server meanwhile. The connections are open and warm.
    pub(super) fn take(
        program: &Program,
        connections: &mut Connections,
        requests: &Requests,
        total: usize,
        clock: &dyn Clock,
        on_answer: impl FnMut(usize, &Answer<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let (started, server, own) = (clock.monotonic(), program.cpu()?, own_cpu()?);
        connections.send_all(requests, total, on_answer)?;
        Ok(Self {
            requests: total,
            took: clock.monotonic().saturating_sub(started),
            server_cpu: program.cpu()?.saturating_sub(server),
            own_cpu: own_cpu()?.saturating_sub(own),
        })
    }

    pub(super) fn per_sec(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64().max(f64::EPSILON)
    }

    /// Microseconds of the server's CPU time for one request.
    pub(super) fn cpu_us(&self) -> f64 {
        self.server_cpu.as_secs_f64() * 1e6 / self.requests.max(1) as f64
    }

    pub(super) fn own_us(&self) -> f64 {
        self.own_cpu.as_secs_f64() * 1e6 / self.requests.max(1) as f64
    }
}

/// The bare handler and the product, one right after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) bare: Sample,
    pub(super) product: Sample,
}

impl Pair {
    /// Every other round begins with the product: whoever comes second finds a warmer or a more tired machine.
    pub(super) fn take(
        round: usize,
        bare: impl FnOnce() -> anyhow::Result<Sample>,
        product: impl FnOnce() -> anyhow::Result<Sample>,
    ) -> anyhow::Result<Self> {
        if round.is_multiple_of(2) {
            let bare = bare()?;
            Ok(Self { bare, product: product()? })
        } else {
            let product = product()?;
            Ok(Self { product, bare: bare()? })
        }
    }

    /// How many times the bare handler's CPU one request of the product costs.
    pub(super) fn cpu_ratio(&self) -> f64 {
        self.product.cpu_us() / self.bare.cpu_us().max(f64::EPSILON)
    }

    pub(super) fn rate_ratio(&self) -> f64 {
        self.product.per_sec() / self.bare.per_sec().max(f64::EPSILON)
    }
}

/// The middle of some figures, and how far they spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of no figures: not a number.
    pub(super) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
        Self { median: f64::midpoint(at(low), at(high)), min: at(0), max: at(sorted.len().saturating_sub(1)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests: usize, took_ms: u64, cpu_ms: u64) -> Sample {
        let [took, server_cpu] = [took_ms, cpu_ms].map(Duration::from_millis);
        Sample { requests, took, server_cpu, own_cpu: Duration::ZERO }
    }

    #[test]
    fn the_median_is_the_middle_one_or_between_the_middle_two() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
        assert_eq!(Spread::of([7.0]), Spread { median: 7.0, min: 7.0, max: 7.0 });
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn ratios_compare_a_request_with_a_request() {
        let pair = Pair { bare: sample(1_000, 10, 5), product: sample(500, 10, 5) };
        assert!((pair.cpu_ratio() - 2.0).abs() < 1e-9);
        assert!((pair.rate_ratio() - 0.5).abs() < 1e-9);
        assert!((pair.product.cpu_us() - 10.0).abs() < 1e-9);
    }

    #[test]
    fn who_goes_first_changes_from_round_to_round() {
        for (round, bare_first) in [(0, true), (1, false), (2, true)] {
            let order = std::cell::RefCell::new(Vec::new());
            let noted = |name| {
                order.borrow_mut().push(name);
                Ok(sample(1, 1, 1))
            };
            Pair::take(round, || noted("bare"), || noted("product")).unwrap();
            assert_eq!(order.into_inner()[0] == "bare", bare_first);
        }
    }
}
