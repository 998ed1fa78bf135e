//! Public ids: UUIDs, one type each, so that a hold can never be passed where an order is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            /// One spelling only, the one that is handed out: lower case with hyphens.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let id = Uuid::parse_str(text)?;
                let mut buffer = Uuid::encode_buffer();
                let spelled = id.hyphenated().encode_lower(&mut buffer);
                // The nil-length text is never an id, and gives the library's own error.
                if spelled == text { Ok(Self(id)) } else { Uuid::parse_str("").map(Self) }
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )*};
}

ids! {
    /// Who signs in.
    AccountId
    /// A show.
    EventId
    /// The selling of one event's seats.
    SaleId
    /// A called fan's right to shop; the `jti` of the admission token.
    ClaimId
    /// Seats kept for one fan.
    HoldId
    /// What was paid, or is being paid, for a hold.
    OrderId
    /// One sold seat.
    TicketId
    /// One load run.
    RunId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let text = "01927f3e-9d1a-7c3e-8b5f-0123456789ab";
        assert_eq!(text.parse::<SaleId>().map(|id| id.to_string()), Ok(text.to_owned()));
        let plain = text.replace('-', "");
        for other in [text.to_uppercase(), plain, format!("{{{text}}}"), format!("urn:uuid:{text}"), String::new()] {
            assert!(other.parse::<SaleId>().is_err(), "{other}");
        }
    }
}
