//! What the plans of several scenarios are put together from.

use crate::dice::{Dice, Purpose};
use crate::knobs::Knobs;
use crate::plan::{Cut, CutWhen, FanPlan, Habits, Pastime, Plan, SalePlan, Shape, What};

/// How long most people think before they pay.
pub(super) const THINK_US: (u64, u64) = (200_000, 1_000_000);
/// A crowd is there this soon after what it came for.
pub(super) const RUSH_US: u64 = 2_000_000;
/// Refreshes of a run, about: more would measure the generator.
const REFRESHES: u64 = 20_000;
const TABS: (u64, u64) = (5, 20);
/// A request takes a server some fractions of a millisecond up to a few: cut there, some are acted upon and some are not.
const CUT_AFTER_US: (u64, u64) = (0, 4_000);
const AWAY_US: (u64, u64) = (1_000_000, 60_000_000);

pub(super) fn fans(knobs: &Knobs) -> usize {
    usize::try_from(knobs.fans()).expect("limited by the knob")
}

pub(super) fn plan(scenario: &str, knobs: &Knobs, sales: Vec<SalePlan>, fans: Vec<FanPlan>) -> Plan {
    let (seed, shape) = (knobs.seed(), Shape::from(knobs));
    Plan { scenario: scenario.into(), seed, shape, surge_us: None, sales, fans }
}

/// From the doors to the end of the steady phase.
pub(super) fn active_us(shape: Shape) -> u64 {
    shape.ramp_up_us + shape.steady_us
}

/// The knob's rate, or less, so that a line of so many people lasts so long.
pub(super) fn lasting_rate(knobs: &Knobs, people: usize, lasts_us: u64) -> u64 {
    let rate = (people as u64).saturating_mul(60_000_000) / lasts_us.max(1);
    knobs.admit_per_minute().min(rate.max(1))
}

/// A person who comes within `within` (from, and for how long), takes a ticket, and thinks before paying.
pub(super) fn person(seed: u64, number: usize, population: &'static str, within: (u64, u64)) -> FanPlan {
    let owner = number as u64;
    let arrival_us = within.0 + Dice::new(seed, owner, Purpose::Arrival).below(within.1.max(1));
    let think_us = Dice::new(seed, owner, Purpose::Think).between(THINK_US.0, THINK_US.1);
    FanPlan { population, sale: 0, arrival_us, wants: 1, think_us, habits: Habits::default() }
}

/// Up to four times within `within_us` of its join, with 5 to 20 tabs each.
pub(super) fn refreshes(seed: u64, number: usize, fans: usize, within_us: u64) -> Vec<Pastime> {
    let mut dice = Dice::new(seed, number as u64, Purpose::Rejoin);
    let times = (REFRESHES / (12 * fans as u64).max(1)).clamp(1, 4);
    let mut refreshes: Vec<Pastime> = (0..times)
        .map(|_| {
            let after_us = dice.below(within_us.max(1));
            let tabs = u8::try_from(dice.between(TABS.0, TABS.1)).expect("at most twenty");
            Pastime { after_us, what: What::Refresh { tabs } }
        })
        .collect();
    refreshes.sort_by_key(|pastime| pastime.after_us);
    refreshes
}

/// One to three times within `within_us` of its join; each time in one of the three ways.
pub(super) fn cuts(seed: u64, number: usize, within_us: u64) -> Vec<Pastime> {
    let mut dice = Dice::new(seed, number as u64, Purpose::Cut);
    let times = dice.between(1, 3);
    let mut cuts: Vec<Pastime> = (0..times)
        .map(|_| {
            let after_us = dice.below(within_us.max(1));
            Pastime { after_us, what: What::Cut(cut(&mut dice, within_us)) }
        })
        .collect();
    cuts.sort_by_key(|pastime| pastime.after_us);
    cuts
}

fn cut(dice: &mut Dice, within_us: u64) -> Cut {
    let when = match dice.below(3) {
        0 => CutWhen::Before,
        1 => CutWhen::During { after_us: dice.between(CUT_AFTER_US.0, CUT_AFTER_US.1) },
        _ => CutWhen::After,
    };
    Cut { when, away_us: away_us(dice, within_us) }
}

/// Lost while its join is under way.
pub(super) fn cut_join(seed: u64, number: usize, within_us: u64) -> Cut {
    let mut dice = Dice::new(seed, number as u64, Purpose::CutJoin);
    let when = CutWhen::During { after_us: dice.between(CUT_AFTER_US.0, CUT_AFTER_US.1) };
    Cut { when, away_us: away_us(&mut dice, within_us) }
}

/// At most half of what there is time for.
fn away_us(dice: &mut Dice, within_us: u64) -> u64 {
    dice.between(AWAY_US.0, AWAY_US.1.min(within_us / 2).max(AWAY_US.0))
}

/// Fewer samples than this are all there will be.
pub(super) fn samples(most: usize) -> usize {
    most.clamp(1, 30)
}

/// So many people must be called in the run for a threshold on purchases to block: a drip of one a minute sells nothing.
const CALLS_ENOUGH: u64 = 5;

/// A threshold on what happens after the call blocks only where a server that keeps every promise calls people in time.
pub(super) fn unless_called(plan: &Plan) -> &'static str {
    let calls = plan.sales[0].admit_per_minute.saturating_mul(active_us(plan.shape)) / 60_000_000;
    if calls.min(plan.joiners()) >= CALLS_ENOUGH { "" } else { " advisory" }
}

/// What every sale owes its fans.
pub(super) fn usual_slos(plan: &Plan) -> Vec<String> {
    let joiners = usize::try_from(plan.joiners()).unwrap_or(usize::MAX);
    vec![
        format!("join p99 < 250ms min_samples={}", samples(joiners)),
        "http_req_failed rate < 1%".into(),
        format!("joins rate >= 99%{}", if plan.joiners() <= plan.sales[0].waiting_room_cap { "" } else { " advisory" }),
        "held_back rate < 1%".into(),
        format!("sold count > 0{}", unless_called(plan)),
    ]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::knobs::Origin;

    pub(crate) const SHORT: [(&str, &str); 4] =
        [("K6_VUS_MAX", "150"), ("K6_RAMP_UP", "2s"), ("K6_STEADY", "8s"), ("K6_RAMP_DOWN", "2s")];

    pub(crate) fn knobs(set: &[(&str, &str)]) -> Knobs {
        let mut knobs = Knobs::default();
        for (name, value) in set {
            knobs.set(name, value, Origin::Request).expect("a knob");
        }
        knobs
    }

    #[test]
    fn a_line_lasts_as_long_as_it_should_unless_the_knob_is_slower() {
        assert_eq!(lasting_rate(&knobs(&[]), 100, 10_000_000), 600);
        assert_eq!(lasting_rate(&knobs(&[("K6_ADMIT_PER_MIN", "60")]), 100, 10_000_000), 60);
        assert_eq!(lasting_rate(&knobs(&[]), 0, 10_000_000), 1);
    }

    #[test]
    fn pastimes_come_in_order_and_within_their_time() {
        for number in 0..50 {
            let (refreshes, cuts) = (refreshes(1, number, 150, 8_000_000), cuts(1, number, 8_000_000));
            assert!(!refreshes.is_empty() && !cuts.is_empty());
            for pastimes in [refreshes, cuts] {
                assert!(pastimes.windows(2).all(|pair| pair[0].after_us <= pair[1].after_us));
                assert!(pastimes.iter().all(|pastime| pastime.after_us < 8_000_000));
            }
            assert!((1_000_000..=4_000_000).contains(&cut_join(1, number, 8_000_000).away_us));
            assert_eq!(cut_join(1, number, 0).away_us, 1_000_000);
        }
    }
}
