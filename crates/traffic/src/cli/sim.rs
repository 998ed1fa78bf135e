//! The command line of a load run: what to run, how often, against what, in which shape.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Args;

use super::{Nodes, Target, given};

/// A thousand runs of a minute are a night.
const REPEATS: RangeInclusive<u32> = 1..=1_000;

pub(super) const SIM_EXAMPLES: &str = "\
Verdicts and exit codes: PASS 0, FAIL 99, INVALID 98 (the measurement cannot be trusted), ABORTED 105,
a plan that cannot be run 104. Of several runs the worst counts: FAIL, then INVALID, then ABORTED. Without SCENARIO the ten scenarios are listed, with exit code 2.
With no server at the base URL, a private one is started for the run.

Examples:
  traffic sim launch_spike
  traffic sim launch_spike --vus-max 200 --steady 20s
  traffic sim launch_spike --repeat 10
  K6_VUS_MAX=200 K6_STEADY=20s traffic sim launch_spike --base-url http://127.0.0.1:9000";

#[derive(Debug, Args)]
pub(crate) struct SimArgs {
    /// Which scenario; without it they are listed
    #[arg(value_name = "SCENARIO")]
    scenario: Option<String>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

impl SimArgs {
    pub(crate) fn scenario(&self) -> Option<&str> {
        given(self.scenario.as_ref())
    }
}

/// How a run is made, whatever its plan comes from.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) nodes: Nodes,
    /// Folder for the report and the history
    #[arg(long, value_name = "DIR", default_value = "data/runs")]
    pub(crate) out: PathBuf,
    /// Allow a target that is not this machine
    #[arg(long)]
    pub(crate) remote: bool,
    /// Judge order, seats and money only: for machines too busy or too small for the times
    #[arg(long)]
    pub(crate) no_time_limits: bool,
    /// Run it so many times, 1 to 1000; one table at the end, and the exit code of the worst [env: REPEAT] [default: 1]
    #[arg(long, value_name = "N")]
    repeat: Option<String>,
    /// Each repeat takes the next seed; without it all take the same [env: VARY_SEED=1]
    #[arg(long)]
    vary_seed: bool,
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}

impl RunArgs {
    /// How many times. `env` looks a variable up.
    pub(crate) fn repeat(&self, env: impl Fn(&str) -> Option<String>) -> Result<u32, String> {
        let Some(text) = self.repeat.clone().or_else(|| env("REPEAT")).filter(|text| !text.is_empty()) else {
            return Ok(1);
        };
        let number = text.trim().parse().ok().filter(|number| REPEATS.contains(number));
        number.ok_or(format!("REPEAT: \"{text}\" is no whole number from {} to {}", REPEATS.start(), REPEATS.end()))
    }

    pub(crate) fn varies_seed(&self, env: impl Fn(&str) -> Option<String>) -> bool {
        self.vary_seed || env("VARY_SEED").is_some_and(|value| !matches!(&*value, "" | "0"))
    }
}

/// The shape of a load run; texts, because the lab parses and refuses them by name.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Shape of the run")]
pub(crate) struct KnobArgs {
    /// Number of different fans [env: K6_VUS_MAX] [default: 500]
    #[arg(long, value_name = "N")]
    vus_max: Option<String>,
    /// Time over which fans arrive, `10s` or seconds [env: K6_RAMP_UP] [default: 10s]
    #[arg(long, value_name = "TIME")]
    ramp_up: Option<String>,
    /// Time in line and in the shop [env: K6_STEADY] [default: 30s]
    #[arg(long, value_name = "TIME")]
    steady: Option<String>,
    /// Time for journeys under way to end [env: K6_RAMP_DOWN] [default: 10s]
    #[arg(long, value_name = "TIME")]
    ramp_down: Option<String>,
    /// People let in per minute [env: K6_ADMIT_PER_MIN] [default: 6000]
    #[arg(long, value_name = "N")]
    admit_per_min: Option<String>,
    /// Most people waiting at once [env: K6_WAITING_ROOM_CAP] [default: 100000]
    #[arg(long, value_name = "N")]
    waiting_room_cap: Option<String>,
    /// Seats of the sale that the run makes [env: K6_TOTAL_SEATS] [default: 500]
    #[arg(long, value_name = "N")]
    total_seats: Option<String>,
    /// The same seed gives the same run [env: SEED]
    #[arg(long, value_name = "N")]
    seed: Option<String>,
    /// Use this open sale instead of making one [env: SALE_ID]
    #[arg(long, value_name = "ID")]
    sale_id: Option<String>,
}

/// One knob that was set, and whether by a flag; else it was the environment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GivenKnob {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) by_flag: bool,
}

impl KnobArgs {
    /// What was set, flags over the environment. `env` looks a variable up.
    pub(crate) fn given(&self, env: impl Fn(&str) -> Option<String>) -> Vec<GivenKnob> {
        let flags = [
            ("K6_VUS_MAX", &self.vus_max),
            ("K6_RAMP_UP", &self.ramp_up),
            ("K6_STEADY", &self.steady),
            ("K6_RAMP_DOWN", &self.ramp_down),
            ("K6_ADMIT_PER_MIN", &self.admit_per_min),
            ("K6_WAITING_ROOM_CAP", &self.waiting_room_cap),
            ("K6_TOTAL_SEATS", &self.total_seats),
            ("SEED", &self.seed),
            ("SALE_ID", &self.sale_id),
        ];
        let known = |(name, flag): (&'static str, &Option<String>)| {
            let value = flag.clone().or_else(|| env(name)).filter(|value| !value.is_empty())?;
            Some(GivenKnob { name, value, by_flag: flag.is_some() })
        };
        flags.into_iter().filter_map(known).collect()
    }
}
