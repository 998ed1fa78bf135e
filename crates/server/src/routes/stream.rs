//! The waiting room as server-sent events: what `status` says, told without being asked again.
//!
//! A stream is driven by its connection: nothing is computed while its buffers are full, so a slow reader has what fits in
//! them and no backlog. It has one timer, and one entry in the room's list of who waits for news.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::sale::Phase;
use domain::waiting_room::{State as Standing, spread};
use domain::{AccountId, Timestamp};
use futures_util::{StreamExt, stream};
use http::{HeaderMap, Method, StatusCode, header};
use tokio::time::sleep;

use super::waiting_room::{Status, looks_only, moment, place, refuse_odd, stands};
use crate::app::Shared;
use crate::extract::{Fan, Named};
use crate::limits::RouteClass;
use crate::problem::Problem;
use crate::signals::Trace;
use crate::streams::Open;
use crate::waiting_room::Room;
use crate::waiting_room::listeners::Listener;

/// After so long without an event comes a comment: proxies and the connection's own timers see that it lives, and a peer
/// that has vanished is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);
const HEARTBEAT_TEXT: &[u8] = b": still here\n\n";
/// Then the client comes again and shows its session, which may have ended meanwhile.
const LIFE: Duration = Duration::from_secs(3_600);
/// After a "not now" that names no time.
const AGAIN_SEC: u64 = 2;
/// And up to so much later.
const SPREAD_MS: u64 = 2_000;

/// The status as server-sent events: one at once, one after each `retry_after_ms`, and one as soon as the place's state or
/// the sale's phase changes.
///
/// Each event is `event: status` with the status answer as `data`, an ascending `id`, and a `retry` after which to connect
/// again. Read it with `fetch`, which can send the session. The first event after the call goes inside. The stream ends
/// after the event that tells how the place ended.
#[utoipa::path(get, path = "/v1/sales/{id}/waiting-room/stream", tag = "fan", security(("session" = [])), responses(
    (status = 200, content_type = "text/event-stream", body = Status),
    (status = 401, description = "session_invalid"), (status = 404, description = "not_in_queue or sale_not_found"),
    (status = 429, description = "rate_limited, also over four streams of one account"),
    (status = 503, description = "overloaded or draining: ask for the status instead")))]
pub async fn stream(
    State(app): State<Shared>,
    Fan(account): Fan,
    trace: Trace,
    method: Method,
    headers: HeaderMap,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    app.limits.check(RouteClass::Poll, account, app.clock.monotonic())?;
    let room = app.room(&id).await?;
    refuse_odd(&app, room.id, account)?;
    // It asks for nothing again by itself.
    app.signals.polled(account, room.id, trace, moment(&app), 0);
    let (place, _) = place(&app, &room, account).await?;
    if looks_only(&method, &headers) {
        let status = stands(&app, &room, account, true).await?;
        return Ok(answer(Body::from(event(&status, app.clock.wall().millis()))));
    }
    let counted = app.streams.enter(account)?;
    // Listens before it looks: what happens in between is news.
    let listener = room.listeners.listen(place.position);
    if app.draining.load(Ordering::Relaxed) {
        return Err(Problem::draining());
    }
    let status = stands(&app, &room, account, false).await?;
    let ends_at = app.clock.monotonic() + LIFE;
    let mut watch = Watch {
        told: (status.position, status.state, status.phase),
        app,
        room,
        account,
        listener,
        ends_at,
        last_id: 0,
        until_next: Duration::ZERO,
        over: false,
        _counted: counted,
    };
    let first = stream::iter([watch.event(&status)]);
    let events = first.chain(stream::unfold(watch, Watch::next)).map(Ok::<Bytes, Infallible>);
    Ok(answer(Body::from_stream(events)))
}

pub(super) fn answer(body: Body) -> Response {
    // Some proxies would keep small events until they have a page of them.
    let headers = [(header::CONTENT_TYPE.as_str(), "text/event-stream"), ("x-accel-buffering", "no")];
    (headers, body).into_response()
}

fn event(status: &Status, id: i64) -> Bytes {
    let data = serde_json::to_string(status).expect("texts and numbers");
    format!("id: {id}\nevent: status\nretry: {}\ndata: {data}\n\n", status.retry_after_ms).into()
}

/// One open stream, between two events.
struct Watch {
    app: Shared,
    room: Arc<Room>,
    account: AccountId,
    listener: Listener,
    /// On the monotonic clock.
    ends_at: Duration,
    /// Position, state and phase, as the last event told them.
    told: (i64, Standing, Phase),
    last_id: i64,
    until_next: Duration,
    /// The last event was the last.
    over: bool,
    _counted: Open,
}

impl Watch {
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let step = self.until_next.min(HEARTBEAT);
        let mut turn = pin!(sleep(step));
        while !self.must_end() {
            tokio::select! {
                biased;
                () = self.listener.news() => if self.is_told() { continue },
                () = turn.as_mut() => {
                    self.until_next -= step;
                    if !self.until_next.is_zero() {
                        return Some((Bytes::from_static(HEARTBEAT_TEXT), self));
                    }
                }
            }
            return self.tell().await;
        }
        None
    }

    fn must_end(&self) -> bool {
        self.over || self.app.draining.load(Ordering::Relaxed) || self.app.clock.monotonic() >= self.ends_at
    }

    /// Nothing has changed that cannot wait for its turn.
    fn is_told(&self) -> bool {
        let phase = self.room.phase(self.app.clock.wall());
        let Some((place, visit)) = self.room.look(self.account) else { return false };
        self.told == (place.position, self.room.state(place, visit.as_ref()), phase)
    }

    async fn tell(mut self) -> Option<(Bytes, Self)> {
        match stands(&self.app, &self.room, self.account, false).await {
            Ok(status) => Some((self.event(&status), self)),
            Err(problem) if problem.status == StatusCode::NOT_FOUND => None,
            // Called, and the store cannot write now. A poll would be told when to come back.
            Err(problem) => {
                // Spread, so that those who were refused together do not come back together.
                let late_ms = spread(self.account, self.app.clock.wall()) % SPREAD_MS;
                let again = Duration::from_secs(problem.retry_after_sec.unwrap_or(AGAIN_SEC));
                self.until_next = again + Duration::from_millis(late_ms);
                Some((Bytes::from_static(HEARTBEAT_TEXT), self))
            }
        }
    }

    fn event(&mut self, status: &Status) -> Bytes {
        self.told = (status.position, status.state, status.phase);
        self.until_next = Duration::from_millis(status.retry_after_ms.unsigned_abs());
        // Who left and joined again has another place, and listens for it with another stream.
        self.over = status.state.is_over() || status.position != self.listener.position();
        self.last_id = next_id(self.last_id, self.app.clock.wall());
        event(status, self.last_id)
    }
}

/// The time, so that ids ascend over reconnects and nodes too; never the same twice.
pub(super) fn next_id(last: i64, wall: Timestamp) -> i64 {
    wall.millis().max(last + 1)
}
