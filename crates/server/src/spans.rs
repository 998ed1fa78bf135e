//! Requests and ticks as spans of traces. Off unless a collector is named: then a request asks one `Option`, and no more.
//!
//! Only fixed words and templates of routes go into a span: what is exported names nobody.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, Method};
pub use store::SPANS;
use store::payment::Verdict;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampler {
    /// Whoever calls with a trace says whether it is recorded.
    pub parent_based: bool,
    /// And without one, or without asking:
    pub root: Root,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    Always,
    Never,
    /// Those whose id ends in less than this, of 2^63.
    Below(u64),
}

impl Root {
    /// `share`: 0 to 1.
    pub fn share(share: f64) -> Self {
        Self::Below((share * (1_u64 << 63) as f64) as u64)
    }

    fn samples(self, trace: TraceId) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Below(limit) => (trace.0 as u64) >> 1 < limit,
        }
    }
}

impl Default for Sampler {
    fn default() -> Self {
        Self { parent_based: true, root: Root::Always }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub u128);

impl std::fmt::Display for TraceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// What became of the spans of this process.
#[derive(Debug, Default)]
pub struct SpanCounts {
    /// Taken by the collector.
    pub exported: AtomicU64,
    /// The collector was away, or slower than they came.
    pub dropped: AtomicU64,
}

/// Tracing, where it is on.
#[derive(Debug)]
pub struct Spans {
    sampler: Sampler,
    /// Ids are drawn from here: different in each life of a node, and no secret.
    seed: [u64; 2],
    drawn: AtomicU64,
}

/// A request that is traced.
#[derive(Debug)]
pub struct Traced {
    pub span: Span,
    pub trace: TraceId,
}

impl Spans {
    pub fn new(sampler: Sampler, secret: [u8; 32]) -> Self {
        let part = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| secret[8 * at + byte]));
        Self { sampler, seed: [part(0), part(1)], drawn: AtomicU64::new(0) }
    }

    /// A request begins, within the caller's trace where there is one. One that is not sampled has an id too: for the log.
    pub fn request(&self, method: &Method, route: Option<&str>, headers: &HeaderMap, request_id: &str) -> Traced {
        let parent = parent(headers);
        let trace = parent.map_or_else(|| self.draw(), |parent| parent.trace);
        let sampled = match parent.filter(|_| self.sampler.parent_based) {
            Some(parent) => parent.sampled,
            None => self.sampler.root.samples(trace),
        };
        let span = tracing::info_span!(
            target: SPANS,
            parent: None,
            "request",
            method = known(method),
            route,
            request_id,
            trace_id = %trace,
            parent_id = parent.map(|parent| format!("{:016x}", parent.span)),
            sampled,
            status = Empty,
            code = Empty,
        );
        Traced { span, trace }
    }

    /// A tick of the worker begins a trace of its own; one that is not sampled has no span.
    pub fn tick(&self, what: &'static str) -> Span {
        let trace = self.draw();
        if !self.sampler.root.samples(trace) {
            return Span::none();
        }
        tracing::info_span!(target: SPANS, parent: None, "tick", op = what, trace_id = %trace, sampled = true)
    }

    fn draw(&self) -> TraceId {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let [high, low] = self.seed.map(|seed| u128::from(mixed(seed, number)));
        // All zeros would mean "none".
        TraceId((high << 64 | low).max(1))
    }
}

/// The number-th output of a generator that begins at `seed`: SplitMix64 (Steele, Lea, Flood, 2014).
pub fn mixed(seed: u64, number: u64) -> u64 {
    let mut bits = seed.wrapping_add(number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// A method is a word that the client chooses.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// What the caller says of its own span (W3C Trace Context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parent {
    trace: TraceId,
    span: u64,
    sampled: bool,
}

/// Two of them are none.
fn parent(headers: &HeaderMap) -> Option<Parent> {
    let mut all = headers.get_all("traceparent").iter();
    match (all.next(), all.next()) {
        (Some(only), None) => parse(only.to_str().ok()?),
        _ => None,
    }
}

/// `00-<trace>-<span>-<flags>`; a later version may have more behind it.
fn parse(text: &str) -> Option<Parent> {
    let mut parts = text.split('-');
    let mut next = |digits| hex(parts.next()?, digits);
    let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    let more = parts.next().is_some();
    if version == 0xff || version == 0 && more || trace == 0 || span == 0 {
        return None;
    }
    Some(Parent { trace: TraceId(trace), span: span as u64, sampled: flags & 1 == 1 })
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let right = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if right { u128::from_str_radix(text, 16).ok() } else { None }
}

/// A question to the payment provider, as a part of whatever asks it.
pub async fn payment<T: Answered>(op: &'static str, asked: impl Future<Output = T>) -> T {
    let span = tracing::info_span!(target: SPANS, "payment", op, outcome = Empty);
    let answer = asked.instrument(span.clone()).await;
    span.record("outcome", answer.word());
    answer
}

/// What the provider said, in a word.
pub trait Answered {
    fn word(&self) -> &'static str;
}

impl Answered for Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Captured => "captured",
            Self::Declined => "declined",
            Self::Unknown => "unknown",
        }
    }
}

/// Whether money is on its way back.
impl Answered for bool {
    fn word(&self) -> &'static str {
        if *self { "refunded" } else { "unknown" }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn headers(values: &[&str]) -> HeaderMap {
        let name = http::HeaderName::from_static("traceparent");
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_callers_trace_is_understood() {
        let one = parent(&headers(&[&format!("00-{TRACE}-00f067aa0ba902b7-01")])).unwrap();
        assert_eq!((one.trace.to_string().as_str(), one.span, one.sampled), (TRACE, 0x00f0_67aa_0ba9_02b7, true));
        let later = parent(&headers(&[&format!("cc-{TRACE}-00f067aa0ba902b7-00-more")])).unwrap();
        assert!(!later.sampled);
    }

    #[test]
    fn what_is_no_trace_begins_a_new_one() {
        let wrong = [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-00f067aa0ba902b7"),
            format!("00-{TRACE}-00f067aa0ba902b7-01-more"),
            format!("ff-{TRACE}-00f067aa0ba902b7-01"),
            format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{TRACE}-+0f067aa0ba902b7-01"),
            format!("00-{TRACE}-00f067aa0ba902b7-1"),
            "é".to_owned(),
        ];
        for text in wrong {
            assert_eq!(parent(&headers(&[&text])), None, "{text}");
        }
        let right = format!("00-{TRACE}-00f067aa0ba902b7-01");
        assert_eq!(parent(&headers(&[&right, &right])), None, "two are none");
    }

    #[test]
    fn ids_differ_and_a_share_of_them_is_sampled() {
        let spans = Spans::new(Sampler::default(), [7; 32]);
        let ids: Vec<TraceId> = (0..10_000).map(|_| spans.draw()).collect();
        let distinct: std::collections::HashSet<u128> = ids.iter().map(|id| id.0).collect();
        assert_eq!(distinct.len(), ids.len());
        let sampled = |share| ids.iter().filter(|id| Root::share(share).samples(**id)).count();
        assert_eq!((sampled(0.0), sampled(1.0)), (0, ids.len()));
        assert!((800..1_200).contains(&sampled(0.1)), "{}", sampled(0.1));
    }

    #[test]
    fn a_method_of_the_clients_own_is_not_repeated() {
        assert_eq!(known(&Method::from_bytes(b"ANNA").unwrap()), "_OTHER");
        assert_eq!(known(&Method::PUT), "PUT");
    }
}
