//! A block of addresses that is read holds the address it is written with; what is in it does not depend on how that is
//! written.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use server::config::Cidr;

fuzz_target!(|text: &str| {
    let Ok(block) = text.parse::<Cidr>() else { return };
    let address = text.split('/').next().unwrap_or_default();
    let address: IpAddr = address.parse().expect("a block begins with an address");
    assert!(block.contains(address), "{text}");
    if let IpAddr::V4(v4) = address.to_canonical() {
        assert!(block.contains(v4.to_ipv6_mapped().into()), "{text}");
    }
});
