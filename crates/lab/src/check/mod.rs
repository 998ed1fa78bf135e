//! The checkers: what must be true of every run, judged from the history, the export and the samples alone.
//!
//! Invariant: no code shared with the server. Only operations that do not overlap give an order, and an operation of
//! unknown outcome may or may not have happened: every check counts it the way that accuses nobody.

mod admission;
mod calls;
mod caps;
mod drip;
mod money;
mod order;
mod own;
mod owners;
mod places;
mod replay;
mod seats;
mod told;
mod waiting_room;

#[cfg(test)]
pub(crate) mod testkit;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::dump::{Dump, Hold};
use crate::history::{History, Record};
use crate::plan::FanPlan;
use crate::record::Reached;
use crate::sampler::Sample;
pub(crate) use own::{OwnCheck, Whole, own};

/// Two rows that different nodes stamped may differ by this much against the order in which they were written.
const STAMP_SLACK_MS: i64 = 1_000;

/// More counter-examples than this make a report longer, not clearer.
const EXAMPLES: usize = 5;

/// All that the checks may look at.
pub(crate) struct Evidence<'a> {
    pub(crate) history: &'a History,
    pub(crate) dump: Option<&'a Dump>,
    pub(crate) samples: &'a [Sample],
    /// Within this a node may show an old number.
    pub(crate) staleness_us: u64,
    /// The run made the sale: every entry in it is the run's.
    pub(crate) own_sale: bool,
    pub(crate) owed: Owed,
}

/// What the plan holds as far as its fans came: so many probes and repeats must have been answered. A check whose owed
/// attempts have no answer is without data; one whose plan never came to them is not exercised.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Owed {
    /// Fans that try without an admission, and have a place.
    pub(crate) unadmitted: u64,
    /// Fans that try over the cap, and were let in.
    pub(crate) over_cap: u64,
    /// Fans that repeat their checkout, and have bought.
    pub(crate) repeats: u64,
    /// Fans that try to hand a ticket on, and have bought.
    pub(crate) transfers: u64,
}

impl Owed {
    /// In one of the plan's sales. `unfinished`: fans whose journey the end of the run cut off; what they came to last may
    /// never have been sent.
    pub(crate) fn of(fans: &[FanPlan], sale: usize, reached: &[Reached], unfinished: &BTreeSet<u32>) -> Self {
        let mut owed = Owed::default();
        for ((number, fan), came) in (0..).zip(fans).zip(reached).filter(|((_, fan), _)| fan.sale == sale) {
            let habits = &fan.habits;
            let done = |stage: Reached| *came >= stage && !unfinished.contains(&number);
            owed.unadmitted += u64::from(habits.tries_unadmitted && *came >= Reached::Joined);
            owed.over_cap += u64::from(habits.tries_over_cap && done(Reached::Admitted));
            owed.repeats += u64::from(habits.repeats_checkout && done(Reached::Bought));
            owed.transfers += u64::from(habits.tries_transfer && done(Reached::Bought));
        }
        owed
    }
}

impl Evidence<'_> {
    pub(crate) fn account(&self, fan: u32) -> &str {
        self.history.accounts.get(fan as usize).map_or("", |account| account)
    }

    pub(crate) fn fans_by_account(&self) -> HashMap<&str, u32> {
        self.history.accounts.iter().zip(0u32..).map(|(account, fan)| (&**account, fan)).collect()
    }

    /// Records of each fan, in the order in which they were sent. A fan with several devices has requests that overlap:
    /// between two of them there is an order only where one was answered before the other was sent.
    pub(crate) fn by_fan(&self) -> BTreeMap<u32, Vec<&Record>> {
        let mut fans: BTreeMap<u32, Vec<&Record>> = BTreeMap::new();
        for record in &self.history.records {
            fans.entry(record.fan).or_default().push(record);
        }
        for records in fans.values_mut() {
            records.sort_by_key(|record| (record.sent_us, record.received_us));
        }
        fans
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckVerdict {
    Pass,
    Fail,
    NotExercised,
    NoData,
}

/// One judged check: a row of the report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Finding {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    /// Which sale, where the run has more than one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sale: Option<&'static str>,
    pub(crate) verdict: CheckVerdict,
    /// How many things were compared.
    pub(crate) checked: u64,
    pub(crate) violations: u64,
    pub(crate) counter_examples: Vec<String>,
    pub(crate) evidence: BTreeMap<&'static str, u64>,
    /// What there was no data of.
    pub(crate) missing: Option<&'static str>,
}

/// Collects what one check saw.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    checked: u64,
    violations: u64,
    examples: Vec<String>,
    evidence: BTreeMap<&'static str, u64>,
    /// What the check cannot do without and did not get.
    missing: Option<&'static str>,
    /// Something without which the check would be vacuous never happened.
    vacuous: bool,
    /// This run cannot exercise it at all.
    does_not_apply: bool,
}

impl Tally {
    /// Counts one comparison; `example` is only written when it failed.
    pub(crate) fn check(&mut self, holds: bool, example: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.violations += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(example());
            }
        }
    }

    pub(crate) fn count(&mut self, what: &'static str, n: u64) {
        let count = self.evidence.entry(what).or_default();
        *count = count.saturating_add(n);
    }

    /// Without `answered` the check proves nothing; where it was `owed`, that is for want of an answer.
    pub(crate) fn needs(&mut self, what: &'static str, owed: u64, answered: u64) {
        if answered == 0 && owed > 0 {
            self.missing.get_or_insert(what);
        }
        self.vacuous |= answered == 0;
    }

    /// A check of a scenario that compared nothing, or without its positive control, has no data: what the scenario is
    /// about did not happen.
    pub(crate) fn finish_own(mut self, id: &'static str, name: &'static str) -> Finding {
        if self.is_vacuous() && !self.does_not_apply {
            self.missing.get_or_insert(NOTHING_TRIED);
        }
        self.finish(id, name)
    }

    fn is_vacuous(&self) -> bool {
        self.checked == 0 || self.vacuous
    }

    /// The run cannot exercise this check at all: it neither passes nor blocks.
    pub(crate) fn does_not_apply(&mut self) {
        (self.does_not_apply, self.vacuous) = (true, true);
    }

    /// Without this the check would be vacuous.
    pub(crate) fn control(&mut self, what: &'static str, happened: u64) {
        self.count(what, happened);
        self.vacuous |= happened == 0;
    }

    fn finish(self, id: &'static str, name: &'static str) -> Finding {
        let verdict = if self.violations > 0 {
            CheckVerdict::Fail
        } else if self.missing.is_some() {
            CheckVerdict::NoData
        } else if self.checked == 0 || self.vacuous {
            CheckVerdict::NotExercised
        } else {
            CheckVerdict::Pass
        };
        let Tally { checked, violations, examples, evidence, missing, .. } = self;
        Finding { id, name, sale: None, verdict, checked, violations, counter_examples: examples, evidence, missing }
    }
}

type FromHistory = fn(&Evidence<'_>, &mut Tally);
type FromDump = fn(&Dump, &mut Tally);

/// A check: what it says of a whole run, and what it can say of an export alone.
struct Check {
    id: &'static str,
    name: &'static str,
    /// Needs the export even where there is a history.
    needs_dump: bool,
    whole: FromHistory,
    from_dump: Option<FromDump>,
}

const fn check(
    id: &'static str,
    name: &'static str,
    needs_dump: bool,
    whole: FromHistory,
    from_dump: Option<FromDump>,
) -> Check {
    Check { id, name, needs_dump, whole, from_dump }
}

fn nothing_more(_: &Evidence<'_>, _: &mut Tally) {}

const CHECKS: [Check; 18] = [
    check("Q1", "first come, first in line", false, order::first_come_first_in_line, Some(order::joined_in_order)),
    check("Q2", "positions are 1..n without gap or double", true, nothing_more, Some(places::gap_free)),
    check("Q3", "a place never changes", false, told::immutable, None),
    check("Q4", "an acknowledged join is kept", true, places::durable, None),
    check("Q5", "no place without a join", true, places::no_ghosts, Some(places::no_strangers_inside)),
    check("Q6", "joining again changes nothing", true, told::idempotent_rejoin, Some(places::one_after_the_other)),
    check("Q7", "called in order", false, calls::called_in_order, Some(calls::called_in_order_by_log)),
    check("Q8", "the drip keeps to its rate", true, drip::as_the_fans_saw_it, Some(drip::by_the_log)),
    check("Q9", "people ahead never rise", false, order::people_ahead_never_rise, None),
    check("S1", "no seat is sold twice", true, seats::acknowledged_once, Some(seats::sold_once)),
    check("S2", "an acknowledged sale is kept", true, seats::durable, Some(seats::confirmed_orders_have_tickets)),
    check("S3", "a held seat is held by one", false, seats::exclusive_holds, None),
    check(
        "S4",
        "no sale without hold, no hold without admission",
        true,
        admission::as_the_fans_saw_it,
        Some(admission::by_the_rows),
    ),
    check("S5", "caps hold at every instant", true, caps::as_the_fans_saw_it, Some(caps::by_the_rows)),
    check("S6", "the same checkout has the same answer", false, replay::same_bytes, None),
    check("S7", "seats and money are conserved", true, money::in_every_sample, Some(money::by_the_rows)),
    check("S8", "tickets never change owner", true, owners::as_the_fans_saw_it, Some(owners::by_the_rows)),
    check(
        "W1",
        "people in the waiting room are conserved",
        false,
        waiting_room::in_every_sample,
        Some(waiting_room::by_the_rows),
    ),
];

/// Checks whose statement about the export alone is not part of the verdict of a run, where the history says more:
/// wall-clock times of rows are a weaker witness than the order the fans saw, and W1 is about the samples.
const HISTORY_DECIDES: [&str; 2] = ["Q1", "W1"];

/// Judges a run.
pub(crate) fn all(evidence: &Evidence<'_>) -> Vec<Finding> {
    CHECKS
        .iter()
        .map(|check| {
            let mut tally = Tally::default();
            match (evidence.dump, check.from_dump) {
                (Some(dump), Some(from_dump)) if !HISTORY_DECIDES.contains(&check.id) => from_dump(dump, &mut tally),
                (None, _) if check.needs_dump => tally.missing = Some(NO_EXPORT),
                _ => {}
            }
            (check.whole)(evidence, &mut tally);
            tally.finish(check.id, check.name)
        })
        .collect()
}

/// Judges an export alone; the second list names the checks that need a history.
pub(crate) fn of_dump(dump: &Dump) -> (Vec<Finding>, Vec<&'static str>) {
    let mut findings = Vec::new();
    let mut need_history = Vec::new();
    for check in &CHECKS {
        match check.from_dump {
            Some(from_dump) => {
                let mut tally = Tally::default();
                from_dump(dump, &mut tally);
                // A history is what makes these checks vacuous or not; rows alone only count.
                tally.vacuous = false;
                findings.push(tally.finish(check.id, check.name));
            }
            None => need_history.push(check.id),
        }
    }
    (findings, need_history)
}

const NOTHING_TRIED: &str = "nothing was tried, or nothing succeeded that should";
const NO_EXPORT: &str = "the server did not answer: there is no usable export";

/// Holds of an export by their id.
fn holds_by_id(dump: &Dump) -> HashMap<&str, &Hold> {
    dump.holds.iter().map(|hold| (&*hold.hold_id, hold)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Habits;

    #[test]
    fn only_what_the_fans_came_to_is_owed() {
        let habits = Habits {
            tries_unadmitted: true,
            tries_over_cap: true,
            repeats_checkout: true,
            tries_transfer: true,
            ..Habits::default()
        };
        let fan = FanPlan { population: "people", sale: 0, arrival_us: 0, wants: 1, think_us: 0, habits };
        let fans = vec![fan; 4];
        let reached = [Reached::Arrived, Reached::Joined, Reached::Admitted, Reached::Bought];
        let owed = |unfinished: &[u32]| {
            let owed = Owed::of(&fans, 0, &reached, &unfinished.iter().copied().collect());
            [owed.unadmitted, owed.over_cap, owed.repeats, owed.transfers]
        };
        assert_eq!(owed(&[]), [3, 2, 1, 1]);
        assert_eq!(owed(&[2, 3]), [3, 0, 0, 0], "the run ended before they could send it");
    }
}
