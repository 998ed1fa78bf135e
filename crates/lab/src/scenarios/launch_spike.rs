//! `launch_spike`: the doors open and nearly everybody is there. Stands for the site crash at sale open.

use super::Scenario;
use crate::dice::{Dice, Purpose};
use crate::knobs::Knobs;
use crate::plan::{FanPlan, Habits, Pastime, Plan, SalePlan, Shape, What, draw};

pub(super) const SCENARIO: Scenario = Scenario { plan, slos, ..Scenario::PLAIN };

/// This share of the fans arrives in the spike, the rest over the ramp.
const SPIKE_PERCENT: usize = 80;
const SPIKE_US: u64 = 2_000_000;
const THINK_US: (u64, u64) = (200_000, 1_000_000);
const REJOIN_AFTER_US: (u64, u64) = (50_000, 800_000);

/// Populations by number (part of the draw, so append only) and their share in percent.
const REJOINERS: (u64, usize) = (1, 10);
const SECOND_DEVICES: (u64, usize) = (2, 10);
const REPEATERS: (u64, usize) = (3, 10);
const HANDERS_ON: (u64, usize) = (4, 2);
const UNADMITTED: (u64, usize) = (5, 2);
const OVER_CAP: (u64, usize) = (6, 2);

pub(super) fn plan(knobs: &Knobs) -> Plan {
    let seed = knobs.seed();
    let fans = usize::try_from(knobs.fans()).expect("limited by the knob");
    let shape = Shape::from(knobs);
    let sale = SalePlan::from(knobs);
    let mut plan = Plan {
        scenario: "launch_spike".into(),
        seed,
        shape,
        surge_us: None,
        sales: vec![sale],
        fans: (0..fans).map(|fan| fan_plan(seed, fan, fans, shape, sale)).collect(),
    };
    let mut give = |population: (u64, usize), habit: fn(&mut Habits, u64)| {
        for fan in draw(seed, population.0, fans, population.1) {
            let after = Dice::new(seed, fan as u64, Purpose::Rejoin).between(REJOIN_AFTER_US.0, REJOIN_AFTER_US.1);
            habit(&mut plan.fans[fan].habits, after);
        }
    };
    give(REJOINERS, |habits, after_us| habits.while_waiting.push(Pastime { after_us, what: What::Rejoin }));
    give(SECOND_DEVICES, |habits, _| habits.second_connection = true);
    give(REPEATERS, |habits, _| habits.repeats_checkout = true);
    give(HANDERS_ON, |habits, _| habits.tries_transfer = true);
    give(UNADMITTED, |habits, _| habits.tries_unadmitted = true);
    give(OVER_CAP, |habits, _| habits.tries_over_cap = true);
    plan
}

fn fan_plan(seed: u64, fan: usize, fans: usize, shape: Shape, sale: SalePlan) -> FanPlan {
    let mut arrival = Dice::new(seed, fan as u64, Purpose::Arrival);
    let spike = SPIKE_US.min(shape.ramp_up_us.max(1));
    // The first fans in number are the spike; accounts are made alike, so the number means nothing to the server.
    let in_spike = fan < (fans * SPIKE_PERCENT).div_ceil(100);
    let arrival_us = if in_spike { arrival.below(spike) } else { arrival.below(shape.ramp_up_us.max(1)) };
    let think_us = Dice::new(seed, fan as u64, Purpose::Think).between(THINK_US.0, THINK_US.1);
    let wants = wants(fan as u64, fans as u64, &sale);
    FanPlan { population: "people", sale: 0, arrival_us, wants, think_us, habits: Habits::default() }
}

/// One ticket where seats are short; else an equal share of the house, up to the cap.
fn wants(fan: u64, fans: u64, sale: &SalePlan) -> u64 {
    if sale.total_seats <= fans {
        return 1;
    }
    let share = sale.total_seats / fans + u64::from(fan < sale.total_seats % fans);
    share.min(sale.max_tickets_per_user)
}

pub(super) fn slos(knobs: &Knobs, plan: &Plan, own_sale: bool) -> Vec<String> {
    let fans = plan.fans.len() as u64;
    let can_sell = plan.wanted().min(plan.sales[0].total_seats);
    let samples = |n: u64| n.clamp(1, 30);
    let reach = Reach::of(knobs, plan, own_sale);
    // Buyers the sale needs if the keenest come first: at least seats / most wanted; at most one each.
    let buyers = if plan.wanted() <= plan.sales[0].total_seats { fans } else { can_sell };
    let in_line = fans.min(plan.sales[0].waiting_room_cap);
    let reachable = own_sale && buyers <= reach.journeys && fans <= plan.sales[0].waiting_room_cap;
    let checkouts = buyers.min(reach.journeys);
    let unless = |blocking: bool| if blocking { "" } else { " advisory" };
    vec![
        format!("join p99 < 500ms min_samples={}", samples(in_line)),
        format!("status p99 < 200ms min_samples={}", samples(in_line)),
        format!("checkout p99 < 500ms min_samples={}{}", samples(checkouts), unless(checkouts > 0)),
        "http_req_failed rate < 1%".into(),
        format!("first_admission value < 2s{}", unless(reach.first_admission_ms < 2_000)),
        "drip rate >= 95%".into(),
        format!("joins rate >= 99%{}", unless(fans <= plan.sales[0].waiting_room_cap)),
        format!("sold count > 0{}", unless(checkouts > 0)),
        format!("sold count == {can_sell}{}", unless(reachable)),
        "held_back rate < 1%".into(),
    ]
}

/// A tick, a poll, and the answers between: from the call to the fan inside.
const CALL_TO_INSIDE_MS: u64 = 1_200;
/// The longest think time, and room for the answers of a whole purchase.
const PURCHASE_MS: u64 = THINK_US.1 / 1_000 + 1_000;

/// How far a server that keeps every promise comes with a plan: a threshold beyond that blocks nobody.
struct Reach {
    /// When the first fan is inside, after the doors.
    first_admission_ms: u64,
    /// Fans that are called and have bought before the run is over.
    journeys: u64,
}

impl Reach {
    fn of(knobs: &Knobs, plan: &Plan, own_sale: bool) -> Self {
        let rate = plan.sales[0].admit_per_minute;
        let first_ms = plan.fans.iter().map(|fan| fan.arrival_us).min().unwrap_or(0) / 1_000;
        let first_call_ms = first_ms + 60_000u64.div_ceil(rate.max(1));
        let end_ms = knobs.ramp_up_ms() + knobs.steady_ms() + knobs.ramp_down_ms();
        let last_call_ms = end_ms.saturating_sub(CALL_TO_INSIDE_MS + PURCHASE_MS);
        let arrived = plan.fans.iter().filter(|fan| fan.arrival_us / 1_000 <= last_call_ms).count() as u64;
        let calls = rate.saturating_mul(last_call_ms.saturating_sub(first_ms)) / 60_000;
        // Of a sale that is there neither the rate nor the line is known: one purchase is asked of it.
        let calls = if own_sale { calls } else { 1 };
        Reach { first_admission_ms: first_call_ms + CALL_TO_INSIDE_MS, journeys: calls.min(arrived) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knobs::Origin;

    fn planned(set: &[(&str, &str)]) -> (Knobs, Plan) {
        let mut knobs = Knobs::default();
        for (name, value) in set {
            knobs.set(name, value, Origin::Request).expect("a knob");
        }
        let plan = plan(&knobs);
        (knobs, plan)
    }

    #[test]
    fn four_of_five_fans_arrive_within_two_seconds_of_the_doors() {
        let (_, plan) = planned(&[]);
        let early = plan.fans.iter().filter(|fan| fan.arrival_us < SPIKE_US).count();
        assert!((400..450).contains(&early), "{early}");
        assert!(plan.fans.iter().all(|fan| fan.arrival_us < plan.shape.ramp_up_us));
        assert!(plan.fans.iter().all(|fan| (200_000..=1_000_000).contains(&fan.think_us)));
    }

    #[test]
    fn populations_have_their_share_and_never_nobody() {
        let (_, plan) = planned(&[]);
        let count = |has: fn(&Habits) -> bool| plan.fans.iter().filter(|fan| has(&fan.habits)).count();
        assert_eq!(count(|habits| !habits.while_waiting.is_empty()), 50);
        assert_eq!(count(|habits| habits.second_connection), 50);
        assert_eq!(count(|habits| habits.tries_unadmitted), 10);
        let (_, small) = planned(&[("K6_VUS_MAX", "10")]);
        assert_eq!(small.fans.iter().filter(|fan| fan.habits.tries_over_cap).count(), 1);
    }

    #[test]
    fn fans_want_what_the_house_can_sell() {
        assert_eq!(planned(&[]).1.wanted(), 500);
        assert_eq!(planned(&[("K6_TOTAL_SEATS", "120"), ("K6_VUS_MAX", "100")]).1.wanted(), 120);
        assert_eq!(planned(&[("K6_TOTAL_SEATS", "9999"), ("K6_VUS_MAX", "100")]).1.wanted(), 400);
        assert_eq!(planned(&[("K6_TOTAL_SEATS", "10"), ("K6_VUS_MAX", "100")]).1.wanted(), 100);
    }

    #[test]
    fn selling_out_blocks_only_where_it_can_be_reached() {
        let line = |set: &[(&str, &str)], own| {
            let (knobs, plan) = planned(set);
            slos(&knobs, &plan, own).into_iter().find(|line| line.starts_with("sold count ==")).expect("a line")
        };
        assert_eq!(line(&[], true), "sold count == 500");
        assert_eq!(line(&[("K6_ADMIT_PER_MIN", "60")], true), "sold count == 500 advisory");
        assert_eq!(line(&[], false), "sold count == 500 advisory");
    }

    #[test]
    fn no_threshold_asks_for_more_than_the_plan_can_reach() {
        let blocking = |set: &[(&str, &str)]| {
            let (knobs, plan) = planned(set);
            let lines = slos(&knobs, &plan, true);
            lines.into_iter().filter(|line| !line.ends_with("advisory")).collect::<Vec<_>>()
        };
        let has = |lines: &[String], line: &str| lines.iter().any(|has| has == line);
        let usual = blocking(&[]);
        assert!(has(&usual, "first_admission value < 2s") && has(&usual, "checkout p99 < 500ms min_samples=30"));
        let slow = blocking(&[("K6_ADMIT_PER_MIN", "60")]);
        assert!(!has(&slow, "first_admission value < 2s") && has(&slow, "checkout p99 < 500ms min_samples=30"));
        let slower = blocking(&[("K6_ADMIT_PER_MIN", "5")]);
        assert!(has(&slower, "checkout p99 < 500ms min_samples=3") && has(&slower, "sold count > 0"));
        let nobody = blocking(&[("K6_ADMIT_PER_MIN", "1")]);
        assert!(nobody.iter().all(|line| !line.starts_with("checkout") && !line.starts_with("sold")));
        let few = blocking(&[("K6_VUS_MAX", "5")]);
        assert!(has(&few, "join p99 < 500ms min_samples=5") && has(&few, "checkout p99 < 500ms min_samples=5"));
    }

    /// Bit-identical on every machine: if this changes, every recorded plan hash means something else.
    #[test]
    fn golden_plan_hash() {
        assert_eq!(planned(&[]).1.sha256(), "cdb1154e03f69bb9e0095b62bd59d04a6dd14a70d84966f7676038a7565f5f25");
        assert_ne!(planned(&[("SEED", "2")]).1.sha256(), planned(&[]).1.sha256());
    }
}
