//! The scenarios: each is one file with a plan and thresholds; the engine does the rest.

mod launch_spike;

use crate::LabError;
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

pub(crate) struct Scenario {
    pub(crate) plan: fn(&Knobs) -> Plan,
    /// Thresholds in k6's manner. The last argument: whether the run makes its own sale.
    pub(crate) slos: fn(&Knobs, &Plan, bool) -> Vec<String>,
}

/// A plan with its thresholds, wherever they come from.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) slos: Vec<String>,
}

const fn info(name: &'static str, stands_for: &'static str, ready: bool) -> ScenarioInfo {
    ScenarioInfo { name, stands_for, ready }
}

const INFOS: [ScenarioInfo; 10] = [
    info("launch_spike", "site crash at sale open", true),
    info("backdoor_race", "direct API calls skip the queue", false),
    info("queue_fairness", "late users ahead", false),
    info("late_surge", "late users ahead", false),
    info("second_sale_regression", "second show mixes up the order", false),
    info("bot_checkout", "bots buy it out", false),
    info("scalper_network", "account farms, resale", false),
    info("refresh_storm", "refresh loses the place", false),
    info("reconnect_churn", "losing connection loses the place", false),
    info("mixed_realistic", "a normal big sale", false),
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
        _ if INFOS.iter().any(|info| info.name == name) => Err(LabError::BadPlan(format!(
            "scenario {name} is planned and comes with a later version; launch_spike is ready"
        ))),
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
                    Slo::parse(&line).unwrap_or_else(|why| panic!("{why}"));
                }
            }
        }
    }

    #[test]
    fn what_is_not_ready_says_so_and_a_typo_gets_a_suggestion() {
        let refused = |name| find(name).err().expect("refused");
        assert!(refused("refresh_storm").to_string().contains("later"));
        assert_eq!(refused("refresh_storm").exit_code(), 104);
        assert_eq!(refused("launch_spke").to_string(), "there is no scenario launch_spke; did you mean launch_spike?");
    }
}
