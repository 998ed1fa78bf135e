//! The command line: subcommands, options and their help.

mod audit;
mod bench;
mod lab;
mod scan_verify;
mod sim;

use std::path::PathBuf;

use anyhow::bail;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use server::config::{DEV_ADMIN_KEY, Secret, Settings};

pub(crate) use self::audit::{AuditCommand, AuditVerifyArgs};
use self::bench::BENCH_EXAMPLES;
pub(crate) use self::bench::{BenchArgs, BenchBareArgs, Measure};
pub(crate) use self::lab::{CompareArgs, LabCommand, PlanArgs, ReplayArgs, ReportArgs, RunnerArgs};
use self::scan_verify::SCAN_VERIFY_EXAMPLES;
pub(crate) use self::scan_verify::ScanVerifyArgs;
use self::sim::SIM_EXAMPLES;
pub(crate) use self::sim::{KnobArgs, RunArgs, SimArgs};
use crate::telemetry;

const DEFAULT_BASE_URL: &str = "http://localhost:8080";

/// Sells tickets when far more people want them than there are seats, and proves that it does so fairly.
#[derive(Debug, Parser)]
#[command(name = "traffic", version, about, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// What to log, such as `info` or `warn,server=debug`
    #[arg(long, global = true, value_name = "FILTER", env = "TRAFFIC_LOG", default_value = "info",
        value_parser = telemetry::checked_filter, help_heading = "Logging")]
    pub(crate) log: String,
    /// How to log; auto is text on a terminal and JSON elsewhere
    #[arg(long, global = true, value_name = "FORMAT", default_value = "auto", help_heading = "Logging")]
    pub(crate) log_format: LogFormat,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  traffic serve --dev                     a server on http://localhost:8080, data in data/traffic.db
  traffic seed                            a new demo sale; prints SALE_ID=<id>
  traffic sim launch_spike --vus-max 200  200 fans rush the doors; PASS or FAIL with every count
  traffic assert-queue --sale <ID>        is the line of this sale in order, and every seat sold once?

`traffic <COMMAND> --help` shows the options of one command.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server until it is told to stop (SIGTERM or Ctrl-C)
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<ServeArgs>),
    /// Make a new demo sale on a running server and print SALE_ID=<id>
    Seed(SeedArgs),
    /// Check the order and the seats of one sale from its records; exit 1 on any violation
    AssertQueue(AssertQueueArgs),
    /// The record of what operators did
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Check tickets' codes at a door without a connection; exit 0 only if all are good
    #[command(after_help = SCAN_VERIFY_EXAMPLES)]
    ScanVerify(ScanVerifyArgs),
    /// Run a load scenario against a server and judge it
    #[command(after_help = SIM_EXAMPLES)]
    Sim(Box<SimArgs>),
    /// Around load runs: plans and reports, comparing two, replaying a trace, and who does them
    Lab {
        #[command(subcommand)]
        command: LabCommand,
    },
    /// Look at the machine before a sale and say what to do; exit 1 when something would stop it
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Box<DoctorArgs>),
    /// Ask a server whether it is ready; exit 0 if it is
    #[command(after_help = READY_EXAMPLES)]
    Ready(ReadyArgs),
    /// Bring the database to this version's schema and stop; or copy an installation from SQLite to PostgreSQL
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate(Box<MigrateArgs>),
    /// Print the description of the HTTP interface (OpenAPI, JSON)
    Openapi(OpenapiArgs),
    /// Measure the server beside a bare handler, and judge what a request costs; exit 1 on any missed goal
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(BenchArgs),
    /// The bare handler that `bench` measures against
    #[command(hide = true)]
    BenchBare(BenchBareArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Auto,
    Text,
    Json,
}

const SERVE_EXAMPLES: &str = "\
Settings: a flag wins over the environment variable, that over the config file, that over the default
(every setting with its default: traffic.default.toml). Prefer the environment or the file for secrets:
others on the machine can read flags.

Examples:
  traffic serve --dev
  traffic serve --dev --http-addr 127.0.0.1:9000 --database-url sqlite:///tmp/try.db
  JWT_SECRET=$(openssl rand -hex 32) ADMIN_API_KEY=$(openssl rand -hex 32) traffic serve";

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Settings in TOML, keys as in traffic.default.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

const DOCTOR_EXAMPLES: &str = "\
Takes the settings of `serve` and looks at what a server with them would use: settings, open files, address,
data folder, database, disk, clock. One line each: ok, warn or FAIL, what was found, and what to do.
It changes nothing, and may run beside a server. A large database takes as long as reading it once.

Examples:
  traffic doctor --dev
  traffic doctor --dev --settings
  JWT_SECRET=... ADMIN_API_KEY=... traffic doctor --database-url sqlite:///srv/traffic/traffic.db --json";

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(crate) json: bool,
    /// Print every setting first, with where it comes from; secrets are hidden
    #[arg(long)]
    pub(crate) settings: bool,
}

const MIGRATE_EXAMPLES: &str = "\
With --from everything is copied: accounts, sales, places in line, holds, orders, tickets, keys, the audit log. The server
of the source must be stopped, the target empty. It is one transaction: a copy that is broken off leaves nothing. Every
count is checked; the source stays as it is. More: docs/moving.md

Examples:
  traffic migrate --database-url sqlite://data/traffic.db
  traffic migrate --from sqlite://data/traffic.db --to postgres://traffic@db.example/traffic?sslmode=verify-full
  DATABASE_URL=postgres://traffic:...@db.example/traffic traffic migrate --from sqlite://data/traffic.db";

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    #[command(flatten)]
    pub(crate) serve: ServeArgs,
    /// Copy this installation: sqlite://PATH
    #[arg(long, value_name = "URL", conflicts_with = "database_url")]
    pub(crate) from: Option<String>,
    /// .. into this empty database: postgres://USER@HOST/DATABASE [env: DATABASE_URL]
    #[arg(long, value_name = "URL", requires = "from", value_parser = secret)]
    pub(crate) to: Option<Secret>,
}

/// A URL may hold a password: it is never printed.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

/// A running server, and the right to administer it.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// Address of the server [default: http://localhost:8080]
    #[arg(long, value_name = "URL", env = "BASE_URL")]
    base_url: Option<String>,
    /// The server's admin key [default on loopback: dev-admin-key]
    #[arg(long, value_name = "KEY", env = "ADMIN_API_KEY", hide_env_values = true)]
    admin_key: Option<String>,
}

impl Target {
    /// Without a slash at its end. An empty variable, as make passes it on, counts as not set.
    pub(crate) fn base_url(&self) -> &str {
        given(self.base_url.as_ref()).unwrap_or(DEFAULT_BASE_URL).trim_end_matches('/')
    }

    /// The known key is never sent to another machine.
    pub(crate) fn admin_key(&self) -> anyhow::Result<&str> {
        match given(self.admin_key.as_ref()) {
            Some(key) => Ok(key),
            None if is_loopback(self.base_url()) => Ok(DEV_ADMIN_KEY),
            None => bail!("{} is another machine: give its key with --admin-key or ADMIN_API_KEY", self.base_url()),
        }
    }
}

/// The nodes behind the server's address, where that is a balancer's.
#[derive(Debug, Args)]
pub(crate) struct Nodes {
    /// Address of a node behind the balancer, once for each, or all with commas between them: how many connections each has open tells
    /// whether those that were cut are closed
    #[arg(long = "metrics-url", value_name = "URL", env = "METRICS_URL", value_delimiter = ',')]
    metrics_url: Vec<String>,
}

impl Nodes {
    pub(crate) fn metrics_urls(&self) -> Vec<String> {
        let urls = self.metrics_url.iter().map(|url| url.trim().trim_end_matches('/').to_owned());
        urls.filter(|url| !url.is_empty()).collect()
    }
}

/// True for `localhost` and loopback addresses, whatever the scheme and port.
pub(crate) fn is_loopback(base_url: &str) -> bool {
    let authority = base_url.split_once("://").map_or(base_url, |(_, rest)| rest).split(['/', '?', '#']).next();
    // Whoever stands before an `@` is a user name made to look like a host.
    let host_port = authority.unwrap_or_default().rsplit('@').next().unwrap_or_default();
    let host = match host_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, _)) => v6,
        None => host_port.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

#[derive(Debug, Args)]
pub(crate) struct SeedArgs {
    #[command(flatten)]
    pub(crate) target: Target,
    /// Seats of the sale
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub(crate) total_seats: u32,
    /// People let in per minute
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub(crate) admit_per_minute: u32,
    /// Most people waiting at once
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub(crate) waiting_room_cap: u32,
}

#[derive(Debug, Args)]
pub(crate) struct AssertQueueArgs {
    /// The sale
    #[arg(long, value_name = "ID", env = "SALE_ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) sale: String,
    /// Read the records straight from this database (sqlite:// or postgres://) instead of asking a server; without URL
    /// it is the one in DATABASE_URL, where others on the machine cannot read its password
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    database_url: Option<String>,
    /// Print one JSON object instead of lines: each check with its count and every violation's examples
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

impl AssertQueueArgs {
    /// The database to read, if not a server. `env` looks a variable up.
    pub(crate) fn database_url(&self, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<String>> {
        match self.database_url.as_deref() {
            Some("") => match env("DATABASE_URL").filter(|url| !url.is_empty()) {
                Some(url) => Ok(Some(url)),
                None => bail!("--database-url: give a URL, or set DATABASE_URL"),
            },
            given => Ok(given.map(str::to_owned)),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct OpenapiArgs {
    /// Print it as the document docs/api.md
    #[arg(long)]
    pub(crate) markdown: bool,
}

const READY_EXAMPLES: &str = "\
For health checks of containers and scripts: exit 0 when it is ready, 1 when it is not or nobody answers.

Examples:
  traffic ready --base-url http://127.0.0.1:8080";

#[derive(Debug, Args)]
pub(crate) struct ReadyArgs {
    /// Address of the server [default: http://localhost:8080]
    #[arg(long, value_name = "URL", env = "BASE_URL")]
    base_url: Option<String>,
}

impl ReadyArgs {
    pub(crate) fn base_url(&self) -> &str {
        given(self.base_url.as_ref()).unwrap_or(DEFAULT_BASE_URL).trim_end_matches('/')
    }
}

#[cfg(test)]
mod tests;
