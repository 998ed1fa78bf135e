//! What only a socket can send: two headers of a kind, whole addresses in the request line, lengths that disagree.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use server::listener::{ConnectionLimits, Listener};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::app::{ADMIN_KEY, TestApp};

const SOON: Duration = Duration::from_secs(10);

/// The real router behind the real listener.
pub(super) struct Served {
    app: TestApp,
    addr: SocketAddr,
    _shutdown: watch::Sender<bool>,
}

impl Served {
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(super) async fn with(env: &[(&'static str, &'static str)]) -> Self {
        let app = TestApp::with(env).await;
        let listener = Listener::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let addr = listener.local_addrs().unwrap()[0];
        let (shutdown, asked) = watch::channel(false);
        let counts = Arc::clone(&app.shared().connections);
        let router = watch::channel(app.router()).1;
        tokio::spawn(listener.serve(router, ConnectionLimits::new(2_000), counts, asked));
        Self { app, addr, _shutdown: shutdown }
    }

    /// All that comes back until the other end closes. The last request of `text` asks for that.
    pub(super) async fn send(&self, text: &str) -> String {
        let mut socket = TcpStream::connect(self.addr).await.unwrap();
        socket.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A refusal of the head may end in a reset.
        let _ = timeout(SOON, socket.read_to_end(&mut answer)).await.expect("the server ends the connection");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[track_caller]
fn starts(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
}

#[tokio::test]
async fn headers_that_say_two_things_are_refused() {
    let served = Served::new().await;
    let fan = served.app.fan().await;
    let session = format!("Authorization: Bearer {}\r\n", fan.token);
    let get = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    let me = served.send(&get("/v1/me", &format!("Host: t\r\n{session}"))).await;
    starts(&me, 200);
    assert!(me.contains(&fan.id), "the control: {me}");
    let key = format!("X-Admin-Key: {ADMIN_KEY}\r\n");
    starts(&served.send(&get("/v1/admin/events", &format!("Host: localhost\r\n{key}"))).await, 200);

    for (target, headers, named) in [
        ("/v1/me", format!("Host: t\r\n{session}{session}"), "authorization"),
        ("/v1/me", format!("Host: t\r\nAuthorization: Bearer x\r\n{session}"), "authorization"),
        ("/v1/me", format!("Host: t\r\n{session}authorization: Basic x\r\n"), "authorization"),
        ("/v1/me", format!("Host: t\r\nHost: t\r\n{session}"), "host"),
        ("/v1/me", format!("Host: t\r\nhOST: other\r\n{session}"), "host"),
        ("/v1/admin/events", format!("Host: localhost\r\n{key}X-Admin-Key: wrong\r\n"), "x-admin-key"),
        ("/v1/admin/events", format!("Host: localhost\r\nX-Admin-Key: wrong\r\n{key}"), "x-admin-key"),
        ("/v1/admin/events", format!("Host: localhost\r\nHost: evil.example\r\n{key}"), "host"),
    ] {
        let answer = served.send(&get(target, &headers)).await;
        starts(&answer, 400);
        assert!(answer.contains("\"code\":\"ambiguous_request\""), "{answer}");
        assert!(answer.contains(&format!("\"field\":\"{named}\"")), "{answer}");
        assert!(!answer.contains(&fan.id) && !answer.contains("\"events\""), "{answer}");
    }
}

#[tokio::test]
async fn a_whole_address_in_the_request_line_is_the_same_request_or_none() {
    let served = Served::new().await;
    let fan = served.app.fan().await;
    let session = format!("Authorization: Bearer {}\r\n", fan.token);
    let get = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    let same = get("http://t/v1/me", &format!("Host: t\r\n{session}"));
    starts(&served.send(&same).await, 200);
    for target in ["http://t/v1/me", "http://t/v1/admin/events", "HTTP://t/v1/admin/events?x=/health/live"] {
        let answer = served.send(&get(target, "Host: t\r\n")).await;
        // The key for development is asked for under a name of this machine alone.
        starts(&answer, if target.contains("admin") { 403 } else { 401 });
    }
    for (target, host) in
        [("http://t/v1/me", "Host: other\r\n"), ("http://t/v1/me", ""), ("http://localhost/v1/me", "Host: t\r\n")]
    {
        let answer = served.send(&get(target, &format!("{host}{session}"))).await;
        starts(&answer, 400);
        assert!(answer.contains("\"field\":\"host\""), "{answer}");
    }
    let key = format!("X-Admin-Key: {ADMIN_KEY}\r\n");
    // A name that was turned to this machine, once in each place.
    for (target, host) in
        [("http://evil.example/v1/admin/events", "localhost"), ("http://localhost/v1/admin/events", "evil.example")]
    {
        starts(&served.send(&get(target, &format!("Host: {host}\r\n{key}"))).await, 400);
    }
    for target in ["*", "t:80", "v1/me", "/v1/me /v1/admin", "/v1/me\thttp"] {
        let answer = served.send(&get(target, &format!("Host: t\r\n{session}"))).await;
        assert!(answer.starts_with("HTTP/1.1 40") && !answer.contains(&fan.id), "{target}: {answer}");
    }
}

#[tokio::test]
async fn a_body_whose_length_is_in_doubt_is_refused_and_hides_no_second_request() {
    let served = Served::new().await;
    let register = |lengths: &str, body: &str| {
        format!(
            "POST /v1/auth/register HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n{lengths}\
             Connection: close\r\n\r\n{body}"
        )
    };
    let body = |name: &str| format!("{{\"email\":\"{name}@example.com\"}}");
    let right = body("right");
    starts(&served.send(&register(&format!("Content-Length: {}\r\n", right.len()), &right)).await, 201);
    let chunked = format!("{:x}\r\n{}\r\n0\r\n\r\n", body("chunk").len(), body("chunk"));
    starts(&served.send(&register("Transfer-Encoding: chunked\r\n", &chunked)).await, 201);

    let odd = body("odd");
    for lengths in [
        format!("Content-Length: {}\r\nContent-Length: 1\r\n", odd.len()),
        format!("Content-Length: {},1\r\n", odd.len()),
        format!("Content-Length: +{}\r\n", odd.len()),
        format!("Content-Length: 0x{:x}\r\n", odd.len()),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 99999999999999999999\r\n".to_owned(),
        "Transfer-Encoding: identity\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        format!("Content-Length : {}\r\n", odd.len()),
        format!("X: y\r\n Content-Length: {}\r\n", odd.len()),
    ] {
        let answer = served.send(&register(&lengths, &odd)).await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{lengths}: {answer}");
    }
    // Two rulers: with the one the second request is a body, with the other it stands alone. It is read in one way, and
    // it gets no credential of its neighbour's.
    let hidden = "GET /v1/admin/events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for lengths in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"]
    {
        let text = format!(
            "POST /v1/admin/events HTTP/1.1\r\nHost: localhost\r\nX-Admin-Key: {ADMIN_KEY}\r\n\
             Content-Type: application/json\r\n{lengths}\r\n0\r\n\r\n{hidden}"
        );
        let answer = served.send(&text).await;
        starts(&answer, 400);
        assert!(!answer.contains("\"events\""), "{answer}");
    }
    let login =
        served.app.post("/v1/auth/register").json(&serde_json::json!({ "email": "odd@example.com" })).send().await;
    login.expect(http::StatusCode::CREATED);
}
