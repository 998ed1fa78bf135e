//! `traffic migrate`: brings the database to this version's schema; with `--from`, a whole installation to another one.

use std::process::ExitCode;
use std::sync::Arc;

use store::{NoObserver, Options, Store};

use crate::cli::MigrateArgs;
use crate::moving;
use crate::real::SystemClock;
use crate::serve::load_config;

pub(crate) fn run(args: &MigrateArgs) -> anyhow::Result<ExitCode> {
    if let Some(from) = &args.from {
        return moving::run(from, args);
    }
    let config = load_config(&args.serve)?;
    let url = config.database_url.to_string();
    let options = Options {
        url: url.clone(),
        clock: Arc::new(SystemClock::start()),
        observer: Arc::new(NoObserver),
        connections: 1,
        hand_driven_from: None,
        may_lose: config.is_development(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        Store::open(options).await?.close().await;
        anyhow::Ok(())
    })?;
    println!("{url} has this version's schema");
    Ok(ExitCode::SUCCESS)
}
