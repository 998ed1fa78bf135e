//! The form of a code: `T1.<payload>.<signature>`. What is in it, how it is signed, and how it is verified without a store.

use std::collections::HashMap;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::{SaleId, TicketId};
use serde_json::Value;
use uuid::Uuid;

use crate::keys::{KEY_BYTES, KID_BYTES, jwk};

/// The first version of this form, and part of what is signed: a later form is another text altogether.
const FORM: &str = "T1";
/// What the ids of published keys of tickets begin with. Those of admissions are in the same list and open no door.
const KIND: &str = "ticket-";
/// 128 bits of hash: enough that nobody finds a second name for a ticket, and 22 characters less to scan.
pub(super) const HOLDER_BYTES: usize = 16;
const ID_BYTES: usize = 16;
const VERSION_BYTES: usize = 4;
/// Key, ticket, sale, version, holder; the rest is the seat.
const HEAD_BYTES: usize = KID_BYTES + 2 * ID_BYTES + VERSION_BYTES + HOLDER_BYTES;
/// Longer than any code that was signed here; longer input is not even decoded.
const CODE_CHARS_MAX: usize = 1_024;

/// What a code says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub ticket: TicketId,
    pub sale: SaleId,
    pub version: u32,
    pub holder: [u8; HOLDER_BYTES],
    /// The seat's public id.
    pub seat: String,
}

/// Why a text is no code of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGood {
    #[error("not a ticket's code")]
    Malformed,
    #[error("signed with an unknown key")]
    UnknownKey,
    #[error("forged or damaged")]
    Forged,
}

pub(super) fn sign(pair: &Ed25519KeyPair, said: &Said) -> String {
    let mut payload = Vec::with_capacity(HEAD_BYTES + said.seat.len());
    payload.extend(PublicKey::of(pair).short_id());
    payload.extend(said.ticket.0.as_bytes());
    payload.extend(said.sale.0.as_bytes());
    payload.extend(said.version.to_be_bytes());
    payload.extend(said.holder);
    payload.extend(said.seat.as_bytes());
    let signed = format!("{FORM}.{}", BASE64_URL_SAFE_NO_PAD.encode(payload));
    let signature = pair.sign(signed.as_bytes());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

/// The public half of a key that signs tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; KEY_BYTES]);

impl PublicKey {
    pub fn of(pair: &Ed25519KeyPair) -> Self {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(pair.public_key().as_ref());
        Self(key)
    }

    fn short_id(&self) -> [u8; KID_BYTES] {
        let mut id = [0; KID_BYTES];
        id.copy_from_slice(&digest(&SHA256, &self.0).as_ref()[..KID_BYTES]);
        id
    }

    pub fn jwk(&self) -> Value {
        let kid = format!("{KIND}{}", BASE64_URL_SAFE_NO_PAD.encode(self.short_id()));
        jwk(&kid, &BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// As the list of keys shows it: 43 characters of base64url.
impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let key = bytes.and_then(|bytes| <[u8; KEY_BYTES]>::try_from(bytes).ok());
        key.map(Self).ok_or_else(|| format!("has `{text}`, which is no public key: 43 characters, `x` in the key list"))
    }
}

/// The keys whose codes are taken, by the short id that a code names.
#[derive(Clone, Debug)]
pub struct Keyring {
    order: Vec<PublicKey>,
    by_id: HashMap<[u8; KID_BYTES], PublicKey>,
}

impl Keyring {
    pub fn of(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut ring = Self { order: Vec::new(), by_id: HashMap::new() };
        ring.extend(&keys.into_iter().collect::<Vec<_>>());
        ring
    }

    pub(super) fn extend(&mut self, keys: &[PublicKey]) {
        for key in keys {
            if self.by_id.insert(key.short_id(), *key).is_none() {
                self.order.push(*key);
            }
        }
    }

    pub fn all(&self) -> impl Iterator<Item = &PublicKey> {
        self.order.iter()
    }

    /// The keys of tickets in a saved `/.well-known/jwks.json`; those of admissions are left out.
    ///
    /// # Errors
    /// In words, where the text is no such list or none of its keys is for tickets.
    pub fn read(jwks: &str) -> Result<Self, String> {
        let list: Value = serde_json::from_str(jwks).map_err(|error| format!("is not JSON: {error}"))?;
        let keys = list["keys"].as_array().ok_or("has no list `keys`: save /.well-known/jwks.json")?;
        let of_tickets = keys.iter().filter(|key| key["kid"].as_str().is_some_and(|kid| kid.starts_with(KIND)));
        let parsed: Result<Vec<PublicKey>, String> =
            of_tickets.map(|key| key["x"].as_str().unwrap_or_default().parse()).collect();
        let parsed = parsed?;
        if parsed.is_empty() { Err("has no key of tickets".to_owned()) } else { Ok(Self::of(parsed)) }
    }

    /// What the code says, if one of these keys has signed exactly that.
    pub fn verify(&self, code: &str) -> Result<Said, NotGood> {
        if code.len() > CODE_CHARS_MAX {
            return Err(NotGood::Malformed);
        }
        let (signed, signature) = code.rsplit_once('.').ok_or(NotGood::Malformed)?;
        let payload = signed.strip_prefix(FORM).and_then(|rest| rest.strip_prefix('.')).ok_or(NotGood::Malformed)?;
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| NotGood::Malformed);
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        let (id, said) = said(&payload).ok_or(NotGood::Malformed)?;
        let key = self.by_id.get(&id).ok_or(NotGood::UnknownKey)?;
        let public = UnparsedPublicKey::new(&ED25519, key.0);
        public.verify(signed.as_bytes(), &signature).map_err(|_| NotGood::Forged)?;
        Ok(said)
    }
}

fn said(payload: &[u8]) -> Option<([u8; KID_BYTES], Said)> {
    let (id, rest) = payload.split_first_chunk()?;
    let (ticket, rest) = rest.split_first_chunk()?;
    let (sale, rest) = rest.split_first_chunk()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (holder, seat) = rest.split_first_chunk()?;
    let said = Said {
        ticket: TicketId(Uuid::from_bytes(*ticket)),
        sale: SaleId(Uuid::from_bytes(*sale)),
        version: u32::from_be_bytes(*version),
        holder: *holder,
        seat: std::str::from_utf8(seat).ok()?.to_owned(),
    };
    Some((*id, said))
}
