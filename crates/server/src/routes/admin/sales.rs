//! Sales: making them, and what they are.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::Refusal;
use serde_json::{Value, json};
use store::catalog::{Listed, Sales};
use store::stats::SaleStats;

use super::events::event_json;
use super::shapes::{OperatorSale, OperatorSales, SaleCreated, SaleStatsAnswer};
use super::{created, operator_key, sale_id};
use crate::app::{App, Shared};
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::{Named, Operator};
use crate::problem::Problem;
use crate::routes::health::staleness_ms;
use crate::routes::new_sale::{NewSale, checked, make_sale};

/// Makes a sale; answers when its seats are there.
#[utoipa::path(post, path = "/v1/admin/sales", tag = "admin", security(("admin" = [])), request_body = NewSale,
    responses((status = 201, body = SaleCreated), (status = 422, description = "invalid_field")))]
pub async fn create_sale(State(app): State<Shared>, _: Operator, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let body = body::json::<NewSale>(request, ADMIN_BYTES_MAX).await?;
    let new = body.value;
    let key = operator_key(&headers, new.idempotency_key.as_deref(), "create_sale", &body.bytes)?;
    let (event, terms, seating) = checked(&app, &new)?;
    Ok(created(make_sale(&app, event, terms, seating, key).await?))
}

/// Sales with all their terms, newest first.
#[utoipa::path(get, path = "/v1/admin/sales", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = OperatorSales)))]
pub async fn sales(State(app): State<Shared>, _: Operator) -> Result<Json<Value>, Problem> {
    let sales = app.store.read(Sales { only: None }).await?;
    let sales: Vec<Value> = sales.iter().map(|listed| sale_json(&app, listed)).collect();
    Ok(Json(json!({ "sales": sales })))
}

/// One sale with all its terms.
#[utoipa::path(get, path = "/v1/admin/sales/{id}", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = OperatorSale), (status = 404, description = "sale_not_found")))]
pub async fn sale(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let sales = app.store.read(Sales { only: Some(sale_id(&id)?) }).await?;
    let listed = sales.first().ok_or(Refusal::SaleNotFound)?;
    Ok(Json(sale_json(&app, listed)))
}

pub(super) fn sale_json(app: &App, Listed { sale, seating, event }: &Listed) -> Value {
    let wall = app.clock.wall();
    let t = &sale.terms;
    // The terms as the store has them: this node may hear of a change a moment later.
    let phase = sale.phase(wall, app.rooms.get(sale.id).is_some_and(|room| room.stock.is_sold_out()));
    let sections = seating.sections().iter();
    let cap = |cap: i64| (cap > 0).then_some(cap);
    json!({
        "sale_id": sale.id, "event": event_json(event), "phase": phase, "opens_at": t.opens_at, "ends_at": t.ends_at,
        "total_seats": t.total_seats, "admit_per_minute": t.admit_per_minute, "waiting_room_cap": t.waiting_room_cap,
        "max_tickets_per_user": t.max_tickets_per_user, "max_tickets_per_cluster": cap(t.caps.per_cluster),
        "max_tickets_per_group": cap(t.caps.per_group), "max_tickets_per_group_cluster": cap(t.caps.per_group_cluster),
        "cluster_by": t.caps.cluster_by.names().collect::<Vec<_>>(), "max_active": t.max_active, "hold_ttl_sec": t.hold_ttl_sec,
        "claim_window_sec": t.claim_window_sec, "shopping_window_sec": t.shopping_window_sec,
        "seats_per_shopper": t.seats_per_shopper, "price": t.price, "currency": t.currency,
        "cancelled_seats": t.cancelled_seats, "paused": sale.paused,
        "closed_at": sale.closed_at,
        "seating": sections.map(|s| json!({
            "section": s.name, "rows": s.rows, "seats_per_row": s.seats_per_row, "price": s.price,
        })).collect::<Vec<_>>(),
    })
}

/// All figures of a sale from one snapshot.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/stats", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = SaleStatsAnswer), (status = 404, description = "sale_not_found")))]
pub async fn stats(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let stats = app.store.read(SaleStats(sale_id(&id)?)).await?;
    let mut stats = serde_json::to_value(stats).map_err(|_| Problem::internal())?;
    stats["staleness_ms"] = json!(staleness_ms(&app));
    Ok(Json(stats))
}
