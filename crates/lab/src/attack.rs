//! Ways around the line, and what the contract says to each.

use serde::{Deserialize, Serialize};

/// A way around the line, and what the contract says to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attack {
    /// A join before the doors.
    EarlyJoin,
    NoCredential,
    /// A session where an admission is asked for.
    Session,
    /// An admission that nobody signed.
    Forged,
    /// An admission whose time is over.
    Expired,
    /// An admission to another sale.
    ForeignSale,
    /// Somebody else's admission beside one's own session.
    ForeignAccount,
    /// An admission that has been used up.
    Replayed,
    /// The address written in another way.
    Path,
    /// Asking how it goes in a sale where one has no place.
    NoPlace,
    /// Paying in one sale for seats of another.
    ForeignHold,
}

impl Attack {
    pub(crate) const ALL: [Attack; 11] = [
        Attack::EarlyJoin,
        Attack::NoCredential,
        Attack::Session,
        Attack::Forged,
        Attack::Expired,
        Attack::ForeignSale,
        Attack::ForeignAccount,
        Attack::Replayed,
        Attack::Path,
        Attack::NoPlace,
        Attack::ForeignHold,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Attack::EarlyJoin => "joins before the doors",
            Attack::NoCredential => "without any credential",
            Attack::Session => "with a session only",
            Attack::Forged => "with a forged admission",
            Attack::Expired => "with an expired admission",
            Attack::ForeignSale => "with an admission to another sale",
            Attack::ForeignAccount => "with somebody else's admission",
            Attack::Replayed => "with a used admission",
            Attack::Path => "by an odd path",
            Attack::NoPlace => "asking without a place",
            Attack::ForeignHold => "paying for another sale's seats",
        }
    }

    /// Whether this is the no that the contract has for it.
    pub(crate) fn is_documented(self, status: u16, code: &str) -> bool {
        match self {
            Attack::EarlyJoin => (status, code) == (403, "sale_closed"),
            Attack::NoCredential | Attack::Session => (status, code) == (403, "admission_required"),
            Attack::Forged => (status, code) == (403, "admission_invalid"),
            Attack::Expired => (status, code) == (403, "admission_expired"),
            Attack::ForeignSale | Attack::ForeignAccount => (status, code) == (403, "admission_foreign"),
            Attack::Replayed => (status, code) == (403, "admission_used"),
            Attack::Path => matches!(status, 400 | 401 | 403 | 404 | 405 | 414),
            Attack::NoPlace => (status, code) == (404, "not_in_queue"),
            Attack::ForeignHold => matches!((status, code), (403, "admission_foreign") | (404, "hold_not_found")),
        }
    }
}
