//! What operators did, by pages, and whether anybody has touched the record of it.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::Response;
use serde_json::{Value, json};
use store::audit::{AuditPage, Entry, Seal};
use store::audit_chain::{Chain, VerifyAudit, in_hex};
use store::audit_copy::AuditExport;
use uuid::Uuid;

use super::line::ndjson;
use super::shapes::AuditLog;
use super::{Page, existing, page};
use crate::app::{App, Shared};
use crate::extract::{Named, Operator};
use crate::problem::Problem;

/// Acts on one sale, and whether the chain of seals over all acts holds.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/audit", tag = "admin", security(("admin" = [])), params(Page),
    responses((status = 200, body = AuditLog),
        (status = 404, description = "sale_not_found"), (status = 422, description = "invalid_field")))]
pub async fn of_sale(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let sale = existing(&app, &id).await?;
    answer(&app, Some(sale.to_string()), &page).await
}

/// All acts, on sales and on everything else, and whether the chain of seals over them holds.
#[utoipa::path(get, path = "/v1/admin/audit", tag = "admin", security(("admin" = [])), params(Page),
    responses((status = 200, body = AuditLog),
        (status = 422, description = "invalid_field")))]
pub async fn all(State(app): State<Shared>, _: Operator, Query(page): Query<Page>) -> Result<Json<Value>, Problem> {
    answer(&app, None, &page).await
}

/// The whole log with its seals as lines of JSON, from one snapshot: what `traffic audit verify` reads.
#[utoipa::path(get, path = "/v1/admin/audit.ndjson", tag = "admin", security(("admin" = [])),
    responses((status = 200, content_type = "application/x-ndjson")))]
pub async fn copy(State(app): State<Shared>, _: Operator) -> Response {
    let store = app.store.clone();
    ndjson(move |sink| async move {
        // A copy that is cut off has no `end` line: its reader notices.
        if let Err(error) = store.read(AuditExport { sink }).await {
            tracing::error!(%error, "a copy of the audit log broke off");
        }
    })
}

async fn answer(app: &App, subject: Option<String>, page: &Page) -> Result<Json<Value>, Problem> {
    let after = match page.after.as_deref() {
        Some(text) => Uuid::parse_str(text).map_err(|_| Problem::field("after", "after: the id of an entry."))?,
        None => Uuid::nil(),
    };
    let limit = page.limit()?;
    let entries = app.store.read(AuditPage { subject, after, limit }).await?;
    let chain = app.store.read(VerifyAudit).await?;
    let next_after = page::next(&entries, limit, |(entry, _)| entry.id);
    let entries: Vec<Value> = entries.iter().map(|(entry, seal)| entry_json(app, entry, seal.as_ref())).collect();
    Ok(Json(json!({ "entries": entries, "next_after": next_after, "chain": chain_json(&chain) })))
}

fn entry_json(app: &App, entry: &Entry, seal: Option<&Seal>) -> Value {
    // Details are JSON of ours; what somebody put in their place is shown as it is.
    let details = serde_json::from_str(&entry.details).unwrap_or_else(|_| json!(entry.details));
    json!({
        "id": entry.id, "at": app.store.shown(entry.at), "actor": entry.actor, "act": entry.act,
        "subject": entry.subject, "details": details,
        "sealed": seal.map(|seal| json!({ "seq": seal.seq, "digest": seal.digest.as_deref().map(in_hex) })),
    })
}

fn chain_json(chain: &Chain) -> Value {
    json!({
        "state": if chain.broken.is_some() { "broken" } else { "ok" },
        "broken_at": chain.broken.map(|(seq, _)| seq), "why": chain.broken.map(|(_, why)| why),
        "seals": chain.seals, "sealed_entries": chain.entries, "unsealed_entries": chain.unsealed,
        "digest": chain.digest.as_deref().map(in_hex),
        "late_entries": chain.late_count, "late": chain.late,
    })
}
