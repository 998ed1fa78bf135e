//! A small server that keeps the contract in memory, on a thread of its own; or breaks one promise of it on purpose.

pub(crate) mod bug;
mod http;
mod rows;
mod sale;
mod shop;
pub(crate) mod time;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use bug::Bug;
use http::World;

/// How the mock behaves besides its bug.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) bug: Bug,
    /// Fans are asked to poll this often.
    pub(crate) poll_ms: u64,
    /// Each poll is answered after this long.
    pub(crate) status_delay_ms: u64,
    /// From this long after the doors, nothing is answered for `freeze_ms`.
    pub(crate) freeze_after_ms: i64,
    pub(crate) freeze_ms: i64,
}

impl Manner {
    pub(crate) fn with(bug: Bug) -> Self {
        Manner { bug, poll_ms: 200, status_delay_ms: 0, freeze_after_ms: 0, freeze_ms: 0 }
    }
}

pub(crate) struct Mock {
    pub(crate) base_url: String,
    /// What the server itself measured of its polls, in microseconds.
    pub(crate) status_us: Arc<Mutex<Vec<u64>>>,
    _stop: oneshot::Sender<()>,
}

impl Mock {
    pub(crate) fn start(manner: Manner) -> Self {
        let (tell_address, address) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let status_us = Arc::new(Mutex::new(Vec::new()));
        let measured = status_us.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                tell_address.send(listener.local_addr().expect("an address")).expect("the test waits");
                tokio::select! {
                    () = serve(listener, manner, measured) => {}
                    _ = stopped => {}
                }
            });
        });
        let address: SocketAddr = address.recv().expect("the mock started");
        Mock { base_url: format!("http://{address}"), status_us, _stop: stop }
    }
}

async fn serve(listener: TcpListener, manner: Manner, measured: Arc<Mutex<Vec<u64>>>) {
    let open = Arc::new(AtomicU64::new(0));
    let world = Arc::new(Mutex::new(World::new(manner.bug, manner.poll_ms, open.clone())));
    tokio::spawn(tick(world.clone()));
    loop {
        let (stream, peer) = listener.accept().await.expect("accepts");
        let from = match peer.ip() {
            std::net::IpAddr::V4(ip) => ip,
            std::net::IpAddr::V6(_) => std::net::Ipv4Addr::LOCALHOST,
        };
        let (world, measured) = (world.clone(), measured.clone());
        let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let (world, measured) = (world.clone(), measured.clone());
            async move { Ok::<_, Infallible>(answer(request, &world, manner, &measured, from).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let open = open.clone();
        open.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            // How a connection ended is its client's matter.
            let _ = connection.await;
            if manner.bug != Bug::ConnectionsNeverClosed {
                open.fetch_sub(1, Ordering::Relaxed);
            }
        });
    }
}

async fn tick(world: Arc<Mutex<World>>) {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = time::now_ms();
        let mut world = world.lock().expect("no panic");
        world.sales.iter_mut().filter(|sale| now >= sale.opens_at).for_each(|sale| sale.tick(now));
    }
}

async fn answer(
    request: hyper::Request<hyper::body::Incoming>,
    world: &Mutex<World>,
    manner: Manner,
    measured: &Mutex<Vec<u64>>,
    from: std::net::Ipv4Addr,
) -> hyper::Response<Full<Bytes>> {
    let began = time::monotonic();
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let request = hyper::Request::from_parts(parts, ());
    let is_status = request.uri().path().ends_with("/status");
    thaw(world, manner).await;
    if is_status && manner.status_delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(manner.status_delay_ms)).await;
    }
    let (status, text) = world.lock().expect("no panic").answer(&request, &body, from);
    if is_status {
        let took = u64::try_from(began.elapsed().as_micros()).expect("short");
        measured.lock().expect("no panic").push(took);
    }
    hyper::Response::builder().status(status).body(Full::new(text.into())).expect("a response")
}

async fn thaw(world: &Mutex<World>, manner: Manner) {
    let Some(opens_at) = world.lock().expect("no panic").sales.first().map(|sale| sale.opens_at) else { return };
    let (from, until) = (opens_at + manner.freeze_after_ms, opens_at + manner.freeze_after_ms + manner.freeze_ms);
    let now = time::now_ms();
    if (from..until).contains(&now) {
        tokio::time::sleep(Duration::from_millis((until - now).unsigned_abs())).await;
    }
}
