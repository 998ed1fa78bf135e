//! What the node counts about itself. Route templates and statuses only, never a person's id.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::app::App;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfLimit {
    class: &'static str,
    by: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSale {
    sale: String,
}

/// 100 to 599.
const STATUSES: usize = 500;

/// Answers of one route, one counter for each status: counting is an addition, without a lock or a copy of the name.
struct ByStatus([AtomicU64; STATUSES]);

impl Default for ByStatus {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; STATUSES])
    }
}

impl ByStatus {
    fn count(&self, status: StatusCode) {
        if let Some(counter) = self.0.get(usize::from(status.as_u16()) - 100) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn counted(&self) -> impl Iterator<Item = (u16, u64)> {
        let counts = (100..).zip(&self.0).map(|(status, count)| (status, count.load(Ordering::Relaxed)));
        counts.filter(|(_, count)| *count > 0)
    }
}

#[derive(Default)]
pub struct Metrics {
    routes: HashMap<String, ByStatus>,
    /// Answers at no route.
    elsewhere: ByStatus,
    request_nanos: AtomicU64,
    total: AtomicU64,
    /// 5xx but for honest "come back later".
    errors: AtomicU64,
    /// 403 and 429.
    blocked: AtomicU64,
    last_latency_us: AtomicU64,
    per_sec: AtomicI64,
    tick_failures: AtomicU64,
    operator_keys_refused: AtomicU64,
}

impl Metrics {
    /// For these route templates.
    pub fn new(routes: impl IntoIterator<Item = String>) -> Self {
        Self { routes: routes.into_iter().map(|route| (route, ByStatus::default())).collect(), ..Self::default() }
    }

    pub fn answered(&self, route: Option<&str>, status: StatusCode, took: Duration) {
        route.and_then(|route| self.routes.get(route)).unwrap_or(&self.elsewhere).count(status);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.request_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.last_latency_us.store(nanos / 1000, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
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

    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
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

    fn requests(&self) -> Family<Answered, Counter> {
        let family = Family::<Answered, Counter>::default();
        let routes = self.routes.iter().map(|(route, answers)| (route.as_str(), answers));
        for (route, answers) in routes.chain([("none", &self.elsewhere)]) {
            for (status, count) in answers.counted() {
                family.get_or_create(&Answered { route: route.to_owned(), status }).inc_by(count);
            }
        }
        family
    }

    /// The text that Prometheus reads.
    pub fn render(&self, app: &App) -> String {
        let mut registry = Registry::with_prefix("traffic");
        registry.register("http_requests", "Requests answered, by route and status", self.requests());
        let seconds = Counter::<f64, AtomicU64>::default();
        seconds.inc_by(Duration::from_nanos(self.request_nanos.load(Ordering::Relaxed)).as_secs_f64());
        registry.register_with_unit("http_request_duration", "Time spent answering", Unit::Seconds, seconds);
        let counters = [
            ("tick_failures", "Ticks of the worker that failed", self.tick_failures.load(Ordering::Relaxed)),
            (
                "operator_keys_refused",
                "Requests for the operator without the right key",
                self.operator_keys_refused.load(Ordering::Relaxed),
            ),
            ("store_requests", "Commands and reads asked of the store", app.store.asked()),
            ("store_statements", "Statements sent to a database server for them", app.store.statements()),
            (
                "proof_of_work_challenges",
                "Challenges given out",
                app.proof_of_work.figures.asked.load(Ordering::Relaxed),
            ),
            (
                "proof_of_work_accepted",
                "Proofs of work accepted",
                app.proof_of_work.figures.accepted.load(Ordering::Relaxed),
            ),
            (
                "proof_of_work_refused",
                "Proofs of work missing or refused",
                app.proof_of_work.figures.refused.load(Ordering::Relaxed),
            ),
            ("mails_sent", "Mails that were handed over", app.post.figures.sent.load(Ordering::Relaxed)),
            ("mails_failed", "Mails that could not be handed over", app.post.figures.failed.load(Ordering::Relaxed)),
            (
                "spans_exported",
                "Spans of traces that the collector took",
                app.span_counts.exported.load(Ordering::Relaxed),
            ),
            ("spans_dropped", "Spans that no collector took in time", app.span_counts.dropped.load(Ordering::Relaxed)),
            ("connections_accepted", "Connections taken since the start", app.connections.accepted()),
            ("connections_refused", "Connections closed at once by a cap", app.connections.refused()),
        ];
        for (name, help, value) in counters {
            let counter: Counter = Counter::default();
            counter.inc_by(value);
            registry.register(name, help, counter);
        }
        let gauges = [
            ("connections_open", "Connections open now", app.connections.open()),
            ("streams", "Streams of waiting rooms open now", app.streams.open()),
            ("leader", "1 while this node's worker is the one that works", usize::from(app.leads().is_some())),
        ];
        for (name, help, value) in gauges {
            let gauge: Gauge = Gauge::default();
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            registry.register(name, help, gauge);
        }
        registry.register("limit_refusals", "Requests refused as a flood, by limit", refusals(app));
        if app.redis.is_on() {
            app.redis.figures.register(&mut registry);
        }
        let staleness: Gauge<f64, AtomicU64> = Gauge::default();
        staleness.set(app.store.staleness().as_secs_f64());
        let help = "For how long this node may have missed what others did";
        registry.register_with_unit("staleness", help, Unit::Seconds, staleness);
        register_rooms(&mut registry, app);
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing to a string does not fail");
        text
    }
}

fn refusals(app: &App) -> Family<OfLimit, Counter> {
    let family = Family::<OfLimit, Counter>::default();
    for (name, count) in app.limits.refused() {
        let (class, by) = name.split_once('.').unwrap_or((name, ""));
        family.get_or_create(&OfLimit { class, by }).inc_by(count);
    }
    family
}

fn register_rooms(registry: &mut Registry, app: &App) {
    let figures: [Family<OfSale, Gauge>; 5] = Default::default();
    let worst_people: Family<OfSale, Gauge> = Family::default();
    let worst_seconds: Family<OfSale, Gauge<f64, AtomicU64>> = Family::default();
    for room in app.rooms.all() {
        let of = OfSale { sale: room.id.to_string() };
        let worst = room.joins.worst();
        worst_people.get_or_create(&of).set(i64::try_from(worst.people).unwrap_or(i64::MAX));
        worst_seconds.get_or_create(&of).set(worst.took.as_secs_f64());
        let values = [room.joined(), room.through(), room.waiting(), room.stock.free(), room.stock.held()];
        for (figure, value) in figures.iter().zip(values) {
            figure.get_or_create(&of).set(value);
        }
    }
    let names = [
        ("joined", "Places ever given in a sale"),
        ("admitted_through", "The watermark of a sale"),
        ("waiting", "People waiting now"),
        ("seats_free", "Seats that nobody holds or has"),
        ("seats_held", "Seats in live holds"),
    ];
    for ((name, help), figure) in names.into_iter().zip(figures) {
        registry.register(name, help, figure);
    }
    registry.register("worst_join_batch_people", "People in the join batch that took longest", worst_people);
    let help = "The join batch that took longest, from its start to its answer";
    registry.register_with_unit("worst_join_batch", help, Unit::Seconds, worst_seconds);
}
