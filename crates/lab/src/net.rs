//! One HTTP/1 connection of one virtual fan, from a source address of its own; reconnects, never pools.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

use crate::LabError;
use crate::spare::Spare;

/// A fan's answer is a few hundred bytes, a list of 200 seats some 20 KiB; beyond this something else answers.
pub(crate) const FAN_BODY_LIMIT: usize = 4 << 20;
/// An export of a million entries is some 400 MiB.
pub(crate) const EXPORT_BODY_LIMIT: usize = 1 << 30;
/// A head of an answer fits several times; a long body is read in pieces. Ten thousand fans have one each.
const READ_BUFFER: usize = 4 << 10;

/// Where the run goes, checked once: `http` only, and loopback only unless remote was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) authority: String,
    pub(crate) address: SocketAddr,
}

impl Target {
    pub(crate) fn parse(base_url: &str, remote: bool) -> Result<Arc<Self>, LabError> {
        Self::named("base url", base_url, remote)
    }

    /// As `parse`, of an address with another name.
    pub(crate) fn named(name: &str, base_url: &str, remote: bool) -> Result<Arc<Self>, LabError> {
        let bad = |why: &str| LabError::BadPlan(format!("{name} {base_url}: {why}"));
        let uri: http::Uri = base_url.trim_end_matches('/').parse().map_err(|_| bad("not a URL"))?;
        if uri.scheme_str() != Some("http") {
            return Err(bad("only http:// is driven; put the lab behind the TLS proxy"));
        }
        if uri.path() != "/" && !uri.path().is_empty() {
            return Err(bad("must not have a path"));
        }
        let authority = uri.authority().ok_or_else(|| bad("has no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(80);
        let ip = match host {
            "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => match host.parse() {
                Ok(ip) => ip,
                Err(_) if !remote => return Err(bad("is not loopback; say --remote if you mean it")),
                Err(_) => resolve(host, port).ok_or_else(|| bad("cannot be resolved"))?,
            },
        };
        if !ip.is_loopback() && !remote {
            return Err(bad("is not loopback; say --remote if you mean it"));
        }
        Ok(Arc::new(Target { authority: authority.to_string(), address: SocketAddr::new(ip, port) }))
    }
}

fn resolve(host: &str, port: u16) -> Option<IpAddr> {
    (host, port).to_socket_addrs().ok()?.next().map(|address| address.ip())
}

/// Devices of one fan; what is above belongs to rings.
pub(crate) const DEVICES: usize = 200;

/// The source address of a fan's device: 127.1.0.0 upwards, a block of 65,536 for all first devices, one for all second ones,
/// and so on. Never 127.0.0.x, which a proxy may use.
pub(crate) fn source_address(fan: u32, device: usize) -> Ipv4Addr {
    let block = u8::try_from(1 + device % DEVICES).expect("at most 200");
    let [_, _, high, low] = fan.to_be_bytes();
    Ipv4Addr::new(127, block, high, low)
}

/// Accounts of one ring come from one network of 256 addresses.
pub(crate) fn ring_address(ring: u32, member: u32, device: usize) -> Ipv4Addr {
    let [_, _, high, low] = ring.to_be_bytes();
    let host = u8::try_from((member as usize + device) % 254).expect("below 254") + 1;
    Ipv4Addr::new(127, 220 + high % 32, low, host)
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    /// `Retry-After` in seconds.
    pub(crate) retry_after_sec: Option<u64>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NetError {
    /// The generator itself ran out of files or ports: the measurement is not to be trusted.
    Generator(String),
    /// Refused, reset or cut: the operation may or may not have happened.
    Lost(String),
}

/// A connection that is opened when first needed and again whenever it was lost.
pub(crate) struct Conn {
    target: Arc<Target>,
    source: Option<Ipv4Addr>,
    body_limit: usize,
    spare: Option<Arc<Spare>>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Conn {
    /// From this address where the target is on this machine.
    pub(crate) fn of_fan(target: Arc<Target>, source: Ipv4Addr, spare: Arc<Spare>) -> Self {
        let loopback = matches!(target.address.ip(), IpAddr::V4(ip) if ip.is_loopback());
        let source = loopback.then_some(source);
        Conn { target, source, body_limit: FAN_BODY_LIMIT, spare: Some(spare), sender: None }
    }

    /// For set-up, samples and exports: no address of its own.
    pub(crate) fn of_operator(target: Arc<Target>) -> Self {
        Conn { target, source: None, body_limit: EXPORT_BODY_LIMIT, spare: None, sender: None }
    }

    pub(crate) fn authority(&self) -> &str {
        &self.target.authority
    }

    /// Sends one request and reads its whole answer. Dropping the future cuts the connection.
    pub(crate) async fn call(&mut self, request: Request<Full<Bytes>>, limit: Duration) -> Result<Answer, NetError> {
        let mut sender = self.sender.take();
        match tokio::time::timeout(limit, exchange(&mut sender, self, request)).await {
            Ok(Ok(answer)) => {
                self.sender = sender.filter(|sender| !sender.is_closed());
                Ok(answer)
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(NetError::Lost(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    /// Hangs up; the next request connects anew.
    pub(crate) fn close(&mut self) {
        self.sender = None;
    }

    /// Connects, and hangs up before anything is said.
    pub(crate) async fn ring_off(&mut self) -> Result<(), NetError> {
        self.close();
        open(self.target.address, self.source).await.map(drop).map_err(|error| own_or_lost(&error))
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, NetError> {
        let stream = open(self.target.address, self.source).await.map_err(|error| own_or_lost(&error))?;
        if let Some(spare) = &self.spare {
            spare.use_one();
        }
        let (sender, connection) = http1::Builder::new()
            .read_buf_exact_size(Some(READ_BUFFER))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| NetError::Lost(error.to_string()))?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

async fn exchange(
    sender: &mut Option<SendRequest<Full<Bytes>>>,
    conn: &Conn,
    mut request: Request<Full<Bytes>>,
) -> Result<Answer, NetError> {
    if let Some(kept) = sender.as_mut().filter(|kept| kept.is_ready()) {
        match kept.try_send_request(request).await {
            Ok(response) => return read(response, conn.body_limit).await,
            // The kept connection was closed before a byte of this was written: safe to send on a new one.
            Err(mut failed) => match failed.take_message() {
                Some(unsent) => request = unsent,
                None => return Err(NetError::Lost(failed.into_error().to_string())),
            },
        }
    }
    let fresh = sender.insert(conn.connect().await?);
    fresh.ready().await.map_err(|error| NetError::Lost(error.to_string()))?;
    let response = fresh.send_request(request).await.map_err(|error| NetError::Lost(error.to_string()))?;
    read(response, conn.body_limit).await
}

async fn read(response: http::Response<hyper::body::Incoming>, limit: usize) -> Result<Answer, NetError> {
    let status = response.status().as_u16();
    let retry_after_sec =
        response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let body =
        Limited::new(response.into_body(), limit).collect().await.map_err(|error| NetError::Lost(error.to_string()))?;
    Ok(Answer { status, body: body.to_bytes(), retry_after_sec })
}

async fn open(address: SocketAddr, source: Option<Ipv4Addr>) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Too many files or no port to bind is the generator's own failure; everything else is the network's.
fn own_or_lost(error: &std::io::Error) -> NetError {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    let own = matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
        || matches!(error.kind(), std::io::ErrorKind::AddrInUse | std::io::ErrorKind::AddrNotAvailable);
    if own { NetError::Generator(error.to_string()) } else { NetError::Lost(error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_connected_as_127_0_0_1() {
        let target = Target::parse("http://localhost:8080/", false).expect("loopback");
        assert_eq!(target.address.to_string(), "127.0.0.1:8080");
        assert_eq!(target.authority, "localhost:8080");
    }

    #[test]
    fn a_target_elsewhere_needs_remote() {
        assert!(Target::parse("http://192.0.2.1:80", false).is_err());
        assert!(Target::parse("http://example.test:80", false).is_err());
        assert!(Target::parse("http://192.0.2.1:80", true).is_ok());
        assert!(Target::parse("https://localhost", false).is_err());
        assert!(Target::parse("http://localhost/x", false).is_err());
    }

    #[test]
    fn no_fan_uses_the_proxys_address_and_no_two_share_one() {
        let mut seen = std::collections::HashSet::new();
        for fan in (0..50_000).step_by(7) {
            for device in [0, 1, 2, DEVICES - 1] {
                let address = source_address(fan, device);
                assert!(address.is_loopback() && address.octets()[1] != 0);
                assert!(seen.insert(address));
            }
        }
        for ring in 0..300 {
            let network = |member| ring_address(ring, member, 0).octets();
            assert_eq!(network(0)[..3], network(9)[..3], "one network for all of a ring");
            assert!((0..10).all(|member| seen.insert(network(member).into())));
        }
    }
}
