//! What becomes of spans: their tree, their fields, and what there is no room for.

use server::spans::SPANS;
use tracing::field::Empty;
use tracing::{Span, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;

/// What is handed over by spans that begin and end in `work`.
fn recorded(room: usize, work: impl FnOnce()) -> (Vec<Finished>, u64) {
    let (queue, mut spans) = mpsc::channel(room);
    let (recorder, counts) = (Recorder::default(), Arc::<SpanCounts>::default());
    recorder.begin(queue, Arc::clone(&counts)).unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(recorder), work);
    let handed_over = std::iter::from_fn(|| spans.try_recv().ok()).collect();
    (handed_over, counts.dropped.load(Ordering::Relaxed))
}

fn request(trace: u128, sampled: bool) -> Span {
    let trace = format!("{trace:032x}");
    info_span!(target: SPANS, parent: None, "request", method = "GET", route = "/x", trace_id = trace, parent_id = "0f", sampled,
        status = Empty, email = "anna@example.com")
}

#[test]
fn what_a_request_does_is_below_it() {
    let (spans, _) = recorded(10, || {
        let request = request(7, true);
        request.in_scope(|| drop(info_span!(target: SPANS, "store", op = "PlaceHold", system = "sqlite")));
        request.record("status", 500_u16);
    });
    let [store, request] = spans.try_into().expect("two spans");
    assert_eq!((store.place.trace, store.parent, request.parent), (7, Some(request.place.span), Some(15)));
    assert_eq!((store.name.as_str(), request.name.as_str()), ("store PlaceHold", "GET /x"));
    assert!(request.failed && !store.failed && request.ended >= request.began);
    let names: Vec<&str> = request.attributes.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["http.request.method", "http.route", "http.response.status_code"], "and nothing else leaves");
}

#[test]
fn what_is_not_sampled_leaves_nothing_and_neither_does_what_has_no_trace() {
    let (spans, dropped) = recorded(10, || {
        request(7, false).in_scope(|| drop(info_span!(target: SPANS, "store", op = "PlaceHold")));
        drop(info_span!(target: SPANS, "store", op = "Tick"));
    });
    assert_eq!((spans, dropped), (Vec::new(), 0));
}

#[test]
fn a_batch_belongs_to_the_first_recorded_request_and_names_the_others() {
    let (spans, _) = recorded(100, || {
        let requests: Vec<Span> = (0..50).map(|trace| request(trace, trace > 0)).collect();
        let batch = info_span!(target: SPANS, parent: None, "join_batch", people = 50);
        requests.iter().for_each(|request| {
            batch.follows_from(request);
        });
        batch.in_scope(|| drop(info_span!(target: SPANS, "store", op = "JoinBatch")));
    });
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (batch, store) = (named("join_batch"), named("store JoinBatch"));
    let first = spans.iter().find(|span| span.place.trace == 1 && span.kind == Kind::Server).unwrap();
    assert_eq!((batch.place.trace, batch.parent), (1, Some(first.place.span)));
    assert_eq!((store.place.trace, store.parent), (1, Some(batch.place.span)));
    assert_eq!(batch.links.len(), LINKS_MAX, "so many and no more");
    assert!(batch.links.iter().all(|link| link.trace > 1));
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let (spans, dropped) = recorded(2, || (0..5).for_each(|_| drop(request(7, true))));
    assert_eq!((spans.len(), dropped), (2, 3));
}
