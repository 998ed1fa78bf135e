//! Whether the node lives, whether it is ready, what it measures, what it speaks.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use http::header;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::Shared;
use crate::problem::Problem;

/// How old a published number may be: on one node none is.
pub const STALENESS_MS: i64 = 0;

#[derive(Serialize, ToSchema)]
pub struct Live {
    status: &'static str,
    instance: String,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    version: &'static str,
    staleness_ms: i64,
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "operations", responses((status = 200, body = Live)))]
pub async fn live(State(app): State<Shared>) -> Json<Live> {
    Json(Live {
        status: "live",
        instance: app.instance.to_string(),
        started_at: app.started_at,
        version: env!("CARGO_PKG_VERSION"),
        staleness_ms: STALENESS_MS,
    })
}

/// Configured, migrated and loaded. Trouble with the store is `degraded` with 200: those who wait stay where they are.
#[utoipa::path(get, path = "/health/ready", tag = "operations",
    responses((status = 200), (status = 503, description = "starting or draining")))]
pub async fn ready(State(app): State<Shared>) -> Result<Json<Value>, Problem> {
    if app.draining.load(Ordering::Relaxed) {
        return Err(Problem::draining());
    }
    let broken = *app.store.broken().borrow();
    Ok(Json(json!({ "status": if broken { "degraded" } else { "ready" } })))
}

/// For Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "operations",
    responses((status = 200, content_type = "application/openmetrics-text")))]
pub async fn metrics(State(app): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.render(&app)).into_response()
}

/// The public keys that verify admissions and, with a `kid` that begins with `ticket-`, the codes of tickets.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operations", responses((status = 200)))]
pub async fn jwks(State(app): State<Shared>) -> Json<Value> {
    Json(app.keys.jwks(app.tickets.key()))
}
