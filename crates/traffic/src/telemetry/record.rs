//! Follows the spans of traces from their beginning to their end, and hands over those that are sampled.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use server::spans::{SpanCounts, mixed};
use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing::{Subscriber, span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::real;

/// Other requests that one span names: a batch of joins may have a thousand.
const LINKS_MAX: usize = 32;

/// Which span, of which trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) trace: u128,
    pub(super) span: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
}

/// A span that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) place: Place,
    pub(super) parent: Option<u64>,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Nanoseconds since 1970.
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) links: Vec<Place>,
    pub(super) failed: bool,
}

/// Numbered as OTLP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// Off until it begins.
#[derive(Clone, Default)]
pub(super) struct Recorder(Arc<OnceLock<On>>);

struct On {
    queue: mpsc::Sender<Finished>,
    counts: Arc<SpanCounts>,
    clock: real::UnixNanos,
    seed: u64,
    spans: AtomicU64,
}

/// A span on its way, in the registry.
struct Open {
    name: &'static str,
    /// Nobody's trace yet, or one that is not sampled.
    place: Option<Place>,
    span: u64,
    parent: Option<u64>,
    began: u64,
    /// Where the end is not when the last handle goes.
    ended: Option<u64>,
    fields: Fields,
    links: Vec<Place>,
}

impl Recorder {
    pub(super) fn begin(&self, queue: mpsc::Sender<Finished>, counts: Arc<SpanCounts>) -> Result<(), ()> {
        let on = On { queue, counts, clock: real::UnixNanos::start(), seed: real::seed(), spans: AtomicU64::new(0) };
        self.0.set(on).map_err(drop)
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.get().is_some()
    }
}

impl On {
    fn next(&self) -> u64 {
        // All zeros would mean "none".
        mixed(self.seed, self.spans.fetch_add(1, Ordering::Relaxed)).max(1)
    }

    /// Never waits: what there is no room for is dropped, and counted.
    fn hand_over(&self, finished: Finished) {
        if self.queue.try_send(finished).is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<S> Layer<S> for Recorder
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let (Some(on), Some(span)) = (self.0.get(), context.span(id)) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let number = on.next();
        let above = span.parent().and_then(|parent| parent.extensions().get::<Open>()?.place);
        let (trace, parent) = match fields.trace.filter(|_| fields.sampled) {
            Some(trace) => (Some(trace), fields.parent),
            None => (above.map(|above| above.trace), above.map(|above| above.span)),
        };
        let place = trace.map(|trace| Place { trace, span: number });
        let (name, began) = (attributes.metadata().name(), on.clock.now());
        let open = Open { name, place, span: number, parent, began, ended: None, fields, links: Vec::new() };
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let (Some(on), Some(span)) = (self.0.get(), context.span(id)) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.fields);
            // It has its answer: what it began may go on without it.
            open.ended = Some(on.clock.now());
        }
    }

    /// A span that belongs to no trace becomes a part of the first one that it follows from; it names the others.
    fn on_follows_from(&self, id: &span::Id, follows: &span::Id, context: Context<'_, S>) {
        let (Some(span), Some(cause)) = (context.span(id), context.span(follows)) else { return };
        let Some(cause) = cause.extensions().get::<Open>().and_then(|open| open.place) else { return };
        let mut extensions = span.extensions_mut();
        let Some(open) = extensions.get_mut::<Open>() else { return };
        match open.place {
            None if open.fields.trace.is_none() => {
                open.place = Some(Place { trace: cause.trace, span: open.span });
                open.parent = Some(cause.span);
            }
            Some(_) if open.links.len() < LINKS_MAX => open.links.push(cause),
            _ => {}
        }
    }

    fn on_close(&self, id: span::Id, context: Context<'_, S>) {
        let (Some(on), Some(span)) = (self.0.get(), context.span(&id)) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        if let Some(place) = open.place {
            on.hand_over(open.finish(place, on.clock.now()));
        }
    }
}

impl Open {
    fn finish(self, place: Place, now: u64) -> Finished {
        let text = |key: &str| match self.fields.of(key) {
            Some(Value::Text(text)) => text.as_str(),
            _ => "",
        };
        let kind = match (self.name, text("system")) {
            ("request", _) => Kind::Server,
            ("payment", _) | ("store", "postgresql") => Kind::Client,
            _ => Kind::Internal,
        };
        let (first, second) = match self.name {
            "request" => (text("method"), text("route")),
            name => (name, text("op")),
        };
        let name = format!("{first} {second}").trim_end().to_owned();
        let failed =
            matches!(self.fields.of("status"), Some(Value::Number(500..))) || FAILURES.contains(&text("outcome"));
        let exported =
            self.fields.values.iter().filter_map(|(key, value)| Some((attribute(self.name, key)?, value.clone())));
        Finished {
            place,
            parent: self.parent,
            kind,
            name,
            began: self.began,
            ended: self.ended.unwrap_or(now),
            attributes: exported.collect(),
            failed,
            links: self.links,
        }
    }
}

/// Outcomes that are nobody's right: a refusal is none of them.
const FAILURES: [&str; 7] =
    ["broken", "outcome_unknown", "overloaded", "stopped", "storage_full", "unavailable", "unknown"];

/// OpenTelemetry's name of a field; `None` keeps it here.
///
/// Invariant: nothing of a person leaves in a trace: what is not in this list does not.
fn attribute(span: &str, field: &str) -> Option<&'static str> {
    Some(match (span, field) {
        ("request", "method") => "http.request.method",
        ("request", "route") => "http.route",
        ("request", "status") => "http.response.status_code",
        ("request", "code") => "traffic.code",
        ("request", "request_id") => "traffic.request_id",
        ("store", "op") => "db.operation.name",
        ("store", "system") => "db.system.name",
        ("store" | "payment", "outcome") => "traffic.outcome",
        ("payment", "op") => "traffic.payment",
        ("join_batch", "people") => "traffic.people",
        ("tick", "op") => "traffic.tick",
        _ => return None,
    })
}

#[derive(Default)]
struct Fields {
    trace: Option<u128>,
    parent: Option<u64>,
    sampled: bool,
    values: Vec<(&'static str, Value)>,
}

impl Fields {
    fn of(&self, key: &str) -> Option<&Value> {
        self.values.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
    }
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.values.push((field.name(), Value::Number(value)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_i64(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "sampled" {
            self.sampled = value;
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "trace_id" => self.trace = u128::from_str_radix(value, 16).ok(),
            "parent_id" => self.parent = u64::from_str_radix(value, 16).ok(),
            name => self.values.push((name, Value::Text(value.to_owned()))),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests;
