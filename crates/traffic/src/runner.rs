//! `traffic lab runner`: does the load runs that were asked for at a server, one after another, until it is told to stop.
//!
//! The load runs on a thread of its own, whose CPU share the lab measures. This one tells the server every second that the
//! runner lives, and hears whether to stop.

mod delivery;
mod desk;
mod entered;
mod found;
mod machine;
mod run;
pub(crate) mod supervise;

pub(crate) use self::entered::Entered;
pub(crate) use self::found::Found;

use std::io::Read as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use server::app::Ids as _;
use tokio::sync::watch;
use tokio::time::sleep;

use self::desk::{Desk, Refused, Silent};
use self::machine::Machine;
use self::run::Rig;
use crate::cli::RunnerArgs;
use crate::real::{self, SystemIds};
use crate::signals;

/// A run that is asked for begins within so long.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A server that is away is asked less and less often.
const ASK_AT_LEAST_EVERY: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &RunnerArgs) -> anyhow::Result<ExitCode> {
    lab::check_target(args.target.base_url(), args.remote)?;
    let admin_key = args.target.admin_key()?.to_owned();
    let machine = Machine::with(real::raise_open_files());
    let scratch = tempfile::tempdir().context("making a temporary folder")?;
    let rig = Rig {
        desk: match args.runner_key() {
            Some(key) => Desk::of_runner(args.target.base_url(), key),
            None => Desk::of_operator(args.target.base_url(), &admin_key),
        },
        name: args.name().map_or_else(|| format!("runner {}", SystemIds.next()), str::to_owned),
        machine,
        base_url: args.target.base_url().to_owned(),
        admin_key,
        out_dir: args.out.clone().unwrap_or_else(|| scratch.path().to_owned()),
        keeps_files: args.out.is_some(),
        metrics_urls: args.nodes.metrics_urls(),
        remote: args.remote,
        judge_times: !args.no_time_limits,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = signals::shutdown()?;
        let alone = if args.with_parent { input_ends()? } else { watch::channel(false).1 };
        tokio::select! {
            worked = work(&rig, shutdown) => worked,
            // Whoever started it is gone: there is nobody to deliver to.
            () = turned(alone) => Ok(ExitCode::SUCCESS),
        }
    })
}

async fn work(rig: &Rig, mut shutdown: watch::Receiver<bool>) -> anyhow::Result<ExitCode> {
    let mut pause = ASK_EVERY;
    loop {
        let asked = tokio::select! {
            biased;
            () = turned(shutdown.clone()) => return Ok(ExitCode::SUCCESS),
            asked = rig.desk.claim(&rig.name, rig.machine.told()) => asked,
        };
        match asked {
            Ok(Some(work)) => {
                pause = ASK_EVERY;
                rig.play(work, shutdown.clone()).await;
                continue;
            }
            Ok(None) => {
                if pause > ASK_EVERY {
                    tracing::info!("the server answers again");
                }
                pause = ASK_EVERY;
            }
            Err(Silent::Refused(Refused { status: 401 | 403 | 404 | 422, code, detail })) => {
                bail!("{} does not take this runner: {code}: {detail}", rig.base_url)
            }
            Err(why) => {
                if pause == ASK_EVERY {
                    tracing::warn!(%why, "no answer from the server: it is asked again");
                }
                pause = (pause * 2).min(ASK_AT_LEAST_EVERY);
            }
        }
        tokio::select! {
            _ = shutdown.wait_for(|asked| *asked) => return Ok(ExitCode::SUCCESS),
            () = sleep(pause) => {}
        }
    }
}

/// Returns when it is true; never where nobody can say so any more.
async fn turned(mut value: watch::Receiver<bool>) {
    if value.wait_for(|is| *is).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Turns true when standard input ends, which it does when the process at its other end does, however it ended.
fn input_ends() -> std::io::Result<watch::Receiver<bool>> {
    let (ended, alone) = watch::channel(false);
    std::thread::Builder::new().name("parent".to_owned()).spawn(move || {
        let mut input = std::io::stdin().lock();
        // Nothing is ever said there.
        while matches!(input.read(&mut [0; 64]), Ok(1..)) {}
        ended.send_replace(true);
    })?;
    Ok(alone)
}
