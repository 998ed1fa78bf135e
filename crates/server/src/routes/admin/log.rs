//! What this node logs: looked at, and changed for a while without a restart.

use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::audit::Note;
use utoipa::ToSchema;
use uuid::Uuid;

use super::act;
use super::changes::{checked_reason, given};
use crate::app::{App, Shared};
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::Operator;
use crate::log_levels;
use crate::problem::Problem;

/// Ten minutes: long enough to see something, short enough to be forgotten.
const FOR_SEC: i64 = 600;
/// A day: whoever wants it for longer sets it where the node is started.
const FOR_SEC_MAX: i64 = 86_400;

#[derive(Serialize, ToSchema)]
pub struct Levels {
    /// The life of the node that answers: every node has levels of its own.
    #[schema(value_type = String)]
    node: Uuid,
    /// What holds now.
    level: String,
    /// What the node was started with.
    configured: String,
    /// When it falls back to that; null where it holds.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

#[derive(Deserialize, ToSchema)]
pub struct NewLevel {
    /// `info`, or `warn,server=debug`: off, error, warn, info, debug or trace, also of one part of the program.
    level: String,
    /// For so many seconds, 1 to 86400; then what the node was started with holds again. By default 600.
    #[serde(default, deserialize_with = "given")]
    #[schema(minimum = 1, maximum = 86_400)]
    for_sec: Option<i64>,
    /// Kept in the audit.
    #[serde(default, deserialize_with = "given")]
    #[schema(max_length = 500)]
    reason: Option<String>,
}

/// What this node logs.
#[utoipa::path(get, path = "/v1/admin/log", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = Levels)))]
pub async fn levels(State(app): State<Shared>, _: Operator) -> Json<Levels> {
    Json(shown(&app))
}

/// Logs more or less for a while. It holds at once, on this node alone.
#[utoipa::path(put, path = "/v1/admin/log", tag = "admin", security(("admin" = [])), request_body = NewLevel,
    responses((status = 200, body = Levels), (status = 422, description = "invalid_field: level, for_sec or reason")))]
pub async fn set(State(app): State<Shared>, _: Operator, request: Request) -> Result<Json<Levels>, Problem> {
    let new: NewLevel = body::json(request, ADMIN_BYTES_MAX).await?.value;
    let level = log_levels::checked(&new.level).map_err(|why| wrong_level(&why))?;
    let for_sec = new.for_sec.unwrap_or(FOR_SEC);
    if !(1..=FOR_SEC_MAX).contains(&for_sec) {
        return Err(Problem::field("for_sec", format!("for_sec: a whole number from 1 to {FOR_SEC_MAX}.")));
    }
    let reason = checked_reason(new.reason)?;
    // In the audit before it takes effect.
    let details = json!({ "level": level, "for_sec": for_sec, "reason": reason });
    let note = Note { acts: vec![act(&app, "set_log_level", format!("node {}", app.instance), &details)] };
    app.store.run(note).await?;
    let lasts = Duration::from_secs(for_sec.unsigned_abs());
    app.log.raise(&level, app.clock.wall(), app.clock.monotonic(), lasts).map_err(|why| wrong_level(&why))?;
    tracing::info!(level, for_sec, "the operator has changed what is logged");
    Ok(Json(shown(&app)))
}

fn wrong_level(why: &str) -> Problem {
    Problem::field("level", format!("level: {why}."))
}

fn shown(app: &App) -> Levels {
    let (level, until) = match app.log.raised() {
        Some(raised) => (raised.level, Some(raised.until)),
        None => (app.log.configured().to_owned(), None),
    };
    Levels { node: app.instance, level, configured: app.log.configured().to_owned(), until }
}
