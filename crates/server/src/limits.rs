//! How often one account, and one address, may ask for what, by GCRA. Memory is bounded, and a full table lets people in,
//! never out.
//!
//! GCRA, the generic cell rate algorithm (ITU-T I.371): a key's whole state is its theoretical arrival time.
//!
//! A node decides alone and at once. Where nodes share their counts, each tells now and then what it let through
//! ([`Limits::used`]) and learns what all have ([`Limits::learn`]): an account that spreads its requests over the nodes
//! has one allowance, but for what the nodes have not told each other yet.

mod rates;
mod table;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::AccountId;
pub use rates::{By, Rate, Rates, RouteClass};
use rates::{COUNT, KINDS, place};
use table::{Key, Table};

use crate::source::Source;

/// Accounts or addresses remembered for each limit: a large sale's active people. At 32 bytes each, 6 MB a limit when full.
const ENTRIES_MAX: usize = 200_000;

/// When to come back; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfterMs(pub u64);

/// A flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Whose allowance is used up.
    pub by: By,
    pub wait: RetryAfterMs,
}

/// The rule. `tat` is the state kept for a key, zero for a new one; the answer is its new state.
/// A refusal costs nothing: the key's state stays as it was.
pub fn gcra(tat: Duration, now: Duration, emission_interval: Duration, burst: u32) -> Result<Duration, RetryAfterMs> {
    let tolerance = emission_interval * burst.saturating_sub(1);
    let start = tat.max(now);
    let ahead = start - now;
    if ahead <= tolerance {
        return Ok(start + emission_interval);
    }
    let wait_ms = (ahead - tolerance).as_nanos().div_ceil(1_000_000);
    Err(RetryAfterMs(u64::try_from(wait_ms).unwrap_or(u64::MAX)))
}

/// All limits of this node; what is off has none.
pub struct Limits([Option<Limit>; COUNT]);

struct Limit {
    rate: Rate,
    table: Table,
    refused: AtomicU64,
}

/// Whose allowance is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    Account(AccountId),
    Address(Source),
}

impl From<AccountId> for Who {
    fn from(account: AccountId) -> Self {
        Self::Account(account)
    }
}

impl From<Source> for Who {
    fn from(source: Source) -> Self {
        Self::Address(source)
    }
}

impl Who {
    const fn by(self) -> By {
        match self {
            Self::Account(_) => By::Account,
            Self::Address(_) => By::Address,
        }
    }

    fn key(self) -> Key {
        match self {
            Self::Account(account) => account.0.as_u128(),
            Self::Address(source) => source.number(),
        }
    }
}

/// What a node tells the others about one key.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    at: usize,
    rate: Rate,
    pub key: u128,
    /// Let through by this node since it told last; at least 1.
    pub count: u32,
    /// As far as this node knows, the key has used up its allowance for so long from now.
    pub debt: Duration,
}

impl Used {
    /// What the key is counted for, such as `join.account`.
    pub fn limit(&self) -> &'static str {
        KINDS[self.at].name
    }

    pub const fn rate(&self) -> Rate {
        self.rate
    }
}

/// One taken from an allowance, until it is known whether it counts. It does unless given back, so that who hangs up
/// early gains nothing.
#[must_use = "counts as soon as it is dropped"]
pub struct Taken<'a> {
    /// `None`: this is not limited.
    of: Option<(&'a Table, Key)>,
    counts: bool,
}

impl Taken<'_> {
    pub fn give_back(mut self) {
        self.counts = false;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some((table, key)) = self.of {
            table.settle(key, self.counts);
        }
    }
}

impl Default for Limits {
    /// Those of a node that shares nothing.
    fn default() -> Self {
        Self::new(&Rates::default(), false)
    }
}

impl Limits {
    /// `shared`: somebody calls [`Limits::used`] all the time.
    pub fn new(rates: &Rates, shared: bool) -> Self {
        let limit = |rate: Rate| {
            let table = Table::new(rate, ENTRIES_MAX, shared.then(|| rate.tell_at()));
            Limit { rate, table, refused: AtomicU64::new(0) }
        };
        Self(rates.0.map(|rate| rate.map(limit)))
    }

    /// Somebody is counted by it.
    pub fn is_on(&self, class: RouteClass, by: By) -> bool {
        place(class, by).is_some_and(|at| self.0[at].is_some())
    }

    /// Takes one from the allowance of an account or an address. `now` is monotonic time.
    pub fn check(&self, class: RouteClass, who: impl Into<Who>, now: Duration) -> Result<(), Exceeded> {
        let who = who.into();
        let Some(limit) = self.limit(class, who) else { return Ok(()) };
        limit.table.check(who.key(), now).map_err(|wait| limit.refuse(who, wait))
    }

    /// As [`Limits::check`], where it is known only later whether it counts.
    pub fn take(&self, class: RouteClass, who: impl Into<Who>, now: Duration) -> Result<Taken<'_>, Exceeded> {
        let who = who.into();
        let Some(limit) = self.limit(class, who) else { return Ok(Taken { of: None, counts: true }) };
        limit.table.take(who.key(), now).map_err(|wait| limit.refuse(who, wait))?;
        Ok(Taken { of: Some((&limit.table, who.key())), counts: true })
    }

    /// Takes one from the account's allowance, and then one from that of its address, which comes back. In this order a
    /// flood of one account is not charged to its neighbours; and who is refused for their sake keeps what is his.
    pub fn take_both(
        &self,
        class: RouteClass,
        account: AccountId,
        source: Source,
        now: Duration,
    ) -> Result<Taken<'_>, Exceeded> {
        let own = self.take(class, account, now)?;
        let shared = self.take(class, source, now);
        if shared.is_err() {
            own.give_back();
        }
        shared
    }

    /// As [`Limits::take_both`], where it counts in any case.
    pub fn check_both(
        &self,
        class: RouteClass,
        account: AccountId,
        source: Source,
        now: Duration,
    ) -> Result<(), Exceeded> {
        self.take_both(class, account, source, now).map(drop)
    }

    /// What the other nodes should hear, of at most so many keys: the busiest. Each count is told once; one that is
    /// lost on the way is made good by the debt that is told with the next.
    pub fn used(&self, now: Duration, at_most: usize) -> Vec<Used> {
        let mut due: Vec<_> =
            self.all().flat_map(|(at, limit)| limit.table.due().map(move |key| (at, limit, key))).collect();
        if due.len() > at_most {
            due.sort_by_cached_key(|(_, limit, key)| Reverse(limit.table.untold(*key)));
            for (_, limit, key) in due.drain(at_most..) {
                limit.table.put_off(key);
            }
        }
        let tell = |(at, limit, key): (usize, &Limit, Key)| {
            let (count, debt) = limit.table.tell(key, now)?;
            Some(Used { at, rate: limit.rate, key, count, debt })
        };
        due.into_iter().filter_map(tell).collect()
    }

    /// When the counts were sent at `sent_at`, the key had used up its allowance for so long, everywhere.
    pub fn learn(&self, used: &Used, sent_at: Duration, debt: Duration) {
        if let Some(limit) = &self.0[used.at] {
            limit.table.learn(used.key, sent_at + debt);
        }
    }

    /// What was let through so far is nobody else's business.
    pub fn forget_untold(&self) {
        for (_, limit) in self.all() {
            for key in limit.table.due() {
                let _ = limit.table.tell(key, Duration::ZERO);
            }
        }
    }

    /// Refusals since the start, by the name of the limit.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.all().map(|(at, limit)| (KINDS[at].name, limit.refused.load(Ordering::Relaxed)))
    }

    /// `None` where nothing is counted.
    fn limit(&self, class: RouteClass, who: Who) -> Option<&Limit> {
        match who {
            // A key is guessed from anywhere.
            Who::Address(source) if source.is_here() && class != RouteClass::Admin => None,
            _ => self.0[place(class, who.by())?].as_ref(),
        }
    }

    fn all(&self) -> impl Iterator<Item = (usize, &Limit)> {
        self.0.iter().enumerate().filter_map(|(at, limit)| Some((at, limit.as_ref()?)))
    }
}

impl Limit {
    fn refuse(&self, who: Who, wait: RetryAfterMs) -> Exceeded {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Exceeded { by: who.by(), wait }
    }
}
