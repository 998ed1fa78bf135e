//! The scenarios: each is one file with a plan and thresholds; the engine does the rest.

mod backdoor_race;
mod bot_checkout;
mod late_surge;
mod launch_spike;
mod mixed_realistic;
mod parts;
mod queue_fairness;
mod reconnect_churn;
mod refresh_storm;
mod scalper_network;
mod second_sale_regression;

use crate::LabError;
use crate::check::OwnCheck;
use crate::knobs::Knobs;
use crate::names::closest;
use crate::plan::Plan;

/// What a spectator may know of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ScenarioInfo {
    pub name: &'static str,
    /// The failure in the world that it stands for.
    pub stands_for: &'static str,
    /// It makes its own sales: one that is there cannot be given.
    pub own_sale_only: bool,
}

#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    pub(crate) plan: fn(&Knobs) -> Plan,
    /// Thresholds in k6's manner. The last argument: whether the run makes its own sale.
    pub(crate) slos: fn(&Knobs, &Plan, bool) -> Vec<String>,
    /// What must be true besides the invariants of every run.
    pub(crate) checks: &'static [OwnCheck],
    /// Needs terms, doors or an empty line that a sale which is there may not have.
    pub(crate) own_sale_only: bool,
    /// Needs people who were let into another sale before.
    pub(crate) needs_elsewhere: bool,
}

impl Scenario {
    /// What is left out of a scenario has these values.
    const PLAIN: Scenario = Scenario {
        plan: launch_spike::plan,
        slos: launch_spike::slos,
        checks: &[],
        own_sale_only: false,
        needs_elsewhere: false,
    };
}

impl Scenario {
    /// Refuses a sale that is there where the plan needs its own.
    pub(crate) fn check_sale(&self, plan: &Plan, own_sale: bool) -> Result<(), LabError> {
        if self.own_sale_only && !own_sale {
            let why = format!("{} makes its own sales; SALE_ID cannot be given", plan.scenario);
            return Err(LabError::BadPlan(why));
        }
        Ok(())
    }
}

/// A plan with its thresholds, wherever they come from.
pub(crate) struct Planned {
    /// Whose checks judge it.
    pub(crate) scenario: Scenario,
    pub(crate) plan: Plan,
    pub(crate) slos: Vec<String>,
}

const fn info(name: &'static str, stands_for: &'static str, of: Scenario) -> ScenarioInfo {
    ScenarioInfo { name, stands_for, own_sale_only: of.own_sale_only }
}

const INFOS: [ScenarioInfo; 10] = [
    info("launch_spike", "site crash at sale open", launch_spike::SCENARIO),
    info("backdoor_race", "direct API calls skip the queue", backdoor_race::SCENARIO),
    info("queue_fairness", "late users ahead", queue_fairness::SCENARIO),
    info("late_surge", "late users ahead", late_surge::SCENARIO),
    info("second_sale_regression", "second show mixes up the order", second_sale_regression::SCENARIO),
    info("bot_checkout", "bots buy it out", bot_checkout::SCENARIO),
    info("scalper_network", "account farms, resale", scalper_network::SCENARIO),
    info("refresh_storm", "refresh loses the place", refresh_storm::SCENARIO),
    info("reconnect_churn", "losing connection loses the place", reconnect_churn::SCENARIO),
    info("mixed_realistic", "a normal big sale", mixed_realistic::SCENARIO),
];

/// All scenarios.
pub fn list() -> &'static [ScenarioInfo] {
    &INFOS
}

/// Refuses what cannot be run, before anything is started for it.
pub fn check(name: &str) -> Result<(), LabError> {
    find(name).map(drop)
}

pub(crate) fn find(name: &str) -> Result<Scenario, LabError> {
    match name {
        "launch_spike" => Ok(launch_spike::SCENARIO),
        "refresh_storm" => Ok(refresh_storm::SCENARIO),
        "second_sale_regression" => Ok(second_sale_regression::SCENARIO),
        "late_surge" => Ok(late_surge::SCENARIO),
        "queue_fairness" => Ok(queue_fairness::SCENARIO),
        "bot_checkout" => Ok(bot_checkout::SCENARIO),
        "scalper_network" => Ok(scalper_network::SCENARIO),
        "reconnect_churn" => Ok(reconnect_churn::SCENARIO),
        "backdoor_race" => Ok(backdoor_race::SCENARIO),
        "mixed_realistic" => Ok(mixed_realistic::SCENARIO),
        _ => {
            let near = closest(name, INFOS.iter().map(|info| info.name));
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            Err(LabError::BadPlan(format!("there is no scenario {name}{hint}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Slo;

    #[test]
    fn every_scenario_can_be_planned_and_its_thresholds_parse() {
        for info in list() {
            let scenario = find(info.name).expect("it is listed");
            let knobs = Knobs::default();
            let plan = (scenario.plan)(&knobs);
            assert_eq!(plan.scenario, info.name);
            for own in [true, false] {
                for line in (scenario.slos)(&knobs, &plan, own) {
                    Slo::parse(&line, &plan.populations()).unwrap_or_else(|why| panic!("{why}"));
                }
            }
        }
    }

    #[test]
    fn a_typo_gets_a_suggestion() {
        let refused = |name| find(name).err().expect("refused");
        assert_eq!(refused("launch_spke").to_string(), "there is no scenario launch_spke; did you mean launch_spike?");
        assert_eq!(refused("refresh_strom").exit_code(), 104);
    }
}
