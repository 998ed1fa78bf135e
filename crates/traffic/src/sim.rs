//! `traffic sim`: runs a load scenario, prints its table, answers with its exit code.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use lab::{Knobs, LabError, Origin, ProgressMode, RunOptions};

use crate::cli::{SimArgs, is_loopback};
use crate::private_server::PrivateServer;
use crate::runner::{Entered, Found};
use crate::{EXIT_FAILED, EXIT_USAGE, http, real, signals};

pub(crate) fn run(args: &SimArgs) -> anyhow::Result<ExitCode> {
    let Some(scenario) = args.scenario() else {
        list_scenarios();
        return Ok(ExitCode::from(EXIT_USAGE));
    };
    match play(args, scenario) {
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
        let later = if info.ready { "" } else { "  (later version)" };
        eprintln!("  {:<24} {}{later}", info.name, info.stands_for);
    }
}

fn play(args: &SimArgs, scenario: &str) -> anyhow::Result<ExitCode> {
    let (knobs, sale_id) = knobs(args)?;
    lab::scenarios::check(scenario)?;
    lab::check_target(args.target.base_url(), args.remote)?;
    real::raise_open_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = private_server(args).await?;
        let base_url = server.as_ref().map_or_else(|| args.target.base_url(), |server| server.base_url.as_str());
        let (stop, stopped) = signals::shutdown_too()?;
        let mut options = RunOptions {
            scenario: scenario.to_owned(),
            knobs,
            base_url: base_url.to_owned(),
            admin_key: match &server {
                Some(_) => server::config::DEV_ADMIN_KEY.to_owned(),
                None => args.target.admin_key()?.to_owned(),
            },
            remote: args.remote,
            out_dir: args.out.clone(),
            judge_times: !args.no_time_limits,
            progress: if std::io::stderr().is_terminal() { ProgressMode::Line } else { ProgressMode::PerSecond },
            sale_id,
            thresholds: Vec::new(),
            stop: stopped,
        };
        // A server that is there for this run alone has no list that anybody reads.
        let entered = if server.is_none() { Entered::begin(&options, stop).await } else { None };
        if let Some(entered) = &entered {
            options.progress = entered.watched(options.progress);
        }
        let done = lab::run(&options).await;
        if let Some(entered) = entered {
            entered.finish(&Found::from(&done)).await;
        }
        let report = done?;
        print!("{}", report.render_table());
        for file in report.files() {
            println!("{}", file.display());
        }
        if let Some(why) = report.not_written() {
            eprintln!("error: {why}");
            // A verdict without its evidence is no pass.
            return Ok(ExitCode::from(report.exit_code().max(EXIT_FAILED)));
        }
        Ok(ExitCode::from(report.exit_code()))
    })
}

/// The knobs, and the sale to use instead of an own one.
fn knobs(args: &SimArgs) -> Result<(Knobs, Option<String>), LabError> {
    let (mut knobs, mut sale_id) = (Knobs::default(), None);
    for given in args.knobs.given(real::env) {
        let origin = if given.by_flag { Origin::Flag } else { Origin::Environment };
        match given.name {
            "SALE_ID" => sale_id = Some(given.value),
            name => knobs.set(name, &given.value, origin)?,
        }
    }
    Ok((knobs, sale_id))
}

/// With nothing at the base URL, a server for this run alone; elsewhere than on this machine that is an error.
async fn private_server(args: &SimArgs) -> anyhow::Result<Option<PrivateServer>> {
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
