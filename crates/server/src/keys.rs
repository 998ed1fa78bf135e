//! The keys of sessions and admissions, all derived from one secret, so that every node has the same; and what every
//! signing key has, also that of tickets.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::json;

use crate::config::Secret;

/// Part of every derivation: another version of Traffic's formats would get other keys from the same secret.
const DERIVATION: &[u8] = b"traffic/keys/1";
pub const KEY_BYTES: usize = 32;
/// 64 bits of hash tell two keys apart; the id decides nothing.
const KID_BYTES: usize = 8;

/// What is signed with now, and what is still accepted.
#[derive(Debug)]
pub struct Keys {
    pub current: KeySet,
    /// From the previous secret: verifies, never signs.
    pub previous: Option<KeySet>,
}

/// The keys of one secret.
pub struct KeySet {
    pub session: hmac::Key,
    /// Signs challenges of the proof of work.
    pub proof: hmac::Key,
    /// Hides one-time codes from whoever reads the database.
    pub code: hmac::Key,
    pub admission: SigningKey,
}

/// An Ed25519 pair. The public half is published, so that others can check what it signs.
pub struct SigningKey {
    pub kid: String,
    pub signing: EncodingKey,
    pub verifying: DecodingKey,
    public_base64: String,
}

impl Keys {
    pub fn derive(secret: &Secret, previous: Option<&Secret>) -> Self {
        Self { current: KeySet::derive(secret), previous: previous.map(KeySet::derive) }
    }

    /// The current set first: most tokens are recent.
    pub fn accepted(&self) -> impl Iterator<Item = &KeySet> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The body of `/.well-known/jwks.json` (RFC 7517, RFC 8037): the keys of admissions, then that of tickets.
    pub fn jwks(&self, ticket: &SigningKey) -> serde_json::Value {
        let admissions = self.accepted().map(|set| &set.admission);
        let keys: Vec<_> = admissions.chain([ticket]).map(SigningKey::jwk).collect();
        json!({ "keys": keys })
    }
}

impl KeySet {
    fn derive(secret: &Secret) -> Self {
        Self {
            session: hmac::Key::new(hmac::HMAC_SHA256, &expand(secret, b"session hmac-sha256")),
            proof: hmac::Key::new(hmac::HMAC_SHA256, &expand(secret, b"proof of work hmac-sha256")),
            code: hmac::Key::new(hmac::HMAC_SHA256, &expand(secret, b"one-time code hmac-sha256")),
            admission: SigningKey::new("", &seeded(&expand(secret, b"admission ed25519"))),
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet").field("kid", &self.admission.kid).finish_non_exhaustive()
    }
}

/// The pair of a seed.
pub fn seeded(seed: &[u8; KEY_BYTES]) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(seed).expect("every 32 bytes are an Ed25519 seed")
}

impl SigningKey {
    /// The key id begins with `kind`, so that who reads the published keys sees what each is for.
    pub fn new(kind: &str, pair: &Ed25519KeyPair) -> Self {
        let public = pair.public_key().as_ref();
        let pkcs8 = pair.to_pkcs8().expect("a pair in memory can be written");
        let hash = digest(&SHA256, public);
        Self {
            kid: format!("{kind}{}", BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..KID_BYTES])),
            signing: EncodingKey::from_ed_der(pkcs8.as_ref()),
            verifying: DecodingKey::from_ed_der(public),
            public_base64: BASE64_URL_SAFE_NO_PAD.encode(public),
        }
    }

    fn jwk(&self) -> serde_json::Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.kid, "x": self.public_base64,
        })
    }
}

/// HKDF-SHA256 (RFC 5869); `purpose` keeps the keys of one secret independent of each other.
fn expand(secret: &Secret, purpose: &[u8]) -> [u8; KEY_BYTES] {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            KEY_BYTES
        }
    }
    let mut key = [0; KEY_BYTES];
    let root = Salt::new(HKDF_SHA256, DERIVATION).extract(secret.reveal().as_bytes());
    root.expand(&[purpose], Length).and_then(|output| output.fill(&mut key)).expect("32 bytes are within HKDF's limit");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwks(keys: &Keys) -> serde_json::Value {
        keys.jwks(&SigningKey::new("ticket-", &seeded(&[1; KEY_BYTES])))
    }

    #[test]
    fn the_same_secret_gives_the_same_keys_on_every_node() {
        let [one, two] = ["secret a", "secret a"].map(|secret| Keys::derive(&Secret::new(secret), None));
        assert_eq!(jwks(&one), jwks(&two));
        assert_eq!(hmac::sign(&one.current.session, b"x").as_ref(), hmac::sign(&two.current.session, b"x").as_ref());
    }

    /// A change here logs everyone out at the next deployment. Both values were also computed without this code,
    /// by Python's `hmac` and by OpenSSL.
    #[test]
    fn derived_keys_do_not_change_between_versions() {
        let keys = Keys::derive(&Secret::new("golden secret"), None);
        let tag = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&keys.current.session, b"golden message"));
        insta::assert_snapshot!(tag, @"JI3V-pFdNCFN_bSPCGrXUnYMNHKwT1mqUcLJ5g4BX2E");
        insta::assert_snapshot!(keys.current.admission.jwk(), @r#"{"alg":"EdDSA","crv":"Ed25519","kid":"krtWKXS-eY8","kty":"OKP","use":"sig","x":"IAXCu4M1mvdRNTqo0YyHVel6qOdYXaJjKIAai6PzfTU"}"#);
    }

    #[test]
    fn other_secrets_and_other_purposes_give_other_keys() {
        let secrets = ["secret a", "secret b"].map(Secret::new);
        assert_ne!(expand(&secrets[0], b"x"), expand(&secrets[1], b"x"));
        assert_ne!(expand(&secrets[0], b"x"), expand(&secrets[0], b"y"));
    }

    #[test]
    fn the_published_keys_hold_current_and_previous_and_tickets_and_no_private_part() {
        let keys = Keys::derive(&Secret::new("new"), Some(&Secret::new("old")));
        let published = jwks(&keys);
        let list = published["keys"].as_array().unwrap();
        assert_eq!(list.len(), 3);
        assert_ne!(list[0]["kid"], list[1]["kid"]);
        assert!(list[2]["kid"].as_str().unwrap().starts_with("ticket-"));
        assert!(list.iter().all(|key| key.get("d").is_none()));
        let debug = format!("{keys:?}");
        assert!(!debug.contains("signing"), "{debug}");
    }
}
