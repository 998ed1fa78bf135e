//! `traffic serve`: settings, limits of the process, signals; then the server until it is told to stop.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use server::app::{App, Outside, RunDefaults, Scenario, Shared, StartError};
use server::config::{Config, ConfigError, Shown, effective, odd_variables};
use server::listener::{ConnectionCounts, ConnectionLimits, Listener};
use server::{follow, redis, router, routes, worker};
use tokio::sync::watch;

use crate::cli::ServeArgs;
use crate::runner::supervise::Supervisor;
use crate::telemetry::Telemetry;
use crate::{real, signals};

/// The store has stopped by itself: a supervisor should start the server again.
const EXIT_STORAGE: u8 = 3;
/// For a write: longer than a slow payment takes (10 s).
const PATIENCE: Duration = Duration::from_secs(15);
/// Open files besides the connections of fans and those to the database: sockets that listen, the runtime's own, the log.
const OWN_FILES: u64 = 32;

pub(crate) fn run(args: &ServeArgs, telemetry: &Telemetry) -> anyhow::Result<ExitCode> {
    let config = load_config(args)?;
    for odd in odd_variables(real::env_names(), &real::env) {
        tracing::warn!("{odd}");
    }
    let open_files = real::raise_open_files();
    check_open_files(open_files, config.db_max_conns, config.database_url.files_per_connection())?;
    let limits = ConnectionLimits::new(open_files);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let shutdown = signals::shutdown()?;
        serve(config, limits, shutdown, telemetry).await
    })
}

/// All layers of the settings. What is wrong comes as a [`ConfigError`].
pub(crate) fn load_config(args: &ServeArgs) -> anyhow::Result<Config> {
    Ok(settings(args)?.0?)
}

/// The same, beside every setting as it holds. The file is read once: it may be a pipe.
pub(crate) fn settings(args: &ServeArgs) -> Result<(Result<Config, ConfigError>, Vec<Shown>), ConfigError> {
    let file = config_file(args)?;
    let file = file.as_ref().map(|(path, text)| (*path, text.as_str()));
    Ok((Config::load(&args.settings, &real::env, file), effective(&args.settings, &real::env, file)?))
}

fn config_file(args: &ServeArgs) -> Result<Option<(&Path, String)>, ConfigError> {
    let Some(path) = &args.config else { return Ok(None) };
    let text = fs::read_to_string(path)
        .map_err(|error| ConfigError { lines: vec![format!("--config {}: {error}", path.display())] })?;
    Ok(Some((path, text)))
}

/// With fewer the database could find no handle in the middle of a sale. Half of them are for the fans.
pub(crate) fn check_open_files(limit: u64, db_max_conns: u32, files_each: u64) -> Result<(), ConfigError> {
    let least = 2 * (files_each * u64::from(db_max_conns) + OWN_FILES);
    if limit >= least {
        return Ok(());
    }
    let line = format!(
        "open files: the limit is {limit}, and at least {least} are needed with db_max_conns {db_max_conns}: raise the limit \
         (ulimit -n, or LimitNOFILE= in a unit), or use fewer connections"
    );
    Err(ConfigError { lines: vec![line] })
}

async fn serve(
    mut config: Config,
    limits: ConnectionLimits,
    asked: watch::Receiver<bool>,
    telemetry: &Telemetry,
) -> anyhow::Result<ExitCode> {
    for setting in config.without_effect() {
        tracing::warn!(setting, "this setting has no effect here");
    }
    // Bound first: a busy address must be named before the data is touched.
    let listener = Listener::bind(&config.http_addrs)?.trusting(&config.trusted_proxies);
    let addrs = listener.local_addrs()?;
    // It has a key that the server must know.
    let supervisor = Supervisor::prepare(&mut config, &addrs);
    let (stop, stopping) = watch::channel(false);
    let (router, served) = watch::channel(router::starting());
    let connections = Arc::default();
    // Until the data is loaded everybody hears so at once.
    let mut listening = tokio::spawn(listener.serve(served, limits, Arc::clone(&connections), stopping.clone()));
    let mut asked_early = asked.clone();
    let app = tokio::select! {
        app = start(config, &limits, connections, telemetry) => app?,
        // Nothing was acknowledged yet.
        _ = asked_early.wait_for(|asked| *asked) => return Ok(ExitCode::SUCCESS),
    };
    let exporter = telemetry.export(&app)?;
    let roles = app.config.roles;
    let routes = if roles.api { router::router } else { router::worker };
    drop(router.send_replace(routes(Arc::clone(&app))));
    tracing::info!(?addrs, %roles, connections_max = limits.connections_max, "listening");
    // While the runner delivers what it has, the server is there.
    let asked = match supervisor {
        Some(supervisor) => supervisor.keep(asked),
        None => asked,
    };
    let shutdown = any(asked, app.store.broken());
    // They hear of a shutdown from here, so that none of them seems to end by itself.
    let mut following = tokio::spawn(follow::run(Arc::clone(&app), stopping.clone()));
    let mut ticking = tokio::spawn(work(Arc::clone(&app), stopping));
    // Nothing depends on it: it ends by itself, and its end is nobody's.
    tokio::spawn(redis::run(Arc::clone(&app), shutdown.clone()));
    // A server that accepts nobody, hears nothing or calls nobody must not go on looking alive: they end only when they are
    // told to.
    let asked = drain(&app, shutdown);
    tokio::select! {
        // First: the worker hears of a shutdown too.
        biased;
        () = asked => {}
        ended = &mut listening => bail!("the listener ended by itself: {ended:?}"),
        ended = &mut following => bail!("the rooms are kept fresh no more: {ended:?}"),
        ended = &mut ticking => bail!("the worker ended by itself: {ended:?}"),
    }
    stop.send_replace(true);
    listening.await.context("the listener died")?;
    following.await.context("what keeps the rooms fresh died")?;
    ticking.await.context("the worker died")?;
    let ended = close(&app).await;
    if let Some(exporter) = exporter {
        exporter.finish();
    }
    Ok(ended)
}

async fn start(
    config: Config,
    limits: &ConnectionLimits,
    connections: Arc<ConnectionCounts>,
    telemetry: &Telemetry,
) -> anyhow::Result<Shared> {
    let outside = Outside {
        clock: Arc::new(real::SystemClock::start()),
        ids: Arc::new(real::SystemIds),
        cores: real::cores(),
        connections,
        streams_max: limits.streams_max(),
        // Empty where a build was told that there is none.
        commit: option_env!("TRAFFIC_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("unknown"),
        scenarios: scenarios(),
        run_defaults: run_defaults(),
        log: telemetry.log_levels(),
        span_counts: Arc::default(),
        patience: Some(PATIENCE),
        hand_driven_from: None,
    };
    let app = App::start(config, outside).await.map_err(|error| match error {
        // A wrong setting, like those found before.
        StartError::Setting(wrong) => anyhow::Error::new(wrong),
        other => other.into(),
    })?;
    if app.config.lab && app.config.roles.api {
        let sale = routes::demo::ensure_demo_sale(&app)
            .await
            .map_err(|problem| anyhow::anyhow!("the demo sale cannot be made: {}", problem.detail))?;
        tracing::info!(%sale, "the demo sale");
    }
    Ok(app)
}

/// What the lab knows: the server accepts no other.
fn scenarios() -> Vec<Scenario> {
    let known = |one: &lab::scenarios::ScenarioInfo| Scenario {
        name: one.name,
        stands_for: one.stands_for,
        own_sale_only: one.own_sale_only,
    };
    lab::scenarios::list().iter().map(known).collect()
}

/// What the lab takes where nothing else is asked for.
fn run_defaults() -> RunDefaults {
    let knobs = lab::Knobs::default();
    RunDefaults {
        ramp_up_ms: knobs.ramp_up_ms(),
        steady_ms: knobs.steady_ms(),
        ramp_down_ms: knobs.ramp_down_ms(),
        admit_per_minute: knobs.admit_per_minute(),
        waiting_room_cap: knobs.waiting_room_cap(),
        total_seats: knobs.total_seats(),
        seed: knobs.seed(),
    }
}

/// The worker, where this process is one.
async fn work(app: Shared, mut shutdown: watch::Receiver<bool>) {
    if app.config.roles.worker {
        return worker::run(app, shutdown).await;
    }
    // An error means that the sender is gone, which is a shutdown too.
    drop(shutdown.wait_for(|asked| *asked).await);
}

/// Tells balancers, and ends the streams, before the connections end.
async fn drain(app: &App, mut shutdown: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is a shutdown too.
    drop(shutdown.wait_for(|asked| *asked).await);
    app.drain();
}

/// What waits is still written, unless the storage has failed.
async fn close(app: &Shared) -> ExitCode {
    app.store.close().await;
    if *app.store.broken().borrow() {
        tracing::error!("the storage failed: the server has stopped and acknowledged nothing since");
        return ExitCode::from(EXIT_STORAGE);
    }
    tracing::info!("stopped");
    ExitCode::SUCCESS
}

/// True as soon as one of the two is.
fn any(mut one: watch::Receiver<bool>, mut other: watch::Receiver<bool>) -> watch::Receiver<bool> {
    let (sender, either) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = one.wait_for(|asked| *asked) => {}
            _ = other.wait_for(|asked| *asked) => {}
        }
        sender.send_replace(true);
        // Dropping the sender would look like a second reason to stop; it is kept until nobody listens.
        sender.closed().await;
    });
    either
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_open_files_are_named() {
        assert!(check_open_files(128, 16, 2).is_ok() && check_open_files(96, 16, 1).is_ok());
        let refused = check_open_files(127, 16, 2).unwrap_err();
        assert!(refused.lines[0].contains("the limit is 127, and at least 128 are needed"), "{refused:?}");
    }
}
