//! What an operator may change of a sale that exists, and until when.
//!
//! What was promised to somebody is not taken back: a claim keeps its deadline, a hold its expiry, a call its window
//! (which is why the claim window is fixed once the doors are open), and who has a place keeps it.

use crate::caps::ClusterBy;
use crate::clock::Timestamp;
use crate::refusal::Refusal;
use crate::sale::{CancelledSeats, FieldError, Sale};

/// One act of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "an operator makes one now and then, and nobody keeps them")]
pub enum SaleChange {
    /// No calls until [`Resume`](Self::Resume); everything else goes on.
    Pause,
    Resume,
    /// The end, now and for good.
    Close,
    Terms(NewTerms),
}

/// The terms that may change; `None` leaves one as it is. Seats, prices and currency are what people have bought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewTerms {
    pub opens_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub admit_per_minute: Option<i64>,
    pub waiting_room_cap: Option<i64>,
    pub max_tickets_per_user: Option<i64>,
    /// 0: no cap any more, as of the next two.
    pub max_tickets_per_cluster: Option<i64>,
    pub max_tickets_per_group: Option<i64>,
    pub max_tickets_per_group_cluster: Option<i64>,
    pub cluster_by: Option<ClusterBy>,
    pub max_active: Option<i64>,
    pub hold_ttl_sec: Option<i64>,
    pub claim_window_sec: Option<i64>,
    pub shopping_window_sec: Option<i64>,
    pub seats_per_shopper: Option<i64>,
    /// For tickets cancelled from now on.
    pub cancelled_seats: Option<CancelledSeats>,
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoChange {
    Refused(Refusal),
    Wrong(FieldError),
}

impl From<Refusal> for NoChange {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<FieldError> for NoChange {
    fn from(error: FieldError) -> Self {
        Self::Wrong(error)
    }
}

impl SaleChange {
    /// The sale after this change. A change that is made already changes nothing, and is no error.
    pub fn apply(&self, sale: &Sale, wall: Timestamp) -> Result<Sale, NoChange> {
        let ended = sale.has_ended(wall);
        match self {
            Self::Close if ended => Ok(sale.clone()),
            _ if ended => Err(Refusal::SaleEnded.into()),
            Self::Close => Ok(Sale { closed_at: Some(wall), ..sale.clone() }),
            Self::Pause => Ok(Sale { paused: true, ..sale.clone() }),
            Self::Resume => Ok(Sale { paused: false, ..sale.clone() }),
            Self::Terms(new) => new.apply(sale, wall),
        }
    }
}

impl NewTerms {
    fn apply(&self, sale: &Sale, wall: Timestamp) -> Result<Sale, NoChange> {
        let before = &sale.terms;
        let mut after = before.clone();
        let times = [(&mut after.opens_at, self.opens_at), (&mut after.ends_at, self.ends_at)];
        for (term, new) in times {
            *term = new.unwrap_or(*term);
        }
        let numbers = [
            (&mut after.admit_per_minute, self.admit_per_minute),
            (&mut after.waiting_room_cap, self.waiting_room_cap),
            (&mut after.max_tickets_per_user, self.max_tickets_per_user),
            (&mut after.caps.per_cluster, self.max_tickets_per_cluster),
            (&mut after.caps.per_group, self.max_tickets_per_group),
            (&mut after.caps.per_group_cluster, self.max_tickets_per_group_cluster),
            (&mut after.max_active, self.max_active),
            (&mut after.hold_ttl_sec, self.hold_ttl_sec),
            (&mut after.claim_window_sec, self.claim_window_sec),
            (&mut after.shopping_window_sec, self.shopping_window_sec),
            (&mut after.seats_per_shopper, self.seats_per_shopper),
        ];
        for (term, new) in numbers {
            *term = new.unwrap_or(*term);
        }
        after.caps.cluster_by = self.cluster_by.unwrap_or(after.caps.cluster_by);
        after.cancelled_seats = self.cancelled_seats.unwrap_or(after.cancelled_seats);
        after.check()?;
        if after.ends_at <= wall {
            return Err(FieldError::new("ends_at", "must come after now; to end the sale now, close it").into());
        }
        let doors_are_open = wall >= before.opens_at;
        if doors_are_open && after.opens_at != before.opens_at {
            return Err(Refusal::TooLate { field: "opens_at" }.into());
        }
        if doors_are_open && after.claim_window_sec != before.claim_window_sec {
            return Err(Refusal::TooLate { field: "claim_window_sec" }.into());
        }
        Ok(Sale { terms: after, ..sale.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sale::tests::sale;

    const BEFORE: Timestamp = Timestamp(999_999);
    const DOORS: Timestamp = Timestamp(1_000_000);
    const END: Timestamp = Timestamp(9_000_000);

    fn terms(new: NewTerms, wall: Timestamp) -> Result<Sale, NoChange> {
        SaleChange::Terms(new).apply(&sale(), wall)
    }

    fn field(no: NoChange) -> String {
        match no {
            NoChange::Wrong(error) => error.field,
            NoChange::Refused(refusal) => refusal.code().to_owned(),
        }
    }

    #[test]
    fn pause_resume_and_close_are_what_they_say_and_nothing_the_second_time() {
        let paused = SaleChange::Pause.apply(&sale(), DOORS).expect("paused");
        assert_eq!(paused, Sale { paused: true, ..sale() });
        assert_eq!(SaleChange::Pause.apply(&paused, DOORS), Ok(paused.clone()));
        assert_eq!(SaleChange::Resume.apply(&paused, DOORS), Ok(sale()));
        assert_eq!(SaleChange::Resume.apply(&sale(), DOORS), Ok(sale()));
        let closed = SaleChange::Close.apply(&sale(), DOORS).expect("closed");
        assert_eq!(closed.closed_at, Some(DOORS));
        assert_eq!(SaleChange::Close.apply(&closed, DOORS.plus_ms(1)), Ok(closed), "the first close counts");
    }

    #[test]
    fn an_ended_sale_takes_no_change_but_its_end() {
        let closed = SaleChange::Close.apply(&sale(), DOORS).expect("closed");
        for change in [SaleChange::Pause, SaleChange::Resume, SaleChange::Terms(NewTerms::default())] {
            assert_eq!(change.apply(&sale(), END), Err(Refusal::SaleEnded.into()), "{change:?}");
            assert_eq!(change.apply(&closed, DOORS), Err(Refusal::SaleEnded.into()), "{change:?}");
            assert!(change.apply(&sale(), END.plus_ms(-1)).is_ok(), "{change:?}");
        }
        assert_eq!(SaleChange::Close.apply(&sale(), END), Ok(sale()));
    }

    #[test]
    fn every_term_that_may_change_does() {
        let new = NewTerms {
            opens_at: Some(DOORS.plus_sec(1)),
            ends_at: Some(END.plus_sec(1)),
            admit_per_minute: Some(1),
            waiting_room_cap: Some(2),
            max_tickets_per_user: Some(3),
            max_tickets_per_cluster: Some(9),
            max_tickets_per_group: Some(10),
            max_tickets_per_group_cluster: Some(11),
            cluster_by: ClusterBy::parse(["address"]).ok(),
            max_active: Some(4),
            hold_ttl_sec: Some(5),
            claim_window_sec: Some(6),
            shopping_window_sec: Some(7),
            seats_per_shopper: Some(8),
            cancelled_seats: Some(CancelledSeats::Held),
        };
        let terms = terms(new, BEFORE).expect("changed").terms;
        assert_eq!(terms.cancelled_seats, CancelledSeats::Held);
        let numbers = [
            terms.admit_per_minute,
            terms.waiting_room_cap,
            terms.max_tickets_per_user,
            terms.max_active,
            terms.hold_ttl_sec,
            terms.claim_window_sec,
            terms.shopping_window_sec,
            terms.seats_per_shopper,
        ];
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
        let caps = terms.caps;
        assert_eq!([caps.per_cluster, caps.per_group, caps.per_group_cluster], [9, 10, 11]);
        assert_eq!(caps.cluster_by.names().collect::<Vec<_>>(), ["address"]);
        assert_eq!((terms.opens_at, terms.ends_at), (DOORS.plus_sec(1), END.plus_sec(1)));
        assert_eq!((terms.total_seats, terms.price), (sale().terms.total_seats, sale().terms.price));
    }

    #[test]
    fn what_was_announced_is_fixed_when_the_doors_open() {
        let opens = NewTerms { opens_at: Some(DOORS.plus_sec(60)), ..NewTerms::default() };
        let window = NewTerms { claim_window_sec: Some(61), ..NewTerms::default() };
        for (new, name) in [(opens, "opens_at"), (window, "claim_window_sec")] {
            assert!(terms(new.clone(), BEFORE).is_ok(), "{name}");
            assert_eq!(terms(new, DOORS), Err(Refusal::TooLate { field: name }.into()));
        }
        let same = NewTerms { opens_at: Some(DOORS), claim_window_sec: Some(60), ..NewTerms::default() };
        assert_eq!(terms(same, DOORS), Ok(sale()), "what stays the same may be said");
    }

    #[test]
    fn the_end_lies_ahead_of_now_and_of_the_doors() {
        let ends = |at: Timestamp| NewTerms { ends_at: Some(at), ..NewTerms::default() };
        let now = DOORS.plus_sec(10);
        assert!(terms(ends(now.plus_ms(1)), now).is_ok());
        assert_eq!(terms(ends(now), now).map_err(field), Err("ends_at".to_owned()));
        assert_eq!(terms(ends(DOORS), BEFORE).map_err(field), Err("ends_at".to_owned()));
        let doors = NewTerms { opens_at: Some(END), ..NewTerms::default() };
        assert_eq!(terms(doors, BEFORE).map_err(field), Err("ends_at".to_owned()));
    }

    #[test]
    fn new_values_are_judged_like_those_of_a_new_sale() {
        let rate = NewTerms { admit_per_minute: Some(-1), ..NewTerms::default() };
        assert_eq!(terms(rate, DOORS).map_err(field), Err("admit_per_minute".to_owned()));
        let ttl = NewTerms { hold_ttl_sec: Some(0), ..NewTerms::default() };
        assert_eq!(terms(ttl, DOORS).map_err(field), Err("hold_ttl_sec".to_owned()));
    }
}
