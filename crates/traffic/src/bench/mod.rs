//! `traffic bench`: what the product costs beside a bare axum handler, judged by the server's CPU time for one request.
//!
//! The servers are processes of their own on loopback; this process is the load generator. Limits are on, and any answer
//! that is not 2xx ends the run.

mod answer;
pub(crate) mod bare;
mod cluster;
mod generator;
mod goals;
mod join;
mod line;
mod organiser;
mod paced;
mod postgres;
mod program;
mod redis;
mod report;
mod requests;
mod sample;
mod shop;
mod shuffle;
mod slow;
mod status;
mod storm;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use server::app::Ids as _;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use self::generator::Connections;
use self::organiser::WARM_PATH;
use self::postgres::Postgres;
use self::program::{Engine, Program};
use self::report::Report;
use self::requests::Requests;
use self::sample::{Pair, Sample};
use crate::cli::{BenchArgs, Measure};
use crate::{EXIT_FAILED, real, signals};

/// How much is sent and how often.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    rounds: usize,
    /// Fans who poll, and fans who join in one round of the short line.
    sessions: usize,
    /// Polls of each of them in one round.
    polls: usize,
    /// People in the long line.
    line: usize,
    /// Who joins it in one round, once it is that long.
    late: usize,
    /// Fans of each kind who shop in one round.
    shoppers: usize,
    /// Requests to the bare handler in one round.
    bare: usize,
    /// Starts of a server with the long line.
    restarts: usize,
    /// For how long batches of one size are written.
    batches: Duration,
    /// Joins that a script in Redis is asked for.
    redis_joins: usize,
    /// Connections that are slow at the same time.
    slow: usize,
    /// How long others go on beside a trouble.
    trouble_window: Duration,
}

/// Long enough for steady figures, short enough for all of them in some minutes.
const FULL: Sizes = Sizes {
    rounds: 7,
    sessions: 10_000,
    polls: 5,
    line: 1_000_000,
    late: 30_000,
    shoppers: 2_000,
    bare: 50_000,
    restarts: 3,
    batches: Duration::from_secs(3),
    redis_joins: 200_000,
    slow: 5_000,
    trouble_window: Duration::from_secs(10),
};

/// Everything once or twice and small: proves that it runs, says nothing about time.
const SHORT: Sizes = Sizes {
    rounds: 2,
    sessions: 300,
    polls: 2,
    line: 3_000,
    late: 300,
    shoppers: 50,
    bare: 500,
    restarts: 2,
    batches: Duration::from_millis(50),
    redis_joins: 2_000,
    slow: 200,
    trouble_window: Duration::from_millis(500),
};

/// What every measure needs.
struct Bench {
    sizes: Sizes,
    seed: u64,
    clock: real::SystemClock,
    /// The servers' secret, so that sessions can be signed here.
    secret: String,
    folder: TempDir,
    /// Where there is none, `cluster` is left out.
    postgres: Option<Postgres>,
    /// Set by a signal: the servers are ended and the folder is removed, as after any failure.
    stop: Arc<AtomicBool>,
}

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let mut sizes = if args.short { SHORT } else { FULL };
    sizes.rounds = args.rounds.map_or(sizes.rounds, usize::from);
    real::raise_open_files();
    let secret = real::SystemIds.secret().iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = tempfile::Builder::new().prefix("traffic-bench-").tempdir().context("making a temporary folder")?;
    let (stop, _signals) = stop_by_signal()?;
    let postgres = args.postgres().map(|(url, pid)| Postgres::new(url, pid)).transpose()?;
    ensure!(postgres.is_some() || !args.is_named(Measure::Cluster), "{}", cluster::NEEDS);
    let clock = real::SystemClock::start();
    let bench = Bench { sizes, seed: args.seed, clock, secret, folder, postgres, stop };
    let mut report = Report::default();
    for measure in args.measures() {
        let (name, work): (_, fn(&Bench, &mut Report) -> anyhow::Result<()>) = match measure {
            Measure::Status => ("status", status::measure),
            Measure::Join => ("join", join::measure),
            Measure::Line => ("line", line::measure),
            Measure::Shop => ("shop", shop::measure),
            Measure::Slow => ("slow", slow::measure),
            Measure::Storm => ("storm", storm::measure),
            Measure::Cluster => ("cluster", cluster::measure),
        };
        work(&bench, &mut report).with_context(|| format!("measuring {name}"))?;
    }
    if let Some(path) = &args.out {
        let text = serde_json::to_string_pretty(&report.json(!args.short))?;
        std::fs::write(path, text + "\n").with_context(|| format!("--out {}", path.display()))?;
    }
    if args.short {
        println!("everything ran and every answer was 2xx; a short run judges no times");
        return Ok(ExitCode::SUCCESS);
    }
    report.print_goals();
    Ok(if report.all_met() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) })
}

/// Turns true at SIGTERM or Ctrl-C, as long as the runtime lives that listens for them.
fn stop_by_signal() -> anyhow::Result<(Arc<AtomicBool>, Runtime)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stop = Arc::new(AtomicBool::new(false));
    let (asked, stopping) = (runtime.block_on(async { signals::shutdown() })?, Arc::clone(&stop));
    runtime.spawn(async move {
        let mut asked = asked;
        drop(asked.wait_for(|asked| *asked).await);
        stopping.store(true, Ordering::Relaxed);
    });
    Ok((stop, runtime))
}

impl Bench {
    /// A new folder for one server.
    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        Ok(folder)
    }

    fn product(&self, name: &str) -> anyhow::Result<Program> {
        Ok(self.start(&self.folder(name)?)?.0)
    }

    /// The product on a folder that may hold data, and how long it took to be ready.
    fn start(&self, folder: &Path) -> anyhow::Result<(Program, Duration)> {
        let file = format!("sqlite://{}", folder.join("traffic.db").display());
        self.start_on(folder, &Engine { database_url: &file, redis_url: None })
    }

    fn start_on(&self, folder: &Path, engine: &Engine<'_>) -> anyhow::Result<(Program, Duration)> {
        Program::product(folder, engine, &self.secret, &self.clock, &self.stop)
    }

    fn bare(&self, body_bytes: usize) -> anyhow::Result<Program> {
        Program::bare(body_bytes, self.folder.path(), &self.clock, &self.stop)
    }

    /// One window of the bare handler beside one of the product.
    fn pair(
        &self,
        round: usize,
        bare: &Program,
        connections: usize,
        product: impl FnOnce() -> anyhow::Result<Sample>,
    ) -> anyhow::Result<Pair> {
        let yardstick = || {
            let mut open = Connections::open(&bare.target, connections, bare::PATH)?;
            let requests = Requests::bare();
            Sample::take(bare, &mut open, &requests, self.sizes.bare, &self.clock, |_, _| Ok(()))
        };
        Pair::take(round, yardstick, product)
    }

    /// One window of the product: all requests, `times` each; `keep` gets the number, status and body of each answer.
    fn window(
        &self,
        program: &Program,
        connections: usize,
        requests: &Requests,
        times: usize,
        mut keep: impl FnMut(usize, u16, &[u8]),
    ) -> anyhow::Result<Sample> {
        let mut open = Connections::open(&program.target, connections, WARM_PATH)?;
        Sample::take(program, &mut open, requests, requests.len() * times, &self.clock, |number, answer| {
            keep(number, answer.status, answer.body);
            Ok(())
        })
    }

    fn go_on(&self) -> anyhow::Result<()> {
        ensure!(!self.stop.load(Ordering::Relaxed), "stopped before the end");
        Ok(())
    }

    /// Some time in which a server does what it puts off.
    fn rest(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
