//! One sale's room: its terms, the watermark, who stands where, and the seats.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use domain::admission::Claim;
use domain::sale::{Phase, Sale};
use domain::seat_map::{SeatMap, Seating};
use domain::waiting_room::{EndedAs, Pace, State};
use domain::{AccountId, Refusal, SaleId, Timestamp};
use store::Change;
use store::load::ShopState;

use super::joins::Joins;
use super::listeners::{Listeners, WAVES};
use super::stock::Stock;
use crate::admission::Admission;

/// Calls of this stretch of time make the pace.
const PACE_MS: i64 = 60_000;

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
    },
    /// Called a second time.
    Recalled {
        position: i64,
    },
    Ended {
        position: i64,
        ended_as: EndedAs,
    },
}

impl Visit {
    fn position(&self) -> i64 {
        match self {
            Self::Inside(inside) => inside.claim.position,
            Self::Returning { position } | Self::Recalled { position } | Self::Ended { position, .. } => *position,
        }
    }
}

/// A live claim, with the token that was signed for it last.
#[derive(Debug)]
pub struct Inside {
    pub claim: Claim,
    pub token: Mutex<Option<(String, Timestamp)>>,
}

pub struct Room {
    pub id: SaleId,
    pub map: SeatMap,
    pub stock: Stock,
    pub joins: Arc<Joins>,
    pub listeners: Arc<Listeners>,
    /// The whole hall as last sent, with its version: it is large, and many ask for the same one.
    pub hall: Mutex<Option<(u64, Bytes)>>,
    sale: ArcSwap<Sale>,
    through: AtomicI64,
    last_position: AtomicI64,
    places: papaya::HashMap<AccountId, Place>,
    visits: papaya::HashMap<AccountId, Visit>,
    /// Positions ahead of the watermark whose people have gone, in order: they are not ahead of anybody.
    gone: RwLock<Vec<i64>>,
    /// The phase that listeners know, and how many parts of them are still to be told.
    told: Mutex<(Option<Phase>, u8)>,
    calls: Mutex<VecDeque<(Timestamp, i64)>>,
    called_lately: AtomicI64,
}

impl Room {
    pub fn new(sale: Sale, seating: &Seating) -> Self {
        let map = SeatMap::new(seating);
        Self {
            id: sale.id,
            stock: Stock::new(map.total_seats()),
            map,
            joins: Arc::default(),
            listeners: Arc::default(),
            hall: Mutex::default(),
            sale: ArcSwap::from_pointee(sale),
            through: AtomicI64::new(0),
            last_position: AtomicI64::new(0),
            places: papaya::HashMap::new(),
            visits: papaya::HashMap::new(),
            gone: RwLock::default(),
            told: Mutex::default(),
            calls: Mutex::default(),
            called_lately: AtomicI64::new(0),
        }
    }

    pub fn sale(&self) -> Arc<Sale> {
        self.sale.load_full()
    }

    pub fn set_sale(&self, sale: Sale) {
        self.sale.store(Arc::new(sale));
    }

    pub fn phase(&self, wall: Timestamp) -> Phase {
        self.sale.load().phase(wall, self.stock.is_sold_out())
    }

    pub fn through(&self) -> i64 {
        self.through.load(Ordering::Acquire)
    }

    /// Entries that were ever made.
    pub fn joined(&self) -> i64 {
        self.last_position.load(Ordering::Acquire)
    }

    /// People waiting now.
    pub fn waiting(&self) -> i64 {
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        let through = self.through();
        let gone_ahead = gone.len() - gone.partition_point(|position| *position <= through);
        (self.joined() - through - gone_ahead as i64).max(0)
    }

    pub fn place(&self, account: AccountId) -> Option<Place> {
        self.places.pin().get(&account).copied()
    }

    fn visit(&self, account: AccountId) -> Option<Visit> {
        self.visits.pin().get(&account).cloned()
    }

    /// The account's place and what happened to it. The visit is read first, and counts only if it is about this place:
    /// a new place is written before the end of the one before is forgotten.
    pub fn look(&self, account: AccountId) -> Option<(Place, Option<Visit>)> {
        let visit = self.visit(account);
        let place = self.place(account)?;
        Some((place, visit.filter(|visit| visit.position() == place.position)))
    }

    pub fn state(&self, place: Place, visit: Option<&Visit>) -> State {
        match visit {
            Some(Visit::Ended { ended_as, .. }) => ended_as.state(),
            Some(Visit::Inside(_)) => State::Inside,
            Some(Visit::Returning { .. }) => State::Returning,
            Some(Visit::Recalled { .. }) => State::Called,
            None if place.position > self.through() => State::Waiting,
            None => State::Called,
        }
    }

    /// Whether the claim that an admission names is the one that lives. From memory: it spares a look into the store,
    /// and what takes seats asks the transaction again.
    pub fn still_admits(&self, admission: &Admission) -> Result<(), Refusal> {
        match self.visit(admission.account) {
            Some(Visit::Inside(inside)) if inside.claim.id == admission.claim => Ok(()),
            Some(Visit::Ended { ended_as: EndedAs::Bought | EndedAs::Left, .. }) => Err(Refusal::AdmissionUsed),
            _ => Err(Refusal::AdmissionExpired),
        }
    }

    /// People who will be called before this position.
    pub fn ahead(&self, position: i64) -> i64 {
        // Read under the lock: `refresh` drops whoever has gone behind the watermark that it sees.
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        let through = self.through();
        if position <= through {
            return 0;
        }
        let from = gone.partition_point(|gone| *gone <= through);
        let to = gone.partition_point(|gone| *gone < position);
        (position - 1 - through - (to - from) as i64).max(0)
    }

    pub fn pace(&self, wall: Timestamp) -> Pace {
        let open_ms = wall.since_ms(self.sale.load().terms.opens_at);
        Pace { called: self.called_lately.load(Ordering::Relaxed), over_ms: open_ms.clamp(1_000, PACE_MS) }
    }

    /// Tells a new phase, and forgets old calls. Called by the worker: a line that stands still has no pace.
    pub fn refresh(&self, now: Timestamp) {
        self.tell_phase(now);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        while calls.front().is_some_and(|(at, _)| now.since_ms(*at) >= PACE_MS) {
            calls.pop_front();
        }
        self.called_lately.store(calls.iter().map(|(_, people)| people).sum(), Ordering::Relaxed);
        let through = self.through();
        let mut gone = self.gone.write().unwrap_or_else(PoisonError::into_inner);
        let passed = gone.partition_point(|position| *position <= through);
        gone.drain(..passed);
    }

    /// A new phase, whatever brought it, concerns everybody: one part of them is told at each tick.
    fn tell_phase(&self, wall: Timestamp) {
        let phase = Some(self.phase(wall));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.0 != phase {
            *told = (phase, WAVES);
        }
        if told.1 > 0 {
            told.1 -= 1;
            self.listeners.tell_wave(told.1);
        }
    }

    /// A committed change of this sale.
    pub fn apply(&self, change: &Change) {
        match *change {
            Change::Joined { account, position, joined_at, .. } => {
                // In this order: whoever looks in between sees the new place, and an end that is not about it.
                self.places.pin().insert(account, Place { position, joined_at });
                self.visits.pin().remove(&account);
                self.last_position.fetch_max(position, Ordering::AcqRel);
            }
            Change::Called { through, people, at, .. } => {
                let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
                calls.push_back((at, people));
                self.called_lately.fetch_add(people, Ordering::Relaxed);
                let before = self.through.fetch_max(through, Ordering::AcqRel);
                self.listeners.tell(before + 1..=through);
            }
            Change::Recalled { account, .. } => self.note(account, |position| Visit::Recalled { position }),
            Change::Returned { account, .. } => self.note(account, |position| Visit::Returning { position }),
            Change::Claimed { account, claim, .. } => self.let_in(account, claim),
            Change::Ended { account, position, ended_as, .. } => self.end(account, position, ended_as),
            Change::Seats { ref seats, to, .. } => self.stock.set(seats, to),
            Change::Sale { .. } => {}
        }
    }

    fn note(&self, account: AccountId, visit: impl Fn(i64) -> Visit) {
        if let Some(Place { position, .. }) = self.place(account) {
            self.visits.pin().insert(account, visit(position));
            self.listeners.tell(position..=position);
        }
    }

    pub fn let_in(&self, account: AccountId, claim: Claim) {
        let inside = Arc::new(Inside { claim, token: Mutex::new(None) });
        let position = inside.claim.position;
        self.visits.pin().insert(account, Visit::Inside(inside));
        self.listeners.tell(position..=position);
    }

    /// Who has a newer place keeps it: an end of the older one is only remembered for the count ahead.
    pub fn end(&self, account: AccountId, position: i64, ended_as: EndedAs) {
        if self.place(account).is_none_or(|place| place.position == position) {
            self.visits.pin().insert(account, Visit::Ended { position, ended_as });
        }
        if position > self.through() {
            let mut gone = self.gone.write().unwrap_or_else(PoisonError::into_inner);
            let at = gone.partition_point(|known| *known < position);
            gone.insert(at, position);
        }
        self.listeners.tell(position..=position);
    }
}

/// Filling a room at a node's start.
impl Room {
    pub fn restore(&self, shop: &ShopState) {
        self.through.store(shop.through, Ordering::Release);
        self.last_position.store(shop.last_position, Ordering::Release);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.extend(&shop.calls);
        self.called_lately.store(calls.iter().map(|(_, people)| people).sum(), Ordering::Relaxed);
        for (seat, status) in &shop.seats {
            self.stock.set(&[*seat], *status);
        }
    }

    /// In order of position: an account's newest place comes last and stays.
    pub fn restore_place(&self, stored: &store::load::Place) {
        let place = Place { position: stored.entry.position, joined_at: stored.joined_at };
        self.places.pin().insert(stored.account, place);
        self.visits.pin().remove(&stored.account);
        match stored.entry.ended_as {
            Some(ended_as) => self.end(stored.account, place.position, ended_as),
            None if stored.entry.is_returning() => {
                self.note(stored.account, |position| Visit::Returning { position });
            }
            None if stored.entry.recalled_at.is_some() => {
                self.note(stored.account, |position| Visit::Recalled { position });
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::money::Currency;
    use domain::sale::Terms;
    use domain::{EventId, Money};
    use uuid::Uuid;

    use super::*;

    fn room() -> Room {
        let terms = Terms {
            opens_at: Timestamp(0),
            ends_at: Timestamp(1_000_000_000),
            total_seats: 10,
            admit_per_minute: 60,
            waiting_room_cap: 100,
            max_tickets_per_user: 4,
            max_active: 0,
            hold_ttl_sec: 60,
            claim_window_sec: 60,
            shopping_window_sec: 600,
            seats_per_shopper: 1,
            price: Money(100),
            currency: Currency::parse("USD").unwrap(),
        };
        let id = SaleId(Uuid::from_u128(1));
        let event = EventId(Uuid::from_u128(2));
        let sale = Sale { id, event, terms, paused: false, closed_at: None, built_at: Some(Timestamp(0)) };
        Room::new(sale, &Seating::general(10, Money(100)).unwrap())
    }

    fn fan(n: u128) -> AccountId {
        AccountId(Uuid::from_u128(n))
    }

    fn join(room: &Room, n: i64) {
        let account = fan(n.unsigned_abs().into());
        room.apply(&Change::Joined { sale: room.id, account, position: n, joined_at: Timestamp(n) });
    }

    fn call(room: &Room, through: i64, at: i64) {
        let people = through - room.through();
        room.apply(&Change::Called { sale: room.id, through, people, at: Timestamp(at) });
    }

    fn leave(room: &Room, n: i64) {
        let account = fan(n.unsigned_abs().into());
        room.apply(&Change::Ended { sale: room.id, account, position: n, ended_as: EndedAs::Left });
    }

    #[test]
    fn people_who_left_are_not_ahead() {
        let room = room();
        (1..=10).for_each(|n| join(&room, n));
        assert_eq!((room.ahead(10), room.waiting()), (9, 10));
        leave(&room, 3);
        leave(&room, 7);
        assert_eq!((room.ahead(10), room.ahead(4), room.ahead(3), room.waiting()), (7, 2, 2, 8));
        call(&room, 3, 1_000);
        assert_eq!((room.ahead(10), room.ahead(4), room.waiting()), (5, 0, 6));
        room.refresh(Timestamp(1_000));
        assert_eq!((room.ahead(10), room.waiting()), (5, 6));
    }

    #[test]
    fn joining_again_after_leaving_is_a_new_place() {
        let room = room();
        let state = || {
            let (place, visit) = room.look(fan(1)).unwrap();
            (place.position, room.state(place, visit.as_ref()))
        };
        join(&room, 1);
        leave(&room, 1);
        assert_eq!(state(), (1, State::Left));
        room.apply(&Change::Joined { sale: room.id, account: fan(1), position: 2, joined_at: Timestamp(5) });
        assert_eq!(state(), (2, State::Waiting));
    }

    #[test]
    fn the_end_of_an_earlier_place_says_nothing_about_a_later_one() {
        let room = room();
        join(&room, 1);
        leave(&room, 1);
        // As a reader sees it between the two steps of a new join.
        room.places.pin().insert(fan(1), Place { position: 2, joined_at: Timestamp(5) });
        let (place, visit) = room.look(fan(1)).unwrap();
        assert_eq!((place.position, room.state(place, visit.as_ref())), (2, State::Waiting));
    }

    #[test]
    fn a_line_that_stands_still_has_no_pace() {
        let room = room();
        join(&room, 1);
        call(&room, 1, 1_000);
        assert_eq!(room.pace(Timestamp(2_000)), Pace { called: 1, over_ms: 2_000 });
        room.refresh(Timestamp(61_000));
        assert_eq!(room.pace(Timestamp(61_000)).called, 0);
    }
}
