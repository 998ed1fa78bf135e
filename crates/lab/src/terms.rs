//! The terms of a sale through its time: an operator may have changed them, and what was right then is right.

use crate::dump::{Dump, Terms};

const MS_PER_MIN: i128 = 60_000;

/// The rate as steps: from each time on, so many a minute; 0 while paused.
pub(crate) struct Rates {
    first: u64,
    steps: Vec<Step>,
}

struct Step {
    at: i64,
    before: u64,
    after: u64,
}

impl Dump {
    pub(crate) fn rates(&self) -> Rates {
        let effective = |per_min: u64, paused: bool| if paused { 0 } else { per_min };
        let now = effective(self.sale.admit_per_minute, self.sale.paused);
        let past: Vec<(u64, i64)> =
            self.terms.iter().map(|terms| (effective(terms.admit_per_minute, terms.paused), terms.until)).collect();
        let after = past.iter().skip(1).map(|(rate, _)| *rate).chain([now]);
        let steps = past.iter().zip(after).map(|((before, at), after)| Step { at: *at, before: *before, after });
        Rates { first: past.first().map_or(now, |(rate, _)| *rate), steps: steps.collect() }
    }

    /// Whether a call at this time was made in a pause. In the very millisecond of a change either may have come first.
    pub(crate) fn is_paused_at(&self, at: i64) -> bool {
        let mut from = i64::MIN;
        for terms in &self.terms {
            if terms.paused && from < at && at < terms.until {
                return true;
            }
            from = terms.until;
        }
        self.sale.paused && from < at
    }

    /// The fastest that the drip was ever allowed to be.
    pub(crate) fn highest_rate(&self) -> u64 {
        self.terms.iter().map(|terms| terms.admit_per_minute).fold(self.sale.admit_per_minute, u64::max)
    }

    /// Earlier terms that somebody was in line under: what was changed before the doors concerns nobody.
    fn earlier(&self) -> impl Iterator<Item = &Terms> {
        let first_joined = self.entries.iter().map(|entry| entry.joined_at).min();
        self.terms.iter().filter(move |terms| first_joined.is_some_and(|joined| joined <= terms.until))
    }

    /// A hold that was placed under a higher cap than today's may be paid.
    pub(crate) fn highest_cap(&self) -> u64 {
        self.earlier().map(|terms| terms.max_tickets_per_user).fold(self.sale.max_tickets_per_user, u64::max)
    }

    /// The kindest cap on people inside that held at some time between these two; `None` where at some time there was none.
    pub(crate) fn max_active_within(&self, from: i64, to: i64) -> Option<u64> {
        let mut began = i64::MIN;
        let mut caps = Vec::new();
        for terms in &self.terms {
            if began <= to && terms.until >= from {
                caps.push(terms.max_active);
            }
            began = terms.until;
        }
        if began <= to {
            caps.push(self.sale.max_active);
        }
        caps.into_iter().map(|cap| (cap > 0).then_some(cap)).reduce(|a, b| Some(a?.max(b?))).flatten()
    }

    /// From the doors to the end, as far as any terms ever had it; a sale that was closed ended then.
    pub(crate) fn open_times(&self) -> (i64, i64) {
        let opens = self.terms.iter().map(|terms| terms.opens_at).chain([self.sale.opens_at]);
        let ends = self.terms.iter().map(|terms| terms.ends_at).chain([self.sale.ends_at]);
        let opens_at = opens.map(|at| at.unwrap_or(i64::MIN)).min().unwrap_or(i64::MIN);
        let ends_at = ends.map(|at| at.unwrap_or(i64::MAX)).max().unwrap_or(i64::MAX);
        (opens_at, self.sale.closed_at.map_or(ends_at, |closed_at| closed_at.min(ends_at)))
    }

    /// When calling began anew after a rest: at the doors, and at the end of each pause.
    pub(crate) fn resumed(&self) -> Vec<i64> {
        let paused = self.terms.iter().map(|terms| terms.paused).chain([self.sale.paused]);
        let after = paused.skip(1);
        let ends = self.terms.iter().zip(after).filter(|(terms, after)| terms.paused && !after);
        // Doors that were moved opened last where they were moved to.
        self.sale.opens_at.into_iter().chain(ends.map(|(terms, _)| terms.until)).collect()
    }

    /// For so long every hold is certainly held.
    pub(crate) fn shortest_hold_sec(&self) -> u64 {
        self.earlier().map(|terms| terms.hold_ttl_sec).fold(self.sale.hold_ttl_sec, u64::min)
    }
}

impl Rates {
    /// What the rate gave from the beginning of time (1970) until `at`, in sixty-thousandths of a person.
    pub(crate) fn given(&self, at: i64) -> i128 {
        let mut given = 0;
        let (mut from, mut rate) = (0, self.first);
        for step in self.steps.iter().take_while(|step| step.at < at) {
            given += i128::from(rate) * i128::from(step.at - from);
            (from, rate) = (step.at, step.after);
        }
        given + i128::from(rate) * i128::from(at - from)
    }

    /// The higher one, in the millisecond of a change.
    pub(crate) fn at(&self, at: i64) -> u64 {
        let before = self.steps.iter().rfind(|step| step.at < at).map_or(self.first, |step| step.after);
        self.steps.iter().filter(|step| step.at == at).fold(before, |rate, step| rate.max(step.after))
    }

    /// How much the rate has been raised until `at`, all in all: each time, the tick that came after credited the new
    /// rate for some time before it too.
    pub(crate) fn raised(&self, at: i64) -> u64 {
        let until = self.steps.iter().take_while(|step| step.at <= at);
        until.map(|step| step.after.saturating_sub(step.before)).fold(0, u64::saturating_add)
    }

    /// People that the rate gave between two times.
    pub(crate) fn people(&self, from: i64, to: i64) -> f64 {
        (self.given(to) - self.given(from)) as f64 / MS_PER_MIN as f64
    }
}

#[cfg(test)]
mod tests {
    use crate::check::testkit;
    use crate::dump::{Dump, Terms};

    /// 600 a minute until second 10, paused until 20, then 6,000.
    fn dump() -> Dump {
        let mut dump = testkit::dump();
        dump.sale.admit_per_minute = 6_000;
        for (until, paused) in [(10_000, false), (20_000, true)] {
            let terms = Terms {
                until,
                admit_per_minute: 600,
                max_tickets_per_user: 4,
                max_active: 9,
                hold_ttl_sec: 30,
                opens_at: None,
                ends_at: None,
                paused,
            };
            dump.terms.push(terms);
        }
        dump
    }

    #[test]
    fn the_rate_follows_every_change_and_rests_in_a_pause() {
        let rates = dump().rates();
        assert_eq!([9_999, 10_000, 10_001, 20_000, 20_001].map(|at| rates.at(at)), [600, 600, 0, 6_000, 6_000]);
        assert_eq!(rates.people(0, 10_000).round(), 100.0);
        assert_eq!(rates.people(10_000, 20_000).round(), 0.0);
        assert_eq!(rates.people(0, 21_000).round(), 200.0);
        assert_eq!([9_999, 19_999, 20_000].map(|at| rates.raised(at)), [0, 0, 6_000]);
    }

    #[test]
    fn a_pause_is_what_lies_between_its_two_changes() {
        let mut dump = dump();
        assert_eq!([10_000, 10_001, 19_999, 20_000].map(|at| dump.is_paused_at(at)), [false, true, true, false]);
        dump.sale.paused = true;
        assert!(dump.is_paused_at(20_001) && !dump.is_paused_at(20_000));
    }

    #[test]
    fn a_cap_on_people_inside_holds_while_it_holds() {
        let mut dump = dump();
        dump.sale.max_active = 5;
        assert_eq!(dump.max_active_within(20_001, 30_000), Some(5));
        assert_eq!(dump.max_active_within(19_000, 30_000), Some(9));
        dump.terms[1].max_active = 0;
        assert_eq!(dump.max_active_within(19_000, 30_000), None, "there was a time without one");
        assert_eq!(dump.max_active_within(20_001, 30_000), Some(5), "and it is over");
    }

    #[test]
    fn calling_begins_anew_at_the_doors_and_after_a_pause() {
        let mut dump = dump();
        dump.sale.opens_at = Some(1_000);
        assert_eq!(dump.resumed(), [1_000, 20_000]);
        (dump.sale.ends_at, dump.sale.closed_at) = (Some(9_000), Some(7_000));
        dump.terms.clear();
        assert_eq!(dump.open_times(), (1_000, 7_000));
    }

    #[test]
    fn of_caps_and_windows_the_kindest_counts() {
        let mut dump = dump();
        (dump.sale.max_tickets_per_user, dump.sale.hold_ttl_sec) = (2, 60);
        dump.sale.max_active = 5;
        dump.entries = vec![testkit::entry(1, "u")];
        dump.entries[0].joined_at = 20_001;
        let of_now = (dump.highest_cap(), dump.shortest_hold_sec());
        assert_eq!(of_now, (2, 60), "what was changed before anybody came concerns nobody");
        dump.entries[0].joined_at = 20_000;
        assert_eq!((dump.highest_cap(), dump.shortest_hold_sec(), dump.highest_rate()), (4, 30, 6_000));
    }
}
