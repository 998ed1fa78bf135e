//! Whatever a client writes into X-Forwarded-For, it is counted under the address that a trusted proxy saw.
#![no_main]

use std::net::SocketAddr;

use http::request::Parts;
use http::{HeaderValue, Request};
use libfuzzer_sys::fuzz_target;
use server::config::Cidr;
use server::listener::PeerAddr;
use server::source::Source;

const PROXY: &str = "10.0.0.1:1";
const CLIENT: &str = "192.0.2.7";

fn parts(peer: &str, lines: impl Iterator<Item = HeaderValue>) -> Parts {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.extensions.insert(PeerAddr(peer.parse::<SocketAddr>().expect("an address")));
    lines.for_each(|line| {
        parts.headers.append("x-forwarded-for", line);
    });
    parts
}

fuzz_target!(|sent: (&[u8], &[u8], bool)| {
    let (first, second, own_line) = sent;
    let proxies: [Cidr; 1] = ["10.0.0.0/8".parse().expect("a block")];
    let of = |lines: &[&[u8]], peer: &str| {
        let lines = lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok());
        Source::of(&parts(peer, lines), &proxies).to_string()
    };
    // To us directly: the header is nobody's.
    assert_eq!(of(&[first, second], "192.0.2.7:1"), CLIENT);
    // Through a proxy, which adds whom it saw: a line of its own, or the end of the last one.
    if own_line {
        assert_eq!(of(&[first, second, CLIENT.as_bytes()], PROXY), CLIENT);
    } else if HeaderValue::from_bytes(second).is_ok() {
        assert_eq!(of(&[first, &[second, b", ", CLIENT.as_bytes()].concat()], PROXY), CLIENT);
    }
});
