//! Tickets that were sold: issuing one again, taking them back, and giving free what was held back.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use domain::Refusal;
use domain::seat_map::SeatMap;
use serde::Deserialize;
use serde_json::Value;
use store::Verb;
use store::cancellations::{CancelTickets, ReleaseHeld, Which};
use store::catalog::Sales;
use store::doors::Reissue;
use utoipa::ToSchema;

use super::changes::{Why, checked_reason, given};
use super::shapes::{SeatsReleased, TicketReissued, TicketsCancelled};
use super::{act, operator_key, sale_id};
use crate::answer::written;
use crate::app::Shared;
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::{Named, Operator};
use crate::problem::Problem;
use crate::routes::checkout::attendee;

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct NewIssue {
    /// The name on the ticket from now on; without it the name stays.
    #[serde(deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 200)]
    attendee: Option<String>,
    /// Kept in the audit.
    #[serde(deserialize_with = "given")]
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Or the `Idempotency-Key` header.
    #[serde(deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Release {
    /// Without them all that are held back, a thousand at most.
    #[serde(deserialize_with = "given")]
    seat_ids: Option<Vec<String>>,
    /// Kept in the audit.
    #[serde(deserialize_with = "given")]
    #[schema(max_length = 500)]
    reason: Option<String>,
    /// Or the `Idempotency-Key` header.
    #[serde(deserialize_with = "given")]
    #[schema(min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
}

/// Issues a ticket again: its version rises by one, and every code of it from before is dead.
#[utoipa::path(post, path = "/v1/admin/tickets/{id}/reissue", tag = "admin", security(("admin" = [])),
    request_body = Option<NewIssue>, responses(
    (status = 200, body = TicketReissued, description = "the holder finds the new code under the ticket"),
    (status = 404, description = "ticket_not_found"), (status = 409, description = "ticket_cancelled, ticket_used"),
    (status = 422, description = "invalid_field, idempotency_key_reused")))]
pub async fn reissue(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let ticket = id.parse().map_err(|_| Refusal::TicketNotFound)?;
    let headers = request.headers().clone();
    let new: NewIssue = body::json_or_default(request, ADMIN_BYTES_MAX).await?;
    let reason = checked_reason(new.reason)?;
    let name = new.attendee.as_deref().map(|name| attendee("attendee", name)).transpose()?;
    let asked = serde_json::json!([ticket, name, reason]).to_string();
    let key = operator_key(&headers, new.idempotency_key.as_deref(), "reissue_ticket", asked.as_bytes())?;
    let act = act(&app, "reissue_ticket", String::new(), &Value::Null);
    write(&app, Reissue { ticket, attendee: name, reason, key, act }).await
}

/// Takes a ticket back: its code is dead, its price goes back, and its seat goes where the sale's `cancelled_seats` says.
#[utoipa::path(post, path = "/v1/admin/tickets/{id}/cancel", tag = "admin", security(("admin" = [])),
    request_body = Option<Why>, responses(
    (status = 200, body = TicketsCancelled),
    (status = 404, description = "ticket_not_found"), (status = 409, description = "ticket_cancelled, ticket_used"),
    (status = 422, description = "invalid_field, idempotency_key_reused")))]
pub async fn cancel(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let ticket = id.parse().map_err(|_| Refusal::TicketNotFound)?;
    take_back(&app, Which::Ticket(ticket), "cancel_ticket", &id, request).await
}

/// Takes back what is left of an order: all of its tickets, or none where one of them was let in.
#[utoipa::path(post, path = "/v1/admin/orders/{id}/cancel", tag = "admin", security(("admin" = [])),
    request_body = Option<Why>, responses((status = 200, body = TicketsCancelled),
    (status = 404, description = "order_not_found"),
    (status = 409, description = "ticket_cancelled, ticket_used, no_tickets: it is not paid"),
    (status = 422, description = "invalid_field, idempotency_key_reused")))]
pub async fn cancel_order(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let order = id.parse().map_err(|_| Refusal::OrderNotFound)?;
    take_back(&app, Which::Order(order), "cancel_order", &id, request).await
}

async fn take_back(
    app: &Shared,
    which: Which,
    name: &'static str,
    id: &str,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let why: Why = body::json_or_default(request, ADMIN_BYTES_MAX).await?;
    let reason = checked_reason(why.reason)?;
    let asked = serde_json::json!([id, reason]).to_string();
    let key = operator_key(&headers, why.idempotency_key.as_deref(), name, asked.as_bytes())?;
    let act = act(app, name, String::new(), &Value::Null);
    write(app, CancelTickets { which, reason, key, act }).await
}

/// Puts seats of cancelled tickets that were held back on sale again.
#[utoipa::path(post, path = "/v1/admin/sales/{id}/release-held", tag = "admin", security(("admin" = [])),
    request_body = Option<Release>, responses(
    (status = 200, body = SeatsReleased),
    (status = 404, description = "sale_not_found"), (status = 409, description = "unavailable: a seat is not held back"),
    (status = 422, description = "invalid_field, idempotency_key_reused")))]
pub async fn release_held(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let sale = sale_id(&id)?;
    let listed = app.store.read(Sales { only: Some(sale) }).await?;
    let map = SeatMap::new(&listed.first().ok_or(Refusal::SaleNotFound)?.seating);
    let headers = request.headers().clone();
    let release: Release = body::json_or_default(request, ADMIN_BYTES_MAX).await?;
    let reason = checked_reason(release.reason)?;
    let seats = release.seat_ids.as_deref().map(|ids| numbers(&map, ids)).transpose()?;
    let asked = serde_json::json!([sale, seats, reason]).to_string();
    let key = operator_key(&headers, release.idempotency_key.as_deref(), "release_held", asked.as_bytes())?;
    let act = act(&app, "release_held", String::new(), &Value::Null);
    write(&app, ReleaseHeld { sale, seats, reason, key, act }).await
}

/// Distinct seats of this hall, as many as one command may write.
fn numbers(map: &SeatMap, ids: &[String]) -> Result<Vec<u32>, Problem> {
    if !(1..=store::MOST_ROWS_PER_COMMAND).contains(&ids.len()) {
        let detail = format!("seat_ids: 1 to {} seats, or leave it out.", store::MOST_ROWS_PER_COMMAND);
        return Err(Problem::field("seat_ids", detail));
    }
    let mut seats = Vec::with_capacity(ids.len());
    for (at, id) in ids.iter().enumerate() {
        let field = format!("seat_ids[{at}]");
        let seat = map.find(id).filter(|seat| !seats.contains(seat));
        seats.push(seat.ok_or_else(|| {
            let detail = format!("{field}: this hall has no such seat, or it is named twice.");
            Problem::field(field.clone(), detail)
        })?);
    }
    Ok(seats)
}

async fn write<V: Verb<Done = Vec<u8>>>(app: &Shared, verb: V) -> Result<Response, Problem> {
    let task = Arc::clone(app);
    let answer = app.detached(async move { Ok(task.store.run(verb).await?) }).await?;
    Ok(written(answer))
}
