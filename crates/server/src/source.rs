//! Where a request comes from: the address that limits are counted by. A client cannot choose it.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use crate::app::Shared;
use crate::config::Cidr;
use crate::listener::PeerAddr;

const FORWARDED_FOR: &str = "x-forwarded-for";
/// What says that somebody else is behind the connection.
const SPEAKS_FOR_OTHERS: [&str; 4] = [FORWARDED_FOR, "forwarded", "x-real-ip", "via"];

/// The block of addresses that one customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// IPv4: the address; IPv6: the first of its /64.
    block: IpAddr,
    /// This machine itself, and it speaks for nobody else.
    here: bool,
}

impl FromRequestParts<Shared> for Source {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Infallible> {
        Ok(Self::of(parts, &app.config.trusted_proxies))
    }
}

impl Source {
    /// A request that came over no socket comes from this process.
    pub fn of(parts: &Parts, proxies: &[Cidr]) -> Self {
        let peer = parts.extensions.get::<PeerAddr>().map_or(Ipv4Addr::LOCALHOST.into(), |PeerAddr(peer)| peer.ip());
        let peer = peer.to_canonical();
        let trusted = |address| proxies.iter().any(|proxy| proxy.contains(address));
        if trusted(peer) {
            let client = client(peer, &parts.headers, trusted);
            return Self { block: block(client), here: client.is_loopback() };
        }
        // A proxy of this machine that nobody told us of brings everybody.
        let alone = !SPEAKS_FOR_OTHERS.iter().any(|name| parts.headers.contains_key(*name));
        Self { block: block(peer), here: peer.is_loopback() && alone }
    }

    /// The lab, a bench, the operator's own tools: whoever can run them here needs no limits to be stopped.
    pub const fn is_here(&self) -> bool {
        self.here
    }

    /// As a number. The low bits are those in which sources differ.
    pub fn number(&self) -> u128 {
        match self.block {
            IpAddr::V4(v4) => u32::from(v4).into(),
            IpAddr::V6(v6) => (1 << 64) | (u128::from(v6) >> 64),
        }
    }
}

/// `192.0.2.1`, or `2001:db8::/64`.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.block {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

/// From the right, each address was written by the one to its right: believed as long as that is a trusted proxy. What is
/// no address ends the walk at the last one that was believed.
///
/// Invariant: `what stands left of the first stranger decides nothing`.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let lines = headers.get_all(FORWARDED_FOR).iter().map(|line| line.as_bytes());
    // Several lines are one list, in their order.
    let written: Vec<&[u8]> = lines.flat_map(|line| line.split(|byte| *byte == b',')).collect();
    let mut last = peer;
    for entry in written.into_iter().rev().map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty()) {
        let Some(address) = address(entry) else { break };
        last = address;
        if !trusted(last) {
            break;
        }
    }
    last
}

/// `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, each with or without a port.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip())).ok()?;
    Some(address.to_canonical())
}

/// Who is counted together: the address, or for IPv6 its /64, which is one customer's.
pub fn block(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};
    use proptest::prelude::*;

    use super::*;

    fn parts(peer: &str, forwarded: &[&[u8]]) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.extensions.insert(PeerAddr(SocketAddr::new(peer.parse().unwrap(), 1)));
        for line in forwarded {
            parts.headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        parts
    }

    fn source(peer: &str, forwarded: &[&str]) -> String {
        let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
        let lines: Vec<&[u8]> = forwarded.iter().map(|line| line.as_bytes()).collect();
        Source::of(&parts(peer, &lines), &proxies).to_string()
    }

    #[test]
    fn without_a_trusted_proxy_the_header_changes_nothing() {
        for forwarded in [&[][..], &["198.51.100.1"], &["10.0.0.1, 10.0.0.2"], &["rubbish"]] {
            assert_eq!(source("203.0.113.9", forwarded), "203.0.113.9");
        }
    }

    #[test]
    fn behind_trusted_proxies_the_first_stranger_from_the_right_counts() {
        for (forwarded, expected) in [
            (&["198.51.100.1"][..], "198.51.100.1"),
            (&["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
            (&["192.0.2.66, 198.51.100.1, 10.1.1.1 ,fd00::7"], "198.51.100.1"),
            (&["192.0.2.66", "198.51.100.1", "10.1.1.1"], "198.51.100.1"),
            (&["198.51.100.1,10.9.9.9"], "198.51.100.1"),
            (&["10.9.9.9"], "10.9.9.9"),
            (&["198.51.100.1:4711"], "198.51.100.1"),
            (&["[2001:db8:1:2:3:4:5:6]:4711"], "2001:db8:1:2::/64"),
            (&["[2001:db8:1:2::9]"], "2001:db8:1:2::/64"),
            (&["::ffff:198.51.100.1"], "198.51.100.1"),
            (&["198.51.100.1, ,"], "198.51.100.1"),
        ] {
            assert_eq!(source("10.0.0.1", forwarded), expected, "{forwarded:?}");
            assert_eq!(source("::ffff:10.0.0.1", forwarded), expected, "{forwarded:?}");
        }
    }

    #[test]
    fn what_is_no_address_ends_the_walk_where_it_was_still_believed() {
        for forwarded in [&[][..], &[""], &["unknown"], &["198.51.100.1, _hidden"], &["198.51.100.1, 256.1.1.1"]] {
            assert_eq!(source("10.0.0.1", forwarded), "10.0.0.1", "{forwarded:?}");
        }
        assert_eq!(source("10.0.0.1", &["198.51.100.1, x, 10.0.0.5"]), "10.0.0.5");
        let proxies = ["10.0.0.0/8".parse().unwrap()];
        let odd = parts("10.0.0.1", &[b"198.51.100.1\xff", b"10.0.0.5"]);
        assert_eq!(Source::of(&odd, &proxies).to_string(), "10.0.0.5");
    }

    #[test]
    fn addresses_of_one_customer_are_one_source() {
        assert_eq!(source("2001:db8:1:2::1", &[]), source("2001:db8:1:2:ffff::", &[]));
        assert_ne!(source("2001:db8:1:2::1", &[]), source("2001:db8:1:3::1", &[]));
        assert_eq!(source("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn sources_have_numbers_of_their_own_that_differ_in_the_low_bits() {
        let number = |peer: &str| Source::of(&parts(peer, &[]), &[]).number();
        assert_eq!(number("192.0.2.2") - number("192.0.2.1"), 1);
        assert_eq!(number("2001:db8:1:3::1") - number("2001:db8:1:2::1"), 1);
        assert_ne!(number("::"), number("0.0.0.0"));
    }

    #[test]
    fn this_machine_is_here_unless_it_speaks_for_others() {
        let here = |parts: &Parts, proxies: &[Cidr]| Source::of(parts, proxies).is_here();
        let trusted = ["127.0.0.1".parse().unwrap()];
        assert!(here(&parts("127.0.0.7", &[]), &[]) && here(&parts("::1", &[]), &[]));
        assert!(!here(&parts("192.0.2.1", &[]), &[]));
        assert!(!here(&parts("127.0.0.1", &[b"127.0.0.1"]), &[]), "a proxy that is not known");
        assert!(!here(&parts("127.0.0.1", &[b"198.51.100.1"]), &trusted));
        assert!(here(&parts("127.0.0.1", &[b"127.0.0.9"]), &trusted), "the lab through the proxy");
        assert!(!here(&parts("192.0.2.1", &[b"127.0.0.1"]), &trusted), "said by a stranger");
        for name in SPEAKS_FOR_OTHERS {
            let mut parts = parts("127.0.0.1", &[]);
            parts.headers.insert(name, HeaderValue::from_static("x"));
            assert!(!here(&parts, &[]), "{name}");
        }
    }

    proptest! {
        /// Whatever a client claims, its proxy writes the true address behind it.
        #[test]
        fn what_stands_left_of_the_first_stranger_decides_nothing(claims in prop::collection::vec(prop::collection::vec(0x20_u8..=0xfe, 0..40), 0..4)) {
            let claims: Vec<Vec<u8>> = claims.into_iter().map(|claim| claim.into_iter().filter(|b| *b != 0x7f).collect()).collect();
            let mut lines: Vec<&[u8]> = claims.iter().map(Vec::as_slice).collect();
            lines.push(b"198.51.100.1");
            let proxies = ["10.0.0.0/8".parse().unwrap()];
            prop_assert_eq!(Source::of(&parts("10.0.0.1", &lines), &proxies).to_string(), "198.51.100.1");
        }
    }
}
