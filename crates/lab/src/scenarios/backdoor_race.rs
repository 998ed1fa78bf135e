//! `backdoor_race`: attackers try every way around the line while honest fans buy. Stands for direct calls that skip the
//! queue.

use std::collections::BTreeMap;

use super::Scenario;
use super::parts::{self, RUSH_US, active_us, lasting_rate, person, unless_called, usual_slos};
use crate::attack::Attack;
use crate::check::{OwnCheck, Tally, Whole};
use crate::history::{Outcome, Value, Why};
use crate::knobs::Knobs;
use crate::plan::{Plan, SalePlan, Shape};

pub(super) const SCENARIO: Scenario =
    Scenario { plan, slos, checks: &[NO_WAY_AROUND], own_sale_only: true, needs_elsewhere: true };

const NO_WAY_AROUND: OwnCheck =
    OwnCheck { id: "D1", name: "every way around the line is refused as documented", judge: no_way_around };

const ATTACKERS_PERCENT: usize = 20;
/// Fewer would need more tries each than the limit on joins lets through.
const ATTACKERS_LEAST: usize = 10;
/// Of each kind, all attackers together.
const TRIES: u64 = 100;
/// The limit on joins without a place is twenty at once.
const TRIES_EACH_MOST: u64 = 15;
/// Attackers knock until the doors open.
const KNOCKING_US: u64 = 1_000_000;
const ATTACKS_AFTER_US: u64 = 200_000;
/// Those that another sale has: it is told of by the second sale's own scenario.
const ELSEWHERE: [Attack; 2] = [Attack::NoPlace, Attack::ForeignHold];

fn attackers(fans: usize) -> usize {
    (fans * ATTACKERS_PERCENT).div_ceil(100).max(ATTACKERS_LEAST).min(fans / 2)
}

fn plan(knobs: &Knobs) -> Plan {
    let (seed, shape, fans) = (knobs.seed(), Shape::from(knobs), parts::fans(knobs));
    let attackers = attackers(fans);
    let honest = fans - attackers;
    let sale = SalePlan {
        opens_after_us: KNOCKING_US,
        admit_per_minute: lasting_rate(knobs, honest, active_us(shape) / 2),
        ..SalePlan::from(knobs)
    };
    let tries = TRIES.div_ceil(attackers.max(1) as u64).saturating_add(1).min(TRIES_EACH_MOST);
    let fan = |number| {
        if number < honest {
            return person(seed, number, "honest", (KNOCKING_US, RUSH_US.min(shape.ramp_up_us)));
        }
        let mut attacker = person(seed, number, "attackers", (ATTACKS_AFTER_US, RUSH_US / 2));
        (attacker.wants, attacker.habits.attacks) = (0, Some(tries));
        attacker
    };
    parts::plan("backdoor_race", knobs, vec![sale], (0..fans).map(fan).collect())
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    slos.push("join{population:honest} p99 < 250ms min_samples=1".into());
    slos.push(format!("checkout{{population:honest}} p99 < 500ms min_samples=1{}", unless_called(plan)));
    slos
}

/// D1: no attack succeeds, each is answered with its documented refusal, none with a 5xx, and each kind was tried so often.
fn no_way_around(whole: &Whole<'_>, tally: &mut Tally) {
    let [evidence] = whole.sales else { return };
    let doors_us = whole.doors_us.first().copied().unwrap_or(0);
    let mut refused: BTreeMap<Attack, u64> = BTreeMap::new();
    let mut honest = 0;
    for record in &evidence.history.records {
        let Why::Attack(attack) = record.why else {
            honest += u64::from(matches!(record.value(), Some(Value::Checkout { .. })));
            continue;
        };
        // Only what was answered before the doors was certainly asked before them.
        if attack == Attack::EarlyJoin && record.received_us >= doors_us {
            continue;
        }
        let documented = match &record.outcome {
            Outcome::Refused { status: 429, .. } => continue,
            Outcome::Refused { status, code } => attack.is_documented(*status, code),
            Outcome::Unknown(why) if !why.starts_with("status 5") => continue,
            _ => false,
        };
        *refused.entry(attack).or_default() += u64::from(documented);
        tally.check(documented, || {
            format!(
                "fan {} tried a {} {} at {:.3} s and was answered {:?}",
                record.fan,
                record.op.name(),
                attack.name(),
                record.sent_us as f64 / 1e6,
                record.outcome
            )
        });
    }
    let tries: u64 = whole.plan.fans.iter().filter_map(|fan| fan.habits.attacks).sum();
    for attack in Attack::ALL.into_iter().filter(|attack| !ELSEWHERE.contains(attack)) {
        let so_often = refused.get(&attack).copied().unwrap_or(0);
        tally.count(attack.name(), so_often);
        tally.needs("a way around the line was tried too seldom", 1, u64::from(so_often >= TRIES.min(tries)));
    }
    tally.control("purchases of honest fans", honest);
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;

    #[test]
    fn every_kind_is_tried_a_hundred_times_also_by_few() {
        for set in [&SHORT[..], &[("K6_VUS_MAX", "20")], &[]] {
            let plan = plan(&knobs(set));
            let attackers: Vec<u64> = plan.fans.iter().filter_map(|fan| fan.habits.attacks).collect();
            assert!(attackers.iter().sum::<u64>() >= TRIES, "{attackers:?}");
            assert!(attackers.iter().all(|tries| *tries <= TRIES_EACH_MOST));
        }
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "5efd30561fdf74947924b000ab6f4455a3d4350ad2f289200290989b428d7ec0");
    }
}
