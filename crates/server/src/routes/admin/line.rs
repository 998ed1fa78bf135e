//! The line by pages, and the whole of a sale as an export.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use futures_util::StreamExt;
use http::header;
use serde_json::{Value, json};
use store::catalog::Sales;
use store::export::{Export, QueueEntries};

use super::{PAGE_ROWS_MAX, Page, number, sale_id};
use crate::app::Shared;
use crate::extract::{Named, Operator};
use crate::problem::Problem;

/// Lines of an export on their way to a slow reader.
const EXPORT_LINES_WAITING: usize = 256;

/// The line, a page at a time.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/queue-entries", tag = "admin", security(("admin" = [])), params(Page),
    responses((status = 200), (status = 404, description = "sale_not_found"), (status = 422)))]
pub async fn queue_entries(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let sale = sale_id(&id)?;
    let after = number("after", page.after.as_deref(), 0, i64::MAX)?.unwrap_or(0);
    let limit = number("limit", page.limit.as_deref(), 1, PAGE_ROWS_MAX)?.unwrap_or(PAGE_ROWS_MAX);
    let entries = app.store.read(QueueEntries { sale, after, limit }).await?;
    let full = entries.len() as i64 == limit;
    let next_after = entries.last().filter(|_| full).map(|entry| entry["position"].clone());
    Ok(Json(json!({ "entries": entries, "next_after": next_after })))
}

/// Everything of a sale as lines of JSON from one snapshot.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/export", tag = "admin", security(("admin" = [])),
    responses((status = 200, content_type = "application/x-ndjson"), (status = 404, description = "sale_not_found")))]
pub async fn export(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Response, Problem> {
    let sale = sale_id(&id)?;
    if app.store.read(Sales { only: Some(sale) }).await?.is_empty() {
        return Err(Refusal::SaleNotFound.into());
    }
    let (sink, mut lines) = tokio::sync::mpsc::channel::<Vec<u8>>(EXPORT_LINES_WAITING);
    let store = app.store.clone();
    tokio::spawn(async move {
        // A cut-off dump has no `end` line: its reader notices.
        if let Err(error) = store.read(Export { sale, sink }).await {
            tracing::error!(%error, "an export broke off");
        }
    });
    let lines = futures_util::stream::poll_fn(move |context| lines.poll_recv(context));
    let body = Body::from_stream(lines.map(|line| Ok::<Bytes, std::convert::Infallible>(line.into())));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}
