//! The code on a ticket: signed here, checked at the door also without us. The format is described in docs/tickets.md.

mod code;

use std::fs;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::convert::{Builder as _, Shape};
use fast_qr::{ECL, QRBuilder};
use store::tickets::OwnTicket;

use crate::config::ConfigError;

use self::code::HOLDER_BYTES;
pub use self::code::{Keyring, NotGood, PublicKey, Said};

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
const HOW_TO_MAKE_ONE: &str = "make one with `openssl genpkey -algorithm ed25519 -out FILE`";

/// Signs tickets, and nothing else; and knows what it and the keys before it have signed.
pub struct TicketSigner {
    pair: Ed25519KeyPair,
    keys: Keyring,
}

impl TicketSigner {
    pub fn new(pair: Ed25519KeyPair) -> Self {
        let keys = Keyring::of([PublicKey::of(&pair)]);
        Self { pair, keys }
    }

    /// Also takes codes that were signed with these keys: they are out, on paper.
    pub fn with_previous(mut self, previous: &[PublicKey]) -> Self {
        self.keys.extend(previous);
        self
    }

    /// The key that the setting `ticket_key_file` names.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let wrong = |why: String| ConfigError { lines: vec![format!("ticket_key_file {}: {why}", path.display())] };
        let text = fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let pkcs8 = private_key(&text)
            .ok_or_else(|| wrong(format!("is not an unencrypted private key in PEM (PKCS#8): {HOW_TO_MAKE_ONE}")))?;
        let pair = Ed25519KeyPair::from_pkcs8(&pkcs8)
            .map_err(|_| wrong(format!("holds a private key, but not an Ed25519 one: {HOW_TO_MAKE_ONE}")))?;
        Ok(Self::new(pair))
    }

    /// What doors verify with, the key in use first.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// The same for the same version of a ticket, whenever it is asked for: Ed25519 signatures are deterministic, and no
    /// time is in it.
    pub fn code(&self, ticket: &OwnTicket) -> String {
        let said = Said {
            ticket: ticket.id,
            sale: ticket.sale,
            version: u32::try_from(ticket.version).expect("a ticket is not issued four thousand million times"),
            holder: holder(ticket),
            seat: ticket.label.clone(),
        };
        code::sign(&self.pair, &said)
    }
}

/// Who may use the ticket: the name on it, or the account where none was given. Hashed with the ticket's id, so that two
/// tickets of one person do not show that they are.
fn holder(ticket: &OwnTicket) -> [u8; HOLDER_BYTES] {
    let name = ticket.attendee.clone().unwrap_or_else(|| ticket.account.to_string());
    let hash = digest(&SHA256, format!("{}\n{name}", ticket.id).as_bytes());
    let mut holder = [0; HOLDER_BYTES];
    holder.copy_from_slice(&hash.as_ref()[..HOLDER_BYTES]);
    holder
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
