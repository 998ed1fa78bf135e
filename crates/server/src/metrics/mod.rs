//! What a node counts about itself, and the page on which it tells that, with what others count. No label is a person.
//!
//! Each family of the page has a row in docs/metrics.md; a test compares the two.

mod node;
mod process;
mod routes;
mod sales;
mod store;
mod tally;
mod text;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use ::store::histogram::Histogram;
use http::StatusCode;

pub use self::process::Process;
pub use self::routes::BOUNDS as ANSWER_BOUNDS;
use self::routes::Routes;
pub use self::tally::Tally;
use self::text::Unit;
pub use self::text::{Format, Page};
use crate::app::App;

const MS: u64 = 1_000_000;
/// Of join batches, in nanoseconds: within the limits that scenarios set for a join, and how far beyond.
const BATCH_BOUNDS: [u64; 12] =
    [MS, 2 * MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1_000 * MS, 2_000 * MS, 5_000 * MS];
/// People in one batch, up to as many as there can be.
const PEOPLE_BOUNDS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/// The answers to joins.
const JOINS: [&str; 14] = [
    "known",
    "new",
    "rate_limited",
    "sale_closed",
    "room_full",
    "overloaded",
    "outcome_unknown",
    "proof_of_work_required",
    "proof_of_work_invalid",
    "proof_of_work_expired",
    "proof_of_work_used",
    "sale_not_found",
    "sale_building",
    "storage_full",
];
const HOLDS: [&str; 19] = [
    "placed",
    "unavailable",
    "active_hold_exists",
    "cap_exceeded",
    "cluster_cap_exceeded",
    "group_cap_exceeded",
    "too_many_cards",
    "admission_required",
    "admission_invalid",
    "admission_expired",
    "admission_foreign",
    "admission_used",
    "bad_count",
    "idempotency_key_reused",
    "rate_limited",
    "overloaded",
    "outcome_unknown",
    "sale_closed",
    "storage_full",
];
const CHECKOUTS: [&str; 20] = [
    "confirmed",
    "payment_declined",
    "outcome_unknown",
    "payment_refunded",
    "hold_expired",
    "hold_not_found",
    "hold_used",
    "checkout_in_progress",
    "cap_exceeded",
    "cluster_cap_exceeded",
    "group_cap_exceeded",
    "too_many_cards",
    "admission_required",
    "admission_invalid",
    "admission_expired",
    "admission_foreign",
    "admission_used",
    "rate_limited",
    "overloaded",
    "storage_full",
];
const SETTLEMENTS: [&str; 4] = ["confirmed", "payment_declined", "payment_refunded", "outcome_unknown"];

pub struct Metrics {
    routes: Routes,
    /// 5xx but for honest "come back later".
    errors: AtomicU64,
    /// 403 and 429.
    blocked: AtomicU64,
    last_latency_us: AtomicU64,
    per_sec: AtomicI64,
    tick_failures: AtomicU64,
    operator_keys_refused: AtomicU64,
    pub joins: Tally<{ JOINS.len() }>,
    pub holds: Tally<{ HOLDS.len() }>,
    pub checkouts: Tally<{ CHECKOUTS.len() }>,
    /// Payments whose answer was lost, as the worker found them.
    pub settlements: Tally<{ SETTLEMENTS.len() }>,
    holds_expired: AtomicU64,
    batch_people: Histogram<10>,
    batch_took: Histogram<12>,
}

impl Metrics {
    /// For these route templates.
    pub fn new(routes: impl IntoIterator<Item = String>) -> Self {
        Self {
            routes: Routes::new(routes),
            errors: AtomicU64::new(0),
            blocked: AtomicU64::new(0),
            last_latency_us: AtomicU64::new(0),
            per_sec: AtomicI64::new(0),
            tick_failures: AtomicU64::new(0),
            operator_keys_refused: AtomicU64::new(0),
            joins: Tally::new(JOINS),
            holds: Tally::new(HOLDS),
            checkouts: Tally::new(CHECKOUTS),
            settlements: Tally::new(SETTLEMENTS),
            holds_expired: AtomicU64::new(0),
            batch_people: Histogram::new(&PEOPLE_BOUNDS),
            batch_took: Histogram::new(&BATCH_BOUNDS),
        }
    }

    pub fn answered(&self, route: Option<&str>, status: StatusCode, took: Duration) {
        let nanos = self.routes.answered(route, status, took);
        self.last_latency_us.store(nanos / 1000, Ordering::Relaxed);
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        if matches!(status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
            self.blocked.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn tick_failed(&self) {
        self.tick_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// A wrong or missing key on an operator's route.
    pub fn operator_key_refused(&self) {
        self.operator_keys_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A batch of joins, from its start to its answer.
    pub fn joins_written(&self, people: usize, took: Duration) {
        self.batch_people.note(people as u64);
        self.batch_took.note(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Holds that the worker has freed because their time was over.
    pub fn holds_expired(&self, holds: u64) {
        self.holds_expired.fetch_add(holds, Ordering::Relaxed);
    }

    pub fn total(&self) -> u64 {
        self.routes.total()
    }

    pub fn blocked(&self) -> u64 {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Of all requests since the start.
    pub fn error_rate_pct(&self) -> f64 {
        let total = self.total().max(1);
        self.errors.load(Ordering::Relaxed) as f64 * 100.0 / total as f64
    }

    pub fn last_latency_ms(&self) -> f64 {
        self.last_latency_us.load(Ordering::Relaxed) as f64 / 1000.0
    }

    /// Over the last second.
    pub fn per_sec(&self) -> i64 {
        self.per_sec.load(Ordering::Relaxed)
    }

    pub fn set_per_sec(&self, per_sec: i64) {
        self.per_sec.store(per_sec, Ordering::Relaxed);
    }

    fn write(&self, page: &mut Page) {
        self.routes.write(page);
        self.joins.write(page.counter("joins_total", "Answers to joins"));
        self.holds.write(page.counter("holds_total", "Answers to holds"));
        self.checkouts.write(page.counter("checkouts_total", "Answers to checkouts"));
        let help = "Payments whose answer was lost, by what the provider said later";
        self.settlements.write(page.counter("settlements_total", help));
        let help = "People in one batch of joins";
        page.histogram("join_batch_people", help).buckets(&[], Unit::One, &self.batch_people.read());
        let help = "A batch of joins, from its start to its answer";
        page.histogram("join_batch_duration_seconds", help).buckets(&[], Unit::Nanos, &self.batch_took.read());
        let counters = [
            ("holds_expired_total", "Holds that the worker freed because their time was over", &self.holds_expired),
            ("tick_failures_total", "Ticks of the worker that failed", &self.tick_failures),
            (
                "operator_keys_refused_total",
                "Requests for the operator without the right key",
                &self.operator_keys_refused,
            ),
        ];
        for (name, help, count) in counters {
            page.counter(name, help).is(count.load(Ordering::Relaxed));
        }
    }
}

/// The text that Prometheus reads.
pub fn page(app: &App, process: &Process, format: Format) -> String {
    let mut page = Page::new(format);
    app.metrics.write(&mut page);
    sales::write(&mut page, app);
    store::write(&mut page, app);
    node::write(&mut page, app);
    process.write(&mut page);
    page.end()
}
