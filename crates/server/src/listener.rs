//! The accept loop: timers, header limits, connection caps and graceful drain, which `axum::serve` has not.
//!
//! What is no HTTP at all (a bad request line, too many headers) is answered by hyper with a bare 400, 414 or 431:
//! no handler has run, so these answers cannot be problem+json.

mod connection;
mod counts;
#[cfg(test)]
mod tests;
mod timers;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::config::Cidr;
use connection::Connections;
pub use connection::PeerAddr;
pub use counts::{ConnectionCounts, Counted};

/// Connections that the kernel keeps while we are busy: some 20 ms of a stampede. The system may cap it lower.
const BACKLOG: i32 = 4096;
/// With its connection a stream takes about 20 KiB: 2 GB at most.
const STREAMS_MAX: usize = 100_000;
/// After "no file handles": accepting again at once would spin, and handles come back when connections end.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(50);
/// Bytes sent and not acknowledged for so long: the phone is off, or out of reach. Without this the system tries for a
/// quarter of an hour, and streams to nobody fill up their limit. Much longer than a tunnel.
const VANISHED: Duration = Duration::from_secs(90);
/// One line in the log for so many back-offs: one a second.
const ACCEPT_ERRORS_PER_LOG: u32 = 20;

/// How long and how much a connection may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// From the first byte of a request's head to its last. Slower is an attack or a dead line.
    pub head_read: Duration,
    /// Between requests. Longer than the longest pause between two polls (20 s), so that fans keep their connection.
    pub idle: Duration,
    /// A head needs no more; a browser sends about 20.
    pub headers_max: usize,
    /// Bytes of one head, cookies included.
    pub head_bytes_max: usize,
    /// All connections. What is left of the open files is for the database, logs and everything else.
    pub connections_max: usize,
    /// From one address (IPv6: one /64): a mobile carrier's many fans share one.
    pub per_source_max: usize,
    /// For requests under way at shutdown.
    pub drain: Duration,
}

impl ConnectionLimits {
    /// Streams of waiting rooms: half of the connections, so that polls and purchases always get the other half.
    pub fn streams_max(&self) -> usize {
        (self.connections_max / 2).min(STREAMS_MAX)
    }

    /// The published limits, with as many connections as `open_files_max` (the soft limit) allows. A thousand files are
    /// kept for everything else; where that would be most of them, half.
    pub fn new(open_files_max: u64) -> Self {
        let kept = (open_files_max / 2).min(1_000);
        let connections_max = usize::try_from(open_files_max - kept).unwrap_or(usize::MAX);
        Self {
            head_read: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            headers_max: 64,
            head_bytes_max: 16 * 1024,
            connections_max,
            per_source_max: 4_096,
            drain: Duration::from_secs(10),
        }
    }
}

/// What connections are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Finish what is under way, take nothing new.
    Draining,
    /// Out of time.
    Aborting,
}

/// Sockets that listen, not yet served.
pub struct Listener {
    sockets: Vec<TcpListener>,
    /// Who connects from here stands for many: the cap for one source is not theirs.
    proxies: Arc<[Cidr]>,
}

impl Listener {
    /// Binds every address, or names the one that it could not. Where the machine has no IPv6, an IPv6 address
    /// is left out as long as another remains, and "all addresses" means all of IPv4.
    pub fn bind(addrs: &[SocketAddr]) -> io::Result<Self> {
        let mut sockets = Vec::new();
        for &addr in addrs {
            match bind(addr) {
                Ok(socket) => sockets.push(socket),
                Err(error) if addr.is_ipv6() && no_such_family(&error) && addr.ip().is_unspecified() => {
                    sockets
                        .push(bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), addr.port())).map_err(named(addr))?);
                }
                Err(error) if addr.is_ipv6() && no_such_family(&error) && addrs.len() > 1 => {
                    tracing::warn!(%addr, "not listening there: this machine has no IPv6");
                }
                Err(error) => return Err(named(addr)(error)),
            }
        }
        if sockets.is_empty() {
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, "no address to listen on"));
        }
        Ok(Self { sockets, proxies: Arc::default() })
    }

    /// Without the cap for one source for these proxies: a balancer brings everybody, over as many connections as there are
    /// streams.
    pub fn trusting(self, proxies: &[Cidr]) -> Self {
        Self { proxies: proxies.into(), ..self }
    }

    /// The addresses as bound: port 0 has become a real one.
    pub fn local_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        self.sockets.iter().map(TcpListener::local_addr).collect()
    }

    /// Serves new connections with what `router` holds, until `shutdown` turns true (or its sender is gone), then drains. Returns when no connection is left.
    pub async fn serve(
        self,
        router: watch::Receiver<Router>,
        limits: ConnectionLimits,
        counts: Arc<ConnectionCounts>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let (phase, connections_phase) = watch::channel(Phase::Serving);
        let (alive, mut all_gone) = mpsc::channel::<()>(1);
        let connections = Connections::new(router, limits, self.proxies, counts, connections_phase, alive);
        let accepting: Vec<_> =
            self.sockets.into_iter().map(|socket| tokio::spawn(accept(socket, connections.clone()))).collect();
        drop(connections);

        // An error means that nobody can ask for a shutdown any more: that is one.
        let _ = shutdown.wait_for(|asked| *asked).await;
        // The tasks end at their next await and close their sockets, so that no newcomer waits in vain.
        accepting.iter().for_each(tokio::task::JoinHandle::abort);
        phase.send_replace(Phase::Draining);
        if timeout(limits.drain, all_gone.recv()).await.is_err() {
            tracing::warn!("some requests did not end in time and are cut off");
            phase.send_replace(Phase::Aborting);
            all_gone.recv().await;
        }
    }
}

async fn accept(socket: TcpListener, connections: Connections) {
    let mut errors_in_a_row = 0;
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                errors_in_a_row = 0;
                connections.admit(stream, peer);
            }
            Err(error) if is_of_the_peer(&error) => {}
            Err(error) => {
                if errors_in_a_row % ACCEPT_ERRORS_PER_LOG == 0 {
                    tracing::error!(%error, "cannot accept connections; trying on");
                }
                errors_in_a_row += 1;
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// The connection was gone before it was taken; the next one may be fine.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        // `[::]` is all addresses, IPv4 too; any other IPv6 address is only itself.
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    // A restart must not wait for old connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn no_such_family(error: &io::Error) -> bool {
    // EAFNOSUPPORT (97 on Linux) has no name of its own in `ErrorKind`.
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(97)
}

fn named(addr: SocketAddr) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("cannot listen on {addr}: {error}"))
}

/// Small answers go out at once instead of waiting for more, and a peer that has vanished is noticed.
fn set_up(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    // Only Linux has this option; elsewhere the system gives up by itself, later.
    #[cfg(target_os = "linux")]
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(VANISHED)) {
        tracing::debug!(%error, "TCP_USER_TIMEOUT");
    }
}
