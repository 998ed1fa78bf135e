//! Registering, signing in, and who one is.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::{AccountId, Refusal};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use store::accounts::{Account, ByEmail, ById, Register};
use utoipa::ToSchema;

use crate::app::{App, Shared};
use crate::body::{self, FAN_BYTES_MAX};
use crate::extract::Fan;
use crate::limits::RouteClass;
use crate::passwords::Password;
use crate::problem::Problem;
use crate::proof_of_work::Purpose;
use crate::routes::proof_of_work::proof;
use crate::session;
use crate::source::Source;

/// The longest address that mail can be sent to (RFC 5321).
const EMAIL_CHARS_MAX: usize = 254;
/// E.164 has 15 digits; people write signs and spaces between them.
const PHONE_CHARS_MAX: usize = 32;

#[derive(Deserialize, ToSchema)]
pub struct Registration {
    #[schema(max_length = 254)]
    email: String,
    /// 8 to 128 characters. Without one the account signs in by a code.
    #[schema(min_length = 8, max_length = 128)]
    password: Option<String>,
    #[schema(max_length = 32)]
    phone: Option<String>,
    /// The proof of work, where one is asked for; or the header X-Proof-Of-Work.
    altcha: Option<String>,
}

impl Registration {
    /// What the plain form asks for.
    pub(super) fn of(email: &str, password: &str) -> Self {
        Self { email: email.to_owned(), password: Some(password.to_owned()), phone: None, altcha: None }
    }
}

#[derive(Deserialize, ToSchema)]
pub struct Login {
    email: String,
    password: String,
}

#[derive(Serialize, ToSchema)]
pub struct Session {
    user_id: String,
    /// For `Authorization: Bearer`.
    token: String,
}

#[derive(Serialize, ToSchema)]
pub struct Me {
    user_id: String,
    email: String,
}

/// Makes an account and signs it in.
#[utoipa::path(post, path = "/v1/auth/register", tag = "fan", request_body = Registration,
    responses((status = 201, body = Session), (status = 403, description = "a proof of work is missing or refused"),
        (status = 409, description = "email_taken"), (status = 422), (status = 429, description = "rate_limited")))]
pub async fn register(State(app): State<Shared>, source: Source, request: Request) -> Result<Response, Problem> {
    app.limits.check(RouteClass::Register, source, app.clock.monotonic())?;
    let header = proof(request.headers())?.map(str::to_owned);
    let asked: Registration = body::json(request, FAN_BYTES_MAX).await?.value;
    Ok(signed_in(&app, created(&app, &asked, header.as_deref()).await?, StatusCode::CREATED))
}

/// A new account, within the limit for those.
pub(super) async fn new_account(app: &Shared, source: Source, asked: &Registration) -> Result<AccountId, Problem> {
    app.limits.check(RouteClass::Register, source, app.clock.monotonic())?;
    created(app, asked, None).await
}

async fn created(app: &Shared, asked: &Registration, header: Option<&str>) -> Result<AccountId, Problem> {
    let email = email(&asked.email)?;
    let password = asked.password.as_deref().map(password).transpose()?;
    let phone = asked.phone.as_deref().map(phone).transpose()?;
    let purpose = Purpose::Register { email: &email };
    let sent = asked.altcha.as_deref().or(header);
    let worked = app.proof_of_work.check(purpose, sent, app.clock.wall(), app.clock.monotonic())?;
    let made = make(app, email, password, phone).await;
    if made.is_err() {
        app.proof_of_work.give_back(&worked);
    }
    made
}

async fn make(
    app: &Shared,
    email: String,
    password: Option<Password>,
    phone: Option<String>,
) -> Result<AccountId, Problem> {
    // Looked up before hashing: a taken address costs no hash.
    if app.store.read(ByEmail(email.clone())).await?.is_some() {
        return Err(Refusal::EmailTaken.into());
    }
    let password_hash = match password {
        Some(password) => Some(app.passwords.hash(password).await?),
        None => None,
    };
    let id = AccountId(app.ids.next());
    let store = app.store.clone();
    app.detached(async move { Ok(store.run(Register { id, email, password_hash, phone }).await?) }).await?;
    Ok(id)
}

/// Signs in with a password.
#[utoipa::path(post, path = "/v1/auth/login", tag = "fan", request_body = Login,
    responses((status = 200, body = Session), (status = 401, description = "login_failed"), (status = 429)))]
pub async fn login(State(app): State<Shared>, source: Source, request: Request) -> Result<Response, Problem> {
    app.limits.check(RouteClass::Login, source, app.clock.monotonic())?;
    let asked: Login = body::json(request, FAN_BYTES_MAX).await?.value;
    Ok(signed_in(&app, entered(&app, &asked.email, &asked.password).await?, StatusCode::OK))
}

/// The account of an address and its password, within the limit for those who try.
pub(super) async fn known_account(app: &Shared, source: Source, name: &str, text: &str) -> Result<AccountId, Problem> {
    app.limits.check(RouteClass::Login, source, app.clock.monotonic())?;
    entered(app, name, text).await
}

async fn entered(app: &Shared, name: &str, text: &str) -> Result<AccountId, Problem> {
    let Ok(email) = email(name) else { return Err(Refusal::LoginFailed.into()) };
    let Ok(password) = Password::parse(text) else { return Err(Refusal::LoginFailed.into()) };
    let account = app.store.read(ByEmail(email)).await?;
    let take = |account: &Account| app.limits.take(RouteClass::Login, account.id, app.clock.monotonic());
    let taken = account.as_ref().map(take).transpose()?;
    // Without an account the time of a hash passes all the same: time does not tell who is registered.
    let stored = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let right = app.passwords.verify(password, stored).await?;
    match account.zip(taken) {
        Some((account, taken)) if right => {
            taken.give_back();
            Ok(account.id)
        }
        _ => Err(Refusal::LoginFailed.into()),
    }
}

/// Who is signed in.
#[utoipa::path(get, path = "/v1/me", tag = "fan", security(("session" = [])),
    responses((status = 200, body = Me), (status = 401, description = "session_invalid")))]
pub async fn me(State(app): State<Shared>, Fan(account): Fan) -> Result<Json<Me>, Problem> {
    app.limits.check(RouteClass::Seats, account, app.clock.monotonic())?;
    let account = app.store.read(ById(account)).await?.ok_or_else(Problem::session)?;
    Ok(Json(Me { user_id: account.id.to_string(), email: account.email }))
}

/// A session for an account, as a bearer token.
pub fn token(app: &App, account: AccountId) -> String {
    session::mint(&app.keys, account, app.clock.wall() + app.config.session_ttl)
}

pub(super) fn signed_in(app: &App, account: AccountId, status: StatusCode) -> Response {
    let token = token(app, account);
    let cookie = app.cookie.set(&token, app.config.session_ttl.as_secs());
    let mut response = (status, Json(Session { user_id: account.to_string(), token })).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// They part addresses in a list and fields in a table; no address needs them.
const SEPARATORS: [char; 5] = [';', ',', '"', '<', '>'];

/// Something@something, in lower case; whether mail arrives there only mail can tell.
pub(super) fn email(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let shape = text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && host.split('.').all(|part| !part.is_empty()) && !host.contains('@')
    });
    let visible = text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !SEPARATORS.contains(&c));
    if shape && visible && text.len() <= EMAIL_CHARS_MAX {
        Ok(text.to_lowercase())
    } else {
        Err(Problem::field("email", "email: this is not an e-mail address."))
    }
}

fn password(text: &str) -> Result<Password, Problem> {
    Password::parse(text).map_err(|error| Problem::field("password", format!("password: {error}")))
}

fn phone(text: &str) -> Result<String, Problem> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let known = text.chars().all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    if known && (5..=15).contains(&digits) && text.len() <= PHONE_CHARS_MAX {
        Ok(text.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect())
    } else {
        Err(Problem::field("phone", "phone: 5 to 15 digits, with + - ( ) and spaces between them."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_kept_in_lower_case_and_odd_ones_refused() {
        assert_eq!(email(" Fan@Example.COM "), Ok("fan@example.com".to_owned()));
        for wrong in ["", "fan", "@example.com", "fan@", "fan@a..b", "a@b@c", "f an@b.c", "fan@b\u{0}"] {
            assert!(email(wrong).is_err(), "{wrong:?}");
        }
        assert!(email(&format!("{}@b.c", "x".repeat(300))).is_err());
    }

    #[test]
    fn phones_are_kept_as_digits() {
        assert_eq!(phone("+91 (22) 555-0100"), Ok("+91225550100".to_owned()));
        assert!(phone("call me").is_err() && phone("1234").is_err());
    }
}
