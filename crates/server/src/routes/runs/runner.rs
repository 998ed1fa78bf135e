//! The side of the runner: it claims a run, tells every second how it goes and hears whether to stop, hands over what the run
//! left behind in parts, and says how it ended. What it says again changes nothing.

use axum::Json;
use axum::extract::{Request, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::RunId;
use domain::load_run::{RUNNER_LAPSE_MS, RunState};
use serde::Deserialize;
use serde_json::{Value, json};
use store::runs::files::{KeepPart, Kept, Kind, PART_BYTES_MAX, TrimFiles};
use store::runs::look::HasWork;
use store::runs::{ClaimRun, EndRun, HearRun, Heard, NewRun, RegisterRun};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{limits, run_id, sale_of, work};
use crate::app::{App, Shared};
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::Runner;
use crate::problem::Problem;
use crate::runners::Machine;

/// What a runner calls itself, and what else it says in few words.
const NAME_BYTES_MAX: usize = 128;
/// What a runner tells each second: some dozen numbers, and two minutes of columns.
const PROGRESS_BYTES_MAX: usize = 32 << 10;
/// Checks with their examples, thresholds, metrics: what the list and the page of a run show.
const OUTCOME_BYTES_MAX: usize = 256 << 10;
const ERROR_BYTES_MAX: usize = 4 << 10;
const REASON_CHARS_MAX: usize = 1_000;
const KNOBS_MAX: usize = 64;
const MIB: i64 = 1 << 20;

#[derive(Deserialize, ToSchema)]
pub struct Claim {
    /// The runner's name: it has one run at most, and what it had before a claim is lost.
    runner: String,
    /// Shown to whoever asks for a run.
    #[serde(default)]
    machine: Option<Machine>,
}

#[derive(Deserialize, ToSchema)]
pub struct Register {
    runner: String,
    scenario: String,
    #[serde(default)]
    sale_id: Option<String>,
    /// Names and texts.
    #[serde(default)]
    #[schema(value_type = Object)]
    knobs: serde_json::Map<String, Value>,
}

#[derive(Deserialize, ToSchema)]
pub struct Progress {
    run_id: String,
    claim_id: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    progress: Option<serde_json::Map<String, Value>>,
    /// The sale that the run has made for itself.
    #[serde(default)]
    sale_id: Option<String>,
    /// As with a claim; not of a command line, which takes no other run.
    #[serde(default)]
    runner: Option<String>,
    #[serde(default)]
    machine: Option<Machine>,
}

#[derive(Deserialize, ToSchema)]
pub struct Part {
    run_id: String,
    claim_id: String,
    /// `report.json`, `report.html`, `history.ndjson.gz` or `export.ndjson.gz`.
    file: String,
    /// From 0.
    part: i64,
    parts: i64,
    /// Base64; at most 256 KiB of bytes.
    data: String,
}

#[derive(Deserialize, ToSchema)]
pub struct Finish {
    run_id: String,
    claim_id: String,
    /// `passed`, `failed`, `invalid`, `aborted` or `error`.
    status: String,
    /// Why there is no outcome.
    #[serde(default)]
    error: Option<String>,
    /// `{reason, failures, checks, slos, metrics, ..}`
    #[serde(default)]
    #[schema(value_type = Object)]
    outcome: Option<serde_json::Map<String, Value>>,
    #[serde(default)]
    sale_id: Option<String>,
}

/// The next run, for a runner that has nothing to do; to be asked once a second.
#[utoipa::path(post, path = "/v1/demo/runner/claim", tag = "runner", security(("runner" = [])), request_body = Claim,
    responses((status = 200, description = "{run: null or {run_id, claim_id, scenario, sale_id, knobs, defaults}, lapse_ms}"),
        (status = 401, description = "runner_key_invalid"), (status = 422, description = "invalid_field")))]
pub async fn claim(State(app): State<Shared>, _: Runner, request: Request) -> Result<Json<Value>, Problem> {
    let asked: Claim = body::json(request, ADMIN_BYTES_MAX).await?.value;
    let runner = word("runner", asked.runner)?;
    app.runners.note(&runner, app.clock.wall(), asked.machine);
    let claim = app.ids.next();
    let has_work = app.store.read(HasWork { runner: runner.clone() }).await?;
    let run = match has_work {
        true => app.store.run(ClaimRun { claim, runner, limits: limits(&app) }).await?,
        false => None,
    };
    if let Some(run) = &run {
        tracing::info!(run = %run.id, runner = run.runner.as_deref(), scenario = run.scenario, "a load run begins");
    }
    Ok(Json(json!({ "run": run.map(|run| work(&run, claim)), "lapse_ms": RUNNER_LAPSE_MS })))
}

/// Enters a run that somebody does from a command line, so that it is among the others. Those that wait go on waiting.
#[utoipa::path(post, path = "/v1/demo/runner/register", tag = "runner", security(("runner" = [])),
    request_body = Register, responses((status = 200, description = "{run_id, claim_id, beside}"),
        (status = 400, description = "invalid_scenario"), (status = 401, description = "runner_key_invalid"),
        (status = 422, description = "invalid_field")))]
pub async fn register(State(app): State<Shared>, _: Runner, request: Request) -> Result<Json<Value>, Problem> {
    let asked: Register = body::json(request, ADMIN_BYTES_MAX).await?.value;
    let runner = word("runner", asked.runner)?;
    let scenario = word("scenario", asked.scenario)?;
    let sale = sale_of(asked.sale_id.as_deref())?;
    let plain = |(name, value): (&String, &Value)| {
        name.len() <= NAME_BYTES_MAX && value.as_str().is_some_and(|text| text.len() <= NAME_BYTES_MAX)
    };
    if asked.knobs.len() > KNOBS_MAX || !asked.knobs.iter().all(plain) {
        return Err(Problem::field("knobs", "knobs: names and short texts."));
    }
    let knobs = json!({ "asked": asked.knobs, "defaults": {} }).to_string();
    let (id, claim) = (RunId(app.ids.next()), app.ids.next());
    let run = NewRun { id, scenario, sale, knobs, asked_by: "command line" };
    let beside = app.store.run(RegisterRun { run, claim, runner }).await?;
    Ok(Json(json!({ "run_id": id, "claim_id": claim, "beside": beside })))
}

/// The runner lives; to be said once a second, whatever the run does. The answer says whether to stop.
#[utoipa::path(post, path = "/v1/demo/runner/progress", tag = "runner", security(("runner" = [])),
    request_body = Progress, responses((status = 200, description = "{stop}"),
        (status = 401, description = "runner_key_invalid"), (status = 404, description = "run_not_found"),
        (status = 409, description = "run_lost"), (status = 422, description = "invalid_field")))]
pub async fn progress(State(app): State<Shared>, _: Runner, request: Request) -> Result<Json<Value>, Problem> {
    let told: Progress = body::json(request, ADMIN_BYTES_MAX).await?.value;
    let (run, claim) = (run_id(&told.run_id)?, claim_id(&told.claim_id)?);
    let progress = told.progress.map(|progress| text("progress", progress, PROGRESS_BYTES_MAX)).transpose()?;
    let sale = sale_of(told.sale_id.as_deref())?;
    if let Some(runner) = told.runner {
        app.runners.note(&word("runner", runner)?, app.clock.wall(), told.machine);
    }
    match app.store.run(HearRun { run, claim, progress, sale }).await? {
        Heard::Lost => Err(Problem::run_lost()),
        heard => Ok(Json(json!({ "stop": heard == Heard::Stop }))),
    }
}

/// A part of a file of the run, in any order. What is kept of all runs is bounded: the oldest goes.
#[utoipa::path(post, path = "/v1/demo/runner/part", tag = "runner", security(("runner" = [])), request_body = Part,
    responses((status = 200, description = "{whole}"), (status = 401, description = "runner_key_invalid"),
        (status = 404, description = "run_not_found"), (status = 409, description = "run_lost"),
        (status = 422, description = "invalid_field")))]
pub async fn part(State(app): State<Shared>, _: Runner, request: Request) -> Result<Json<Value>, Problem> {
    let sent: Part = body::json(request, ADMIN_BYTES_MAX).await?.value;
    let (run, claim) = (run_id(&sent.run_id)?, claim_id(&sent.claim_id)?);
    let kind = Kind::parse(&sent.file)
        .ok_or_else(|| Problem::field("file", format!("file: one of {}.", Kind::ALL.map(Kind::name).join(", "))))?;
    let budget_bytes = i64::from(app.config.loadtest.keep_mb) * MIB;
    let most = budget_bytes / PART_BYTES_MAX as i64;
    if !(1..=most).contains(&sent.parts) {
        return Err(Problem::field("parts", format!("parts: 1 to {most} (LOADTEST_KEEP_MB).")));
    }
    if !(0..sent.parts).contains(&sent.part) {
        return Err(Problem::field("part", "part: from 0, and less than parts."));
    }
    let bytes = STANDARD.decode(&sent.data).ok().filter(|bytes| (1..=PART_BYTES_MAX).contains(&bytes.len()));
    let bytes = bytes.ok_or_else(|| Problem::field("data", format!("data: 1 to {PART_BYTES_MAX} bytes in base64.")))?;
    let kept = app.store.run(KeepPart { run, claim, kind, part: sent.part, parts: sent.parts, bytes }).await?;
    // A bounded number of rows at a time, so that nobody waits behind it.
    while app.store.run(TrimFiles { budget_bytes }).await? {}
    match kept {
        Kept::Lost => Err(Problem::run_lost()),
        Kept::OtherFile => Err(Problem::field("parts", "parts: another number than an earlier part had.")),
        Kept::Part | Kept::Whole => Ok(Json(json!({ "whole": kept == Kept::Whole }))),
    }
}

/// How the run ended. A run that was given up meanwhile stays given up, and the answer says so.
#[utoipa::path(post, path = "/v1/demo/runner/finish", tag = "runner", security(("runner" = [])), request_body = Finish,
    responses((status = 200, description = "{status}"), (status = 401, description = "runner_key_invalid"),
        (status = 404, description = "run_not_found"), (status = 409, description = "run_lost"),
        (status = 422, description = "invalid_field")))]
pub async fn finish(State(app): State<Shared>, _: Runner, request: Request) -> Result<Json<Value>, Problem> {
    let told: Finish = body::json(request, ADMIN_BYTES_MAX).await?.value;
    let (run, claim) = (run_id(&told.run_id)?, claim_id(&told.claim_id)?);
    let state = RunState::parse(&told.status)
        .filter(|state| state.is_over())
        .ok_or_else(|| Problem::field("status", "status: passed, failed, invalid, aborted or error."))?;
    let error = told.error;
    let is_told = error.is_some() || state != RunState::Error;
    if !is_told || error.as_ref().is_some_and(|error| error.len() > ERROR_BYTES_MAX) {
        return Err(Problem::field("error", format!("error: why, in at most {ERROR_BYTES_MAX} bytes.")));
    }
    let reason = told.outcome.as_ref().and_then(|outcome| outcome.get("reason")?.as_str()).map(shortened);
    let outcome = told.outcome.map(|outcome| text("outcome", outcome, OUTCOME_BYTES_MAX)).transpose()?;
    let sale = sale_of(told.sale_id.as_deref())?;
    let state = end(&app, EndRun { run, claim, state, outcome, reason, error, sale }).await?;
    Ok(Json(json!({ "status": state.name() })))
}

async fn end(app: &App, end: EndRun) -> Result<RunState, Problem> {
    let run = end.run;
    let state = app.store.run(end).await?.ok_or_else(Problem::run_lost)?;
    tracing::info!(%run, state = state.name(), "a load run is over");
    Ok(state)
}

/// A list shows a sentence.
fn shortened(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

fn claim_id(text: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(text).map_err(|_| Problem::field("claim_id", "claim_id: what the claim was answered."))
}

fn word(field: &'static str, text: String) -> Result<String, Problem> {
    let plain = (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if plain {
        Ok(text)
    } else {
        Err(Problem::field(field, format!("{field}: 1 to {NAME_BYTES_MAX} characters of ASCII.")))
    }
}

fn text(field: &'static str, object: serde_json::Map<String, Value>, most: usize) -> Result<String, Problem> {
    let text = Value::Object(object).to_string();
    if text.len() <= most { Ok(text) } else { Err(Problem::field(field, format!("{field}: at most {most} bytes."))) }
}
