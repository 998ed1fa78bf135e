//! What a fan without scripts sends: forms, answered by a way back (303). A refusal comes back as `?problem=<code>`.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::AccountId;
use http::{HeaderMap, HeaderValue, header};

use super::{SALES, page_of};
use crate::app::Shared;
use crate::body::{self, FAN_BYTES_MAX, Form};
use crate::extract::{self, Fan, Named};
use crate::problem::Problem;
use crate::routes::{auth, waiting_room};
use crate::signals::Trace;
use crate::source::Source;

pub(super) async fn join(
    State(app): State<Shared>,
    fan: Result<Fan, Problem>,
    trace: Trace,
    Named(id): Named<String>,
    headers: HeaderMap,
) -> Response {
    let joined = match fan {
        Ok(fan) => waiting_room::join(State(app), fan, trace, Named(id.clone()), headers).await,
        Err(problem) => Err(problem),
    };
    to_line(&id, joined.map(|_| ()))
}

pub(super) async fn leave(State(app): State<Shared>, fan: Result<Fan, Problem>, Named(id): Named<String>) -> Response {
    let left = match fan {
        Ok(fan) => waiting_room::leave(State(app), fan, Named(id.clone())).await,
        Err(problem) => Err(problem),
    };
    to_line(&id, left.map(|_| ()))
}

fn to_line(id: &str, done: Result<(), Problem>) -> Response {
    let page = page_of(id);
    match done {
        Ok(()) => Redirect::to(&format!("{page}/line")).into_response(),
        Err(problem) => back(&page, &problem),
    }
}

/// Codes are words of our own: nothing in them needs escaping.
fn back(page: &str, problem: &Problem) -> Response {
    Redirect::to(&format!("{page}?problem={}", problem.code)).into_response()
}

/// Signs in with a password, or with `new=1` makes the account first.
pub(super) async fn sign_in(State(app): State<Shared>, source: Source, request: Request) -> Response {
    let own = extract::is_same_origin(request.headers());
    let form = match body::form(request, FAN_BYTES_MAX).await {
        Ok(form) => form,
        Err(problem) => return problem.into_response(),
    };
    let next = next(&form);
    // Else a page of somebody else could sign a fan in to an account that is not his own.
    let entered = if own { enter(&app, source, &form).await } else { Err(Problem::cross_site()) };
    match entered {
        Ok(account) => {
            with_cookie(&next, &app.cookie.set(&auth::token(&app, account), app.config.session_ttl.as_secs()))
        }
        Err(problem) => back(&next, &problem),
    }
}

async fn enter(app: &Shared, source: Source, form: &Form) -> Result<AccountId, Problem> {
    let (email, password) = (form.get("email"), form.get("password"));
    if form.get("new") == "1" {
        auth::new_account(app, source, &auth::Registration::of(email, password)).await
    } else {
        auth::known_account(app, source, email, password).await
    }
}

pub(super) async fn sign_out(State(app): State<Shared>, request: Request) -> Response {
    let own = extract::is_same_origin(request.headers());
    match body::form(request, FAN_BYTES_MAX).await {
        Err(problem) => problem.into_response(),
        Ok(form) if own => with_cookie(&next(&form), &app.cookie.clear()),
        Ok(form) => back(&next(&form), &Problem::cross_site()),
    }
}

/// Where the form leads: a fan's page of this host, whatever was asked for.
fn next(form: &Form) -> String {
    let asked = form.get("next");
    let own = asked == SALES || asked.strip_prefix("/fan/").is_some_and(|rest| rest.split('/').all(is_name));
    if own { asked.to_owned() } else { SALES.to_owned() }
}

fn is_name(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn with_cookie(to: &str, cookie: &str) -> Response {
    let mut response = Redirect::to(to).into_response();
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_to_a_fans_own_pages_alone() {
        let next = |asked: &str| next(&Form::parse(format!("next={asked}").as_bytes()));
        for own in ["/fan", "/fan/tickets", "/fan/0192-ab/line"] {
            assert_eq!(next(own), own);
        }
        for other in [
            "",
            "/",
            "//evil.example",
            "/fanatic",
            "/fan//evil.example",
            "/fan/../admin",
            "https://evil.example",
            "/fan/a?problem=b",
            "/fan/%5Cevil",
            "/fan/a%0D%0Ab",
            "fan",
            "/fan/",
        ] {
            assert_eq!(next(other), "/fan", "{other}");
        }
    }
}
