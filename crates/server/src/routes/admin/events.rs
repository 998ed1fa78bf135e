//! Events: making and listing them.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::Response;
use domain::{EventId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::catalog::{CreateEvent, Event, Events};
use utoipa::ToSchema;

use super::shapes::{EventCreated, OperatorEvents};
use super::{act, created, name, operator_key};
use crate::app::Shared;
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::Operator;
use crate::problem::Problem;

#[derive(Deserialize, ToSchema)]
pub struct NewEvent {
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    #[schema(min_length = 1, max_length = 200)]
    venue: String,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Timestamp,
    /// The tour that it belongs to: sales of its events may share a cap.
    #[schema(min_length = 1, max_length = 200)]
    group: Option<String>,
    #[schema(min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
}

/// Makes an event.
#[utoipa::path(post, path = "/v1/admin/events", tag = "admin", security(("admin" = [])), request_body = NewEvent,
    responses((status = 201, body = EventCreated), (status = 422, description = "invalid_field")))]
pub async fn create_event(State(app): State<Shared>, _: Operator, request: Request) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let body = body::json::<NewEvent>(request, ADMIN_BYTES_MAX).await?;
    let new = body.value;
    let event = Event {
        id: EventId(app.ids.next()),
        name: name("name", &new.name)?,
        venue: name("venue", &new.venue)?,
        starts_at: new.starts_at,
        group: new.group.as_deref().map(|group| name("group", group)).transpose()?,
    };
    let key = operator_key(&headers, new.idempotency_key.as_deref(), "create_event", &body.bytes)?;
    let act = act(&app, "create_event", event.id.to_string(), &json!({ "name": event.name }));
    let store = app.store.clone();
    let answer = app.detached(async move { Ok(store.run(CreateEvent { event, key, act }).await?) }).await?;
    Ok(created(answer))
}

/// Events, newest first.
#[utoipa::path(get, path = "/v1/admin/events", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = OperatorEvents)))]
pub async fn events(State(app): State<Shared>, _: Operator) -> Result<Json<Value>, Problem> {
    let events = app.store.read(Events { only: None }).await?;
    let events: Vec<Value> = events.iter().map(event_json).collect();
    Ok(Json(json!({ "events": events })))
}

pub(super) fn event_json(event: &Event) -> Value {
    json!({
        "event_id": event.id, "name": event.name, "venue": event.venue, "starts_at": event.starts_at,
        "group": event.group,
    })
}
