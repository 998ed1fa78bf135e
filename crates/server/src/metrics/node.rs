//! What else a node tells of itself: its build, its role, its connections, its limits, its Redis.

use std::sync::atomic::Ordering;

use super::text::Page;
use crate::app::App;

pub(super) fn write(page: &mut Page, app: &App) {
    identity(page, app);
    let gauges = [
        ("connections_open", "Connections open now", app.connections.open()),
        ("streams", "Streams of waiting rooms open now", app.streams.open()),
        ("streams_max", "As many may be open", app.streams.most()),
    ];
    for (name, help, value) in gauges {
        page.gauge(name, help).is(value);
    }
    let (mail, work, spans) = (&app.post.figures, &app.proof_of_work.figures, &app.span_counts);
    let counters = [
        ("connections_accepted_total", "Connections taken since the start", app.connections.accepted()),
        ("connections_refused_total", "Connections closed at once by a cap", app.connections.refused()),
        ("proof_of_work_challenges_total", "Challenges given out", work.asked.load(Ordering::Relaxed)),
        ("proof_of_work_accepted_total", "Proofs of work accepted", work.accepted.load(Ordering::Relaxed)),
        ("proof_of_work_refused_total", "Proofs of work missing or refused", work.refused.load(Ordering::Relaxed)),
        ("mails_sent_total", "Mails that were handed over", mail.sent.load(Ordering::Relaxed)),
        ("mails_failed_total", "Mails that could not be handed over", mail.failed.load(Ordering::Relaxed)),
        ("spans_exported_total", "Spans of traces that the collector took", spans.exported.load(Ordering::Relaxed)),
        ("spans_dropped_total", "Spans that no collector took in time", spans.dropped.load(Ordering::Relaxed)),
    ];
    for (name, help, value) in counters {
        page.counter(name, help).is(value);
    }
    let mut family = page.counter("limit_refusals_total", "Requests refused as a flood, by limit");
    for (limit, count) in app.limits.refused() {
        let (class, by) = limit.split_once('.').unwrap_or((limit, ""));
        family.sample(&[("class", &class), ("by", &by)], count);
    }
    if app.redis.is_on() {
        app.redis.figures.write(page);
    }
}

fn identity(page: &mut Page, app: &App) {
    let labels: [(&'static str, &dyn std::fmt::Display); 3] =
        [("version", &env!("CARGO_PKG_VERSION")), ("commit", &app.commit), ("engine", &app.store.engine())];
    page.gauge("build_info", "What runs here, always 1").sample(&labels, 1);
    let roles = app.config.roles;
    let mut family = page.gauge("node_role", "1 for what this process does");
    for (role, on) in [("api", roles.api), ("worker", roles.worker)] {
        family.sample(&[("role", &role)], u8::from(on));
    }
    let help = "1 while this node's worker is the one that works";
    page.gauge("leader", help).is(u8::from(app.leads().is_some()));
    let draining = app.draining.load(Ordering::Relaxed);
    page.gauge("draining", "1 once the node's shutdown has begun").is(u8::from(draining));
    let started = app.started_at.millis() as f64 / 1000.0;
    page.gauge("process_start_time_seconds", "When the node started, since 1970").is(started);
    let wall = app.clock.wall().millis() as f64 / 1000.0;
    page.gauge("clock_seconds", "What this node's clock shows, since 1970").is(wall);
}
