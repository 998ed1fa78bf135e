//! Whether the node lives, whether it is ready, what it measures, what it speaks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use http::{HeaderMap, header};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::config::DatabaseUrl;
use crate::metrics::{self, Format, Process};
use crate::problem::Problem;

/// A node that has not heard of the others for so long tells numbers that are older than promised.
const STALENESS_MAX: Duration = Duration::from_secs(1);

#[derive(Serialize, ToSchema)]
pub struct Live {
    status: &'static str,
    instance: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    version: &'static str,
    /// What this process does: `api`, `worker`.
    roles: Vec<&'static str>,
    /// Whether its worker is the one that works.
    leads: bool,
    staleness_ms: i64,
}

/// How old a published number may be: alone on its store a node knows everything. Among others it is what all nodes keep
/// within, because the next question may reach another one; more only where this node has lost touch.
pub fn staleness_ms(app: &App) -> i64 {
    if !app.store.is_shared() {
        return 0;
    }
    i64::try_from(app.store.staleness().max(STALENESS_MAX).as_millis()).unwrap_or(i64::MAX)
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, body = Live)))]
pub async fn live(State(app): State<Shared>) -> Json<Live> {
    Json(Live {
        status: "live",
        instance: app.instance.to_string(),
        started_at: app.started_at,
        version: env!("CARGO_PKG_VERSION"),
        roles: app.config.roles.names().collect(),
        leads: app.leads().is_some(),
        staleness_ms: staleness_ms(&app),
    })
}

/// Configured, migrated and loaded. Trouble with the store is `degraded` with 200: those who wait stay where they are.
#[utoipa::path(get, path = "/health/ready", tag = "operations",
    responses((status = 200), (status = 503, description = "starting or draining")))]
pub async fn ready(State(app): State<Shared>) -> Result<Json<Value>, Problem> {
    if app.draining.load(Ordering::Relaxed) {
        return Err(Problem::draining());
    }
    Ok(Json(json!({ "status": if is_degraded(&app) { "degraded" } else { "ready" } })))
}

/// The store has failed, or what other nodes do is not heard of.
pub fn is_degraded(app: &App) -> bool {
    *app.store.broken().borrow() || app.store.staleness() > STALENESS_MAX
}

/// For Prometheus, in its own text or, where that is asked for, as OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "operations", responses(
    (status = 200, content((String = "text/plain"), (String = "application/openmetrics-text")))))]
pub async fn metrics(State(app): State<Shared>, headers: HeaderMap) -> Result<Response, Problem> {
    let format = Format::asked(&headers);
    let database = match &app.config.database_url {
        DatabaseUrl::Sqlite(path) => Some(path.clone()),
        DatabaseUrl::Postgres(_) => None,
    };
    // It asks the system for files: not on a thread that answers polls.
    let process = tokio::task::spawn_blocking(move || Process::read(database.as_deref())).await;
    let process = process.map_err(|panic| {
        tracing::error!(%panic, "the process could not be read");
        Problem::internal()
    })?;
    let text = metrics::page(&app, &process, format);
    Ok(([(header::CONTENT_TYPE, format.content_type())], text).into_response())
}

/// The public keys that verify admissions and, with a `kid` that begins with `ticket-`, the codes of tickets.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operations", responses((status = 200)))]
pub async fn jwks(State(app): State<Shared>) -> Json<Value> {
    Json(app.keys.jwks(app.tickets.keys()))
}
