//! The command line of the benchmark.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(super) const BENCH_EXAMPLES: &str = "\
What is measured and how: docs/benchmarks.md. Times mean something on a release build and a quiet machine only.

Examples:
  traffic bench                                   everything; some minutes
  traffic bench --only status,join --rounds 3     a quick look
  traffic bench --short                           small, judges nothing: does it all still run?
  scripts/bench.sh --only cluster                 beside a PostgreSQL server of its own";

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Measure these only
    #[arg(long, value_name = "NAMES", value_enum, value_delimiter = ',')]
    only: Vec<Measure>,
    /// Pairs of windows for each measure [default: 7]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) rounds: Option<u16>,
    /// The same seed shuffles in the same way
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Run everything small and judge nothing
    #[arg(long)]
    pub(crate) short: bool,
    /// Also write what was found as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// A PostgreSQL server for nothing else, for `cluster`, which makes databases in it; scripts/bench.sh starts one
    #[arg(long, value_name = "URL", requires = "postgres_pid")]
    postgres: Option<String>,
    /// The first of its processes; CPU time is read of it and its children
    #[arg(long, value_name = "PID", requires = "postgres")]
    postgres_pid: Option<u32>,
}

impl BenchArgs {
    /// The server for `cluster`, and its first process.
    pub(crate) fn postgres(&self) -> Option<(&str, u32)> {
        self.postgres.as_deref().zip(self.postgres_pid)
    }

    /// Asked for by its name, and not with everything else.
    pub(crate) fn is_named(&self, measure: Measure) -> bool {
        self.only.contains(&measure)
    }

    /// Each once, in the order in which they are done.
    pub(crate) fn measures(&self) -> impl Iterator<Item = Measure> {
        Measure::value_variants().iter().copied().filter(|one| self.only.is_empty() || self.only.contains(one))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Polls of 10,000 fans who wait
    Status,
    /// First joins of a line of up to 10,000
    Join,
    /// A line of 1,000,000: memory, restart, first joins
    Line,
    /// Holds and checkouts
    Shop,
    /// Polls beside 5,000 connections that are slow
    Slow,
    /// Polls and joins in a storm of logins
    Storm,
    /// The same on PostgreSQL, with Redis and without
    Cluster,
}

#[derive(Debug, Args)]
pub(crate) struct BenchBareArgs {
    #[arg(long)]
    pub(crate) addr: SocketAddr,
    /// Of every answer's body
    #[arg(long)]
    pub(crate) bytes: usize,
}
