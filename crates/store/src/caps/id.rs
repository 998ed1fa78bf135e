//! Names of clusters: keyed hashes of what accounts share, so that the tables hold no card, phone or address, and nobody
//! without the key can try them all.

use std::net::IpAddr;

use aws_lc_rs::hmac;
use uuid::Uuid;

/// 128 bits are enough that no two circles of all sales together meet by chance. Each part has its length before it.
pub(super) fn circle(salt: &[u8], parts: &[&[u8]]) -> Uuid {
    let mut message = b"traffic.circle/1".to_vec();
    for part in parts {
        message.extend((part.len() as u64).to_be_bytes());
        message.extend(*part);
    }
    let mut id = [0; 16];
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), &message);
    id.copy_from_slice(&tag.as_ref()[..16]);
    Uuid::from_bytes(id)
}

/// One number in its ways of being written: with a plus, with the zeros that stand for it, with signs in between.
pub(super) fn phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let number = digits.trim_start_matches('0');
    (!number.is_empty()).then(|| number.to_owned())
}

/// What one customer of a provider has, or a small office: /24 of IPv4, /48 of IPv6.
pub(super) fn block(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets()[..3].to_vec(),
        IpAddr::V6(address) => address.octets()[..6].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_salt_or_another_cut_gives_another_circle() {
        let one = circle(b"salt", &[b"ab", b"c"]);
        assert_eq!(one, circle(b"salt", &[b"ab", b"c"]));
        assert_ne!(one, circle(b"salt", &[b"a", b"bc"]));
        assert_ne!(one, circle(b"other", &[b"ab", b"c"]));
    }

    #[test]
    fn a_number_is_one_number_however_it_is_written() {
        for text in ["+91225550100", "0091225550100", "91 22 555-0100"] {
            assert_eq!(phone(text).as_deref(), Some("91225550100"), "{text}");
        }
        assert_eq!(phone("000"), None);
    }

    #[test]
    fn neighbours_share_a_block_and_others_do_not() {
        let of = |text: &str| block(text.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("192.0.2.254"));
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.9"));
        assert_ne!(of("192.0.2.1"), of("192.0.3.1"));
        assert_eq!(of("2001:db8:1:2::3"), of("2001:db8:1:ffff::1"));
        assert_ne!(of("2001:db8:1::"), of("2001:db8:2::"));
    }
}
