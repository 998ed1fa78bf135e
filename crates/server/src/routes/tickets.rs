//! Tickets as their holder reads and shows them, and the transfer that never happens.

use axum::Json;
use axum::extract::{Query, State};
use domain::{Refusal, Timestamp};
use serde::Serialize;
use store::tickets::{OneTicket, OwnTicket, OwnTickets};
use utoipa::ToSchema;

use super::orders::seat_parts;
use super::page::{self, Page};
use super::sales::EventFacts;
use crate::app::Shared;
use crate::extract::{Fan, Named};
use crate::limits::RouteClass;
use crate::problem::Problem;
use crate::tickets::{TicketSigner, picture};

#[derive(Serialize, ToSchema)]
pub struct Ticket {
    ticket_id: String,
    order_id: String,
    sale_id: String,
    event: EventFacts,
    seat_id: String,
    section: String,
    row: Option<u32>,
    num: Option<u32>,
    /// In minor units.
    price: i64,
    currency: String,
    holder: Holder,
    /// `valid` or `cancelled`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    issued_at: Timestamp,
    /// When it was let in, once it was.
    #[schema(value_type = Option<String>, format = DateTime)]
    used_at: Option<Timestamp>,
    /// 1, and one more each time it was issued again: only the code of this version is good.
    version: i64,
    /// What the door checks: `T1.<payload>.<signature>`, see docs/tickets.md. On the single ticket only, while it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The code as a QR picture, SVG. On the single ticket only, while it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    qr: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Holder {
    account: String,
    /// The name on the ticket, where one was given.
    name: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct TicketList {
    tickets: Vec<Ticket>,
    /// The `after` of the next page; null on the last.
    next_after: Option<String>,
}

/// One's own tickets, the newest order first, a page at a time, without their codes.
#[utoipa::path(get, path = "/v1/tickets", tag = "fan", security(("session" = [])), params(Page), responses(
    (status = 200, body = TicketList), (status = 401, description = "session_invalid"),
    (status = 422, description = "invalid_field: after or limit"), (status = 429, description = "rate_limited")))]
pub async fn list(
    State(app): State<Shared>,
    Fan(account): Fan,
    Query(page): Query<Page>,
) -> Result<Json<TicketList>, Problem> {
    app.limits.check(RouteClass::Seats, account, app.clock.monotonic())?;
    let (after, limit) = (page.after()?, page.limit()?);
    let tickets = app.store.read(OwnTickets { account, after, limit }).await?.ok_or_else(Page::no_such_after)?;
    let next_after = page::next(&tickets, limit, |ticket| ticket.id.to_string());
    Ok(Json(TicketList { tickets: tickets.into_iter().map(facts).collect(), next_after }))
}

/// One's own ticket, with the signed code and its picture for the door.
#[utoipa::path(get, path = "/v1/tickets/{id}", tag = "fan", security(("session" = [])), responses(
    (status = 200, body = Ticket), (status = 401, description = "session_invalid"),
    (status = 404, description = "ticket_not_found, also for another's"), (status = 429, description = "rate_limited")))]
pub async fn one(
    State(app): State<Shared>,
    Fan(account): Fan,
    Named(id): Named<String>,
) -> Result<Json<Ticket>, Problem> {
    app.limits.check(RouteClass::Seats, account, app.clock.monotonic())?;
    let ticket = id.parse().map_err(|_| Refusal::TicketNotFound)?;
    let ticket = app.store.read(OneTicket { account, ticket }).await?.ok_or(Refusal::TicketNotFound)?;
    Ok(Json(with_code(&app.tickets, ticket)))
}

fn with_code(signer: &TicketSigner, ticket: OwnTicket) -> Ticket {
    let code = ticket.cancelled_at.is_none().then(|| signer.code(&ticket));
    let qr = code.as_deref().map(picture);
    Ticket { code, qr, ..facts(ticket) }
}

fn facts(ticket: OwnTicket) -> Ticket {
    let (section, row, num) = seat_parts(&ticket.label);
    Ticket {
        ticket_id: ticket.id.to_string(),
        order_id: ticket.order.to_string(),
        sale_id: ticket.sale.to_string(),
        event: EventFacts::of(&ticket.event),
        section,
        row,
        num,
        seat_id: ticket.label.clone(),
        price: ticket.price.0,
        currency: ticket.currency,
        holder: Holder { account: ticket.account.to_string(), name: ticket.attendee },
        status: if ticket.cancelled_at.is_none() { "valid" } else { "cancelled" },
        issued_at: ticket.issued_at,
        used_at: ticket.admitted.map(|entry| entry.at),
        version: ticket.version,
        code: None,
        qr: None,
    }
}

/// Tickets are bound to their buyer: always refused, with or without credentials.
#[utoipa::path(post, path = "/v1/tickets/transfer", tag = "fan",
    responses((status = 403, description = "transfer_blocked")))]
pub async fn transfer() -> Problem {
    Refusal::TransferBlocked.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tickets::tests::{signer, ticket};

    #[test]
    fn a_cancelled_ticket_says_so_and_has_no_code() {
        let valid = with_code(&signer(1), ticket());
        assert_eq!((valid.status, valid.code.is_some(), valid.qr.is_some()), ("valid", true, true));
        let cancelled = OwnTicket { cancelled_at: Some(Timestamp(2)), ..ticket() };
        let shown = with_code(&signer(1), cancelled);
        assert_eq!((shown.status, shown.code, shown.qr), ("cancelled", None, None));
    }
}
