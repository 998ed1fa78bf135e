//! A run as server-sent events: how it stands, once a second, until it is over.

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use domain::RunId;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::sleep;

use super::shown::RunShown;
use super::{look, run_id};
use crate::app::Shared;
use crate::extract::{Demo, Named};
use crate::problem::Problem;
use crate::routes::stream::{answer, next_id};
use crate::routes::waiting_room::looks_only;
use crate::streams::Open;

const EVERY: Duration = Duration::from_secs(1);
/// Then whoever watches comes again: a run that waits behind long ones may take a day.
const LIFE: Duration = Duration::from_secs(3_600);
/// When the connection is lost, and when the store could not be read.
const RETRY_MS: u64 = 2_000;

/// How a run stands: at once, then once a second; the last event tells how it ended.
///
/// Each event is `event: run` with what `GET /v1/demo/loadtest/{run_id}` answers as `data`.
#[utoipa::path(get, path = "/v1/demo/loadtest/{run_id}/events", tag = "lab", responses(
    (status = 200, content_type = "text/event-stream", description = "snapshots, and the end"),
    (status = 404, description = "run_not_found"), (status = 503, description = "overloaded: too many watch")))]
pub async fn events(
    State(app): State<Shared>,
    _: Demo,
    method: Method,
    headers: HeaderMap,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let run = run_id(&id)?;
    let (shown, over) = look(&app, run).await?;
    let id = next_id(0, app.clock.wall());
    let first = event(&shown, id);
    if looks_only(&method, &headers) {
        return Ok(answer(Body::from(first)));
    }
    let counted = app.run_streams.enter_unnamed()?;
    let ends_at = app.clock.monotonic() + LIFE;
    let watch = Watch { app, run, last_id: id, ends_at, over, _counted: counted };
    let events = stream::iter([first]).chain(stream::unfold(watch, Watch::next)).map(Ok::<Bytes, Infallible>);
    Ok(answer(Body::from_stream(events)))
}

fn event(shown: &RunShown, id: i64) -> Bytes {
    // Numbers and texts with names that are texts.
    let shown = serde_json::to_string(shown).unwrap_or_default();
    format!("id: {id}\nevent: run\nretry: {RETRY_MS}\ndata: {shown}\n\n").into()
}

/// One open stream, between two events.
struct Watch {
    app: Shared,
    run: RunId,
    last_id: i64,
    /// On the monotonic clock.
    ends_at: Duration,
    /// The last event was the last.
    over: bool,
    _counted: Open,
}

impl Watch {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        loop {
            if self.over {
                return None;
            }
            sleep(EVERY).await;
            if self.app.draining.load(Ordering::Relaxed) || self.app.clock.monotonic() >= self.ends_at {
                return None;
            }
            match look(&self.app, self.run).await {
                Ok((shown, over)) => {
                    self.over = over;
                    self.last_id = next_id(self.last_id, self.app.clock.wall());
                    return Some((event(&shown, self.last_id), self));
                }
                Err(problem) if problem.status == StatusCode::NOT_FOUND => return None,
                // A store that cannot be read now is asked again in a second.
                Err(_) => {}
            }
        }
    }
}
