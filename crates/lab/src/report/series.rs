//! The figures of a report: per step, per refusal, per second, and the metrics by their well-known names.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::Refusals;
use crate::history::{Op, Outcome};
use crate::operator::Stats;
use crate::record::{Reached, Recorded, Second};
use crate::sampler::Sample;

/// One operation; times in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step {
    pub(crate) op: &'static str,
    pub(crate) ok: u64,
    pub(crate) refused_as_expected: u64,
    pub(crate) failed: u64,
    pub(crate) held_back: u64,
    /// From the intended start.
    pub(crate) response_p50_ms: f64,
    pub(crate) response_p95_ms: f64,
    pub(crate) response_p99_ms: f64,
    pub(crate) response_max_ms: f64,
    pub(crate) service_p50_ms: f64,
    pub(crate) service_p95_ms: f64,
    pub(crate) service_p99_ms: f64,
    pub(crate) service_max_ms: f64,
    pub(crate) lag_p99_ms: f64,
}

/// One second after the doors; a field that a report of another version lacks is empty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Point {
    pub(crate) second: u64,
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) joined: u64,
    pub(crate) admitted: u64,
    pub(crate) tickets: u64,
    pub(crate) response_p50_ms: Option<f64>,
    pub(crate) response_p95_ms: Option<f64>,
    pub(crate) response_p99_ms: Option<f64>,
    /// By the server's sample in this second; missing is a gap, never zero.
    pub(crate) queue_depth: Option<u64>,
    pub(crate) called: Option<u64>,
    pub(crate) returning: Option<u64>,
    pub(crate) inside: Option<u64>,
    pub(crate) bought: Option<u64>,
    /// Places that ended without a ticket: expired, or given up.
    pub(crate) gone: Option<u64>,
    pub(crate) available_seats: Option<u64>,
    pub(crate) held_seats: Option<u64>,
    pub(crate) tickets_sold: Option<u64>,
}

/// What the server said of one sale in one second.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct OfSale {
    pub(crate) second: u64,
    pub(crate) queue_depth: u64,
    pub(crate) called: u64,
    pub(crate) returning: u64,
    pub(crate) inside: u64,
    pub(crate) bought: u64,
    pub(crate) gone: u64,
    pub(crate) available_seats: u64,
    pub(crate) held_seats: u64,
    pub(crate) tickets_sold: u64,
}

/// A second without a sample is not there.
pub(crate) fn of_sale(samples: &[Sample], doors_us: u64) -> Vec<OfSale> {
    let of = |sample: &Sample| {
        let (stats, since_us) = (sample.stats.as_ref()?, sample.at_us.checked_sub(doors_us)?);
        Some(OfSale {
            second: since_us / 1_000_000,
            queue_depth: stats.waiting,
            called: stats.called,
            returning: stats.returning,
            inside: stats.inside,
            bought: stats.bought,
            gone: stats.expired + stats.left,
            available_seats: stats.available_seats,
            held_seats: stats.held_seats,
            tickets_sold: stats.tickets_sold,
        })
    };
    samples.iter().filter_map(of).collect()
}

fn ms(us: u64) -> f64 {
    us as f64 / 1_000.0
}

fn quantile(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    ms(histogram.value_at_quantile(quantile))
}

pub(crate) fn steps(recorded: &Recorded) -> Vec<Step> {
    let step = |op: Op| {
        let of = recorded.whole.of(op);
        Step {
            op: op.name(),
            ok: of.service.len(),
            refused_as_expected: of.refused.len(),
            failed: of.failed.len(),
            held_back: of.held_back,
            response_p50_ms: quantile(&of.response, 0.50),
            response_p95_ms: quantile(&of.response, 0.95),
            response_p99_ms: quantile(&of.response, 0.99),
            response_max_ms: ms(of.response.max()),
            service_p50_ms: quantile(&of.service, 0.50),
            service_p95_ms: quantile(&of.service, 0.95),
            service_p99_ms: quantile(&of.service, 0.99),
            service_max_ms: ms(of.service.max()),
            lag_p99_ms: quantile(&of.lag, 0.99),
        }
    };
    Op::ALL.into_iter().filter(|op| recorded.whole.of(*op).requests() > 0).map(step).collect()
}

pub(crate) fn refusals(recorded: &Recorded) -> Vec<Refusals> {
    let mut counts: BTreeMap<(Op, &str, bool), u64> = BTreeMap::new();
    for record in &recorded.records {
        let code = match &record.outcome {
            Outcome::Refused { code, .. } => &**code,
            // The reason of an unknown names addresses and times: one row for all of them.
            Outcome::Unknown(_) => "(unknown outcome)",
            Outcome::Ok(_) | Outcome::HeldBack => continue,
        };
        *counts.entry((record.op, code, record.expected_refusal)).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|((op, code, expected), count)| Refusals { op: op.name(), code: code.into(), expected, count })
        .collect()
}

pub(crate) fn points(recorded: &Recorded, samples: &[Sample], doors_us: u64) -> Vec<Point> {
    let mut stats = BTreeMap::new();
    for sample in samples {
        if let (Some(counts), Some(since)) = (&sample.stats, sample.at_us.checked_sub(doors_us)) {
            stats.insert(since / 1_000_000, counts);
        }
    }
    (0..).zip(&recorded.seconds).map(|(second, of)| point(second, of, stats.get(&second).copied())).collect()
}

/// One second, and what the server said of itself in it.
pub(crate) fn point(second: u64, of: &Second, counts: Option<&Stats>) -> Point {
    let at = |q| (!of.response.is_empty()).then(|| quantile(&of.response, q));
    Point {
        second,
        requests: of.requests,
        failed: of.failed,
        refused: of.refused,
        joined: of.joined,
        admitted: of.admitted,
        tickets: of.tickets,
        response_p50_ms: at(0.50),
        response_p95_ms: at(0.95),
        response_p99_ms: at(0.99),
        queue_depth: counts.map(|stats| stats.waiting),
        called: counts.map(|stats| stats.called),
        returning: counts.map(|stats| stats.returning),
        inside: counts.map(|stats| stats.inside),
        bought: counts.map(|stats| stats.bought),
        gone: counts.map(|stats| stats.expired + stats.left),
        available_seats: counts.map(|stats| stats.available_seats),
        held_seats: counts.map(|stats| stats.held_seats),
        tickets_sold: counts.map(|stats| stats.tickets_sold),
    }
}

/// The metrics other tools of this kind call by these names.
pub(crate) fn metrics(recorded: &Recorded, cpu_share: Option<f64>) -> BTreeMap<&'static str, f64> {
    let all = recorded.whole.all();
    let mut answered = all.response.clone();
    answered.add(&all.refused).expect("both grow as needed");
    let requests = all.requests();
    let mut metrics = BTreeMap::from([
        ("http_reqs", requests as f64),
        ("http_req_failed_rate", all.failed.len() as f64 / (requests as f64).max(1.0)),
        ("http_req_duration_p50_ms", quantile(&answered, 0.50)),
        ("http_req_duration_p95_ms", quantile(&answered, 0.95)),
        ("http_req_duration_p99_ms", quantile(&answered, 0.99)),
        ("http_req_duration_avg_ms", answered.mean() / 1_000.0),
        ("http_req_duration_max_ms", ms(answered.max())),
        ("service_p99_ms", quantile(&all.service, 0.99)),
        ("schedule_lag_p99_ms", quantile(&all.lag, 0.99)),
        ("held_back", all.held_back as f64),
        ("joined", recorded.count(Reached::Joined) as f64),
        ("admitted", recorded.count(Reached::Admitted) as f64),
        ("tickets_sold", recorded.tickets as f64),
        ("unique_buyers", recorded.count(Reached::Bought) as f64),
    ]);
    if let Some(share) = cpu_share {
        metrics.insert("generator_cpu_share", share);
    }
    metrics
}
