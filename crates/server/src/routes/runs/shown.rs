//! A run as it is shown.

use domain::load_run::RunState;
use domain::{RunId, SaleId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use store::runs::Run;
use store::runs::files::Facts;
use utoipa::ToSchema;

use super::written::{Progress, ShownCheck, ShownSlo};
use crate::app::App;

/// What a list says of a run.
#[derive(Serialize, ToSchema)]
pub struct RunInList {
    #[schema(value_type = String)]
    run_id: RunId,
    scenario: String,
    /// What was asked for, or what the run made for itself, once it has.
    #[schema(value_type = Option<String>)]
    sale_id: Option<SaleId>,
    status: RunStatus,
    /// Nothing before it is over.
    passed: Option<bool>,
    /// Of its verdict, in a sentence.
    reason: Option<String>,
    /// Names and texts, as they were asked for.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    knobs: Value,
    /// `request` or `command line`.
    asked_by: String,
    runner: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    asked_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// Why there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Where a run stands.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Queued,
    Running,
    Passed,
    Failed,
    Invalid,
    Aborted,
    Error,
}

/// Everything of a run but the files themselves.
#[derive(Serialize, ToSchema)]
pub struct RunShown {
    #[serde(flatten)]
    run: RunInList,
    /// A sentence for each check, threshold and condition that kept it from passing.
    #[schema(value_type = Vec<String>)]
    failures: Value,
    #[schema(value_type = Vec<ShownCheck>)]
    checks: Value,
    #[schema(value_type = Vec<ShownSlo>)]
    slos: Value,
    #[schema(value_type = std::collections::BTreeMap<String, Option<f64>>)]
    metrics: Value,
    #[schema(value_type = Option<String>)]
    plan_sha256: Value,
    /// What the lab calls this run, in its files.
    #[schema(value_type = Option<String>)]
    lab_run_id: Value,
    /// Files that were too large, and why.
    #[schema(value_type = Option<Vec<String>>)]
    not_kept: Value,
    /// What its runner told last.
    #[schema(value_type = Option<Progress>)]
    progress: Value,
    /// How many wait before it, where it waits.
    waiting_before: Option<i64>,
    stopping: bool,
    files: Vec<FileShown>,
}

#[derive(Serialize, ToSchema)]
pub struct FileShown {
    name: &'static str,
    bytes: i64,
}

/// A scenario that may be asked for.
#[derive(Serialize, ToSchema)]
pub struct ScenarioShown {
    name: &'static str,
    /// The failure in the world that it stands for.
    stands_for: &'static str,
    /// Always.
    ready: bool,
    /// It makes its own sales: a `sale_id` is refused.
    own_sale_only: bool,
    /// The one of its runs that was over last.
    last: Option<LastRun>,
}

#[derive(Serialize, ToSchema)]
pub struct LastRun {
    #[schema(value_type = String)]
    run_id: RunId,
    status: RunStatus,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

impl From<RunState> for RunStatus {
    fn from(state: RunState) -> Self {
        match state {
            RunState::Queued => Self::Queued,
            RunState::Running => Self::Running,
            RunState::Passed => Self::Passed,
            RunState::Failed => Self::Failed,
            RunState::Invalid => Self::Invalid,
            RunState::Aborted => Self::Aborted,
            RunState::Error => Self::Error,
        }
    }
}

pub(super) fn in_list(app: &App, run: &Run) -> RunInList {
    RunInList {
        run_id: run.id,
        scenario: run.scenario.clone(),
        sale_id: run.sale,
        status: run.state.into(),
        passed: run.state.is_over().then_some(run.state == RunState::Passed),
        reason: run.reason.clone(),
        knobs: json(Some(&run.knobs))["asked"].take(),
        asked_by: run.asked_by.clone(),
        runner: run.runner.clone(),
        asked_at: app.store.shown(run.asked_at),
        started_at: run.started_at.map(|at| app.store.shown(at)),
        finished_at: run.finished_at.map(|at| app.store.shown(at)),
        error: run.error.clone(),
    }
}

/// `before`: how many wait before it.
pub(super) fn whole(app: &App, run: &Run, before: i64, files: &[Facts]) -> RunShown {
    let mut outcome = json(run.outcome.as_deref());
    let mut taken =
        |name: &str, none: Value| Some(outcome[name].take()).filter(|found| !found.is_null()).unwrap_or(none);
    RunShown {
        run: in_list(app, run),
        failures: taken("failures", json!([])),
        checks: taken("checks", json!([])),
        slos: taken("slos", json!([])),
        metrics: taken("metrics", json!({})),
        plan_sha256: taken("plan_sha256", Value::Null),
        lab_run_id: taken("lab_run_id", Value::Null),
        not_kept: taken("not_kept", Value::Null),
        progress: progress(run).unwrap_or_default(),
        waiting_before: (run.state == RunState::Queued).then_some(before),
        stopping: run.stop_asked && run.state == RunState::Running,
        files: files.iter().map(|file| FileShown { name: file.kind.name(), bytes: file.size }).collect(),
    }
}

/// All of them, each with the run that was over last.
pub(super) fn scenarios(app: &App, over: &[Run]) -> Vec<ScenarioShown> {
    let last = |name: &str| {
        let run = over.iter().find(|run| run.scenario == name)?;
        let finished_at = run.finished_at.map(|at| app.store.shown(at));
        Some(LastRun { run_id: run.id, status: run.state.into(), finished_at })
    };
    let shown = |scenario: &crate::app::Scenario| ScenarioShown {
        name: scenario.name,
        stands_for: scenario.stands_for,
        ready: true,
        own_sale_only: scenario.own_sale_only,
        last: last(scenario.name),
    };
    app.scenarios.iter().map(shown).collect()
}

/// What its runner told last.
pub(super) fn progress(run: &Run) -> Option<Value> {
    run.progress.as_deref().map(|text| json(Some(text)))
}

/// What was JSON when it was taken in is JSON now.
fn json(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}
