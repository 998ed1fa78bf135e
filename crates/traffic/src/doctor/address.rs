//! The addresses to listen on: free, or who is there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use serde_json::Value;
use server::listener::Listener;

use super::Check;
use crate::http;

const WHAT: &str = "address";
/// A server on this machine answers in a moment; a program that never answers is not one of ours.
const PATIENCE: Duration = Duration::from_secs(3);

/// All together, as the server binds them; after an error each alone, to name the one.
pub(super) async fn checks(addrs: &[SocketAddr]) -> Vec<Check> {
    match Listener::bind(addrs) {
        Ok(_) => vec![Check::ok(WHAT, format!("{} is free", names(addrs)))],
        Err(_) => {
            let mut found = Vec::new();
            for addr in addrs {
                found.extend(one(*addr).await);
            }
            found
        }
    }
}

fn names(addrs: &[SocketAddr]) -> String {
    addrs.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(", ")
}

/// `None`: it is free, so that another one is to blame.
async fn one(addr: SocketAddr) -> Option<Check> {
    let error = Listener::bind(&[addr]).err()?;
    if let Some(instance) = traffic_at(reached_at(addr)).await {
        let found = format!("{addr}: a Traffic server answers there (instance {instance})");
        return Some(Check::warn(WHAT, found, "it is running already; stop it before another one starts here"));
    }
    let advice = format!(
        "see who has it with `ss -ltnp 'sport = :{}'` and stop that, or give another address with --http-addr",
        addr.port()
    );
    Some(Check::fail(WHAT, format!("{addr}: {error}"), advice))
}

/// "All addresses" is reached on this machine.
fn reached_at(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// The instance of the Traffic server that answers there.
async fn traffic_at(addr: SocketAddr) -> Option<String> {
    let request = Request::get(format!("http://{addr}/health/live")).body(Full::new(Bytes::new())).ok()?;
    let (status, body) = tokio::time::timeout(PATIENCE, http::send(request)).await.ok()?.ok()?;
    let facts: Value = serde_json::from_slice(&body).ok()?;
    let known = status.is_success() && facts["status"] == "live";
    facts["instance"].as_str().filter(|_| known).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_reached_over_loopback() {
        let reached = |addr: &str| reached_at(addr.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "[::1]:80");
        assert_eq!(reached("192.0.2.1:80"), "192.0.2.1:80");
    }
}
