//! A block of addresses, such as `10.0.0.0/8`.

use std::net::IpAddr;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix_bits: u8,
}

impl Cidr {
    /// An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as the IPv4 address it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => self.same_prefix(high(ours.into()), high(theirs.into())),
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => self.same_prefix(ours.into(), theirs.into()),
            _ => false,
        }
    }

    fn same_prefix(&self, ours: u128, theirs: u128) -> bool {
        self.prefix_bits == 0 || (ours ^ theirs) >> (128 - u32::from(self.prefix_bits)) == 0
    }
}

/// IPv4 in the upper bits, so that prefixes are counted from the same end as IPv6.
const fn high(address: u32) -> u128 {
    (address as u128) << 96
}

/// `address/bits`, or one address alone.
impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr =
            address.parse().map_err(|_| format!("`{text}` is not an address block like 10.0.0.0/8"))?;
        let most_bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Ok(most_bits), str::parse).unwrap_or(u8::MAX);
        if prefix_bits > most_bits {
            return Err(format!("`{text}` needs a prefix of 0 to {most_bits} bits"));
        }
        Ok(Self { address, prefix_bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(block: &str, address: &str) -> bool {
        block.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_block_holds_its_own_addresses_only() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.0"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(!holds("fd00::/8", "10.0.0.1"));
        assert!(holds("0.0.0.0/0", "8.8.8.8"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.8"));
    }

    #[test]
    fn wrong_blocks_are_refused() {
        for text in ["", "ten", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", "10.0.0.0/-1"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
