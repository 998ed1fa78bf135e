//! Who is asking. A handler that takes one of these cannot be reached without the check.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use domain::{AccountId, Refusal, SaleId};
use http::{HeaderMap, Method, header};
use serde::de::DeserializeOwned;

use crate::admission::Admission;
use crate::app::Shared;
use crate::config::DEV_ADMIN_KEY;
use crate::limits::RouteClass;
use crate::problem::Problem;
use crate::session::{self, SessionCookie};
use crate::source::Source;

/// What a path names. A part that is no text names nothing: the handler looks it up, and says so in its turn, after the
/// credential.
#[derive(Clone, Debug)]
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Default + Send> FromRequestParts<Shared> for Named<T> {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Infallible> {
        Ok(Self(Path::from_request_parts(parts, app).await.map(|Path(named)| named).unwrap_or_default()))
    }
}

/// A signed-in person.
#[derive(Clone, Copy, Debug)]
pub struct Fan(pub AccountId);

impl FromRequestParts<Shared> for Fan {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        fan(&parts.method, &parts.headers, app)
    }
}

fn fan(method: &Method, headers: &HeaderMap, app: &Shared) -> Result<Fan, Problem> {
    let verify =
        |token: &str| session::verify(&app.keys, token, app.clock.wall()).map(Fan).map_err(|_| Problem::session());
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let token = value.to_str().ok().and_then(|value| scheme(value, "bearer")).ok_or_else(Problem::session)?;
        return verify(token);
    }
    let token = cookie(headers, app.cookie).ok_or_else(Problem::session)?;
    let fan = verify(token)?;
    if !method.is_safe() && !is_same_origin(headers) {
        return Err(Problem::cross_site());
    }
    Ok(fan)
}

/// The credentials after a scheme, which is compared without regard to case (RFC 9110).
fn scheme<'a>(value: &'a str, wanted: &str) -> Option<&'a str> {
    let (scheme, rest) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case(wanted).then(|| rest.trim_start())
}

fn cookie(headers: &HeaderMap, cookie: SessionCookie) -> Option<&str> {
    headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).find_map(|value| cookie.find(value))
}

/// Set by browsers, out of reach of other sites' scripts.
pub(crate) fn is_same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    origin.is_some() && origin == text("host")
}

/// A page of another site sent this. Without a key nothing else would stop it.
fn is_cross_site(headers: &HeaderMap) -> bool {
    (headers.contains_key("sec-fetch-site") || headers.contains_key("origin")) && !is_same_origin(headers)
}

/// Someone who was called: the bearer of an admission. For which sale, the handler asks with [`Admitted::to`].
#[derive(Clone, Debug)]
pub struct Admitted {
    token: Option<String>,
    /// The account of a session cookie that came along: it must be the same person.
    cookie: Option<AccountId>,
}

impl FromRequestParts<Shared> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| scheme(value, "admission")).map(str::to_owned);
        let cookie = cookie(&parts.headers, app.cookie)
            .and_then(|token| session::verify(&app.keys, token, app.clock.wall()).ok());
        Ok(Self { token, cookie })
    }
}

impl Admitted {
    pub fn to(&self, app: &Shared, sale: Option<SaleId>) -> Result<Admission, Problem> {
        let token = self.token.as_deref().ok_or(Refusal::AdmissionRequired)?;
        let now = app.clock.wall();
        // A malformed sale id is no sale that an admission could be for.
        let sale = sale.unwrap_or(SaleId(uuid::Uuid::nil()));
        let admission = app.admissions.verify(token, sale, now)?;
        if self.cookie.is_some_and(|account| account != admission.account) {
            return Err(Refusal::AdmissionForeign.into());
        }
        Ok(admission)
    }
}

/// A foreign page whose name was made to point to this machine counts as this site's own, and the key for development is
/// known to everybody: with that key only names that cannot be turned are answered.
fn is_rebound(headers: &HeaderMap, app: &Shared) -> bool {
    app.config.admin_api_key.matches(DEV_ADMIN_KEY) && !names_this_machine(headers)
}

/// No browser leaves the host out.
fn names_this_machine(headers: &HeaderMap) -> bool {
    headers.get(header::HOST).is_none_or(|host| host.to_str().is_ok_and(is_own_name))
}

/// `localhost`, a name below it, or an address.
fn is_own_name(host: &str) -> bool {
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(n, _)| n);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || address.parse::<IpAddr>().is_ok()
}

/// The operator, by `X-Admin-Key`.
#[derive(Clone, Copy, Debug)]
pub struct Operator;

impl FromRequestParts<Shared> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        if is_rebound(&parts.headers, app) {
            return Err(Problem::cross_site());
        }
        if is_operator(&parts.headers, app) {
            return Ok(Self);
        }
        app.metrics.operator_key_refused();
        Err(refused_key(parts, app, Problem::admin_key()))
    }
}

/// Where keys are shown.
const KEY_HEADERS: [&str; 3] = ["x-admin-key", "x-demo-key", "x-runner-key"];

/// A key that is not the right one; none at all is no guess. Whoever guesses is told in the audit, and after a few of them
/// a flood. A right key was let through before: nobody who shares the operator's address can lock the operator out.
fn refused_key(parts: &Parts, app: &Shared, problem: Problem) -> Problem {
    let shown = |name: &&str| parts.headers.get(*name).is_some_and(|key| !key.is_empty());
    if !KEY_HEADERS.iter().any(shown) && demo_key_in_query(parts).is_none() {
        return problem;
    }
    let source = Source::of(parts, &app.config.trusted_proxies);
    let flood = app.limits.check(RouteClass::Admin, source, app.clock.monotonic());
    app.guesses.count(source, flood.is_err(), app.clock.wall());
    flood.map_or_else(Problem::from, |()| problem)
}

fn demo_key_in_query(parts: &Parts) -> Option<&[u8]> {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').find_map(|pair| pair.strip_prefix("demo_key=")).map(str::as_bytes)
}

fn is_operator(headers: &HeaderMap, app: &Shared) -> bool {
    let key = headers.get("x-admin-key").map(|key| key.as_bytes()).unwrap_or_default();
    app.config.admin_api_key.matches(key)
}

/// Someone at the demo pages or the lab. Where the lab is off there is no such page.
#[derive(Clone, Copy, Debug)]
pub struct Demo;

impl FromRequestParts<Shared> for Demo {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        if !app.config.lab {
            return Err(Problem::no_such_page());
        }
        if is_rebound(&parts.headers, app) || (!parts.method.is_safe() && is_cross_site(&parts.headers)) {
            return Err(Problem::cross_site());
        }
        let Some(wanted) = &app.config.demo_api_key else {
            // Without a key of their own the demo routes are for this machine, and elsewhere for the operator.
            let here = !app.config.is_reachable_by_others() && names_this_machine(&parts.headers);
            let may = here || is_operator(&parts.headers, app);
            return if may { Ok(Self) } else { Err(refused_key(parts, app, Problem::demo_key())) };
        };
        let in_header = parts.headers.get("x-demo-key").map(|key| key.as_bytes());
        let offered = in_header.or_else(|| demo_key_in_query(parts)).unwrap_or_default();
        let may = wanted.matches(offered) || is_operator(&parts.headers, app);
        if may { Ok(Self) } else { Err(refused_key(parts, app, Problem::demo_key())) }
    }
}

/// A load runner, by `X-Runner-Key`; the operator is one too. Where the lab is off there is no such page.
#[derive(Clone, Copy, Debug)]
pub struct Runner;

impl FromRequestParts<Shared> for Runner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        if !app.config.lab {
            return Err(Problem::no_such_page());
        }
        let shown = parts.headers.get("x-runner-key");
        if let (Some(wanted), Some(shown)) = (&app.config.runner_key, shown)
            && wanted.matches(shown.as_bytes())
        {
            return Ok(Self);
        }
        if is_rebound(&parts.headers, app) {
            return Err(Problem::cross_site());
        }
        if is_operator(&parts.headers, app) { Ok(Self) } else { Err(refused_key(parts, app, Problem::runner_key())) }
    }
}
