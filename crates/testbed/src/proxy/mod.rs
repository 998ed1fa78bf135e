//! A TCP proxy that misbehaves on demand: between a node and its database, it plays the network.
//!
//! ```
//! use testbed::{Flow, Proxy, Way};
//!
//! let server = testbed::Redis::start();
//! let proxy = Proxy::to(server.port());
//! proxy.set(Way::ToClient, Flow::Lose);       // the server hears everything, and its answers vanish
//! proxy.set(Way::ToClient, Flow::Pass);       // new connections are well again
//! proxy.cut_reply(b"", b"COMMIT\0");          // once: the client never learns that its COMMIT was done
//! proxy.refuse(true);                         // nobody gets in
//! proxy.cut();                                // and those who were in are thrown out
//! ```

mod plan;
mod pump;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::wait::free_port;
use plan::Plan;
pub use plan::{Flow, Way};

/// More at once means that a test forgot to close them. Further ones are closed at once.
const CONNECTIONS: usize = 1_024;

/// Ends, with all connections, when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    listener: Option<JoinHandle<()>>,
}

impl Proxy {
    /// In front of a server on this port of the loopback address.
    pub fn to(port: u16) -> Self {
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = listen();
        let address = listener.local_addr().expect("a bound socket has an address");
        let plan = Arc::new(Plan::default());
        let thread = thread::spawn({
            let plan = Arc::clone(&plan);
            move || accept(listener, address, target, &plan)
        });
        Self { address, plan, listener: Some(thread) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on, for the connections there are and for new ones.
    pub fn set(&self, way: Way, flow: Flow) {
        self.plan.set(way, flow);
    }

    /// Closes every connection, on both sides, now.
    pub fn cut(&self) {
        self.plan.cut();
    }

    /// Whether new connections are refused. Returns when it is so.
    pub fn refuse(&self, refuse: bool) {
        self.plan.refuse(refuse);
        if refuse {
            self.wake();
        }
        self.plan.wait_for_door(refuse);
    }

    /// Cuts one connection, the first on which the client has sent `sent` and the server then answers with bytes that hold
    /// `reply`. Those never reach the client; what the server sent before did. An empty pattern fits any bytes.
    ///
    /// `reply` tells the answer to a COMMIT from other answers that are still under way: PostgreSQL's is `COMMIT\0`.
    pub fn cut_reply(&self, sent: &[u8], reply: &[u8]) {
        self.plan.arm(sent, reply);
    }

    /// How many connections [`Proxy::cut_reply`] has cut.
    pub fn replies_cut(&self) -> usize {
        self.plan.replies_cut()
    }

    /// How many connections there are now.
    pub fn connections(&self) -> usize {
        self.plan.connections()
    }

    /// The listening thread waits for a caller; this is one.
    fn wake(&self) {
        drop(TcpStream::connect(self.address));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.plan.close();
        self.wake();
        if let Some(listener) = self.listener.take() {
            drop(listener.join());
        }
    }
}

fn listen() -> TcpListener {
    // Between the look for a free port and this somebody else may have taken it.
    let mut attempts = (0..CONNECTIONS).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())));
    attempts.find_map(Result::ok).expect("a free port to listen on")
}

/// Until the proxy is dropped. A door that is shut is a socket that is closed: callers hear "connection refused".
fn accept(first: TcpListener, address: SocketAddr, target: SocketAddr, plan: &Arc<Plan>) {
    let mut listener = Some(first);
    let mut pumps: Vec<JoinHandle<()>> = Vec::new();
    loop {
        match listener.take() {
            _ if plan.closed() => break,
            Some(open) if plan.refuses() => drop(open),
            Some(open) => {
                if let Ok((client, _)) = open.accept() {
                    pumps.retain(|pump| !pump.is_finished());
                    pumps.extend(connect(client, target, plan));
                }
                listener = Some(open);
                continue;
            }
            None => listener = Some(TcpListener::bind(address).expect("nobody else takes the port of a proxy")),
        }
        plan.door_is(listener.is_none());
        if listener.is_none() {
            plan.wait_until_admitting();
        }
    }
    drop(listener);
    for pump in pumps {
        drop(pump.join());
    }
}

/// Both directions of one connection, unless the proxy was closed meanwhile or the server is not there.
fn connect(client: TcpStream, target: SocketAddr, plan: &Arc<Plan>) -> Vec<JoinHandle<()>> {
    if plan.closed() || plan.refuses() || plan.connections() >= CONNECTIONS {
        return Vec::new();
    }
    let pair = TcpStream::connect(target).and_then(|server| pump::Pair::new(client, server));
    let Ok(pair) = pair.map(Arc::new) else { return Vec::new() };
    plan.add(&pair);
    [Way::ToServer, Way::ToClient]
        .map(|way| {
            let (pair, plan) = (Arc::clone(&pair), Arc::clone(plan));
            thread::spawn(move || pump::run(way, &pair, &plan))
        })
        .into()
}
