//! What the operator does: events, sales, rehearsal accounts, and looking at everything.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use domain::{AccountId, EventId, Refusal, SaleId, Timestamp};
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use store::accounts::RegisterMany;
use store::audit::Act;
use store::catalog::{CreateEvent, Event, Events, Listed, Sales};
use store::export::{Export, QueueEntries};
use store::stats::SaleStats;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::new_sale::{NewSale, checked, make_sale};
use super::{auth, keyed};
use crate::app::{App, Shared};
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::{Named, Operator};
use crate::problem::Problem;

/// Accounts that one request makes.
const BULK_MAX: i64 = 10_000;
/// Part of an address: letters, digits, and what is common between them.
const PREFIX_CHARS_MAX: usize = 64;
const NAME_CHARS_MAX: usize = 200;
/// Entries on one page.
const ENTRIES_MAX: i64 = 1_000;
/// Lines of an export on their way to a slow reader.
const EXPORT_LINES_WAITING: usize = 256;

#[derive(Deserialize, ToSchema)]
pub struct NewEvent {
    name: String,
    venue: String,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    idempotency_key: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct Bulk {
    count: i64,
    prefix: String,
}

#[derive(Deserialize, IntoParams)]
pub struct Page {
    after: Option<String>,
    limit: Option<String>,
}

/// Makes an event.
#[utoipa::path(post, path = "/v1/admin/events", tag = "admin", security(("admin" = [])), request_body = NewEvent,
    responses((status = 201, description = "{event_id}"), (status = 422, description = "invalid_field")))]
pub async fn create_event(State(app): State<Shared>, _: Operator, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let body = body::json::<NewEvent>(request, ADMIN_BYTES_MAX).await?;
    let new = body.value;
    let event = Event {
        id: EventId(app.ids.next()),
        name: name("name", &new.name)?,
        venue: name("venue", &new.venue)?,
        starts_at: new.starts_at,
    };
    let key = operator_key(&headers, new.idempotency_key.as_deref(), "create_event", &body.bytes)?;
    let act = act(&app, "create_event", event.id.to_string(), &json!({ "name": event.name }));
    let store = app.store.clone();
    let answer = app.detached(async move { Ok(store.run(CreateEvent { event, key, act }).await?) }).await?;
    Ok(created(answer))
}

fn created(json: Vec<u8>) -> Response {
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], json).into_response()
}

pub fn name(field: &'static str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(Problem::field(field, format!("{field}: 1 to {NAME_CHARS_MAX} visible characters.")))
    }
}

fn operator_key(
    headers: &HeaderMap,
    in_body: Option<&str>,
    verb: &'static str,
    bytes: &[u8],
) -> Result<Option<store::idempotency::Key>, Problem> {
    let key = keyed::find(headers, in_body)?;
    let (nobody, nowhere) = (AccountId(Uuid::nil()), SaleId(Uuid::nil()));
    Ok(key.map(|key| keyed::key(nobody, nowhere, verb, key, &String::from_utf8_lossy(bytes))))
}

pub fn act(app: &App, act: &'static str, subject: String, details: &Value) -> Act {
    Act { id: app.ids.next(), actor: "operator".to_owned(), act, subject, details: details.to_string() }
}

/// Makes a sale; answers when its seats are there.
#[utoipa::path(post, path = "/v1/admin/sales", tag = "admin", security(("admin" = [])), request_body = NewSale,
    responses((status = 201, description = "{sale_id}"), (status = 422, description = "invalid_field")))]
pub async fn create_sale(State(app): State<Shared>, _: Operator, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let body = body::json::<NewSale>(request, ADMIN_BYTES_MAX).await?;
    let new = body.value;
    let key = operator_key(&headers, new.idempotency_key.as_deref(), "create_sale", &body.bytes)?;
    let (event, terms, seating) = checked(&app, &new)?;
    Ok(created(make_sale(&app, event, terms, seating, key).await?))
}

/// Events, newest first.
#[utoipa::path(get, path = "/v1/admin/events", tag = "admin", security(("admin" = [])), responses((status = 200)))]
pub async fn events(State(app): State<Shared>, _: Operator) -> Result<Json<Value>, Problem> {
    let events = app.store.read(Events { only: None }).await?;
    let events: Vec<Value> = events.iter().map(event_json).collect();
    Ok(Json(json!({ "events": events })))
}

fn event_json(event: &Event) -> Value {
    json!({ "event_id": event.id, "name": event.name, "venue": event.venue, "starts_at": event.starts_at })
}

/// Sales with all their terms, newest first.
#[utoipa::path(get, path = "/v1/admin/sales", tag = "admin", security(("admin" = [])), responses((status = 200)))]
pub async fn sales(State(app): State<Shared>, _: Operator) -> Result<Json<Value>, Problem> {
    let sales = app.store.read(Sales { only: None }).await?;
    let sales: Vec<Value> = sales.iter().map(|listed| sale_json(&app, listed)).collect();
    Ok(Json(json!({ "sales": sales })))
}

/// One sale with all its terms.
#[utoipa::path(get, path = "/v1/admin/sales/{id}", tag = "admin", security(("admin" = [])),
    responses((status = 200), (status = 404, description = "sale_not_found")))]
pub async fn sale(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let sales = app.store.read(Sales { only: Some(sale_id(&id)?) }).await?;
    let listed = sales.first().ok_or(Refusal::SaleNotFound)?;
    Ok(Json(sale_json(&app, listed)))
}

fn sale_id(text: &str) -> Result<SaleId, Problem> {
    text.parse().map_err(|_| Refusal::SaleNotFound.into())
}

fn sale_json(app: &App, Listed { sale, seating, event }: &Listed) -> Value {
    let wall = app.clock.wall();
    let t = &sale.terms;
    let phase = app.rooms.get(sale.id).map_or_else(|| sale.phase(wall, false), |room| room.phase(wall));
    let sections = seating.sections().iter();
    json!({
        "sale_id": sale.id, "event": event_json(event), "phase": phase, "opens_at": t.opens_at, "ends_at": t.ends_at,
        "total_seats": t.total_seats, "admit_per_minute": t.admit_per_minute, "waiting_room_cap": t.waiting_room_cap,
        "max_tickets_per_user": t.max_tickets_per_user, "max_active": t.max_active, "hold_ttl_sec": t.hold_ttl_sec,
        "claim_window_sec": t.claim_window_sec, "shopping_window_sec": t.shopping_window_sec,
        "seats_per_shopper": t.seats_per_shopper, "price": t.price, "currency": t.currency, "paused": sale.paused,
        "closed_at": sale.closed_at,
        "seating": sections.map(|s| json!({
            "section": s.name, "rows": s.rows, "seats_per_row": s.seats_per_row, "price": s.price,
        })).collect::<Vec<_>>(),
    })
}

/// All figures of a sale from one snapshot.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/stats", tag = "admin", security(("admin" = [])),
    responses((status = 200), (status = 404, description = "sale_not_found")))]
pub async fn stats(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let stats = app.store.read(SaleStats(sale_id(&id)?)).await?;
    let mut stats = serde_json::to_value(stats).map_err(|_| Problem::internal())?;
    stats["staleness_ms"] = json!(super::health::STALENESS_MS);
    Ok(Json(stats))
}

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
    let limit = number("limit", page.limit.as_deref(), 1, ENTRIES_MAX)?.unwrap_or(ENTRIES_MAX);
    let entries = app.store.read(QueueEntries { sale, after, limit }).await?;
    let full = entries.len() as i64 == limit;
    let next_after = entries.last().filter(|_| full).map(|entry| entry["position"].clone());
    Ok(Json(json!({ "entries": entries, "next_after": next_after })))
}

fn number(field: &'static str, text: Option<&str>, least: i64, most: i64) -> Result<Option<i64>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.map(Some).ok_or_else(|| Problem::field(field, format!("{field}: a whole number from {least} to {most}.")))
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

/// Accounts for a rehearsal, without passwords. An address that exists keeps its account.
#[utoipa::path(post, path = "/v1/admin/accounts/bulk", tag = "admin", security(("admin" = [])), request_body = Bulk,
    responses((status = 200, description = "{accounts: [{user_id, email, token}]}"), (status = 422)))]
pub async fn bulk_accounts(State(app): State<Shared>, _: Operator, request: Request) -> Result<Json<Value>, Problem> {
    let asked: Bulk = body::json(request, ADMIN_BYTES_MAX).await?.value;
    if !(1..=BULK_MAX).contains(&asked.count) {
        return Err(Problem::field("count", format!("count: 1 to {BULK_MAX}.")));
    }
    let plain = asked.prefix.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !(1..=PREFIX_CHARS_MAX).contains(&asked.prefix.len()) || !plain {
        let detail = format!("prefix: 1 to {PREFIX_CHARS_MAX} letters, digits, dots, hyphens or underscores.");
        return Err(Problem::field("prefix", detail));
    }
    let prefix = asked.prefix.to_lowercase();
    let wanted: Vec<(AccountId, String)> =
        (1..=asked.count).map(|n| (AccountId(app.ids.next()), format!("{prefix}-{n}@rehearsal.invalid"))).collect();
    let task = Arc::clone(&app);
    let accounts = app
        .detached_long(async move {
            let mut accounts = Vec::with_capacity(wanted.len());
            for part in wanted.chunks(store::MOST_ROWS_PER_COMMAND - 1) {
                let details = json!({ "count": part.len() });
                let act = act(&task, "bulk_accounts", prefix.clone(), &details);
                let ids = task.store.run(RegisterMany { accounts: part.to_vec(), act }).await?;
                accounts.extend(
                    ids.into_iter().zip(part).map(
                        |(id, (_, email))| json!({ "user_id": id, "email": email, "token": auth::token(&task, id) }),
                    ),
                );
            }
            Ok(accounts)
        })
        .await?;
    Ok(Json(json!({ "accounts": accounts })))
}
