//! What the operator does: events, sales, rehearsal accounts, and looking at everything.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use domain::money::Currency;
use domain::sale::{FieldError, Terms};
use domain::seat_map::{Seating, Section};
use domain::{AccountId, EventId, Money, Refusal, SaleId, Timestamp};
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::accounts::RegisterMany;
use store::audit::Act;
use store::catalog::{BuildSeats, CreateEvent, CreateSale, Event, Events, Listed, Sales};
use store::export::{Export, QueueEntries};
use store::stats::SaleStats;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

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
pub struct NewSale {
    pub event_id: String,
    #[schema(value_type = String, format = DateTime)]
    pub opens_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub ends_at: Timestamp,
    /// 2000, or what the seating has.
    pub total_seats: Option<i64>,
    /// 5000
    pub admit_per_minute: Option<i64>,
    /// 100000
    pub waiting_room_cap: Option<i64>,
    /// 4
    pub max_tickets_per_user: Option<i64>,
    /// People inside or called at once; 0: no limit.
    pub max_active: Option<i64>,
    /// 720
    pub hold_ttl_sec: Option<i64>,
    /// 60
    pub claim_window_sec: Option<i64>,
    /// 600
    pub shopping_window_sec: Option<i64>,
    /// 1
    pub seats_per_shopper: Option<i64>,
    /// In minor units; 5000.
    pub price: Option<i64>,
    /// USD
    pub currency: Option<String>,
    pub seating: Option<Vec<NewSection>>,
    pub idempotency_key: Option<String>,
}

#[derive(Deserialize, Serialize, ToSchema)]
pub struct NewSection {
    section: String,
    rows: i64,
    seats_per_row: i64,
    price: i64,
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

fn act(app: &App, act: &'static str, subject: String, details: &Value) -> Act {
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

fn checked(app: &App, new: &NewSale) -> Result<(EventId, Terms, Seating), Problem> {
    let event = new.event_id.parse().map_err(|_| unknown_event())?;
    let currency = new.currency.as_deref().unwrap_or("USD");
    let price = Money(new.price.unwrap_or(5_000));
    let seating = match &new.seating {
        Some(sections) => {
            let seating = Seating::new(sections.iter().enumerate().map(section).collect::<Result<_, _>>()?)?;
            let given = new.total_seats.unwrap_or_else(|| seating.total_seats().into());
            if given != i64::from(seating.total_seats()) {
                let detail = format!("must be the seats of the seating, {}", seating.total_seats());
                return Err(FieldError::new("total_seats", detail).into());
            }
            seating
        }
        None => Seating::general(new.total_seats.unwrap_or(2_000), price)?,
    };
    let terms = Terms {
        opens_at: new.opens_at,
        ends_at: new.ends_at,
        total_seats: seating.total_seats().into(),
        admit_per_minute: new.admit_per_minute.unwrap_or(5_000),
        waiting_room_cap: new.waiting_room_cap.unwrap_or(100_000),
        max_tickets_per_user: new.max_tickets_per_user.unwrap_or(4),
        max_active: new.max_active.unwrap_or(0),
        hold_ttl_sec: new.hold_ttl_sec.unwrap_or_else(|| app.config.hold_ttl.as_secs().cast_signed()),
        claim_window_sec: new.claim_window_sec.unwrap_or(60),
        shopping_window_sec: new.shopping_window_sec.unwrap_or(600),
        seats_per_shopper: new.seats_per_shopper.unwrap_or(1),
        price,
        currency: Currency::parse(currency)
            .ok_or_else(|| FieldError::new("currency", "must be three capital letters such as USD"))?,
    };
    terms.check()?;
    Ok((event, terms, seating))
}

fn section((at, new): (usize, &NewSection)) -> Result<Section, FieldError> {
    let count = |field: &str, value: i64| {
        u32::try_from(value)
            .map_err(|_| FieldError::new(format!("seating[{at}].{field}"), format!("cannot be {value}")))
    };
    Ok(Section {
        name: new.section.clone(),
        rows: count("rows", new.rows)?,
        seats_per_row: count("seats_per_row", new.seats_per_row)?,
        price: Money(new.price),
    })
}

fn unknown_event() -> Problem {
    Problem::field("event_id", "event_id: there is no event with this id.")
}

/// Makes the sale and its seats, a thousand at a time, so that nobody waits behind them.
pub async fn make_sale(
    app: &Shared,
    event: EventId,
    terms: Terms,
    seating: Seating,
    key: Option<store::idempotency::Key>,
) -> Result<Vec<u8>, Problem> {
    let id = SaleId(app.ids.next());
    let act = act(app, "create_sale", id.to_string(), &json!({ "event": event, "total_seats": terms.total_seats }));
    let task = Arc::clone(app);
    app.detached(async move {
        let create = CreateSale { id, event, terms, seating, key, act };
        let answer = task.store.run(create).await.map_err(|failure| match failure {
            store::Failure::Refused(Refusal::EventNotFound) => unknown_event(),
            other => other.into(),
        })?;
        // A repeated key answers with the first sale, which may still be building.
        let named: Option<SaleId> = serde_json::from_slice::<Value>(&answer)
            .ok()
            .and_then(|answer| answer["sale_id"].as_str().and_then(|id| id.parse().ok()));
        let sale = named.unwrap_or(id);
        while !task.store.run(BuildSeats { sale }).await? {}
        Ok(answer)
    })
    .await
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
        .detached(async move {
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
