//! Load runs: asked for here, done by a runner elsewhere, watched and read here. Any node answers all of it.

mod asked;
pub mod events;
pub mod files;
pub mod runner;
mod shown;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use domain::load_run::{RunLimits, RunState};
use domain::{RunId, SaleId};
use http::StatusCode;
use serde_json::{Value, json};
use store::runs::files::FilesOf;
use store::runs::look::{OneRun, Runs};
use store::runs::{NewRun, QueueRun, Queued, Run, StopRun};

use self::asked::{Asked, Wish};
use self::shown::{in_list, whole};
use super::demo::act;
use super::page::{self, Page};
use crate::app::{App, Shared};
use crate::body::{self, FAN_BYTES_MAX};
use crate::extract::{Demo, Named};
use crate::problem::Problem;

/// Asks for a load run. It waits its turn, and a runner does it.
#[utoipa::path(post, path = "/v1/demo/loadtest", tag = "lab", request_body = Asked, responses(
    (status = 202, description = "{run_id, sale_id, scenario, status}"),
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
            let told =
                json!({ "run_id": id, "sale_id": sale, "scenario": scenario, "status": RunState::Queued.name() });
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
    (status = 200, description = "{run_id, scenario, sale_id, status, passed, failures, checks, metrics, ..}"),
    (status = 404, description = "run_not_found")))]
pub async fn one(State(app): State<Shared>, _: Demo, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let id = run_id(&id)?;
    Ok(Json(look(&app, id).await?.0))
}

/// As everybody is told, and whether there will be more to tell.
async fn look(app: &App, id: RunId) -> Result<(Value, bool), Problem> {
    let (run, before) = app.store.read(OneRun(id)).await?.ok_or_else(Problem::run_not_found)?;
    let files = app.store.read(FilesOf(id)).await?;
    Ok((whole(app, &run, before, &files), run.state.is_over()))
}

/// All runs, the newest first, and the scenarios that there are.
#[utoipa::path(get, path = "/v1/demo/loadtests", tag = "lab", params(Page), responses(
    (status = 200, description = "{runs, next_after, scenarios}"), (status = 422, description = "invalid_field")))]
pub async fn list(State(app): State<Shared>, _: Demo, Query(page): Query<Page>) -> Result<Json<Value>, Problem> {
    let (after, limit) = (page.after()?, page.limit()?);
    let no_such = || Problem::field("after", "after: the last run of the page before.");
    let runs = app.store.read(Runs { after, limit }).await?.ok_or_else(no_such)?;
    let next_after = page::next(&runs, limit, |run| run.id);
    let runs: Vec<Value> = runs.iter().map(|run| in_list(&app, run)).collect();
    Ok(Json(json!({ "runs": runs, "next_after": next_after, "scenarios": app.scenarios })))
}

/// Ends a run that waits, and asks one that runs to end: then it is `aborted`. What is over stays as it is.
#[utoipa::path(post, path = "/v1/demo/loadtest/{run_id}/stop", tag = "lab", responses(
    (status = 200, description = "{run_id, status}"), (status = 404, description = "run_not_found")))]
pub async fn stop(State(app): State<Shared>, _: Demo, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let id = run_id(&id)?;
    let stop = StopRun { run: id, act: act(&app, "stop_load_run", &id) };
    let state = app.store.run(stop).await?.ok_or_else(Problem::run_not_found)?;
    Ok(Json(json!({ "run_id": id, "status": state.name(), "stopping": state == RunState::Running })))
}

fn run_id(text: &str) -> Result<RunId, Problem> {
    text.parse().map_err(|_| Problem::run_not_found())
}

/// The figures of a run for the dashboard: what its fans have sent so far, and how many of them were refused.
pub async fn simulation(app: &App) -> Result<Value, Problem> {
    let run = app.store.read(store::runs::look::LastBegun).await?;
    let progress = run.as_ref().and_then(shown::progress).unwrap_or_default();
    let total = |name: &str| progress[name].as_u64().unwrap_or_default();
    Ok(json!({
        "run_id": run.as_ref().map(|run| run.id), "status": run.as_ref().map(|run| run.state.name()),
        "requests_total": total("requests_total"), "blocked_total": total("blocked_total"),
    }))
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
