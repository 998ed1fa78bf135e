//! What became of a sale.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use store::report::SaleReport;

use super::{sale_id, shapes};
use crate::app::Shared;
use crate::extract::{Named, Operator};
use crate::problem::Problem;

/// The sale in figures, from one snapshot: people, money, times, waits, the drip, pauses, seats by section, buyers by
/// number of tickets. Nobody is named.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/report", tag = "admin", security(("admin" = [])),
    responses((status = 200, body = shapes::SaleReport), (status = 404, description = "sale_not_found")))]
pub async fn report(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Json<Value>, Problem> {
    let report = app.store.read(SaleReport(sale_id(&id)?)).await?;
    let mut told = serde_json::to_value(&report).map_err(|_| Problem::internal())?;
    told["sale_id"] = json!(report.stats.sale_id);
    told["at"] = json!(report.stats.at);
    told["phase"] = json!(report.stats.phase);
    Ok(Json(told))
}
