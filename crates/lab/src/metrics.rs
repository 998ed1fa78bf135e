//! What a threshold can be about, computed from what was recorded and from the admission log.

use hdrhistogram::Histogram;

use crate::dump::{BoundBy, Dump};
use crate::record::{Reached, Recorded};
use crate::slo::{Metric, Window};

/// Fewer pairs of rows than this say nothing about a rate.
const DRIP_ROWS: u64 = 10;

pub(crate) struct Metrics<'a> {
    pub(crate) recorded: &'a Recorded,
    pub(crate) dump: Option<&'a Dump>,
    pub(crate) doors_us: u64,
    /// False where the run came to a sale that was already open.
    pub(crate) own_doors: bool,
    pub(crate) planned_fans: u64,
}

/// Milliseconds, a share, or a count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Observed {
    pub(crate) value: Option<f64>,
    pub(crate) samples: u64,
    pub(crate) exercised: bool,
}

impl Observed {
    fn new(value: f64, samples: u64) -> Self {
        Observed { value: (samples > 0).then_some(value), samples, exercised: true }
    }

    fn not_exercised(samples: u64) -> Self {
        Observed { value: None, samples, exercised: false }
    }
}

impl Metrics<'_> {
    pub(crate) fn observe(&self, metric: Metric, stat: &str, window: Window) -> Observed {
        let ops = match window {
            Window::Whole => &self.recorded.whole,
            Window::Steady => &self.recorded.steady,
        };
        match metric {
            Metric::Duration(Some(op)) => duration(&ops.of(op).response, stat),
            Metric::Duration(None) => {
                let all = ops.all();
                let mut merged = all.response;
                merged.add(&all.refused).expect("both grow as needed");
                duration(&merged, stat)
            }
            Metric::Failed => {
                let all = ops.all();
                share_or_count(all.failed.len(), all.requests(), stat)
            }
            Metric::HeldBack => {
                let all = ops.all();
                share_or_count(all.held_back, all.requests() + all.held_back, stat)
            }
            Metric::Joins => share_or_count(self.recorded.count(Reached::Joined), self.planned_fans, stat),
            Metric::Sold => {
                Observed { value: Some(self.recorded.tickets as f64), samples: self.recorded.tickets, exercised: true }
            }
            Metric::FirstAdmission if !self.own_doors => Observed::not_exercised(0),
            Metric::FirstAdmission => match self.recorded.first_admission_us {
                Some(at) => Observed::new(at.saturating_sub(self.doors_us) as f64 / 1_000.0, 1),
                None => Observed { value: None, samples: 0, exercised: true },
            },
            Metric::Drip => self.dump.map_or(Observed::not_exercised(0), achieved_drip),
        }
    }
}

fn share_or_count(part: u64, whole: u64, stat: &str) -> Observed {
    if stat == "count" {
        return Observed { value: Some(part as f64), samples: whole, exercised: true };
    }
    Observed::new(part as f64 / (whole as f64).max(1.0), whole)
}

fn duration(histogram: &Histogram<u64>, stat: &str) -> Observed {
    let ms = |us: u64| us as f64 / 1_000.0;
    let value = match stat {
        "p50" => ms(histogram.value_at_quantile(0.50)),
        "p90" => ms(histogram.value_at_quantile(0.90)),
        "p95" => ms(histogram.value_at_quantile(0.95)),
        "p99" => ms(histogram.value_at_quantile(0.99)),
        "p999" => ms(histogram.value_at_quantile(0.999)),
        "max" => ms(histogram.max()),
        "avg" => histogram.mean() / 1_000.0,
        _ => return Observed { value: Some(histogram.len() as f64), samples: histogram.len(), exercised: true },
    };
    Observed::new(value, histogram.len())
}

/// People called over people the rate allowed, over consecutive rows of the log that were both bound by the rate.
pub(crate) fn achieved_drip(dump: &Dump) -> Observed {
    let (mut called, mut elapsed_ms, mut rows) = (0u64, 0u64, 0u64);
    for pair in dump.calls.windows(2) {
        if pair.iter().all(|row| row.bound_by == BoundBy::Rate) {
            called += pair[1].called + pair[1].recalled;
            elapsed_ms += u64::try_from(pair[1].at - pair[0].at).unwrap_or(0);
            rows += 1;
        }
    }
    if rows < DRIP_ROWS {
        return Observed::not_exercised(rows);
    }
    let allowed = dump.sale.admit_per_minute as f64 * elapsed_ms as f64 / 60_000.0;
    Observed::new(called as f64 / allowed.max(f64::MIN_POSITIVE), rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testkit;

    #[test]
    fn drip_counts_only_neighbouring_rows_bound_by_the_rate() {
        let mut dump = testkit::dump();
        dump.sale.admit_per_minute = 600;
        // Ten people a second: two every 200 ms, and one row bound by the cap that must not count.
        for tick in 0..13i64 {
            let bound = if tick == 0 { BoundBy::Cap } else { BoundBy::Rate };
            let called = if tick == 0 { 100 } else { 2 };
            dump.calls.push(testkit::call(u64::try_from(tick).expect("small"), called, tick * 200, bound));
        }
        let observed = achieved_drip(&dump);
        assert_eq!(observed.samples, 11);
        assert!((observed.value.expect("rows enough") - 1.0).abs() < 1e-9);
        dump.calls.truncate(9);
        assert!(!achieved_drip(&dump).exercised);
    }
}
