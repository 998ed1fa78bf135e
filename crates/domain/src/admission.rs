//! The drip: how many are called at one tick, and the claims of those who come.
//!
//! A token bucket in whole people, over positions: credit grows with time at the sale's rate and is spent by calls.
//! What the crowd inside, the stock or the line leaves unspent is not saved up, so there is never a burst (ADR 0001).

use crate::clock::Timestamp;
use crate::ids::ClaimId;
use crate::refusal::Refusal;
use crate::sale::Terms;
use crate::waiting_room::EndedAs;

/// Credit for one call. With a rate per minute and time in milliseconds, credit stays a whole number.
pub const PERSON: i64 = 60_000;
/// A tick that comes late is credited for at most this much time.
pub const LONGEST_CATCH_UP_MS: i64 = 2_000;
/// The same after a tick that nothing held back: an empty line, a pause, closed doors. One tick's worth.
pub const CATCH_UP_AFTER_A_LULL_MS: i64 = 200;

/// What held the drip back at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    Rate,
    Cap,
    Stock,
    Line,
}

impl Bound {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Cap => "cap",
            Self::Stock => "stock",
            Self::Line => "line",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Rate, Self::Cap, Self::Stock, Self::Line].into_iter().find(|bound| bound.name() == name)
    }
}

/// The drip of one sale as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drip {
    pub through: i64,
    /// In [`PERSON`]s.
    pub credit: i64,
    pub last_tick_at: Timestamp,
    pub bound_by: Option<Bound>,
}

/// The people and seats that a tick looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    pub last_position: i64,
    pub returning: i64,
    pub inside: i64,
    pub inside_without_hold: i64,
    /// Called, the claim window still running, not yet claimed.
    pub called_in_window: i64,
    pub free_seats: i64,
}

/// What one tick does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Returners called again, by position.
    pub recalled: i64,
    /// How far the watermark moves.
    pub called: i64,
    /// The time that was credited.
    pub credit_ms: i64,
    pub drip: Drip,
}

/// One tick of an open sale.
///
/// Invariant: the watermark only rises and never passes the last entry.
pub fn tick(terms: &Terms, drip: Drip, crowd: Crowd, now: Timestamp, open_for_ms: i64) -> Tick {
    let most_ms = match drip.bound_by {
        Some(Bound::Rate | Bound::Cap | Bound::Stock) => LONGEST_CATCH_UP_MS,
        Some(Bound::Line) | None => CATCH_UP_AFTER_A_LULL_MS,
    };
    let credit_ms = now.since_ms(drip.last_tick_at).min(open_for_ms).clamp(0, most_ms);
    let credit = drip.credit + credit_ms * terms.admit_per_minute;

    let coming = crowd.called_in_window;
    let line = crowd.returning + (crowd.last_position - drip.through).max(0);
    let cap = if terms.max_active == 0 { i64::MAX } else { terms.max_active - crowd.inside - coming };
    let stock = crowd.free_seats / terms.seats_per_shopper - crowd.inside_without_hold - coming;

    // On a tie the rate is named, so that ticks which spent all their credit count as such; an empty line is a line.
    let limits = [(Bound::Rate, credit / PERSON), (Bound::Cap, cap), (Bound::Stock, stock), (Bound::Line, line)];
    let (bound_by, room) = limits.into_iter().min_by_key(|(_, room)| *room).expect("four limits");
    let bound_by = if line == 0 { Bound::Line } else { bound_by };

    let people = room.max(0);
    let recalled = people.min(crowd.returning);
    let called = people - recalled;
    let left = credit - people * PERSON;
    Tick {
        recalled,
        called,
        credit_ms,
        drip: Drip {
            through: drip.through + called,
            credit: left.min(PERSON - 1),
            last_tick_at: now,
            bound_by: Some(bound_by),
        },
    }
}

impl Drip {
    /// Nothing would be learnt by writing this again: nobody was called, and it was not for want of credit. What is lost
    /// is less than a person, and the time since the last tick that was written is credited as ever: two seconds at most.
    pub fn rests(&self, after: &Self) -> bool {
        self.through == after.through && self.bound_by == after.bound_by && self.bound_by != Some(Bound::Rate)
    }
}

/// A tick of a sale that calls nobody: time passes without credit.
pub fn idle(drip: Drip, now: Timestamp) -> Drip {
    Drip { last_tick_at: now.max(drip.last_tick_at), bound_by: None, ..drip }
}

/// A called fan's right to shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: ClaimId,
    pub position: i64,
    pub claimed_at: Timestamp,
    pub deadline: Timestamp,
    pub ended_as: Option<EndedAs>,
}

impl Claim {
    /// Invariant: a hold never moves the deadline; it only keeps the claim alive while it lives itself.
    pub fn is_live(&self, now: Timestamp, has_live_hold: bool) -> bool {
        self.ended_as.is_none() && (now < self.deadline || has_live_hold)
    }
}

/// Whether the bearer of an admission for claim `named` may place a new hold. `latest`: the account's newest claim in
/// this sale. The deadline counts here, whatever is held.
pub fn may_shop(latest: Option<&Claim>, named: ClaimId, now: Timestamp) -> Result<(), Refusal> {
    let Some(claim) = latest else { return Err(Refusal::AdmissionInvalid) };
    match claim.ended_as {
        _ if claim.id != named => Err(Refusal::AdmissionExpired),
        Some(EndedAs::Bought | EndedAs::Left) => Err(Refusal::AdmissionUsed),
        Some(EndedAs::Expired) => Err(Refusal::AdmissionExpired),
        None if now >= claim.deadline => Err(Refusal::AdmissionExpired),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::sale::tests::sale;

    const CROWD: Crowd = Crowd {
        last_position: 1000,
        returning: 0,
        inside: 0,
        inside_without_hold: 0,
        called_in_window: 0,
        free_seats: 1000,
    };

    fn drip(through: i64, credit: i64) -> Drip {
        Drip { through, credit, last_tick_at: Timestamp(0), bound_by: Some(Bound::Rate) }
    }

    fn lull(through: i64) -> Drip {
        Drip { bound_by: Some(Bound::Line), ..drip(through, 0) }
    }

    fn terms(rate: i64) -> Terms {
        Terms { admit_per_minute: rate, ..sale().terms }
    }

    #[test]
    fn a_tick_calls_what_the_rate_has_earned() {
        let tick = tick(&terms(6000), drip(0, 0), CROWD, Timestamp(200), 200);
        assert_eq!((tick.called, tick.drip.credit, tick.drip.bound_by), (20, 0, Some(Bound::Rate)));
    }

    #[test]
    fn the_first_call_comes_no_sooner_than_one_whole_persons_credit() {
        let slow = terms(60);
        assert_eq!(tick(&slow, drip(0, 0), CROWD, Timestamp(999), 999).called, 0);
        assert_eq!(tick(&slow, drip(0, 0), CROWD, Timestamp(1000), 1000).called, 1);
        assert_eq!(tick(&slow, drip(0, 0), CROWD, Timestamp(1000), 500).called, 0, "credit starts at the doors");
    }

    #[test]
    fn a_late_tick_catches_up_two_seconds() {
        let called = |at| tick(&terms(6000), drip(0, 0), CROWD, Timestamp(at), at).called;
        assert_eq!((called(1_999), called(2_000), called(600_000)), (199, 200, 200));
    }

    #[test]
    fn no_burst_after_a_pause_or_an_empty_line() {
        let called = |drip| tick(&terms(6000), drip, CROWD, Timestamp(600_000), 600_000).called;
        assert_eq!(called(lull(0)), 20);
        assert_eq!(called(idle(drip(0, 0), Timestamp(0))), 20);
    }

    #[test]
    fn a_lull_after_a_lull_has_nothing_to_write() {
        let empty = Crowd { last_position: 7, ..CROWD };
        let after = tick(&terms(6000), lull(7), empty, Timestamp(200), 200).drip;
        assert!(lull(7).rests(&after));
        assert!(!drip(7, 0).rests(&after), "the first lull is written");
        let waiting = tick(&terms(6000), lull(7), CROWD, Timestamp(1), 1).drip;
        assert!(!lull(7).rests(&waiting), "a line that waits for credit is written");
        let sold_out = Crowd { free_seats: 0, ..CROWD };
        let stuck = Drip { bound_by: Some(Bound::Stock), ..drip(7, 0) };
        assert!(stuck.rests(&tick(&terms(6000), stuck, sold_out, Timestamp(200), 200).drip));
    }

    #[test]
    fn an_idle_hour_saves_up_less_than_one_person() {
        let empty = Crowd { last_position: 0, ..CROWD };
        let idle = tick(&terms(6000), drip(0, 0), empty, Timestamp(2000), 2000);
        assert_eq!((idle.called, idle.drip.bound_by), (0, Some(Bound::Line)));
        assert!(idle.drip.credit < PERSON);
    }

    #[test]
    fn returners_are_called_before_the_watermark_moves() {
        let crowd = Crowd { returning: 15, ..CROWD };
        let tick = tick(&terms(6000), drip(10, 0), crowd, Timestamp(200), 200);
        assert_eq!((tick.recalled, tick.called, tick.drip.through), (15, 5, 15));
    }

    #[test]
    fn nobody_is_called_into_an_empty_shop() {
        let full = |free, inside_without_hold, called_in_window| {
            let crowd = Crowd { free_seats: free, inside_without_hold, called_in_window, ..CROWD };
            let tick = tick(&terms(6000), drip(0, 0), crowd, Timestamp(200), 200);
            (tick.called, tick.drip.bound_by)
        };
        assert_eq!(full(0, 0, 0), (0, Some(Bound::Stock)));
        assert_eq!(full(10, 4, 3), (3, Some(Bound::Stock)));
        assert_eq!(full(10, 8, 3), (0, Some(Bound::Stock)));
    }

    #[test]
    fn the_cap_counts_people_inside_and_people_on_their_way() {
        let capped = Terms { max_active: 10, ..terms(6000) };
        let crowd = Crowd { inside: 6, called_in_window: 3, ..CROWD };
        let tick = tick(&capped, drip(0, 0), crowd, Timestamp(200), 200);
        assert_eq!((tick.called, tick.drip.bound_by), (1, Some(Bound::Cap)));
    }

    #[test]
    fn a_claim_lives_to_its_deadline_or_with_its_hold() {
        let claim = Claim {
            id: ClaimId(Uuid::from_u128(1)),
            position: 1,
            claimed_at: Timestamp(0),
            deadline: Timestamp(600_000),
            ended_as: None,
        };
        assert!(claim.is_live(Timestamp(599_999), false));
        assert!(!claim.is_live(Timestamp(600_000), false));
        assert!(claim.is_live(Timestamp(600_000), true));
        assert_eq!(may_shop(Some(&claim), claim.id, Timestamp(599_999)), Ok(()));
        assert_eq!(may_shop(Some(&claim), claim.id, Timestamp(600_000)), Err(Refusal::AdmissionExpired));
        let bought = Claim { ended_as: Some(EndedAs::Bought), ..claim };
        assert_eq!(may_shop(Some(&bought), claim.id, Timestamp(1)), Err(Refusal::AdmissionUsed));
        assert_eq!(may_shop(None, claim.id, Timestamp(1)), Err(Refusal::AdmissionInvalid));
    }

    proptest! {
        #[test]
        fn the_watermark_only_rises_and_never_passes_the_last_entry(
            rate in 0..1_000_000i64, through in 0..1000i64, waiting in 0..1000i64, returning in 0..50i64,
            inside in 0..100i64, coming in 0..100i64, free in 0..2000i64, max_active in 0..200i64,
            credit in 0..PERSON, elapsed in 0..10_000i64,
        ) {
            let terms = Terms { max_active, ..terms(rate) };
            let crowd = Crowd {
                last_position: through + waiting, returning, inside, inside_without_hold: inside,
                called_in_window: coming, free_seats: free,
            };
            let tick = tick(&terms, drip(through, credit), crowd, Timestamp(elapsed), elapsed);
            prop_assert!(tick.drip.through >= through);
            prop_assert!(tick.drip.through <= crowd.last_position);
            prop_assert!(tick.recalled <= returning);
            prop_assert!((0..PERSON).contains(&tick.drip.credit));
            let people = tick.called + tick.recalled;
            prop_assert!(people * PERSON <= credit + elapsed.min(LONGEST_CATCH_UP_MS) * rate);
            prop_assert!(people == 0 || inside + coming + people <= free);
            prop_assert!(people == 0 || max_active == 0 || inside + coming + people <= max_active);
        }
    }
}
