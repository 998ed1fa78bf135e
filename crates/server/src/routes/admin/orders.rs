//! The orders of a sale: by pages, and all of them for a spreadsheet.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use domain::{OrderId, Refusal, SaleId};
use futures_util::stream;
use http::header;
use serde_json::{Value, json};
use store::Failure;
use store::order_book::{OrderPage, OrderRow};

use super::csv;
use super::shapes::OrderBook;
use super::{PAGE_ROWS_MAX, Page, page, sale_id};
use crate::app::{App, Shared};
use crate::extract::{Named, Operator};
use crate::problem::Problem;

const COLUMNS: [&str; 13] = [
    "order_id",
    "created_at",
    "settled_at",
    "status",
    "user_id",
    "email",
    "seats",
    "quantity",
    "total",
    "currency",
    "payment",
    "cancelled",
    "refunded",
];

/// The orders of a sale in the order in which they were made, whatever became of them.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/orders", tag = "admin", security(("admin" = [])), params(Page),
    responses((status = 200, body = OrderBook), (status = 404, description = "sale_not_found"),
        (status = 422, description = "invalid_field")))]
pub async fn list(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let sale = sale_id(&id)?;
    let unknown = || Problem::field("after", "after: the id of an order of this sale.");
    let after = page.after.as_deref().map(|text| text.parse().map_err(|_| unknown())).transpose()?;
    let limit = page.limit()?;
    let orders = app.store.read(OrderPage { sale, after, limit }).await.map_err(|failure| match failure {
        Failure::Refused(Refusal::OrderNotFound) => unknown(),
        other => other.into(),
    })?;
    let next_after = page::next(&orders, limit, |order| order.id);
    let orders: Vec<Value> = orders.iter().map(|order| order_json(&app, order)).collect();
    Ok(Json(json!({ "orders": orders, "next_after": next_after })))
}

fn order_json(app: &App, order: &OrderRow) -> Value {
    json!({
        "order_id": order.id, "created_at": app.store.shown(order.created_at),
        "settled_at": order.settled_at.map(|at| app.store.shown(at)), "status": order.status,
        "user_id": order.account, "email": order.email, "seats": order.seats, "quantity": order.seats.len(),
        "total": order.total, "currency": order.currency, "payment": order.payment,
        "cancelled": order.cancelled, "refunded": order.refunded,
    })
}

/// The same as a table (RFC 4180, UTF-8, amounts in minor units), written while it is read.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/orders.csv", tag = "admin", security(("admin" = [])),
    responses((status = 200, content_type = "text/csv"), (status = 404, description = "sale_not_found")))]
pub async fn table(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Response, Problem> {
    let sale = sale_id(&id)?;
    // The first page is read before the answer begins: what is wrong with the sale is still a problem document.
    let first = app.store.read(OrderPage { sale, after: None, limit: PAGE_ROWS_MAX }).await?;
    let start = Some(Part { header: true, orders: first });
    let parts = stream::try_unfold(start, move |part| {
        let app = Arc::clone(&app);
        async move {
            let Some(part) = part else { return Ok::<_, io::Error>(None) };
            let text = part.text(&app);
            Ok(Some((Bytes::from(text), next(&app, sale, &part.orders).await?)))
        }
    });
    let name = format!("attachment; filename=\"orders-{sale}.csv\"");
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// A page on its way.
struct Part {
    header: bool,
    orders: Vec<OrderRow>,
}

impl Part {
    fn text(&self, app: &App) -> String {
        let mut text = String::new();
        if self.header {
            csv::write(&mut text, COLUMNS);
        }
        for order in &self.orders {
            csv::write(&mut text, fields(app, order).each_ref().map(String::as_str));
        }
        text
    }
}

/// The page after this one; a body that breaks off is the only sign of trouble that is left.
async fn next(app: &App, sale: SaleId, orders: &[OrderRow]) -> io::Result<Option<Part>> {
    let Some(last) = orders.last().filter(|_| orders.len() as i64 == PAGE_ROWS_MAX) else { return Ok(None) };
    let after: Option<OrderId> = Some(last.id);
    let orders = app.store.read(OrderPage { sale, after, limit: PAGE_ROWS_MAX }).await.map_err(|failure| {
        tracing::error!(%failure, %sale, "a table of orders broke off");
        io::Error::other("the orders cannot be read")
    })?;
    Ok(Some(Part { header: false, orders }))
}

fn fields(app: &App, order: &OrderRow) -> [String; 13] {
    let shown = |at| app.store.shown(at).to_string();
    [
        order.id.to_string(),
        shown(order.created_at),
        order.settled_at.map(shown).unwrap_or_default(),
        order.status.clone(),
        order.account.to_string(),
        order.email.clone().unwrap_or_default(),
        order.seats.join(" "),
        order.seats.len().to_string(),
        order.total.0.to_string(),
        order.currency.clone(),
        order.payment.clone().unwrap_or_default(),
        order.cancelled.join(" "),
        order.refunded.0.to_string(),
    ]
}
