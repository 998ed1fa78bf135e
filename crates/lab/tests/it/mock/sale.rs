//! The mock's sale, in memory and correct by default: queue, drip, seats, holds, orders. Bugs are asked for by name.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use serde_json::Value;

use super::bug::Bug;
use super::time::parse;

/// The mock counts people called this recently as on their way in.
const CLAIM_WINDOW_MS: i64 = 2_000;
const CREDIT_MS: i64 = 2_000;
/// Two tabs ask within this.
const SAME_MOMENT_MS: i64 = 100;
/// Whoever comes so long after the doors is late.
const LATE_MS: i64 = 4_000;

pub(crate) struct Entry {
    pub(crate) position: u64,
    pub(crate) user: String,
    pub(crate) joined_at: i64,
    pub(crate) called_at: Option<i64>,
    pub(crate) claimed_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) ended_as: &'static str,
    pub(crate) polls: u64,
    /// Where the latest join for it came from, and when.
    joined_from: Ipv4Addr,
    asked_at: i64,
}

pub(crate) struct Call {
    pub(crate) through: u64,
    pub(crate) at: i64,
    pub(crate) called: u64,
    pub(crate) bound_by: &'static str,
}

pub(crate) struct Hold {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) claim: Option<String>,
    pub(crate) seats: Vec<usize>,
    pub(crate) placed_at: i64,
    pub(crate) ended_at: Option<i64>,
    pub(crate) state: &'static str,
}

pub(crate) struct Ticket {
    pub(crate) id: String,
    pub(crate) seat: usize,
}

pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) hold: String,
    pub(crate) claim: String,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) at: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    Free,
    Held,
    Sold,
}

/// A refusal: status and code.
pub(crate) type No = (u16, &'static str);

pub(crate) struct Sale {
    pub(crate) bug: Bug,
    pub(crate) id: String,
    pub(crate) opens_at: i64,
    pub(crate) per_minute: i64,
    pub(crate) max_tickets: usize,
    /// Of one network; 0: no such cap.
    pub(crate) max_tickets_of_network: usize,
    pub(crate) max_active: usize,
    seats_per_shopper: u64,
    pub(crate) hold_ttl_sec: i64,
    pub(crate) shopping_ms: i64,
    pub(crate) price: i64,
    pub(crate) entries: Vec<Entry>,
    /// Latest entry of each account.
    pub(crate) place_of: HashMap<String, usize>,
    pub(crate) last_position: u64,
    pub(crate) through: u64,
    pub(crate) calls: Vec<Call>,
    pub(crate) seats: Vec<Seat>,
    pub(crate) holds: Vec<Hold>,
    pub(crate) orders: Vec<Order>,
    pub(crate) answers: HashMap<(String, String), String>,
    pub(crate) lost: HashMap<String, u64>,
    /// Accounts that came from one network.
    pub(super) networks: HashMap<[u8; 3], HashSet<String>>,
    swap_gap: Option<u64>,
    kept_free: Option<u64>,
    joins: u64,
    credit: i64,
    last_tick: i64,
    planted: HashSet<&'static str>,
}

pub(crate) const PEOPLE_CREDIT: i64 = 60_000;

impl Sale {
    /// As `POST /v1/admin/sales` asks for it.
    pub(crate) fn new(bug: Bug, id: String, terms: &Value) -> Self {
        let count = |name: &str, default: u64| terms[name].as_u64().unwrap_or(default);
        let small = |name: &str, default| usize::try_from(count(name, default)).expect("few");
        let opens_at = parse(terms["opens_at"].as_str().expect("a time"));
        let seats = small("total_seats", 0);
        Sale {
            bug,
            id,
            opens_at,
            per_minute: count("admit_per_minute", 5_000).cast_signed(),
            max_tickets: small("max_tickets_per_user", 4),
            max_tickets_of_network: small("max_tickets_per_cluster", 0),
            max_active: small("max_active", 0),
            seats_per_shopper: count("seats_per_shopper", 1),
            hold_ttl_sec: 30,
            shopping_ms: count("shopping_window_sec", 600).cast_signed() * 1_000,
            price: 5_000,
            entries: vec![],
            place_of: HashMap::new(),
            last_position: 0,
            through: 0,
            calls: vec![],
            seats: vec![Seat::Free; seats],
            holds: vec![],
            orders: vec![],
            answers: HashMap::new(),
            lost: HashMap::new(),
            networks: HashMap::new(),
            swap_gap: None,
            kept_free: None,
            joins: 0,
            credit: 0,
            last_tick: opens_at,
            planted: HashSet::new(),
        }
    }

    /// True the first time it is asked for by this name.
    pub(super) fn once(&mut self, what: &'static str) -> bool {
        self.planted.insert(what)
    }

    /// Position and whether it is new.
    pub(crate) fn join(&mut self, user: &str, from: Ipv4Addr, now: i64) -> Result<(u64, bool), No> {
        if self.bug == Bug::RefusesEverything || now < self.opens_at {
            return Err((403, "sale_closed"));
        }
        if let Some(position) = self.lost.get(user) {
            return Ok((*position, false));
        }
        let place = self.place_of.get(user).copied().filter(|place| self.entries[*place].ended_at.is_none());
        if let Some(place) = place.filter(|place| !self.is_a_stranger(*place, from, now)) {
            let position = self.entries[place].position;
            let entry = &mut self.entries[place];
            let second_tab = entry.joined_from != from && now - entry.asked_at < SAME_MOMENT_MS;
            (entry.joined_from, entry.asked_at) = (from, now);
            if second_tab && self.bug == Bug::SecondTabMakesPlace {
                self.add(user, self.last_position + 1, now);
            }
            if self.bug == Bug::RejoinRefused {
                return Err((503, "room_full"));
            }
            if self.bug == Bug::RejoinMakesSecondPlace {
                self.add(user, self.last_position + 1, now);
            }
            return Ok(if self.bug == Bug::PositionResetOnRejoin {
                (self.last_position + 1, false)
            } else {
                (position, false)
            });
        }
        self.joins += 1;
        let position = self.next_position(now);
        if self.bug == Bug::LostAcknowledgedJoin && self.joins == 20 {
            self.lost.insert(user.into(), position);
            return Ok((position, true));
        }
        self.place_of.insert(user.into(), self.entries.len());
        self.add(user, position, now);
        self.entries.last_mut().expect("just added").joined_from = from;
        if self.bug == Bug::RefusedJoinKept && self.joins == 20 {
            return Err((503, "room_full"));
        }
        if self.bug == Bug::GhostEntry && self.joins == 20 {
            self.add("somebody-else", self.last_position + 1, now);
        }
        Ok((position, true))
    }

    /// Somebody from elsewhere is taken for somebody else.
    fn is_a_stranger(&self, place: usize, from: Ipv4Addr, now: i64) -> bool {
        let entry = &self.entries[place];
        self.bug == Bug::NewAddressNewPlace && entry.joined_from != from && now - entry.asked_at > SAME_MOMENT_MS
    }

    fn next_position(&mut self, now: i64) -> u64 {
        if self.bug == Bug::LateOvertakes
            && now - self.opens_at > LATE_MS
            && let Some(kept) = self.kept_free.take()
        {
            return kept;
        }
        if let Some(gap) = self.swap_gap.take() {
            return gap;
        }
        match self.bug {
            Bug::DuplicatePosition if self.joins.is_multiple_of(10) => self.last_position,
            Bug::SwappedOrder if self.joins % 10 == 5 => {
                self.swap_gap = Some(self.last_position + 1);
                self.last_position + 2
            }
            Bug::LateOvertakes if self.joins == 20 => {
                self.kept_free = Some(self.last_position + 1);
                self.last_position + 2
            }
            // There are never as many fans here.
            Bug::NewestFirst => 1_000 - self.joins,
            _ => self.last_position + 1,
        }
    }

    fn add(&mut self, user: &str, position: u64, now: i64) {
        self.last_position = self.last_position.max(position);
        let user = user.to_owned();
        let entry = Entry {
            position,
            user,
            joined_at: now,
            called_at: None,
            claimed_at: None,
            ended_at: None,
            ended_as: "bought",
            polls: 0,
            joined_from: Ipv4Addr::LOCALHOST,
            asked_at: now,
        };
        self.entries.push(entry);
    }

    pub(crate) fn tick(&mut self, now: i64) {
        let elapsed = (now - self.last_tick).clamp(0, CREDIT_MS);
        self.last_tick = self.last_tick.max(now);
        let doubled = matches!(self.bug, Bug::DoubleRateDrip | Bug::DoubleRateDripHidden);
        let rate = if doubled { self.per_minute * 2 } else { self.per_minute };
        let most = (rate * CREDIT_MS).max(PEOPLE_CREDIT);
        self.credit = (self.credit + elapsed * rate).min(most);
        let bounds = [
            ((self.credit / PEOPLE_CREDIT).unsigned_abs(), "rate"),
            (self.last_position - self.through, "line"),
            (self.room(now), "stock"),
            (self.cap(now), "cap"),
        ];
        let (called, bound_by) = bounds.into_iter().min_by_key(|(people, _)| *people).expect("four bounds");
        if called == 0 && self.calls.last().is_some_and(|last| last.bound_by == bound_by) {
            return;
        }
        self.credit -= i64::try_from(called).expect("few") * PEOPLE_CREDIT;
        self.through += called;
        self.call(called, now);
        self.calls.push(Call { through: self.through, at: now, called, bound_by });
    }

    fn call(&mut self, called: u64, now: i64) {
        let lifo = self.is_unfair();
        for _ in 0..if lifo { called } else { 0 } {
            let by_polls = self.bug == Bug::FastPollersFirst;
            let waiting = self.entries.iter_mut().filter(|entry| entry.called_at.is_none());
            let next = waiting.max_by_key(|entry| (if by_polls { entry.polls } else { 0 }, entry.position));
            if let Some(next) = next {
                next.called_at = Some(now);
            }
        }
        let through = self.through;
        for entry in self.entries.iter_mut().filter(|entry| !lifo && entry.position <= through) {
            entry.called_at.get_or_insert(now);
        }
    }

    /// Not by position.
    fn is_unfair(&self) -> bool {
        matches!(self.bug, Bug::LastInFirstOut | Bug::FastPollersFirst)
    }

    /// How many more may be inside or on their way.
    fn cap(&self, now: i64) -> u64 {
        if self.max_active == 0 {
            return u64::MAX;
        }
        let there = self.entries.iter().filter(|entry| match (entry.claimed_at, entry.called_at) {
            (Some(_), _) => entry.ended_at.is_none(),
            (None, Some(called)) => now - called < CLAIM_WINDOW_MS,
            _ => false,
        });
        (self.max_active as u64).saturating_sub(there.count() as u64)
    }

    fn room(&self, now: i64) -> u64 {
        let coming = self.entries.iter().filter(|entry| match (entry.claimed_at, entry.called_at) {
            (Some(_), _) => entry.ended_at.is_none() && self.live_hold(&entry.user).is_none(),
            (None, Some(called)) => now - called < CLAIM_WINDOW_MS,
            _ => false,
        });
        (self.free().len() as u64 / self.seats_per_shopper).saturating_sub(coming.count() as u64)
    }

    pub(crate) fn free(&self) -> Vec<usize> {
        (0..self.seats.len()).filter(|seat| self.seats[*seat] == Seat::Free).collect()
    }

    pub(crate) fn live_hold(&self, user: &str) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.user == user && hold.state == "live")
    }

    pub(crate) fn sold_out(&self) -> bool {
        self.seats.iter().all(|seat| *seat == Seat::Sold)
    }

    /// The entry of a poll, claimed if it has been called.
    pub(crate) fn poll(&mut self, user: &str, now: i64) -> Result<&Entry, No> {
        let mut place = *self.place_of.get(user).ok_or((404, "not_in_queue"))?;
        let waits = self.entries[place].called_at.is_none() && self.entries[place].position == 30;
        if self.bug == Bug::PlaceMovedToTheEnd && waits && self.entries[place].polls > 1 {
            self.entries[place].ended_at = Some(now);
            place = self.entries.len();
            self.add(user, self.last_position + 1, now);
            self.place_of.insert(user.into(), place);
        }
        let unfair = self.is_unfair();
        let entry = &mut self.entries[place];
        entry.polls += 1;
        if entry.called_at.is_none() && entry.position <= self.through && !unfair {
            entry.called_at = Some(now);
        }
        if entry.called_at.is_some() && entry.ended_at.is_none() {
            entry.claimed_at.get_or_insert(now);
        }
        Ok(&self.entries[place])
    }
}
