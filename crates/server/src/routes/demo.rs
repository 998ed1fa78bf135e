//! The lab's side of the server: the demo sale and what a dashboard shows of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, Request, State};
use domain::caps::Caps;
use domain::money::Currency;
use domain::sale::{CancelledSeats, Phase, Terms};
use domain::seat_map::Seating;
use domain::{EventId, Money, Refusal, SaleId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::audit::Act;
use store::catalog::{AdoptDemoSale, CreateEvent, DemoSale, Event};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::admin::name;
use super::keyed;
use super::new_sale::make_sale;
use super::runs;
use crate::app::{App, RunDefaults, Shared};
use crate::body::{self, FAN_BYTES_MAX};
use crate::extract::Demo;
use crate::problem::Problem;

/// What two requests with the key of a start have in common.
const DEMO: &str = "demo";
/// How long a demo sale stays open.
const DEMO_DAYS: i64 = 30;
/// Doors of a demo sale open at most this much later.
const OPENS_IN_MS_MAX: i64 = 86_400_000;

#[derive(Serialize, ToSchema)]
pub struct DemoConfig {
    demo_key_required: bool,
    max_vus: u32,
    max_queue: u32,
    max_concurrent: u32,
    max_steady: String,
    default_vus: u32,
    /// What a run is where its wish does not say.
    defaults: RunDefaults,
}

/// The demo sale from now on.
#[derive(Serialize, ToSchema)]
pub struct DemoSaleSet {
    #[schema(value_type = String)]
    sale_id: SaleId,
    message: &'static str,
}

/// The live figures of a sale, by the server's own counts, and of the node that answers.
#[derive(Serialize, ToSchema)]
pub struct Dashboard {
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
    #[schema(value_type = String)]
    sale_id: SaleId,
    #[schema(value_type = String)]
    phase: Phase,
    /// People waiting now.
    queue_depth: i64,
    next_admit_position: i64,
    admitted_count: i64,
    joined: i64,
    called: i64,
    inside: i64,
    returning: i64,
    tickets_sold: i64,
    unique_buyers: i64,
    /// Of fans; `held_seats` are the seats in them.
    active_holds: i64,
    held_seats: i64,
    available_seats: i64,
    total_seats: i64,
    admit_per_minute: i64,
    waiting_room_cap: i64,
    health: &'static str,
    error_rate_pct: f64,
    requests_per_sec_approx: i64,
    last_latency_ms: f64,
    node: Node,
    simulation: runs::Simulation,
}

/// The node that answers, since it started.
#[derive(Serialize, ToSchema)]
pub struct Node {
    requests_total: u64,
    blocked_total: u64,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Reset {
    #[schema(minimum = 1, maximum = 200_000)]
    pub total_seats: Option<i64>,
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub admit_per_minute: Option<i64>,
    #[schema(minimum = 0, maximum = 20_000_000)]
    pub waiting_room_cap: Option<i64>,
    #[schema(minimum = 1, maximum = 50)]
    pub max_tickets_per_user: Option<i64>,
    #[schema(minimum = 1, maximum = 86_400)]
    pub hold_ttl_sec: Option<i64>,
    /// 0: the doors are open.
    #[schema(minimum = 0, maximum = 86_400_000)]
    pub opens_in_ms: Option<i64>,
    #[schema(min_length = 1, max_length = 200)]
    pub name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct Adopt {
    sale_id: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhichSale {
    sale_id: Option<String>,
}

/// What runs may ask for.
#[utoipa::path(get, path = "/v1/demo/config", tag = "lab", responses((status = 200, body = DemoConfig)))]
pub async fn config(State(app): State<Shared>) -> Result<Json<DemoConfig>, Problem> {
    if !app.config.lab {
        return Err(Problem::no_such_page());
    }
    let caps = app.config.loadtest;
    Ok(Json(DemoConfig {
        demo_key_required: app.config.demo_api_key.is_some(),
        max_vus: caps.max_vus,
        max_queue: caps.max_queue,
        max_concurrent: caps.max_concurrent,
        max_steady: format!("{}s", caps.max_steady_sec),
        default_vus: caps.default_vus,
        defaults: app.run_defaults,
    }))
}

/// Makes a new demo sale. The old one goes on by itself.
#[utoipa::path(post, path = "/v1/demo/reset", tag = "lab", request_body = Reset,
    responses((status = 200, body = DemoSaleSet), (status = 422)))]
pub async fn reset(State(app): State<Shared>, _: Demo, request: Request) -> Result<Json<DemoSaleSet>, Problem> {
    let asked: Reset = body::json_or_default(request, FAN_BYTES_MAX).await?;
    let task = Arc::clone(&app);
    let sale_id = app.detached_long(async move { new_demo_sale(&task, &asked).await }).await?;
    Ok(Json(DemoSaleSet { sale_id, message: "A new demo sale is open." }))
}

/// Makes an existing sale the demo sale.
#[utoipa::path(post, path = "/v1/demo/adopt", tag = "lab", request_body = Adopt,
    responses((status = 200, body = DemoSaleSet), (status = 404, description = "sale_not_found")))]
pub async fn adopt(State(app): State<Shared>, _: Demo, request: Request) -> Result<Json<DemoSaleSet>, Problem> {
    let asked: Adopt = body::json(request, FAN_BYTES_MAX).await?.value;
    let sale: SaleId = asked.sale_id.parse().map_err(|_| Refusal::SaleNotFound)?;
    app.store.run(AdoptDemoSale { sale, act: act(&app, "adopt_demo_sale", &sale) }).await?;
    Ok(Json(DemoSaleSet { sale_id: sale, message: "This is the demo sale now." }))
}

/// The demo sale, made anew where there is none or it has ended. Nodes that start together make one between them: what they
/// ask for has one key, made of the sale that it replaces.
pub async fn ensure_demo_sale(app: &Shared) -> Result<SaleId, Problem> {
    let current = current(app).await?;
    if let Some(sale) = current {
        let room = app.surely(|| app.rooms.get(sale).ok_or(Refusal::SaleNotFound)).await.ok();
        if room.is_some_and(|room| !room.sale().has_ended(app.clock.wall())) {
            return Ok(sale);
        }
    }
    let instead_of = current.map_or_else(|| "none".to_owned(), |sale| sale.to_string());
    make(app, &Reset::default(), Some(format!("demo-instead-of-{instead_of}"))).await
}

async fn current(app: &App) -> Result<Option<SaleId>, Problem> {
    Ok(app.store.read(DemoSale).await?)
}

pub async fn new_demo_sale(app: &Shared, asked: &Reset) -> Result<SaleId, Problem> {
    make(app, asked, None).await
}

async fn make(app: &Shared, asked: &Reset, once: Option<String>) -> Result<SaleId, Problem> {
    let name = name("name", asked.name.as_deref().unwrap_or("Demo night"))?;
    let opens_in_ms = asked.opens_in_ms.unwrap_or(0);
    if !(0..=OPENS_IN_MS_MAX).contains(&opens_in_ms) {
        return Err(Problem::field("opens_in_ms", format!("opens_in_ms: 0 to {OPENS_IN_MS_MAX}.")));
    }
    let opens_at = app.clock.wall().plus_ms(opens_in_ms);
    let price = Money(5_000);
    let seating = Seating::general(asked.total_seats.unwrap_or(500), price)?;
    let terms = Terms {
        opens_at,
        ends_at: opens_at.plus_sec(DEMO_DAYS * 86_400),
        total_seats: seating.total_seats().into(),
        admit_per_minute: asked.admit_per_minute.unwrap_or(6_000),
        waiting_room_cap: asked.waiting_room_cap.unwrap_or(100_000),
        max_tickets_per_user: asked.max_tickets_per_user.unwrap_or(4),
        caps: Caps::default(),
        max_active: 0,
        hold_ttl_sec: asked.hold_ttl_sec.unwrap_or_else(|| app.config.hold_ttl.as_secs().cast_signed()),
        claim_window_sec: 60,
        shopping_window_sec: 600,
        seats_per_shopper: 1,
        price,
        currency: Currency::parse("USD").ok_or_else(Problem::internal)?,
        cancelled_seats: CancelledSeats::Public,
    };
    terms.check()?;
    let event = Event {
        id: EventId(app.ids.next()),
        name,
        venue: "Rehearsal hall".to_owned(),
        starts_at: terms.ends_at,
        group: None,
    };
    let event_id = event.id;
    let created = act(app, "create_event", &event_id);
    let key = |verb| once.clone().map(|once| keyed::of_nobody(verb, once, DEMO));
    let event = app.store.run(CreateEvent { event, key: key("create_event"), act: created }).await?;
    let event = id_in(&event, "event_id").map(EventId)?;
    let answer = make_sale(app, event, terms, seating, key("create_sale")).await?;
    let sale = id_in(&answer, "sale_id").map(SaleId)?;
    app.store.run(AdoptDemoSale { sale, act: act(app, "adopt_demo_sale", &sale) }).await?;
    Ok(sale)
}

/// The id in an answer that the store has kept.
fn id_in(answer: &[u8], member: &str) -> Result<Uuid, Problem> {
    let answer: Value = serde_json::from_slice(answer).map_err(|_| Problem::internal())?;
    answer[member].as_str().and_then(|id| id.parse().ok()).ok_or_else(Problem::internal)
}

pub(super) fn act(app: &App, act: &'static str, subject: &impl std::fmt::Display) -> Act {
    Act { id: app.ids.next(), actor: "demo".to_owned(), act, subject: subject.to_string(), details: "{}".to_owned() }
}

/// The live figures of a sale: the demo sale unless another is named.
#[utoipa::path(get, path = "/v1/demo/dashboard", tag = "lab", params(WhichSale),
    responses((status = 200, body = Dashboard), (status = 404, description = "sale_not_found")))]
pub async fn dashboard(
    State(app): State<Shared>,
    _: Demo,
    Query(which): Query<WhichSale>,
) -> Result<Json<Dashboard>, Problem> {
    let sale = match &which.sale_id {
        Some(text) => Some(text.parse().map_err(|_| Refusal::SaleNotFound)?),
        None => current(&app).await?,
    };
    Ok(Json(figures(&app, sale.ok_or(Refusal::SaleNotFound)?).await?))
}

pub async fn figures(app: &App, sale: SaleId) -> Result<Dashboard, Problem> {
    let stats = app.store.read(store::stats::SaleStats(sale)).await?;
    let metrics = &app.metrics;
    let terms = app.surely(|| app.rooms.get(sale).ok_or(Refusal::SaleNotFound)).await?.sale().terms.clone();
    Ok(Dashboard {
        timestamp: app.clock.wall(),
        sale_id: sale,
        phase: stats.phase,
        queue_depth: stats.waiting,
        next_admit_position: stats.through + 1,
        admitted_count: stats.through,
        joined: stats.joined,
        called: stats.called,
        inside: stats.inside,
        returning: stats.returning,
        tickets_sold: stats.tickets_sold,
        unique_buyers: stats.unique_buyers,
        active_holds: stats.holds,
        held_seats: stats.held_seats,
        available_seats: stats.available_seats,
        total_seats: stats.total_seats,
        admit_per_minute: terms.admit_per_minute,
        waiting_room_cap: terms.waiting_room_cap,
        health: "ok",
        error_rate_pct: metrics.error_rate_pct(),
        requests_per_sec_approx: metrics.per_sec(),
        last_latency_ms: metrics.last_latency_ms(),
        node: Node { requests_total: metrics.total(), blocked_total: metrics.blocked() },
        simulation: runs::simulation(app).await?,
    })
}
