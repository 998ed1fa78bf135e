//! Orders as their owner reads them.

use axum::Json;
use axum::extract::{Query, State};
use domain::seat_map::parts;
use domain::{Refusal, Timestamp};
use serde::Serialize;
use store::orders::{Order, OwnOrder, OwnOrders};
use utoipa::ToSchema;

use super::page::{self, Page};
use crate::app::Shared;
use crate::extract::{Fan, Named};
use crate::limits::RouteClass;
use crate::problem::Problem;

#[derive(Serialize, ToSchema)]
pub struct OrderFacts {
    order_id: String,
    sale_id: String,
    /// As it was paid, or `partly_cancelled`, or `cancelled`.
    status: String,
    total: i64,
    /// For cancelled tickets: given back, or on its way.
    refunded: i64,
    currency: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    tickets: Vec<TicketFacts>,
}

#[derive(Serialize, ToSchema)]
pub struct TicketFacts {
    ticket_id: String,
    seat_id: String,
    section: String,
    row: Option<u32>,
    num: Option<u32>,
    price: i64,
    attendee: Option<String>,
    /// `valid` or `cancelled`.
    status: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct OrderList {
    orders: Vec<OrderFacts>,
    /// The `after` of the next page; null on the last.
    next_after: Option<String>,
}

/// One's own orders, newest first, a page at a time.
#[utoipa::path(get, path = "/v1/orders", tag = "fan", security(("session" = [])), params(Page), responses(
    (status = 200, body = OrderList), (status = 401, description = "session_invalid"),
    (status = 422, description = "invalid_field: after or limit"), (status = 429, description = "rate_limited")))]
pub async fn list(
    State(app): State<Shared>,
    Fan(account): Fan,
    Query(page): Query<Page>,
) -> Result<Json<OrderList>, Problem> {
    app.limits.check(RouteClass::Seats, account, app.clock.monotonic())?;
    let (after, limit) = (page.after()?, page.limit()?);
    let orders = app.store.read(OwnOrders { account, after, limit }).await?.ok_or_else(Page::no_such_after)?;
    let next_after = page::next(&orders, limit, |order| order.id.to_string());
    Ok(Json(OrderList { orders: orders.into_iter().map(facts).collect(), next_after }))
}

/// One's own order.
#[utoipa::path(get, path = "/v1/orders/{id}", tag = "fan", security(("session" = [])), responses(
    (status = 200, body = OrderFacts), (status = 404, description = "order_not_found, also for another's")))]
pub async fn one(
    State(app): State<Shared>,
    Fan(account): Fan,
    Named(id): Named<String>,
) -> Result<Json<OrderFacts>, Problem> {
    app.limits.check(RouteClass::Seats, account, app.clock.monotonic())?;
    let order = id.parse().map_err(|_| Refusal::OrderNotFound)?;
    let order = app.store.read(OwnOrder { account, order }).await?.ok_or(Refusal::OrderNotFound)?;
    Ok(Json(facts(order)))
}

/// Section, row and number of a seat, as tickets show them.
pub(super) fn seat_parts(label: &str) -> (String, Option<u32>, Option<u32>) {
    let seat = parts(label);
    let section = seat.map_or_else(String::new, |(section, ..)| section.to_owned());
    (section, seat.map(|(_, row, _)| row), seat.map(|(.., num)| num))
}

fn facts(order: Order) -> OrderFacts {
    let tickets = order.tickets.into_iter().map(|ticket| {
        let (section, row, num) = seat_parts(&ticket.label);
        TicketFacts {
            ticket_id: ticket.id.to_string(),
            section,
            row,
            num,
            seat_id: ticket.label.clone(),
            price: ticket.price.0,
            attendee: ticket.attendee,
            status: if ticket.cancelled_at.is_none() { "valid" } else { "cancelled" },
        }
    });
    OrderFacts {
        order_id: order.id.to_string(),
        sale_id: order.sale.to_string(),
        status: order.status,
        total: order.total.0,
        refunded: order.refunded.0,
        currency: order.currency,
        created_at: order.created_at,
        tickets: tickets.collect(),
    }
}
