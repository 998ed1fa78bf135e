//! Changing a sale that exists: pausing it, resuming it, ending it early, and giving it other terms.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use domain::sale_change::{NewTerms, SaleChange};
use domain::{Refusal, SaleId, Timestamp};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use store::catalog::Sales;
use store::sale_changes::{ChangeSale, Changed};
use utoipa::ToSchema;

use super::sales::sale_json;
use super::shapes::ChangedSale;
use super::{REASON_CHARS_MAX, act, existing};
use crate::app::Shared;
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::{Named, Operator};
use crate::problem::Problem;
use crate::routes::new_sale::{cancelled_seats, cluster_by};

/// Of a name that we did not give, this much is told back.
const FIELD_CHARS_MAX: usize = 100;
/// What a sale is made of; people have bought it.
const FIXED: [&str; 6] = ["event_id", "total_seats", "seating", "price", "currency", "idempotency_key"];

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct Why {
    /// Kept in the audit.
    #[serde(deserialize_with = "given")]
    #[schema(max_length = 500)]
    pub(super) reason: Option<String>,
    /// Or the `Idempotency-Key` header, where a ticket or an order is cancelled: a change of a sale may be repeated anyway.
    #[serde(deserialize_with = "given")]
    pub(super) idempotency_key: Option<String>,
}

/// Terms to change; what is not named stays.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ChangedTerms {
    /// Only before the doors open.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    opens_at: Option<Timestamp>,
    /// Later or earlier, but after now.
    #[serde(deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<Timestamp>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    admit_per_minute: Option<i64>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 0, maximum = 20_000_000)]
    waiting_room_cap: Option<i64>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 1, maximum = 50)]
    max_tickets_per_user: Option<i64>,
    /// 0: no such cap any more, as of the next two.
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 0, maximum = 10_000)]
    max_tickets_per_cluster: Option<i64>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 0, maximum = 10_000)]
    max_tickets_per_group: Option<i64>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 0, maximum = 10_000)]
    max_tickets_per_group_cluster: Option<i64>,
    #[serde(deserialize_with = "given")]
    cluster_by: Option<Vec<String>>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 0, maximum = 20_000_000)]
    max_active: Option<i64>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 1, maximum = 86_400)]
    hold_ttl_sec: Option<i64>,
    /// Only before the doors open.
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 1, maximum = 86_400)]
    claim_window_sec: Option<i64>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 1, maximum = 86_400)]
    shopping_window_sec: Option<i64>,
    #[serde(deserialize_with = "given")]
    #[schema(minimum = 1, maximum = 50)]
    seats_per_shopper: Option<i64>,
    /// `public` or `held`: where the seats of tickets go that are cancelled from now on.
    #[serde(deserialize_with = "given")]
    cancelled_seats: Option<String>,
    /// Kept in the audit.
    #[serde(deserialize_with = "given")]
    #[schema(max_length = 500)]
    reason: Option<String>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Map<String, Value>,
}

/// A field that may be missing, but not null: null would look like taking the term away.
pub(super) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

/// Stops the calls. Joins, claims in their window, holds and checkouts go on.
#[utoipa::path(post, path = "/v1/admin/sales/{id}/pause", tag = "admin", security(("admin" = [])), request_body = Option<Why>,
    responses((status = 200, body = ChangedSale, description = "the sale, and `changed`: false when it was paused already"),
        (status = 404, description = "sale_not_found"), (status = 409, description = "sale_ended")))]
pub async fn pause(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    simply(&app, &id, request, "pause_sale", SaleChange::Pause).await
}

/// Lets the calls go on, without a burst: no credit was saved up.
#[utoipa::path(post, path = "/v1/admin/sales/{id}/resume", tag = "admin", security(("admin" = [])), request_body = Option<Why>,
    responses((status = 200, body = ChangedSale, description = "the sale, and `changed`: false when it was not paused"),
        (status = 404, description = "sale_not_found"), (status = 409, description = "sale_ended")))]
pub async fn resume(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    simply(&app, &id, request, "resume_sale", SaleChange::Resume).await
}

/// Ends the sale now, for good. Live holds may still be paid.
#[utoipa::path(post, path = "/v1/admin/sales/{id}/close", tag = "admin", security(("admin" = [])), request_body = Option<Why>,
    responses((status = 200, body = ChangedSale, description = "the sale, and `changed`: false when it had ended already"),
        (status = 404, description = "sale_not_found")))]
pub async fn close(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    simply(&app, &id, request, "close_sale", SaleChange::Close).await
}

async fn simply(
    app: &Shared,
    id: &str,
    request: Request,
    name: &'static str,
    change: SaleChange,
) -> Result<Json<Value>, Problem> {
    let sale = existing(app, id).await?;
    let why: Why = body::json_or_default(request, ADMIN_BYTES_MAX).await?;
    change_sale(app, sale, change, checked_reason(why.reason)?, name).await
}

/// Gives the sale other terms. They hold at once; what was promised to somebody is kept.
#[utoipa::path(patch, path = "/v1/admin/sales/{id}", tag = "admin", security(("admin" = [])),
    request_body = Option<ChangedTerms>,
    responses((status = 200, body = ChangedSale, description = "the sale, and `changed`: false when all was so already"),
        (status = 404, description = "sale_not_found"), (status = 409, description = "sale_ended, too_late"),
        (status = 422, description = "invalid_field, also for a term that cannot change")))]
pub async fn patch(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let sale = existing(&app, &id).await?;
    let new: ChangedTerms = body::json_or_default(request, ADMIN_BYTES_MAX).await?;
    if let Some(field) = new.rest.keys().next() {
        let why = if FIXED.contains(&field.as_str()) { "cannot be changed" } else { "is no term of a sale" };
        let field: String = field.chars().take(FIELD_CHARS_MAX).collect();
        let detail = format!("{field}: {why}.");
        return Err(Problem::field(field, detail));
    }
    let reason = checked_reason(new.reason)?;
    let terms = NewTerms {
        opens_at: new.opens_at,
        ends_at: new.ends_at,
        admit_per_minute: new.admit_per_minute,
        waiting_room_cap: new.waiting_room_cap,
        max_tickets_per_user: new.max_tickets_per_user,
        max_tickets_per_cluster: new.max_tickets_per_cluster,
        max_tickets_per_group: new.max_tickets_per_group,
        max_tickets_per_group_cluster: new.max_tickets_per_group_cluster,
        cluster_by: cluster_by(new.cluster_by.as_deref())?,
        max_active: new.max_active,
        hold_ttl_sec: new.hold_ttl_sec,
        claim_window_sec: new.claim_window_sec,
        shopping_window_sec: new.shopping_window_sec,
        seats_per_shopper: new.seats_per_shopper,
        cancelled_seats: new.cancelled_seats.as_deref().map(cancelled_seats).transpose()?,
    };
    change_sale(&app, sale, SaleChange::Terms(terms), reason, "change_sale").await
}

pub(super) fn checked_reason(reason: Option<String>) -> Result<Option<String>, Problem> {
    let fits = |text: &str| text.chars().count() <= REASON_CHARS_MAX && !text.chars().any(char::is_control);
    match reason {
        Some(text) if !fits(&text) => {
            Err(Problem::field("reason", format!("reason: at most {REASON_CHARS_MAX} visible characters.")))
        }
        reason => Ok(reason),
    }
}

async fn change_sale(
    app: &Shared,
    sale: SaleId,
    change: SaleChange,
    reason: Option<String>,
    name: &'static str,
) -> Result<Json<Value>, Problem> {
    let act = act(app, name, sale.to_string(), &Value::Null);
    let task = Arc::clone(app);
    let changed =
        app.detached(async move { Ok(task.store.run(ChangeSale { sale, change, reason, act }).await?) }).await?;
    let changed = match changed {
        Changed::Done { changed } => changed,
        Changed::Wrong(error) => return Err(error.into()),
    };
    let sales = app.store.read(Sales { only: Some(sale) }).await?;
    let mut shown = sale_json(app, sales.first().ok_or(Refusal::SaleNotFound)?);
    shown["changed"] = json!(changed);
    Ok(Json(shown))
}
