//! What a plan holds, in figures that people can read: for the report, and for looking at a plan without running it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::LabError;
use crate::knobs::{Knobs, Origin};
use crate::plan::{Habits, Plan, SalePlan, What};
use crate::scenarios;
use crate::slo::Slo;

/// More bars than this wrap in a terminal.
const SPARK_WIDTH: usize = 72;

/// The figures of a plan; part of a report's JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PlanFacts {
    /// False where the run came to a sale that was there.
    pub(crate) own_sale: bool,
    pub(crate) fans: u64,
    /// Fans who do alike, by name.
    pub(crate) populations: Vec<(String, u64)>,
    /// Tickets that all fans together want.
    pub(crate) wanted: u64,
    /// Fans by what they do besides the plain journey; one fan may be in several.
    pub(crate) habits: Vec<(String, u64)>,
    pub(crate) ramp_up_ms: u64,
    pub(crate) steady_ms: u64,
    pub(crate) ramp_down_ms: u64,
    /// One for each second from the doors on.
    pub(crate) arrivals_per_sec: Vec<u64>,
    pub(crate) sales: Vec<SaleTerms>,
}

/// The terms of a sale that the run makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SaleTerms {
    /// After the first doors.
    pub(crate) opens_after_ms: u64,
    pub(crate) total_seats: u64,
    pub(crate) admit_per_minute: u64,
    pub(crate) waiting_room_cap: u64,
    pub(crate) max_tickets_per_user: u64,
    /// Of accounts that share a card or a network; 0: no such cap.
    pub(crate) max_tickets_per_cluster: u64,
    /// People inside or called at once; 0: no limit.
    pub(crate) max_active: u64,
    pub(crate) hold_ttl_sec: u64,
}

impl SaleTerms {
    /// What most sales do not have.
    fn rest(&self) -> String {
        let mut rest = String::new();
        let mut say = |amount: u64, what: String| {
            if amount > 0 {
                rest.push_str(", ");
                rest.push_str(&what);
            }
        };
        say(self.max_tickets_per_cluster, format!("{} tickets of one card or network", self.max_tickets_per_cluster));
        say(self.max_active, format!("{} inside at once", self.max_active));
        say(self.opens_after_ms, format!("opens {} s after the first", self.opens_after_ms as f64 / 1_000.0));
        rest
    }

    fn of(plan: &SalePlan) -> Self {
        SaleTerms {
            opens_after_ms: plan.opens_after_us / 1_000,
            total_seats: plan.total_seats,
            admit_per_minute: plan.admit_per_minute,
            waiting_room_cap: plan.waiting_room_cap,
            max_tickets_per_user: plan.max_tickets_per_user,
            max_tickets_per_cluster: plan.max_tickets_per_cluster,
            max_active: plan.max_active,
            hold_ttl_sec: plan.hold_ttl_sec,
        }
    }
}

impl PlanFacts {
    pub(crate) fn of(plan: &Plan, own_sale: bool) -> Self {
        PlanFacts {
            own_sale,
            fans: plan.fans.len() as u64,
            wanted: plan.wanted(),
            habits: habits(plan),
            ramp_up_ms: plan.shape.ramp_up_us / 1_000,
            steady_ms: plan.shape.steady_us / 1_000,
            ramp_down_ms: plan.shape.ramp_down_us / 1_000,
            arrivals_per_sec: arrivals_per_sec(plan),
            populations: populations(plan),
            sales: plan.sales.iter().map(SaleTerms::of).collect(),
        }
    }
}

fn populations(plan: &Plan) -> Vec<(String, u64)> {
    let count = |name: &str| plan.fans.iter().filter(|fan| fan.population == name).count() as u64;
    plan.populations().into_iter().map(|name| (name.to_owned(), count(name))).collect()
}

/// What somebody does, and whether a fan does it.
type Habit = (&'static str, fn(&Habits) -> bool);

const HABITS: [Habit; 15] = [
    ("join again", |habits| does(habits, |what| matches!(what, What::Rejoin))),
    ("refresh several tabs at once", |habits| does(habits, |what| matches!(what, What::Refresh { .. }))),
    ("lose their connection", |habits| habits.cuts_join.is_some() || does(habits, |what| matches!(what, What::Cut(_)))),
    ("join another sale too", |habits| does(habits, |what| matches!(what, What::Visit { .. }))),
    ("poll from a second connection", |habits| habits.second_connection),
    ("join when another has joined", |habits| habits.joins_after.is_some()),
    ("never come when they are called", |habits| habits.no_show),
    ("give up with seats in hand", |habits| habits.abandons.is_some()),
    ("repeat their checkout", |habits| habits.repeats_checkout),
    ("try to hand a ticket on", |habits| habits.tries_transfer),
    ("try a seat without admission", |habits| habits.tries_unadmitted),
    ("try more than the cap", |habits| habits.tries_over_cap),
    ("buy by script", |habits| habits.bot.is_some()),
    ("share a card and a network", |habits| habits.ring.is_some()),
    ("try ways around the line", |habits| habits.attacks.is_some()),
];

fn does(habits: &Habits, what: fn(&What) -> bool) -> bool {
    habits.while_waiting.iter().any(|pastime| what(&pastime.what))
}

fn habits(plan: &Plan) -> Vec<(String, u64)> {
    let count =
        |(name, has): &Habit| ((*name).to_owned(), plan.fans.iter().filter(|fan| has(&fan.habits)).count() as u64);
    HABITS.iter().map(count).filter(|(_, fans)| *fans > 0).collect()
}

fn arrivals_per_sec(plan: &Plan) -> Vec<u64> {
    let mut seconds = Vec::new();
    for fan in &plan.fans {
        let second = usize::try_from(fan.arrival_us / 1_000_000).expect("a run ends within a day or so");
        if seconds.len() <= second {
            seconds.resize(second + 1, 0);
        }
        seconds[second] += 1;
    }
    seconds
}

/// A plan that was made and not run.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    scenario: String,
    plan_sha256: String,
    seed: u64,
    plan: PlanFacts,
    slos: Vec<String>,
    knobs: Vec<(&'static str, String, Origin)>,
}

impl Preview {
    pub(crate) fn new(plan: &Plan, slos: Vec<String>, knobs: &Knobs, own_sale: bool) -> Self {
        Preview {
            scenario: plan.scenario.clone(),
            plan_sha256: plan.sha256(),
            seed: plan.seed,
            plan: PlanFacts::of(plan, own_sale),
            slos,
            knobs: knobs.listed(),
        }
    }

    /// SHA-256 of the plan, as the report of a run with it says it.
    pub fn plan_sha256(&self) -> &str {
        &self.plan_sha256
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a preview is numbers and text")
    }

    /// Text for a terminal.
    pub fn render(&self) -> String {
        let PlanFacts {
            fans,
            wanted,
            populations,
            ramp_up_ms,
            steady_ms,
            ramp_down_ms,
            arrivals_per_sec,
            sales,
            own_sale,
            ..
        } = &self.plan;
        let mut text = format!("{}  seed {}  plan {}\n", self.scenario, self.seed, self.plan_sha256);
        let mut line = |what: String| {
            // Writing into a `String` cannot fail.
            let _ = writeln!(text, "{what}");
        };
        line(format!("\nfans      {fans}, who want {wanted} tickets"));
        for (name, fans) in populations.iter().filter(|_| populations.len() > 1) {
            line(format!("          {fans} of population {name}"));
        }
        for (habit, fans) in &self.plan.habits {
            line(format!("          {fans} {habit}"));
        }
        let seconds = |ms: &u64| *ms as f64 / 1_000.0;
        line(format!(
            "shape     ramp up {} s, steady {} s, ramp down {} s",
            seconds(ramp_up_ms),
            seconds(steady_ms),
            seconds(ramp_down_ms)
        ));
        line(format!("arrivals  {}", sparkline(arrivals_per_sec, SPARK_WIDTH)));
        line(format!(
            "          {} s from the doors; {} a second at most",
            arrivals_per_sec.len(),
            arrivals_per_sec.iter().max().unwrap_or(&0)
        ));
        if !own_sale {
            line("sale      the one that is there, on its own terms".into());
        }
        for sale in sales.iter().filter(|_| *own_sale) {
            line(format!(
                "sale      {} seats, {} a minute let in, room for {}, {} tickets each, holds {} s{}",
                sale.total_seats,
                sale.admit_per_minute,
                sale.waiting_room_cap,
                sale.max_tickets_per_user,
                sale.hold_ttl_sec,
                sale.rest()
            ));
        }
        line("\nthresholds".into());
        self.slos.iter().for_each(|slo| line(format!("          {slo}")));
        line("\nknobs".into());
        for (name, value, origin) in &self.knobs {
            line(format!("          {name:<22} {value:<10} {origin}"));
        }
        text
    }
}

/// Makes the plan that a run with these knobs would have. `own_sale`: the run makes its sale, so its thresholds hold for that.
pub fn preview(scenario: &str, knobs: &Knobs, own_sale: bool) -> Result<Preview, LabError> {
    let scenario = scenarios::find(scenario)?;
    let plan = (scenario.plan)(knobs);
    scenario.check_sale(&plan, own_sale)?;
    let slos = (scenario.slos)(knobs, &plan, own_sale);
    let populations = plan.populations();
    slos.iter().try_for_each(|line| Slo::parse(line, &populations).map(drop)).map_err(LabError::BadPlan)?;
    Ok(Preview::new(&plan, slos, knobs, own_sale))
}

/// Values as bars of eighths; more than `width` are put together, and each bar shows its highest.
pub(crate) fn sparkline(values: &[u64], width: usize) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().max().copied().unwrap_or(0).max(1);
    let together = values.len().div_ceil(width.max(1)).max(1);
    let bar = |chunk: &[u64]| {
        let value = chunk.iter().max().copied().unwrap_or(0);
        // Rounded up: what is not nothing shows.
        let eighths = (u128::from(value) * 8).div_ceil(u128::from(most));
        BARS[usize::try_from(eighths).unwrap_or(8).min(8)]
    };
    values.chunks(together).map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_counts_every_fan_once_in_its_second() {
        let mut knobs = Knobs::default();
        knobs.set("K6_VUS_MAX", "200", Origin::Flag).expect("a knob");
        let preview = preview("launch_spike", &knobs, true).expect("a plan");
        assert_eq!(preview.plan.arrivals_per_sec.iter().sum::<u64>(), 200);
        assert!(preview.plan.arrivals_per_sec.len() <= 10, "arrivals end with the ramp");
        assert_eq!(preview.plan.sales[0].total_seats, 500);
        let text = preview.render();
        assert!(text.contains("fans      200, who want 500 tickets"), "{text}");
        assert!(text.contains("join p99 < 500ms") && text.contains(preview.plan_sha256()), "{text}");
        assert!(text.contains("K6_VUS_MAX             200        flag"), "{text}");
    }

    #[test]
    fn a_scenario_that_is_not_there_cannot_be_looked_at() {
        assert_eq!(preview("launch_spke", &Knobs::default(), true).expect_err("a typo").exit_code(), 104);
    }

    #[test]
    fn every_scenario_can_be_looked_at_with_all_its_fans_and_sales() {
        for info in scenarios::list() {
            let preview = preview(info.name, &Knobs::default(), true).expect("a plan");
            let PlanFacts { fans, populations, arrivals_per_sec, sales, .. } = &preview.plan;
            assert_eq!(populations.iter().map(|(_, fans)| fans).sum::<u64>(), *fans, "{}", info.name);
            assert_eq!(arrivals_per_sec.iter().sum::<u64>(), *fans, "{}", info.name);
            assert_eq!(preview.render().matches("\nsale ").count(), sales.len(), "{}", info.name);
        }
    }

    #[test]
    fn a_scenario_that_makes_its_own_sales_takes_no_other() {
        let refused = preview("second_sale_regression", &Knobs::default(), false).expect_err("refused");
        assert!(refused.to_string().contains("SALE_ID"), "{refused}");
    }

    #[test]
    fn bars_are_relative_to_the_highest_and_never_hide_anybody() {
        assert_eq!(sparkline(&[0, 1, 50, 100], 72), " ▁▄█");
        assert_eq!(sparkline(&[0, 0], 72), "  ");
        assert_eq!(sparkline(&[1, 8, 2, 4], 2), "█▄");
        assert_eq!(sparkline(&[], 72), "");
    }
}
