//! `scalper_network`: rings of accounts that share a card and a network buy beside people, and try to hand tickets on.
//! Stands for account farms and resale.

use std::collections::BTreeMap;

use super::Scenario;
use super::parts::{self, active_us, lasting_rate, person, unless_called, usual_slos};
use crate::check::{OwnCheck, Tally, Whole};
use crate::dice::{Dice, Purpose};
use crate::history::{Outcome, Value, Why};
use crate::knobs::Knobs;
use crate::plan::{Plan, Ring, SalePlan, Shape};

pub(super) const SCENARIO: Scenario =
    Scenario { plan, slos, checks: &[RING_CAP, NO_TRANSFER], own_sale_only: true, ..Scenario::PLAIN };

const RING_CAP: OwnCheck = OwnCheck { id: "N1", name: "a ring of accounts has the cap of one", judge: ring_cap };
const NO_TRANSFER: OwnCheck = OwnCheck { id: "N2", name: "no ticket was handed on", judge: no_transfer };

const PEOPLE_PERCENT: usize = 60;
const RING: usize = 8;
/// Of a ring: less than two of its accounts may have.
const RING_CAP_TICKETS: u64 = 6;
/// A ring is a script: all of it is there within this.
const RING_RUSH_US: u64 = 100_000;

fn plan(knobs: &Knobs) -> Plan {
    let (seed, shape, fans) = (knobs.seed(), Shape::from(knobs), parts::fans(knobs));
    let people = (fans * PEOPLE_PERCENT).div_ceil(100);
    let surge_us = active_us(shape) * 3 / 10;
    let sale = SalePlan {
        admit_per_minute: lasting_rate(knobs, fans, active_us(shape) * 3 / 5),
        max_tickets_per_cluster: RING_CAP_TICKETS,
        // Those who are stopped stay inside, and keep nobody out.
        total_seats: knobs.total_seats().max(3 * fans as u64),
        ..SalePlan::from(knobs)
    };
    let person_or_ring = |number: usize| {
        if number < people {
            // Half of them before the rings come, half beside them.
            let mut one = person(seed, number, "people", (0, surge_us * 2));
            one.wants = Dice::new(seed, number as u64, Purpose::Population).between(1, 2);
            return one;
        }
        let of_rings = number - people;
        let mut one = person(seed, number, "scalpers", (surge_us, RING_RUSH_US));
        (one.wants, one.think_us) = (sale.max_tickets_per_user, 0);
        let count = |number: usize| u32::try_from(number).expect("limited by the knob");
        one.habits.ring = Some(Ring { number: count(of_rings / RING), member: count(of_rings % RING) });
        one.habits.tries_transfer = true;
        one
    };
    let fans = (0..fans).map(person_or_ring).collect();
    Plan { surge_us: Some(surge_us), ..parts::plan("scalper_network", knobs, vec![sale], fans) }
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    let of_people = |window| format!("checkout{{population:people,window:{window}}}");
    let (after, before, called) = (of_people("after"), of_people("before"), unless_called(plan));
    slos.push(format!("{after} p99 <= 1.25x {before} or 500ms min_samples=1{called}"));
    slos.push(format!("checkout_success{{population:people}} rate >= 95%{called}"));
    slos.push("status p99 < 200ms min_samples=1".into());
    slos
}

/// N1: tickets and held seats of all accounts of a ring together.
fn ring_cap(whole: &Whole<'_>, tally: &mut Tally) {
    let [evidence] = whole.sales else { return };
    let Some(dump) = evidence.dump else { return };
    let cap = whole.plan.sales[0].max_tickets_per_cluster;
    let fans = evidence.fans_by_account();
    let ring = |fan: u32| whole.plan.fans.get(fan as usize).and_then(|fan| fan.habits.ring).map(|ring| ring.number);
    let ring_of = |user: &str| fans.get(user).and_then(|fan| ring(*fan));
    let mut has: BTreeMap<u32, u64> = BTreeMap::new();
    for ticket in dump.live_tickets() {
        if let Some(number) = ring_of(&ticket.user_id) {
            *has.entry(number).or_default() += 1;
        }
    }
    for hold in dump.holds.iter().filter(|hold| &*hold.state == "live") {
        if let Some(number) = ring_of(&hold.user_id) {
            *has.entry(number).or_default() += hold.seat_ids.len() as u64;
        }
    }
    for (number, has) in &has {
        tally.check(*has <= cap, || {
            format!("ring {number} has {has} tickets and held seats; the cap of a ring is {cap}")
        });
    }
    let (mut stopped, mut people) = (0, 0);
    for record in &evidence.history.records {
        let refused = matches!(&record.outcome, Outcome::Refused { code, .. } if &**code == "cluster_cap_exceeded");
        stopped += u64::from(refused && ring(record.fan).is_some());
        people += u64::from(ring(record.fan).is_none() && matches!(record.value(), Some(Value::Checkout { .. })));
        // Nobody else shares anything.
        tally.check(!refused || ring(record.fan).is_some(), || {
            format!("fan {} shares nothing with anybody and was refused as one of a ring", record.fan)
        });
    }
    tally.control("purchases of rings refused by their cap", stopped);
    tally.control("purchases of people", people);
}

/// N2: every attempt to hand a ticket on was refused as such.
fn no_transfer(whole: &Whole<'_>, tally: &mut Tally) {
    let mut refused = 0;
    let records = whole.sales.iter().flat_map(|evidence| &evidence.history.records);
    for record in records.filter(|record| record.why == Why::ProbeTransfer) {
        let blocked = matches!(&record.outcome, Outcome::Refused { code, .. } if &**code == "transfer_blocked");
        refused += u64::from(blocked);
        tally.check(!matches!(record.outcome, Outcome::Ok(_)), || {
            format!("scalper {} handed a ticket on at {:.3} s", record.fan, record.sent_us as f64 / 1e6)
        });
    }
    tally.control("transfers refused", refused);
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;

    #[test]
    fn rings_of_eight_want_far_more_than_they_may_have() {
        let plan = plan(&knobs(&SHORT));
        let first: Vec<_> =
            plan.fans.iter().filter(|fan| fan.habits.ring.is_some_and(|ring| ring.number == 0)).collect();
        assert_eq!(first.len(), RING);
        assert!(first.iter().map(|fan| fan.wants).sum::<u64>() > 4 * RING_CAP_TICKETS);
        assert_eq!(plan.fans.iter().filter(|fan| fan.population == "people").count(), 90);
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "7a810c9736ce2e9863ef431e59fe58a4b229d7997e7f87325575ab125ff6b4ef");
    }
}
