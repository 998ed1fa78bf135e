//! Three latencies per operation in histograms that are merged, never averaged; failures apart.

use hdrhistogram::Histogram;

use crate::history::{Op, Outcome, Record};

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
    pub(crate) held_back: u64,
}

pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("three digits are allowed")
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies {
            response: histogram(),
            service: histogram(),
            lag: histogram(),
            refused: histogram(),
            failed: histogram(),
            held_back: 0,
        }
    }
}

impl Latencies {
    pub(crate) fn add(&mut self, record: &Record, lag_us: u64) {
        let response = record.received_us - record.intended_us;
        if record.outcome == Outcome::HeldBack {
            self.response.saturating_record(response);
            self.held_back += 1;
            return;
        }
        self.lag.saturating_record(lag_us);
        if record.failed() {
            self.failed.saturating_record(response);
        } else if matches!(record.outcome, Outcome::Refused { .. }) {
            self.refused.saturating_record(response);
        } else {
            self.response.saturating_record(response);
            self.service.saturating_record(record.received_us - record.sent_us);
        }
    }

    pub(crate) fn merge(&mut self, other: &Latencies) {
        let pairs = [
            (&mut self.response, &other.response),
            (&mut self.service, &other.service),
            (&mut self.lag, &other.lag),
            (&mut self.refused, &other.refused),
            (&mut self.failed, &other.failed),
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

    pub(crate) fn all(&self) -> Latencies {
        let mut all = Latencies::default();
        for one in &self.0 {
            all.merge(one);
        }
        all
    }
}
