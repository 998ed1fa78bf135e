//! The code on a ticket: signed here, checked at the door without us. The format is described in docs/tickets.md.

use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use domain::{SaleId, TicketId};
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::convert::{Builder as _, Shape};
use fast_qr::{ECL, QRBuilder};
use jsonwebtoken::{Algorithm, Header, encode};
use serde::Serialize;
use store::tickets::OwnTicket;

use crate::config::ConfigError;
use crate::keys::SigningKey;

const ISSUER: &str = "traffic";
/// Nothing else that is signed here has this type: an admission shown at the door is no ticket.
const TYPE: &str = "ticket";
const KIND: &str = "ticket-";
/// 128 bits of hash: enough that nobody finds a second name for a ticket, and 22 characters less to scan.
const HOLDER_BYTES: usize = 16;
const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const HOW_TO_MAKE_ONE: &str = "make one with `openssl genpkey -algorithm ed25519 -out FILE`";

/// Signs tickets, and nothing else.
pub struct TicketSigner(SigningKey);

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'static str,
    aud: SaleId,
    jti: TicketId,
    seat: &'a str,
    sub: String,
}

impl TicketSigner {
    pub fn new(pair: &Ed25519KeyPair) -> Self {
        Self(SigningKey::new(KIND, pair))
    }

    /// The key that the setting `ticket_key_file` names.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |why: String| ConfigError { lines: vec![format!("ticket_key_file {}: {why}", path.display())] };
        let text = fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let pkcs8 = private_key(&text)
            .ok_or_else(|| wrong(format!("is not an unencrypted private key in PEM (PKCS#8): {HOW_TO_MAKE_ONE}")))?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8)
            .map_err(|_| wrong(format!("holds a private key, but not an Ed25519 one: {HOW_TO_MAKE_ONE}")))?;
        Ok(Self::new(&pair))
    }

    pub fn key(&self) -> &SigningKey {
        &self.0
    }

    /// The same for the same ticket, whenever it is asked for: Ed25519 signatures are deterministic, and no time is in it.
    pub fn code(&self, ticket: &OwnTicket) -> String {
        let claims = Claims { iss: ISSUER, aud: ticket.sale, jti: ticket.id, seat: &ticket.label, sub: holder(ticket) };
        let header =
            Header { typ: Some(TYPE.to_owned()), kid: Some(self.0.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, &claims, &self.0.signing).expect("our own key signs our own claims")
    }
}

/// Who may use the ticket: the name on it, or the account where none was given. Hashed with the ticket's id, so that two
/// tickets of one person do not show that they are.
fn holder(ticket: &OwnTicket) -> String {
    let name = ticket.attendee.clone().unwrap_or_else(|| ticket.account.to_string());
    let hash = digest(&SHA256, format!("{}\n{name}", ticket.id).as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(&hash.as_ref()[..HOLDER_BYTES])
}

/// The code as a QR picture. A seventh of it may be unreadable: phones have scratches.
pub fn picture(code: &str) -> String {
    let qr = QRBuilder::new(code).ecl(ECL::M).build().expect("a code is a fraction of what a QR picture holds");
    SvgBuilder::default().shape(Shape::Square).to_str(&qr)
}

/// The bytes of the first `PRIVATE KEY` in a PEM text (RFC 7468).
fn private_key(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(BEGIN)?;
    let (body, _) = rest.split_once(END)?;
    let body: String = body.split_ascii_whitespace().collect();
    BASE64_STANDARD.decode(body).ok()
}

#[cfg(test)]
pub(crate) mod tests;
