//! The admission token: a signed hint that its fan has been let in. The transaction decides; this keeps others out early.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use domain::{AccountId, ClaimId, Refusal, SaleId, Timestamp};
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use crate::keys::{Keys, SigningKey};

const ISSUER: &str = "traffic";
/// Tickets have another one.
const TYPE: &str = "JWT";
/// Long enough to be re-signed at half its life by fans who poll every 20 s, short enough to be little worth stealing.
pub const ADMISSION_TTL_SEC: i64 = 90;
/// Clocks of nodes may differ by this much.
const LEEWAY_SEC: i64 = 5;
/// Longer texts are not looked at; ours have about 430 characters.
const TOKEN_CHARS_MAX: usize = 1024;
/// Verified tokens remembered: a busy sale's people inside. About 100 bytes each.
const CACHE_MAX: usize = 65_536;
/// So that the cores rarely wait for each other.
const CACHE_SHARDS: usize = 16;

/// Who was let in where. Good until `expires_at`, give or take the leeway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    pub sale: SaleId,
    pub account: AccountId,
    pub claim: ClaimId,
    pub expires_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: SaleId,
    sub: AccountId,
    jti: ClaimId,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Signs admissions, and verifies them with a memory: a signature costs 30 us to check, a look-up less than 1.
pub struct Admissions {
    keys: Arc<Keys>,
    validation: Validation,
    verified: Box<[Shard]>,
}

type Shard = Mutex<HashMap<[u8; 32], Verified>>;

#[derive(Clone, Copy)]
struct Verified {
    admission: Admission,
    not_before: Timestamp,
}

impl Admissions {
    pub fn new(keys: Arc<Keys>) -> Self {
        let verified = (0..CACHE_SHARDS).map(|_| Shard::default()).collect();
        Self { keys, validation: validation(), verified }
    }

    /// A token good for [`ADMISSION_TTL_SEC`] from `now`, and the instant it ends.
    pub fn mint(&self, sale: SaleId, account: AccountId, claim: ClaimId, now: Timestamp) -> (String, Timestamp) {
        let key = &self.keys.current.admission;
        let now_sec = now.millis().div_euclid(1000);
        let exp = now_sec + ADMISSION_TTL_SEC;
        let claims =
            Claims { iss: ISSUER.to_owned(), aud: sale, sub: account, jti: claim, iat: now_sec, nbf: now_sec, exp };
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let token = encode(&header, &claims, &key.signing).expect("our own key signs our own claims");
        (token, Timestamp(exp * 1000))
    }

    /// Refuses what is not ours, then what is not now, then what is not for `sale`.
    pub fn verify(&self, token: &str, sale: SaleId, now: Timestamp) -> Result<Admission, Refusal> {
        let verified = self.signed_by_us(token, now)?;
        let leeway = |at: Timestamp, sec: i64| at.plus_sec(sec);
        if now < leeway(verified.not_before, -LEEWAY_SEC) {
            return Err(Refusal::AdmissionInvalid);
        }
        if now >= leeway(verified.admission.expires_at, LEEWAY_SEC) {
            return Err(Refusal::AdmissionExpired);
        }
        if verified.admission.sale != sale {
            return Err(Refusal::AdmissionForeign);
        }
        Ok(verified.admission)
    }

    fn signed_by_us(&self, token: &str, now: Timestamp) -> Result<Verified, Refusal> {
        if token.len() > TOKEN_CHARS_MAX {
            return Err(Refusal::AdmissionInvalid);
        }
        let hash = sha256(token);
        let shard = &self.verified[usize::from(hash[0]) % CACHE_SHARDS];
        if let Some(known) = shard.lock().unwrap_or_else(PoisonError::into_inner).get(&hash) {
            return Ok(*known);
        }
        let verified = self.check_signature(token).ok_or(Refusal::AdmissionInvalid)?;
        if now < verified.admission.expires_at {
            remember(shard, hash, verified, now);
        }
        Ok(verified)
    }

    /// The library pins the algorithm and asks for the claims; their times are judged by [`Self::verify`],
    /// because the library would read the system's clock.
    fn check_signature(&self, token: &str) -> Option<Verified> {
        let header = decode_header(token).ok()?;
        // Every kind of token says what it is, so that none can pass for another under any key.
        let key = header.typ.filter(|typ| typ == TYPE).and_then(|_| self.key(&header.kid?))?;
        let claims = decode::<Claims>(token, &key.verifying, &self.validation).ok()?.claims;
        let at = |sec: i64| sec.checked_mul(1000).map(Timestamp);
        let admission =
            Admission { sale: claims.aud, account: claims.sub, claim: claims.jti, expires_at: at(claims.exp)? };
        Some(Verified { admission, not_before: at(claims.nbf)? })
    }

    fn key(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.accepted().map(|set| &set.admission).find(|key| key.kid == kid)
    }
}

fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    // Judged by `verify` instead: times with the time passed in, the audience to tell "foreign" from "invalid".
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Invariant: `verified admissions are bounded`. A full shard drops what has expired; if nothing has, it starts anew,
/// which costs each of its tokens one more check. Only tokens that we signed get here.
fn remember(shard: &Shard, hash: [u8; 32], verified: Verified, now: Timestamp) {
    let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
    if shard.len() >= CACHE_MAX / CACHE_SHARDS {
        shard.retain(|_, known| now < known.admission.expires_at);
    }
    if shard.len() >= CACHE_MAX / CACHE_SHARDS {
        shard.clear();
    }
    shard.insert(hash, verified);
}

fn sha256(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

#[cfg(test)]
mod tests;
