//! `queue_fairness`: waves of fans, slow and fast clients, and chains in which each joins when the one before has a place.
//! Stands for late users who get ahead.

use super::Scenario;
use super::parts::{self, active_us, lasting_rate, person, usual_slos};
use crate::check::{OwnCheck, Tally, Whole};
use crate::history::{Op, Value};
use crate::knobs::Knobs;
use crate::plan::{FanPlan, Plan, SalePlan, Shape};

pub(super) const SCENARIO: Scenario = Scenario { plan, slos, checks: &[CHAINS, ORDERED_PAIRS], ..Scenario::PLAIN };

const CHAINS: OwnCheck =
    OwnCheck { id: "F1", name: "each link of a chain stands behind the one before", judge: chains };
const ORDERED_PAIRS: OwnCheck =
    OwnCheck { id: "F2", name: "a thousand pairs have an order, and keep it", judge: ordered_pairs };

const WAVES: usize = 4;
/// Of a wave, in the chain.
const CHAIN_PERCENT: usize = 20;
const FAST_PERCENT: u64 = 25;
const SLOW_PERCENT: u64 = 300;
/// Links are due this long after each other, and sent when the one before is acknowledged.
const LINK_US: u64 = 10_000;
const PAIRS: u64 = 1_000;
/// So many fans have a thousand ordered pairs among them, unless they all come at once.
const FANS_FOR_PAIRS: usize = 100;

fn plan(knobs: &Knobs) -> Plan {
    let (shape, fans) = (Shape::from(knobs), parts::fans(knobs));
    let rate = lasting_rate(knobs, fans, active_us(shape));
    let sale = SalePlan { admit_per_minute: rate, ..SalePlan::from(knobs) };
    let fans = (0..fans).map(|number| fan(knobs, shape, number, fans)).collect();
    parts::plan("queue_fairness", knobs, vec![sale], fans)
}

fn fan(knobs: &Knobs, shape: Shape, number: usize, fans: usize) -> FanPlan {
    let in_wave = fans.div_ceil(WAVES);
    let (wave, of_wave) = (number / in_wave, number % in_wave);
    let begins_us = active_us(shape) / 2 * wave as u64 / WAVES as u64;
    let chain = in_wave * CHAIN_PERCENT / 100;
    let lasts_us = active_us(shape) / 2 / WAVES as u64;
    if of_wave < chain {
        let mut link = person(knobs.seed(), number, "chain", (begins_us + of_wave as u64 * LINK_US, 1));
        link.habits.joins_after = (of_wave > 0).then(|| u32::try_from(number - 1).expect("limited by the knob"));
        return link;
    }
    let (population, percent) = if number.is_multiple_of(2) { ("fast", FAST_PERCENT) } else { ("slow", SLOW_PERCENT) };
    let mut one = person(knobs.seed(), number, population, (begins_us, lasts_us));
    one.habits.poll_percent = percent;
    one
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    slos.push(format!("status p99 < 200ms min_samples={}", parts::samples(plan.fans.len())));
    slos
}

/// When a fan asked for its place, when it was told of it, and which it is.
#[derive(Clone, Copy)]
struct Joined {
    fan: u32,
    sent_us: u64,
    acked_us: u64,
    position: u64,
}

fn joined(whole: &Whole<'_>) -> Vec<Joined> {
    let mut all = Vec::new();
    for (fan, records) in whole.sales.iter().flat_map(|evidence| evidence.by_fan()) {
        let mut joins = records.into_iter().filter(|record| record.op == Op::Join && record.may_have_happened());
        // The first that may have made the place, and the first that showed it.
        let Some(first) = joins.next() else { continue };
        let Some(shown) = [first].into_iter().chain(joins).find(|record| record.value().is_some()) else { continue };
        if let Some(Value::Join { position, .. }) = shown.value() {
            all.push(Joined { fan, sent_us: first.sent_us, acked_us: shown.received_us, position: *position });
        }
    }
    all
}

/// F1: a link that was sent after the one before was acknowledged stands behind it.
fn chains(whole: &Whole<'_>, tally: &mut Tally) {
    let all = joined(whole);
    let of = |fan: u32| all.iter().find(|joined| joined.fan == fan);
    for (number, fan) in (0u32..).zip(&whole.plan.fans) {
        let Some((link, before)) = fan.habits.joins_after.and_then(|before| of(number).zip(of(before))) else {
            continue;
        };
        if link.sent_us <= before.acked_us {
            continue;
        }
        tally.check(link.position > before.position, || {
            format!(
                "fan {number} joined at {:.3} s, after fan {} had been told of position {}, and was given {}",
                link.sent_us as f64 / 1e6,
                before.fan,
                before.position,
                link.position
            )
        });
    }
}

/// F2: of all pairs that did not overlap, how many stand in order; that all do is Q1.
fn ordered_pairs(whole: &Whole<'_>, tally: &mut Tally) {
    if whole.plan.fans.len() < FANS_FOR_PAIRS {
        tally.does_not_apply();
        return;
    }
    let mut all = joined(whole);
    all.sort_by_key(|joined| joined.sent_us);
    let mut by_ack = all.clone();
    by_ack.sort_by_key(|joined| joined.acked_us);
    let (mut next, mut highest, mut pairs) = (0, None::<Joined>, 0u64);
    for one in &all {
        while next < by_ack.len() && by_ack[next].acked_us < one.sent_us {
            highest = highest.into_iter().chain([by_ack[next]]).max_by_key(|joined| joined.position);
            next += 1;
        }
        pairs += next as u64;
        let Some(before) = highest else { continue };
        tally.check(before.position < one.position, || {
            format!(
                "fan {} had position {} before fan {} asked for one and was given {}",
                before.fan, before.position, one.fan, one.position
            )
        });
    }
    tally.count("pairs that did not overlap", pairs);
    tally.control("a thousand of them or more", u64::from(pairs >= PAIRS));
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;
    use crate::check::CheckVerdict;
    use crate::check::testkit::Story;

    #[test]
    fn there_are_waves_with_a_chain_each() {
        let plan = plan(&knobs(&SHORT));
        let links = plan.fans.iter().filter(|fan| fan.habits.joins_after.is_some()).count();
        assert_eq!(links, 4 * 6);
        assert_eq!(plan.populations(), ["chain", "slow", "fast"]);
        for (number, fan) in plan.fans.iter().enumerate() {
            assert!(fan.habits.joins_after.is_none_or(|before| before as usize + 1 == number));
        }
    }

    #[test]
    fn f1_catches_a_link_ahead_of_the_one_before_and_pardons_an_overlap() {
        let plan = plan(&knobs(&SHORT));
        let told = |links: [(u64, u64, u64); 2]| {
            let mut story = Story::new(150);
            for (fan, (sent, received, position)) in (0..).zip(links) {
                story.join(fan, sent, received, position);
            }
            story.own(&plan, &CHAINS)
        };
        assert_eq!(plan.fans[1].habits.joins_after, Some(0));
        assert_eq!(told([(0, 10, 1), (20, 30, 2)]).verdict, CheckVerdict::Pass);
        let finding = told([(0, 10, 2), (20, 30, 1)]);
        assert_eq!(finding.verdict, CheckVerdict::Fail);
        assert!(finding.counter_examples[0].contains("after fan 0 had been told of position 2, and was given 1"));
        assert_eq!(told([(0, 25, 2), (20, 30, 1)]).verdict, CheckVerdict::NoData, "they overlap: nothing was compared");
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "24b46ac196a65150897536f5845c02c95a2121ff8876df58e257b759efdef04e");
    }
}
