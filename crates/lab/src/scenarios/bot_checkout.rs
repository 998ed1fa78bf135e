//! `bot_checkout`: four of five are scripts that ask for everything at once. Stands for bots that buy it out.

use std::collections::{BTreeMap, BTreeSet};

use super::Scenario;
use super::parts::{self, RUSH_US, active_us, lasting_rate, person, unless_called, usual_slos};
use crate::check::{OwnCheck, Tally, Whole};
use crate::dice::{Dice, Purpose};
use crate::history::{Op, Outcome, Record, Value, Why};
use crate::knobs::Knobs;
use crate::plan::{Bot, FanPlan, Plan, SalePlan, Shape, draw};

pub(super) const SCENARIO: Scenario = Scenario { plan, slos, checks: &[CAP_EACH, ONE_ORDER], ..Scenario::PLAIN };

pub(super) const CAP_EACH: OwnCheck =
    OwnCheck { id: "K1", name: "a script has the cap and no more, however much it asks for", judge: cap_each };
pub(super) const ONE_ORDER: OwnCheck = OwnCheck { id: "K2", name: "a double submit makes one order", judge: one_order };

const PEOPLE_PERCENT: usize = 20;
/// Of the scripts, those that join anew after a purchase.
const RETURNERS: (u64, usize) = (20, 25);
const PEOPLE: u64 = 21;
/// At once, each of a full cap.
pub(super) const SCRIPT: Bot = Bot { holds: 10, checkouts: 3, comes_again: 0, forges_address: true };
/// Scripts ask twice as often as they were told to: more gains nothing, and measures the generator.
pub(super) const SCRIPT_POLLS_PERCENT: u64 = 50;
const TIMES_THE_CAP: u64 = 10;

fn plan(knobs: &Knobs) -> Plan {
    let (seed, shape, fans) = (knobs.seed(), Shape::from(knobs), parts::fans(knobs));
    let sale = SalePlan {
        admit_per_minute: lasting_rate(knobs, fans, active_us(shape) / 2),
        // Whoever is let in can buy as much as is allowed: then nobody's success is a matter of luck.
        seats_per_shopper: knobs.max_tickets_per_user(),
        ..SalePlan::from(knobs)
    };
    let people: BTreeSet<usize> = draw(seed, PEOPLE, fans, PEOPLE_PERCENT).into_iter().collect();
    let fan = |number| match people.contains(&number) {
        true => buyer(seed, number),
        false => script(seed, number, sale.max_tickets_per_user, (0, RUSH_US.min(shape.ramp_up_us))),
    };
    let mut plan = parts::plan("bot_checkout", knobs, vec![sale], (0..fans).map(fan).collect());
    for number in draw(seed, RETURNERS.0, fans, RETURNERS.1) {
        if let Some(bot) = &mut plan.fans[number].habits.bot {
            bot.comes_again = 1;
        }
    }
    plan
}

/// There when the doors open, like everybody who means it.
fn buyer(seed: u64, number: usize) -> FanPlan {
    let mut person = person(seed, number, "people", (0, RUSH_US / 2));
    person.wants = Dice::new(seed, number as u64, Purpose::Population).between(1, 2);
    person
}

pub(super) fn script(seed: u64, number: usize, cap: u64, within: (u64, u64)) -> FanPlan {
    let mut script = FanPlan { think_us: 0, wants: cap, ..person(seed, number, "bots", within) };
    script.habits.bot = Some(SCRIPT);
    script.habits.poll_percent = SCRIPT_POLLS_PERCENT;
    script
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    if plan.populations().contains(&"people") {
        let called = unless_called(plan);
        slos.push(format!("checkout_success{{population:people}} rate >= 95%{called}"));
        slos.push(format!("checkout{{population:people}} p99 < 500ms min_samples=1{called}"));
    }
    slos.push("status p99 < 200ms min_samples=1".into());
    slos
}

fn is_script(whole: &Whole<'_>, fan: u32) -> bool {
    whole.plan.fans.get(fan as usize).is_some_and(|plan| plan.habits.bot.is_some())
}

/// K1: of each script, tickets in the export; it must have asked for ten times as many.
fn cap_each(whole: &Whole<'_>, tally: &mut Tally) {
    let mut keen = 0;
    for evidence in whole.sales {
        let Some(dump) = evidence.dump else { continue };
        let cap = dump.highest_cap();
        let mut has: BTreeMap<&str, u64> = BTreeMap::new();
        for ticket in dump.live_tickets() {
            *has.entry(&ticket.user_id).or_default() += 1;
        }
        for (fan, records) in evidence.by_fan() {
            if !is_script(whole, fan) {
                continue;
            }
            let asked = records.iter().filter(|record| is_settled(record, Op::Hold)).count() as u64 * cap;
            if asked == 0 {
                continue;
            }
            keen += u64::from(asked >= TIMES_THE_CAP * cap);
            let has = has.get(evidence.account(fan)).copied().unwrap_or(0);
            tally.check(has <= cap, || format!("script {fan} asked for {asked} seats and has {has}; the cap is {cap}"));
        }
        let bought = evidence.history.records.iter().filter(|record| is_sale_to_person(whole, record)).count();
        tally.control("purchases of people", bought as u64);
    }
    tally.control("scripts that asked for ten times the cap", keen);
}

fn is_settled(record: &Record, op: Op) -> bool {
    let about_it = |code: &str| !matches!(code, "rate_limited" | "overloaded");
    record.op == op
        && record.why == Why::Push
        && match &record.outcome {
            Outcome::Ok(_) => true,
            Outcome::Refused { code, .. } => about_it(code),
            _ => false,
        }
}

fn is_sale_to_person(whole: &Whole<'_>, record: &Record) -> bool {
    !is_script(whole, record.fan) && matches!(record.value(), Some(Value::Checkout { .. }))
}

/// K2: all answers to checkouts of one hold name one order, and the export has one.
fn one_order(whole: &Whole<'_>, tally: &mut Tally) {
    let mut doubles = 0;
    for evidence in whole.sales {
        let mut confirmed: BTreeMap<&str, u64> = BTreeMap::new();
        let orders = evidence.dump.into_iter().flat_map(|dump| &dump.orders);
        for order in orders.filter(|order| &*order.status == "confirmed") {
            *confirmed.entry(order.hold_id.as_deref().unwrap_or_default()).or_default() += 1;
        }
        let mut submits: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in evidence.history.records.iter().filter(|record| is_settled(record, Op::Checkout)) {
            submits.entry(record.hold.as_deref().unwrap_or_default()).or_default().push(record);
        }
        for (hold, submits) in submits.iter().filter(|(_, submits)| submits.len() > 1) {
            let told: BTreeSet<&str> = submits.iter().filter_map(|record| order_of(record)).collect();
            let kept = confirmed.get(hold).copied().unwrap_or(0);
            doubles += u64::from(!told.is_empty());
            tally.check(told.len() <= 1 && kept <= 1, || {
                format!(
                    "hold {hold} of script {} was paid {} times at once: {} orders were told of, {kept} are in the export",
                    submits[0].fan,
                    submits.len(),
                    told.len()
                )
            });
        }
    }
    tally.control("holds that were paid several times at once, with success", doubles);
}

fn order_of(record: &Record) -> Option<&str> {
    match record.value() {
        Some(Value::Checkout { order_id, .. }) => Some(order_id),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;

    #[test]
    fn four_of_five_are_scripts_without_a_thought() {
        let plan = plan(&knobs(&SHORT));
        let scripts: Vec<_> = plan.fans.iter().filter(|fan| fan.habits.bot.is_some()).collect();
        assert_eq!(scripts.len(), 120);
        assert!(scripts.iter().all(|fan| fan.think_us == 0 && fan.population == "bots"));
        assert!(scripts.iter().any(|fan| fan.habits.bot.is_some_and(|bot| bot.comes_again == 1)));
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "d7faaf0b601e8d883386a961d9c69d4fe511d3fe22da26095015f314024fafb0");
    }
}
