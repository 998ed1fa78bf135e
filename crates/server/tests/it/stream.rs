//! The waiting room as a stream of events. Where a test reads with [`Stream::soon`] time is real, and an event that came
//! by its timer would come too late; where it starts paused, tokio's clock jumps from timer to timer.

use std::time::Duration;

use axum::body::Body;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use server::listener::{ConnectionLimits, Listener};
use server::streams::STREAMS_PER_ACCOUNT;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::app::{Fan, STREAMS_MAX, TestApp};

/// A busy machine may be late by this much. Less than any interval between events that is not "any second now".
const SOON: Duration = Duration::from_secs(8);
/// After the doors the interval is a second for everybody.
const RUSH_MS: i64 = 10_000;

struct Stream {
    body: Body,
    heartbeats: usize,
}

#[derive(Debug)]
struct Event {
    id: i64,
    retry_ms: u64,
    data: Value,
}

async fn open(app: &TestApp, sale: &str, fan: &Fan) -> Stream {
    let response = app.streaming(sale, fan).open().await;
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("content-type"), header("cache-control")), ("text/event-stream".into(), "no-store".into()));
    Stream { body: response.into_body(), heartbeats: 0 }
}

impl Stream {
    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let bytes = self.body.frame().await?.unwrap().into_data().unwrap();
            let text = std::str::from_utf8(&bytes).unwrap();
            let lines: Vec<&str> = text.strip_suffix("\n\n").unwrap().split('\n').collect();
            if lines.len() == 1 && lines[0].starts_with(':') {
                self.heartbeats += 1;
                continue;
            }
            let field = |at: usize, name: &str| lines[at].strip_prefix(&format!("{name}: ")).unwrap();
            assert_eq!((field(1, "event"), lines.len()), ("status", 4), "{text}");
            return Some(Event {
                id: field(0, "id").parse().unwrap(),
                retry_ms: field(2, "retry").parse().unwrap(),
                data: serde_json::from_str(field(3, "data")).unwrap(),
            });
        }
    }

    /// The next event, which must not wait for its turn.
    async fn soon(&mut self) -> Value {
        timeout(SOON, self.next()).await.expect("an event before its turn").expect("not the end").data
    }

    async fn ends(&mut self) {
        assert!(timeout(SOON, self.next()).await.expect("the end").is_none());
    }
}

async fn join(app: &TestApp, sale: &str, count: usize) -> Vec<Fan> {
    let fans = app.fans(count).await;
    for fan in &fans {
        app.join(sale, fan).await.expect(StatusCode::CREATED);
    }
    fans
}

/// A line that does not move, past the first rush.
async fn waiting(app: &TestApp, count: usize) -> (String, Vec<Fan>) {
    let sale = app.sale_with(json!({ "admit_per_minute": 0 })).await;
    let fans = join(app, &sale, count).await;
    app.advance(RUSH_MS);
    (sale, fans)
}

#[expect(clippy::disallowed_methods, reason = "tokio's own clock, which the test has stopped")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn a_stream_says_what_status_says() {
    let app = TestApp::start().await;
    let (still, fans) = waiting(&app, 3).await;
    let sale = app.sale().await;
    let inside = app.admitted(&sale).await;
    for (sale, fan) in [(&still, &fans[2]), (&sale, &inside.fan)] {
        let event = open(&app, sale, fan).await.next().await.unwrap();
        let status = app.status(sale, fan).await;
        assert_eq!(&event.data, status.expect(StatusCode::OK));
        assert_eq!(json!(event.retry_ms), status["retry_after_ms"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_comes_exactly_when_status_says_to_ask_again() {
    let app = TestApp::embedded().await;
    let (sale, fans) = waiting(&app, 20).await;
    let mut intervals = Vec::new();
    for fan in &fans {
        let mut stream = open(&app, &sale, fan).await;
        let first = stream.next().await.unwrap();
        let since = now();
        let second = stream.next().await.unwrap();
        assert_eq!(since.elapsed().as_millis(), u128::from(first.retry_ms));
        assert_eq!(stream.heartbeats, usize::from(first.retry_ms > 15_000), "a sign of life every 15 s");
        assert!(second.id > first.id);
        assert_eq!(first.data, second.data, "nothing has happened");
        intervals.push(first.retry_ms);
    }
    intervals.sort_unstable();
    assert!(intervals[19] - intervals[0] > 3_000, "the crowd does not come together: {intervals:?}");
}

#[tokio::test(start_paused = true)]
async fn waiting_needs_no_store() {
    let app = TestApp::embedded().await;
    let (sale, fans) = waiting(&app, 2).await;
    app.close_store().await;
    let mut stream = open(&app, &sale, &fans[1]).await;
    for _ in 0..5 {
        assert_eq!(stream.next().await.unwrap().data["position"], 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_finds_one_event_and_no_backlog() {
    let app = TestApp::embedded().await;
    let (sale, fans) = waiting(&app, 1).await;
    let mut stream = open(&app, &sale, &fans[0]).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let first = stream.next().await.unwrap();
    let since = now();
    stream.next().await.unwrap();
    assert_eq!(since.elapsed().as_millis(), u128::from(first.retry_ms), "nothing was made while nobody read");
}

#[tokio::test]
async fn a_call_ends_the_wait_at_once_and_goes_inside() {
    let app = TestApp::one_node().await;
    let sale = app.sale_with(json!({ "admit_per_minute": 6 })).await;
    let fans = join(&app, &sale, 21).await;
    app.advance(RUSH_MS);
    let mut stream = open(&app, &sale, &fans[20]).await;
    let first = stream.next().await.unwrap();
    assert!(first.retry_ms > SOON.as_millis() as u64, "200 s to go: {first:?}");
    let reader = tokio::spawn(async move { (stream.soon().await, stream) });
    // The longest time that one tick makes up for.
    for _ in 0..110 {
        app.advance(2_000);
        app.tick().await;
    }
    let (event, mut stream) = reader.await.unwrap();
    assert_eq!((&event["state"], &event["admitted"], &event["position"]), (&json!("inside"), &json!(true), &json!(21)));
    assert_eq!(event["admission_token"], app.status(&sale, &fans[20]).await["admission_token"]);
    app.leave(&sale, &fans[20]).await.expect(StatusCode::OK);
    assert_eq!(stream.soon().await["state"], "left");
}

#[tokio::test]
async fn a_stream_claims_once_like_a_poll() {
    let app = TestApp::start().await;
    let sale = app.sale().await;
    let fan = join(&app, &sale, 1).await.remove(0);
    app.pass(200).await;
    let state = async || app.join(&sale, &fan).await["state"].clone();

    let head = app.call(Method::HEAD, format!("/v1/sales/{sale}/waiting-room/stream")).bearer(&fan).send().await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    let prefetch = app.streaming(&sale, &fan).header("sec-purpose", "prefetch").send().await;
    assert!(String::from_utf8_lossy(&prefetch.body).contains(r#""state":"called""#), "{prefetch:?}");
    assert_eq!(state().await, "called", "whoever only looks does not go inside");

    let (mut phone, mut desk) = tokio::join!(open(&app, &sale, &fan), open(&app, &sale, &fan));
    let (one, two) = (phone.soon().await, desk.soon().await);
    assert_eq!((&one["state"], &one["deadline"]), (&json!("inside"), &two["deadline"]));
    assert_eq!(one["admission_token"], two["admission_token"], "one claim, one token");
    assert_eq!(app.stats(&sale).await["inside"], 1);
    let status = app.status(&sale, &fan).await;
    assert_eq!(status["admission_token"], one["admission_token"]);
}

#[tokio::test]
async fn a_stream_ends_when_the_entry_ends() {
    let app = TestApp::start().await;
    let sale = app.sale_with(json!({ "shopping_window_sec": 30 })).await;
    let (buyer, late, leaver) = (app.admitted(&sale).await, app.admitted(&sale).await, app.admitted(&sale).await);
    let mut streams = Vec::new();
    for shopper in [&buyer, &late, &leaver] {
        let mut stream = open(&app, &sale, &shopper.fan).await;
        assert_eq!(stream.soon().await["state"], "inside");
        streams.push(stream);
    }
    let hold = app.held(&sale, &buyer, &["GA-1-1"]).await;
    app.checkout(&sale, &buyer, &hold, "k").await.expect(StatusCode::OK);
    app.leave(&sale, &leaver.fan).await.expect(StatusCode::OK);
    app.pass(31_000).await;
    for (mut stream, state) in streams.into_iter().zip(["bought", "expired", "left"]) {
        let last = stream.soon().await;
        assert_eq!((&last["state"], &last["admission_token"]), (&json!(state), &Value::Null));
        stream.ends().await;
    }
    for (shopper, state) in [(&buyer, "bought"), (&late, "expired"), (&leaver, "left")] {
        let mut again = open(&app, &sale, &shopper.fan).await;
        assert_eq!(again.soon().await["state"], state, "a stream opened afterwards says so and ends");
        again.ends().await;
    }
    assert_eq!(app.streams_open(), 0);
}

#[tokio::test]
async fn the_stream_of_a_place_given_up_does_not_go_on_with_the_next_one() {
    let app = TestApp::start().await;
    let (sale, fans) = waiting(&app, 1).await;
    let mut stream = open(&app, &sale, &fans[0]).await;
    stream.soon().await;
    app.leave(&sale, &fans[0]).await.expect(StatusCode::OK);
    app.join(&sale, &fans[0]).await.expect(StatusCode::CREATED);
    assert_eq!(stream.soon().await["position"], 2);
    stream.ends().await;
    assert_eq!(open(&app, &sale, &fans[0]).await.soon().await["state"], "waiting");
}

#[tokio::test]
async fn everybody_hears_within_a_second_that_the_sale_is_sold_out_or_over() {
    let app = TestApp::start().await;
    let ends_at = app.now().plus_sec(60);
    let sale = app.sale_with(json!({ "total_seats": 1, "ends_at": ends_at, "admit_per_minute": 60 })).await;
    let buyer = app.admitted(&sale).await;
    let fans = join(&app, &sale, 200).await;
    app.advance(RUSH_MS);
    let hold = app.held(&sale, &buyer, &["GA-1-1"]).await;
    let mut streams = Vec::new();
    for fan in &fans[195..] {
        let mut stream = open(&app, &sale, fan).await;
        let first = stream.next().await.unwrap();
        assert_eq!(first.data["phase"], "open");
        assert!(first.retry_ms > SOON.as_millis() as u64, "three minutes to go: {first:?}");
        streams.push(stream);
    }
    app.checkout(&sale, &buyer, &hold, "k").await.expect(StatusCode::OK);
    app.pass(1_000).await;
    for stream in &mut streams {
        let event = stream.soon().await;
        assert_eq!((&event["phase"], &event["state"]), (&json!("sold_out"), &json!("waiting")));
    }
    app.pass(50_000).await;
    for stream in &mut streams {
        assert_eq!(stream.soon().await["phase"], "ended");
    }
}

#[tokio::test(start_paused = true)]
async fn the_admission_stays_fresh_while_its_fan_is_inside() {
    let app = TestApp::embedded().await;
    let sale = app.sale().await;
    let shopper = app.admitted(&sale).await;
    let mut stream = open(&app, &sale, &shopper.fan).await;
    let first = stream.next().await.unwrap();
    assert_eq!((first.retry_ms, &first.data["admission_token"]), (5_000, &json!(shopper.admission)));
    let since = now();
    app.advance(46_000);
    let second = stream.next().await.unwrap();
    assert_eq!(since.elapsed().as_millis(), 5_000);
    assert_ne!(second.data["admission_token"], first.data["admission_token"], "half its life is over");
    assert!(second.data["admission_expires_at"].as_str() > first.data["admission_expires_at"].as_str());
    assert_eq!(second.data["deadline"], first.data["deadline"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_waits_for_the_store_and_says_meanwhile_that_it_lives() {
    let app = TestApp::embedded().await;
    let sale = app.sale().await;
    let fan = join(&app, &sale, 1).await.remove(0);
    let mut stream = open(&app, &sale, &fan).await;
    assert_eq!(stream.next().await.unwrap().data["state"], "waiting");
    app.pass(200).await;
    app.close_store().await;
    let since = now();
    let next = timeout(Duration::from_secs(9), stream.next()).await;
    assert!(next.is_err(), "the store is closed, so nobody goes inside: {next:?}");
    assert_eq!(since.elapsed().as_secs(), 9);
    assert!((3..=5).contains(&stream.heartbeats), "every two seconds it tries again: {}", stream.heartbeats);
    app.streaming(&sale, &fan).send().await.refused(503, "overloaded");
    drop(stream);
    assert_eq!(app.streams_open(), 0);
}

#[tokio::test]
async fn streams_are_bounded() {
    let app = TestApp::one_node().await;
    let (sale, fans) = waiting(&app, 4).await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS_PER_ACCOUNT {
        streams.push(open(&app, &sale, &fans[0]).await);
    }
    app.streaming(&sale, &fans[0]).send().await.refused(429, "rate_limited");
    app.status(&sale, &fans[0]).await.expect(StatusCode::OK);
    for fan in &fans[1..] {
        while streams.len() < STREAMS_MAX && app.streams_open() % STREAMS_PER_ACCOUNT != 3 {
            streams.push(open(&app, &sale, fan).await);
        }
        if streams.len() < STREAMS_MAX {
            streams.push(open(&app, &sale, fan).await);
        }
    }
    assert_eq!(streams.len(), STREAMS_MAX);
    app.streaming(&sale, &app.fan().await).send().await.refused(404, "not_in_queue");
    app.streaming(&sale, &fans[3]).send().await.refused(503, "overloaded");
    let metrics = app.get("/metrics").send().await;
    assert!(String::from_utf8_lossy(&metrics.body).contains(&format!("\ntraffic_streams {STREAMS_MAX}\n")));
    streams.remove(0);
    let mut again = open(&app, &sale, &fans[0]).await;
    assert_eq!(again.soon().await["state"], "waiting", "who goes makes room");
}

#[tokio::test]
async fn a_stream_ends_when_the_node_drains() {
    let app = TestApp::start().await;
    let (sale, fans) = waiting(&app, 2).await;
    let mut stream = open(&app, &sale, &fans[0]).await;
    stream.soon().await;
    let reader = tokio::spawn(async move { stream.ends().await });
    tokio::task::yield_now().await;
    app.drain();
    reader.await.unwrap();
    app.streaming(&sale, &fans[1]).send().await.refused(503, "draining");
    assert_eq!(app.streams_open(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_after_an_hour_so_that_its_session_is_shown_again() {
    let app = TestApp::embedded().await;
    let (sale, fans) = waiting(&app, 1).await;
    let mut stream = open(&app, &sale, &fans[0]).await;
    stream.next().await.unwrap();
    app.advance(3_600_000 - 1);
    assert!(stream.next().await.is_some());
    app.advance(1);
    assert!(stream.next().await.is_none());
}

/// A server on a socket: its address, the switch that ends it, and its task.
fn serve(app: &TestApp) -> (std::net::SocketAddr, tokio::sync::watch::Sender<bool>, tokio::task::JoinHandle<()>) {
    let listener = Listener::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let addr = listener.local_addrs().unwrap()[0];
    let (shutdown, asked) = tokio::sync::watch::channel(false);
    let counts = std::sync::Arc::clone(&app.shared().connections);
    let task = tokio::spawn(listener.serve(
        tokio::sync::watch::channel(app.router()).1,
        ConnectionLimits::new(2_000),
        counts,
        asked,
    ));
    (addr, shutdown, task)
}

async fn connect(addr: std::net::SocketAddr, sale: &str, fan: &Fan) -> TcpStream {
    let mut socket = TcpStream::connect(addr).await.unwrap();
    let request = format!(
        "GET /v1/sales/{sale}/waiting-room/stream HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {}\r\n\r\n",
        fan.token
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    while !text.contains("\n\n") {
        let mut bytes = [0; 4096];
        let length = timeout(SOON, socket.read(&mut bytes)).await.unwrap().unwrap();
        assert!(length > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("event: status\n"), "{text}");
    socket
}

#[tokio::test]
async fn a_client_that_hangs_up_frees_its_stream() {
    let app = TestApp::start().await;
    let (sale, fans) = waiting(&app, 1).await;
    let (addr, shutdown, task) = serve(&app);
    let socket = connect(addr, &sale, &fans[0]).await;
    assert_eq!(app.streams_open(), 1);
    drop(socket);
    let gone = async {
        while app.streams_open() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, gone).await.expect("noticed before the next event");
    shutdown.send_replace(true);
    timeout(SOON, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stream_does_not_hold_up_the_shutdown() {
    let app = TestApp::start().await;
    let (sale, fans) = waiting(&app, 1).await;
    let (addr, shutdown, task) = serve(&app);
    let mut socket = connect(addr, &sale, &fans[0]).await;
    shutdown.send_replace(true);
    app.drain();
    timeout(SOON, task).await.expect("before the drain is over").unwrap();
    let mut rest = String::new();
    socket.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "a whole answer, not a cut one: {rest:?}");
}
