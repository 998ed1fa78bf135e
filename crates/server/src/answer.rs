//! The outermost layer: counts the request, writes the body of every "no", and sets the headers that all answers have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;
use tracing::{Instrument as _, Span};

use crate::app::App;
use crate::cause::Cause;
use crate::listener::PeerAddr;
use crate::problem::Problem;
use crate::spans::{TraceId, Traced};
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
            Err(error) => Problem::internal().because(&error).into_response(),
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
    let mut asked = Asked { app: &app, route: route.as_ref().map(MatchedPath::as_str), started, id: None, trace: None };
    let span = asked.span(&request);
    let answered = async {
        let response = match ambiguous::check(&request) {
            Ok(()) => next.run(request).await,
            Err(problem) => problem.into_response(),
        };
        asked.finish(response)
    };
    let mut response = if span.is_disabled() { answered.await } else { answered.instrument(span).await };
    browser::protect(response.headers_mut(), tls);
    response
}

/// What is known of a request without its content.
struct Asked<'a> {
    app: &'a App,
    /// The template.
    route: Option<&'a str>,
    started: Duration,
    /// Made when somebody wants to know it.
    id: Option<String>,
    trace: Option<TraceId>,
}

impl Asked<'_> {
    /// None while nobody traces.
    fn span(&mut self, request: &Request) -> Span {
        let Some(spans) = &self.app.spans else { return Span::none() };
        let id = self.id.get_or_insert(request_id(self.app));
        let Traced { span, trace } = spans.request(request.method(), self.route, request.headers(), id);
        self.trace = Some(trace);
        span
    }

    /// Writes the body of a "no", and counts the answer.
    fn finish(self, response: Response) -> Response {
        let (status, took) = (response.status(), self.app.clock.monotonic().saturating_sub(self.started));
        self.app.metrics.answered(self.route, status, took);
        if self.trace.is_some() {
            Span::current().record("status", status.as_u16());
        }
        let took_ms = took.as_secs_f64() * 1000.0;
        tracing::debug!(route = self.route, status = status.as_u16(), took_ms, "answered");
        let is_no = status.is_client_error() || status.is_server_error();
        if is_no { self.write_problem(response, took_ms) } else { response }
    }

    /// Also turns the framework's own refusals into problems.
    fn write_problem(self, response: Response, took_ms: f64) -> Response {
        let status = response.status();
        let (mut parts, _) = response.into_parts();
        let problem = parts.extensions.remove::<Problem>().unwrap_or_else(|| match status {
            StatusCode::NOT_FOUND => Problem::no_such_page(),
            StatusCode::METHOD_NOT_ALLOWED => Problem::method(),
            _ if status.is_client_error() => Problem { status, ..Problem::bad_request() },
            _ => Problem::internal(),
        });
        let (route, code) = (self.route, problem.code);
        let request_id = self.id.unwrap_or_else(|| request_id(self.app));
        let trace_id = self.trace.map(|trace| trace.to_string());
        if trace_id.is_some() {
            Span::current().record("code", code);
        }
        // Once for each request, with what the client is not told. Who is asked to come back has met no bug.
        let cause = problem.cause.as_ref().map(Cause::hear);
        let (status, is_bug) = (status.as_u16(), status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE);
        if is_bug {
            tracing::error!(request_id, trace_id, route, status, code, took_ms, cause, "a request failed");
        } else if cause.is_some() {
            tracing::warn!(request_id, trace_id, route, status, code, took_ms, cause, "a request was put off");
        }
        let (fresh, body) = problem_json(&problem, &request_id, trace_id.as_deref()).into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.extend(fresh.headers);
        Response::from_parts(parts, body)
    }
}

fn request_id(app: &App) -> String {
    let number = REQUESTS.fetch_add(1, Ordering::Relaxed);
    format!("{:08x}-{number:x}", app.instance.as_u128() as u32)
}

/// A problem with its body, its type and when to come again.
pub fn problem_json(problem: &Problem, request_id: &str, trace_id: Option<&str>) -> Response {
    let mut body = json!({
        "type": format!("https://traffic.example/problems/{}", problem.code),
        "title": problem.status.canonical_reason().unwrap_or("Error"),
        "status": problem.status.as_u16(),
        "detail": problem.detail,
        "message": problem.detail,
        "code": problem.code,
        "request_id": request_id,
    });
    if let Some(trace_id) = trace_id {
        body["trace_id"] = json!(trace_id);
    }
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
