//! Real sockets on port 0, with times short enough for a test.

use std::time::Instant;

use axum::Extension;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::*;

const HEAD_READ: Duration = Duration::from_millis(150);
const IDLE: Duration = Duration::from_millis(600);
/// A busy machine may be late by this much; a hang is longer.
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n";

struct Server {
    addr: SocketAddr,
    counts: Arc<ConnectionCounts>,
    shutdown: watch::Sender<bool>,
    /// `GET /slow` has begun.
    begun: Arc<Notify>,
    /// Lets it answer.
    go: Arc<Notify>,
    task: JoinHandle<()>,
}

fn limits() -> ConnectionLimits {
    ConnectionLimits { head_read: HEAD_READ, idle: IDLE, drain: IDLE, ..ConnectionLimits::new(2_000) }
}

fn start(limits: ConnectionLimits) -> Server {
    start_trusting(limits, &[])
}

fn start_trusting(limits: ConnectionLimits, proxies: &[Cidr]) -> Server {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = (Arc::clone(&begun), Arc::clone(&go));
    let drops =
        |_| async { Some((Ok::<_, io::Error>(axum::body::Bytes::from_static(b": drop\n")), sleep(IDLE / 2).await)) };
    let router = Router::new()
        .route(
            "/drip",
            get(move || async move { axum::body::Body::from_stream(futures_util::stream::unfold((), drops)) }),
        )
        .route("/", get(|Extension(PeerAddr(peer)): Extension<PeerAddr>| async move { format!("you are {peer}") }))
        .route(
            "/slow",
            get(move || async move {
                slow.0.notify_one();
                slow.1.notified().await;
            }),
        );
    let listener = Listener::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap().trusting(proxies);
    let addr = listener.local_addrs().unwrap()[0];
    let counts = Arc::new(ConnectionCounts::default());
    let (shutdown, asked) = watch::channel(false);
    let task = tokio::spawn(listener.serve(watch::channel(router).1, limits, Arc::clone(&counts), asked));
    Server { addr, counts, shutdown, begun, go, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }
}

/// One answer, whose body is known to be in the same packet.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let length = timeout(PATIENCE, stream.read(&mut bytes)).await.unwrap().unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

async fn ask(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    answer(stream).await
}

/// All bytes until the other end closes, by FIN or by RST.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _reset_counts_as_closed = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("closed in time");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[expect(clippy::disallowed_methods, reason = "measures real sockets, whose timers are real")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::test]
async fn handlers_see_the_address_of_the_peer() {
    let server = start(limits());
    let mut client = server.connect().await;
    let expected = format!("you are {}", client.local_addr().unwrap());
    assert!(ask(&mut client, REQUEST).await.ends_with(&expected));
}

#[tokio::test]
async fn a_node_that_loads_its_data_says_so_until_it_serves() {
    let listener = Listener::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
    let addr = listener.local_addrs().unwrap()[0];
    let (router, served) = watch::channel(crate::router::starting());
    let (_shutdown, asked) = watch::channel(false);
    tokio::spawn(listener.serve(served, limits(), Arc::default(), asked));
    let ask_all = async |path: &str| {
        let mut client = TcpStream::connect(addr).await.unwrap();
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").as_bytes()).await.unwrap();
        until_closed(&mut client).await
    };
    let early = ask_all("/health/ready").await;
    assert!(early.starts_with("HTTP/1.1 503") && early.contains("retry-after: 1"), "{early}");
    assert!(early.contains("\"code\":\"starting\"") && early.contains("connection: close"), "{early}");
    assert!(ask_all("/health/live").await.starts_with("HTTP/1.1 200"));
    drop(router.send_replace(Router::new().route("/health/ready", get(async || "ready"))));
    let served = ask_all("/health/ready").await;
    assert!(served.starts_with("HTTP/1.1 200"), "{served}");
}

#[tokio::test]
async fn an_idle_connection_outlives_the_head_timer_and_ends_at_its_own() {
    let server = start(limits());
    let mut client = server.connect().await;
    ask(&mut client, REQUEST).await;
    // Idle for three times the head timer, and the connection still serves.
    sleep(HEAD_READ * 3).await;
    assert!(ask(&mut client, REQUEST).await.starts_with("HTTP/1.1 200"));
    let idle_since = now();
    assert_eq!(until_closed(&mut client).await, "");
    assert!(idle_since.elapsed() >= IDLE - Duration::from_millis(20), "closed after {:?}", idle_since.elapsed());
}

#[tokio::test]
async fn a_new_connection_that_says_nothing_ends_as_idle() {
    let server = start(limits());
    let since = now();
    until_closed(&mut server.connect().await).await;
    assert!(since.elapsed() >= IDLE - Duration::from_millis(20), "closed after {:?}", since.elapsed());
}

#[tokio::test]
async fn a_half_sent_head_is_cut_off_also_when_it_trickles() {
    let long_idle = ConnectionLimits { idle: PATIENCE * 2, ..limits() };
    let server = start(long_idle);
    for used_before in [false, true] {
        let mut client = server.connect().await;
        if used_before {
            ask(&mut client, REQUEST).await;
        }
        let since = now();
        let mut trickle = REQUEST.iter();
        let cut_off = loop {
            let byte = [*trickle.next().expect("cut off before the head is whole")];
            let sent = client.write_all(&byte).await;
            match timeout(HEAD_READ / 10, client.read(&mut [0; 1])).await {
                Ok(Ok(0) | Err(_)) => break since.elapsed(),
                _ => sent.unwrap(),
            }
        };
        assert!(cut_off >= HEAD_READ - Duration::from_millis(20), "cut off after {cut_off:?}");
    }
}

#[tokio::test]
async fn a_long_answer_is_not_cut_off_by_either_timer() {
    let server = start(limits());
    let mut client = server.connect().await;
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    sleep(IDLE + HEAD_READ).await;
    server.go.notify_one();
    assert!(answer(&mut client).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_peer_that_neither_sends_nor_takes_is_given_up() {
    let server = start(ConnectionLimits { idle: Duration::from_millis(100), ..limits() });
    let mut client = server.connect().await;
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    let since = now();
    until_closed(&mut client).await;
    assert!(since.elapsed() >= Duration::from_millis(380), "closed after {:?}", since.elapsed());
}

#[tokio::test]
async fn a_stream_that_still_sends_outlives_every_timer() {
    let server = start(ConnectionLimits { idle: Duration::from_millis(100), ..limits() });
    let mut client = server.connect().await;
    let since = now();
    assert!(ask(&mut client, b"GET /drip HTTP/1.1\r\nHost: t\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    while since.elapsed() < Duration::from_millis(1_500) {
        assert!(answer(&mut client).await.contains(": drop"), "cut off after {:?}", since.elapsed());
    }
}

/// A phone that is switched off acknowledges nothing and closes nothing.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_system_is_told_when_to_give_up_a_peer_that_has_vanished() {
    let listening = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let _client = TcpStream::connect(listening.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listening.accept().await.unwrap();
    set_up(&accepted);
    assert_eq!(SockRef::from(&accepted).tcp_user_timeout().unwrap(), Some(VANISHED));
    assert!(accepted.nodelay().unwrap());
}

#[tokio::test]
async fn too_many_headers_and_too_long_a_head_are_refused() {
    let server = start(limits());
    let head = |headers: usize, value_bytes: usize| {
        let lines: String = (0..headers).map(|n| format!("x-{n}: {}\r\n", "v".repeat(value_bytes))).collect();
        format!("GET / HTTP/1.1\r\n{lines}\r\n").into_bytes()
    };
    for (headers, value_bytes, status) in [(64, 10, 200), (65, 10, 431), (1, 16_000, 200), (1, 17_000, 431)] {
        let mut client = server.connect().await;
        let answer = ask(&mut client, &head(headers, value_bytes)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{headers} x {value_bytes}: {answer}");
    }
}

#[tokio::test]
async fn a_connection_over_a_cap_is_closed_at_once_and_counted() {
    let caps = [(2, 100), (100, 2)];
    for (connections_max, per_source_max) in caps {
        let server = start(ConnectionLimits { connections_max, per_source_max, idle: PATIENCE * 2, ..limits() });
        let (mut first, mut second) = (server.connect().await, server.connect().await);
        ask(&mut first, REQUEST).await;
        ask(&mut second, REQUEST).await;
        assert_eq!(until_closed(&mut server.connect().await).await, "");
        assert_eq!((server.counts.open(), server.counts.accepted(), server.counts.refused()), (2, 2, 1));
        drop(first);
        while server.counts.open() > 1 {
            sleep(Duration::from_millis(1)).await;
        }
        assert!(ask(&mut server.connect().await, REQUEST).await.starts_with("HTTP/1.1 200"), "room again");
    }
}

#[tokio::test]
async fn a_trusted_proxy_brings_more_than_one_source_may_and_no_more_than_all() {
    let caps = ConnectionLimits { connections_max: 3, per_source_max: 1, idle: PATIENCE * 2, ..limits() };
    let server = start_trusting(caps, &["127.0.0.1".parse().unwrap()]);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect().await;
        assert!(ask(&mut client, REQUEST).await.starts_with("HTTP/1.1 200"));
        open.push(client);
    }
    assert_eq!(until_closed(&mut server.connect().await).await, "", "the cap for all holds for it too");

    let server = start_trusting(caps, &["127.0.0.2/31".parse().unwrap()]);
    let mut first = server.connect().await;
    assert!(ask(&mut first, REQUEST).await.starts_with("HTTP/1.1 200"));
    assert_eq!(until_closed(&mut server.connect().await).await, "", "another address is nobody's proxy");
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_finishes_active_ones() {
    let server = start(ConnectionLimits { idle: PATIENCE * 2, drain: PATIENCE, ..limits() });
    let (mut silent, mut idle, mut active) = (server.connect().await, server.connect().await, server.connect().await);
    ask(&mut idle, REQUEST).await;
    active.write_all(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    server.shutdown.send_replace(true);
    assert_eq!(until_closed(&mut silent).await, "");
    assert_eq!(until_closed(&mut idle).await, "");
    assert!(TcpStream::connect(server.addr).await.is_err(), "no newcomers");
    assert!(!server.task.is_finished());
    server.go.notify_one();
    let last = until_closed(&mut active).await;
    assert!(last.starts_with("HTTP/1.1 200") && last.contains("connection: close"), "{last}");
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
    assert_eq!(server.counts.open(), 0);
}

#[tokio::test]
async fn requests_that_outlast_the_drain_are_cut_off() {
    let server = start(ConnectionLimits { idle: PATIENCE * 2, drain: HEAD_READ, ..limits() });
    let mut active = server.connect().await;
    active.write_all(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    server.begun.notified().await;
    server.shutdown.send_replace(true);
    assert_eq!(until_closed(&mut active).await, "");
    timeout(PATIENCE, server.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_busy_address_is_named() {
    let server = start(limits());
    let wrong = Listener::bind(&[server.addr]).err().unwrap();
    assert_eq!(wrong.kind(), io::ErrorKind::AddrInUse);
    assert!(wrong.to_string().starts_with(&format!("cannot listen on {}", server.addr)), "{wrong}");
}

#[test]
fn sources_are_addresses_and_for_ipv6_networks() {
    let of = |text: &str| crate::source::block(text.parse().unwrap()).to_string();
    assert_eq!(of("192.0.2.7"), "192.0.2.7");
    assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
    assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
}

#[test]
fn the_cap_leaves_a_thousand_files_or_half_of_them_for_everything_else() {
    for (open_files, connections) in
        [(1_024, 512), (2_000, 1_000), (2_001, 1_001), (10_000, 9_000), (u64::MAX, usize::MAX - 1_000)]
    {
        assert_eq!(ConnectionLimits::new(open_files).connections_max, connections);
    }
}
