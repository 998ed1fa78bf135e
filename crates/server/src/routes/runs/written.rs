//! What the lab writes of a run, for whoever reads it here: the server hands it on as it came, and looks into none of it. Other
//! versions of the lab may leave things out, and write more.

#![expect(dead_code, reason = "these describe JSON that others write: nothing here makes or reads one")]

use utoipa::ToSchema;

/// A run a second ago.
#[derive(ToSchema)]
#[schema(as = RunProgress)]
pub(super) struct Progress {
    /// `preparing`, `doors in 2 s`, `ramp up`, `steady` or `ramp down`.
    phase: Option<String>,
    elapsed_sec: Option<u64>,
    since_doors_sec: Option<u64>,
    sale_id: Option<String>,
    queue_depth: Option<u64>,
    joined: Option<u64>,
    admitted: Option<u64>,
    tickets_sold: Option<u64>,
    requests_per_sec: Option<u64>,
    errors: Option<u64>,
    requests_total: Option<u64>,
    blocked_total: Option<u64>,
    /// Fans who have come and are not done.
    at_work: Option<u64>,
    so_far: Option<Vec<SoFar>>,
    frame: Option<Frame>,
    lately: Option<Lately>,
    generator: Option<Generator>,
    series: Option<Columns>,
}

/// What can be judged already.
#[derive(ToSchema)]
#[schema(as = RunCheckSoFar)]
pub(super) struct SoFar {
    name: String,
    checked: u64,
    broken: u64,
}

/// The shape of the run and the sale that it makes; of a sale that was there the terms are empty.
#[derive(ToSchema)]
#[schema(as = RunFrame)]
pub(super) struct Frame {
    ramp_up_ms: u64,
    steady_ms: u64,
    ramp_down_ms: u64,
    fans: u64,
    admit_per_minute: Option<u64>,
    waiting_room_cap: Option<u64>,
    total_seats: Option<u64>,
    sales: u64,
    /// The thresholds, as they were written.
    slos: Option<Vec<String>>,
}

/// Averages of the last complete seconds.
#[derive(ToSchema)]
#[schema(as = RunLately)]
pub(super) struct Lately {
    window_sec: u64,
    requests_per_sec: f64,
    admitted_per_sec: f64,
    failed_share: f64,
    response_p95_ms: Option<f64>,
}

#[derive(ToSchema)]
#[schema(as = RunGenerator)]
pub(super) struct Generator {
    lag_p99_ms: f64,
    /// Of a core.
    cpu_share: Option<f64>,
    errors: u64,
}

/// The last complete seconds from the doors on, two minutes at most; `null` is a gap.
#[derive(ToSchema)]
#[schema(as = RunColumns)]
pub(super) struct Columns {
    /// The second that the columns begin with.
    from: u64,
    requests: Vec<u64>,
    failed: Vec<u64>,
    refused: Vec<u64>,
    joined: Vec<u64>,
    admitted: Vec<u64>,
    response_p50_ms: Vec<Option<f64>>,
    response_p95_ms: Vec<Option<f64>>,
    response_p99_ms: Vec<Option<f64>>,
    queue_depth: Vec<Option<u64>>,
    called: Vec<Option<u64>>,
    returning: Vec<Option<u64>>,
    inside: Vec<Option<u64>>,
    bought: Vec<Option<u64>>,
    gone: Vec<Option<u64>>,
    available_seats: Vec<Option<u64>>,
    held_seats: Vec<Option<u64>>,
    tickets_sold: Vec<Option<u64>>,
}

/// An invariant: `pass`, `fail`, `not_exercised` or `no_data`.
#[derive(ToSchema)]
#[schema(as = RunCheck)]
pub(super) struct ShownCheck {
    id: String,
    name: String,
    /// Which of several sales it was judged for.
    sale: Option<String>,
    verdict: String,
    checked: u64,
    violations: u64,
    counter_examples: Option<Vec<String>>,
    evidence: Option<std::collections::BTreeMap<String, u64>>,
    missing: Option<String>,
}

/// A threshold, with the same words.
#[derive(ToSchema)]
#[schema(as = RunSlo)]
pub(super) struct ShownSlo {
    slo: String,
    verdict: String,
    observed: Option<f64>,
    beside: Option<f64>,
    unit: Option<String>,
    samples: u64,
    advisory: Option<bool>,
}
