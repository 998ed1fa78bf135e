//! Three latencies per operation in histograms that are merged, never averaged; failures apart.

use hdrhistogram::Histogram;

use crate::history::{Op, Outcome, Record, UNFINISHED};

/// Three significant digits: a value is off by at most 0.1 %.
const DIGITS: u8 = 3;

/// Microseconds. `response` counts from the intended start, `service` from the send, `lag` is the generator's own delay.
#[derive(Clone)]
pub(crate) struct Latencies {
    pub(crate) response: Histogram<u64>,
    pub(crate) service: Histogram<u64>,
    pub(crate) lag: Histogram<u64>,
    /// From the intended start to an expected refusal.
    pub(crate) refused: Histogram<u64>,
    /// From the intended start to the failure or time-out.
    pub(crate) failed: Histogram<u64>,
    /// Those of `failed` that the end of the run cut off: their time is the least that it would have been.
    pub(crate) cut: Histogram<u64>,
    pub(crate) held_back: u64,
}

pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("three digits are allowed")
}

/// Records a value, growing as needed. `saturating_record` would clamp to the range seen so far: a fresh histogram has none.
pub(crate) fn note(histogram: &mut Histogram<u64>, value_us: u64) {
    histogram.record(value_us).expect("an automatically growing histogram takes any value");
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies {
            response: histogram(),
            service: histogram(),
            lag: histogram(),
            refused: histogram(),
            failed: histogram(),
            cut: histogram(),
            held_back: 0,
        }
    }
}

impl Latencies {
    pub(crate) fn add(&mut self, record: &Record, lag_us: u64) {
        let response = record.received_us - record.intended_us;
        if record.outcome == Outcome::HeldBack {
            note(&mut self.response, response);
            self.held_back += 1;
            return;
        }
        note(&mut self.lag, lag_us);
        if record.failed() {
            note(&mut self.failed, response);
            if matches!(&record.outcome, Outcome::Unknown(why) if &**why == UNFINISHED) {
                note(&mut self.cut, response);
            }
        } else if matches!(record.outcome, Outcome::Refused { .. }) {
            note(&mut self.refused, response);
        } else if record.value().is_some() {
            note(&mut self.response, response);
            note(&mut self.service, record.received_us - record.sent_us);
        }
    }

    pub(crate) fn merge(&mut self, other: &Latencies) {
        let pairs = [
            (&mut self.response, &other.response),
            (&mut self.service, &other.service),
            (&mut self.lag, &other.lag),
            (&mut self.refused, &other.refused),
            (&mut self.failed, &other.failed),
            (&mut self.cut, &other.cut),
        ];
        for (into, from) in pairs {
            into.add(from).expect("both grow as needed");
        }
        self.held_back += other.held_back;
    }

    /// Requests sent and settled: answered, refused or failed.
    pub(crate) fn requests(&self) -> u64 {
        self.lag.len()
    }
}

/// The latencies of every operation within one window of the run.
#[derive(Clone, Default)]
pub(crate) struct ByOp([Latencies; Op::ALL.len()]);

impl ByOp {
    pub(crate) fn of(&self, op: Op) -> &Latencies {
        &self.0[op as usize]
    }

    pub(crate) fn add(&mut self, record: &Record, lag_us: u64) {
        self.0[record.op as usize].add(record, lag_us);
    }

    /// The generator's own delay, of all operations.
    pub(crate) fn lag(&self) -> Histogram<u64> {
        let mut all = histogram();
        for one in &self.0 {
            all.add(&one.lag).expect("both grow as needed");
        }
        all
    }

    pub(crate) fn all(&self) -> Latencies {
        let mut all = Latencies::default();
        for one in &self.0 {
            all.merge(one);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_histogram_takes_long_times_within_a_tenth_of_a_percent() {
        let mut fresh = histogram();
        note(&mut fresh, 1_400_000);
        assert!((1_400_000..=1_401_400).contains(&fresh.value_at_quantile(0.99)));
    }
}
