//! Load runs: asked for here, done by a runner elsewhere, watched and read here. Any node answers all of it.

mod asked;
pub mod events;
pub mod files;
pub mod runner;
pub mod shown;
mod written;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use domain::load_run::{RunLimits, RunState};
use domain::{RunId, SaleId};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::runs::files::FilesOf;
use store::runs::look::{LastOver, OneRun, Runs};
use store::runs::{NewRun, QueueRun, Queued, Run, StopRun};
use utoipa::{IntoParams, ToSchema};

use self::asked::{Asked, Wish};
use self::shown::{RunInList, RunShown, RunStatus, ScenarioShown, in_list, scenarios, whole};
use super::demo::act;
use super::page::{self, Page};
use crate::app::{App, Shared};
use crate::body::{self, FAN_BYTES_MAX};
use crate::extract::{Demo, Named};
use crate::problem::Problem;
use crate::runners::Machine;

/// More than may ever wait or run: settings are far below.
const IN_THE_WAY_MAX: i64 = 200;

/// A wish that waits its turn.
#[derive(Serialize, ToSchema)]
pub struct RunAsked {
    #[schema(value_type = String)]
    run_id: RunId,
    #[schema(value_type = Option<String>)]
    sale_id: Option<SaleId>,
    scenario: &'static str,
    status: RunStatus,
}

/// What became of a wish to stop.
#[derive(Serialize, ToSchema)]
pub struct RunStopped {
    #[schema(value_type = String)]
    run_id: RunId,
    status: RunStatus,
    /// It runs, and has been told to end.
    stopping: bool,
}

/// Asks for a load run. It waits its turn, and a runner does it.
#[utoipa::path(post, path = "/v1/demo/loadtest", tag = "lab", request_body = Asked, responses(
    (status = 202, body = RunAsked),
    (status = 400, description = "invalid_scenario"), (status = 404, description = "sale_not_found"),
    (status = 422, description = "over a cap, which is named"),
    (status = 429, description = "loadtest_busy, with the run_id of the run in the way")))]
pub async fn ask(State(app): State<Shared>, _: Demo, request: Request) -> Result<Response, Problem> {
    let asked: Asked = body::json(request, FAN_BYTES_MAX).await?.value;
    let Wish { scenario, sale, knobs } = asked.check(&app).await?;
    let run = NewRun {
        id: RunId(app.ids.next()),
        scenario: scenario.to_owned(),
        sale,
        knobs: knobs.to_string(),
        asked_by: "request",
    };
    let id = run.id;
    let queue = QueueRun { run, limits: limits(&app), act: act(&app, "ask_for_load_run", &id) };
    match app.store.run(queue).await? {
        Queued::Waits => {
            let told = RunAsked { run_id: id, sale_id: sale, scenario, status: RunState::Queued.into() };
            Ok((StatusCode::ACCEPTED, Json(told)).into_response())
        }
        Queued::Busy(in_the_way) => Err(Problem::loadtest_busy(in_the_way)),
    }
}

fn limits(app: &App) -> RunLimits {
    let caps = app.config.loadtest;
    RunLimits { concurrent: caps.max_concurrent.into(), waiting: caps.max_queue.into() }
}

/// How one run stands.
#[utoipa::path(get, path = "/v1/demo/loadtest/{run_id}", tag = "lab", responses(
    (status = 200, body = RunShown), (status = 404, description = "run_not_found")))]
pub async fn one(State(app): State<Shared>, _: Demo, Named(id): Named<String>) -> Result<Json<RunShown>, Problem> {
    let id = run_id(&id)?;
    Ok(Json(look(&app, id).await?.0))
}

/// As everybody is told, and whether there will be more to tell.
async fn look(app: &App, id: RunId) -> Result<(RunShown, bool), Problem> {
    let (run, before) = app.store.read(OneRun(id)).await?.ok_or_else(Problem::run_not_found)?;
    let files = app.store.read(FilesOf(id)).await?;
    Ok((whole(app, &run, before, &files), run.state.is_over()))
}

/// Which runs a list is of.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Only runs of this scenario.
    scenario: Option<String>,
    /// Only runs in this state, such as `failed`.
    status: Option<String>,
}

/// A page of runs, the newest first, and what a next one may be.
#[derive(Serialize, ToSchema)]
pub struct RunList {
    runs: Vec<RunInList>,
    /// What to ask the next page with; none after the last.
    #[schema(value_type = Option<String>)]
    next_after: Option<RunId>,
    scenarios: Vec<ScenarioShown>,
    /// The runner that this node heard of last; none since it started.
    runner: Option<RunnerShown>,
    /// How many wait.
    waiting: usize,
    /// Those under way, the first first.
    #[schema(value_type = Vec<String>)]
    running: Vec<RunId>,
}

/// A runner, by what it said when it was last heard.
#[derive(Serialize, ToSchema)]
pub struct RunnerShown {
    name: String,
    heard_ms_ago: i64,
    #[serde(flatten)]
    machine: Machine,
}

/// All runs, the newest first, and the scenarios that there are.
#[utoipa::path(get, path = "/v1/demo/loadtests", tag = "lab", params(Page, Which), responses(
    (status = 200, body = RunList), (status = 422, description = "invalid_field")))]
pub async fn list(
    State(app): State<Shared>,
    _: Demo,
    Query(page): Query<Page>,
    Query(which): Query<Which>,
) -> Result<Json<RunList>, Problem> {
    let (after, limit) = (page.after()?, page.limit()?);
    let no_such = || Problem::field("after", "after: the last run of the page before.");
    let state = which.status.as_deref().map(|name| RunState::parse(name).ok_or_else(no_such_state)).transpose()?;
    let asked = Runs { after, scenario: which.scenario, state, limit };
    let runs = app.store.read(asked).await?.ok_or_else(no_such)?;
    let next_after = page::next(&runs, limit, |run| run.id);
    let in_state = |state| Runs { after: None, scenario: None, state: Some(state), limit: IN_THE_WAY_MAX };
    let under_way = app.store.read(in_state(RunState::Running)).await?.unwrap_or_default();
    let waiting = app.store.read(in_state(RunState::Queued)).await?.unwrap_or_default();
    let over = app.store.read(LastOver).await?;
    Ok(Json(RunList {
        runs: runs.iter().map(|run| in_list(&app, run)).collect(),
        next_after,
        scenarios: scenarios(&app, &over),
        runner: runner_shown(&app),
        waiting: waiting.len(),
        running: under_way.iter().rev().map(|run| run.id).collect(),
    }))
}

fn no_such_state() -> Problem {
    Problem::field("status", "status: queued, running, passed, failed, invalid, aborted or error.")
}

fn runner_shown(app: &App) -> Option<RunnerShown> {
    let heard = app.runners.last()?;
    let heard_ms_ago = app.clock.wall().since_ms(heard.at).max(0);
    Some(RunnerShown { name: heard.name, heard_ms_ago, machine: heard.machine })
}

/// Ends a run that waits, and asks one that runs to end: then it is `aborted`. What is over stays as it is.
#[utoipa::path(post, path = "/v1/demo/loadtest/{run_id}/stop", tag = "lab", responses(
    (status = 200, body = RunStopped), (status = 404, description = "run_not_found")))]
pub async fn stop(State(app): State<Shared>, _: Demo, Named(id): Named<String>) -> Result<Json<RunStopped>, Problem> {
    let id = run_id(&id)?;
    let stop = StopRun { run: id, act: act(&app, "stop_load_run", &id) };
    let state = app.store.run(stop).await?.ok_or_else(Problem::run_not_found)?;
    Ok(Json(RunStopped { run_id: id, status: state.into(), stopping: state == RunState::Running }))
}

fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| Problem::run_not_found())
}

/// The run that began last.
#[derive(Serialize, ToSchema)]
pub struct Simulation {
    #[schema(value_type = Option<String>)]
    run_id: Option<RunId>,
    status: Option<RunStatus>,
    requests_total: u64,
    /// Of these, refused as the run expected.
    blocked_total: u64,
}

/// The figures of a run for the dashboard: what its fans have sent so far, and how many of them were refused.
pub async fn simulation(app: &App) -> Result<Simulation, Problem> {
    let run = app.store.read(store::runs::look::LastBegun).await?;
    let progress = run.as_ref().and_then(shown::progress).unwrap_or_default();
    let total = |name: &str| progress[name].as_u64().unwrap_or_default();
    Ok(Simulation {
        run_id: run.as_ref().map(|run| run.id),
        status: run.as_ref().map(|run| run.state.into()),
        requests_total: total("requests_total"),
        blocked_total: total("blocked_total"),
    })
}

/// Of a run that its runner tells of.
fn sale_of(text: Option<&str>) -> Result<Option<SaleId>, Problem> {
    text.map(|text| text.parse().map_err(|_| Problem::field("sale_id", "sale_id: the id of a sale."))).transpose()
}

/// What a runner is given to do.
fn work(run: &Run, claim: uuid::Uuid) -> Value {
    let knobs: Value = serde_json::from_str(&run.knobs).unwrap_or_default();
    json!({
        "run_id": run.id, "claim_id": claim, "scenario": run.scenario, "sale_id": run.sale,
        "knobs": knobs["asked"], "defaults": knobs["defaults"],
    })
}
