//! A server for one test: real router, real store of its own, hand-driven clock, counted ids.
//!
//! `TRAFFIC_TEST_PROFILE` says what it runs on. `embedded`, the default: one node on SQLite. `cluster`: two nodes on one
//! PostgreSQL database; requests go to one and the other in turn, and the worker of the first one ticks.
//!
//! Every answer is checked on the way: a 4xx or 5xx is a complete problem document, and an `internal` error that the
//! test did not announce fails the test when the app is dropped.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use domain::{Clock, Timestamp};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use server::app::{App, Ids, Outside, RunDefaults, Scenario, Shared, StartError};
use server::config::{Config, Settings};
use store::payment::Provider;
use tower::ServiceExt;

use crate::by_hand::{CountedIds, HandClock};
use crate::log_levels;
use crate::profile::{Data, profile};

/// 2026-11-23T12:00:00Z
pub(crate) const START: Timestamp = Timestamp(1_795_435_200_000);
pub(crate) const ADMIN_KEY: &str = server::config::DEV_ADMIN_KEY;
/// Streams of one node: more than one account may have.
pub(crate) const STREAMS_MAX: usize = 10;
const SCENARIOS: [Scenario; 2] = [
    Scenario { name: "launch_spike", stands_for: "site crash at sale open", own_sale_only: false },
    Scenario { name: "backdoor_race", stands_for: "ways around the line", own_sale_only: true },
];
/// One tick of the worker.
const TICK_MS: i64 = 200;
/// Due for everything that the worker does at only some of its ticks.
const EVERY_TICK: u64 = 50;

/// `internal` answers that nobody announced.
type Broken = Arc<Mutex<Vec<String>>>;

pub(crate) struct TestApp {
    /// Empty only while it restarts.
    nodes: Vec<Node>,
    /// Which node gets the next request.
    turn: AtomicUsize,
    clock: Arc<HandClock>,
    ids: Arc<CountedIds>,
    env: Vec<(&'static str, &'static str)>,
    /// `None`: the simulated one.
    payments: Option<Arc<dyn Provider>>,
    broken: Broken,
    prefixes: AtomicU64,
    data: Data,
    /// What the nodes were told to log, one after the other.
    pub(crate) logged: Arc<Mutex<Vec<String>>>,
}

struct Node {
    app: Shared,
    router: Router,
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(std::thread::panicking() || broken.is_empty(), "answered `internal`: {broken:?}");
    }
}

/// An account with its session.
#[derive(Clone, Debug)]
pub(crate) struct Fan {
    pub(crate) id: String,
    pub(crate) token: String,
}

/// Someone inside, with the admission.
#[derive(Clone, Debug)]
pub(crate) struct Shopper {
    pub(crate) fan: Fan,
    pub(crate) position: i64,
    pub(crate) admission: String,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings as the environment gives them.
    pub(crate) async fn with(env: &[(&'static str, &'static str)]) -> Self {
        Self::stopped(env, None).booted(profile().nodes()).await
    }

    /// With a payment provider of the test's own.
    pub(crate) async fn paid_by(payments: Arc<dyn Provider>) -> Self {
        Self::stopped(&[], Some(payments)).booted(profile().nodes()).await
    }

    /// One node in both profiles: for what each node counts for itself.
    pub(crate) async fn one_node() -> Self {
        Self::stopped(&[], None).booted(1).await
    }

    /// The same with settings as the environment gives them.
    pub(crate) async fn one_node_with(env: &[(&'static str, &'static str)]) -> Self {
        Self::stopped(env, None).booted(1).await
    }

    /// One node on SQLite in both profiles. For what is so only there, a closed store that tells who is not in line or a
    /// file that belongs to one process; and where tokio's time stands still, which a socket to a database does not.
    pub(crate) async fn embedded() -> Self {
        Self::on_data(Data::folder(), &[], None).booted(1).await
    }

    /// The same with a payment provider of the test's own.
    pub(crate) async fn embedded_paid_by(payments: Arc<dyn Provider>) -> Self {
        Self::on_data(Data::folder(), &[], Some(payments)).booted(1).await
    }

    /// So many nodes on one PostgreSQL database in both profiles.
    pub(crate) async fn cluster(nodes: usize) -> Self {
        Self::on_data(Data::database(), &[], None).booted(nodes).await
    }

    /// Why a server does not start with these settings.
    pub(crate) async fn refusal(env: &[(&'static str, &'static str)]) -> String {
        Self::stopped(env, None).node().await.err().expect("these settings are refused").to_string()
    }

    fn stopped(env: &[(&'static str, &'static str)], payments: Option<Arc<dyn Provider>>) -> Self {
        Self::on_data(Data::of(profile()), env, payments)
    }

    fn on_data(data: Data, env: &[(&'static str, &'static str)], payments: Option<Arc<dyn Provider>>) -> Self {
        Self {
            nodes: Vec::new(),
            turn: AtomicUsize::new(0),
            clock: Arc::default(),
            ids: Arc::default(),
            env: env.to_vec(),
            payments,
            broken: Broken::default(),
            prefixes: AtomicU64::new(0),
            data,
            logged: Arc::default(),
        }
    }

    async fn booted(mut self, nodes: usize) -> Self {
        for _ in 0..nodes {
            self.boot().await;
        }
        self
    }

    /// Another node on the same data; it is the last one.
    pub(crate) async fn boot(&mut self) {
        let node = self.node().await.expect("the app starts");
        self.nodes.push(node);
    }

    /// Why another server cannot start beside this one.
    pub(crate) async fn start_second(&self) -> String {
        self.node().await.err().expect("one server per data folder").to_string()
    }

    async fn node(&self) -> Result<Node, StartError> {
        let flags = Settings { dev: true, database_url: self.data.url().parse().ok(), ..Settings::default() };
        let env = |name: &str| match name {
            "DB_MAX_CONNS" => Some(self.data.connections().to_owned()),
            name => self.env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
        };
        let config = Config::load(&flags, &env, None).expect("settings of a test");
        let outside = Outside {
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ids: Arc::clone(&self.ids) as Arc<dyn Ids>,
            cores: 2,
            connections: Arc::default(),
            patience: None,
            hand_driven_from: Some(START),
            streams_max: STREAMS_MAX,
            commit: "0123456789ab",
            scenarios: SCENARIOS.to_vec(),
            run_defaults: RunDefaults::default(),
            log: log_levels::noted_in(&self.logged),
            span_counts: Arc::default(),
        };
        let mut app = App::start(config, outside).await?;
        if let Some(payments) = &self.payments {
            Arc::get_mut(&mut app).expect("nobody else has it yet").payments = Arc::clone(payments);
        }
        let router = server::router::router(Arc::clone(&app));
        Ok(Node { app, router })
    }

    /// From the next restart on.
    pub(crate) fn set(&mut self, name: &'static str, value: &'static str) {
        self.env.push((name, value));
    }

    /// New processes on the same data.
    pub(crate) async fn restart(&mut self) {
        let nodes = self.nodes.len();
        for Node { app, router } in self.nodes.drain(..) {
            app.store.close().await;
            drop(router);
            assert_eq!(Arc::strong_count(&app), 1, "nothing of the old process lives on");
        }
        for _ in 0..nodes {
            self.boot().await;
        }
    }

    /// The node whose worker ticks.
    pub(crate) fn shared(&self) -> &Shared {
        self.at(0)
    }

    pub(crate) fn at(&self, node: usize) -> &Shared {
        &self.nodes[node].app
    }

    fn apps(&self) -> impl Iterator<Item = &Shared> {
        self.nodes.iter().map(|node| &node.app)
    }

    /// The next request goes to this node.
    pub(crate) fn on(&self, node: usize) -> &Self {
        self.turn.store(node, Ordering::SeqCst);
        self
    }

    pub(crate) fn router(&self) -> Router {
        self.router_of(self.turn.fetch_add(1, Ordering::SeqCst))
    }

    pub(crate) fn router_of(&self, node: usize) -> Router {
        self.nodes[node % self.nodes.len()].router.clone()
    }

    /// One node hears what the others did.
    pub(crate) async fn hear(&self, node: usize) {
        self.at(node).store.catch_up().await.expect("the store answers");
    }

    /// Verbs and queries asked of the store by all nodes.
    pub(crate) fn asked(&self) -> u64 {
        self.apps().map(|app| app.store.asked()).sum()
    }

    /// Nothing can be read or written any more.
    pub(crate) async fn close_store(&self) {
        for app in self.apps() {
            app.store.close().await;
        }
    }

    pub(crate) fn streams_open(&self) -> usize {
        self.apps().map(|app| app.streams.open()).sum()
    }

    pub(crate) fn drain(&self) {
        self.apps().for_each(|app| app.drain());
    }

    /// A moment passes, within which every node promises to hear what the others did. Between a join and a poll there is
    /// none: who has a place is known at once.
    pub(crate) async fn heard(&self) {
        for node in 0..self.nodes.len() {
            self.hear(node).await;
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// Moves time on and does nothing else.
    pub(crate) fn advance(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Everything that nodes do by themselves, once; then all have heard of it. Called after time went on, no look waits.
    pub(crate) async fn tick(&self) {
        for app in self.apps() {
            server::counts::tick(app).await.expect("the store answers");
        }
        self.hear(0).await;
        self.work(0).await;
        for app in self.apps() {
            server::guesses::tick(app).await.expect("the store answers");
        }
        for node in 1..self.nodes.len() {
            self.hear(node).await;
            server::follow::refresh(self.at(node));
        }
    }

    /// What one node does by itself.
    pub(crate) async fn work(&self, node: usize) {
        let app = self.at(node);
        server::follow::refresh(app);
        server::worker::lead::tick(app).await.expect("the store answers");
        server::worker::tick(app, EVERY_TICK).await;
    }

    /// Asks the payment provider about lost answers, as the worker does.
    pub(crate) async fn settle(&self) {
        server::worker::settle::tick(self.shared()).await.expect("settling");
        self.heard().await;
    }

    /// Time passes as it does with a running worker.
    pub(crate) async fn pass(&self, ms: i64) {
        for _ in 0..ms.div_euclid(TICK_MS) {
            self.advance(TICK_MS);
            self.tick().await;
        }
        self.advance(ms.rem_euclid(TICK_MS));
    }

    pub(crate) fn call(&self, method: Method, path: impl AsRef<str>) -> Call {
        Call {
            router: self.router(),
            broken: Arc::clone(&self.broken),
            parts: Request::builder().method(method).uri(path.as_ref()),
            body: Body::empty(),
        }
    }

    pub(crate) fn get(&self, path: impl AsRef<str>) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: impl AsRef<str>) -> Call {
        self.call(Method::POST, path)
    }
}

/// What people do, in the words of the domain.
impl TestApp {
    pub(crate) async fn event(&self) -> String {
        let event = json!({ "name": "Night", "venue": "Hall", "starts_at": "2027-01-01T20:00:00Z" });
        let answer = self.post("/v1/admin/events").admin().json(&event).send().await;
        answer.expect(StatusCode::CREATED)["event_id"].as_str().expect("an id").to_owned()
    }

    /// An open sale of 100 seats for an hour, which calls 200 people at each tick.
    pub(crate) async fn sale(&self) -> String {
        self.sale_with(json!({})).await
    }

    /// The same with other terms.
    pub(crate) async fn sale_with(&self, terms: Value) -> String {
        let mut sale = json!({
            "event_id": self.event().await, "opens_at": self.now(), "ends_at": self.now().plus_sec(3_600),
            "total_seats": 100, "admit_per_minute": 60_000,
        });
        for (name, value) in terms.as_object().expect("terms are an object") {
            sale[name] = value.clone();
        }
        let answer = self.post("/v1/admin/sales").admin().json(&sale).send().await;
        answer.expect(StatusCode::CREATED)["sale_id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn fans(&self, count: usize) -> Vec<Fan> {
        let prefix = format!("fan{}", self.prefixes.fetch_add(1, Ordering::SeqCst));
        let bulk = json!({ "count": count, "prefix": prefix });
        let answer = self.post("/v1/admin/accounts/bulk").admin().json(&bulk).send().await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let accounts = answer.expect(StatusCode::OK)["accounts"].as_array().expect("accounts").clone();
        accounts.iter().map(|account| Fan { id: text(&account["user_id"]), token: text(&account["token"]) }).collect()
    }

    pub(crate) async fn fan(&self) -> Fan {
        self.fans(1).await.remove(0)
    }

    pub(crate) async fn join(&self, sale: &str, fan: &Fan) -> Answer {
        self.post(format!("/v1/sales/{sale}/waiting-room/join")).bearer(fan).send().await
    }

    pub(crate) async fn status(&self, sale: &str, fan: &Fan) -> Answer {
        self.get(format!("/v1/sales/{sale}/waiting-room/status")).bearer(fan).send().await
    }

    pub(crate) fn streaming(&self, sale: &str, fan: &Fan) -> Call {
        self.get(format!("/v1/sales/{sale}/waiting-room/stream")).bearer(fan)
    }

    pub(crate) async fn leave(&self, sale: &str, fan: &Fan) -> Answer {
        self.post(format!("/v1/sales/{sale}/waiting-room/leave")).bearer(fan).send().await
    }

    /// A new fan who has been called and has come in.
    pub(crate) async fn admitted(&self, sale: &str) -> Shopper {
        let fan = self.fan().await;
        self.admit(sale, &fan).await
    }

    /// Joins, waits for the call and comes in.
    pub(crate) async fn admit(&self, sale: &str, fan: &Fan) -> Shopper {
        let joined = self.join(sale, fan).await;
        assert!(joined.status.is_success(), "{joined:?}");
        for _ in 0..50 {
            self.pass(TICK_MS).await;
            let status = self.status(sale, fan).await;
            if let Some(token) = status["admission_token"].as_str() {
                let position = status["position"].as_i64().expect("a position");
                return Shopper { fan: fan.clone(), position, admission: token.to_owned() };
            }
        }
        panic!("not called within 10 s: {:?}", self.status(sale, fan).await)
    }

    pub(crate) async fn hold(&self, sale: &str, shopper: &Shopper, key: &str, seats: &[&str]) -> Answer {
        let wish = json!({ "seat_ids": seats, "idempotency_key": key });
        self.post(format!("/v1/sales/{sale}/holds")).admission(shopper).json(&wish).send().await
    }

    /// The id of a hold on these seats.
    pub(crate) async fn held(&self, sale: &str, shopper: &Shopper, seats: &[&str]) -> String {
        let key = format!("hold {}", seats.join(",")).replace(' ', ":");
        let answer = self.hold(sale, shopper, &key, seats).await;
        answer.expect(StatusCode::OK)["hold_id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn release(&self, sale: &str, shopper: &Shopper, hold: &str) -> Answer {
        self.call(Method::DELETE, format!("/v1/sales/{sale}/holds/{hold}")).admission(shopper).send().await
    }

    pub(crate) async fn checkout(&self, sale: &str, shopper: &Shopper, hold: &str, key: &str) -> Answer {
        self.pay(sale, shopper, json!({ "hold_id": hold, "idempotency_key": key })).await
    }

    pub(crate) async fn pay(&self, sale: &str, shopper: &Shopper, body: Value) -> Answer {
        self.post(format!("/v1/sales/{sale}/checkout")).admission(shopper).json(&body).send().await
    }

    pub(crate) async fn stats(&self, sale: &str) -> Answer {
        let answer = self.get(format!("/v1/admin/sales/{sale}/stats")).admin().send().await;
        answer.expect(StatusCode::OK);
        answer
    }

    /// The seats' statuses by id, as a shopper sees them.
    pub(crate) async fn seat(&self, sale: &str, shopper: &Shopper, seat: &str) -> String {
        self.heard().await;
        let answer = self.get(format!("/v1/sales/{sale}/seats")).admission(shopper).send().await;
        let seats = answer.expect(StatusCode::OK)["seats"].as_array().expect("seats").clone();
        let found = seats.iter().find(|one| one["id"] == seat).expect("the seat");
        found["status"].as_str().expect("a status").to_owned()
    }
}

/// One request under construction. It owns what it needs, so that it can go to a task of its own.
pub(crate) struct Call {
    router: Router,
    broken: Broken,
    parts: http::request::Builder,
    body: Body,
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.parts = self.parts.header(name, value.as_ref());
        self
    }

    /// Over a connection from this address.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let peer = std::net::SocketAddr::new(address.parse().expect("an address"), 40_000);
        self.parts = self.parts.extension(server::listener::PeerAddr(peer));
        self
    }

    pub(crate) fn admin(self) -> Self {
        self.header("x-admin-key", ADMIN_KEY)
    }

    pub(crate) fn bearer(self, fan: &Fan) -> Self {
        self.header("authorization", format!("Bearer {}", fan.token))
    }

    pub(crate) fn admission(self, shopper: &Shopper) -> Self {
        self.header("authorization", format!("Admission {}", shopper.admission))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.json_text(body.to_string())
    }

    pub(crate) fn json_text(self, body: impl Into<Bytes>) -> Self {
        self.header("content-type", "application/json").body(body)
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::from(body.into());
        self
    }

    /// The answer as it begins, for one that does not end by itself.
    pub(crate) async fn open(self) -> http::Response<Body> {
        let request = self.parts.body(self.body).expect("a request");
        self.router.oneshot(request).await.expect("a router never fails")
    }

    /// By another router than the node's own.
    pub(crate) fn through(self, router: Router) -> Self {
        Self { router, ..self }
    }

    pub(crate) async fn send(self) -> Answer {
        let request = self.parts.body(self.body).expect("a request");
        let line = format!("{} {}", request.method(), request.uri());
        let head = request.method() == Method::HEAD;
        let response = self.router.oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let json = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let answer = Answer { line, status: parts.status, headers: parts.headers, body, json };
        if !head && (answer.status.is_client_error() || answer.status.is_server_error()) {
            answer.check_problem();
        }
        if answer.status.is_server_error() && answer.status != StatusCode::SERVICE_UNAVAILABLE {
            self.broken.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{answer:?}"));
        }
        answer
    }
}

/// An answer, read to its end.
pub(crate) struct Answer {
    line: String,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) json: Value,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(600).collect();
        write!(f, "{} -> {} {body}", self.line, self.status.as_u16())
    }
}

/// A member of the body; null where there is none.
impl std::ops::Index<&str> for Answer {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        &self.json[name]
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn expect(&self, status: StatusCode) -> &Value {
        assert_eq!(self.status, status, "{self:?}");
        &self.json
    }

    /// A "no" with this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self["code"].as_str()), (status, Some(code)), "{self:?}");
    }

    /// 422 that names this field.
    #[track_caller]
    pub(crate) fn wrong(&self, field: &str) {
        assert_eq!((self.status.as_u16(), self["field"].as_str()), (422, Some(field)), "{self:?}");
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    fn check_problem(&self) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        for member in ["type", "title", "detail", "code", "message", "request_id"] {
            assert!(self[member].as_str().is_some_and(|text| !text.is_empty()), "{member} is missing: {self:?}");
        }
        assert_eq!(self["status"], self.status.as_u16(), "{self:?}");
        assert_eq!(self["detail"], self["message"], "{self:?}");
        let must_say_when = matches!(self.status.as_u16(), 429 | 503);
        let says_when = self.header("retry-after").parse::<u64>().is_ok_and(|sec| sec >= 1);
        assert!(!must_say_when || says_when, "without Retry-After: {self:?}");
    }
}
