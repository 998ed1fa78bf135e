//! Why somebody was refused, and lifting that rule for him: seen, granted and taken back by the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, Request, State};
use axum::response::Response;
use domain::caps::Rule;
use domain::sale::MOST_SEATS_PER_HOLD;
use domain::{AccountId, Refusal, SaleId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use store::accounts::ById;
use store::counts::{Book, Counted, CountsOf, minute_began};
use store::exceptions::{Exception, Exceptions, GrantException, RevokeException};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::shapes::{AccountRefusals, ExceptionGranted, ExceptionList};
use super::{REASON_CHARS_MAX, act, created, existing, operator_key, visible};
use crate::app::{App, Shared};
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::{Named, Operator};
use crate::problem::Problem;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OfSale {
    /// Only of this sale, and with the account's exceptions there.
    sale_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
pub struct NewException {
    user_id: String,
    /// The code of the refusal: `cap_exceeded`, `cluster_cap_exceeded` or `group_cap_exceeded`.
    rule: String,
    /// 1 to 50 tickets more than the rule gives,
    #[schema(minimum = 1, maximum = 50)]
    extra_tickets: Option<i64>,
    /// or true: the rule does not hold for this account.
    lift: Option<bool>,
    /// Kept in the audit.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// Or the `Idempotency-Key` header.
    #[schema(min_length = 1, max_length = 128)]
    idempotency_key: Option<String>,
}

/// What an account was refused in the shop, by which rule and when. Counts come to the store every few seconds.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/refusals", tag = "admin", security(("admin" = [])), params(OfSale),
    responses((status = 200, body = AccountRefusals),
        (status = 404, description = "account_not_found"), (status = 422, description = "invalid_field")))]
pub async fn refusals(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    Query(of): Query<OfSale>,
) -> Result<Json<Value>, Problem> {
    let account = account(&app, &id).await?.ok_or_else(no_account)?;
    let unknown = || Problem::field("sale_id", "sale_id: there is no sale with this id.");
    let sale: Option<SaleId> = of.sale_id.as_deref().map(|id| id.parse().map_err(|_| unknown())).transpose()?;
    let exceptions = match sale {
        Some(sale) => {
            app.store.read(Exceptions { sale, account: Some(account) }).await.map_err(|failure| match failure {
                store::Failure::Refused(Refusal::SaleNotFound) => unknown(),
                other => other.into(),
            })?
        }
        None => Vec::new(),
    };
    let counted = app.store.read(CountsOf { book: Book::Refusals, account, sale }).await?;
    Ok(Json(json!({
        "user_id": account,
        "refusals": counted.iter().map(refusal_json).collect::<Vec<_>>(),
        "exceptions": exceptions.iter().map(|exception| exception_json(&app, exception)).collect::<Vec<_>>(),
    })))
}

/// The exceptions of a sale, the newest first, those that were taken back too.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/exceptions", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = ExceptionList), (status = 404, description = "sale_not_found")))]
pub async fn list(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let sale = existing(&app, &id).await?;
    let exceptions = app.store.read(Exceptions { sale, account: None }).await?;
    let shown: Vec<Value> = exceptions.iter().map(|exception| exception_json(&app, exception)).collect();
    Ok(Json(json!({ "exceptions": shown })))
}

/// Lifts a cap for one account, wholly or by some tickets. It holds from the next attempt on.
#[utoipa::path(post, path = "/v1/admin/sales/{id}/exceptions", tag = "admin", security(("admin" = [])),
    request_body = NewException, responses((status = 201, body = ExceptionGranted),
    (status = 404, description = "sale_not_found"), (status = 422, description = "invalid_field")))]
pub async fn grant(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
    request: Request,
) -> Result<Response, Problem> {
    let sale = existing(&app, &id).await?;
    let headers = request.headers().clone();
    let body = body::json::<NewException>(request, ADMIN_BYTES_MAX).await?;
    let new = body.value;
    let account = account(&app, &new.user_id)
        .await?
        .ok_or_else(|| Problem::field("user_id", "user_id: there is no such account."))?;
    let rule = Rule::parse(&new.rule).ok_or_else(|| {
        let rules = Rule::ALL.map(Rule::name).join(", ");
        Problem::field("rule", format!("rule: one of {rules}."))
    })?;
    let (extra_tickets, lifted) = allowed(&new)?;
    let reason = visible("reason", &new.reason, REASON_CHARS_MAX)?;
    let key = operator_key(&headers, new.idempotency_key.as_deref(), "grant_exception", &body.bytes)?;
    let act = act(&app, "grant_exception", sale.to_string(), &Value::Null);
    let grant = GrantException { id: app.ids.next(), sale, account, rule, extra_tickets, lifted, reason, key, act };
    let task = Arc::clone(&app);
    Ok(created(app.detached(async move { Ok(task.store.run(grant).await?) }).await?))
}

/// Takes an exception back. What is held under it may still be paid.
#[utoipa::path(delete, path = "/v1/admin/sales/{id}/exceptions/{exception_id}", tag = "admin",
    security(("admin" = [])), responses((status = 204, description = "it allows nothing new"),
    (status = 404, description = "sale_not_found or exception_not_found")))]
pub async fn revoke(
    State(app): State<Shared>,
    _: Operator,
    Named((id, exception)): Named<(String, String)>,
) -> Result<StatusCode, Problem> {
    let sale = existing(&app, &id).await?;
    let id = Uuid::parse_str(&exception).map_err(|_| Refusal::ExceptionNotFound)?;
    let revoke = RevokeException { id, sale, act: act(&app, "revoke_exception", sale.to_string(), &Value::Null) };
    let task = Arc::clone(&app);
    app.detached(async move { Ok(task.store.run(revoke).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn account(app: &App, text: &str) -> Result<Option<AccountId>, Problem> {
    let Ok(id) = text.parse::<AccountId>() else { return Ok(None) };
    Ok(app.store.read(ById(id)).await?.map(|account| account.id))
}

pub(super) fn no_account() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "account_not_found", "There is no account with this id.")
}

fn allowed(new: &NewException) -> Result<(i64, bool), Problem> {
    match (new.extra_tickets, new.lift) {
        (Some(extra @ 1..=MOST_SEATS_PER_HOLD), None | Some(false)) => Ok((extra, false)),
        (None, Some(true)) => Ok((0, true)),
        (Some(_), Some(true)) => Err(Problem::field("lift", "lift: give this or extra_tickets, not both.")),
        _ => Err(Problem::field("extra_tickets", format!("extra_tickets: 1 to {MOST_SEATS_PER_HOLD}, or lift: true."))),
    }
}

fn refusal_json(counted: &Counted) -> Value {
    let minute = minute_began(counted.minute);
    json!({ "sale_id": counted.sale, "code": counted.code, "minute": minute, "times": counted.times })
}

fn exception_json(app: &App, exception: &Exception) -> Value {
    json!({
        "exception_id": exception.id, "user_id": exception.account, "rule": exception.rule,
        "extra_tickets": exception.extra_tickets, "lift": exception.lifted, "reason": exception.reason,
        "granted_at": app.store.shown(exception.granted_at),
        "revoked_at": exception.revoked_at.map(|at| app.store.shown(at)),
    })
}
