//! Traces and lines of the real program: what a collector gets, what it must not get, and that nobody waits for it.

mod collector;

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{Answer, Line, Server, free_address, wait_for};
use collector::{Collector, Manner, Request, Span};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OURS: &str = "00f067aa0ba902b7";
const EMAIL: &str = "anna.fan@example.com";

/// A trace of its own for each request of the test: this in its last digits.
fn traceparent(number: u32, flags: &str) -> String {
    format!("00-{}-{OURS}-{flags}", trace(number))
}

fn trace(number: u32) -> String {
    format!("{}{number:04x}", &TRACE[..28])
}

fn serve(data: &Path, env: &[(&str, &str)]) -> Server {
    let database = format!("sqlite://{}", data.join("traffic.db").display());
    let log = data.join("log");
    let env: Vec<_> = [("LOADTEST_RUNNER", "off")].iter().chain(env).copied().collect();
    let server = Server::spawn_in(&env, free_address(), &[], &log, &["--database-url", &database]);
    assert!(server.ready().is_some(), "{}", server.log());
    server
}

/// What one fan did, and what nobody may read in a trace.
struct Bought {
    secrets: Vec<String>,
}

/// A request of the test: what it asks for, who asks, and what it sends.
fn ask(server: &Server, number: u32, what: (&str, &str), header: (&str, &str), body: Option<&Value>) -> Answer {
    let traced = traceparent(number, "01");
    let headers = [("traceparent", traced.as_str()), header, ("user-agent", "anna's phone")];
    Line::new(server.address).send(what.0, what.1, &headers, body).expect("an answer")
}

/// Registers, joins, is called, holds and buys: requests 1, 2, 3, 4 and 5.
fn buy(server: &Server) -> Bought {
    let sale = server.open_sale(10);
    let nobody = ("x-nobody", "");
    let fan = ask(server, 1, ("POST", "/v1/auth/register"), nobody, Some(&json!({ "email": EMAIL }))).json();
    let (account, token) = (fan["user_id"].as_str().unwrap().to_owned(), fan["token"].as_str().unwrap().to_owned());
    let bearer = format!("Bearer {token}");
    let fan = ("authorization", bearer.as_str());
    let joined = ask(server, 2, ("POST", &format!("/v1/sales/{sale}/waiting-room/join")), fan, None);
    assert_eq!(joined.status, 201, "{joined:?}");
    let status = format!("/v1/sales/{sale}/waiting-room/status");
    let mut admission = String::new();
    wait_for("the call", || {
        let answer = ask(server, 3, ("GET", &status), fan, None).json();
        admission = answer["admission_token"].as_str().unwrap_or_default().to_owned();
        !admission.is_empty()
    });
    let shopper = format!("Admission {admission}");
    let shopper = ("authorization", shopper.as_str());
    let wish = json!({ "best_available": { "quantity": 2 }, "idempotency_key": "anna-holds" });
    let held = ask(server, 4, ("POST", &format!("/v1/sales/{sale}/holds")), shopper, Some(&wish));
    assert_eq!(held.status, 200, "{held:?}");
    let hold = held.json()["hold_id"].as_str().unwrap().to_owned();
    let paid = json!({ "hold_id": hold, "idempotency_key": "anna-pays", "attendees": ["Anna Fan", "Bob Fan"],
        "payment": { "token": "sim_ok:annas-card" } });
    let bought = ask(server, 5, ("POST", &format!("/v1/sales/{sale}/checkout")), shopper, Some(&paid));
    assert_eq!(bought.status, 200, "{bought:?}");
    let order = bought.json()["order_id"].as_str().unwrap().to_owned();
    let known = ["anna-holds", "anna-pays", "Anna Fan", "annas-card", "anna's phone", "127.0.0.1", EMAIL];
    let secrets = known.map(str::to_owned).into_iter().chain([account, token, admission, hold, order]);
    Bought { secrets: secrets.collect() }
}

/// The one span of this name in a trace.
#[track_caller]
fn only<'a>(spans: &'a [Span], trace: &str, name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.trace == trace && span.name == name).collect();
    let names: Vec<&str> = spans.iter().filter(|span| span.trace == trace).map(|span| span.name.as_str()).collect();
    assert_eq!(found.len(), 1, "{name} in {names:?}");
    found[0]
}

#[test]
fn a_purchase_is_a_tree_of_spans_and_names_nobody() {
    let data = tempfile::tempdir().unwrap();
    let collector = Collector::start(Manner::Takes);
    let url = collector.url();
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-collector-key=s3cret%20key"),
        ("OTEL_SERVICE_NAME", "doors"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test"),
    ];
    let server = serve(data.path(), &env);
    let Bought { secrets } = buy(&server);
    let refused = ask(&server, 6, ("GET", "/v1/orders/nowhere"), ("x-nobody", ""), None);
    assert_eq!(refused.json()["trace_id"], trace(6), "{refused:?}");
    assert!(server.stop().success(), "{}", server.log());

    let (spans, requests) = (collector.spans(), collector.requests());
    for request in &requests {
        let head = request.head.to_lowercase();
        assert!(head.starts_with("post /v1/traces http/1.1"), "{head}");
        assert!(
            head.contains("content-type: application/x-protobuf") && head.contains("x-collector-key: s3cret key"),
            "{head}"
        );
    }

    let join = only(&spans, &trace(2), "POST /v1/sales/{id}/waiting-room/join");
    let batch = only(&spans, &trace(2), "join_batch");
    let joined = only(&spans, &trace(2), "store JoinBatch");
    assert_eq!((join.parent.as_str(), &batch.parent, &joined.parent), (OURS, &join.id, &batch.id));
    assert_eq!((join.kind, batch.kind, joined.kind), (2, 1, 1));
    assert_eq!((batch.attributes["traffic.people"].as_str(), batch.links), ("1", 0));

    let hold = only(&spans, &trace(4), "POST /v1/sales/{id}/holds");
    let placed = only(&spans, &trace(4), "store PlaceHold");
    assert_eq!(placed.parent, hold.id);
    assert_eq!(
        (placed.attributes["db.system.name"].as_str(), placed.attributes["db.operation.name"].as_str()),
        ("sqlite", "PlaceHold")
    );

    let checkout = only(&spans, &trace(5), "POST /v1/sales/{id}/checkout");
    let payment = only(&spans, &trace(5), "payment charge");
    let [begun, finished] = ["store BeginCheckout", "store FinishCheckout"].map(|name| only(&spans, &trace(5), name));
    assert!([payment, begun, finished].iter().all(|span| span.parent == checkout.id), "{spans:#?}");
    assert!(checkout.began <= begun.began && begun.ended <= payment.began, "{checkout:?} {begun:?} {payment:?}");
    assert!(
        payment.ended <= finished.began && finished.ended <= checkout.ended,
        "{payment:?} {finished:?} {checkout:?}"
    );
    assert_eq!((payment.kind, payment.attributes["traffic.outcome"].as_str()), (3, "captured"));
    assert_eq!(checkout.attributes["http.response.status_code"], "200");
    assert_eq!(checkout.attributes["http.request.method"], "POST");
    assert_eq!(checkout.attributes["http.route"], "/v1/sales/{id}/checkout");

    let no = only(&spans, &trace(6), "GET /v1/orders/{id}");
    assert_eq!((no.attributes["traffic.code"].as_str(), no.failed), ("session_invalid", false));
    assert_eq!(no.attributes["traffic.request_id"], refused.json()["request_id"].as_str().unwrap());

    let tick = spans.iter().find(|span| span.name == "tick admit").expect("a tick");
    let work = spans.iter().any(|span| span.parent == tick.id && span.trace == tick.trace && span.name == "store Tick");
    assert!(tick.parent.is_empty() && (work || spans.iter().any(|span| span.name == "store Tick")), "{tick:?}");

    let resource = &spans[0].resource;
    assert_eq!(
        (resource["service.name"].as_str(), resource["deployment.environment.name"].as_str()),
        ("doors", "test")
    );
    assert!(!resource["service.version"].is_empty() && !resource["service.instance.id"].is_empty());

    for secret in &secrets {
        let id: Vec<u8> = secret.replace('-', "").as_bytes().chunks(2).filter_map(byte).collect();
        for Request { body, .. } in &requests {
            assert!(!contains(body, secret.as_bytes()), "{secret} is in a trace");
            assert!(id.len() < 16 || !contains(body, &id), "{secret} is in a trace as bytes");
        }
    }
}

fn byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn whoever_calls_decides_whether_a_trace_is_recorded() {
    let data = tempfile::tempdir().unwrap();
    let collector = Collector::start(Manner::Takes);
    let url = collector.url();
    let env = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    let server = serve(data.path(), &env);
    let asked =
        |headers: &[(&str, &str)]| Line::new(server.address).send("GET", "/v1/sales/x", headers, None).unwrap().json();
    for number in 1..=20 {
        let flags = if number % 2 == 0 { "01" } else { "00" };
        let body = asked(&[("traceparent", &traceparent(number, flags))]);
        assert_eq!(body["trace_id"], trace(number), "its id is known, recorded or not");
    }
    assert!(asked(&[])["trace_id"].is_string());
    assert!(server.stop().success());
    let mut traces: Vec<String> = collector.spans().into_iter().map(|span| span.trace).collect();
    traces.sort();
    traces.dedup();
    assert_eq!(traces, (1..=10).map(|half| trace(2 * half)).collect::<Vec<_>>());
}

#[test]
fn a_collector_that_is_away_or_silent_or_refuses_stops_nobody() {
    let hanging = Collector::start(Manner::Hangs);
    let refusing = Collector::start(Manner::Refuses(400));
    let away = format!("http://{}", free_address());
    let (hanging, refusing_url) = (hanging.url(), refusing.url());
    for url in [&away, &hanging, &refusing_url] {
        let data = tempfile::tempdir().unwrap();
        let server = serve(data.path(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str())]);
        buy(&server);
        if *url == refusing_url {
            wait_for("drops", || dropped(&server) > 0);
            assert!(server.log().contains("it answers 400"), "{}", server.log());
        }
        // Whatever it does, the process ends: it would be cut off after a minute.
        assert!(server.stop().success(), "{}", server.log());
        assert!(server.log().contains("the collector takes no traces: they are dropped"), "{}", server.log());
    }
}

fn dropped(server: &Server) -> u64 {
    let metrics = Line::new(server.address).send("GET", "/metrics", &[], None).unwrap();
    let text = String::from_utf8(metrics.body).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("traffic_spans_dropped_total "));
    line.expect("the metric is there").parse().unwrap()
}

#[test]
fn without_a_collector_no_connection_is_made() {
    let data = tempfile::tempdir().unwrap();
    let collector = Collector::start(Manner::Takes);
    let url = collector.url();
    // What standard programs would take for an address, and this one does not; it says so.
    let env = [("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", url.as_str()), ("OTEL_TRACES_SAMPLER", "always_on")];
    let server = serve(data.path(), &env);
    buy(&server);
    let refused = ask(&server, 6, ("GET", "/v1/orders/nowhere"), ("x-nobody", ""), None);
    assert!(refused.json().get("trace_id").is_none(), "{refused:?}");
    assert!(server.stop().success());
    assert_eq!(collector.connections(), 0);
    assert!(server.log().contains("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not read"), "{}", server.log());
    assert!(!server.log().contains("trace_id"), "{}", server.log());
}

/// The lines of the log, each an object.
fn lines(server: &Server) -> Vec<Value> {
    let parsed =
        |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("not one record in one line: {line}"));
    server.log().lines().map(parsed).collect()
}

#[test]
fn a_failed_request_is_one_line_and_an_ordinary_one_is_none_until_it_is_asked_for() {
    let data = tempfile::tempdir().unwrap();
    let collector = Collector::start(Manner::Takes);
    let url = collector.url();
    let server = serve(data.path(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str())]);
    let Bought { secrets } = buy(&server);
    assert!(!lines(&server).iter().any(|line| line["fields"]["message"] == "answered"), "{}", server.log());

    // The table is gone: what reads it fails.
    let database = rusqlite::Connection::open(data.path().join("traffic.db")).unwrap();
    database.execute_batch("pragma busy_timeout = 10000; alter table tickets rename to elsewhere").unwrap();
    let fan = server.accounts(1, "late").remove(0).1;
    let failed = ask(&server, 7, ("GET", "/v1/tickets"), ("authorization", &format!("Bearer {fan}")), None);
    assert_eq!((failed.status, failed.code().as_str()), (500, "internal"), "{failed:?}");
    assert!(!String::from_utf8_lossy(&failed.body).contains("no such table"), "{failed:?}");
    let id = failed.json()["request_id"].clone();
    let about: Vec<Value> =
        lines(&server).into_iter().filter(|line| line.to_string().contains(id.as_str().unwrap())).collect();
    assert_eq!(about.len(), 1, "{about:#?}");
    let (line, fields) = (&about[0], &about[0]["fields"]);
    assert_eq!(
        (&line["level"], &fields["route"], &fields["status"]),
        (&json!("ERROR"), &json!("/v1/tickets"), &json!(500))
    );
    assert!(fields["cause"].as_str().unwrap().contains("no such table"), "{line}");
    assert!(
        fields["took_ms"].is_number() && fields["trace_id"] == trace(7) && failed.json()["trace_id"] == trace(7),
        "{line}"
    );
    assert_eq!(line["spans"][0]["trace_id"], trace(7), "{line}");

    // For a while every request is a line, with its trace.
    let more = json!({ "level": "warn,server=debug", "for_sec": 600 });
    let raised = server.operator("PUT", "/v1/admin/log", Some(&more)).unwrap();
    assert_eq!(raised.status, 200, "{raised:?}");
    ask(&server, 8, ("GET", "/v1/sales"), ("x-nobody", ""), None);
    let told = |number: u32| lines(&server).iter().filter(|line| line["spans"][0]["trace_id"] == trace(number)).count();
    assert_eq!(told(8), 1, "{}", server.log());
    let fewer = server.operator("PUT", "/v1/admin/log", Some(&json!({ "level": "info" }))).unwrap();
    assert_eq!(fewer.json()["until"], Value::Null, "{fewer:?}");
    ask(&server, 9, ("GET", "/v1/sales"), ("x-nobody", ""), None);
    assert_eq!(told(9), 0, "{}", server.log());

    let log = server.log();
    assert!(!log.contains('\u{1b}'), "colours in a file");
    assert!(!secrets.iter().any(|secret| secret != "127.0.0.1" && log.contains(secret.as_str())), "{log}");
    assert!(server.stop().success());
    assert!(
        collector.spans().iter().any(|span| span.trace == trace(7) && span.failed),
        "a failed request is a failed span"
    );
}
