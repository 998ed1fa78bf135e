//! The idempotency key of a request: in the body or the header, and the digest of what was asked.

use aws_lc_rs::digest::{SHA256, digest};
use domain::{AccountId, SaleId};
use http::HeaderMap;
use store::idempotency::Key;
use uuid::Uuid;

use crate::problem::Problem;

/// Longer than any UUID or hash that a client would use.
const KEY_CHARS_MAX: usize = 128;

/// The key of the body or the header; where both are there they must agree.
pub fn find(headers: &HeaderMap, in_body: Option<&str>) -> Result<Option<String>, Problem> {
    let in_header = match headers.get("idempotency-key") {
        Some(value) => Some(value.to_str().map_err(|_| Problem::key_required())?),
        None => None,
    };
    let key = match (in_header, in_body) {
        (Some(header), Some(body)) if header != body => {
            let detail = "idempotency_key: the header and the body name different keys.";
            return Err(Problem::field("idempotency_key", detail));
        }
        (header, body) => header.or(body),
    };
    match key {
        Some(key) if is_key(key) => Ok(Some(key.to_owned())),
        Some(_) => Err(Problem::key_required()),
        None => Ok(None),
    }
}

pub fn required(headers: &HeaderMap, in_body: Option<&str>) -> Result<String, Problem> {
    find(headers, in_body)?.ok_or_else(Problem::key_required)
}

pub fn is_key(key: &str) -> bool {
    (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `asked` is what makes two requests the same one.
pub fn key(account: AccountId, sale: SaleId, verb: &'static str, key: String, asked: &str) -> Key {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, asked.as_bytes()).as_ref());
    Key { account, sale, verb, key, digest: hash }
}

/// A key that belongs to no account and no sale: the operator's, or this program's own.
pub fn of_nobody(verb: &'static str, key: String, asked: &str) -> Key {
    let (nobody, nowhere) = (AccountId(Uuid::nil()), SaleId(Uuid::nil()));
    self::key(nobody, nowhere, verb, key, asked)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(key: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static("idempotency-key"),
            HeaderValue::from_str(key).expect("a header"),
        )])
    }

    #[test]
    fn header_and_body_must_agree() {
        assert_eq!(required(&headers("a"), None), Ok("a".to_owned()));
        assert_eq!(required(&headers("a"), Some("a")), Ok("a".to_owned()));
        assert_eq!(required(&headers("a"), Some("b")).map_err(|problem| problem.status.as_u16()), Err(422));
    }

    #[test]
    fn a_key_is_1_to_128_visible_characters() {
        let none = HeaderMap::new();
        assert!(required(&none, Some(&"k".repeat(128))).is_ok());
        for wrong in ["", "a b", "é", &"k".repeat(129)] {
            assert_eq!(required(&none, Some(wrong)), Err(Problem::key_required()), "{wrong}");
        }
        assert_eq!(required(&none, None), Err(Problem::key_required()));
    }
}
