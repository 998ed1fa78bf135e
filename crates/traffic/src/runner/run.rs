//! One run from its claim to its delivery.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lab::{Knobs, LabError, Origin, ProgressMode, Report, RunOptions};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::delivery::deliver;
use super::desk::{Claimed, Desk, Refused, Silent, Work};
use super::found::Found;
use super::machine::Machine;
use super::turned;

const BEAT: Duration = Duration::from_secs(1);
/// A server that is away for longer has given the run up by itself.
const DELIVERS_WITHIN: Duration = Duration::from_secs(120);
/// Whoever stops a runner waits for it.
const DELIVERS_AT_STOP_WITHIN: Duration = Duration::from_secs(10);

/// What all runs of one runner have in common.
pub(super) struct Rig {
    pub(super) desk: Desk,
    pub(super) name: String,
    pub(super) machine: Machine,
    pub(super) base_url: String,
    pub(super) admin_key: String,
    pub(super) out_dir: PathBuf,
    /// Files stay where they were written once the server has them.
    pub(super) keeps_files: bool,
    pub(super) metrics_urls: Vec<String>,
    pub(super) remote: bool,
    pub(super) judge_times: bool,
}

/// What the run said last of how it goes.
pub(super) type Seen = Arc<Mutex<Option<Value>>>;

impl Rig {
    /// Does the run and delivers it. When `shutdown` turns true the run is stopped, and what it found so far delivered.
    pub(super) async fn play(&self, work: Work, shutdown: watch::Receiver<bool>) {
        tracing::info!(run = work.claimed.run_id, scenario = work.scenario, "a run begins");
        let run = work.claimed.clone();
        let (stop, stopped) = watch::channel(false);
        let seen = Seen::default();
        let mut lost = false;
        let found = match self.begin(work, stopped, &seen) {
            Err(refused) => Found::none(&refused.to_string()),
            Ok(done) => {
                let beats = heartbeat(&self.desk, &run, || self.told(&seen), &stop);
                let mut shut = std::pin::pin!(turned(shutdown.clone()));
                let (mut done, mut beats) = (std::pin::pin!(done), std::pin::pin!(beats));
                loop {
                    tokio::select! {
                        done = &mut done => break done.unwrap_or_else(|_| Found::none("the generator died")),
                        // The run is lost: it ends, and nobody wants what it found.
                        () = &mut beats, if !lost => {
                            lost = true;
                            stop.send_replace(true);
                        }
                        () = &mut shut, if !*stop.borrow() => {
                            stop.send_replace(true);
                        }
                    }
                }
            }
        };
        if lost {
            tracing::warn!(run = run.run_id, "the server has given this run up");
        } else {
            self.hand_over(&run, &found, &seen, &stop, shutdown).await;
        }
        if !self.keeps_files {
            for (_, path) in &found.files {
                // It goes with its folder at the latest.
                let _ = std::fs::remove_file(path);
            }
        }
    }

    /// How the run goes, and how its runner is.
    fn told(&self, seen: &Seen) -> Value {
        said(&latest(seen), json!({ "runner": self.name, "machine": self.machine.told() }))
    }

    async fn hand_over(
        &self,
        run: &Claimed,
        found: &Found,
        seen: &Seen,
        stop: &watch::Sender<bool>,
        shutdown: watch::Receiver<bool>,
    ) {
        let in_a_hurry = async {
            turned(shutdown).await;
            tokio::time::sleep(DELIVERS_AT_STOP_WITHIN).await;
        };
        tokio::select! {
            delivered = timeout(DELIVERS_WITHIN, deliver(&self.desk, run, found)) => if delivered.is_err() {
                tracing::error!(run = run.run_id, "the server is away: what the run found is not delivered");
            },
            // While files go over, the runner lives.
            () = heartbeat(&self.desk, run, || self.told(seen), stop) => {
                tracing::warn!(run = run.run_id, "the server has given this run up");
            }
            () = in_a_hurry => tracing::error!(run = run.run_id, "stopped before the run was delivered"),
        }
    }

    /// Starts the load on a thread of its own.
    fn begin(
        &self,
        work: Work,
        stop: watch::Receiver<bool>,
        seen: &Seen,
    ) -> Result<oneshot::Receiver<Found>, LabError> {
        let mut knobs = Knobs::default();
        for (given, origin) in [(&work.defaults, Origin::Default), (&work.knobs, Origin::Request)] {
            for (name, value) in given {
                knobs.set(name, value, origin)?;
            }
        }
        lab::scenarios::check(&work.scenario)?;
        let seen = Arc::clone(seen);
        let options = RunOptions {
            scenario: work.scenario,
            knobs,
            base_url: self.base_url.clone(),
            admin_key: self.admin_key.clone(),
            metrics_urls: self.metrics_urls.clone(),
            remote: self.remote,
            out_dir: self.out_dir.clone(),
            judge_times: self.judge_times,
            progress: ProgressMode::Callback(Arc::new(move |progress| note(&seen, progress))),
            sale_id: work.sale_id,
            thresholds: Vec::new(),
            commit: crate::sim::COMMIT.map(str::to_owned),
            stop,
        };
        let (done, ended) = oneshot::channel();
        let generator = move || {
            let report: Result<Report, LabError> = lab::run_blocking(&options);
            // Nobody waits where the runner is being ended.
            let _ = done.send(Found::from(&report));
        };
        std::thread::Builder::new().name("generator".to_owned()).spawn(generator).map_err(LabError::Runtime)?;
        Ok(ended)
    }
}

pub(super) fn note(seen: &Seen, progress: &lab::Progress) {
    let progress = serde_json::to_value(progress).unwrap_or_default();
    // Whoever panicked left a whole value, or none.
    *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
}

pub(super) fn latest(seen: &Seen) -> Value {
    let preparing = || json!({ "phase": "preparing" });
    seen.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_else(preparing)
}

/// How a run goes, in the server's words.
pub(super) fn said(progress: &Value, mut more: Value) -> Value {
    more["progress"] = progress.clone();
    more["sale_id"] = progress["sale_id"].clone();
    more
}

/// Tells the server every second that the runner lives and how its run goes; says `stop` when the server does. Returns when
/// the run is lost.
pub(super) async fn heartbeat(desk: &Desk, run: &Claimed, told: impl Fn() -> Value, stop: &watch::Sender<bool>) {
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        match desk.tell("progress", run, told()).await {
            Ok(answer) if answer["stop"] == true => {
                stop.send_if_modified(|stop| !std::mem::replace(stop, true));
            }
            Ok(_) => {}
            Err(Silent::Refused(Refused { status: 404 | 409, .. })) => return,
            Err(why) => tracing::warn!(%why, "the server did not hear how the run goes"),
        }
    }
}
