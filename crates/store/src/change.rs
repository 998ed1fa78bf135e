//! What a committed verb tells the node's read model.

use domain::admission::Claim;
use domain::sale::Sale;
use domain::seat_map::Seating;
use domain::waiting_room::EndedAs;
use domain::{AccountId, SaleId, Timestamp};

/// A seat as everybody sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatStatus {
    Available,
    Held,
    Sold,
}

impl SeatStatus {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Held => "held",
            Self::Sold => "sold",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Available, Self::Held, Self::Sold].into_iter().find(|status| status.name() == name)
    }
}

#[derive(Clone, Debug)]
pub enum Change {
    /// A sale was made or its terms changed.
    Sale {
        sale: Box<Sale>,
        seating: Seating,
    },
    Joined {
        sale: SaleId,
        account: AccountId,
        position: i64,
        joined_at: Timestamp,
    },
    /// The watermark rose.
    Called {
        sale: SaleId,
        through: i64,
        people: i64,
        at: Timestamp,
    },
    /// A returner was called again.
    Recalled {
        sale: SaleId,
        account: AccountId,
        position: i64,
        at: Timestamp,
    },
    Claimed {
        sale: SaleId,
        account: AccountId,
        claim: Claim,
    },
    Returned {
        sale: SaleId,
        account: AccountId,
        position: i64,
        at: Timestamp,
    },
    /// An entry is over.
    Ended {
        sale: SaleId,
        account: AccountId,
        position: i64,
        ended_as: EndedAs,
    },
    Seats {
        sale: SaleId,
        seats: Vec<u32>,
        to: SeatStatus,
    },
}

impl Change {
    /// The one that it is about.
    pub fn sale(&self) -> SaleId {
        match self {
            Self::Sale { sale, .. } => sale.id,
            Self::Joined { sale, .. }
            | Self::Called { sale, .. }
            | Self::Recalled { sale, .. }
            | Self::Claimed { sale, .. }
            | Self::Returned { sale, .. }
            | Self::Ended { sale, .. }
            | Self::Seats { sale, .. } => *sale,
        }
    }
}

/// Hears of every committed change once, and of this node's own before the caller gets its answer. Of one seat, and of
/// one sale's terms, an earlier change never comes after a later one; where several nodes write, changes of one place in
/// line may.
pub trait Observer: Send + Sync + 'static {
    fn committed(&self, changes: &[Change]);

    /// These were committed by this process, and others who share the store know of them only when they look. What they
    /// are about may have been told as [`Observer::committed`] before.
    fn others_must_look(&self, _changes: &[Change]) {}
}

/// For tools and tests that keep no read model.
pub struct NoObserver;

impl Observer for NoObserver {
    fn committed(&self, _: &[Change]) {}
}
