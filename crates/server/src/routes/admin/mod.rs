//! What the operator does, one file per noun, and what these have in common.

pub mod accounts;
pub mod audit;
pub mod changes;
mod csv;
pub mod doors;
pub mod events;
pub mod exceptions;
pub mod line;
pub mod log;
pub mod orders;
pub mod report;
pub mod sales;
pub mod server;
pub mod shapes;
pub mod signals;
pub mod tickets;

use axum::response::{IntoResponse, Response};
use domain::{Refusal, SaleId};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use store::audit::Act;
use store::catalog::Sales;
use utoipa::IntoParams;

use super::{keyed, page};
use crate::answer::written;
use crate::app::App;
use crate::problem::Problem;

const NAME_CHARS_MAX: usize = 200;
/// Why something is done: a sentence or two for whoever reads the audit later.
const REASON_CHARS_MAX: usize = 500;
/// Rows on one page of any list.
const PAGE_ROWS_MAX: i64 = 1_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Page {
    after: Option<String>,
    limit: Option<String>,
}

impl Page {
    fn limit(&self) -> Result<i64, Problem> {
        Ok(page::number("limit", self.limit.as_deref(), 1, PAGE_ROWS_MAX)?.unwrap_or(PAGE_ROWS_MAX))
    }
}

pub(super) fn created(json: Vec<u8>) -> Response {
    (StatusCode::CREATED, written(json)).into_response()
}

pub fn name(field: &'static str, text: &str) -> Result<String, Problem> {
    visible(field, text, NAME_CHARS_MAX)
}

/// 1 to so many characters that people can read, without the spaces around them.
fn visible(field: &'static str, text: &str, chars_max: usize) -> Result<String, Problem> {
    let text = text.trim();
    if (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(Problem::field(field, format!("{field}: 1 to {chars_max} visible characters.")))
    }
}

pub(super) fn operator_key(
    headers: &HeaderMap,
    in_body: Option<&str>,
    verb: &'static str,
    bytes: &[u8],
) -> Result<Option<store::idempotency::Key>, Problem> {
    let key = keyed::find(headers, in_body)?;
    Ok(key.map(|key| keyed::of_nobody(verb, key, &String::from_utf8_lossy(bytes))))
}

pub fn act(app: &App, act: &'static str, subject: String, details: &Value) -> Act {
    Act { id: app.ids.next(), actor: "operator".to_owned(), act, subject, details: details.to_string() }
}

pub(super) fn sale_id(text: &str) -> Result<SaleId, Problem> {
    text.parse().map_err(|_| Refusal::SaleNotFound.into())
}

/// The id of a sale that is there: judged before anything else of the request.
async fn existing(app: &App, text: &str) -> Result<SaleId, Problem> {
    let sale = sale_id(text)?;
    if app.store.read(Sales { only: Some(sale) }).await?.is_empty() {
        return Err(Refusal::SaleNotFound.into());
    }
    Ok(sale)
}
