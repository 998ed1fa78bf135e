//! Whether seats may be held: the rules in the order in which they are told.

use crate::admission::{self, Claim};
use crate::caps::{self, Allowances, Counted};
use crate::clock::Timestamp;
use crate::ids::ClaimId;
use crate::money::Money;
use crate::refusal::Refusal;
use crate::sale::{MOST_SEATS_PER_HOLD, Sale};

/// How a payment under way keeps its seats: long enough for a slow provider, once per hold.
pub const PAYMENT_GRACE_SEC: i64 = 120;

/// What an account has of a sale already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub tickets: i64,
    pub held: i64,
}

/// The facts read under the locks.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub sale: &'a Sale,
    /// The account's newest claim in this sale.
    pub claim: Option<&'a Claim>,
    /// The claim that the admission names.
    pub named: ClaimId,
    pub usage: Usage,
    /// What those have with whom the account belongs together.
    pub counted: &'a [Counted],
    /// What exceptions allow.
    pub allowed: Allowances,
    /// Prices of the wanted seats that are free, in the order asked; `None`: taken or unknown.
    pub prices: &'a [Option<Money>],
    pub now: Timestamp,
    pub wall: Timestamp,
}

/// What a hold costs, or why not.
pub fn decide(ask: &Ask<'_>) -> Result<Money, Refusal> {
    ask.sale.may_shop(ask.wall)?;
    admission::may_shop(ask.claim, ask.named, ask.now)?;
    let count = count(ask.prices.len())?;
    if ask.usage.held > 0 {
        return Err(Refusal::ActiveHoldExists);
    }
    within_caps(ask.sale, ask.usage, ask.counted, &ask.allowed, count)?;
    let prices: Option<Vec<Money>> = ask.prices.iter().copied().collect();
    prices.and_then(Money::sum).ok_or(Refusal::Unavailable)
}

/// 1 to 50 seats at once.
pub fn count(seats: usize) -> Result<i64, Refusal> {
    match i64::try_from(seats) {
        Ok(count @ 1..=MOST_SEATS_PER_HOLD) => Ok(count),
        _ => Err(Refusal::BadCount { most: MOST_SEATS_PER_HOLD }),
    }
}

/// Invariant: tickets and live holds of one account together never pass the cap. Then the caps over many accounts.
pub fn within_caps(
    sale: &Sale,
    usage: Usage,
    counted: &[Counted],
    allowed: &Allowances,
    more: i64,
) -> Result<(), Refusal> {
    let already = usage.tickets + usage.held;
    let cap = allowed.account.over(sale.terms.max_tickets_per_user);
    if already + more > cap {
        return Err(Refusal::CapExceeded { cap, already });
    }
    caps::within(&sale.terms.caps, counted, allowed, more)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::sale::tests::sale;

    const CLAIM: ClaimId = ClaimId(Uuid::from_u128(5));

    fn claim() -> Claim {
        Claim {
            id: CLAIM,
            position: 1,
            claimed_at: Timestamp(1_000_000),
            deadline: Timestamp(1_600_000),
            ended_as: None,
        }
    }

    fn ask<'a>(sale: &'a Sale, claim: Option<&'a Claim>, usage: Usage, prices: &'a [Option<Money>]) -> Ask<'a> {
        Ask {
            sale,
            claim,
            named: CLAIM,
            usage,
            counted: &[],
            allowed: Allowances::default(),
            prices,
            now: Timestamp(1_100_000),
            wall: Timestamp(1_100_000),
        }
    }

    const NONE: Usage = Usage { tickets: 0, held: 0 };
    const SEAT: Option<Money> = Some(Money(5000));

    #[test]
    fn free_seats_under_a_live_claim_cost_their_sum() {
        let (sale, claim) = (sale(), claim());
        assert_eq!(decide(&ask(&sale, Some(&claim), NONE, &[SEAT, SEAT])), Ok(Money(10_000)));
    }

    #[test]
    fn nobody_holds_without_having_been_admitted() {
        let sale = sale();
        assert_eq!(decide(&ask(&sale, None, NONE, &[SEAT])), Err(Refusal::AdmissionInvalid));
    }

    #[test]
    fn one_seat_that_is_gone_refuses_them_all() {
        let (sale, claim) = (sale(), claim());
        assert_eq!(decide(&ask(&sale, Some(&claim), NONE, &[SEAT, None])), Err(Refusal::Unavailable));
    }

    #[test]
    fn tickets_and_holds_count_towards_the_cap() {
        let (sale, claim) = (sale(), claim());
        let owning = |tickets, held| Usage { tickets, held };
        assert_eq!(decide(&ask(&sale, Some(&claim), owning(3, 0), &[SEAT])), Ok(Money(5000)));
        let over = Err(Refusal::CapExceeded { cap: 4, already: 3 });
        assert_eq!(decide(&ask(&sale, Some(&claim), owning(3, 0), &[SEAT, SEAT])), over);
        assert_eq!(decide(&ask(&sale, Some(&claim), owning(0, 1), &[SEAT])), Err(Refusal::ActiveHoldExists));
    }

    #[test]
    fn no_seats_and_too_many_seats_are_refused() {
        assert_eq!(count(0), Err(Refusal::BadCount { most: 50 }));
        assert_eq!(count(50), Ok(50));
        assert_eq!(count(51), Err(Refusal::BadCount { most: 50 }));
    }

    #[test]
    fn an_ended_sale_holds_nothing() {
        let (sale, claim) = (sale(), claim());
        let late = Ask { wall: Timestamp(9_000_000), ..ask(&sale, Some(&claim), NONE, &[SEAT]) };
        assert_eq!(decide(&late), Err(Refusal::SaleClosed { opens_at: None }));
    }
}
