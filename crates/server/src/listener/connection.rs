//! One connection from its admission to its end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tower::Service as _;

use super::timers::{Activity, HeadTimer, Watched};
use super::{ConnectionCounts, ConnectionLimits, Counted, Phase, set_up};
use crate::config::Cidr;
use crate::source::block;

/// Read at once and not yet handled, and written and not yet taken: bounds the memory of a connection.
/// A body of the usual 8 KiB and its head fit in.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// The other end of the connection; a request extension. Behind a proxy this is the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// What all connections share.
#[derive(Clone)]
pub(super) struct Connections(Arc<Shared>);

struct Shared {
    /// What connections are served with from now on; one keeps what answered its first request.
    router: watch::Receiver<Router>,
    limits: ConnectionLimits,
    proxies: Arc<[Cidr]>,
    counts: Arc<ConnectionCounts>,
    phase: watch::Receiver<Phase>,
    /// Never sent on: its receiver learns that the last connection is gone.
    _alive: mpsc::Sender<()>,
}

impl Connections {
    pub(super) fn new(
        router: watch::Receiver<Router>,
        limits: ConnectionLimits,
        proxies: Arc<[Cidr]>,
        counts: Arc<ConnectionCounts>,
        phase: watch::Receiver<Phase>,
        alive: mpsc::Sender<()>,
    ) -> Self {
        Self(Arc::new(Shared { router, limits, proxies, counts, phase, _alive: alive }))
    }

    /// Serves the connection in a task of its own, or closes it at once where a cap is reached.
    pub(super) fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        let Shared { counts, limits, proxies, .. } = &*self.0;
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let is_proxy = proxies.iter().any(|proxy| proxy.contains(peer.ip()));
        let per_source_max = if is_proxy { usize::MAX } else { limits.per_source_max };
        if let Some(counted) = counts.enter(block(peer.ip()), limits.connections_max, per_source_max) {
            set_up(&stream);
            tokio::spawn(run(Arc::clone(&self.0), stream, PeerAddr(peer), counted));
        }
    }
}

/// `counted` ends with the task, however that ends.
async fn run(shared: Arc<Shared>, stream: TcpStream, peer: PeerAddr, _counted: Counted) {
    let limits = shared.limits;
    let activity = Arc::new(Activity::default());
    let io = TokioIo::new(Watched { stream, activity: Arc::clone(&activity) });
    let (router, routers) = (OnceLock::<Router>::new(), shared.router.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        router.get_or_init(|| routers.borrow().clone()).clone().call(request)
    });
    let mut connection = pin!(builder(&limits, &activity).serve_connection(io, service));
    let mut idle = pin!(activity.over_idle(limits.idle));
    let mut phase = shared.phase.clone();

    tokio::select! {
        biased;
        ended = connection.as_mut() => return log_end(ended),
        () = idle.as_mut() => return,
        _ = phase.wait_for(|phase| *phase != Phase::Serving) => {}
    }
    // hyper ends an idle connection at once, also one that never said anything.
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        ended = connection => log_end(ended),
        () = idle => {}
        _ = phase.wait_for(|phase| *phase == Phase::Aborting) => {}
    }
}

fn builder(limits: &ConnectionLimits, activity: &Arc<Activity>) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(HeadTimer { activity: Arc::clone(activity), head_read: limits.head_read })
        .header_read_timeout(limits.head_read)
        .max_headers(limits.headers_max)
        .max_header_size(limits.head_bytes_max)
        .max_buf_size(BUFFER_BYTES_MAX);
    builder
}

/// How a connection ends badly is the client's or the network's doing.
fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
