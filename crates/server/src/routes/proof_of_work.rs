//! Challenges for those who are about to register or to join, and where their proofs are sent.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::auth::email;
use crate::app::{App, Shared};
use crate::body::{self, FAN_BYTES_MAX};
use crate::extract::{Fan, Named};
use crate::limits::RouteClass;
use crate::problem::Problem;
use crate::proof_of_work::{Challenge, Purpose, Refused};
use crate::source::Source;

const PROOF_HEADER: &str = "x-proof-of-work";

#[derive(Deserialize, ToSchema)]
pub struct Registering {
    /// The address to register with: the proof is good for no other.
    email: String,
}

/// A challenge for who wants to register.
#[utoipa::path(post, path = "/v1/auth/register/challenge", tag = "fan", request_body = Registering, responses(
    (status = 200, description = "solve it, and send the proof with the registration", body = Challenge),
    (status = 204, description = "no proof is needed"), (status = 422), (status = 429, description = "rate_limited")))]
pub async fn to_register(State(app): State<Shared>, source: Source, request: Request) -> Result<Response, Problem> {
    app.limits.check(RouteClass::Challenge, source, app.clock.monotonic())?;
    let asked: Registering = body::json(request, FAN_BYTES_MAX).await?.value;
    let email = email(&asked.email)?;
    Ok(answer(&app, Purpose::Register { email: &email }))
}

/// A challenge for who wants to join.
#[utoipa::path(get, path = "/v1/sales/{id}/waiting-room/challenge", tag = "fan", security(("session" = [])), responses(
    (status = 200, description = "solve it, and send the proof in X-Proof-Of-Work with the join", body = Challenge),
    (status = 204, description = "no proof is needed"), (status = 401, description = "session_invalid"),
    (status = 404, description = "sale_not_found"), (status = 429, description = "rate_limited")))]
pub async fn to_join(
    State(app): State<Shared>,
    Fan(account): Fan,
    source: Source,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    app.limits.check_both(RouteClass::Challenge, account, source, app.clock.monotonic())?;
    let room = app.room(&id).await?;
    Ok(answer(&app, Purpose::Join { sale: room.id, account }))
}

fn answer(app: &App, purpose: Purpose<'_>) -> Response {
    let (wall, now) = (app.clock.wall(), app.clock.monotonic());
    match app.proof_of_work.challenge(purpose, app.ids.secret(), wall, now) {
        Some(challenge) => Json(challenge).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// The proof in the header, if there is one.
pub(super) fn proof(headers: &HeaderMap) -> Result<Option<&str>, Refused> {
    let proof = headers.get(PROOF_HEADER).map(|proof| proof.to_str().map_err(|_| Refused::Invalid));
    proof.transpose()
}
