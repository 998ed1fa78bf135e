//! What was odd about people, for the operator: it has decided nothing.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use store::counts::{Accounts, Book, Counted, CountsOf, OfAccount, minute_began};

use super::exceptions::{account, no_account};
use super::existing;
use super::shapes::{AccountSignals, SaleSignals};
use crate::app::Shared;
use crate::extract::{Named, Operator};
use crate::problem::Problem;

/// What was odd about an account, by minute, the newest first.
#[utoipa::path(get, path = "/v1/admin/accounts/{id}/signals", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = AccountSignals),
        (status = 404, description = "account_not_found")))]
pub async fn of_account(
    State(app): State<Shared>,
    _: Operator,
    Named(id): Named<String>,
) -> Result<Json<Value>, Problem> {
    let account = account(&app, &id).await?.ok_or_else(no_account)?;
    let counted = app.store.read(CountsOf { book: Book::Signals, account, sale: None }).await?;
    let shown: Vec<Value> = counted.iter().map(of_minute).collect();
    Ok(Json(json!({ "user_id": account, "signals": shown })))
}

/// Accounts of a sale that showed signals, those of most minutes first.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/signals", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = SaleSignals),
        (status = 404, description = "sale_not_found")))]
pub async fn of_sale(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let sale = existing(&app, &id).await?;
    let accounts = app.store.read(Accounts { book: Book::Signals, sale }).await?;
    Ok(Json(json!({ "signals": accounts.iter().map(of_one).collect::<Vec<_>>() })))
}

fn of_minute(counted: &Counted) -> Value {
    json!({ "sale_id": counted.sale, "signal": counted.code, "minute": minute_began(counted.minute) })
}

fn of_one(one: &OfAccount) -> Value {
    json!({ "user_id": one.account, "signal": one.code, "minutes": one.minutes, "last_minute": minute_began(one.last_minute) })
}
