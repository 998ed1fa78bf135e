//! What the store tells of itself.

use super::text::{Page, Unit};
use crate::app::App;
use crate::routes::health;

pub(super) fn write(page: &mut Page, app: &App) {
    let figures = app.store.figures();
    let help = "COMMIT of a transaction that wrote, until its answer";
    page.histogram("store_commit_duration_seconds", help).buckets(&[], Unit::Nanos, &figures.commits);
    if let Some(commands) = &figures.commands {
        let help = "Commands written together by one COMMIT";
        page.histogram("store_commit_commands", help).buckets(&[], Unit::One, commands);
    }
    let mut family = page.gauge("store_waiting", "Commands and readings that wait for their turn");
    for lined in &figures.lanes {
        family.sample(&[("lane", &lined.lane)], lined.waiting);
    }
    let mut family = page.gauge("store_waiting_max", "As many may wait; more are refused");
    for lined in &figures.lanes {
        family.sample(&[("lane", &lined.lane)], lined.most);
    }
    let pool = figures.pool;
    let gauges = [
        ("store_connections_max", "Connections to the database that this node may open", pool.most),
        ("store_connections_open", "Connections to the database that are open", pool.open),
        ("store_connections_in_use", "Connections to the database that somebody uses", pool.in_use),
        ("store_connections_waiting", "Who waits for a connection to the database", pool.waiting),
    ];
    for (name, help, value) in gauges {
        page.gauge(name, help).is(value);
    }
    let mut family = page.counter("store_failures_total", "Commands and readings that the store could not do");
    for (kind, count) in &figures.failures {
        family.sample(&[("kind", kind)], count);
    }
    page.counter("store_requests_total", "Commands and readings asked of the store").is(app.store.asked());
    let help = "Statements sent to a database server for them";
    page.counter("store_statements_total", help).is(app.store.statements());
    let help = "1 while the store has failed, or this node has lost touch with the others";
    page.gauge("degraded", help).is(u8::from(health::is_degraded(app)));
    let help = "For how long this node may have missed what others did";
    page.gauge("staleness_seconds", help).is(app.store.staleness().as_secs_f64());
    let help = "This node's clock ahead of the one that decides";
    page.gauge("clock_ahead_seconds", help).is(app.store.clock_ahead_ms() as f64 / 1000.0);
}
