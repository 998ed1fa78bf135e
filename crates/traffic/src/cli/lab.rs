//! The command line around load runs: plans before them, reports after them, and who does them.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};

use super::{KnobArgs, Nodes, RunArgs, Target, given};

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// List the scenarios: name, what it stands for; a tab between them
    Scenarios,
    /// Show what a scenario would do with these knobs, without doing it
    #[command(after_help = PLAN_EXAMPLES)]
    Plan(PlanArgs),
    /// Show the report of a run again: as text, or as one HTML file
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Put two runs side by side; better or worse is only said of like for like
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArgs),
    /// Run with the arrivals of a trace: so many people each second, as somewhere they once came
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(Box<ReplayArgs>),
    /// Do the load runs that are asked for at a server, one after another, until told to stop (SIGTERM or Ctrl-C)
    #[command(after_help = RUNNER_EXAMPLES)]
    Runner(Box<RunnerArgs>),
}

const PLAN_EXAMPLES: &str = "\
Nothing is sent anywhere. Exit code 104 where there is no such plan.

Examples:
  traffic lab plan launch_spike --vus-max 2000 --admit-per-min 12000";

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Which scenario
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: String,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) knobs: KnobArgs,
}

const REPORT_EXAMPLES: &str = "\
The verdict in the report is not the exit code here: 0 when it could be read, 104 when it is no report.

Examples:
  traffic lab report data/runs/RUN.json                    the table, as after the run
  traffic lab report data/runs/RUN.json --html             RUN.html beside it
  traffic lab report data/runs/RUN.json --html out.html    `-` is standard output";

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// A report that a run wrote (`<run>.json`)
    #[arg(value_name = "RUN.json")]
    pub(crate) report: PathBuf,
    /// Write one HTML file, which needs nothing else
    #[arg(long, value_name = "OUT", num_args = 0..=1)]
    pub(crate) html: Option<Option<PathBuf>>,
}

const COMPARE_EXAMPLES: &str = "\
Like for like: the same plan, the same machine, a server with the same settings; its version may differ. Exit code 0 when
nothing is worse, 99 when something is, 98 when the two are not like for like, 104 when one is no report.

Examples:
  traffic lab compare data/runs/BEFORE.json data/runs/AFTER.json";

#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// The report of the run before
    #[arg(value_name = "A.json")]
    pub(crate) a: PathBuf,
    /// The report of the run after
    #[arg(value_name = "B.json")]
    pub(crate) b: PathBuf,
}

const REPLAY_EXAMPLES: &str = "\
The file is JSON: docs/load-lab.md. Whoever comes joins, waits, buys and leaves as in launch_spike; the trace takes the place
of K6_RAMP_UP, and K6_VUS_MAX scales it. Verdicts and exit codes are those of `traffic sim`.

Examples:
  traffic lab replay examples/festival-trace.json
  traffic lab replay examples/festival-trace.json --vus-max 5000 --total-seats 900";

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// Arrivals over time
    #[arg(value_name = "TRACE.json")]
    pub(crate) trace: PathBuf,
    /// Show the plan and run nothing
    #[arg(long)]
    pub(crate) plan: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

const RUNNER_EXAMPLES: &str = "\
A server with the lab on in development keeps a runner of its own; elsewhere start one where there are cores to spare, and give
the server and it the same RUNNER_KEY. It needs the admin key too: runs make sales and accounts. More: docs/runner.md

Examples:
  RUNNER_KEY=... ADMIN_API_KEY=... traffic lab runner --base-url http://10.0.0.5:8080 --remote";

#[derive(Debug, Args)]
pub(crate) struct RunnerArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    #[command(flatten)]
    pub(crate) nodes: Nodes,
    /// The server's RUNNER_KEY; without it the admin key is shown
    #[arg(long, value_name = "KEY", env = "RUNNER_KEY", hide_env_values = true)]
    runner_key: Option<String>,
    /// What it is called at the server, where a runner of that name has one run at most [default: one that no other has]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Keep reports and histories in this folder too, besides handing them to the server
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Allow a target that is not this machine
    #[arg(long)]
    pub(crate) remote: bool,
    /// Judge order, seats and money only: for machines too busy or too small for the times
    #[arg(long, env = "LOADTEST_NO_TIME_LIMITS", value_parser = FalseyValueParser::new())]
    pub(crate) no_time_limits: bool,
    /// End when standard input does
    #[arg(long, hide = true)]
    pub(crate) with_parent: bool,
}

impl RunnerArgs {
    pub(crate) fn runner_key(&self) -> Option<&str> {
        given(self.runner_key.as_ref())
    }

    pub(crate) fn name(&self) -> Option<&str> {
        given(self.name.as_ref())
    }
}
