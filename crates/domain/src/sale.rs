//! A sale: its terms, how they are checked, and the phase that follows from them and the time.

use std::fmt;

use serde::Serialize;

use crate::caps::{Caps, MOST_TOGETHER};
use crate::clock::Timestamp;
use crate::ids::{EventId, SaleId};
use crate::money::{Currency, Money};
use crate::refusal::Refusal;

/// More seats than the largest stadium; also the bound on the memory of one seat map.
pub const MOST_SEATS: i64 = 200_000;
/// More people than have ever waited for one sale (13 million), with room.
pub const LARGEST_ROOM: i64 = 20_000_000;
/// A million people a minute would empty the largest room in twenty minutes.
pub const FASTEST_DRIP_PER_MINUTE: i64 = 1_000_000;
/// Seats in one hold.
pub const MOST_SEATS_PER_HOLD: i64 = 50;
/// A day: no window of a sale is longer.
const LONGEST_WINDOW_SEC: i64 = 86_400;

/// What the operator sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    pub opens_at: Timestamp,
    pub ends_at: Timestamp,
    pub total_seats: i64,
    pub admit_per_minute: i64,
    pub waiting_room_cap: i64,
    pub max_tickets_per_user: i64,
    /// Over accounts that belong together, and over sales.
    pub caps: Caps,
    /// People inside or called at once; 0 means no limit.
    pub max_active: i64,
    pub hold_ttl_sec: i64,
    pub claim_window_sec: i64,
    pub shopping_window_sec: i64,
    pub seats_per_shopper: i64,
    pub price: Money,
    pub currency: Currency,
    pub cancelled_seats: CancelledSeats,
}

/// Where the seat of a cancelled ticket goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledSeats {
    /// On sale again at once.
    #[default]
    Public,
    /// To the operator, who gives it free later or not at all.
    Held,
}

impl CancelledSeats {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Held => "held",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Public, Self::Held].into_iter().find(|seats| seats.name() == name)
    }
}

/// A value that cannot be, and the name of its field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for FieldError {}

impl Terms {
    pub fn check(&self) -> Result<(), FieldError> {
        if self.ends_at <= self.opens_at {
            return Err(FieldError::new("ends_at", "must come after opens_at"));
        }
        let ranges = [
            ("total_seats", self.total_seats, 1, MOST_SEATS),
            ("admit_per_minute", self.admit_per_minute, 0, FASTEST_DRIP_PER_MINUTE),
            ("waiting_room_cap", self.waiting_room_cap, 0, LARGEST_ROOM),
            ("max_tickets_per_user", self.max_tickets_per_user, 1, MOST_SEATS_PER_HOLD),
            ("max_tickets_per_cluster", self.caps.per_cluster, 0, MOST_TOGETHER),
            ("max_tickets_per_group", self.caps.per_group, 0, MOST_TOGETHER),
            ("max_tickets_per_group_cluster", self.caps.per_group_cluster, 0, MOST_TOGETHER),
            ("max_active", self.max_active, 0, LARGEST_ROOM),
            ("hold_ttl_sec", self.hold_ttl_sec, 1, LONGEST_WINDOW_SEC),
            ("claim_window_sec", self.claim_window_sec, 1, LONGEST_WINDOW_SEC),
            ("shopping_window_sec", self.shopping_window_sec, 1, LONGEST_WINDOW_SEC),
            ("seats_per_shopper", self.seats_per_shopper, 1, MOST_SEATS_PER_HOLD),
            ("price", self.price.0, 0, i64::MAX / MOST_SEATS),
        ];
        for (field, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(FieldError::new(field, format!("must be {least} to {most}, not {value}")));
            }
        }
        Ok(())
    }
}

/// A sale as the store remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    pub id: SaleId,
    pub event: EventId,
    pub terms: Terms,
    pub paused: bool,
    pub closed_at: Option<Timestamp>,
    /// `None` while its seats are being made.
    pub built_at: Option<Timestamp>,
}

/// Where a sale stands. Derived from the terms, the wall clock and the stock; never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Building,
    Scheduled,
    Open,
    Paused,
    SoldOut,
    Ended,
}

impl Phase {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Scheduled => "scheduled",
            Self::Open => "open",
            Self::Paused => "paused",
            Self::SoldOut => "sold_out",
            Self::Ended => "ended",
        }
    }
}

impl Sale {
    /// `sold_out`: no seat is free and none is held.
    pub fn phase(&self, wall: Timestamp, sold_out: bool) -> Phase {
        if self.has_ended(wall) {
            Phase::Ended
        } else if self.built_at.is_none() {
            Phase::Building
        } else if wall < self.terms.opens_at {
            Phase::Scheduled
        } else if sold_out {
            Phase::SoldOut
        } else if self.paused {
            Phase::Paused
        } else {
            Phase::Open
        }
    }

    /// A sale that was closed stays closed, even if the wall clock is set back.
    pub fn has_ended(&self, wall: Timestamp) -> bool {
        wall >= self.terms.ends_at || self.closed_at.is_some()
    }

    /// Joining needs open doors. A pause or an empty shop does not close them: seats may come back.
    pub fn may_join(&self, wall: Timestamp) -> Result<(), Refusal> {
        match self.phase(wall, false) {
            Phase::Building => Err(Refusal::SaleBuilding),
            Phase::Scheduled => Err(Refusal::SaleClosed { opens_at: Some(self.terms.opens_at) }),
            Phase::Ended => Err(Refusal::SaleClosed { opens_at: None }),
            Phase::Open | Phase::Paused | Phase::SoldOut => Ok(()),
        }
    }

    /// Claims and new holds go on while paused; an ended sale takes neither.
    pub fn may_shop(&self, wall: Timestamp) -> Result<(), Refusal> {
        self.may_join(wall)
    }

    /// The watermark moves only in an open sale.
    pub fn may_call(&self, wall: Timestamp) -> bool {
        self.phase(wall, false) == Phase::Open
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    pub(crate) fn sale() -> Sale {
        Sale {
            id: SaleId(Uuid::from_u128(1)),
            event: EventId(Uuid::from_u128(2)),
            terms: Terms {
                opens_at: Timestamp(1_000_000),
                ends_at: Timestamp(9_000_000),
                total_seats: 100,
                admit_per_minute: 6000,
                waiting_room_cap: 1000,
                max_tickets_per_user: 4,
                caps: Caps::default(),
                max_active: 0,
                hold_ttl_sec: 720,
                claim_window_sec: 60,
                shopping_window_sec: 600,
                seats_per_shopper: 1,
                price: Money(5000),
                currency: Currency::parse("USD").expect("three letters"),
                cancelled_seats: CancelledSeats::Public,
            },
            paused: false,
            closed_at: None,
            built_at: Some(Timestamp(0)),
        }
    }

    #[test]
    fn doors_open_at_opens_at_and_not_a_millisecond_before() {
        let sale = sale();
        assert_eq!(sale.phase(Timestamp(999_999), false), Phase::Scheduled);
        assert_eq!(
            sale.may_join(Timestamp(999_999)),
            Err(Refusal::SaleClosed { opens_at: Some(Timestamp(1_000_000)) })
        );
        assert_eq!(sale.phase(Timestamp(1_000_000), false), Phase::Open);
        assert_eq!(sale.may_join(Timestamp(1_000_000)), Ok(()));
    }

    #[test]
    fn doors_shut_at_ends_at_or_when_the_operator_closes() {
        let mut sale = sale();
        assert_eq!(sale.may_join(Timestamp(8_999_999)), Ok(()));
        assert_eq!(sale.may_join(Timestamp(9_000_000)), Err(Refusal::SaleClosed { opens_at: None }));
        sale.closed_at = Some(Timestamp(2_000_000));
        assert_eq!(sale.phase(Timestamp(2_000_000), false), Phase::Ended);
        assert_eq!(sale.phase(Timestamp(1_999_999), false), Phase::Ended, "a clock set back opens nothing");
    }

    #[test]
    fn a_pause_stops_calls_and_nothing_else() {
        let mut sale = sale();
        sale.paused = true;
        let now = Timestamp(1_500_000);
        assert_eq!(sale.phase(now, false), Phase::Paused);
        assert!(!sale.may_call(now));
        assert_eq!((sale.may_join(now), sale.may_shop(now)), (Ok(()), Ok(())));
    }

    #[test]
    fn an_empty_shop_keeps_its_doors_open_for_returned_seats() {
        let sale = sale();
        assert_eq!(sale.phase(Timestamp(1_500_000), true), Phase::SoldOut);
        assert_eq!(sale.may_join(Timestamp(1_500_000)), Ok(()));
    }

    #[test]
    fn a_sale_without_its_seats_lets_nobody_in() {
        let mut sale = sale();
        sale.built_at = None;
        assert_eq!(sale.may_join(Timestamp(1_500_000)), Err(Refusal::SaleBuilding));
    }

    #[test]
    fn impossible_terms_name_their_field() {
        type Change = fn(&mut Terms);
        let cases: [(&str, Change); 7] = [
            ("ends_at", |t| t.ends_at = t.opens_at),
            ("total_seats", |t| t.total_seats = 0),
            ("total_seats", |t| t.total_seats = MOST_SEATS + 1),
            ("admit_per_minute", |t| t.admit_per_minute = -1),
            ("max_tickets_per_user", |t| t.max_tickets_per_user = 0),
            ("hold_ttl_sec", |t| t.hold_ttl_sec = 0),
            ("price", |t| t.price = Money(-1)),
        ];
        assert_eq!(sale().terms.check(), Ok(()));
        for (field, change) in cases {
            let mut terms = sale().terms;
            change(&mut terms);
            assert_eq!(terms.check().map_err(|error| error.field), Err(field.to_owned()));
        }
    }
}
