//! `traffic sim`: runs a load scenario, once or several times, prints its table, answers with its exit code.

mod repeats;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use lab::{Knobs, LabError, Origin, ProgressMode, Report, RunOptions, Trace};

use self::repeats::Repeats;
use crate::cli::{KnobArgs, RunArgs, SimArgs, is_loopback};
use crate::private_server::PrivateServer;
use crate::runner::{Entered, Found};
use crate::{EXIT_FAILED, EXIT_USAGE, http, real, signals};

/// What this program was built from, where that is known.
pub(crate) const COMMIT: Option<&str> = option_env!("TRAFFIC_BUILT_FROM");

/// What a run's plan is made from.
pub(crate) enum Plan {
    Scenario(String),
    Trace(Trace),
}

pub(crate) fn run(args: &SimArgs) -> anyhow::Result<ExitCode> {
    let Some(scenario) = args.scenario() else {
        list_scenarios();
        return Ok(ExitCode::from(EXIT_USAGE));
    };
    judged(play(&args.run, &Plan::Scenario(scenario.to_owned())))
}

/// What the lab refuses has an exit code of its own.
pub(crate) fn judged(outcome: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    match outcome {
        Ok(code) => Ok(code),
        Err(error) => match error.downcast_ref::<LabError>() {
            Some(refused) => {
                eprintln!("error: {error:#}");
                Ok(ExitCode::from(refused.exit_code()))
            }
            None => Err(error),
        },
    }
}

fn list_scenarios() {
    eprintln!("Which scenario? traffic sim <SCENARIO>, or make sim SCENARIO=<SCENARIO>:\n");
    for info in lab::scenarios::list() {
        eprintln!("  {:<24} {}", info.name, info.stands_for);
    }
}

pub(crate) fn play(args: &RunArgs, plan: &Plan) -> anyhow::Result<ExitCode> {
    let (mut knobs, sale_id) = knobs(&args.knobs)?;
    let times = args.repeat(real::env).map_err(LabError::BadPlan)?;
    let varies_seed = args.varies_seed(real::env);
    let own_sale = sale_id.is_none();
    match plan {
        Plan::Scenario(name) => lab::scenarios::check(name)?,
        Plan::Trace(trace) => trace.preview(&knobs, own_sale).map(drop)?,
    }
    lab::check_target(args.target.base_url(), args.remote)?;
    real::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = private_server(args).await?;
        let base_url = server.as_ref().map_or_else(|| args.target.base_url(), |server| server.base_url.as_str());
        let (stop, stopped) = signals::shutdown_too()?;
        let mut options = RunOptions {
            scenario: match plan {
                Plan::Scenario(name) => name.clone(),
                Plan::Trace(_) => Trace::SCENARIO.to_owned(),
            },
            knobs: knobs.clone(),
            base_url: base_url.to_owned(),
            admin_key: match &server {
                Some(_) => server::config::DEV_ADMIN_KEY.to_owned(),
                None => args.target.admin_key()?.to_owned(),
            },
            metrics_urls: if server.is_some() { vec![] } else { args.nodes.metrics_urls() },
            remote: args.remote,
            out_dir: args.out.clone(),
            judge_times: !args.no_time_limits,
            progress: if std::io::stderr().is_terminal() { ProgressMode::Line } else { ProgressMode::PerSecond },
            sale_id,
            thresholds: Vec::new(),
            commit: COMMIT.map(str::to_owned),
            stop: stopped,
        };
        let shown = options.progress.clone();
        let mut repeats = Repeats::default();
        for number in 1..=times {
            if number > 1 && varies_seed {
                next_seed(&mut knobs)?;
                options.knobs = knobs.clone();
            }
            // A server that is there for this run alone has no list that anybody reads, and its list has no traces.
            let listed = server.is_none() && matches!(plan, Plan::Scenario(_));
            let entered = if listed { Entered::begin(&options, stop.clone()).await } else { None };
            options.progress = entered.as_ref().map_or_else(|| shown.clone(), |entered| entered.watched(shown.clone()));
            let done = match plan {
                Plan::Scenario(_) => lab::run(&options).await,
                Plan::Trace(trace) => lab::replay(&options, trace).await,
            };
            if let Some(entered) = entered {
                entered.finish(&Found::from(&done)).await;
            }
            let report = done?;
            let code = told(&report, times == 1, number);
            repeats.add(&report, code);
            if *options.stop.borrow() {
                break;
            }
        }
        if times > 1 {
            print!("{}", repeats.render());
        }
        Ok(ExitCode::from(repeats.exit_code()))
    })
}

/// Prints a run: whole, or as a line where it is one of several. Its exit code.
fn told(report: &Report, whole: bool, number: u32) -> u8 {
    if whole {
        print!("{}", report.render_table());
        report.files().iter().for_each(|file| println!("{}", file.display()));
    } else {
        println!("run {number}: {}: {}", report.verdict(), report.reason());
        report.files().last().iter().for_each(|file| println!("  {}", file.display()));
    }
    match report.not_written() {
        Some(why) => {
            eprintln!("error: {why}");
            // A verdict without its evidence is no pass.
            report.exit_code().max(EXIT_FAILED)
        }
        None => report.exit_code(),
    }
}

fn next_seed(knobs: &mut Knobs) -> Result<(), LabError> {
    let (_, seed, origin) = knobs.listed().into_iter().find(|(name, ..)| *name == "SEED").expect("a knob of every run");
    let next = seed.parse::<u64>().unwrap_or(0).wrapping_add(1);
    knobs.set("SEED", &next.to_string(), origin)
}

/// The knobs, and the sale to use instead of an own one.
pub(crate) fn knobs(args: &KnobArgs) -> Result<(Knobs, Option<String>), LabError> {
    let (mut knobs, mut sale_id) = (Knobs::default(), None);
    for given in args.given(real::env) {
        let origin = if given.by_flag { Origin::Flag } else { Origin::Environment };
        match given.name {
            "SALE_ID" => sale_id = Some(given.value),
            name => knobs.set(name, &given.value, origin)?,
        }
    }
    Ok((knobs, sale_id))
}

/// With nothing at the base URL, a server for this run alone; elsewhere than on this machine that is an error.
async fn private_server(args: &RunArgs) -> anyhow::Result<Option<PrivateServer>> {
    let base_url = args.target.base_url();
    if http::listens(base_url).await? {
        http::wait_ready(base_url).await?;
        return Ok(None);
    }
    if !is_loopback(base_url) {
        anyhow::bail!("nobody answers at {base_url}");
    }
    eprintln!("Nobody answers at {base_url}: starting a server for this run alone.");
    PrivateServer::start().await.map(Some)
}
