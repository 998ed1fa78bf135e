//! `late_surge`: three times as many come late. Stands for late users who get ahead.

use super::Scenario;
use super::parts::{self, RUSH_US, active_us, lasting_rate, person, usual_slos};
use crate::check::{OwnCheck, Tally, Whole};
use crate::history::{Op, Value};
use crate::knobs::Knobs;
use crate::plan::{Plan, SalePlan, Shape};

pub(super) const SCENARIO: Scenario = Scenario { plan, slos, checks: &[EARLY_FIRST], ..Scenario::PLAIN };

const EARLY_FIRST: OwnCheck =
    OwnCheck { id: "L1", name: "whoever came early stands before whoever came late", judge: early_before_late };

/// One of four is there before the surge.
const EARLY_PERCENT: usize = 25;

fn plan(knobs: &Knobs) -> Plan {
    let (seed, shape, fans) = (knobs.seed(), Shape::from(knobs), parts::fans(knobs));
    let early = (fans * EARLY_PERCENT).div_ceil(100);
    let surge_us = active_us(shape) * 3 / 5;
    // The line of the early ones drains until the end: when the late ones come, two of five are still in it.
    let rate = lasting_rate(knobs, early, active_us(shape));
    let sale = SalePlan { admit_per_minute: rate, ..SalePlan::from(knobs) };
    let of_early = (0..early).map(|number| person(seed, number, "early", (0, shape.ramp_up_us)));
    let of_late = (early..fans).map(|number| person(seed, number, "late", (surge_us, RUSH_US)));
    let plan = parts::plan("late_surge", knobs, vec![sale], of_early.chain(of_late).collect());
    Plan { surge_us: Some(surge_us), ..plan }
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    let of_early = |window| format!("status{{population:early,window:{window}}}");
    slos.push(format!("{} p99 <= 2x {} or 200ms min_samples=1", of_early("after"), of_early("before")));
    slos.push("status p99 < 200ms min_samples=1".into());
    slos
}

/// L1: max(early positions) < min(late positions), over early joins that were acknowledged before the first late one was
/// sent.
fn early_before_late(whole: &Whole<'_>, tally: &mut Tally) {
    let population = |fan: u32| whole.plan.fans.get(fan as usize).map_or("", |fan| fan.population);
    let Some(evidence) = whole.sales.first() else { return };
    let joins = || evidence.history.records.iter().filter(|record| record.op == Op::Join);
    let late = || joins().filter(|record| population(record.fan) == "late");
    let Some(surge_us) = late().map(|record| record.sent_us).min() else { return };
    let position = |record: &crate::history::Record| match record.value() {
        Some(Value::Join { position, .. }) => Some((*position, record.fan)),
        _ => None,
    };
    let early = joins().filter(|record| population(record.fan) == "early" && record.received_us < surge_us);
    let early: Vec<(u64, u32)> = early.filter_map(position).collect();
    let last_early = early.iter().max().copied();
    for (position, fan) in late().filter_map(position) {
        let Some((behind, other)) = last_early else { break };
        tally.check(behind < position, || {
            format!(
                "fan {fan} came after {:.3} s and stands at {position}; fan {other}, acknowledged before that, stands at {behind}",
                surge_us as f64 / 1e6
            )
        });
    }
    tally.control("early places", early.len() as u64);
    let waits = |record: &&crate::history::Record| {
        let waiting = matches!(record.value(), Some(Value::Status { state: crate::words::State::Waiting, .. }));
        waiting && population(record.fan) == "early" && record.sent_us > surge_us
    };
    tally.control(
        "polls of early people still waiting then",
        evidence.history.records.iter().filter(waits).count() as u64,
    );
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;

    #[test]
    fn three_times_as_many_come_at_60_percent_of_the_run() {
        let plan = plan(&knobs(&SHORT));
        let late: Vec<_> = plan.fans.iter().filter(|fan| fan.population == "late").collect();
        assert_eq!((late.len(), plan.fans.len() - late.len()), (112, 38));
        assert!(late.iter().all(|fan| (6_000_000..8_000_000).contains(&fan.arrival_us)));
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "7bc3c5387443d245bf550a5e05a128516acbaf094f6f0e7997d8a33736297485");
    }
}
