//! Joining the line and asking how it goes. A poll is answered from memory; only the first one after the call writes.

use std::sync::PoisonError;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::admission::Claim;
use domain::sale::Phase;
use domain::waiting_room::{State as Standing, estimate_wait_sec, retry_after_ms, spread};
use domain::{AccountId, ClaimId, Refusal, SaleId, Timestamp};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use store::admissions::{PollCalled, Polled};
use store::queue::Joined;
use utoipa::ToSchema;

use super::sales::SeatsLeft;
use crate::answer::ShortJson;
use crate::app::{App, Shared};
use crate::extract::{Fan, Named};
use crate::limits::{By, RouteClass};
use crate::problem::Problem;
use crate::proof_of_work::{Accepted, Purpose};
use crate::routes::proof_of_work::proof;
use crate::signals::{Moment, Trace};
use crate::waiting_room::Room;
use crate::waiting_room::Visit;
use crate::waiting_room::places::{Inside, Place};

#[derive(Serialize, ToSchema)]
pub struct JoinAnswer {
    #[schema(value_type = String)]
    sale_id: SaleId,
    position: i64,
    #[schema(value_type = String)]
    state: Standing,
    #[schema(value_type = String)]
    phase: Phase,
    ahead_count: i64,
    #[schema(value_type = String, format = DateTime)]
    joined_at: Timestamp,
    retry_after_ms: i64,
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct Status {
    #[schema(value_type = String)]
    sale_id: SaleId,
    pub(super) position: i64,
    pub(super) ahead_count: i64,
    /// From the calls of the last minute; null while the line does not move.
    estimated_wait_sec: Option<i64>,
    pub(super) estimated_wait_range_sec: Option<[i64; 2]>,
    #[schema(value_type = String)]
    pub(super) state: Standing,
    admitted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    admission_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    admission_expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) deadline: Option<Timestamp>,
    pub(super) retry_after_ms: i64,
    #[schema(value_type = String)]
    pub(super) phase: Phase,
    pub(super) seats_left: SeatsLeft,
    message: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub(super) server_time: Timestamp,
}

/// Takes a place, or tells the one that the account has.
#[utoipa::path(post, path = "/v1/sales/{id}/waiting-room/join", tag = "fan", security(("session" = [])), responses(
    (status = 201, description = "a new place", body = JoinAnswer),
    (status = 200, description = "the place that was there", body = JoinAnswer),
    (status = 401, description = "session_invalid"),
    (status = 403, description = "sale_closed, or a proof of work that is missing or refused"),
    (status = 404, description = "sale_not_found"), (status = 429, description = "rate_limited"),
    (status = 503, description = "room_full, overloaded or outcome_unknown")))]
pub async fn join(
    State(app): State<Shared>,
    Fan(account): Fan,
    trace: Trace,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let joined = take_place(&app, account, trace, &id, &headers).await;
    let done = if matches!(joined, Ok((StatusCode::CREATED, _))) { "new" } else { "known" };
    let (status, answer) = app.metrics.joins.noted(done, joined)?;
    Ok((status, ShortJson(answer)).into_response())
}

async fn take_place(
    app: &Shared,
    account: AccountId,
    trace: Trace,
    id: &str,
    headers: &HeaderMap,
) -> Result<(StatusCode, JoinAnswer), Problem> {
    let sale: Option<SaleId> = id.parse().ok();
    sale.map(|sale| refuse_odd(app, sale, account)).transpose()?;
    let seen = sale.and_then(|sale| app.rooms.get(sale));
    if let Some((room, place)) = seen.and_then(|room| live_place(&room, account).map(|place| (room, place))) {
        app.limits.check(RouteClass::Poll, account, app.clock.monotonic())?;
        if let Some(place) = still_there(app, &room, account, place).await {
            app.signals.joined(account, room.id, trace, moment(app));
            return Ok((StatusCode::OK, join_answer(app, &room, account, place)));
        }
    }
    let of_address = app.limits.take_both(RouteClass::Join, account, trace.source, app.clock.monotonic())?;
    let room = app.room(id).await?;
    app.signals.joined(account, room.id, trace, moment(app));
    let step = at_the_doors(app, &room, account, headers).await;
    match &step {
        Ok(Step::Write(_)) => drop(of_address),
        // Thousands behind one address who knock early, or ask without a proof, do not use up what they need at the doors.
        _ => of_address.give_back(),
    }
    let worked = match step? {
        Step::Write(worked) => worked,
        Step::Tell(place) => return Ok((StatusCode::OK, join_answer(app, &room, account, place))),
    };
    let joined = room.joins.join(app, room.id, account).await;
    if !matches!(joined, Ok(Joined::New { .. })) {
        app.proof_of_work.give_back(&worked);
    }
    let (status, position, joined_at) = match joined? {
        Joined::New { position, joined_at } => (StatusCode::CREATED, position, joined_at),
        Joined::Known { position, joined_at } => (StatusCode::OK, position, joined_at),
        Joined::Refused(refusal) => return Err(refusal.into()),
    };
    Ok((status, join_answer(app, &room, account, Place { position, joined_at })))
}

/// What a join comes to that memory knew no place for.
enum Step {
    Tell(Place),
    Write(Accepted),
}

/// The rule is asked again in the transaction; here it spares the store those who come too early, or without the work that
/// is asked for. Who has a place on another node by now gets it all the same.
async fn at_the_doors(app: &App, room: &Room, account: AccountId, headers: &HeaderMap) -> Result<Step, Problem> {
    let doors = || match live_place(room, account) {
        Some(place) => Ok(Some(place)),
        None => room.sale().may_join(app.clock.wall()).map(|()| None),
    };
    if let Some(place) = app.surely(doors).await? {
        return Ok(Step::Tell(place));
    }
    let purpose = Purpose::Join { sale: room.id, account };
    let (wall, now) = (app.clock.wall(), app.clock.monotonic());
    match proof(headers).and_then(|proof| app.proof_of_work.check(purpose, proof, wall, now)) {
        Ok(worked) => Ok(Step::Write(worked)),
        Err(refused) => {
            app.catch_up().await?;
            Ok(Step::Tell(live_place(room, account).ok_or(refused)?))
        }
    }
}

/// The account's place, unless it is over: then joining makes a new one.
pub(super) fn live_place(room: &Room, account: AccountId) -> Option<Place> {
    let (place, visit) = room.look(account)?;
    (!is_over(visit.as_ref())).then_some(place)
}

/// The place that memory knows, unless it has ended on another node: who left there and joins here gets a new one. While
/// the store cannot be asked, what is known is told.
async fn still_there(app: &App, room: &Room, account: AccountId, place: Place) -> Option<Place> {
    if app.store.is_shared() && app.catch_up().await.is_ok() { live_place(room, account) } else { Some(place) }
}

const fn is_over(visit: Option<&Visit>) -> bool {
    matches!(visit, Some(Visit::Ended { .. }))
}

fn join_answer(app: &App, room: &Room, account: AccountId, place: Place) -> JoinAnswer {
    // What was joined a moment ago may have been called already; what is not this place's does not count.
    let visit = room.look(account).filter(|(known, _)| *known == place).and_then(|(_, visit)| visit);
    let state = room.state(place, visit.as_ref());
    let wall = app.clock.wall();
    let phase = room.phase(wall);
    let ahead = room.ahead(place.position);
    JoinAnswer {
        sale_id: room.id,
        position: place.position,
        state,
        phase,
        ahead_count: ahead,
        joined_at: place.joined_at,
        retry_after_ms: next_poll_ms(room, account, state, ahead, wall),
        message: message(state, phase),
    }
}

/// How the line goes. The first poll after the call goes inside.
#[utoipa::path(get, path = "/v1/sales/{id}/waiting-room/status", tag = "fan", security(("session" = [])), responses(
    (status = 200, body = Status), (status = 401, description = "session_invalid"),
    (status = 404, description = "not_in_queue or sale_not_found"), (status = 429, description = "rate_limited")))]
pub async fn status(
    State(app): State<Shared>,
    Fan(account): Fan,
    trace: Trace,
    method: Method,
    headers: HeaderMap,
    Named(id): Named<String>,
) -> Result<ShortJson<Status>, Problem> {
    app.limits.check(RouteClass::Poll, account, app.clock.monotonic())?;
    let room = app.room(&id).await?;
    refuse_odd(&app, room.id, account)?;
    let status = stands(&app, &room, account, looks_only(&method, &headers)).await?;
    app.signals.polled(account, room.id, trace, moment(&app), status.retry_after_ms);
    Ok(ShortJson(status))
}

/// Only where the operator wants it: nobody is refused for a signal otherwise.
pub(super) fn refuse_odd(app: &App, sale: SaleId, account: AccountId) -> Result<(), Problem> {
    let now = app.clock.monotonic();
    if app.limits.is_on(RouteClass::Odd, By::Account) && app.signals.is_odd(account, sale, now) {
        app.limits.check(RouteClass::Odd, account, now)?;
    }
    Ok(())
}

pub(super) fn moment(app: &App) -> Moment {
    Moment { wall: app.clock.wall(), monotonic: app.clock.monotonic() }
}

/// Where the account stands now. Who has been called goes inside by asking, unless this `looks_only`.
pub(super) async fn stands(app: &Shared, room: &Room, account: AccountId, looks_only: bool) -> Result<Status, Problem> {
    let (place, visit) = place(app, room, account).await?;
    let state = room.state(place, visit.as_ref());
    if state == Standing::Called && !looks_only && room.sale().may_shop(app.clock.wall()).is_ok() {
        return poll_called(app, room, account, place).await;
    }
    let inside = match &visit {
        Some(Visit::Inside(inside)) => Some(inside.as_ref()),
        _ => None,
    };
    Ok(status_answer(app, room, account, place.position, state, inside))
}

/// The account's place. That there is none, or that it is over, is a "no" too: a new one may have been taken elsewhere.
pub(super) async fn place(app: &App, room: &Room, account: AccountId) -> Result<(Place, Option<Visit>), Problem> {
    match room.look(account) {
        Some((place, visit)) if !is_over(visit.as_ref()) => return Ok((place, visit)),
        _ => app.catch_up().await?,
    }
    Ok(room.look(account).ok_or(Refusal::NotInQueue)?)
}

/// Nobody asked for this answer yet, or only for its headers.
pub(super) fn looks_only(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::HEAD || is_prefetch(headers)
}

fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose"]
        .iter()
        .filter_map(|name| headers.get(*name))
        .any(|value| value.to_str().is_ok_and(|purpose| purpose.contains("prefetch") || purpose.contains("preview")))
}

/// The one poll that writes: goes inside, or back in line when it comes too late.
async fn poll_called(app: &Shared, room: &Room, account: AccountId, place: Place) -> Result<Status, Problem> {
    let command = PollCalled { sale: room.id, account, claim: ClaimId(app.ids.next()) };
    let store = app.store.clone();
    let polled = app.detached(async move { Ok(store.run(command).await?) }).await?;
    match (polled, room.look(account).and_then(|(_, visit)| visit)) {
        (Polled::Inside(claim), Some(Visit::Inside(inside))) if inside.claim.id == claim.id => {
            Ok(status_answer(app, room, account, place.position, Standing::Inside, Some(&inside)))
        }
        (Polled::Inside(claim), _) => {
            let inside = Inside { claim, token: std::sync::Mutex::new(None) };
            Ok(status_answer(app, room, account, claim.position, Standing::Inside, Some(&inside)))
        }
        (Polled::Stands { position, state }, _) => Ok(status_answer(app, room, account, position, state, None)),
    }
}

fn status_answer(
    app: &App,
    room: &Room,
    account: AccountId,
    position: i64,
    state: Standing,
    inside: Option<&Inside>,
) -> Status {
    let wall = app.clock.wall();
    let ahead = room.ahead(position);
    let phase = room.phase(wall);
    let estimate = match (state, phase) {
        (Standing::Waiting, Phase::Open) => estimate_wait_sec(ahead, room.pace(wall)),
        _ => None,
    };
    let admission = inside.map(|inside| admission(app, room, account, inside, wall));
    let deadline = inside.map(|inside| app.store.shown(inside.claim.deadline));
    Status {
        sale_id: room.id,
        position,
        ahead_count: ahead,
        estimated_wait_sec: estimate.map(|(middle, _)| middle),
        estimated_wait_range_sec: estimate.map(|(_, range)| range),
        state,
        admitted: state == Standing::Inside,
        admission_expires_at: admission.as_ref().map(|(_, expires_at)| *expires_at),
        admission_token: admission.map(|(token, _)| token),
        deadline,
        retry_after_ms: next_poll_ms(room, account, state, ahead, wall),
        phase,
        seats_left: SeatsLeft::of(room.stock.free(), room.stock.seats().into()),
        message: message(state, phase),
        server_time: wall,
    }
}

/// The claim's token: kept, and signed anew at half its life.
fn admission(app: &App, room: &Room, account: AccountId, inside: &Inside, wall: Timestamp) -> (String, Timestamp) {
    let half_ms = crate::admission::ADMISSION_TTL_SEC * 500;
    let mut kept = inside.token.lock().unwrap_or_else(PoisonError::into_inner);
    match &*kept {
        Some((token, expires_at)) if expires_at.since_ms(wall) > half_ms => (token.clone(), *expires_at),
        _ => {
            let Claim { id, .. } = inside.claim;
            let fresh = app.admissions.mint(room.id, account, id, wall);
            *kept = Some(fresh.clone());
            fresh
        }
    }
}

/// Who is inside polls to keep the token fresh, which lives ninety seconds.
const INSIDE_POLL_MS: i64 = 5_000;

fn next_poll_ms(room: &Room, account: AccountId, state: Standing, ahead: i64, wall: Timestamp) -> i64 {
    let sale = room.sale();
    let open_ms = wall.since_ms(sale.terms.opens_at);
    let (ahead, rate, open_ms) = match state {
        Standing::Inside => return INSIDE_POLL_MS,
        // Nothing will happen soon, to those at the head of the line either.
        _ if state.is_over() || !sale.may_call(wall) || room.stock.is_sold_out() => (ahead.max(1), 0, i64::MAX),
        _ => (ahead, sale.terms.admit_per_minute, open_ms),
    };
    retry_after_ms(ahead, rate, open_ms, room.waiting(), spread(account, wall))
}

const fn message(state: Standing, phase: Phase) -> &'static str {
    match (state, phase) {
        (Standing::Bought, _) => "You have your tickets. Joining again gives a new place at the end.",
        (Standing::Expired, _) => "Your time inside is over. Joining again gives a new place at the end.",
        (Standing::Left, _) => "You left the line. Joining again gives a new place at the end.",
        (_, Phase::Ended) => "The sale is over.",
        (Standing::Inside, _) => {
            "It is your turn: choose your seats and pay before the deadline. \
             Joining again after that, or after leaving, gives a new place at the end."
        }
        (Standing::Called, _) => "You have been called: come in.",
        (Standing::Returning, Phase::SoldOut) => "Everything is sold. You keep your place in case seats come back.",
        (Standing::Returning, _) => "You came after your call. You will be called again, before those behind you.",
        (Standing::Waiting, Phase::SoldOut) => "Everything is sold. You keep your place in case seats come back.",
        (Standing::Waiting, Phase::Paused) => "The line is paused. Your place is yours.",
        (Standing::Waiting, _) => {
            "Your place is yours: refresh, lock your phone or switch device as you like. \
             Only leaving gives it up: joining again is a new place at the end."
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct LeaveAnswer {
    /// The one that was given up.
    position: i64,
    #[schema(value_type = String)]
    state: Standing,
    message: &'static str,
}

/// Gives the place up, and with it the admission and the hold. Joining again starts at the end.
#[utoipa::path(post, path = "/v1/sales/{id}/waiting-room/leave", tag = "fan", security(("session" = [])), responses(
    (status = 200, body = LeaveAnswer), (status = 401, description = "session_invalid"),
    (status = 404, description = "not_in_queue or sale_not_found"),
    (status = 409, description = "checkout_in_progress"), (status = 429, description = "rate_limited")))]
pub async fn leave(
    State(app): State<Shared>,
    Fan(account): Fan,
    Named(id): Named<String>,
) -> Result<Json<LeaveAnswer>, Problem> {
    app.limits.check(RouteClass::Join, account, app.clock.monotonic())?;
    let room = app.room(&id).await?;
    let (store, sale) = (app.store.clone(), room.id);
    let leave = store::queue::Leave { sale, account };
    let position = app.detached(async move { Ok(store.run(leave).await?) }).await?;
    Ok(Json(LeaveAnswer { position, state: Standing::Left, message: message(Standing::Left, Phase::Open) }))
}
