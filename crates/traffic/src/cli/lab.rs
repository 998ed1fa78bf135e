//! The command line around load runs.

use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand};

use super::{Target, given};

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Do the load runs that are asked for at a server, one after another, until told to stop (SIGTERM or Ctrl-C)
    #[command(after_help = RUNNER_EXAMPLES)]
    Runner(Box<RunnerArgs>),
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
