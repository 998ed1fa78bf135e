//! Where a server of ours can listen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

use anyhow::Context as _;

/// Below the range that outgoing connections draw from, so that none of ours sits on the port already.
const PORTS: Range<u16> = 10_000..30_000;

/// A loopback address that nobody has now. Where each look begins differs by process, so that two runs at once rarely meet.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    let first = u16::try_from(std::process::id() % u32::from(PORTS.end - PORTS.start))? + PORTS.start;
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let port = (first..PORTS.end).chain(PORTS.start..first).find(free).context("no free port")?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_is_below_the_range_of_outgoing_connections() {
        let addr = free_address().unwrap();
        assert!(addr.ip().is_loopback() && PORTS.contains(&addr.port()));
        assert!(TcpListener::bind(addr).is_ok());
    }
}
