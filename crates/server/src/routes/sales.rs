//! What everybody may know about a sale.

use std::ops::RangeInclusive;

use axum::Json;
use axum::extract::State;
use domain::money::Money;
use domain::sale::{Phase, Sale};
use domain::seat_map::SeatMap;
use domain::waiting_room::{Band, seats_left};
use domain::{Refusal, Timestamp};
use serde::Serialize;
use store::catalog::{Event, Listed, Sales};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::extract::Named;
use crate::problem::Problem;
use crate::waiting_room::Room;

#[derive(Serialize, ToSchema)]
pub struct SaleFacts {
    pub(super) sale_id: String,
    pub(super) event: EventFacts,
    #[schema(value_type = String)]
    pub(super) phase: Phase,
    #[schema(value_type = String, format = DateTime)]
    pub(super) opens_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub(super) ends_at: Timestamp,
    pub(super) price: PriceRange,
    pub(super) max_tickets_per_user: i64,
    pub(super) seats_left: SeatsLeft,
    #[schema(value_type = String, format = DateTime)]
    server_time: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct EventFacts {
    event_id: String,
    pub(super) name: String,
    pub(super) venue: String,
    #[schema(value_type = String, format = DateTime)]
    pub(super) starts_at: Timestamp,
}

impl EventFacts {
    pub fn of(event: &Event) -> Self {
        Self {
            event_id: event.id.to_string(),
            name: event.name.clone(),
            venue: event.venue.clone(),
            starts_at: event.starts_at,
        }
    }
}

/// In minor units, all-in.
#[derive(Serialize, ToSchema)]
pub struct PriceRange {
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) currency: String,
}

/// A band, and a number of seats that are certainly left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SeatsLeft {
    #[schema(value_type = String)]
    pub band: Band,
    pub at_least: i64,
}

impl SeatsLeft {
    pub fn of(free: i64, total: i64) -> Self {
        let (band, at_least) = seats_left(free, total);
        Self { band, at_least }
    }
}

#[derive(Serialize, ToSchema)]
pub struct SaleList {
    sales: Vec<SaleFacts>,
}

/// Sales, newest first.
#[utoipa::path(get, path = "/v1/sales", tag = "fan", responses((status = 200, body = SaleList)))]
pub async fn list(State(app): State<Shared>) -> Result<Json<SaleList>, Problem> {
    let sales = app.store.read(Sales { only: None }).await?;
    let mut shown = Vec::with_capacity(sales.len());
    for listed in &sales {
        shown.push(facts(&app, listed).await?);
    }
    Ok(Json(SaleList { sales: shown }))
}

/// One sale.
#[utoipa::path(get, path = "/v1/sales/{id}", tag = "fan",
    responses((status = 200, body = SaleFacts), (status = 404, description = "sale_not_found")))]
pub async fn one(State(app): State<Shared>, Named(id): Named<String>) -> Result<Json<SaleFacts>, Problem> {
    Ok(Json(facts_of(&app, &id).await?))
}

/// The facts of one sale by what names it in a path.
pub(super) async fn facts_of(app: &App, id: &str) -> Result<SaleFacts, Problem> {
    let id = id.parse().map_err(|_| Refusal::SaleNotFound)?;
    let sales = app.store.read(Sales { only: Some(id) }).await?;
    let listed = sales.first().ok_or(Refusal::SaleNotFound)?;
    facts(app, listed).await
}

/// The same for a page that very many load at once: from memory, but for the first time that its event is asked for.
pub(super) async fn facts_in(app: &App, room: &Room) -> Result<SaleFacts, Problem> {
    let event = match room.event.get() {
        Some(event) => event,
        None => {
            let sales = app.store.read(Sales { only: Some(room.id) }).await?;
            let event = sales.into_iter().next().ok_or(Refusal::SaleNotFound)?.event;
            room.event.get_or_init(|| event)
        }
    };
    let (sale, wall) = (room.sale(), app.clock.wall());
    Ok(told(&sale, event, &room.map.prices(), room.phase(wall), room.stock.free(), wall))
}

async fn facts(app: &App, listed: &Listed) -> Result<SaleFacts, Problem> {
    let Listed { sale, seating, event } = listed;
    let wall = app.clock.wall();
    let room = app.room_of(sale).await?;
    let free = room.as_ref().map_or(0, |room| room.stock.free());
    let phase = sale.phase(wall, room.is_some_and(|room| room.stock.is_sold_out()));
    Ok(told(sale, event, &SeatMap::new(seating).prices(), phase, free, wall))
}

fn told(
    sale: &Sale,
    event: &Event,
    prices: &RangeInclusive<Money>,
    phase: Phase,
    free: i64,
    wall: Timestamp,
) -> SaleFacts {
    SaleFacts {
        sale_id: sale.id.to_string(),
        event: EventFacts::of(event),
        phase,
        opens_at: sale.terms.opens_at,
        ends_at: sale.terms.ends_at,
        price: PriceRange { min: prices.start().0, max: prices.end().0, currency: sale.terms.currency.to_string() },
        max_tickets_per_user: sale.terms.max_tickets_per_user,
        seats_left: SeatsLeft::of(free, sale.terms.total_seats),
        server_time: wall,
    }
}
