//! What people hardly do: polling many times as often as they were asked to, joining without an end, coming from many networks
//! or with many sessions at once. Signals, not verdicts: they are counted for the operator and move nobody in a line. Whoever
//! shows one is refused nothing, unless the operator has set the limit `odd.account`, which says so openly.
//!
//! Each node watches those who come to it, by the minute.

use std::collections::hash_map::RandomState;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use domain::{AccountId, SaleId, Timestamp};
use http::header;
use http::request::Parts;
use store::counts::{Book, minute_of};

use crate::app::Shared;
use crate::counts::Counts;
use crate::source::Source;

/// Fans of one sale that are watched at once; at some 150 bytes each, 15 MB when full.
const WATCHED_MAX: usize = 100_000;
/// Who shares a lock, and pushes each other out: whoever has been quiet for longest goes.
const WATCHED_PER_SET: usize = 8;
const MINUTE: Duration = Duration::from_secs(60);
/// Several tabs are a habit and no signal. Asked to come once in three seconds, this is more than a hundred polls a minute.
const PACE_MAX: u32 = 6;
const JOINS_MAX: u16 = 20;
/// A telephone changes between networks, and a family shares an account.
const KINDS_MAX: usize = 4;
/// For so long somebody is odd after he has shown it.
const ODD_FOR: Duration = MINUTE;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// In one minute more polls than [`PACE_MAX`] pages send that come when they were asked to.
    FastPolls,
    /// More than [`JOINS_MAX`] joins in one minute.
    ManyJoins,
    /// More than [`KINDS_MAX`] addresses in one minute; of IPv6, networks.
    ManyAddresses,
    /// More than [`KINDS_MAX`] sessions in one minute.
    ManySessions,
}

impl Signal {
    const ALL: [Self; 4] = [Self::FastPolls, Self::ManyJoins, Self::ManyAddresses, Self::ManySessions];

    pub const fn code(self) -> &'static str {
        match self {
            Self::FastPolls => "fast_polls",
            Self::ManyJoins => "many_joins",
            Self::ManyAddresses => "many_addresses",
            Self::ManySessions => "many_sessions",
        }
    }
}

/// By what one browser is told from another; no more of it is kept than that it is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    pub source: Source,
    session: u64,
}

impl FromRequestParts<Shared> for Trace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Infallible> {
        let source = Source::of(parts, &app.config.trusted_proxies);
        let bearer = parts.headers.get(header::AUTHORIZATION);
        // Sessions differ in their ends, which nobody can choose.
        let session = bearer.or_else(|| parts.headers.get(header::COOKIE)).map_or(0, |value| tail(value.as_bytes()));
        Ok(Self { source, session })
    }
}

fn tail(text: &[u8]) -> u64 {
    text.iter().rev().take(size_of::<u64>()).fold(0, |tail, byte| tail << 8 | u64::from(*byte))
}

/// When something was asked.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    pub wall: Timestamp,
    pub monotonic: Duration,
}

pub struct Signals {
    hasher: RandomState,
    sets: Box<[Mutex<Vec<Watched>>]>,
    counts: Counts,
}

/// One fan of one sale, in one minute of the wall clock.
struct Watched {
    account: AccountId,
    sale: SaleId,
    seen: Duration,
    minute: i64,
    /// By the answers to his polls of this minute he should have come in so much time.
    asked: Duration,
    joins: u16,
    sources: Few<u128>,
    sessions: Few<u64>,
    /// A bit for each signal that was counted in this minute.
    counted: u8,
    odd_until: Duration,
}

impl Default for Signals {
    fn default() -> Self {
        let sets = (0..WATCHED_MAX.div_ceil(WATCHED_PER_SET)).map(|_| Mutex::default()).collect();
        Self { hasher: RandomState::new(), sets, counts: Counts::of(Book::Signals) }
    }
}

impl Signals {
    /// A poll was answered, and the next one asked for after `asked_ms`.
    pub fn polled(&self, account: AccountId, sale: SaleId, trace: Trace, at: Moment, asked_ms: i64) {
        let asked = Duration::from_millis(asked_ms.unsigned_abs());
        self.watch(account, sale, trace, at, |fan| fan.asked = fan.asked.saturating_add(asked));
    }

    /// Somebody joined, or was told the place that he has.
    pub fn joined(&self, account: AccountId, sale: SaleId, trace: Trace, at: Moment) {
        self.watch(account, sale, trace, at, |fan| fan.joins = fan.joins.saturating_add(1));
    }

    /// Whether a signal was seen a moment ago.
    pub fn is_odd(&self, account: AccountId, sale: SaleId, now: Duration) -> bool {
        self.set(account, sale).iter().any(|fan| fan.is(account, sale) && now < fan.odd_until)
    }

    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    fn watch(&self, account: AccountId, sale: SaleId, trace: Trace, at: Moment, note: impl FnOnce(&mut Watched)) {
        let mut set = self.set(account, sale);
        let place = match set.iter().position(|fan| fan.is(account, sale)) {
            Some(place) => place,
            None => make_room(&mut set, Watched::new(account, sale)),
        };
        let fan = &mut set[place];
        fan.turn_to(minute_of(at.wall));
        fan.seen = at.monotonic;
        fan.sources.add(trace.source.number());
        fan.sessions.add(trace.session);
        note(fan);
        for signal in Signal::ALL {
            if fan.shows_anew(signal) {
                fan.odd_until = at.monotonic + ODD_FOR;
                self.counts.count(account, sale, signal.code(), at.wall);
            }
        }
    }

    fn set(&self, account: AccountId, sale: SaleId) -> MutexGuard<'_, Vec<Watched>> {
        let hash = self.hasher.hash_one((account, sale));
        let at = (hash % self.sets.len() as u64) as usize;
        self.sets[at].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    fn new(account: AccountId, sale: SaleId) -> Self {
        Self {
            account,
            sale,
            seen: Duration::ZERO,
            minute: 0,
            asked: Duration::ZERO,
            joins: 0,
            sources: Few::default(),
            sessions: Few::default(),
            counted: 0,
            odd_until: Duration::ZERO,
        }
    }

    fn is(&self, account: AccountId, sale: SaleId) -> bool {
        self.account == account && self.sale == sale
    }

    fn turn_to(&mut self, minute: i64) {
        if self.minute != minute {
            let odd_until = self.odd_until;
            *self = Self { minute, odd_until, ..Self::new(self.account, self.sale) };
        }
    }

    /// For the first time in this minute.
    fn shows_anew(&mut self, signal: Signal) -> bool {
        let bit = 1 << signal as u8;
        let shows = match signal {
            Signal::FastPolls => self.asked > MINUTE * PACE_MAX,
            Signal::ManyJoins => self.joins > JOINS_MAX,
            Signal::ManyAddresses => self.sources.are_many(),
            Signal::ManySessions => self.sessions.are_many(),
        };
        let anew = shows && self.counted & bit == 0;
        self.counted |= if shows { bit } else { 0 };
        anew
    }
}

/// Adds to a full set by putting out whoever has been quiet for longest.
fn make_room(set: &mut Vec<Watched>, new: Watched) -> usize {
    if set.len() < WATCHED_PER_SET {
        set.push(new);
        return set.len() - 1;
    }
    let quietest = (0..set.len()).min_by_key(|at| set[*at].seen).unwrap_or_default();
    set[quietest] = new;
    quietest
}

/// A few different ones, and that there are more.
#[derive(Default)]
struct Few<T> {
    known: [T; KINDS_MAX],
    count: usize,
}

impl<T: PartialEq + Copy> Few<T> {
    fn add(&mut self, one: T) {
        if self.known[..self.count.min(KINDS_MAX)].contains(&one) {
            return;
        }
        if let Some(free) = self.known.get_mut(self.count) {
            *free = one;
        }
        self.count = (self.count + 1).min(KINDS_MAX + 1);
    }

    const fn are_many(&self) -> bool {
        self.count > KINDS_MAX
    }
}

#[cfg(test)]
mod tests;
