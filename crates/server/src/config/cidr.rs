//! A block of addresses, such as `10.0.0.0/8`.

use std::net::IpAddr;
use std::str::FromStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix_bits: u8,
}

/// What all IPv4 addresses that are written as IPv6 have in common.
const MAPPED_BITS: u8 = 96;

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
        // Addresses are looked at as the IPv4 addresses that they are: so is a block of them.
        if address != address.to_canonical() {
            let prefix_bits = prefix_bits.checked_sub(MAPPED_BITS).ok_or_else(|| {
                format!("`{text}` is more than IPv4: a prefix of {MAPPED_BITS} to 128 bits is needed")
            })?;
            return Ok(Self { address: address.to_canonical(), prefix_bits });
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
    fn a_block_of_ipv4_written_as_ipv6_is_that_block_of_ipv4() {
        assert!(holds("::ffff:10.0.0.1", "10.0.0.1") && !holds("::ffff:10.0.0.1", "10.0.0.2"));
        assert!(holds("::ffff:10.0.0.0/104", "10.9.9.9") && holds("::ffff:10.0.0.0/104", "::ffff:10.9.9.9"));
        assert!(!holds("::ffff:10.0.0.0/104", "11.0.0.1") && holds("::ffff:0.0.0.0/96", "192.0.2.1"));
        assert!("::ffff:0.0.0.0/95".parse::<Cidr>().unwrap_err().contains("96"));
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
