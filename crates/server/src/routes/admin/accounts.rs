//! Accounts for rehearsals.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use domain::AccountId;
use serde::Deserialize;
use serde_json::{Value, json};
use store::accounts::RegisterMany;
use utoipa::ToSchema;

use super::act;
use super::shapes::RehearsalAccounts;
use crate::app::Shared;
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::Operator;
use crate::problem::Problem;
use crate::routes::auth;

/// Accounts that one request makes.
const BULK_MAX: i64 = 10_000;
/// Part of an address: letters, digits, and what is common between them.
const PREFIX_CHARS_MAX: usize = 64;

#[derive(Deserialize, ToSchema)]
pub struct Bulk {
    #[schema(minimum = 1, maximum = 10_000)]
    count: i64,
    #[schema(min_length = 1, max_length = 64)]
    prefix: String,
}

/// Accounts for a rehearsal, without passwords. An address that exists keeps its account.
#[utoipa::path(post, path = "/v1/admin/accounts/bulk", tag = "admin", security(("admin" = [])), request_body = Bulk,
    responses((status = 200, body = RehearsalAccounts), (status = 422, description = "invalid_field")))]
pub async fn bulk_accounts(State(app): State<Shared>, _: Operator, request: Request) -> Result<Json<Value>, Problem> {
    let asked: Bulk = body::json(request, ADMIN_BYTES_MAX).await?.value;
    if !(1..=BULK_MAX).contains(&asked.count) {
        return Err(Problem::field("count", format!("count: 1 to {BULK_MAX}.")));
    }
    let plain = asked.prefix.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !(1..=PREFIX_CHARS_MAX).contains(&asked.prefix.len()) || !plain {
        let detail = format!("prefix: 1 to {PREFIX_CHARS_MAX} letters, digits, dots, hyphens or underscores.");
        return Err(Problem::field("prefix", detail));
    }
    let prefix = asked.prefix.to_lowercase();
    let wanted: Vec<(AccountId, String)> =
        (1..=asked.count).map(|n| (AccountId(app.ids.next()), format!("{prefix}-{n}@rehearsal.invalid"))).collect();
    let task = Arc::clone(&app);
    let accounts = app
        .detached_long(async move {
            let mut accounts = Vec::with_capacity(wanted.len());
            for part in wanted.chunks(store::MOST_ROWS_PER_COMMAND - 1) {
                let details = json!({ "count": part.len() });
                let act = act(&task, "bulk_accounts", prefix.clone(), &details);
                let ids = task.store.run(RegisterMany { accounts: part.to_vec(), act }).await?;
                accounts.extend(
                    ids.into_iter().zip(part).map(
                        |(id, (_, email))| json!({ "user_id": id, "email": email, "token": auth::token(&task, id) }),
                    ),
                );
            }
            Ok(accounts)
        })
        .await?;
    Ok(Json(json!({ "accounts": accounts })))
}
