//! Who has which place, and what happened to it since. The facts of one account may come in any order and more than once,
//! from this node's own commits and from those of others: what is known afterwards is the same.

use std::sync::{Arc, Mutex};

use domain::admission::Claim;
use domain::waiting_room::EndedAs;
use domain::{AccountId, Timestamp};
use papaya::{Compute, HashMap, Operation};

/// A place as it was given. Small: there may be millions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub position: i64,
    pub joined_at: Timestamp,
}

/// What happened to a place after its call.
#[derive(Clone, Debug)]
pub enum Visit {
    Inside(Arc<Inside>),
    Returning {
        position: i64,
        at: Timestamp,
    },
    /// Called a second time.
    Recalled {
        position: i64,
        at: Timestamp,
    },
    Ended {
        position: i64,
        ended_as: EndedAs,
    },
}

/// A live claim, with the token that was signed for it last.
#[derive(Debug)]
pub struct Inside {
    pub claim: Claim,
    pub token: Mutex<Option<(String, Timestamp)>>,
}

impl Visit {
    pub fn inside(claim: Claim) -> Self {
        Self::Inside(Arc::new(Inside { claim, token: Mutex::new(None) }))
    }

    pub fn position(&self) -> i64 {
        match self {
            Self::Inside(inside) => inside.claim.position,
            Self::Returning { position, .. } | Self::Recalled { position, .. } | Self::Ended { position, .. } => {
                *position
            }
        }
    }

    /// What an account goes through, in this order: a later place after an earlier one; of one place the returns and second
    /// calls by their time, then the one claim, then the end. A second call at the time of a return answers that return.
    fn stage(&self) -> (i64, u8, Timestamp, bool) {
        match self {
            Self::Returning { position, at } => (*position, 0, *at, false),
            Self::Recalled { position, at } => (*position, 0, *at, true),
            Self::Inside(inside) => (inside.claim.position, 1, Timestamp(0), false),
            Self::Ended { position, .. } => (*position, 2, Timestamp(0), false),
        }
    }
}

/// Whether a fact was new.
#[derive(Debug)]
pub enum Noted {
    /// What is known is newer, or this very fact.
    Known,
    /// With what was known of the account before.
    News(Option<Visit>),
}

#[derive(Default)]
pub struct Places {
    places: HashMap<AccountId, Place>,
    visits: HashMap<AccountId, Visit>,
}

impl Places {
    /// Invariant: an account's position only rises here, and what is known of a place only goes on.
    ///
    /// Returns what was known of an earlier place and is forgotten now.
    pub fn join(&self, account: AccountId, place: Place) -> Option<Visit> {
        self.places.pin().compute(account, |known| match known {
            Some((_, known)) if known.position >= place.position => Operation::Abort(()),
            _ => Operation::Insert(place),
        });
        // After the new place is there: whoever looks in between sees it, and an end that is not about it.
        let visits = self.visits.pin();
        let forgotten = visits.compute(account, |known| match known {
            Some((_, visit)) if visit.position() < place.position => Operation::Remove,
            _ => Operation::Abort(()),
        });
        match forgotten {
            Compute::Removed(_, visit) => Some(visit.clone()),
            _ => None,
        }
    }

    pub fn note(&self, account: AccountId, visit: &Visit) -> Noted {
        if self.place(account).is_some_and(|place| place.position > visit.position()) {
            return Noted::Known;
        }
        let visits = self.visits.pin();
        let noted = visits.compute(account, |known| match known {
            Some((_, known)) if known.stage() >= visit.stage() => Operation::Abort(()),
            _ => Operation::Insert(visit.clone()),
        });
        match noted {
            Compute::Updated { old: (_, before), .. } => Noted::News(Some(before.clone())),
            Compute::Inserted(..) | Compute::Removed(..) => Noted::News(None),
            Compute::Aborted(()) => Noted::Known,
        }
    }

    pub fn place(&self, account: AccountId) -> Option<Place> {
        self.places.pin().get(&account).copied()
    }

    pub fn visit(&self, account: AccountId) -> Option<Visit> {
        self.visits.pin().get(&account).cloned()
    }

    /// The account's place and what happened to it. The visit is read first, and counts only if it is about this place:
    /// a new place is written before the end of the one before is forgotten.
    pub fn look(&self, account: AccountId) -> Option<(Place, Option<Visit>)> {
        let visit = self.visit(account);
        let place = self.place(account)?;
        Some((place, visit.filter(|visit| visit.position() == place.position)))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const FAN: AccountId = AccountId(Uuid::from_u128(1));

    fn place(position: i64) -> Place {
        Place { position, joined_at: Timestamp(position) }
    }

    fn is_news(places: &Places, visit: &Visit) -> bool {
        matches!(places.note(FAN, visit), Noted::News(_))
    }

    fn known(places: &Places) -> Option<(i64, Option<(u8, i64)>)> {
        let (place, visit) = places.look(FAN)?;
        Some((place.position, visit.map(|visit| (visit.stage().1, visit.stage().2.millis()))))
    }

    #[test]
    fn the_end_of_an_earlier_place_says_nothing_about_a_later_one() {
        let places = Places::default();
        places.join(FAN, place(1));
        assert!(is_news(&places, &Visit::Ended { position: 1, ended_as: EndedAs::Left }));
        // As a reader sees it between the two steps of a new join.
        places.places.pin().insert(FAN, place(2));
        assert_eq!(known(&places), Some((2, None)));
        assert!(!is_news(&places, &Visit::Ended { position: 1, ended_as: EndedAs::Left }));
    }

    #[test]
    fn what_comes_late_is_no_news() {
        let places = Places::default();
        let (early, late) = (Timestamp(10), Timestamp(20));
        places.join(FAN, place(2));
        assert!(is_news(&places, &Visit::Returning { position: 2, at: late }));
        assert!(!is_news(&places, &Visit::Recalled { position: 2, at: early }));
        assert!(is_news(&places, &Visit::Recalled { position: 2, at: late }));
        places.join(FAN, place(1));
        assert_eq!(known(&places), Some((2, Some((0, 20)))));
        assert!(is_news(&places, &Visit::Ended { position: 2, ended_as: EndedAs::Left }));
        assert!(!is_news(&places, &Visit::Returning { position: 2, at: Timestamp(30) }));
    }

    #[test]
    fn a_visit_waits_for_its_place() {
        let places = Places::default();
        assert!(is_news(&places, &Visit::Ended { position: 3, ended_as: EndedAs::Bought }));
        assert_eq!(known(&places), None);
        places.join(FAN, place(3));
        assert_eq!(known(&places), Some((3, Some((2, 0)))));
    }
}
