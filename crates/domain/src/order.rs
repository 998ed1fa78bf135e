//! Whether a hold may be paid, and what becomes of it when the payment provider has answered.

use crate::caps::{Allowances, Counted};
use crate::clock::Timestamp;
use crate::hold::{self, Usage};
use crate::refusal::Refusal;
use crate::sale::Sale;

/// How a hold stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    Live,
    Released,
    Expired,
    Sold,
}

impl HoldState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Sold => "sold",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Live, Self::Released, Self::Expired, Self::Sold].into_iter().find(|state| state.name() == name)
    }
}

/// How an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderState {
    Paying,
    Confirmed,
    Declined,
    RefundDue,
}

impl OrderState {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paying => "paying",
            Self::Confirmed => "confirmed",
            Self::Declined => "declined",
            Self::RefundDue => "refund_due",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Paying, Self::Confirmed, Self::Declined, Self::RefundDue].into_iter().find(|state| state.name() == name)
    }
}

/// The facts about a hold that is to be paid, read under the account's lock.
#[derive(Clone, Copy, Debug)]
pub struct Payable<'a> {
    pub sale: &'a Sale,
    pub state: HoldState,
    pub expires_at: Timestamp,
    pub seats: i64,
    /// An order on this hold waits for the provider.
    pub paying: bool,
    /// Everything the account has in this sale, this hold included.
    pub usage: Usage,
    /// What those have with whom the account belongs together, without this hold.
    pub counted: &'a [Counted],
    /// What exceptions allow.
    pub allowed: Allowances,
    /// Names given for its tickets.
    pub names: usize,
    pub now: Timestamp,
}

/// May the payment begin? The hold was placed under a claim, which is enough: nobody is thrown out of payment.
pub fn begin(hold: &Payable<'_>) -> Result<(), Refusal> {
    match hold.state {
        HoldState::Sold => return Err(Refusal::HoldUsed),
        HoldState::Released | HoldState::Expired => return Err(Refusal::HoldExpired),
        HoldState::Live => {}
    }
    if hold.paying {
        return Err(Refusal::CheckoutInProgress);
    }
    if hold.now >= hold.expires_at {
        return Err(Refusal::HoldExpired);
    }
    if i64::try_from(hold.names).is_ok_and(|names| names > hold.seats) {
        return Err(Refusal::TooManyNames { seats: hold.seats });
    }
    let usage = Usage { held: hold.usage.held - hold.seats, ..hold.usage };
    hold::within_caps(hold.sale, usage, hold.counted, &hold.allowed, hold.seats)
}

/// Until when the seats are kept for a payment that begins now; once per hold.
pub fn kept_until(expires_at: Timestamp, now: Timestamp, extended: bool) -> Timestamp {
    if extended { expires_at } else { expires_at.max(now.plus_sec(hold::PAYMENT_GRACE_SEC)) }
}

/// What a captured payment becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Captured {
    Confirm,
    /// The seats went to somebody else, or would break the cap: the money goes back.
    Refund,
}

/// `ours`: every seat of the hold is still this hold's, or free again. `usage` and `counted`: without this hold.
pub fn captured(
    sale: &Sale,
    ours: bool,
    usage: Usage,
    counted: &[Counted],
    allowed: &Allowances,
    seats: i64,
) -> Captured {
    let within = hold::within_caps(sale, usage, counted, allowed, seats).is_ok();
    if ours && within { Captured::Confirm } else { Captured::Refund }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sale::tests::sale;

    fn payable(sale: &Sale) -> Payable<'_> {
        Payable {
            sale,
            state: HoldState::Live,
            expires_at: Timestamp(2_000_000),
            seats: 2,
            paying: false,
            usage: Usage { tickets: 0, held: 2 },
            counted: &[],
            allowed: Allowances::default(),
            names: 2,
            now: Timestamp(1_999_999),
        }
    }

    #[test]
    fn a_live_hold_is_paid_until_its_last_millisecond() {
        let sale = sale();
        assert_eq!(begin(&payable(&sale)), Ok(()));
        let late = Payable { now: Timestamp(2_000_000), ..payable(&sale) };
        assert_eq!(begin(&late), Err(Refusal::HoldExpired));
    }

    #[test]
    fn a_hold_is_paid_once() {
        let sale = sale();
        let paying = Payable { paying: true, ..payable(&sale) };
        assert_eq!(begin(&paying), Err(Refusal::CheckoutInProgress));
        let sold = Payable { state: HoldState::Sold, ..payable(&sale) };
        assert_eq!(begin(&sold), Err(Refusal::HoldUsed));
    }

    #[test]
    fn there_are_no_more_names_than_seats() {
        let sale = sale();
        assert_eq!(begin(&Payable { names: 0, ..payable(&sale) }), Ok(()));
        assert_eq!(begin(&Payable { names: 3, ..payable(&sale) }), Err(Refusal::TooManyNames { seats: 2 }));
    }

    #[test]
    fn a_cap_that_was_lowered_counts_at_payment() {
        let mut sale = sale();
        sale.terms.max_tickets_per_user = 1;
        assert_eq!(begin(&payable(&sale)), Err(Refusal::CapExceeded { cap: 1, already: 0 }));
    }

    #[test]
    fn a_payment_keeps_its_seats_two_minutes_once() {
        let (soon, now) = (Timestamp(10_000), Timestamp(9_000));
        assert_eq!(kept_until(soon, now, false), Timestamp(129_000));
        assert_eq!(kept_until(soon, now, true), soon);
        assert_eq!(kept_until(Timestamp(900_000), now, false), Timestamp(900_000));
    }

    #[test]
    fn money_for_lost_seats_goes_back() {
        let sale = sale();
        let (none, allowed) = (Usage::default(), Allowances::default());
        assert_eq!(captured(&sale, true, none, &[], &allowed, 2), Captured::Confirm);
        assert_eq!(captured(&sale, false, none, &[], &allowed, 2), Captured::Refund);
        assert_eq!(captured(&sale, true, Usage { tickets: 3, held: 0 }, &[], &allowed, 2), Captured::Refund);
    }
}
