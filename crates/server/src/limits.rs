//! How often one account may ask for what, by GCRA. Memory is bounded, and a full table lets people in, never out.
//!
//! GCRA, the generic cell rate algorithm (ITU-T I.371): a key's whole state is its theoretical arrival time.
//!
//! A node decides alone and at once. Where nodes share their counts, each tells now and then what it let through
//! ([`Limits::used`]) and learns what all have ([`Limits::learn`]): an account that spreads its requests over the nodes
//! has one allowance, but for what the nodes have not told each other yet.

mod table;

use std::cmp::Reverse;
use std::time::Duration;

use domain::AccountId;
use table::{Key, Table};

/// Accounts remembered for each class: a large sale's active people. At 32 bytes each, 6 MB a class when full.
const ENTRIES_MAX: usize = 200_000;
/// A node keeps to itself up to so many parts of a burst. Who joins once, or polls as told, is then hardly ever spoken
/// of, and four nodes know all but half a burst of each other.
const UNTOLD_PARTS: u32 = 8;

/// What is limited separately. Who comes by another route has another allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteClass {
    /// Counts wrong passwords only: [`Limits::take`] before, so that many at once do not slip through, and
    /// [`Taken::give_back`] after a right one.
    Login,
    /// A first join, which writes.
    Join,
    /// Status, streams and re-joins, which are answered from memory.
    Poll,
    Seats,
    Hold,
    Checkout,
}

impl RouteClass {
    const ALL: [Self; 6] = [Self::Login, Self::Join, Self::Poll, Self::Seats, Self::Hold, Self::Checkout];

    const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Join => "join",
            Self::Poll => "poll",
            Self::Seats => "seats",
            Self::Hold => "hold",
            Self::Checkout => "checkout",
        }
    }

    /// Generous where an answer costs nothing, strict where it costs a write or a payment.
    const fn rate(self) -> Rate {
        match self {
            Self::Login => Rate::per_min(10, 10),
            Self::Join => Rate::per_min(60, 20),
            Self::Poll => Rate::per_sec(20, 200),
            Self::Seats => Rate::per_sec(5, 50),
            Self::Hold => Rate::per_min(120, 60),
            Self::Checkout => Rate::per_min(5, 20),
        }
    }
}

/// So many at once, and then one every `emission_interval`.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub emission_interval: Duration,
    pub burst: u32,
}

impl Rate {
    const fn per_sec(count: u32, burst: u32) -> Self {
        Self { emission_interval: Duration::from_nanos(1_000_000_000 / count as u64), burst }
    }

    const fn per_min(count: u32, burst: u32) -> Self {
        Self { emission_interval: Duration::from_nanos(60_000_000_000 / count as u64), burst }
    }

    /// A node tells the others of a key that has used so many since it told them last.
    fn tell_at(self) -> u32 {
        (self.burst / UNTOLD_PARTS).max(1)
    }
}

/// When to come back; at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfterMs(pub u64);

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

/// All limits of this node.
pub struct Limits {
    by_account: [Table; RouteClass::ALL.len()],
}

/// What a node tells the others about one key.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    table: usize,
    pub key: u128,
    /// Let through by this node since it told last; at least 1.
    pub count: u32,
    /// As far as this node knows, the key has used up its allowance for so long from now.
    pub debt: Duration,
}

/// One taken from an allowance, until it is known whether it counts. It does unless given back, so that who hangs up
/// early gains nothing.
#[must_use = "counts as soon as it is dropped"]
pub struct Taken<'a> {
    table: &'a Table,
    key: Key,
    counts: bool,
}

impl Taken<'_> {
    pub fn give_back(mut self) {
        self.counts = false;
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.table.settle(self.key, self.counts);
    }
}

impl Default for Limits {
    /// Those of a node that shares nothing.
    fn default() -> Self {
        Self::new(false)
    }
}

impl Limits {
    /// `shared`: somebody calls [`Limits::used`] all the time.
    pub fn new(shared: bool) -> Self {
        let table = |class: RouteClass| {
            let tell_at = shared.then(|| class.rate().tell_at());
            Table::new(class.rate(), ENTRIES_MAX, tell_at)
        };
        Self { by_account: RouteClass::ALL.map(table) }
    }

    /// Takes one from the account's allowance. `now` is monotonic time.
    pub fn check(&self, class: RouteClass, account: AccountId, now: Duration) -> Result<(), RetryAfterMs> {
        self.by_account[class as usize].check(key(account), now)
    }

    /// As [`Limits::check`], where it is known only later whether it counts.
    pub fn take(&self, class: RouteClass, account: AccountId, now: Duration) -> Result<Taken<'_>, RetryAfterMs> {
        let (table, key) = (&self.by_account[class as usize], key(account));
        table.take(key, now)?;
        Ok(Taken { table, key, counts: true })
    }

    /// What the other nodes should hear, of at most so many keys: the busiest. Each count is told once; one that is
    /// lost on the way is made good by the debt that is told with the next.
    pub fn used(&self, now: Duration, at_most: usize) -> Vec<Used> {
        let mut due: Vec<_> = self.tables().flat_map(|(table, of)| of.due().map(move |key| (table, key))).collect();
        if due.len() > at_most {
            due.sort_by_cached_key(|&(table, key)| Reverse(self.by_account[table].untold(key)));
            for (table, key) in due.drain(at_most..) {
                self.by_account[table].put_off(key);
            }
        }
        let tell = |(table, key): (usize, Key)| {
            let (count, debt) = self.by_account[table].tell(key, now)?;
            Some(Used { table, key, count, debt })
        };
        due.into_iter().filter_map(tell).collect()
    }

    /// When the counts were sent at `sent_at`, the key had used up its allowance for so long, everywhere.
    pub fn learn(&self, used: &Used, sent_at: Duration, debt: Duration) {
        self.by_account[used.table].learn(used.key, sent_at + debt);
    }

    /// What was let through so far is nobody else's business.
    pub fn forget_untold(&self) {
        for (_, table) in self.tables() {
            for key in table.due() {
                let _ = table.tell(key, Duration::ZERO);
            }
        }
    }

    fn tables(&self) -> impl Iterator<Item = (usize, &Table)> {
        self.by_account.iter().enumerate()
    }
}

impl Used {
    /// What the key is counted for.
    pub fn limit(&self) -> &'static str {
        RouteClass::ALL[self.table].name()
    }

    pub fn rate(&self) -> Rate {
        RouteClass::ALL[self.table].rate()
    }
}

fn key(account: AccountId) -> Key {
    account.0.as_u128()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn account(number: u128) -> AccountId {
        AccountId(uuid::Uuid::from_u128(number))
    }

    proptest! {
        /// Over any window the number let through is at most burst + elapsed / interval (rounded up).
        #[test]
        fn never_more_than_the_burst_and_the_rate(
            steps_ms in prop::collection::vec(0u64..3_000, 1..300),
            interval_ms in 1u64..2_000,
            burst in 1u32..50,
        ) {
            let interval = Duration::from_millis(interval_ms);
            let (mut tat, mut now, mut let_through) = (Duration::ZERO, Duration::from_secs(100), 0u128);
            let start = now;
            for step_ms in steps_ms {
                now += Duration::from_millis(step_ms);
                if let Ok(new_tat) = gcra(tat, now, interval, burst) {
                    tat = new_tat;
                    let_through += 1;
                }
                let earned = (now - start).as_nanos() / interval.as_nanos();
                prop_assert!(let_through <= u128::from(burst) + earned);
            }
        }

        /// Without an answer from others a node decides as one that has none, whether it tells them or not.
        #[test]
        fn a_node_that_hears_nothing_decides_as_if_alone(
            steps in prop::collection::vec((0u128..3, 0u64..1_000, prop::bool::ANY), 1..300),
        ) {
            let (alone, shared, mut now) = (Limits::default(), Limits::new(true), SECOND);
            for (number, step_ms, tells) in steps {
                now += Duration::from_millis(step_ms);
                let decide = |limits: &Limits| limits.check(RouteClass::Hold, account(number), now);
                prop_assert_eq!(decide(&alone), decide(&shared));
                if tells {
                    drop(shared.used(now, 10));
                }
            }
        }

        /// Who waits as long as told is let in, and one millisecond less is too early.
        #[test]
        fn the_wait_is_enough_and_not_too_long(tat_ms in 0u64..100_000, now_ms in 0u64..100_000, interval_ms in 1u64..5_000, burst in 1u32..50) {
            let (tat, now) = (Duration::from_millis(tat_ms), Duration::from_millis(now_ms));
            let interval = Duration::from_millis(interval_ms);
            if let Err(RetryAfterMs(wait_ms)) = gcra(tat, now, interval, burst) {
                prop_assert!(wait_ms >= 1);
                prop_assert!(gcra(tat, now + Duration::from_millis(wait_ms), interval, burst).is_ok());
                prop_assert!(gcra(tat, now + Duration::from_millis(wait_ms - 1), interval, burst).is_err());
            }
        }

        /// An honest pace is never refused.
        #[test]
        fn one_per_interval_is_always_let_through(interval_ms in 1u64..2_000, burst in 1u32..50) {
            let interval = Duration::from_millis(interval_ms);
            let mut tat = Duration::ZERO;
            for turn in 0..200u32 {
                tat = gcra(tat, interval * turn, interval, burst).map_err(|wait| TestCaseError::fail(format!("{wait:?}")))?;
            }
        }
    }

    #[test]
    fn a_burst_passes_and_the_next_waits_its_interval() {
        let limits = Limits::default();
        for _ in 0..20 {
            assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND), Ok(()));
        }
        assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND), Err(RetryAfterMs(12_000)));
        assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND * 12), Err(RetryAfterMs(1_000)));
        assert_eq!(limits.check(RouteClass::Checkout, account(1), SECOND * 13), Ok(()));
    }

    #[test]
    fn accounts_and_classes_have_allowances_of_their_own() {
        let limits = Limits::default();
        while limits.check(RouteClass::Checkout, account(1), SECOND).is_ok() {}
        assert_eq!(limits.check(RouteClass::Checkout, account(2), SECOND), Ok(()));
        assert_eq!(limits.check(RouteClass::Hold, account(1), SECOND), Ok(()));
    }

    #[test]
    fn what_is_given_back_was_not_taken() {
        let limits = Limits::default();
        for _ in 0..100 {
            limits.take(RouteClass::Login, account(1), SECOND).unwrap().give_back();
        }
        for _ in 0..10 {
            drop(limits.take(RouteClass::Login, account(1), SECOND).unwrap());
        }
        assert_eq!(limits.take(RouteClass::Login, account(1), SECOND).err(), Some(RetryAfterMs(6_000)));
    }

    #[test]
    fn others_hear_only_of_what_counts() {
        let limits = Limits::new(true);
        let under_way = limits.take(RouteClass::Login, account(1), SECOND).unwrap();
        limits.take(RouteClass::Login, account(1), SECOND).unwrap().give_back();
        assert!(limits.used(SECOND, 10).is_empty(), "neither what is under way nor what was given back");
        drop(limits.take(RouteClass::Login, account(1), SECOND).unwrap());
        let [wrong] = limits.used(SECOND, 10)[..] else { panic!("one key") };
        assert_eq!((wrong.count, wrong.debt), (1, SECOND * 6), "the one under way is in neither");
        drop(under_way);
        assert_eq!(limits.used(SECOND, 10)[0].debt, SECOND * 12);
    }

    #[test]
    fn a_key_is_told_of_after_an_eighth_of_its_burst_and_each_count_once() {
        let limits = Limits::new(true);
        for _ in 0..24 {
            limits.check(RouteClass::Poll, account(1), SECOND).unwrap();
            assert!(limits.used(SECOND, 10).is_empty());
        }
        for _ in 0..2 {
            limits.check(RouteClass::Poll, account(1), SECOND).unwrap();
        }
        let [polls] = limits.used(SECOND, 10)[..] else { panic!("one key") };
        assert_eq!((polls.limit(), polls.key, polls.count), ("poll", 1, 26));
        assert_eq!(polls.debt, Duration::from_millis(26 * 50));
        assert!(limits.used(SECOND, 10).is_empty());
    }

    #[test]
    fn the_busiest_are_told_of_first_and_nobody_is_forgotten() {
        let limits = Limits::new(true);
        for (number, count) in [(1, 3), (2, 20), (3, 5), (4, 2)] {
            for _ in 0..count {
                limits.check(RouteClass::Join, account(number), SECOND).unwrap();
            }
        }
        let keys = |used: &[Used]| used.iter().map(|used| used.key).collect::<Vec<_>>();
        assert_eq!(keys(&limits.used(SECOND, 2)), [2, 3]);
        assert_eq!(keys(&limits.used(SECOND, 2)), [1, 4]);
        assert!(limits.used(SECOND, 2).is_empty());
    }

    #[test]
    fn what_is_learned_adds_to_what_was_let_through_since_and_forgives_nothing() {
        let limits = Limits::new(true);
        let checkout = |now| limits.check(RouteClass::Checkout, account(1), now);
        (0..2).for_each(|_| checkout(SECOND).unwrap());
        let [used] = limits.used(SECOND, 10)[..] else { panic!("one key") };
        checkout(SECOND).unwrap();
        // 17 and the one since are 18: the 19th and 20th pass.
        limits.learn(&used, SECOND, SECOND * 12 * 17);
        limits.learn(&used, SECOND, Duration::ZERO);
        (0..2).for_each(|_| checkout(SECOND).unwrap());
        assert_eq!(checkout(SECOND), Err(RetryAfterMs(12_000)));
    }

    #[test]
    fn who_shares_with_nobody_keeps_no_list() {
        let limits = Limits::default();
        for number in 0..1_000 {
            (0..20).for_each(|_| limits.check(RouteClass::Join, account(number), SECOND).unwrap());
        }
        assert!(limits.used(SECOND, usize::MAX).is_empty());
    }
}
