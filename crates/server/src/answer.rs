//! The outermost layer: counts the request, writes the body of every "no", and sets the headers that all answers have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;

use crate::app::App;
use crate::listener::PeerAddr;
use crate::problem::Problem;
use crate::{ambiguous, browser};

/// Numbers the requests of one life of a node.
static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// A poll's answer and then some: a buffer of this size is not moved while it is written.
const JSON_BYTES: usize = 512;

/// JSON as [`axum::Json`], for the answers that there are most of.
pub struct ShortJson<T>(pub T);

impl<T: Serialize> IntoResponse for ShortJson<T> {
    fn into_response(self) -> Response {
        let mut json = Vec::with_capacity(JSON_BYTES);
        match serde_json::to_writer(&mut json, &self.0) {
            Ok(()) => written(json),
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Problem::internal().into_response()
            }
        }
    }
}

/// JSON that is written already, such as the answer that is kept with a key.
pub fn written(json: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

pub async fn finish(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = app.clock.monotonic();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let peer = request.extensions().get::<PeerAddr>().map(|peer| peer.0.ip());
    let tls = browser::came_over_tls(peer, &app.config.trusted_proxies, request.headers());
    let mut response = match ambiguous::check(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        response = write_problem(&app, route.as_ref(), response);
    }
    browser::protect(response.headers_mut(), tls);
    let took = app.clock.monotonic().saturating_sub(started);
    app.metrics.answered(route.as_ref().map(MatchedPath::as_str), status, took);
    response
}

/// Also turns the framework's own refusals into problems.
fn write_problem(app: &App, route: Option<&MatchedPath>, response: Response) -> Response {
    let status = response.status();
    let (mut parts, _) = response.into_parts();
    let problem = parts.extensions.remove::<Problem>().unwrap_or_else(|| match status {
        StatusCode::NOT_FOUND => Problem::no_such_page(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::method(),
        _ if status.is_client_error() => Problem { status, ..Problem::bad_request() },
        _ => Problem::internal(),
    });
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let request_id = format!("{:08x}-{number:x}", app.instance.as_u128() as u32);
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(request_id, route = route.map(MatchedPath::as_str), code = problem.code, "a request failed");
    }
    let (fresh, body) = problem_json(&problem, &request_id).into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(fresh.headers);
    Response::from_parts(parts, body)
}

/// A problem with its body, its type and when to come again.
pub fn problem_json(problem: &Problem, request_id: &str) -> Response {
    let mut body = json!({
        "type": format!("https://traffic.example/problems/{}", problem.code),
        "title": problem.status.canonical_reason().unwrap_or("Error"),
        "status": problem.status.as_u16(),
        "detail": problem.detail,
        "message": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    });
    if let Some(field) = &problem.field {
        body["field"] = json!(field);
    }
    if let Some(run_id) = problem.run_id {
        body["run_id"] = json!(run_id);
    }
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = problem.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(sec) = problem.retry_after_sec {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(sec.max(1)));
    }
    response
}
