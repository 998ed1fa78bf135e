//! `second_sale_regression`: a second sale opens while the first one's line still waits. Stands for a second show that mixes
//! up the order.

use super::Scenario;
use super::parts::{self, RUSH_US, active_us, lasting_rate, person, usual_slos};
use crate::attack::Attack;
use crate::check::{OwnCheck, Tally, Whole};
use crate::dice::{Dice, Purpose};
use crate::history::{Op, Outcome, Value, Why};
use crate::knobs::Knobs;
use crate::plan::{Pastime, Plan, SalePlan, Shape, What, draw};
use crate::words::State;

pub(super) const SCENARIO: Scenario =
    Scenario { plan, slos, checks: &[NOTHING_OF_A, ORDER_OF_A], own_sale_only: true, ..Scenario::PLAIN };

const NOTHING_OF_A: OwnCheck =
    OwnCheck { id: "B1", name: "what belongs to sale A means nothing in sale B", judge: nothing_of_a_in_b };
const ORDER_OF_A: OwnCheck =
    OwnCheck { id: "B2", name: "the line of sale A stays while sale B opens", judge: order_of_a_untouched };

/// Of all fans, for the first sale.
const FIRST_PERCENT: usize = 60;
/// Of them, in percent: those who try what they have at the second sale, and those who take a place there too.
const CROSSERS: (u64, usize) = (10, 30);
const VISITORS: (u64, usize) = (11, 40);
const VISIT_AFTER_US: (u64, u64) = (500_000, 1_500_000);

fn plan(knobs: &Knobs) -> Plan {
    let (seed, shape, fans) = (knobs.seed(), Shape::from(knobs), parts::fans(knobs));
    let first = (fans * FIRST_PERCENT).div_ceil(100);
    let opens_after_us = shape.ramp_up_us + shape.steady_us * 2 / 5;
    let seats = SalePlan { total_seats: knobs.total_seats().max(fans as u64), ..SalePlan::from(knobs) };
    let a = SalePlan { admit_per_minute: lasting_rate(knobs, first, active_us(shape)), ..seats };
    let rate = lasting_rate(knobs, fans - first, shape.steady_us / 3);
    let b = SalePlan { opens_after_us, admit_per_minute: rate, ..seats };
    let of_a = (0..first).map(|number| person(seed, number, "a", (0, shape.ramp_up_us)));
    let of_b = (first..fans).map(|number| person(seed, number, "b", (opens_after_us, RUSH_US)));
    let of_b = of_b.map(|mut fan| {
        fan.sale = 1;
        fan
    });
    let mut plan = parts::plan("second_sale_regression", knobs, vec![a, b], of_a.chain(of_b).collect());
    for fan in draw(seed, CROSSERS.0, first, CROSSERS.1) {
        plan.fans[fan].habits.crosses_to = Some(1);
    }
    for number in draw(seed, VISITORS.0, first, VISITORS.1) {
        let fan = &mut plan.fans[number];
        // Who tries what it has without a place there must have none.
        if fan.habits.crosses_to.is_none() {
            let at_doors = opens_after_us.saturating_sub(fan.arrival_us);
            let late = Dice::new(seed, number as u64, Purpose::Rejoin).between(VISIT_AFTER_US.0, VISIT_AFTER_US.1);
            let visit = Pastime { after_us: at_doors + late, what: What::Visit { sale: 1 } };
            fan.habits.while_waiting = vec![visit];
        }
    }
    plan
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    if plan.populations().contains(&"b") {
        slos.push("join{population:b} p99 <= 1.25x join{population:a} or 250ms min_samples=1".into());
    }
    slos.push("status p99 < 200ms min_samples=1".into());
    slos
}

/// B1: admissions, holds and places of A are refused in B as what they are.
fn nothing_of_a_in_b(whole: &Whole<'_>, tally: &mut Tally) {
    let [_, b] = whole.sales else { return };
    let mut refused = [0u64; 3];
    let kinds = [Attack::ForeignSale, Attack::ForeignHold, Attack::NoPlace];
    let mut honest = 0;
    for record in &b.history.records {
        let Why::Attack(attack) = record.why else {
            honest += u64::from(matches!(record.value(), Some(Value::Hold { .. })));
            continue;
        };
        let documented = match &record.outcome {
            Outcome::Refused { status, code } => attack.is_documented(*status, code),
            Outcome::Ok(_) => false,
            // Never answered: says nothing.
            Outcome::Unknown(_) | Outcome::HeldBack => continue,
        };
        tally.check(documented, || {
            format!(
                "fan {} of sale A asked sale B for {} {} at {:.3} s and was answered {:?}",
                record.fan,
                record.op.name(),
                attack.name(),
                record.sent_us as f64 / 1e6,
                record.outcome
            )
        });
        for (kind, refused) in kinds.iter().zip(&mut refused) {
            *refused += u64::from(*kind == attack && documented);
        }
    }
    tally.control("admissions to sale A refused in sale B", refused[0]);
    tally.control("payments in sale B for seats of sale A refused", refused[1]);
    tally.control("people of sale A who have no place in sale B", refused[2]);
    tally.control("holds of sale B's own people", honest);
}

/// B2: whoever waits in A when B opens has the position that he had.
fn order_of_a_untouched(whole: &Whole<'_>, tally: &mut Tally) {
    let ([a, _], [_, doors_us]) = (whole.sales, whole.doors_us) else { return };
    let mut both = 0;
    for (fan, records) in a.by_fan() {
        let waits = |record: &&&crate::history::Record| {
            matches!(record.value(), Some(Value::Status { state: State::Waiting, .. }))
        };
        let position = |record: &crate::history::Record| match record.value() {
            Some(Value::Status { position, .. }) => *position,
            _ => 0,
        };
        let polls = || records.iter().filter(|record| record.op == Op::Status).filter(waits);
        let before = polls().filter(|record| record.received_us < *doors_us).map(|record| position(record)).next_back();
        let Some(before) = before else { continue };
        for after in polls().filter(|record| record.sent_us > *doors_us) {
            both += 1;
            tally.check(position(after) == before, || {
                format!(
                    "fan {fan} of sale A stood at {before} before sale B opened and at {} at {:.3} s",
                    position(after),
                    after.sent_us as f64 / 1e6
                )
            });
        }
    }
    tally.control("polls of sale A's line after sale B opened", both);
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;

    #[test]
    fn the_second_sale_opens_into_the_first_ones_line() {
        let plan = plan(&knobs(&SHORT));
        let [a, b] = plan.sales[..] else { panic!("two sales") };
        assert_eq!(b.opens_after_us, 5_200_000);
        // Half of the people of A are still waiting by then.
        assert!(a.admit_per_minute * b.opens_after_us / 60_000_000 < 60, "{}", a.admit_per_minute);
        assert_eq!(plan.populations(), ["a", "b"]);
        assert!(plan.fans.iter().all(|fan| (fan.sale == 1) == (fan.arrival_us >= b.opens_after_us)));
        assert!(plan.fans.iter().any(|fan| fan.habits.crosses_to.is_some()));
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "f82ad01a488bf8e43bbba2884f46d5043ac73248e1713b13d173e89c3b2b8b87");
    }
}
