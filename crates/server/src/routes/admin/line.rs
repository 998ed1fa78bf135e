//! The line by pages, and the whole of a sale as an export.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use domain::AccountId;
use futures_util::StreamExt;
use http::header;
use serde::Deserialize;
use serde_json::{Value, json};
use store::accounts::ByEmail;
use store::export::{Export, PlacesOf, QueueEntries};
use tokio::sync::mpsc::Sender;
use utoipa::IntoParams;

use super::exceptions::account;
use super::shapes::LinePage;
use super::{Page, existing, page, sale_id};
use crate::app::{App, Shared};
use crate::extract::{Named, Operator};
use crate::problem::Problem;

/// Lines of an export on their way to a slow reader.
const EXPORT_LINES_WAITING: usize = 256;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfAccount {
    /// The places of one account alone, by its id or its e-mail address.
    who: Option<String>,
}

/// The line, a page at a time, or the places of one account.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/queue-entries", tag = "admin", security(("admin" = [])),
    params(Page, OfAccount),
    responses((status = 200, body = LinePage), (status = 404, description = "sale_not_found"),
        (status = 422, description = "invalid_field")))]
pub async fn queue_entries(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    Query(page): Query<Page>,
    Query(of): Query<OfAccount>,
) -> Result<Json<Value>, Problem> {
    let sale = sale_id(&id)?;
    if let Some(who) = of.who {
        let entries = match known(&app, who.trim()).await? {
            Some(account) => app.store.read(PlacesOf { sale, account }).await?,
            None => existing(&app, &id).await.map(|_| Vec::new())?,
        };
        return Ok(Json(json!({ "entries": entries, "next_after": null })));
    }
    let after = page::number("after", page.after.as_deref(), 0, i64::MAX)?.unwrap_or(0);
    let limit = page.limit()?;
    let entries = app.store.read(QueueEntries { sale, after, limit }).await?;
    let next_after = page::next(&entries, limit, |entry| entry["position"].clone());
    Ok(Json(json!({ "entries": entries, "next_after": next_after })))
}

/// Nobody has an address that is no address.
async fn known(app: &App, who: &str) -> Result<Option<AccountId>, Problem> {
    if who.contains('@') {
        return Ok(app.store.read(ByEmail(who.to_lowercase())).await?.map(|account| account.id));
    }
    account(app, who).await
}

/// Everything of a sale as lines of JSON from one snapshot.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/export", tag = "admin", security(("admin" = [])),
    responses((status = 200, content_type = "application/x-ndjson"), (status = 404, description = "sale_not_found")))]
pub async fn export(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Response, Problem> {
    let sale = existing(&app, &id).await?;
    let store = app.store.clone();
    Ok(ndjson(move |sink| async move {
        // A cut-off dump has no `end` line: its reader notices.
        if let Err(error) = store.read(Export { sale, sink }).await {
            tracing::error!(%error, "an export broke off");
        }
    }))
}

/// Lines as they come, from a task of its own.
pub(super) fn ndjson<W: Future<Output = ()> + Send + 'static>(write: impl FnOnce(Sender<Vec<u8>>) -> W) -> Response {
    let (sink, mut lines) = tokio::sync::mpsc::channel::<Vec<u8>>(EXPORT_LINES_WAITING);
    tokio::spawn(write(sink));
    let lines = futures_util::stream::poll_fn(move |context| lines.poll_recv(context));
    let body = Body::from_stream(lines.map(|line| Ok::<Bytes, std::convert::Infallible>(line.into())));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}
