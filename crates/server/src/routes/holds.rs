//! Holding seats: these, or the best available.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::best_available::best_available;
use domain::{HoldId, Refusal, hold};
use http::StatusCode;
use serde::Deserialize;
use store::Failure;
use store::answers::HoldAnswer;
use store::holds::{OwnHoldQuery, PlaceHold, ReleaseHold};
use utoipa::ToSchema;

use super::keyed;
use crate::admission::Admission;
use crate::answer::written;
use crate::app::Shared;
use crate::body::{self, FAN_BYTES_MAX};
use crate::extract::{Admitted, Named};
use crate::limits::RouteClass;
use crate::problem::Problem;
use crate::source::Source;
use crate::waiting_room::Room;

/// A lost race for the best seats chooses again so often.
const ATTEMPTS: u32 = 3;

#[derive(Deserialize, ToSchema)]
pub struct Wish {
    /// Exactly these seats,
    seat_ids: Option<Vec<String>>,
    /// or the best that are left.
    best_available: Option<BestAvailable>,
    /// Or the `Idempotency-Key` header.
    #[schema(min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct BestAvailable {
    quantity: i64,
    section: Option<String>,
}

/// Seats as wished for, before it is known which.
enum Wanted {
    These(Vec<u32>),
    Best { quantity: u32, section: Option<String> },
}

#[derive(serde::Serialize, ToSchema)]
pub struct Hold {
    hold_id: String,
    seat_ids: Vec<String>,
    #[schema(format = DateTime)]
    expires_at: String,
    total: i64,
    currency: String,
}

/// Holds seats: all of them or none.
#[utoipa::path(post, path = "/v1/sales/{id}/holds", tag = "fan", security(("admission" = [])), request_body = Wish,
    responses((status = 200, body = Hold), (status = 403, description = "admission_* or *cap_exceeded"),
    (status = 409, description = "unavailable or active_hold_exists"), (status = 422, description = "bad_count")))]
pub async fn place(
    State(app): State<Shared>,
    admitted: Admitted,
    source: Source,
    Named(id): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let answer = take(&app, &admitted, source, &id, request).await;
    Ok(written(app.metrics.holds.noted("placed", answer)?))
}

async fn take(
    app: &Shared,
    admitted: &Admitted,
    source: Source,
    id: &str,
    request: Request,
) -> Result<Vec<u8>, Problem> {
    let admission = admitted.to(app, id.parse().ok())?;
    app.limits.check_both(RouteClass::Hold, admission.account, source, app.clock.monotonic())?;
    let room = app.room(id).await?;
    let (headers, from) = (request.headers().clone(), source.address());
    let wish: Wish = body::json(request, FAN_BYTES_MAX).await?.value;
    let asked = asked(&wish);
    let wanted = wanted(&room, &wish)?;
    let key = keyed::required(&headers, wish.idempotency_key.as_deref())?;
    let key = keyed::key(admission.account, room.id, "hold", key, &asked);
    let task = Arc::clone(app);
    let (account, sale) = (admission.account, room.id);
    let answer = app.detached(async move { hold_seats(&task, &room, admission, from, wanted, key).await }).await;
    app.refusals.noted(account, sale, app.clock.wall(), answer)
}

/// What makes two requests the same one.
fn asked(wish: &Wish) -> String {
    let best = wish.best_available.as_ref().map(|best| (best.quantity, &best.section));
    serde_json::json!([wish.seat_ids, best]).to_string()
}

/// The shape (422). Whether such seats exist and are free the transaction says, in its order of rules.
fn wanted(room: &Room, wish: &Wish) -> Result<Wanted, Problem> {
    match (&wish.seat_ids, &wish.best_available) {
        (Some(_), Some(_)) => Err(Problem::field("best_available", "best_available: give this or seat_ids, not both.")),
        (None, None) => Err(Problem::field("seat_ids", "seat_ids: say which seats, or ask for best_available.")),
        (Some(ids), None) => {
            hold::count(ids.len())?;
            let distinct: std::collections::HashSet<&String> = ids.iter().collect();
            if distinct.len() != ids.len() {
                return Err(Refusal::BadCount { most: domain::sale::MOST_SEATS_PER_HOLD }.into());
            }
            let nowhere = stand_in(room, ids.len());
            let seats = ids.iter().zip(nowhere).map(|(id, nowhere)| room.map.find(id).unwrap_or(nowhere));
            Ok(Wanted::These(seats.collect()))
        }
        (None, Some(best)) => {
            hold::count(usize::try_from(best.quantity).unwrap_or(0)).map_err(|refusal| {
                let field = Some("best_available.quantity".to_owned());
                Problem { field, ..refusal.into() }
            })?;
            let quantity = u32::try_from(best.quantity).unwrap_or(0);
            Ok(Wanted::Best { quantity, section: best.section.clone() })
        }
    }
}

async fn hold_seats(
    app: &Shared,
    room: &Room,
    admission: Admission,
    address: Option<IpAddr>,
    wanted: Wanted,
    key: store::idempotency::Key,
) -> Result<Vec<u8>, Problem> {
    let command = |seats: Vec<u32>| PlaceHold {
        id: HoldId(app.ids.next()),
        sale: admission.sale,
        account: admission.account,
        claim: admission.claim,
        seats,
        address,
        key: key.clone(),
    };
    let (quantity, section) = match wanted {
        Wanted::These(seats) => return Ok(app.store.run(command(seats)).await?),
        Wanted::Best { quantity, section } => (quantity, section),
    };
    for attempt in 0..ATTEMPTS {
        let free = |seat| room.stock.is_free(seat);
        let choose = || best_available(&room.map, free, quantity, section.as_deref(), admission.account, attempt);
        let mut choice = choose();
        // What another node gave back may not be in sight yet.
        if choice.is_none() && app.store.is_shared() {
            app.catch_up().await?;
            choice = choose();
        }
        // With too few seats in sight the transaction still decides: the key may be answered already, and every other
        // refusal comes first.
        let seats = choice.unwrap_or_else(|| stand_in(room, quantity as usize));
        match app.store.run(command(seats)).await {
            // Whoever was faster may have been on another node.
            Err(Failure::Refused(Refusal::Unavailable)) => app.catch_up().await?,
            other => return Ok(other?),
        }
    }
    Err(Refusal::Unavailable.into())
}

/// Seats that do not exist, so that the transaction refuses them in its own order of rules.
fn stand_in(room: &Room, quantity: usize) -> Vec<u32> {
    (room.stock.seats()..).take(quantity).collect()
}

/// The live hold of the admission's account.
#[utoipa::path(get, path = "/v1/sales/{id}/holds", tag = "fan", security(("admission" = [])), responses(
    (status = 200, body = Hold), (status = 403, description = "admission_*"),
    (status = 404, description = "hold_not_found")))]
pub async fn own(
    State(app): State<Shared>,
    admitted: Admitted,
    Named(id): Named<String>,
) -> Result<Json<HoldAnswer>, Problem> {
    let admission = admitted.to(&app, id.parse().ok())?;
    app.limits.check(RouteClass::Seats, admission.account, app.clock.monotonic())?;
    let room = app.room(&id).await?;
    app.surely(|| room.still_admits(&admission)).await?;
    let own = OwnHoldQuery { sale: admission.sale, account: admission.account };
    Ok(Json(app.store.read(own).await?.ok_or(Refusal::HoldNotFound)?))
}

/// Gives the seats back.
#[utoipa::path(delete, path = "/v1/sales/{id}/holds/{hold_id}", tag = "fan", security(("admission" = [])), responses(
    (status = 204, description = "the seats are free"), (status = 403, description = "admission_*"),
    (status = 404, description = "hold_not_found"), (status = 409, description = "hold_used or checkout_in_progress")))]
pub async fn release(
    State(app): State<Shared>,
    admitted: Admitted,
    Named((id, hold)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    let admission = admitted.to(&app, id.parse().ok())?;
    app.limits.check(RouteClass::Hold, admission.account, app.clock.monotonic())?;
    let room = app.room(&id).await?;
    app.surely(|| room.still_admits(&admission)).await?;
    let hold = hold.parse().map_err(|_| Refusal::HoldNotFound)?;
    let command = ReleaseHold { sale: admission.sale, account: admission.account, hold };
    let store = app.store.clone();
    app.detached(async move { Ok(store.run(command).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}
