//! `mixed_realistic`: people who think, give up or never show up, beside scripts, refreshers and people with bad
//! connections. Stands for a normal big sale.

use super::Scenario;
use super::bot_checkout::{CAP_EACH, ONE_ORDER, script};
use super::parts::{self, active_us, cuts, lasting_rate, person, refreshes, unless_called, usual_slos};
use super::reconnect_churn::{CONNECTIONS_CLOSED, SAME_PLACE};
use super::refresh_storm::{DEPTH_UNCHANGED, ONE_ENTRY};
use crate::check::{OwnCheck, Tally, Whole};
use crate::dice::{Dice, Purpose};
use crate::history::{Op, Value};
use crate::knobs::Knobs;
use crate::plan::{Abandon, FanPlan, Pastime, Plan, SalePlan, Shape, What};

pub(super) const SCENARIO: Scenario = Scenario {
    plan,
    slos,
    checks: &[ONE_ENTRY, DEPTH_UNCHANGED, CAP_EACH, ONE_ORDER, SAME_PLACE, CONNECTIONS_CLOSED, SEATS_COME_BACK],
    ..Scenario::PLAIN
};

const SEATS_COME_BACK: OwnCheck = OwnCheck {
    id: "M1",
    name: "seats that were given back are nobody's, and nobody pays for them",
    judge: seats_come_back,
};

/// Of a hundred fans; the rest are people.
const BOTS: u64 = 15;
const REFRESHERS: u64 = 15;
const CHURNERS: u64 = 15;
/// People who give their seats back. They come early and do come in, or a small run would have none of them in the shop.
const RELEASE: u64 = 6;
/// Of a hundred people.
const NO_SHOWS: u64 = 30;
const WALK_AWAY: u64 = 5;
const REPEAT: u64 = 10;
/// People think so long, or as long as the run lets them.
const THINK_US: (u64, u64) = (2_000_000, 20_000_000);

fn plan(knobs: &Knobs) -> Plan {
    let (shape, fans) = (Shape::from(knobs), parts::fans(knobs));
    let sale = SalePlan {
        admit_per_minute: lasting_rate(knobs, fans, active_us(shape) / 2),
        // Those who never show up count for a minute after their call: they must not close the door.
        max_active: (2 * fans as u64 / 3).max(20),
        ..SalePlan::from(knobs)
    };
    let fans = (0..fans).map(|number| fan(knobs, shape, number, fans, sale.max_tickets_per_user)).collect();
    parts::plan("mixed_realistic", knobs, vec![sale], fans)
}

fn fan(knobs: &Knobs, shape: Shape, number: usize, fans: usize, cap: u64) -> FanPlan {
    let (seed, within) = (knobs.seed(), (0, shape.ramp_up_us));
    let mut dice = Dice::new(seed, number as u64, Purpose::Population);
    let half_us = shape.steady_us / 2;
    // By turns, so that a small run has some of each.
    match (number as u64 * 37) % 100 {
        turn if turn < BOTS => script(seed, number, cap, within),
        turn if turn < BOTS + REFRESHERS => {
            let mut fan = person(seed, number, "refreshers", within);
            fan.habits.while_waiting = refreshes(seed, number, fans, half_us / 2);
            fan
        }
        turn if turn < BOTS + REFRESHERS + CHURNERS => {
            let mut fan = person(seed, number, "churners", within);
            fan.habits.while_waiting = cuts(seed, number, half_us);
            if number.is_multiple_of(2) {
                fan.habits.cuts_join = Some(parts::cut_join(seed, number, half_us));
            }
            fan
        }
        turn => {
            let releases = turn < BOTS + REFRESHERS + CHURNERS + RELEASE;
            let within = if releases { (0, shape.ramp_up_us / 4) } else { within };
            let mut fan = person(seed, number, "people", within);
            let longest = THINK_US.1.min(shape.steady_us / 4).max(1);
            fan.think_us = dice.between(THINK_US.0.min(longest / 10), longest);
            fan.wants = dice.between(1, cap.min(2));
            fan.habits.no_show = dice.below(100) < NO_SHOWS && !releases;
            let walks_away = dice.below(100) < WALK_AWAY;
            fan.habits.abandons = match (releases, walks_away) {
                (true, _) => Some(Abandon::Releases),
                (false, true) => Some(Abandon::WalksAway),
                (false, false) => None,
            };
            fan.habits.repeats_checkout = dice.below(100) < REPEAT;
            fan.habits.tries_transfer = dice.below(100) < REPEAT;
            fan.habits.tries_over_cap = dice.below(100) < REPEAT;
            if dice.below(100) < REPEAT {
                fan.habits.while_waiting.push(Pastime { after_us: dice.below(half_us.max(1)), what: What::Rejoin });
            }
            fan
        }
    }
}

fn slos(_: &Knobs, plan: &Plan, _: bool) -> Vec<String> {
    let mut slos = usual_slos(plan);
    let called = unless_called(plan);
    slos.push("status p99 < 200ms min_samples=1".into());
    slos.push(format!("checkout p99 < 500ms min_samples=1{called}"));
    // A few fans may all be let in before any of them has lost the connection.
    slos.push(format!("back p99 < 500ms min_samples=1{}", if plan.fans.len() < 50 { " advisory" } else { called }));
    slos.push("first_admission value < 2s advisory".into());
    slos.push("drip rate >= 95%".into());
    slos
}

/// M1: of a hold that was given back, no seat was paid for, and in the export the hold is over.
fn seats_come_back(whole: &Whole<'_>, tally: &mut Tally) {
    let mut given_back = 0;
    for evidence in whole.sales {
        let Some(dump) = evidence.dump else { continue };
        let released = evidence.history.records.iter().filter(|record| record.op == Op::Release);
        for record in released.filter(|record| matches!(record.value(), Some(Value::Released))) {
            let id = record.hold.as_deref().unwrap_or_default();
            let state = dump.holds.iter().find(|hold| &*hold.hold_id == id).map_or("not there", |hold| &*hold.state);
            let paid =
                dump.orders.iter().any(|order| order.hold_id.as_deref() == Some(id) && &*order.status == "confirmed");
            given_back += 1;
            tally.check(!paid && !matches!(state, "live" | "sold"), || {
                let order = if paid { ", with an order" } else { "" };
                format!("fan {} gave hold {id} back; in the export it is {state}{order}", record.fan)
            });
        }
    }
    tally.control("holds given back", given_back);
}

#[cfg(test)]
mod tests {
    use super::super::parts::tests::{SHORT, knobs};
    use super::*;

    #[test]
    fn there_are_some_of_each() {
        let plan = plan(&knobs(&SHORT));
        let count = |of: fn(&FanPlan) -> bool| plan.fans.iter().filter(|fan| of(fan)).count();
        assert_eq!(plan.populations().len(), 4);
        let people = count(|fan| fan.population == "people");
        let no_shows = count(|fan| fan.habits.no_show) * 100 / people;
        assert!((20..=40).contains(&no_shows), "{no_shows} % of {people}");
        let releases = |fan: &&FanPlan| fan.habits.abandons == Some(Abandon::Releases);
        assert_eq!((plan.fans.len(), plan.fans.iter().filter(releases).count()), (150, 8));
        assert!(plan.fans.iter().filter(releases).all(|fan| !fan.habits.no_show), "they come in");
        assert!(count(|fan| fan.habits.cuts_join.is_some()) > 0);
        assert!(plan.fans.iter().all(|fan| fan.think_us <= 2_000_000), "a short run has short thoughts");
    }

    #[test]
    fn golden_plan_hash() {
        assert_eq!(plan(&knobs(&[])).sha256(), "44a0ef0846b6299dcf5955fa6e958589e18d6123e24893ba3f01540f9f0ffe21");
    }
}
