//! One sale's room: its terms, the watermark, who stands where, and the seats.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use arc_swap::ArcSwap;
use bytes::Bytes;
use domain::admission::Claim;
use domain::sale::{Phase, Sale};
use domain::seat_map::{SeatMap, Seating};
use domain::waiting_room::{EndedAs, Entry, Pace, State};
use domain::{AccountId, Refusal, SaleId, Timestamp};
use store::Change;
use store::catalog::Event;
use store::load::ShopState;

use super::crowd::Crowd;
use super::joins::Joins;
use super::listeners::{Listeners, WAVES};
use super::places::{Noted, Place, Places, Visit};
use super::stock::Stock;
use super::ticks::Ticks;
use crate::admission::Admission;

/// Calls of this stretch of time make the pace.
const PACE_MS: i64 = 60_000;

pub struct Room {
    pub id: SaleId,
    pub map: SeatMap,
    pub stock: Stock,
    pub joins: Arc<Joins>,
    pub listeners: Arc<Listeners>,
    pub crowd: Crowd,
    pub ticks: Ticks,
    /// What the sale is for, once somebody has asked: it never changes.
    pub event: OnceLock<Event>,
    /// The whole hall as last sent, with its version: it is large, and many ask for the same one.
    pub hall: Mutex<Option<(u64, Bytes)>>,
    sale: ArcSwap<Sale>,
    through: AtomicI64,
    last_position: AtomicI64,
    places: Places,
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
            crowd: Crowd::default(),
            ticks: Ticks::default(),
            event: OnceLock::new(),
            hall: Mutex::default(),
            sale: ArcSwap::from_pointee(sale),
            through: AtomicI64::new(0),
            last_position: AtomicI64::new(0),
            places: Places::default(),
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
        let (through, gone) = self.gone_ahead();
        (self.joined() - through - gone).max(0)
    }

    /// People who were called and have neither come, nor asked again, nor gone: on their way, or lost to the sale.
    pub fn called(&self) -> i64 {
        let (through, gone) = self.gone_ahead();
        let ended = self.crowd.ended() - gone;
        (through - ended - self.crowd.inside() - self.crowd.returning()).max(0)
    }

    /// The watermark, and how many places ahead of it have ended.
    fn gone_ahead(&self) -> (i64, i64) {
        let gone = self.gone.read().unwrap_or_else(PoisonError::into_inner);
        let through = self.through();
        (through, (gone.len() - gone.partition_point(|position| *position <= through)) as i64)
    }

    /// The account's place and what happened to it.
    pub fn look(&self, account: AccountId) -> Option<(Place, Option<Visit>)> {
        self.places.look(account)
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
        match self.places.visit(admission.account) {
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

    /// Tells a new phase, and forgets old calls: a line that stands still has no pace. Called five times a second.
    pub fn refresh(&self, now: Timestamp) {
        self.tell_phase(now);
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        while calls.front().is_some_and(|(at, _)| now.since_ms(*at) >= PACE_MS) {
            calls.pop_front();
        }
        self.called_lately.store(calls.iter().map(|(_, people)| people).sum(), Ordering::Relaxed);
        self.crowd.judge(now, self.sale.load().terms.claim_window_sec);
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

    /// A committed change of this sale. What another node did may come twice, or after something later: it is known then.
    /// Only the seats are told in the order of the commits.
    pub fn apply(&self, change: &Change) {
        match *change {
            Change::Joined { account, position, joined_at, .. } => self.join(account, Place { position, joined_at }),
            Change::Called { through, people, at, .. } => self.call(through, people, at),
            Change::Recalled { account, position, at, .. } => self.note(account, &Visit::Recalled { position, at }),
            Change::Returned { account, position, at, .. } => self.note(account, &Visit::Returning { position, at }),
            Change::Claimed { account, claim, .. } => self.note(account, &Visit::inside(claim)),
            Change::Ended { account, position, ended_as, .. } => self.end(account, position, ended_as),
            Change::Seats { ref seats, to, .. } => self.stock.set(seats, to),
            Change::Sale { .. } => {}
        }
    }

    fn join(&self, account: AccountId, place: Place) {
        if let Some(forgotten) = self.places.join(account, place) {
            self.crowd.moved(Some(&forgotten), None);
        }
        self.last_position.fetch_max(place.position, Ordering::AcqRel);
    }

    /// One sale's calls are made one after the other, so the time names the call.
    fn call(&self, through: i64, people: i64, at: Timestamp) {
        self.pace_by([(at, people)]);
        let before = self.through.fetch_max(through, Ordering::AcqRel);
        self.crowd.called(before, through, at);
        self.listeners.tell(before + 1..=through);
    }

    fn pace_by(&self, news: impl IntoIterator<Item = (Timestamp, i64)>) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, people) in news {
            if let Err(place) = calls.binary_search_by_key(&at, |(at, _)| *at) {
                calls.insert(place, (at, people));
            }
        }
        self.called_lately.store(calls.iter().map(|(_, people)| people).sum(), Ordering::Relaxed);
    }

    fn note(&self, account: AccountId, visit: &Visit) {
        if let Noted::News(before) = self.places.note(account, visit) {
            self.crowd.moved(before.as_ref(), Some(visit));
            self.listeners.tell(visit.position()..=visit.position());
        }
    }

    /// Who has a newer place keeps it: an end of the older one is only remembered for the count ahead.
    fn end(&self, account: AccountId, position: i64, ended_as: EndedAs) {
        let end = Visit::Ended { position, ended_as };
        if let Noted::News(before) = self.places.note(account, &end) {
            self.crowd.moved(before.as_ref(), Some(&end));
        }
        self.crowd.place_ended(position);
        if position > self.through() {
            let mut gone = self.gone.write().unwrap_or_else(PoisonError::into_inner);
            if let Err(place) = gone.binary_search(&position) {
                gone.insert(place, position);
            }
        }
        self.listeners.tell(position..=position);
    }
}

/// Filling a room at a node's start, while changes are told already: what is read may be older than what was heard.
impl Room {
    pub fn restore(&self, shop: &ShopState) {
        self.through.fetch_max(shop.through, Ordering::AcqRel);
        self.last_position.fetch_max(shop.last_position, Ordering::AcqRel);
        self.pace_by(shop.calls.iter().copied());
        self.stock.restore(&shop.seats);
    }

    pub fn restore_place(&self, stored: &store::load::Place) {
        let (account, Entry { position, returned_at, recalled_at, ended_as, .. }) = (stored.account, stored.entry);
        self.join(account, Place { position, joined_at: stored.joined_at });
        if let Some(at) = returned_at {
            self.note(account, &Visit::Returning { position, at });
        }
        if let Some(at) = recalled_at {
            self.note(account, &Visit::Recalled { position, at });
        }
        if let Some(ended_as) = ended_as {
            self.end(account, position, ended_as);
        }
    }

    pub fn restore_claim(&self, account: AccountId, claim: Claim) {
        self.note(account, &Visit::inside(claim));
    }
}

#[cfg(test)]
mod tests;
