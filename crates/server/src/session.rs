//! The session token: who this is, until when, signed. Checked on every request, so it is small and quick.
//!
//! `base64url(version 1 | account 16 | expires, unix seconds 4 | tag 16)`, the tag being HMAC-SHA256 cut to 128 bits.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{AccountId, Timestamp};
use uuid::Uuid;

use crate::keys::Keys;

const VERSION: u8 = 1;
const ACCOUNT_END: usize = 17;
const SIGNED_END: usize = 21;
const TOKEN_BYTES: usize = 37;
/// 37 bytes in base64 without padding.
const TOKEN_CHARS: usize = 50;

/// All three are 401 `session_invalid` outside; apart in metrics and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    #[error("not a session token")]
    Malformed,
    #[error("not signed by this installation")]
    Forged,
    #[error("expired")]
    Expired,
}

/// Valid until `expires_at`, that second not included.
pub fn mint(keys: &Keys, account: AccountId, expires_at: Timestamp) -> String {
    let expires_sec = u32::try_from(expires_at.millis().max(0) / 1000).unwrap_or(u32::MAX);
    let mut token = [0; TOKEN_BYTES];
    token[0] = VERSION;
    token[1..ACCOUNT_END].copy_from_slice(account.0.as_bytes());
    token[ACCOUNT_END..SIGNED_END].copy_from_slice(&expires_sec.to_be_bytes());
    let tag = hmac::sign(&keys.current.session, &token[..SIGNED_END]);
    token[SIGNED_END..].copy_from_slice(&tag.as_ref()[..TOKEN_BYTES - SIGNED_END]);
    BASE64_URL_SAFE_NO_PAD.encode(token)
}

/// Who the token speaks for. The signature is judged before anything it covers.
pub fn verify(keys: &Keys, token: &str, now: Timestamp) -> Result<AccountId, SessionError> {
    let token = decode(token).ok_or(SessionError::Malformed)?;
    let (signed, tag) = token.split_at(SIGNED_END);
    if !keys.accepted().any(|set| tag_matches(&set.session, signed, tag)) {
        return Err(SessionError::Forged);
    }
    let expires_sec = signed[ACCOUNT_END..].iter().fold(0, |sec, byte| sec << 8 | i64::from(*byte));
    if now.millis() >= expires_sec * 1000 {
        return Err(SessionError::Expired);
    }
    Uuid::from_slice(&signed[1..ACCOUNT_END]).map(AccountId).map_err(|_| SessionError::Malformed)
}

/// Strict base64: one account and time have exactly one token.
fn decode(token: &str) -> Option<[u8; TOKEN_BYTES]> {
    let mut bytes = [0; TOKEN_BYTES];
    if token.len() != TOKEN_CHARS {
        return None;
    }
    let length = BASE64_URL_SAFE_NO_PAD.decode_slice_unchecked(token, &mut bytes).ok()?;
    (length == TOKEN_BYTES && bytes[0] == VERSION).then_some(bytes)
}

fn tag_matches(key: &hmac::Key, signed: &[u8], tag: &[u8]) -> bool {
    let expected = hmac::sign(key, signed);
    verify_slices_are_equal(&expected.as_ref()[..tag.len()], tag).is_ok()
}

/// The cookie that carries the token for browsers.
#[derive(Clone, Copy, Debug)]
pub struct SessionCookie {
    /// False only in development, where pages come over plain http.
    pub secure: bool,
}

impl SessionCookie {
    /// The `__Host-` prefix makes browsers insist on Secure, Path=/ and no Domain.
    pub const fn name(self) -> &'static str {
        if self.secure { "__Host-traffic" } else { "traffic_session" }
    }

    /// The token in a `Cookie` header's value.
    pub fn find(self, header: &str) -> Option<&str> {
        header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == self.name()).then_some(value))
    }

    /// The value of a `Set-Cookie` header.
    pub fn set(self, token: &str, max_age_sec: u64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={token}; Path=/; Max-Age={max_age_sec}; HttpOnly; SameSite=Lax{secure}", self.name())
    }

    /// Makes the browser forget it.
    pub fn clear(self) -> String {
        self.set("", 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn keys(secret: &str, previous: Option<&str>) -> Keys {
        Keys::derive(&Secret::new(secret), previous.map(Secret::new).as_ref())
    }

    fn account() -> AccountId {
        AccountId(Uuid::from_u128(0x0192_7f3e))
    }

    #[test]
    fn a_minted_token_names_its_account_until_its_last_second() {
        let keys = keys("a", None);
        let token = mint(&keys, account(), NOW.plus_sec(60));
        assert_eq!(token.len(), TOKEN_CHARS);
        assert_eq!(verify(&keys, &token, NOW), Ok(account()));
        assert_eq!(verify(&keys, &token, NOW.plus_sec(59)), Ok(account()));
        assert_eq!(verify(&keys, &token, NOW.plus_sec(60)), Err(SessionError::Expired));
    }

    #[test]
    fn a_token_of_the_previous_secret_is_accepted_and_of_another_is_not() {
        let token = mint(&keys("old", None), account(), NOW.plus_sec(60));
        assert_eq!(verify(&keys("new", Some("old")), &token, NOW), Ok(account()));
        assert_eq!(verify(&keys("new", None), &token, NOW), Err(SessionError::Forged));
        let fresh = mint(&keys("new", Some("old")), account(), NOW.plus_sec(60));
        assert_eq!(verify(&keys("old", None), &fresh, NOW), Err(SessionError::Forged), "the old key must not sign");
    }

    #[test]
    fn changing_any_bit_makes_it_forged_or_malformed() {
        let keys = keys("a", None);
        let bytes = decode(&mint(&keys, account(), NOW.plus_sec(60))).unwrap();
        for bit in 0..TOKEN_BYTES * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            let answer = verify(&keys, &BASE64_URL_SAFE_NO_PAD.encode(changed), NOW);
            assert_eq!(answer, Err(if bit < 8 { SessionError::Malformed } else { SessionError::Forged }), "bit {bit}");
        }
    }

    #[test]
    fn what_is_no_token_is_malformed() {
        let keys = keys("a", None);
        let token = mint(&keys, account(), NOW.plus_sec(60));
        let longer = format!("{token}A");
        let padded = format!("{}==", &token[..48]);
        let other_last = format!("{}{}", &token[..49], if token.ends_with('B') { 'C' } else { 'B' });
        for text in ["", "abc", &token[..49], &longer, &padded, &other_last, &"é".repeat(25), &" ".repeat(50)] {
            assert_eq!(verify(&keys, text, NOW), Err(SessionError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_cookie_is_found_among_others_by_its_whole_name() {
        let cookie = SessionCookie { secure: true };
        assert_eq!(cookie.find("a=1; __Host-traffic=tok; b=2"), Some("tok"));
        assert_eq!(cookie.find("x__Host-traffic=tok; __Host-traffic2=t; __Host-traffic"), None);
        assert_eq!(cookie.find("traffic_session=tok"), None, "a plain cookie must not stand in for the secure one");
        assert_eq!(SessionCookie { secure: false }.find("traffic_session=tok"), Some("tok"));
    }

    #[test]
    fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
        let set = SessionCookie { secure: true }.set("tok", 60);
        assert_eq!(set, "__Host-traffic=tok; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert!(!SessionCookie { secure: false }.clear().contains("Secure"));
    }
}
