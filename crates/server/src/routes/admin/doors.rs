//! What gates ask: whether a code is let in, and which codes are dead.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use domain::door::{NoEntry, Shown};
use domain::{SaleId, TicketId, Timestamp};
use futures_util::stream;
use http::header;
use serde::{Deserialize, Serialize};
use store::doors::{Revoked, RevokedPage, SCAN, ScanTicket, told};
use utoipa::ToSchema;
use uuid::Uuid;

use super::changes::given;
use super::{PAGE_ROWS_MAX, sale_id, visible};
use crate::answer::written;
use crate::app::Shared;
use crate::body::{self, ADMIN_BYTES_MAX};
use crate::extract::{Named, Operator};
use crate::problem::Problem;
use crate::routes::keyed;

/// A gate's name is read by people.
const GATE_CHARS_MAX: usize = 64;

#[derive(Deserialize, ToSchema)]
pub struct Scan {
    /// What was read off the ticket, whatever it is.
    code: String,
    /// Which gate asks.
    #[schema(min_length = 1, max_length = 64)]
    gate: String,
    /// One for each ticket held out, the same one for each repeat: it has the same answer.
    #[schema(min_length = 1, max_length = 128)]
    nonce: String,
    /// The sale that the gate is for; without it tickets of every sale are let in.
    #[serde(default, deserialize_with = "given")]
    sale_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Scanned {
    /// `admitted` or `refused`.
    result: String,
    /// `unknown`, `wrong_sale`, `revoked` or `already_used`; null where somebody is let in.
    reason: Option<String>,
    /// For the person at the gate.
    message: String,
    ticket_id: Option<String>,
    sale_id: Option<String>,
    seat_id: Option<String>,
    /// The name on the ticket.
    attendee: Option<String>,
    first_scan: Option<FirstScan>,
}

#[derive(Serialize, ToSchema)]
pub struct FirstScan {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    gate: String,
}

/// Lets a ticket in, once. A no is an answer too: 200 with `refused` and why.
#[utoipa::path(post, path = "/v1/admin/scan", tag = "admin", security(("admin" = [])), request_body = Scan,
    responses((status = 200, body = Scanned),
        (status = 422, description = "invalid_field, idempotency_key_reused: this nonce came with another code")))]
pub async fn scan(State(app): State<Shared>, _: Operator, request: Request) -> Result<Response, Problem> {
    let asked: Scan = body::json(request, ADMIN_BYTES_MAX).await?.value;
    let gate = visible("gate", &asked.gate, GATE_CHARS_MAX)?;
    if !keyed::is_key(&asked.nonce) {
        return Err(Problem::field("nonce", "nonce: 1 to 128 visible ASCII characters."));
    }
    let here: Option<SaleId> = asked.sale_id.as_deref().map(str::parse).transpose().map_err(|_| no_sale())?;
    let Ok(said) = app.tickets.keys().verify(&asked.code) else {
        return Ok(written(told(&Err(NoEntry::Unknown)).to_string().into_bytes()));
    };
    let same = serde_json::json!([asked.code, here]).to_string();
    let key = keyed::of_nobody(SCAN, format!("{gate}\n{}", asked.nonce), &same);
    let shown = Shown { sale: said.sale, version: said.version.into() };
    let scan = ScanTicket { ticket: said.ticket, shown, here, gate, key };
    let task = Arc::clone(&app);
    let answer = app.detached(async move { Ok(task.store.run(scan).await?) }).await?;
    Ok(written(answer))
}

fn no_sale() -> Problem {
    Problem::field("sale_id", "sale_id: the id of a sale.")
}

/// The dead codes of a sale, for gates without a connection: a line for each ticket, its id alone where it was cancelled,
/// and with the first version that is good where it was issued again. The last line is `end` and their number: a list without
/// it broke off.
#[utoipa::path(get, path = "/v1/admin/sales/{id}/revoked", tag = "admin", security(("admin" = [])),
    responses((status = 200, content_type = "text/plain", description = "what `traffic scan-verify --revoked` reads"),
        (status = 404, description = "sale_not_found")))]
pub async fn revoked(State(app): State<Shared>, _: Operator, Named(id): Named<String>) -> Result<Response, Problem> {
    let sale = sale_id(&id)?;
    // The first page is read before the answer begins: what is wrong with the sale is still a problem document.
    let first = RevokedPage { sale, after: TicketId(Uuid::nil()), limit: PAGE_ROWS_MAX };
    let first = app.store.read(first).await?;
    let parts = stream::try_unfold(Some((first, 0)), move |part| {
        let app = Arc::clone(&app);
        async move {
            let Some((page, before)) = part else { return Ok::<_, io::Error>(None) };
            let mut text: String = page.iter().map(line).collect();
            let listed = before + page.len();
            let full = page.last().filter(|_| page.len() as i64 == PAGE_ROWS_MAX);
            let next = match full {
                Some(last) => Some((next(&app, sale, last.ticket).await?, listed)),
                None => {
                    text += &format!("end {listed}\n");
                    None
                }
            };
            Ok(Some((Bytes::from(text), next)))
        }
    });
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((headers, Body::from_stream(parts)).into_response())
}

/// A body that breaks off is the only sign of trouble that is left.
async fn next(app: &Shared, sale: SaleId, after: TicketId) -> io::Result<Vec<Revoked>> {
    let page = app.store.read(RevokedPage { sale, after, limit: PAGE_ROWS_MAX }).await;
    page.map_err(|failure| {
        tracing::error!(%failure, %sale, "a list of revoked codes broke off");
        io::Error::other("the revoked codes cannot be read")
    })
}

fn line(revoked: &Revoked) -> String {
    match revoked.below {
        Some(version) => format!("{} {version}\n", revoked.ticket),
        None => format!("{}\n", revoked.ticket),
    }
}
