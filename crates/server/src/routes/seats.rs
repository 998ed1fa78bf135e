//! The seats of a sale, from the node's own copy.

use std::sync::PoisonError;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use domain::best_available::run_of_free;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::{App, Shared};
use crate::extract::{Admitted, Named};
use crate::limits::RouteClass;
use crate::problem::Problem;
use crate::waiting_room::Room;

/// Seats in one answer of `?limit=`; a whole hall comes without it.
const LIMIT_MAX: usize = 1_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `available`: only free seats, from a row drawn by the account.
    status: Option<String>,
    /// With `status`: at most so many, 1 to 1000.
    limit: Option<String>,
    /// The `version` of an earlier answer: only what changed after it.
    since: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Seats {
    seats: Vec<SeatFacts>,
    version: String,
    /// False where `seats` are only those that changed.
    complete: bool,
}

#[derive(Serialize, ToSchema)]
pub struct SeatFacts {
    id: String,
    section: String,
    row: u32,
    num: u32,
    status: &'static str,
    price: i64,
}

/// The seats and their prices.
#[utoipa::path(get, path = "/v1/sales/{id}/seats", tag = "fan", security(("admission" = [])), params(Wanted), responses(
    (status = 200, body = Seats), (status = 304, description = "nothing changed since the ETag"),
    (status = 403, description = "admission_*")))]
pub async fn list(
    State(app): State<Shared>,
    admitted: Admitted,
    Named(id): Named<String>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let admission = admitted.to(&app, id.parse().ok())?;
    app.limits.check(RouteClass::Seats, admission.account, app.clock.monotonic())?;
    let room = app.room(&id).await?;
    app.surely(|| room.still_admits(&admission)).await?;
    let Query(wanted) = wanted.map_err(|_| Problem::bad_request())?;
    let limit = limit(&wanted)?;
    let version = version_tag(&app, &room, room.stock.version());
    if let Some(status) = &wanted.status {
        if status != "available" {
            return Err(Problem::field("status", "status: only `available` is known."));
        }
        let free = |seat| room.stock.is_free(seat);
        let seats = run_of_free(&room.map, free, admission.account, limit);
        return Ok(axum::Json(answer(&room, seats, version, true)).into_response());
    }
    if let Some((seats, now)) = since(&app, &room, &wanted) {
        return Ok(axum::Json(answer(&room, seats, version_tag(&app, &room, now), false)).into_response());
    }
    whole(&app, &room, &headers)
}

/// The whole hall, with an ETag.
fn whole(app: &App, room: &Room, headers: &HeaderMap) -> Result<Response, Problem> {
    let version = room.stock.version();
    let etag = format!("\"{}\"", version_tag(app, room, version));
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/json")], hall(app, room, version)?).into_response()
    };
    let etag = HeaderValue::from_str(&etag).map_err(|_| Problem::internal())?;
    response.headers_mut().insert(header::ETAG, etag);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

/// The body for this version, made once. A seat that changes meanwhile is in it already, and in the next one again.
fn hall(app: &App, room: &Room, version: u64) -> Result<Bytes, Problem> {
    let mut kept = room.hall.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, body)) = &*kept
        && *of == version
    {
        return Ok(body.clone());
    }
    let seats = (0..room.stock.seats()).collect();
    let body = serde_json::to_vec(&answer(room, seats, version_tag(app, room, version), true));
    let body = Bytes::from(body.map_err(|_| Problem::internal())?);
    *kept = Some((version, body.clone()));
    Ok(body)
}

fn limit(wanted: &Wanted) -> Result<usize, Problem> {
    let Some(text) = &wanted.limit else { return Ok(LIMIT_MAX) };
    text.parse()
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .ok_or_else(|| Problem::field("limit", format!("limit: 1 to {LIMIT_MAX}.")))
}

/// Whose counting it is: of this hall, in this life of the node. A restarted node does not know what an older one
/// counted, and a page that kept a version beyond a reset must not be told that nothing has changed.
fn counted_by(app: &App, room: &Room) -> String {
    format!("{}.{}", app.instance.simple(), room.id.0.simple())
}

fn version_tag(app: &App, room: &Room, version: u64) -> String {
    format!("{}:{version}", counted_by(app, room))
}

fn since(app: &App, room: &Room, wanted: &Wanted) -> Option<(Vec<u32>, u64)> {
    let (counted, version) = wanted.since.as_deref()?.split_once(':')?;
    if counted != counted_by(app, room) {
        return None;
    }
    room.stock.since(version.parse().ok()?)
}

fn answer(room: &Room, seats: Vec<u32>, version: String, complete: bool) -> Seats {
    let facts = |num: u32| {
        let seat = room.map.seat(num);
        SeatFacts {
            id: seat.to_string(),
            section: seat.section.to_owned(),
            row: seat.row,
            num: seat.num,
            status: room.stock.status(num).name(),
            price: seat.price.0,
        }
    };
    Seats { seats: seats.into_iter().map(facts).collect(), version, complete }
}
