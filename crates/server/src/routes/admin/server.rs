//! How this node is set up, without secrets: what a measurement of it must be read with.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::extract::Operator;

#[derive(Serialize, ToSchema)]
pub struct Setup {
    version: &'static str,
    /// `production` or `development`.
    env: &'static str,
    roles: String,
    /// `sqlite` or `postgresql`.
    engine: &'static str,
    /// What a commit waits for before it is acknowledged.
    durability: &'static str,
    db_max_conns: u32,
    /// Whether nodes share their limits.
    redis: bool,
    /// Where they differ from the defaults.
    limits: String,
    proof_of_work: String,
    trusted_proxies: usize,
}

/// The settings that change what a node does under load.
#[utoipa::path(get, path = "/v1/admin/server", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = Setup)))]
pub async fn setup(State(app): State<Shared>, _: Operator) -> Json<Setup> {
    let config = &app.config;
    Json(Setup {
        version: env!("CARGO_PKG_VERSION"),
        env: if config.is_development() { "development" } else { "production" },
        roles: config.roles.to_string(),
        engine: app.store.engine(),
        durability: durability(&app),
        db_max_conns: config.db_max_conns,
        redis: config.redis_url.is_some(),
        limits: config.limits.to_string(),
        proof_of_work: config.proof_of_work.map_or("off".to_owned(), |difficulty| difficulty.to_string()),
        trusted_proxies: config.trusted_proxies.len(),
    })
}

/// What is set at every connection, and what is checked at the start; no more than is known.
fn durability(app: &App) -> &'static str {
    match (app.store.is_shared(), app.config.is_development()) {
        (false, _) => "journal_mode=wal, synchronous=full",
        (true, false) => "synchronous_commit=on, fsync=on, full_page_writes=on",
        (true, true) => "synchronous_commit=on; fsync is not asked for in development",
    }
}
