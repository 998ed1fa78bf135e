//! Signing in by a one-time code, which is mailed to the account's address.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::AccountId;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use store::accounts::ByEmail;
use store::login_codes::{Hash, NewCode, UseCode};
use utoipa::ToSchema;
use uuid::Uuid;

use super::auth::{Session, email, signed_in};
use crate::app::{App, Shared};
use crate::body::{self, FAN_BYTES_MAX};
use crate::limits::RouteClass;
use crate::mail::{Mail, Stamp};
use crate::problem::Problem;
use crate::source::Source;

/// Mail is slow, and people look for it.
const LIFE: Duration = Duration::from_secs(600);
/// With eight digits, five tries are one in twenty million.
const TRIES: u8 = 5;
const CODES: u64 = 100_000_000;

#[derive(Deserialize, ToSchema)]
pub struct CodeWanted {
    email: String,
}

#[derive(Serialize, ToSchema)]
pub struct CodeOnItsWay {
    /// To be sent back with the code. Nobody else can use up this code's tries.
    code_id: String,
    expires_in_sec: u64,
}

#[derive(Deserialize, ToSchema)]
pub struct CodeTry {
    code_id: String,
    /// Eight digits; spaces between them do not matter.
    code: String,
}

/// Mails a one-time code, where there is such an account. The answer does not tell.
#[utoipa::path(post, path = "/v1/auth/code", tag = "fan", request_body = CodeWanted, responses(
    (status = 202, description = "if there is an account with this address, a code is on its way", body = CodeOnItsWay),
    (status = 422), (status = 429, description = "rate_limited"), (status = 503, description = "mail_off or overloaded")))]
pub async fn ask(State(app): State<Shared>, source: Source, request: Request) -> Result<Response, Problem> {
    let now = app.clock.monotonic();
    app.limits.check(RouteClass::Login, source, now)?;
    let asked: CodeWanted = body::json(request, FAN_BYTES_MAX).await?.value;
    let email = email(&asked.email)?;
    let stamp = app.post.stamp()?;
    app.limits.check(RouteClass::Code, addressee(&email), now)?;
    let account = app.store.read(ByEmail(email)).await?;
    let id = app.ids.next();
    // Behind the answer, so that its time does not tell either.
    if let Some(account) = account {
        let digits = digits(app.ids.secret());
        tokio::spawn(mail(Shared::clone(&app), account.id, account.email, id, digits, stamp));
    }
    let answer = CodeOnItsWay { code_id: id.to_string(), expires_in_sec: LIFE.as_secs() };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// Signs in with a code that was mailed.
#[utoipa::path(post, path = "/v1/auth/code/verify", tag = "fan", request_body = CodeTry, responses(
    (status = 200, body = Session), (status = 401, description = "login_failed"), (status = 429, description = "rate_limited"),
    (status = 503, description = "outcome_unknown or overloaded")))]
pub async fn verify(State(app): State<Shared>, source: Source, request: Request) -> Result<Response, Problem> {
    app.limits.check(RouteClass::Login, source, app.clock.monotonic())?;
    let tried: CodeTry = body::json(request, FAN_BYTES_MAX).await?.value;
    let id: Uuid = tried.code_id.parse().map_err(|_| wrong())?;
    let digits: String = tried.code.chars().filter(|c| !c.is_whitespace()).collect();
    let (store, hash) = (app.store.clone(), hash(&app, id, &digits));
    let account = app.detached(async move { Ok(store.run(UseCode { id, hash }).await?) }).await?;
    Ok(signed_in(&app, account.ok_or_else(wrong)?, StatusCode::OK))
}

/// The same for a wrong one, a used one and one whose time is over.
fn wrong() -> Problem {
    let detail = "This code is wrong, used or too old: ask for another one.";
    Problem::new(StatusCode::UNAUTHORIZED, "login_failed", detail)
}

async fn mail(app: Shared, account: AccountId, to: String, id: Uuid, digits: String, stamp: Stamp) {
    let code = NewCode { id, account, hash: hash(&app, id, &digits), tries: TRIES, life: LIFE };
    if let Err(failure) = app.store.run(code).await {
        tracing::warn!(?failure, "a one-time code was not kept, and is not mailed");
        return;
    }
    let (first, second) = digits.split_at(digits.len() / 2);
    let text = format!(
        "Your code to sign in is\n\n    {first} {second}\n\nIt is good for ten minutes, once, and on the page where it was asked for. \
         Nobody from us will ever ask you for it.\n\nIf you did not ask for a code, somebody has typed your address: you need do \
         nothing.\n"
    );
    app.post.send(Mail { to, subject: "Your code to sign in", text }, stamp, app.clock.wall()).await;
}

/// Eight digits of 32 unguessable bytes.
fn digits(dice: [u8; 32]) -> String {
    let number = dice.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)) % CODES;
    format!("{number:08}")
}

/// With a key that is not in the database: whoever reads a copy of it cannot try all codes.
fn hash(app: &App, id: Uuid, digits: &str) -> Hash {
    let tag = hmac::sign(&app.keys.current.code, format!("{id}\n{digits}").as_bytes());
    let mut hash = Hash::default();
    hash.copy_from_slice(tag.as_ref());
    hash
}

/// Whose allowance it is: the address, whether or not it has an account.
fn addressee(email: &str) -> AccountId {
    let digest = digest(&SHA256, email.as_bytes());
    let id = digest.as_ref().first_chunk().map_or(Uuid::nil(), |bytes| Uuid::from_bytes(*bytes));
    AccountId(id)
}
