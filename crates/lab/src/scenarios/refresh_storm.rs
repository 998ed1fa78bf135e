//! `refresh_storm`: everybody in line refreshes, with many tabs at once. Stands for a refresh that loses the place.

use std::collections::{BTreeMap, BTreeSet};

use super::Scenario;
use super::parts::{self, active_us, lasting_rate, person, refreshes, usual_slos};
use crate::check::{Evidence, OwnCheck, Tally, Whole};
use crate::history::{Op, Outcome, Record, Value, Why};
use crate::knobs::Knobs;
use crate::plan::{Plan, SalePlan, Shape};

pub(super) const SCENARIO: Scenario = Scenario { plan, slos, checks: &[ONE_ENTRY, DEPTH_UNCHANGED], ..Scenario::PLAIN };

pub(super) const ONE_ENTRY: OwnCheck = OwnCheck { id: "R1", name: "many tabs have one place", judge: one_entry_each };
pub(super) const DEPTH_UNCHANGED: OwnCheck =
    OwnCheck { id: "R2", name: "a refresh makes the line no longer", judge: depth_unchanged };

fn plan(knobs: &Knobs) -> Plan {
    let (seed, shape, fans) = (knobs.seed(), Shape::from(knobs), parts::fans(knobs));
    let sale =
        SalePlan { admit_per_minute: lasting_rate(knobs, fans, active_us(shape) * 3 / 4), ..SalePlan::from(knobs) };
    let fan = |number| {
        let mut fan = person(seed, number, "refreshers", (0, shape.ramp_up_us));
        fan.habits.while_waiting = refreshes(seed, number, fans, active_us(shape) / 2);
        fan
    };
    parts::plan("refresh_storm", knobs, vec![sale], (0..fans).map(fan).collect())
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    slos.push(format!("status p99 < 200ms min_samples={}", parts::samples(plan.fans.len())));
    slos
}

/// R1: whatever a fan's tabs asked, the account has one entry, unless it bought and came again.
fn one_entry_each(whole: &Whole<'_>, tally: &mut Tally) {
    let comes_again = |fan: u32| {
        let plan = whole.plan.fans.get(fan as usize);
        plan.is_some_and(|plan| plan.habits.bot.is_some_and(|bot| bot.comes_again > 0))
    };
    let (mut answered, mut at_once) = (0, 0);
    for evidence in whole.sales {
        let Some(dump) = evidence.dump else { continue };
        let mut places: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for entry in &dump.entries {
            places.entry(&entry.user_id).or_default().push(entry.position);
        }
        for (fan, records) in evidence.by_fan() {
            let again: Vec<&Record> = records.into_iter().filter(|record| is_answered_rejoin(record)).collect();
            if again.is_empty() || comes_again(fan) {
                continue;
            }
            answered += again.len() as u64;
            at_once += again.windows(2).filter(|pair| pair[1].sent_us < pair[0].received_us).count() as u64;
            let has = places.get(evidence.account(fan)).map_or(&[][..], |places| places);
            tally.check(has.len() == 1, || {
                format!("fan {fan} joined again {} times and has {} places: {has:?}", again.len(), has.len())
            });
        }
    }
    tally.control("joins of people in line that were answered", answered);
    tally.control("of them at the same time as another one", at_once);
}

fn is_answered_rejoin(record: &Record) -> bool {
    record.why == Why::Rejoin && matches!(record.outcome, Outcome::Ok(Value::Join { .. }))
}

/// R2: the server never counts more places than fans who had asked for one by then. Somebody who comes again counts anew.
fn depth_unchanged(whole: &Whole<'_>, tally: &mut Tally) {
    for evidence in whole.sales {
        if !evidence.own_sale {
            tally.does_not_apply();
            return;
        }
        let asked = asked_by(evidence);
        for sample in evidence.samples {
            let Some(stats) = &sample.stats else { continue };
            let most = asked.partition_point(|sent_us| *sent_us <= sample.until_us) as u64;
            tally.check(stats.joined <= most, || {
                format!(
                    "at {:.1} s the server had {} places; {most} had been asked for, all else were refreshes",
                    sample.until_us as f64 / 1e6,
                    stats.joined
                )
            });
        }
        let again = evidence.history.records.iter().filter(|record| is_answered_rejoin(record)).count();
        tally.control("refreshes answered", again as u64);
    }
}

/// When each place was first asked for, in order.
fn asked_by(evidence: &Evidence<'_>) -> Vec<u64> {
    let mut asked = Vec::new();
    let mut first: BTreeSet<u32> = BTreeSet::new();
    let mut records: Vec<&Record> = evidence.history.records.iter().filter(|record| record.op == Op::Join).collect();
    records.sort_by_key(|record| record.sent_us);
    for record in records {
        let anew = record.why == Why::Journey && matches!(record.value(), Some(Value::Join { created: true, .. }));
        if first.insert(record.fan) || anew {
            asked.push(record.sent_us);
        }
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;
    use crate::plan::What;

    #[test]
    fn everybody_refreshes_with_5_to_20_tabs() {
        let plan = plan(&knobs(&SHORT));
        let tabs = plan.fans.iter().flat_map(|fan| &fan.habits.while_waiting).map(|pastime| match pastime.what {
            What::Refresh { tabs } => tabs,
            _ => 0,
        });
        assert!(tabs.clone().all(|tabs| (5..=20).contains(&tabs)));
        assert!(tabs.count() >= 150);
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "cbe8bb1f70998126b2ea965cd43a2a93ffdb4f502af3c5299cd9f6b43d99c643");
    }
}
