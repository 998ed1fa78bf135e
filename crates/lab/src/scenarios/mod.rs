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
    /// False for those that come with a later issue.
    pub ready: bool,
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

const fn info(name: &'static str, stands_for: &'static str, ready: bool) -> ScenarioInfo {
    ScenarioInfo { name, stands_for, ready }
}

const INFOS: [ScenarioInfo; 10] = [
    info("launch_spike", "site crash at sale open", true),
    info("backdoor_race", "direct API calls skip the queue", true),
    info("queue_fairness", "late users ahead", true),
    info("late_surge", "late users ahead", true),
    info("second_sale_regression", "second show mixes up the order", true),
    info("bot_checkout", "bots buy it out", true),
    info("scalper_network", "account farms, resale", true),
    info("refresh_storm", "refresh loses the place", true),
    info("reconnect_churn", "losing connection loses the place", true),
    info("mixed_realistic", "a normal big sale", true),
];

/// All scenarios, those that come later included.
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
    fn every_ready_scenario_can_be_planned_and_its_thresholds_parse() {
        for info in list().iter().filter(|info| info.ready) {
            let scenario = find(info.name).expect("ready");
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
