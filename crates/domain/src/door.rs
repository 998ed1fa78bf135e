//! The door: whether the ticket that a code names is let in, and whether a ticket may still be changed.

use crate::clock::Timestamp;
use crate::ids::SaleId;
use crate::refusal::Refusal;

/// What a code says that was signed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    pub sale: SaleId,
    pub version: i64,
}

/// The first time that a ticket was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Timestamp,
    pub gate: String,
}

/// The ticket as it stands, read under its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub sale: SaleId,
    /// The only one whose code is good.
    pub version: i64,
    pub cancelled: bool,
    pub entry: Option<Entry>,
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoEntry {
    /// Not signed here, or there is no such ticket.
    Unknown,
    WrongSale,
    Cancelled,
    /// The ticket was issued again, and this is an older code.
    Replaced,
    AlreadyUsed(Entry),
}

impl NoEntry {
    /// The stable name that gates may match on.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::WrongSale => "wrong_sale",
            Self::Cancelled | Self::Replaced => "revoked",
            Self::AlreadyUsed(_) => "already_used",
        }
    }

    /// What to tell the person at the gate.
    pub const fn message(&self) -> &'static str {
        match self {
            Self::Unknown => "No ticket of ours has this code.",
            Self::WrongSale => "This ticket is for another sale.",
            Self::Cancelled => "This ticket was cancelled.",
            Self::Replaced => "This ticket was issued again: only its newest code is good.",
            Self::AlreadyUsed(_) => "This ticket was let in before.",
        }
    }
}

/// Invariant: a ticket is let in once. `here`: the sale that the gate is for, where it said so.
pub fn decide(shown: Shown, here: Option<SaleId>, ticket: Option<&Ticket>) -> Result<(), NoEntry> {
    if here.is_some_and(|here| here != shown.sale) {
        return Err(NoEntry::WrongSale);
    }
    let ticket = ticket.filter(|ticket| ticket.sale == shown.sale).ok_or(NoEntry::Unknown)?;
    if ticket.cancelled {
        return Err(NoEntry::Cancelled);
    }
    if ticket.version != shown.version {
        return Err(NoEntry::Replaced);
    }
    match &ticket.entry {
        Some(first) => Err(NoEntry::AlreadyUsed(first.clone())),
        None => Ok(()),
    }
}

/// Issued again or cancelled is only what is still good and was not let in: its seat is not in use.
pub fn may_change(cancelled: bool, admitted: bool) -> Result<(), Refusal> {
    match (cancelled, admitted) {
        (true, _) => Err(Refusal::TicketCancelled),
        (false, true) => Err(Refusal::TicketUsed),
        (false, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const SALE: SaleId = SaleId(Uuid::from_u128(1));
    const OTHER: SaleId = SaleId(Uuid::from_u128(2));
    const SHOWN: Shown = Shown { sale: SALE, version: 2 };

    fn ticket() -> Ticket {
        Ticket { sale: SALE, version: 2, cancelled: false, entry: None }
    }

    #[test]
    fn a_good_code_is_let_in_here_and_where_the_gate_names_no_sale() {
        assert_eq!(decide(SHOWN, Some(SALE), Some(&ticket())), Ok(()));
        assert_eq!(decide(SHOWN, None, Some(&ticket())), Ok(()));
    }

    #[test]
    fn each_reason_is_told_as_what_it_is() {
        let entry = Entry { at: Timestamp(7), gate: "north".to_owned() };
        let used = Ticket { entry: Some(entry.clone()), ..ticket() };
        let cases = [
            (Some(OTHER), Some(ticket()), NoEntry::WrongSale),
            (None, None, NoEntry::Unknown),
            (None, Some(Ticket { sale: OTHER, ..ticket() }), NoEntry::Unknown),
            (None, Some(Ticket { cancelled: true, ..used.clone() }), NoEntry::Cancelled),
            (None, Some(Ticket { version: 3, ..ticket() }), NoEntry::Replaced),
            (None, Some(Ticket { version: 1, ..ticket() }), NoEntry::Replaced),
            (None, Some(used), NoEntry::AlreadyUsed(entry)),
        ];
        for (here, ticket, why) in cases {
            assert_eq!(decide(SHOWN, here, ticket.as_ref()), Err(why), "{ticket:?}");
        }
    }

    #[test]
    fn what_is_cancelled_or_in_use_is_not_changed() {
        assert_eq!(may_change(false, false), Ok(()));
        assert_eq!(may_change(true, true), Err(Refusal::TicketCancelled));
        assert_eq!(may_change(false, true), Err(Refusal::TicketUsed));
    }
}
